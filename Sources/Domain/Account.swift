/// Who acts: a person, who signs in, or a service account, which never does.
package struct Account: Identified, Hashable, Sendable {
    package static let idPrefix = "acc"

    package enum Kind: String, Sendable, CaseIterable {
        case person
        case service
    }

    package let id: ID<Account>
    package let kind: Kind
    package var name: Label
    /// What a person signs in with; `nil` for a service account.
    package var login: String?
    package let createdAt: Timestamp
    package var hasPassword: Bool
    package var hasSecondFactor: Bool
    /// The person's own choice; `nil` for the language of the organization (D13).
    package var language: Language?

    package init(
        id: ID<Account>, kind: Kind, name: Label, login: String?, createdAt: Timestamp, hasPassword: Bool = false,
        hasSecondFactor: Bool = false, language: Language? = nil
    ) {
        self.id = id
        self.kind = kind
        self.name = name
        self.login = login
        self.createdAt = createdAt
        self.hasPassword = hasPassword
        self.hasSecondFactor = hasSecondFactor
        self.language = language
    }
}

/// An account's place in one organization. State and activity live here, so idling in one organization ends nothing in another.
package struct Membership: Hashable, Sendable {
    package let organization: ID<Organization>
    package let account: ID<Account>
    package var role: Role
    package var state: Lifecycle
    /// When the days of inactivity last began anew: creation or reactivation (D7).
    package var activeSince: Timestamp
    /// The last successful call with one of its tokens (D8).
    package var lastTokenUseAt: Timestamp?
    package var lastSignInAt: Timestamp?
    /// Since when the person is denied access while the tokens go on working (D10); `nil` if not.
    package var signInBlockedAt: Timestamp?

    package init(
        organization: ID<Organization>, account: ID<Account>, role: Role, state: Lifecycle, activeSince: Timestamp,
        lastTokenUseAt: Timestamp? = nil, lastSignInAt: Timestamp? = nil, signInBlockedAt: Timestamp? = nil
    ) {
        self.organization = organization
        self.account = account
        self.role = role
        self.state = state
        self.activeSince = activeSince
        self.lastTokenUseAt = lastTokenUseAt
        self.lastSignInAt = lastSignInAt
        self.signInBlockedAt = signInBlockedAt
    }

    /// Whether the account may steer Inlet in this organization.
    ///
    /// An owner who fell idle still may, for somebody has to be left who can put it right; calls with the tokens are refused all the
    /// same (D6).
    package var mayAct: Bool {
        guard signInBlockedAt == nil else { return false }
        switch state {
        case .active: return true
        case .inactive(_, let reason): return role == .owner && reason == .idle
        case .deleted: return false
        }
    }

    /// The newest sign of life, from which the days of inactivity count.
    package var lastActivityAt: Timestamp {
        [activeSince, lastTokenUseAt, lastSignInAt].compactMap { $0 }.max() ?? activeSince
    }
}
