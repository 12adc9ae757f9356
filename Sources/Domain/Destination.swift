/// Where deliveries go: one receiver, with how fast and how often it may be tried (docs/flows.md).
package struct Destination: Identified, Hashable, Sendable {
    package static let idPrefix = "dst"

    /// How many attempts at once a destination may be set to.
    package static let concurrencyRange = 1...64
    /// How many attempts at once a destination gets that says nothing else.
    package static let concurrencyDefault = 4
    /// How many attempts a second a destination may be set to.
    package static let ratePerSecondRange = 1...10_000

    package let id: ID<Destination>
    package let organization: ID<Organization>
    package var name: Label
    /// What it is, a word of an open list, `https` for example.
    package var kind: String
    /// What its kind must know, by name of the field. Secrets stand in it as `{{NAME}}`, never as values.
    package var settings: [String: String]
    package var state: DestinationState
    package var schedule: RetrySchedule
    /// Attempts that may run at once, ``concurrencyRange``.
    package var concurrency: Int
    /// Attempts that may begin in a second, ``ratePerSecondRange``; `nil` for as many as come.
    package var ratePerSecond: Int?
    /// What deliveries share that go one after the other: a path if it begins with `$`, else the name of a header field; `nil` for
    /// no order.
    package var orderedBy: String?
    package let createdAt: Timestamp

    package init(
        id: ID<Destination>, organization: ID<Organization>, name: Label, kind: String, settings: [String: String],
        state: DestinationState = .active, schedule: RetrySchedule = .standard, concurrency: Int = concurrencyDefault,
        ratePerSecond: Int? = nil, orderedBy: String? = nil, createdAt: Timestamp
    ) {
        self.id = id
        self.organization = organization
        self.name = name
        self.kind = kind
        self.settings = settings
        self.state = state
        self.schedule = schedule
        self.concurrency = concurrency
        self.ratePerSecond = ratePerSecond
        self.orderedBy = orderedBy
        self.createdAt = createdAt
    }
}

/// Whether anything is sent to a destination.
package enum DestinationState: Hashable, Sendable {
    case active
    /// Its deliveries wait until it is enabled again.
    case disabled(since: Timestamp, reason: DisabledReason)

    /// Whether anything is sent there.
    package var isActive: Bool { self == .active }

    /// The state after somebody, or a rule, switches it off. Safe to repeat: the first moment and reason stay.
    package func disabled(at now: Timestamp, reason: DisabledReason) -> DestinationState {
        switch self {
        case .active: .disabled(since: now, reason: reason)
        case .disabled: self
        }
    }

    /// The state after it is switched on again, whatever had switched it off. Safe to repeat.
    package func enabled() -> DestinationState {
        .active
    }
}

/// What switched a destination off; the word on the wire.
package enum DisabledReason: String, Sendable, CaseIterable {
    /// A person or program did.
    case byHand = "by_hand"
    /// It answered 410: it wants no more (Standard Webhooks 1.0.0, "Delivery success and failure").
    case gone
    /// Nothing but failures for too long (``FailureRun``).
    case failing
}
