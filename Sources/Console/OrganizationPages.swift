import Domain

/// The organization: switching, settings, new ones.
enum OrganizationPages {
    static let list: [PageRoute] = []
}
