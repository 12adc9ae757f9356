import Domain

/// A person's own account: name, language, password, second factor, sessions.
enum OwnPages {
    static let list: [PageRoute] = []
}
