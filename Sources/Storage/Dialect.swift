import FoundationEssentials

/// Every difference between the databases, so that tables need not know which one they run on.
package enum Dialect: String, Sendable {
    case sqlite
    case postgres

    /// A whole number of 64 bits.
    package var integer: DialectWord { word("INTEGER", "BIGINT") }
    /// Text, compared and sorted by its bytes, whatever language the database speaks.
    package var text: DialectWord { word("TEXT", #"TEXT COLLATE "C""#) }
    /// Bytes as they are.
    package var bytes: DialectWord { word("BLOB", "BYTEA") }
    /// What closes a table definition: column types are enforced.
    package var strict: DialectWord { word(" STRICT", "") }
    /// What closes the definition of a table of small rows that are only looked for by their key: no second index is kept for it.
    package var strictByKey: DialectWord { word(" STRICT, WITHOUT ROWID", "") }

    /// Whether bytes stand in a column of bytes.
    package func holds(_ bytes: Data, inBytes column: StaticString) -> SQL {
        switch self {
        case .sqlite: "instr(\(raw: column), \(bytes)) > 0"
        case .postgres: "position(\(bytes) IN \(raw: column)) > 0"
        }
    }

    /// Whether bytes stand in a column of text, in UTF-8.
    package func holds(_ bytes: Data, inText column: StaticString) -> SQL {
        switch self {
        case .sqlite: "instr(CAST(\(raw: column) AS BLOB), \(bytes)) > 0"
        case .postgres: "position(\(bytes) IN convert_to(\(raw: column), 'UTF8')) > 0"
        }
    }

    private func word(_ sqlite: String, _ postgres: String) -> DialectWord {
        DialectWord(text: self == .sqlite ? sqlite : postgres)
    }
}

/// A word that only ``Dialect`` can make.
package struct DialectWord: Sendable {
    let text: String
}
