import Domain

/// Sending events again (N10).
enum ReplayPages {
    static let list: [PageRoute] = []
}
