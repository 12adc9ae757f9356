import Domain
import FoundationEssentials

/// Facts about this installation as a whole.
package struct InstallationTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// The names under which facts are kept.
    package enum Fact: String, Sendable {
        /// There since the installation was made; what it says stands in the table of master keys now.
        case keyCheckValue = "key_check_value"
        /// The sealed root of the audit keys.
        case auditRoot = "audit_root"
        /// The organization that unattributable refused calls are listed in.
        case homeOrganization = "home_organization"
    }

    package func value(_ fact: Fact) throws(StorageError) -> Data? {
        guard let row = try connection.row("SELECT value FROM installation WHERE name = \(fact.rawValue)") else { return nil }
        return try row.bytes("value")
    }

    /// Keeps a fact that is not there yet.
    ///
    /// - Throws: ``StorageError/conflict(_:)`` if it is.
    package func insert(_ fact: Fact, _ value: Data) throws(StorageError) {
        try connection.execute("INSERT INTO installation (name, value) VALUES (\(fact.rawValue), \(value))")
    }

    /// Writes a fact, whether it is there or not.
    package func set(_ fact: Fact, _ value: Data) throws(StorageError) {
        try connection.execute(
            """
            INSERT INTO installation (name, value) VALUES (\(fact.rawValue), \(value))
            ON CONFLICT (name) DO UPDATE SET value = excluded.value
            """)
    }

    package func homeOrganization() throws(StorageError) -> ID<Organization>? {
        try value(.homeOrganization).map { ID(stored: String(decoding: $0, as: UTF8.self)) }
    }
}
