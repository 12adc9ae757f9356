import Domain

/// Replays of selections (N10).
package struct ReplayTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    package func insert(_ replay: Replay) throws(StorageError) {
        let selection = replay.selection
        try connection.execute(
            """
            INSERT INTO replays (id, organization, webhook, received_from, received_to, delivery_state, destination, flow, filter,
                rate_per_second, state, events_total, events_looked_at, events_sent, last_looked_at, last_to_look_at, created_at,
                created_by, ended_at)
            VALUES (\(replay.id), \(replay.organization), \(selection.webhook), \(selection.from), \(selection.to),
                \(selection.state?.rawValue), \(selection.destination), \(selection.flow), \(selection.filterText),
                \(replay.ratePerSecond), \(replay.state.rawValue), \(replay.eventsTotal), \(replay.eventsLookedAt),
                \(replay.eventsSent), \(replay.position), \(replay.end), \(replay.createdAt), \(replay.createdBy),
                \(replay.endedAt))
            """)
    }

    /// Writes how far it is.
    package func update(_ replay: Replay) throws(StorageError) {
        try connection.execute(
            """
            UPDATE replays SET state = \(replay.state.rawValue), events_looked_at = \(replay.eventsLookedAt),
                events_sent = \(replay.eventsSent), last_looked_at = \(replay.position), ended_at = \(replay.endedAt)
            WHERE id = \(replay.id)
            """)
    }

    package func find(_ id: OrderedID<Replay>, in organization: ID<Organization>) throws(StorageError) -> Replay? {
        try replays("organization = \(organization) AND id = \(id)", order: "id", limit: 1).first
    }

    /// One replay whatever its organization, for those who go on with it.
    package func findAnywhere(_ id: OrderedID<Replay>) throws(StorageError) -> Replay? {
        try replays("id = \(id)", order: "id", limit: 1).first
    }

    /// Replays newest first, older than that one.
    package func list(
        in organization: ID<Organization>, before: OrderedID<Replay>?, limit: Int
    ) throws(StorageError) -> [Replay] {
        try replays(
            "organization = \(organization) AND id < \(before ?? OrderedID(number: .max))", order: "id DESC", limit: limit)
    }

    /// Those that go on, the oldest first.
    package func running() throws(StorageError) -> [Replay] {
        try replays("state = 'running'", order: "id", limit: .max)
    }

    /// The largest id there is; 0 if there are none.
    package func lastNumber() throws(StorageError) -> Int64 {
        try connection.row("SELECT max(id) AS last FROM replays")?.optionalInteger("last") ?? 0
    }

    /// Drops what ended and is older than an id.
    package func drop(before: OrderedID<Replay>) throws(StorageError) {
        try connection.execute("DELETE FROM replays WHERE id < \(before) AND state <> 'running'")
    }

    private func replays(_ condition: SQL, order: StaticString, limit: Int) throws(StorageError) -> [Replay] {
        try connection.rows("SELECT * FROM replays WHERE \(sql: condition) ORDER BY \(raw: order) LIMIT \(limit)")
            .map(Replay.init)
    }
}

extension Replay {
    fileprivate init(_ row: Row) throws(StorageError) {
        var state: DeliveryState?
        if let word = try row.optionalText("delivery_state") {
            guard let known = DeliveryState(rawValue: word) else {
                throw .unreadable("delivery state \(word) of a replay is unknown")
            }
            state = known
        }
        let selection = ReplaySelection(
            webhook: try row.id("webhook"), from: try row.optionalTimestamp("received_from"),
            to: try row.optionalTimestamp("received_to"), state: state,
            destination: try row.optionalText("destination").map(ID.init(stored:)),
            flow: try row.optionalText("flow").map(ID.init(stored:)), filterText: try row.optionalText("filter"))
        self.init(
            id: OrderedID(number: try row.integer("id")), organization: try row.id("organization"), selection: selection,
            ratePerSecond: Int(clamping: try row.integer("rate_per_second")), state: try row.word("state"),
            eventsTotal: try row.integer("events_total"), eventsLookedAt: try row.integer("events_looked_at"),
            eventsSent: try row.integer("events_sent"), position: OrderedID(number: try row.integer("last_looked_at")),
            end: OrderedID(number: try row.integer("last_to_look_at")), createdAt: try row.timestamp("created_at"),
            createdBy: try row.id("created_by"), endedAt: try row.optionalTimestamp("ended_at"))
    }
}
