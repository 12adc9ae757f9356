import Domain

/// An organization's Hits/Failure and Deploy credentials (E1–E10).
enum IntegrationTokenPages {
    static let list: [PageRoute] = []
}
