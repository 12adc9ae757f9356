import Domain

/// Where events go.
enum DestinationPages {
    static let list: [PageRoute] = []
}
