import Domain

/// What will stop and when (N4).
enum OutlookPages {
    static let list: [PageRoute] = []
}
