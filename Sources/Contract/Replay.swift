/// Sends a selection of events again: `POST /api/v1/replays`.
public struct NewReplay: Codable, Sendable {
    /// Whose events: id or name.
    public var webhook: String
    /// RFC 3339; events received from that moment on.
    public var from: String?
    /// RFC 3339; events received before that moment.
    public var to: String?
    /// Only events with a delivery in that state.
    public var state: String?
    /// Of whose deliveries `state` speaks: id or name.
    public var destination: String?
    /// Written like a flow's. A value, or a text that holds the JSON of one; numbers of a text are read exactly.
    public var filter: JSONValue?
    /// The flow that sends them: id or name; all of the webhook when absent.
    public var flow: String?
    /// Events a second, 1 to 1,000; 50 when absent.
    public var ratePerSecond: Int?
    /// Only counts how many it would send.
    public var dryRun: Bool?

    public init(
        webhook: String, from: String? = nil, to: String? = nil, state: String? = nil, destination: String? = nil,
        filter: JSONValue? = nil, flow: String? = nil, ratePerSecond: Int? = nil, dryRun: Bool? = nil
    ) {
        self.webhook = webhook
        self.from = from
        self.to = to
        self.state = state
        self.destination = destination
        self.filter = filter
        self.flow = flow
        self.ratePerSecond = ratePerSecond
        self.dryRun = dryRun
    }
}

/// A replay: events that are sent again, oldest first.
public struct ReplayView: Codable, Hashable, Sendable {
    public var id: String
    /// Id of the webhook.
    public var webhook: String
    public var selection: ReplaySelectionView
    /// Absent for all of the webhook.
    public var flow: String?
    /// Events a second.
    public var ratePerSecond: Int
    /// `running`, `done` or `cancelled`.
    public var state: String
    /// How many events there are to look at.
    public var eventsTotal: Int64
    public var eventsLookedAt: Int64
    public var eventsSent: Int64
    public var createdAt: String
    /// Id of the account.
    public var createdBy: String
    public var endedAt: String?

    public init(
        id: String, webhook: String, selection: ReplaySelectionView, flow: String? = nil, ratePerSecond: Int, state: String,
        eventsTotal: Int64, eventsLookedAt: Int64, eventsSent: Int64, createdAt: String, createdBy: String, endedAt: String? = nil
    ) {
        self.id = id
        self.webhook = webhook
        self.selection = selection
        self.flow = flow
        self.ratePerSecond = ratePerSecond
        self.state = state
        self.eventsTotal = eventsTotal
        self.eventsLookedAt = eventsLookedAt
        self.eventsSent = eventsSent
        self.createdAt = createdAt
        self.createdBy = createdBy
        self.endedAt = endedAt
    }
}

/// Which events of its webhook a replay sends; all where nothing is said.
public struct ReplaySelectionView: Codable, Hashable, Sendable {
    public var from: String?
    public var to: String?
    public var state: String?
    public var destination: String?
    public var filter: JSONValue?

    public init(
        from: String? = nil, to: String? = nil, state: String? = nil, destination: String? = nil, filter: JSONValue? = nil
    ) {
        self.from = from
        self.to = to
        self.state = state
        self.destination = destination
        self.filter = filter
    }
}

/// How many events a replay would send.
public struct ReplayCountView: Codable, Hashable, Sendable {
    public var events: Int64
    /// Whether all were looked at; else there may be more.
    public var isComplete: Bool

    public init(
        events: Int64, isComplete: Bool
    ) {
        self.events = events
        self.isComplete = isComplete
    }
}
