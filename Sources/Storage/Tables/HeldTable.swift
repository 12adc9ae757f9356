import Domain
import FoundationEssentials

/// Calls kept aside (N3), and how much room they take in each organization.
package struct HeldTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// Keeps a call aside if its organization has room for it.
    ///
    /// - Returns: `false` if it has not; then nothing was kept.
    package func insert(_ call: HeldCall, body: Data, weightMax: Int64) throws(StorageError) -> Bool {
        guard call.weight <= weightMax else { return false }
        let taken = try connection.row(
            """
            INSERT INTO held_totals (organization, weight) VALUES (\(call.organization), \(call.weight))
            ON CONFLICT (organization) DO UPDATE SET weight = held_totals.weight + excluded.weight
            WHERE held_totals.weight + excluded.weight <= \(weightMax)
            RETURNING weight
            """)
        guard taken != nil else { return false }
        try connection.execute(
            """
            INSERT INTO held_calls (id, organization, webhook, token, owner, received_at, cause, cause_at, remote_address,
                query, content_type, headers, context, basic_user, dedupe_key, body_bytes, body_sha256, weight, body)
            VALUES (\(call.id), \(call.organization), \(call.webhook), \(call.token), \(call.owner), \(call.receivedAt),
                \(call.cause), \(call.causeAt), \(call.remoteAddress), \(call.query), \(call.contentType),
                \(call.headersText), \(call.context), \(call.basicUser), \(call.dedupeKey), \(call.bodyBytes),
                \(call.bodySHA256), \(call.weight), \(body))
            """)
        return true
    }

    /// The largest id there is; 0 if there are none.
    package func lastNumber() throws(StorageError) -> Int64 {
        try connection.row("SELECT max(id) AS last FROM held_calls")?.optionalInteger("last") ?? 0
    }

    /// Which held calls to look at.
    package struct Filter: Sendable {
        package var webhook: ID<Webhook>?
        package var token: ID<Token>?

        package init(webhook: ID<Webhook>? = nil, token: ID<Token>? = nil) {
            self.webhook = webhook
            self.token = token
        }
    }

    /// Held calls that match, oldest first, after that one.
    package func list(
        in organization: ID<Organization>, _ filter: Filter, after: OrderedID<HeldCall>?, limit: Int
    ) throws(StorageError) -> [HeldCall] {
        var condition: SQL = "organization = \(organization) AND id > \(after?.number ?? -1)"
        if let webhook = filter.webhook { condition = "\(sql: condition) AND webhook = \(webhook)" }
        if let token = filter.token { condition = "\(sql: condition) AND token = \(token)" }
        return try connection.rows(
            "SELECT \(raw: columns) FROM held_calls WHERE \(sql: condition) ORDER BY id LIMIT \(limit)"
        ).map(HeldCall.init)
    }

    package func find(_ id: OrderedID<HeldCall>, in organization: ID<Organization>) throws(StorageError) -> HeldCall? {
        try connection.row(
            "SELECT \(raw: columns) FROM held_calls WHERE id = \(id) AND organization = \(organization)"
        ).map(HeldCall.init)
    }

    /// Drops a call that became an event, or need not become one, and gives its room back.
    package func drop(_ call: HeldCall) throws(StorageError) {
        try connection.execute("DELETE FROM held_calls WHERE id = \(call.id)")
        try connection.execute(
            "UPDATE held_totals SET weight = weight - \(call.weight) WHERE organization = \(call.organization)")
    }

    /// Drops at most that many calls that are older than an id.
    ///
    /// - Returns: how many were dropped.
    package func drop(before: OrderedID<HeldCall>, limit: Int) throws(StorageError) -> Int {
        let old = try connection.rows(
            "SELECT \(raw: columns) FROM held_calls WHERE id < \(before) ORDER BY id LIMIT \(limit)"
        ).map(HeldCall.init)
        for call in old { try drop(call) }
        return old.count
    }

    /// What an organization's held calls weigh together.
    package func weight(in organization: ID<Organization>) throws(StorageError) -> Int64 {
        try connection.row("SELECT weight FROM held_totals WHERE organization = \(organization)")?.integer("weight") ?? 0
    }
}

private let columns: StaticString = """
    id, organization, webhook, token, owner, received_at, cause, cause_at, remote_address, query, content_type, headers, \
    context, basic_user, dedupe_key, body_bytes, body_sha256
    """

extension HeldCall {
    fileprivate init(_ row: Row) throws(StorageError) {
        self.init(
            id: OrderedID(number: try row.integer("id")), organization: try row.id("organization"),
            webhook: try row.id("webhook"), token: try row.id("token"), owner: try row.id("owner"),
            receivedAt: try row.timestamp("received_at"), cause: try row.text("cause"),
            causeAt: try row.optionalTimestamp("cause_at"), remoteAddress: try row.text("remote_address"),
            query: try row.optionalText("query"), contentType: try row.optionalText("content_type"),
            headersText: try row.text("headers"), context: try row.optionalText("context"),
            basicUser: try row.optionalText("basic_user"), dedupeKey: try row.optionalText("dedupe_key"),
            bodyBytes: try row.integer("body_bytes"), bodySHA256: try row.bytes("body_sha256"))
    }
}
