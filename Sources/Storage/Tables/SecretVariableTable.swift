import Domain
import FoundationEssentials

/// Secret variables of organizations; their values are sealed. Row E11.
package struct SecretVariableTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// What is kept of a variable.
    package struct Entry: Sendable {
        package let organization: ID<Organization>
        package let name: SecretVariableName
        package let sealed: SealedText
        package let createdAt: Timestamp
        package let updatedAt: Timestamp

        /// What the value is sealed for: it opens as this variable of this organization alone.
        package static func sealingPurpose(of name: SecretVariableName, in organization: ID<Organization>) -> String {
            "organization/\(organization.text)/secret-variable/\(name.text)"
        }
    }

    /// Sets a value, whether there was one or not.
    package func set(
        _ name: SecretVariableName, in organization: ID<Organization>, to sealed: SealedText, at now: Timestamp
    ) throws(StorageError) {
        try connection.execute(
            """
            INSERT INTO secret_variables (organization, name, sealed, created_at, updated_at)
            VALUES (\(organization), \(name.text), \(sealed.bytes), \(now), \(now))
            ON CONFLICT (organization, name) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at
            """)
    }

    /// Writes a value that was wrapped anew; nothing else of it changes.
    package func rewrap(_ entry: Entry, to sealed: SealedText) throws(StorageError) {
        try connection.execute(
            """
            UPDATE secret_variables SET sealed = \(sealed.bytes)
            WHERE organization = \(entry.organization) AND name = \(entry.name.text)
            """)
    }

    package func delete(_ name: SecretVariableName, in organization: ID<Organization>) throws(StorageError) {
        try connection.execute("DELETE FROM secret_variables WHERE organization = \(organization) AND name = \(name.text)")
    }

    package func find(_ name: SecretVariableName, in organization: ID<Organization>) throws(StorageError) -> Entry? {
        try connection.row("SELECT * FROM secret_variables WHERE organization = \(organization) AND name = \(name.text)")
            .map(Entry.init)
    }

    /// Variables in the order of their names, after that one.
    package func list(
        in organization: ID<Organization>, after: String?, limit: Int
    ) throws(StorageError) -> [Entry] {
        try connection.rows(
            """
            SELECT * FROM secret_variables WHERE organization = \(organization) AND name > \(after ?? "")
            ORDER BY name LIMIT \(limit)
            """
        ).map(Entry.init)
    }

    package func count(in organization: ID<Organization>) throws(StorageError) -> Int64 {
        try connection.row("SELECT COUNT(*) AS count FROM secret_variables WHERE organization = \(organization)")?
            .integer("count") ?? 0
    }

    /// All of them, to be wrapped under a new master key.
    package func all() throws(StorageError) -> [Entry] {
        try connection.rows("SELECT * FROM secret_variables ORDER BY organization, name").map(Entry.init)
    }
}

extension SecretVariableTable.Entry {
    fileprivate init(_ row: Row) throws(StorageError) {
        guard let name = SecretVariableName(try row.text("name")) else {
            throw .unreadable("the name of a secret variable")
        }
        self.init(
            organization: try row.id("organization"), name: name, sealed: SealedText(bytes: try row.bytes("sealed")),
            createdAt: try row.timestamp("created_at"), updatedAt: try row.timestamp("updated_at"))
    }
}
