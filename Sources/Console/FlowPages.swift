import Domain

/// Flows: what happens to a webhook's events.
enum FlowPages {
    static let list: [PageRoute] = []
}
