/// One event on its way to one destination.
public struct DeliveryView: Codable, Hashable, Sendable {
    public var id: String
    public var event: String
    public var webhook: String
    public var flow: String
    public var destination: String
    /// `waiting`, `due`, `running`, `delivered`, `dead`, `filtered` or `cancelled`.
    public var state: String
    /// Of its end: `attempts_used_up`, `gone`, `by_hand`, `flow_archived` or `event_expired`.
    public var reason: String?
    /// How many began.
    public var attempts: Int
    /// When it is tried next.
    public var dueAt: String?
    public var createdAt: String
    public var settledAt: String?
    /// Whether the event was sent before.
    public var isReplay: Bool
    /// Id of the replay that made it.
    public var replay: String?
    /// What it shares with those that it goes one after the other with.
    public var orderKey: String?
    /// Oldest first; in the answer on a single delivery.
    public var attemptList: [AttemptView]?

    public init(
        id: String, event: String, webhook: String, flow: String, destination: String, state: String, reason: String? = nil,
        attempts: Int, dueAt: String? = nil, createdAt: String, settledAt: String? = nil, isReplay: Bool, replay: String? = nil,
        orderKey: String? = nil, attemptList: [AttemptView]? = nil
    ) {
        self.id = id
        self.event = event
        self.webhook = webhook
        self.flow = flow
        self.destination = destination
        self.state = state
        self.reason = reason
        self.attempts = attempts
        self.dueAt = dueAt
        self.createdAt = createdAt
        self.settledAt = settledAt
        self.isReplay = isReplay
        self.replay = replay
        self.orderKey = orderKey
        self.attemptList = attemptList
    }
}

/// One try of a delivery.
public struct AttemptView: Codable, Hashable, Sendable {
    /// Counted from 1.
    public var number: Int
    public var startedAt: String
    public var finishedAt: String?
    /// `running`, `delivered`, `refused`, `timed_out`, `connection_failed`, `tls_failed`, `egress_refused`, `not_built` or
    /// `interrupted`.
    public var outcome: String
    /// Absent without an answer.
    public var status: Int?
    public var milliseconds: Int64?
    /// The first 16 KiB of it, as text; `answerBase64` if it is none.
    public var answer: String?
    public var answerBase64: String?
    /// What went wrong, in words.
    public var error: String?

    public init(
        number: Int, startedAt: String, finishedAt: String? = nil, outcome: String, status: Int? = nil,
        milliseconds: Int64? = nil, answer: String? = nil, answerBase64: String? = nil, error: String? = nil
    ) {
        self.number = number
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.outcome = outcome
        self.status = status
        self.milliseconds = milliseconds
        self.answer = answer
        self.answerBase64 = answerBase64
        self.error = error
    }
}

/// Says what became of a claim: `POST /api/v1/deliveries/{id}/attempts/{number}`. Either `status` or `error`.
public struct SettleClaim: Codable, Sendable {
    /// What was answered, 100 to 599.
    public var status: Int?
    /// Why there was no answer, in words.
    public var error: String?
    /// The beginning of it.
    public var answer: String?
    /// How long it took.
    public var milliseconds: Int64?

    public init(
        status: Int? = nil, error: String? = nil, answer: String? = nil, milliseconds: Int64? = nil
    ) {
        self.status = status
        self.error = error
        self.answer = answer
        self.milliseconds = milliseconds
    }
}
