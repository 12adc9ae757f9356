/// The tenant: owns webhooks, tokens and memberships.
package struct Organization: Identified, Hashable, Sendable {
    package static let idPrefix = "org"

    package let id: ID<Organization>
    package var name: Label
    /// How long an account may go without activity (D6).
    package var inactivity: InactivityRule
    /// Accepted calls a UTC day; `nil` is no quota.
    package var dailyQuota: Int64?
    /// Whether calls are kept aside that were refused only because a known token or its owner lapsed (N3).
    package var holdsCalls: Bool
    package let createdAt: Timestamp

    package init(
        id: ID<Organization>, name: Label, inactivity: InactivityRule, dailyQuota: Int64?, holdsCalls: Bool = true,
        createdAt: Timestamp
    ) {
        self.id = id
        self.name = name
        self.inactivity = inactivity
        self.dailyQuota = dailyQuota
        self.holdsCalls = holdsCalls
        self.createdAt = createdAt
    }
}
