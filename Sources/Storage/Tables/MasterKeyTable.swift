import Domain
import FoundationEssentials

/// Which master keys belong to this installation; the keys themselves are never here.
package struct MasterKeyTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// What is known of a key.
    package struct Entry: Sendable {
        package let number: Int
        /// What only this key makes.
        package let checkValue: Data
        package let addedAt: Timestamp
        package let retiredAt: Timestamp?
    }

    package func insert(_ key: MasterKey, at now: Timestamp) throws(StorageError) {
        try connection.execute(
            "INSERT INTO master_keys (number, check_value, added_at) VALUES (\(key.number), \(key.checkValue), \(now))")
    }

    package func all() throws(StorageError) -> [Entry] {
        try connection.rows("SELECT * FROM master_keys ORDER BY number").map { row throws(StorageError) in
            Entry(
                number: Int(clamping: try row.integer("number")), checkValue: try row.bytes("check_value"),
                addedAt: try row.timestamp("added_at"), retiredAt: try row.optionalTimestamp("retired_at"))
        }
    }

    package func retire(_ number: Int, at now: Timestamp) throws(StorageError) {
        try connection.execute("UPDATE master_keys SET retired_at = \(now) WHERE number = \(number)")
    }
}
