import FoundationEssentials

/// Every difference between the databases, so that tables need not know which one they run on.
package enum Dialect: String, Sendable {
    case sqlite

    /// A whole number of 64 bits.
    package var integer: DialectWord { DialectWord(text: "INTEGER") }
    /// Bytes as they are.
    package var bytes: DialectWord { DialectWord(text: "BLOB") }
    /// What closes a table definition: column types are enforced.
    package var strict: DialectWord { DialectWord(text: " STRICT") }
    /// What closes the definition of a table of small rows that are only looked for by their key: no second index is kept for it.
    package var strictByKey: DialectWord { DialectWord(text: " STRICT, WITHOUT ROWID") }

    /// Whether bytes stand in a column of bytes.
    package func holds(_ bytes: Data, inBytes column: StaticString) -> SQL {
        "instr(\(raw: column), \(bytes)) > 0"
    }

    /// Whether bytes stand in a column of text, in UTF-8.
    package func holds(_ bytes: Data, inText column: StaticString) -> SQL {
        "instr(CAST(\(raw: column) AS BLOB), \(bytes)) > 0"
    }
}

/// A word that only ``Dialect`` can make.
package struct DialectWord: Sendable {
    let text: String
}
