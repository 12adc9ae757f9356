import Domain
import FoundationEssentials

package struct EventTable {
    private let connection: any Connection
    static let columns: StaticString = """
        id, organization, webhook, token, received_at, remote_address, query, content_type, headers, context, basic_user, \
        body_bytes, body_sha256, released_at
        """

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
            "SELECT \(raw: Self.columns) FROM events WHERE id = \(id) AND organization = \(organization)"
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

    /// The exact bytes of the bodies of many events, without those that are gone by now.
    package func bodies(
        of ids: [OrderedID<Event>], in organization: ID<Organization>
    ) throws(StorageError) -> [OrderedID<Event>: Data] {
        let steps = stride(from: 0, to: ids.count, by: Self.bodiesPerStatement).map {
            ids.dropFirst($0).prefix(Self.bodiesPerStatement)
        }
        let statements: [SQL] = steps.map { step in
            // Always as many, so that it is one statement to the database; one that is named twice is found once.
            let named = (0..<Self.bodiesPerStatement).compactMap { step.dropFirst($0).first ?? step.last }
            let list = named.dropFirst().reduce(named.first.map { "\($0)" } ?? "NULL") { (list: SQL, id) in "\(sql: list), \(id)"
            }
            return "SELECT id, body FROM events WHERE id IN (\(sql: list)) AND organization = \(organization)"
        }
        var bodies: [OrderedID<Event>: Data] = [:]
        for row in try connection.run(statements).flatMap(\.rows) {
            bodies[OrderedID(number: try row.integer("id"))] = try row.bytes("body")
        }
        return bodies
    }

    private static let bodiesPerStatement = 20

    /// Events that match, newest first, with a smaller number than that one.
    package func list(
        in organization: ID<Organization>, _ filter: CallFilter, before: Int64?, limit: Int
    ) throws(StorageError) -> [Event] {
        try connection.rows(Self.listing(in: organization, filter, before: before, limit: limit)).map(Event.init)
    }

    static func listing(
        in organization: ID<Organization>, _ filter: CallFilter, before: Int64?, limit: Int
    ) -> SQL {
        let condition = filter.condition("organization = \(organization)", before: before)
        return "SELECT \(raw: Self.columns) FROM events WHERE \(sql: condition) ORDER BY id DESC LIMIT \(limit)"
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

    /// Events of a webhook oldest first, newer than that one and up to another.
    package func list(
        in organization: ID<Organization>, webhook: ID<Webhook>, newerThan: OrderedID<Event>, upTo last: OrderedID<Event>,
        limit: Int
    ) throws(StorageError) -> [Event] {
        try connection.rows(
            """
            SELECT \(raw: Self.columns) FROM events
            WHERE organization = \(organization) AND webhook = \(webhook) AND id > \(newerThan) AND id <= \(last)
            ORDER BY id ASC LIMIT \(limit)
            """
        ).map(Event.init)
    }

    /// How many events a webhook has, newer than one and up to another.
    package func count(
        of webhook: ID<Webhook>, newerThan: OrderedID<Event>, upTo last: OrderedID<Event>
    ) throws(StorageError) -> Int64 {
        try connection.row(
            "SELECT count(*) AS count FROM events WHERE webhook = \(webhook) AND id > \(newerThan) AND id <= \(last)"
        )?.integer("count") ?? 0
    }

    /// How long the oldest transaction has been at work that may keep events; `nil` if none is. Ids are drawn while one is at work, or
    /// in the moment before it is sent, so whatever it keeps is hardly older than that.
    package func longestUnsettled() throws(StorageError) -> Interval? {
        guard let unsettled = connection.dialect.longestKeeping else { return nil }
        return try connection.row(unsettled)?.optionalInteger("microseconds").map(Interval.init(microseconds:))
    }

    /// To be called before ids are drawn outside of ``Lane/calls``, so that ``longestUnsettled()`` reckons with the transaction.
    package func noteKeeping() throws(StorageError) {
        if let note = connection.dialect.noteKeeping { _ = try connection.rows(note) }
    }

    /// Events oldest first, newer than one and older than another; for those who follow along.
    package func list(
        in organization: ID<Organization>, webhook: ID<Webhook>?, newerThan: OrderedID<Event>, before: OrderedID<Event>,
        limit: Int
    ) throws(StorageError) -> [Event] {
        let condition = CallFilter(webhook: webhook?.text).condition(
            "organization = \(organization) AND id > \(newerThan)", before: before.number)
        return try connection.rows(
            "SELECT \(raw: Self.columns) FROM events WHERE \(sql: condition) ORDER BY id ASC LIMIT \(limit)"
        ).map(Event.init)
    }

    // MARK: Retention

    /// How large an event is.
    package struct Size: Hashable, Sendable {
        package let id: OrderedID<Event>
        package let bodyBytes: Int64
    }

    /// The oldest events of a webhook, older than that one.
    package func oldest(
        of webhook: ID<Webhook>, before: OrderedID<Event>, limit: Int
    ) throws(StorageError) -> [Size] {
        var sizes: [Size] = []
        for row in try connection.rows(Self.eldest(of: webhook, before: before, limit: limit)) {
            sizes.append(Size(id: OrderedID(number: try row.integer("id")), bodyBytes: try row.integer("body_bytes")))
        }
        return sizes
    }

    static func eldest(of webhook: ID<Webhook>, before: OrderedID<Event>, limit: Int) -> SQL {
        "SELECT id, body_bytes FROM events WHERE webhook = \(webhook) AND id < \(before) ORDER BY id LIMIT \(limit)"
    }

    /// How many bytes the bodies of a webhook's events have together.
    package func bodyBytes(of webhook: ID<Webhook>) throws(StorageError) -> Int64 {
        try connection.row(Self.summing(webhook))?.optionalInteger("bytes") ?? 0
    }

    static func summing(_ webhook: ID<Webhook>) -> SQL {
        "SELECT sum(body_bytes) AS bytes FROM events WHERE webhook = \(webhook)"
    }

    /// Drops events with their bodies.
    package func drop(_ ids: [OrderedID<Event>]) throws(StorageError) {
        _ = try connection.run(ids.map { "DELETE FROM events WHERE id = \($0)" })
    }

    // MARK: Learning

    /// The newest events of a webhook behind that one with their bodies, the oldest of them first, without those of more bytes.
    package func newest(
        of webhook: ID<Webhook>, behind: OrderedID<Event>, limit: Int, bodyBytesMax: Int
    ) throws(StorageError) -> [(id: OrderedID<Event>, body: Data)] {
        var found: [(id: OrderedID<Event>, body: Data)] = []
        let rows = try connection.rows(
            Self.latest(of: webhook, behind: behind, limit: limit, bodyBytesMax: bodyBytesMax))
        for row in rows.reversed() {
            found.append((OrderedID(number: try row.integer("id")), try row.bytes("body")))
        }
        return found
    }

    static func latest(of webhook: ID<Webhook>, behind: OrderedID<Event>, limit: Int, bodyBytesMax: Int) -> SQL {
        """
        SELECT id, body FROM events
        WHERE webhook = \(webhook) AND id > \(behind) AND body_bytes <= \(bodyBytesMax) ORDER BY id DESC LIMIT \(limit)
        """
    }
}

extension Event {
    init(_ row: Row) throws(StorageError) {
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
