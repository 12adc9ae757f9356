import Domain

/// How a ``Domain/Lifecycle`` stands in a row: the columns `state`, `state_since`, `state_reason`.
struct LifecycleColumns {
    let state: String
    let since: Timestamp?
    let reason: String?

    init(_ lifecycle: Lifecycle) {
        switch lifecycle {
        case .active: (state, since, reason) = ("active", nil, nil)
        case .inactive(let at, let why): (state, since, reason) = ("inactive", at, why.rawValue)
        case .deleted(let at): (state, since, reason) = ("deleted", at, nil)
        }
    }
}

extension Row {
    func lifecycle() throws(StorageError) -> Lifecycle {
        switch try text("state") {
        case "active": return .active
        case "inactive": return .inactive(since: try timestamp("state_since"), reason: try word("state_reason"))
        case "deleted": return .deleted(at: try timestamp("state_since"))
        case let other: throw .unreadable("state \(other) is unknown")
        }
    }
}
