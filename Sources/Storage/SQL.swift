import Domain
import FoundationEssentials

/// One value of a column, in the types both databases share.
package enum SQLValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case text(String)
    case bytes(Data)
}

/// Something an ``SQL`` text binds when it is interpolated.
package protocol SQLBindable {
    var sqlValue: SQLValue { get }
}

/// A statement whose values are bound, never pasted.
///
/// `"… WHERE id = \(id)"` writes `$1` and keeps the value; numbers ascend by first appearance, so SQLite and PostgreSQL read the
/// same text alike. What is no value goes in with `\(raw:)` (our own constants) or `\(sql:)` (another statement's part).
package struct SQL: ExpressibleByStringInterpolation, Sendable {
    package private(set) var text: String
    package private(set) var values: [SQLValue]

    package init(stringLiteral text: String) {
        self.text = text
        values = []
    }

    package init(stringInterpolation: StringInterpolation) {
        text = stringInterpolation.text
        values = stringInterpolation.values
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""
        fileprivate var values: [SQLValue] = []

        package init(literalCapacity: Int, interpolationCount: Int) {}

        package mutating func appendLiteral(_ literal: String) {
            text += literal
        }

        package mutating func appendInterpolation(_ value: some SQLBindable) {
            values.append(value.sqlValue)
            text += "$\(values.count)"
        }

        package mutating func appendInterpolation(_ value: (some SQLBindable)?) {
            values.append(value?.sqlValue ?? .null)
            text += "$\(values.count)"
        }

        /// Adds text that is part of the program, a list of column names for example. Never text from outside.
        package mutating func appendInterpolation(raw: StaticString) {
            text += raw.description
        }

        /// Adds a name that the dialect gives.
        package mutating func appendInterpolation(dialect word: DialectWord) {
            text += word.text
        }

        /// Adds another statement's text and values; its numbers are shifted.
        package mutating func appendInterpolation(sql part: SQL) {
            var number = 0
            for (index, piece) in part.text.split(separator: "$", omittingEmptySubsequences: false).enumerated() {
                if index == 0 {
                    text += piece
                } else {
                    values.append(part.values[number])
                    number += 1
                    text += "$\(values.count)" + piece.drop(while: \.isNumber)
                }
            }
        }
    }
}

extension SQLValue: SQLBindable {
    package var sqlValue: SQLValue { self }
}
extension Int64: SQLBindable {
    package var sqlValue: SQLValue { .integer(self) }
}
extension Int: SQLBindable {
    package var sqlValue: SQLValue { .integer(Int64(self)) }
}
extension String: SQLBindable {
    package var sqlValue: SQLValue { .text(self) }
}
extension Data: SQLBindable {
    package var sqlValue: SQLValue { .bytes(self) }
}
extension Bool: SQLBindable {
    package var sqlValue: SQLValue { .integer(self ? 1 : 0) }
}
extension Timestamp: SQLBindable {
    package var sqlValue: SQLValue { .integer(microseconds) }
}
extension Label: SQLBindable {
    package var sqlValue: SQLValue { .text(text) }
}
extension ID: SQLBindable {
    package var sqlValue: SQLValue { .text(text) }
}
extension OrderedID: SQLBindable {
    package var sqlValue: SQLValue { .integer(number) }
}
extension SecretDigest: SQLBindable {
    package var sqlValue: SQLValue { .bytes(bytes) }
}

/// Many rows for one table, written in one go.
///
/// An engine chooses how: SQLite runs one prepared statement row by row, PostgreSQL sends them together.
package struct BulkInsert: Sendable {
    package let table: String
    package let columns: [String]
    /// As many values a row as there are columns.
    package var rows: [[SQLValue]]

    package init(into table: StaticString, columns: [StaticString], rows: [[SQLValue]]) {
        self.init(intoTableOfSchema: table.description, columns: columns.map(\.description), rows: rows)
    }

    /// For names that were read from a schema of ours; never text from outside.
    init(intoTableOfSchema table: String, columns: [String], rows: [[SQLValue]]) {
        self.table = table
        self.columns = columns
        self.rows = rows
    }
}

/// One row of an answer, read by column name.
package struct Row: Sendable {
    private let columns: [String: Int]
    private let values: [SQLValue]

    package init(columns: [String: Int], values: [SQLValue]) {
        self.columns = columns
        self.values = values
    }

    /// The value of that column, whatever its type.
    ///
    /// - Throws: ``StorageError/unreadable`` if there is no such column.
    package func value(_ column: String) throws(StorageError) -> SQLValue {
        guard let index = columns[column], values.indices.contains(index) else { throw unreadable(column) }
        return values[index]
    }

    package func text(_ column: String) throws(StorageError) -> String {
        guard let text = try optionalText(column) else { throw unreadable(column) }
        return text
    }

    package func optionalText(_ column: String) throws(StorageError) -> String? {
        switch try value(column) {
        case .text(let text): return text
        case .null: return nil
        case .integer, .bytes: throw unreadable(column)
        }
    }

    package func integer(_ column: String) throws(StorageError) -> Int64 {
        guard let integer = try optionalInteger(column) else { throw unreadable(column) }
        return integer
    }

    package func optionalInteger(_ column: String) throws(StorageError) -> Int64? {
        switch try value(column) {
        case .integer(let integer): return integer
        case .null: return nil
        case .text, .bytes: throw unreadable(column)
        }
    }

    package func bytes(_ column: String) throws(StorageError) -> Data {
        guard case .bytes(let data) = try value(column) else { throw unreadable(column) }
        return data
    }

    package func optionalBytes(_ column: String) throws(StorageError) -> Data? {
        switch try value(column) {
        case .bytes(let data): return data
        case .null: return nil
        case .integer, .text: throw unreadable(column)
        }
    }

    package func timestamp(_ column: String) throws(StorageError) -> Timestamp {
        Timestamp(microseconds: try integer(column))
    }

    package func optionalTimestamp(_ column: String) throws(StorageError) -> Timestamp? {
        try optionalInteger(column).map(Timestamp.init(microseconds:))
    }

    /// Reads a yes or no that stands as 1 or 0.
    package func flag(_ column: String) throws(StorageError) -> Bool {
        try integer(column) != 0
    }

    package func digest(_ column: String) throws(StorageError) -> SecretDigest {
        guard let digest = SecretDigest(bytes: try bytes(column)) else { throw unreadable(column) }
        return digest
    }

    package func id<Subject>(_ column: String, of: Subject.Type = Subject.self) throws(StorageError) -> ID<Subject> {
        ID(stored: try text(column))
    }

    package func label(_ column: String) throws(StorageError) -> Label {
        Label(stored: try text(column))
    }

    /// Reads a word of a closed list; an unknown word is an error, never a default.
    package func word<Word: RawRepresentable<String>>(_ column: String) throws(StorageError) -> Word {
        guard let word = Word(rawValue: try text(column)) else { throw unreadable(column) }
        return word
    }

    package func optionalWord<Word: RawRepresentable<String>>(_ column: String) throws(StorageError) -> Word? {
        guard let text = try optionalText(column) else { return nil }
        guard let word = Word(rawValue: text) else { throw unreadable(column) }
        return word
    }

    private func unreadable(_ column: String) -> StorageError {
        .unreadable("column \(column) is missing or of the wrong type")
    }
}
