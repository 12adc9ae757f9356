import Domain

/// Accepted calls and their bytes.
enum EventPages {
    static let list: [PageRoute] = []
}
