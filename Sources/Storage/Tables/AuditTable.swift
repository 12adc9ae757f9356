import Domain
import FoundationEssentials

/// The audit log (N8): one chain of entries for each organization.
package struct AuditTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// An entry with its place in the chain.
    package struct Entry: Sendable {
        package let entry: AuditEntry
        package let link: AuditLink
    }

    /// The end of an organization's chain.
    package struct Head: Sendable {
        package let sequence: Int64
        package let hash: Data
    }

    /// Links an entry behind the last one and keeps it.
    package func append(_ entry: AuditEntry, key: AuditKey) throws(StorageError) {
        let link = try advance(entry, key: key)
        try connection.execute(
            """
            INSERT INTO audit_entries (id, organization, at, actor, actor_token, action, subject, details, sequence, previous,
                hash, mac)
            VALUES (\(entry.id), \(entry.organization), \(entry.at), \(entry.actor), \(entry.actorToken),
                \(entry.action.rawValue), \(entry.subject), \(try text(entry.details)), \(link.sequence), \(link.previous),
                \(link.hash), \(link.mac))
            """)
    }

    /// Links entries from before there was a chain, oldest first.
    ///
    /// - Returns: how many were linked.
    package func adopt(limit: Int, key: (ID<Organization>) throws(StorageError) -> AuditKey) throws(StorageError) -> Int {
        let loose = try connection.rows(
            "SELECT \(raw: columns) FROM audit_entries WHERE sequence = 0 ORDER BY id LIMIT \(limit)"
        ).map(AuditEntry.init)
        for entry in loose {
            let link = try advance(entry, key: try key(entry.organization))
            try connection.execute(
                """
                UPDATE audit_entries
                SET sequence = \(link.sequence), previous = \(link.previous), hash = \(link.hash), mac = \(link.mac)
                WHERE id = \(entry.id)
                """)
        }
        return loose.count
    }

    package func head(of organization: ID<Organization>) throws(StorageError) -> Head {
        guard
            let row = try connection.row(
                "SELECT sequence, hash FROM audit_heads WHERE organization = \(organization)")
        else { return Head(sequence: 0, hash: AuditChain.start) }
        return Head(sequence: try row.integer("sequence"), hash: try row.bytes("hash"))
    }

    /// The largest id there is; 0 if there are none.
    package func lastNumber() throws(StorageError) -> Int64 {
        try connection.row("SELECT max(id) AS last FROM audit_entries")?.optionalInteger("last") ?? 0
    }

    /// Which entries to list.
    package struct Filter: Sendable {
        package var actor: ID<Account>?
        package var action: AuditEntry.Action?
        package var subject: String?
        package var from: Timestamp?
        package var to: Timestamp?

        package init(
            actor: ID<Account>? = nil, action: AuditEntry.Action? = nil, subject: String? = nil, from: Timestamp? = nil,
            to: Timestamp? = nil
        ) {
            self.actor = actor
            self.action = action
            self.subject = subject
            self.from = from
            self.to = to
        }
    }

    /// Entries that match, newest first, older than that one.
    package func list(
        in organization: ID<Organization>, _ filter: Filter, before: OrderedID<AuditEntry>?, limit: Int
    ) throws(StorageError) -> [Entry] {
        let before = before ?? OrderedID(number: .max)
        var condition: SQL = "organization = \(organization) AND id < \(before)"
        if let actor = filter.actor { condition = "\(sql: condition) AND actor = \(actor)" }
        if let action = filter.action { condition = "\(sql: condition) AND action = \(action.rawValue)" }
        if let subject = filter.subject { condition = "\(sql: condition) AND subject = \(subject)" }
        if let from = filter.from { condition = "\(sql: condition) AND at >= \(from)" }
        if let to = filter.to { condition = "\(sql: condition) AND at < \(to)" }
        return try connection.rows(
            "SELECT \(raw: linkedColumns) FROM audit_entries WHERE \(sql: condition) ORDER BY id DESC LIMIT \(limit)"
        ).map(Entry.init)
    }

    /// Entries in the order of the chain, behind that place; two with one place both come.
    package func chain(
        of organization: ID<Organization>, behind sequence: Int64, limit: Int
    ) throws(StorageError) -> [Entry] {
        try connection.rows(
            """
            SELECT \(raw: linkedColumns) FROM audit_entries WHERE organization = \(organization) AND sequence > \(sequence)
            ORDER BY sequence, id LIMIT \(limit)
            """
        ).map(Entry.init)
    }

    private func advance(_ entry: AuditEntry, key: AuditKey) throws(StorageError) -> AuditLink {
        let head = try head(of: entry.organization)
        let link = AuditChain.link(entry, behind: head.sequence, head.hash, key: key)
        try connection.execute(
            """
            INSERT INTO audit_heads (organization, sequence, hash) VALUES (\(entry.organization), \(link.sequence), \(link.hash))
            ON CONFLICT (organization) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash
            """)
        return link
    }

    private func text(_ details: [String: String]) throws(StorageError) -> String {
        CanonicalJSON.object(details.mapValues { .text($0) }).text
    }
}

private let columns: StaticString = "id, organization, at, actor, actor_token, action, subject, details"
private let linkedColumns: StaticString = """
    id, organization, at, actor, actor_token, action, subject, details, sequence, previous, hash, mac
    """

extension AuditTable.Entry {
    fileprivate init(_ row: Row) throws(StorageError) {
        entry = try AuditEntry(row)
        link = AuditLink(
            sequence: try row.integer("sequence"), previous: try row.optionalBytes("previous") ?? Data(),
            hash: try row.optionalBytes("hash") ?? Data(), mac: try row.optionalBytes("mac") ?? Data())
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
