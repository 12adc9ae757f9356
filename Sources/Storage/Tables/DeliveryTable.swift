import Domain
import Foundation

/// Deliveries and their attempts.
package struct DeliveryTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// Keeps new deliveries, in one go.
    package func insert(_ deliveries: some Sequence<Delivery>) throws(StorageError) {
        try connection.insert(
            BulkInsert(
                into: "deliveries",
                columns: [
                    "id", "organization", "webhook", "event", "flow", "destination", "state", "is_retry", "attempts", "due_at",
                    "lease_until", "order_key", "is_replay", "replay", "created_at", "settled_at", "reason",
                ],
                rows: deliveries.map { delivery in
                    [
                        delivery.id.sqlValue, delivery.organization.sqlValue, delivery.webhook.sqlValue,
                        delivery.event.sqlValue, delivery.flow.sqlValue, delivery.destination.sqlValue,
                        delivery.state.rawValue.sqlValue, (delivery.attempts > 0).sqlValue, delivery.attempts.sqlValue,
                        delivery.dueAt.sqlValue, delivery.leaseUntil?.sqlValue ?? .null, delivery.orderKey?.sqlValue ?? .null,
                        delivery.isReplay.sqlValue, delivery.replay?.sqlValue ?? .null, delivery.createdAt.sqlValue,
                        delivery.settledAt?.sqlValue ?? .null,
                        delivery.reason?.rawValue.sqlValue ?? .null,
                    ]
                }))
    }

    /// Writes what can change of a delivery.
    package func update(_ delivery: Delivery) throws(StorageError) {
        try connection.execute(
            """
            UPDATE deliveries SET \(sql: Self.changing(delivery)) WHERE id = \(delivery.id)
            """)
    }

    /// Writes what became of deliveries, of each if that attempt still holds it.
    ///
    /// - Returns: of which it did.
    package func update(_ changes: [(delivery: Delivery, heldBy: Int)]) throws(StorageError) -> [Bool] {
        try connection.run(
            changes.map { delivery, attempt in
                """
                UPDATE deliveries SET \(sql: Self.changing(delivery))
                WHERE id = \(delivery.id) AND state = 'running' AND attempts = \(attempt)
                """
            }
        ).map { $0.changed == 1 }
    }

    /// Writes what becomes of deliveries, of each if it is still due and had so many attempts, and nobody else is about to change it.
    ///
    /// - Parameter changes: with each the server that begins an attempt; `nil` if none does.
    /// - Returns: of which it was.
    package func update(
        _ changes: [(delivery: Delivery, dueAfter: Int, claimedBy: ID<Node>?)]
    ) throws(StorageError) -> [Bool] {
        let statements: [SQL] = changes.map { delivery, attempts, node in
            """
            UPDATE deliveries SET \(sql: Self.changing(delivery)), claimed_by = \(node)
            WHERE id = (
                SELECT id FROM deliveries WHERE id = \(delivery.id) AND state = 'due' AND attempts = \(attempts)
                \(dialect: connection.dialect.skipLocked))
            RETURNING id
            """
        }
        return try connection.run(statements).map { !$0.rows.isEmpty }
    }

    /// The largest id there is; 0 if there are none.
    package func lastNumber() throws(StorageError) -> Int64 {
        try connection.row("SELECT max(id) AS last FROM deliveries")?.optionalInteger("last") ?? 0
    }

    // MARK: What is to be done

    /// Deliveries of a destination that may be tried now and go in no order, those that wait longest first.
    package func due(
        of destination: ID<Destination>, isRetry: Bool, now: Timestamp, limit: Int
    ) throws(StorageError) -> [Delivery] {
        try deliveries(
            """
            destination = \(destination) AND is_retry = \(isRetry) AND state = 'due' AND order_key IS NULL AND due_at <= \(now)
            """, order: "due_at, id", limit: limit)
    }

    /// The oldest open delivery of each key, due or not: in order, only these may be tried.
    ///
    /// - Parameters:
    ///   - key: only keys behind this one, in the order of their bytes.
    ///   - limit: how many keys are looked at.
    package func heads(
        of destination: ID<Destination>, behind key: String, limit: Int
    ) throws(StorageError) -> [Delivery] {
        // From key to key by the index: what stands behind the first of a key is never looked at, however much it is.
        let rows = try connection.rows(
            """
            WITH RECURSIVE heads (order_key, id, place) AS (
                SELECT * FROM (
                    SELECT order_key, id, 1 FROM deliveries
                    WHERE destination = \(destination) AND order_key > \(key) AND order_key IS NOT NULL
                        AND state IN ('waiting', 'due', 'running')
                    ORDER BY order_key, id LIMIT 1) AS first
                UNION ALL
                SELECT (SELECT next.order_key FROM deliveries AS next
                        WHERE next.destination = \(destination) AND next.order_key > heads.order_key AND next.order_key IS NOT NULL
                            AND next.state IN ('waiting', 'due', 'running')
                        ORDER BY next.order_key, next.id LIMIT 1),
                    (SELECT next.id FROM deliveries AS next
                        WHERE next.destination = \(destination) AND next.order_key > heads.order_key AND next.order_key IS NOT NULL
                            AND next.state IN ('waiting', 'due', 'running')
                        ORDER BY next.order_key, next.id LIMIT 1),
                    heads.place + 1
                FROM heads WHERE heads.id IS NOT NULL AND heads.place < \(limit))
            SELECT deliveries.* FROM heads JOIN deliveries ON deliveries.id = heads.id ORDER BY heads.place
            """)
        return try rows.map(Delivery.init)
    }

    /// When the next delivery of a destination that goes in no order is due; `nil` if none is.
    package func nextDue(of destination: ID<Destination>) throws(StorageError) -> Timestamp? {
        var next: Timestamp?
        for isRetry in [false, true] {
            let due = try connection.row(
                """
                SELECT due_at FROM deliveries WHERE destination = \(destination) AND is_retry = \(isRetry) AND state = 'due'
                    AND order_key IS NULL
                ORDER BY due_at LIMIT 1
                """)?.optionalTimestamp("due_at")
            if let due { next = min(next ?? due, due) }
        }
        return next
    }

    /// Deliveries whose attempt has begun and is not settled, and whose lease ended before that moment; those of the oldest lease first.
    package func running(leasedBefore moment: Timestamp, limit: Int) throws(StorageError) -> [Delivery] {
        try deliveries("state = 'running' AND lease_until <= \(moment)", order: "lease_until", limit: limit)
    }

    /// Deliveries whose attempt was begun by a server that is no more, or by nobody knows whom.
    package func orphans(limit: Int) throws(StorageError) -> [Delivery] {
        try deliveries(
            """
            state = 'running' AND (claimed_by IS NULL OR claimed_by NOT IN (
                SELECT id FROM nodes WHERE until > \(sql: connection.dialect.now)))
            """, order: "lease_until", limit: limit)
    }

    /// Deliveries whose attempt a server began.
    package func running(claimedBy node: ID<Node>, limit: Int) throws(StorageError) -> [Delivery] {
        try deliveries("state = 'running' AND claimed_by = \(node)", order: "lease_until", limit: limit)
    }

    /// Destinations at which something is due now, or something that goes in order is open.
    package func destinationsDue(now: Timestamp) throws(StorageError) -> [ID<Destination>] {
        // From destination to destination by the indexes, however much is due at each.
        let rows = try connection.rows(
            """
            WITH RECURSIVE free (destination) AS (
                SELECT min(destination) FROM deliveries WHERE state = 'due' AND order_key IS NULL
                UNION ALL
                SELECT (SELECT min(next.destination) FROM deliveries AS next
                        WHERE next.destination > free.destination AND next.state = 'due' AND next.order_key IS NULL)
                FROM free WHERE free.destination IS NOT NULL),
            keyed (destination) AS (
                SELECT min(destination) FROM deliveries WHERE order_key IS NOT NULL AND state IN ('waiting', 'due', 'running')
                UNION ALL
                SELECT (SELECT min(next.destination) FROM deliveries AS next
                        WHERE next.destination > keyed.destination AND next.order_key IS NOT NULL
                            AND next.state IN ('waiting', 'due', 'running'))
                FROM keyed WHERE keyed.destination IS NOT NULL)
            SELECT destination FROM free WHERE destination IS NOT NULL AND EXISTS (
                SELECT 1 FROM deliveries AS one WHERE one.destination = free.destination AND one.is_retry IN (0, 1)
                    AND one.state = 'due' AND one.order_key IS NULL AND one.due_at <= \(now))
            UNION SELECT destination FROM keyed WHERE destination IS NOT NULL
            """)
        return try rows.map { row throws(StorageError) in try row.id("destination") }
    }

    /// A flow and a destination of it.
    package struct Way: Hashable, Sendable {
        package let flow: ID<Flow>
        package let destination: ID<Destination>

        package init(flow: ID<Flow>, destination: ID<Destination>) {
            self.flow = flow
            self.destination = destination
        }
    }

    /// Deliveries on a way that wait, the oldest first.
    package func waiting(on way: Way, limit: Int) throws(StorageError) -> [Delivery] {
        try deliveries(
            "flow = \(way.flow) AND destination = \(way.destination) AND state = 'waiting'", order: "id", limit: limit)
    }

    /// Every way on which something is due.
    package func waysDue() throws(StorageError) -> [Way] {
        try connection.rows(
            """
            SELECT destination, flow FROM deliveries WHERE state = 'due' AND order_key IS NULL
            UNION SELECT destination, flow FROM deliveries
            WHERE state = 'due' AND order_key IS NOT NULL AND state IN ('waiting', 'due', 'running')
            """
        ).map { row throws(StorageError) in Way(flow: try row.id("flow"), destination: try row.id("destination")) }
    }

    /// Every way on which something waits.
    package func waysWaiting() throws(StorageError) -> [Way] {
        try connection.rows("SELECT DISTINCT destination, flow FROM deliveries WHERE state = 'waiting'").map {
            row throws(StorageError) in Way(flow: try row.id("flow"), destination: try row.id("destination"))
        }
    }

    /// Deliveries that are due at a destination, whenever that is.
    ///
    /// - Parameter flow: only those of this flow; `nil` is all.
    package func due(
        at destination: ID<Destination>, in flow: ID<Flow>?, limit: Int
    ) throws(StorageError) -> [Delivery] {
        var found: [Delivery] = []
        // In the order of the indexes: sorted by anything else, each of many steps would read all that is left.
        let parts: [(SQL, order: StaticString)] = [
            ("is_retry = 0 AND order_key IS NULL", "due_at, id"), ("is_retry = 1 AND order_key IS NULL", "due_at, id"),
            ("order_key IS NOT NULL AND state IN ('waiting', 'due', 'running')", "order_key, id"),
        ]
        for (part, order) in parts where found.count < limit {
            var condition: SQL = "destination = \(destination) AND state = 'due' AND \(sql: part)"
            if let flow { condition = "\(sql: condition) AND flow = \(flow)" }
            found += try deliveries(condition, order: order, limit: limit - found.count)
        }
        return found
    }

    /// The last delivery of an event by each flow to each destination.
    package func last(of event: OrderedID<Event>) throws(StorageError) -> [Delivery] {
        try deliveries(
            """
            event = \(event) AND id = (SELECT max(later.id) FROM deliveries AS later WHERE later.event = \(event)
                AND later.flow = deliveries.flow AND later.destination || '' = deliveries.destination)
            """, order: "id", limit: .max)
    }

    /// How many deliveries wait and are due at a destination, each counted up to a limit.
    package func openCounts(
        at destination: ID<Destination>, limit: Int
    ) throws(StorageError) -> (waiting: Int, due: Int) {
        let parts: [SQL] = [
            // Every flow has an id; so that the index of what waits is read, and not all that was ever sent there.
            "state = 'waiting' AND flow > ''", "state = 'due' AND order_key IS NULL AND is_retry IN (0, 1)",
            "state = 'due' AND order_key IS NOT NULL AND state IN ('waiting', 'due', 'running')",
        ]
        let counts = try parts.map { part throws(StorageError) in
            try connection.row(
                """
                SELECT count(*) AS count FROM (
                    SELECT 1 FROM deliveries WHERE destination = \(destination) AND \(sql: part) LIMIT \(limit)) AS found
                """)?.integer("count") ?? 0
        }
        return (Int(clamping: counts[0]), min(limit, Int(clamping: counts[1] + counts[2])))
    }

    /// Drops what is known of the deliveries of events that are dropped themselves. Those that were not at their end are cancelled and
    /// stay for a while, so that it can be seen that they never arrived.
    package func drop(of events: [OrderedID<Event>], at now: Timestamp) throws(StorageError) {
        _ = try connection.run(events.flatMap { Self.dropping("event = \($0)", at: now) })
    }

    /// Does the same for some of the deliveries of a range of events, those of the oldest first.
    ///
    /// - Returns: for how many events; 0 if there are no more.
    package func drop(of events: Range<Int64>, at now: Timestamp, limit: Int) throws(StorageError) -> Int {
        let row = try connection.row(
            """
            SELECT min(event) AS first, max(event) AS last, count(DISTINCT event) AS count FROM (
                SELECT event FROM deliveries WHERE event >= \(events.lowerBound) AND event < \(events.upperBound)
                    AND NOT (\(sql: Self.expired))
                ORDER BY event LIMIT \(limit)) AS found
            """)
        guard let row, let first = try row.optionalInteger("first"), let last = try row.optionalInteger("last") else { return 0 }
        _ = try connection.run(Self.dropping("event >= \(first) AND event <= \(last)", at: now))
        return Int(clamping: try row.integer("count"))
    }

    private static func dropping(_ condition: SQL, at now: Timestamp) -> [SQL] {
        [
            """
            UPDATE deliveries SET state = 'cancelled', reason = \(DeliveryReason.eventExpired.rawValue), settled_at = \(now),
                lease_until = NULL
            WHERE \(sql: condition) AND state IN ('waiting', 'due', 'running')
            """,
            """
            DELETE FROM attempts WHERE delivery IN (
                SELECT id FROM deliveries WHERE \(sql: condition) AND NOT (\(sql: expired)))
            """,
            "DELETE FROM deliveries WHERE \(sql: condition) AND NOT (\(sql: expired))",
        ]
    }

    // What stays when the event goes.
    private static var expired: SQL { "state = 'cancelled' AND reason = \(DeliveryReason.eventExpired.rawValue)" }

    /// Drops at most that many deliveries whose event was dropped before they arrived, made before an id.
    ///
    /// - Returns: how many were dropped.
    package func dropExpired(before: OrderedID<Delivery>, limit: Int) throws(StorageError) -> Int {
        let ids = try connection.rows(
            """
            SELECT id FROM deliveries WHERE \(sql: Self.condition(.cancelled))
                AND reason = \(DeliveryReason.eventExpired.rawValue) AND id < \(before) LIMIT \(limit)
            """
        ).map { row throws(StorageError) in try row.integer("id") }
        for id in ids {
            try connection.execute("DELETE FROM attempts WHERE delivery = \(id)")
            try connection.execute("DELETE FROM deliveries WHERE id = \(id)")
        }
        return ids.count
    }

    // MARK: What people look at

    /// Which deliveries to list; all where `nil`.
    package struct Filter: Sendable {
        package var event: OrderedID<Event>?
        package var flow: ID<Flow>?
        package var destination: ID<Destination>?
        package var state: DeliveryState?

        package init(
            event: OrderedID<Event>? = nil, flow: ID<Flow>? = nil, destination: ID<Destination>? = nil,
            state: DeliveryState? = nil
        ) {
            self.event = event
            self.flow = flow
            self.destination = destination
            self.state = state
        }
    }

    package func find(_ id: OrderedID<Delivery>, in organization: ID<Organization>) throws(StorageError) -> Delivery? {
        try deliveries("organization = \(organization) AND id = \(id)", order: "id", limit: 1).first
    }

    /// One delivery whatever its organization, for the dispatcher.
    package func findAnywhere(_ id: OrderedID<Delivery>) throws(StorageError) -> Delivery? {
        try deliveries("id = \(id)", order: "id", limit: 1).first
    }

    /// Deliveries that match, newest first, older than that one.
    package func list(
        in organization: ID<Organization>, _ filter: Filter, before: OrderedID<Delivery>?, limit: Int
    ) throws(StorageError) -> [Delivery] {
        var condition: SQL = "organization = \(organization) AND id < \(before ?? OrderedID(number: .max))"
        if let event = filter.event { condition = "\(sql: condition) AND event = \(event)" }
        if let flow = filter.flow { condition = "\(sql: condition) AND flow = \(flow)" }
        if let destination = filter.destination { condition = "\(sql: condition) AND destination = \(destination)" }
        // Written out, so that the indexes of those few that did not go well are found.
        if let state = filter.state { condition = "\(sql: condition) AND \(sql: Self.condition(state))" }
        return try deliveries(condition, order: "id DESC", limit: limit)
    }

    // MARK: Attempts

    /// Writes down that attempts begin, before anything is sent.
    package func insert(_ attempts: [Attempt]) throws(StorageError) {
        try connection.insert(
            BulkInsert(
                into: "attempts", columns: ["delivery", "number", "started_at", "outcome"],
                rows: attempts.map {
                    [$0.delivery.sqlValue, $0.number.sqlValue, $0.startedAt.sqlValue, $0.outcome.rawValue.sqlValue]
                }))
    }

    /// Writes what came of attempts.
    package func update(_ attempts: [Attempt]) throws(StorageError) {
        _ = try connection.run(
            attempts.map { attempt in
                """
                UPDATE attempts SET finished_at = \(attempt.finishedAt), outcome = \(attempt.outcome.rawValue),
                    status = \(attempt.status), milliseconds = \(attempt.milliseconds), answer = \(attempt.answer),
                    error = \(attempt.errorText)
                WHERE delivery = \(attempt.delivery) AND number = \(attempt.number)
                """
            })
    }

    /// Takes attempts back that sent nothing, for the filter let nothing through.
    package func delete(_ attempts: [Attempt]) throws(StorageError) {
        _ = try connection.run(
            attempts.map { "DELETE FROM attempts WHERE delivery = \($0.delivery) AND number = \($0.number)" })
    }

    package func attempt(_ number: Int, of delivery: OrderedID<Delivery>) throws(StorageError) -> Attempt? {
        try connection.row("SELECT * FROM attempts WHERE delivery = \(delivery) AND number = \(number)").map(Attempt.init)
    }

    /// The attempts of a delivery, the first first.
    package func attempts(of delivery: OrderedID<Delivery>) throws(StorageError) -> [Attempt] {
        try connection.rows("SELECT * FROM attempts WHERE delivery = \(delivery) ORDER BY number").map(Attempt.init)
    }

    // What can change of a delivery.
    private static func changing(_ delivery: Delivery) -> SQL {
        """
        state = \(delivery.state.rawValue), is_retry = \(delivery.attempts > 0), attempts = \(delivery.attempts),
            due_at = \(delivery.dueAt), lease_until = \(delivery.leaseUntil), settled_at = \(delivery.settledAt),
            reason = \(delivery.reason?.rawValue)
        """
    }

    // An index of some rows is only read for a statement that repeats its condition.
    private static func condition(_ state: DeliveryState) -> SQL {
        switch state {
        case .waiting: "state = 'waiting'"
        case .due: "state = 'due'"
        case .running: "state = 'running'"
        case .delivered: "state = 'delivered'"
        case .dead: "state = 'dead' AND state IN ('dead', 'cancelled', 'filtered')"
        case .filtered: "state = 'filtered' AND state IN ('dead', 'cancelled', 'filtered')"
        case .cancelled: "state = 'cancelled' AND state IN ('dead', 'cancelled', 'filtered')"
        }
    }

    private func deliveries(_ condition: SQL, order: StaticString, limit: Int) throws(StorageError) -> [Delivery] {
        try connection.rows("SELECT * FROM deliveries WHERE \(sql: condition) ORDER BY \(raw: order) LIMIT \(limit)")
            .map(Delivery.init)
    }
}

extension Delivery {
    fileprivate init(_ row: Row) throws(StorageError) {
        var reason: DeliveryReason?
        if let word = try row.optionalText("reason") {
            guard let known = DeliveryReason(rawValue: word) else { throw .unreadable("reason \(word) of a delivery is unknown") }
            reason = known
        }
        self.init(
            id: OrderedID(number: try row.integer("id")), organization: try row.id("organization"),
            webhook: try row.id("webhook"), event: OrderedID(number: try row.integer("event")), flow: try row.id("flow"),
            destination: try row.id("destination"), state: try row.word("state"),
            attempts: Int(clamping: try row.integer("attempts")), dueAt: try row.timestamp("due_at"),
            leaseUntil: try row.optionalTimestamp("lease_until"), createdAt: try row.timestamp("created_at"),
            settledAt: try row.optionalTimestamp("settled_at"), reason: reason, isReplay: try row.flag("is_replay"),
            replay: try row.optionalInteger("replay").map(OrderedID.init(number:)), orderKey: try row.optionalText("order_key"))
    }
}

extension Attempt {
    fileprivate init(_ row: Row) throws(StorageError) {
        self.init(
            delivery: OrderedID(number: try row.integer("delivery")), number: Int(clamping: try row.integer("number")),
            startedAt: try row.timestamp("started_at"), finishedAt: try row.optionalTimestamp("finished_at"),
            outcome: try row.word("outcome"), status: try row.optionalInteger("status").map { Int(clamping: $0) },
            milliseconds: try row.optionalInteger("milliseconds"), answer: try row.optionalBytes("answer") ?? Data(),
            errorText: try row.optionalText("error"))
    }
}
