import Domain
import FoundationEssentials

package struct AuditTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    package func insert(_ entry: AuditEntry) throws(StorageError) {
        let details: String
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            details = String(decoding: try encoder.encode(entry.details), as: UTF8.self)
        } catch {
            throw .statement("audit details cannot be written as JSON: \(error)")
        }
        try connection.execute(
            """
            INSERT INTO audit_entries (id, organization, at, actor, actor_token, action, subject, details)
            VALUES (\(entry.id), \(entry.organization), \(entry.at), \(entry.actor), \(entry.actorToken),
                \(entry.action.rawValue), \(entry.subject), \(details))
            """)
    }

    /// The largest id there is; 0 if there are none.
    package func lastNumber() throws(StorageError) -> Int64 {
        try connection.row("SELECT max(id) AS last FROM audit_entries")?.optionalInteger("last") ?? 0
    }

    /// Entries newest first, older than that one.
    package func list(
        in organization: ID<Organization>, before: OrderedID<AuditEntry>?, limit: Int
    ) throws(StorageError) -> [AuditEntry] {
        let before = before ?? OrderedID(number: .max)
        return try connection.rows(
            """
            SELECT id, organization, at, actor, actor_token, action, subject, details
            FROM audit_entries WHERE organization = \(organization) AND id < \(before) ORDER BY id DESC LIMIT \(limit)
            """
        ).map(AuditEntry.init)
    }
}

extension AuditEntry {
    fileprivate init(_ row: Row) throws(StorageError) {
        guard let details = try? JSONDecoder().decode([String: String].self, from: Data(try row.text("details").utf8))
        else { throw .unreadable("audit details are no JSON object of texts") }
        self.init(
            id: OrderedID(number: try row.integer("id")), organization: try row.id("organization"),
            at: try row.timestamp("at"), actor: try row.optionalText("actor").map(ID.init(stored:)),
            actorToken: try row.optionalText("actor_token").map(ID.init(stored:)), action: try row.word("action"),
            subject: try row.text("subject"), details: details)
    }
}
