import Domain

/// Calls that were kept aside (N3).
enum HeldPages {
    static let list: [PageRoute] = []
}
