import Domain
import FoundationEssentials

package struct EventTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// Keeps events with their bodies, in one go.
    package func insert(_ events: some Sequence<(event: Event, body: Data)>) throws(StorageError) {
        try connection.insert(
            BulkInsert(
                into: "events",
                columns: [
                    "id", "organization", "webhook", "token", "received_at", "remote_address", "query", "content_type",
                    "headers", "context", "basic_user", "body_bytes", "body_sha256", "body",
                ],
                rows: events.map { event, body in
                    [
                        event.id.sqlValue, event.organization.sqlValue, event.webhook.sqlValue, event.token.sqlValue,
                        event.receivedAt.sqlValue, event.remoteAddress.sqlValue, event.query?.sqlValue ?? .null,
                        event.contentType?.sqlValue ?? .null, event.headersText.sqlValue,
                        event.context?.sqlValue ?? .null, event.basicUser?.sqlValue ?? .null,
                        event.bodyBytes.sqlValue, event.bodySHA256.sqlValue, body.sqlValue,
                    ]
                }))
    }

    /// The largest id there is; 0 if there are no events.
    package func lastNumber() throws(StorageError) -> Int64 {
        try connection.row("SELECT max(id) AS last FROM events")?.optionalInteger("last") ?? 0
    }

    package func find(_ id: OrderedID<Event>, in organization: ID<Organization>) throws(StorageError) -> Event? {
        try connection.row(
            "SELECT \(raw: columns) FROM events WHERE id = \(id) AND organization = \(organization)"
        ).map(Event.init)
    }

    /// The exact bytes of an event's body, with its content type.
    package func body(
        of id: OrderedID<Event>, in organization: ID<Organization>
    ) throws(StorageError) -> (contentType: String?, bytes: Data)? {
        guard
            let row = try connection.row(
                "SELECT content_type, body FROM events WHERE id = \(id) AND organization = \(organization)")
        else { return nil }
        return (try row.optionalText("content_type"), try row.bytes("body"))
    }

    /// Events newest first, older than that one.
    package func list(
        in organization: ID<Organization>, webhook: ID<Webhook>?, before: OrderedID<Event>?, limit: Int
    ) throws(StorageError) -> [Event] {
        try list(in: organization, CallFilter(webhook: webhook?.text), before: before?.number, limit: limit)
    }

    /// Events that match, newest first, with a smaller number than that one.
    package func list(
        in organization: ID<Organization>, _ filter: CallFilter, before: Int64?, limit: Int
    ) throws(StorageError) -> [Event] {
        let condition = filter.condition("organization = \(organization) AND id < \(before ?? .max)")
        return try connection.rows(
            "SELECT \(raw: columns) FROM events WHERE \(sql: condition) ORDER BY id DESC LIMIT \(limit)"
        ).map(Event.init)
    }

    /// Makes a held call an event: moves its row without its body ever leaving the database.
    package func insert(_ id: OrderedID<Event>, released held: OrderedID<HeldCall>, at now: Timestamp) throws(StorageError) {
        try connection.execute(
            """
            INSERT INTO events (id, organization, webhook, token, received_at, remote_address, query, content_type, headers,
                context, basic_user, body_bytes, body_sha256, body, released_at)
            SELECT \(id), organization, webhook, token, received_at, remote_address, query, content_type, headers, context,
                basic_user, body_bytes, body_sha256, body, \(now)
            FROM held_calls WHERE id = \(held)
            """)
    }

    /// Events oldest first, newer than that one; for those who follow along.
    package func list(
        in organization: ID<Organization>, webhook: ID<Webhook>?, newerThan: OrderedID<Event>, limit: Int
    ) throws(StorageError) -> [Event] {
        let condition = CallFilter(webhook: webhook?.text).condition("organization = \(organization) AND id > \(newerThan)")
        return try connection.rows(
            "SELECT \(raw: columns) FROM events WHERE \(sql: condition) ORDER BY id ASC LIMIT \(limit)"
        ).map(Event.init)
    }
}

private let columns: StaticString = """
    id, organization, webhook, token, received_at, remote_address, query, content_type, headers, context, basic_user, \
    body_bytes, body_sha256, released_at
    """

extension Event {
    fileprivate init(_ row: Row) throws(StorageError) {
        self.init(
            id: OrderedID(number: try row.integer("id")), organization: try row.id("organization"),
            webhook: try row.id("webhook"), token: try row.id("token"), receivedAt: try row.timestamp("received_at"),
            remoteAddress: try row.text("remote_address"), query: try row.optionalText("query"),
            contentType: try row.optionalText("content_type"), headersText: try row.text("headers"),
            context: try row.optionalText("context"), basicUser: try row.optionalText("basic_user"),
            bodyBytes: try row.integer("body_bytes"), bodySHA256: try row.bytes("body_sha256"),
            releasedAt: try row.optionalTimestamp("released_at"))
    }
}
