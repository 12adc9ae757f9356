import Domain

/// Refused calls and why (N2).
enum CallPages {
    static let list: [PageRoute] = []
}
