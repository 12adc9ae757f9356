import Domain

/// One-time links: the first set-up, a new password, an invitation.
enum SetUpPages {
    static let list: [PageRoute] = []
}
