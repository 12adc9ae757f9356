import Domain

/// A token: restrictions, rotation, transfer, state (N5–N7, P5–P7).
enum TokenPages {
    static let list: [PageRoute] = []
}
