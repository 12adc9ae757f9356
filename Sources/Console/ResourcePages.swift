import Domain

/// Resources and their availability (E5).
enum ResourcePages {
    static let list: [PageRoute] = []
}
