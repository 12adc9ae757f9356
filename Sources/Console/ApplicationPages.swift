import Domain

/// Applications and their deploys (E6).
enum ApplicationPages {
    static let list: [PageRoute] = []
}
