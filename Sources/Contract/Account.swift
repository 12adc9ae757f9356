/// Asks for a new account: `POST /api/v1/accounts`.
public struct NewAccount: Codable, Sendable {
    /// `person` or `service`.
    public var kind: String
    public var name: String
    /// What a person signs in with.
    public var login: String?
    /// `owner`, `admin`, `member` or `viewer`; `member` when absent.
    public var role: String?
    /// Makes an API token for it in the same act.
    public var withToken: Bool?

    public init(kind: String, name: String, login: String? = nil, role: String? = nil, withToken: Bool? = nil) {
        self.kind = kind
        self.name = name
        self.login = login
        self.role = role
        self.withToken = withToken
    }
}

/// An account in the organization.
public struct AccountView: Codable, Hashable, Sendable {
    public var id: String
    public var kind: String
    public var name: String
    public var login: String?
    public var role: String
    /// `active` or `inactive`.
    public var state: String
    public var inactiveSince: String?
    /// `by_hand` or `idle`.
    public var inactiveReason: String?
    public var createdAt: String
    public var lastSignInAt: String?
    public var lastTokenUseAt: String?
    /// The token made in the same act, with its secret; never again.
    public var token: TokenView?

    public init(
        id: String, kind: String, name: String, login: String?, role: String, state: String, inactiveSince: String?,
        inactiveReason: String?, createdAt: String, lastSignInAt: String?, lastTokenUseAt: String?, token: TokenView?
    ) {
        self.id = id
        self.kind = kind
        self.name = name
        self.login = login
        self.role = role
        self.state = state
        self.inactiveSince = inactiveSince
        self.inactiveReason = inactiveReason
        self.createdAt = createdAt
        self.lastSignInAt = lastSignInAt
        self.lastTokenUseAt = lastTokenUseAt
        self.token = token
    }
}

/// What a sweep for idle accounts did.
public struct SweepView: Codable, Hashable, Sendable {
    /// Accounts that became inactive.
    public var deactivated: [String]

    public init(deactivated: [String]) {
        self.deactivated = deactivated
    }
}
