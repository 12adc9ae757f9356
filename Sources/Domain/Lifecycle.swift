/// The life of a credential or account: active, inactive, and at the end deleted. Rows P5–P7, D6, D7.
package enum Lifecycle: Hashable, Sendable {
    case active
    case inactive(since: Timestamp, reason: InactiveReason)
    case deleted(at: Timestamp)

    /// Whether callers may be let in by it.
    package var isActive: Bool { self == .active }

    /// Whether it is gone for good.
    package var isDeleted: Bool {
        if case .deleted = self { true } else { false }
    }

    /// The state after somebody, or the inactivity rule, switches it off. Safe to repeat: the first moment and reason stay.
    package func deactivated(at now: Timestamp, reason: InactiveReason) throws(LifecycleError) -> Lifecycle {
        switch self {
        case .active: .inactive(since: now, reason: reason)
        case .inactive: self
        case .deleted: throw .isDeleted
        }
    }

    /// The state after it is switched on again. Safe to repeat.
    package func activated() throws(LifecycleError) -> Lifecycle {
        switch self {
        case .active, .inactive: .active
        case .deleted: throw .isDeleted
        }
    }

    /// The state after it is deleted for good; only what is inactive may be (P7).
    package func deleted(at now: Timestamp) throws(LifecycleError) -> Lifecycle {
        switch self {
        case .active: throw .isActive
        case .inactive: .deleted(at: now)
        case .deleted: throw .isDeleted
        }
    }
}

/// What made something inactive.
package enum InactiveReason: String, Sendable, CaseIterable {
    /// A person or program switched it off (P5).
    case byHand = "by_hand"
    /// Its account showed no activity for longer than the organization allows (D6).
    case idle
}

/// Why a step of a life is refused.
package enum LifecycleError: Error, Equatable {
    case isActive
    case isDeleted
}
