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

/// Changes an account: `PATCH /api/v1/accounts/{id}`. What is absent stays.
public struct AccountEdit: Codable, Sendable {
    public var name: String?
    /// `owner`, `admin`, `member` or `viewer`.
    public var role: String?

    public init(name: String? = nil, role: String? = nil) {
        self.name = name
        self.role = role
    }
}

/// An account in the organization.
public struct AccountView: Codable, Hashable, Sendable {
    public var id: String
    /// `person` or `service`.
    public var kind: String
    public var name: String
    public var login: String?
    /// `owner`, `admin`, `member` or `viewer`.
    public var role: String
    /// `active` or `inactive`.
    public var state: String
    public var inactiveSince: String?
    /// `by_hand` or `idle`.
    public var inactiveReason: String?
    /// When it becomes inactive if nothing happens; absent if it never does, or is inactive already.
    public var lapsesAt: String?
    /// `allowed`, `blocked`, or `never` for a service account.
    public var signIn: String
    public var signInBlockedSince: String?
    public var hasPassword: Bool
    public var hasSecondFactor: Bool
    public var createdAt: String
    /// `en`, `nl` or `pt-BR`, the person's own choice; absent for the language of the organization.
    public var language: String?
    public var lastSignInAt: String?
    public var lastTokenUseAt: String?
    /// The token made in the same act, with its secret; never again.
    public var token: TokenView?
    /// What a new person chooses a password with; in the answer that makes the account, and never again.
    public var invitation: OneTimeLinkView?

    public init(
        id: String, kind: String, name: String, login: String?, role: String, state: String, inactiveSince: String? = nil,
        inactiveReason: String? = nil, lapsesAt: String? = nil, signIn: String, signInBlockedSince: String? = nil,
        hasPassword: Bool, hasSecondFactor: Bool, createdAt: String, language: String? = nil, lastSignInAt: String? = nil,
        lastTokenUseAt: String? = nil, token: TokenView? = nil, invitation: OneTimeLinkView? = nil
    ) {
        self.id = id
        self.kind = kind
        self.name = name
        self.login = login
        self.role = role
        self.state = state
        self.inactiveSince = inactiveSince
        self.inactiveReason = inactiveReason
        self.lapsesAt = lapsesAt
        self.signIn = signIn
        self.signInBlockedSince = signInBlockedSince
        self.hasPassword = hasPassword
        self.hasSecondFactor = hasSecondFactor
        self.createdAt = createdAt
        self.language = language
        self.lastSignInAt = lastSignInAt
        self.lastTokenUseAt = lastTokenUseAt
        self.token = token
        self.invitation = invitation
    }
}

/// Gives tokens of one account to another: `POST /api/v1/accounts/{id}/transfer-tokens`. Their secrets stay.
public struct TransferTokens: Codable, Sendable {
    /// Id or login of the new owner.
    public var to: String
    /// Ids; all tokens of callers when absent.
    public var tokens: [String]?

    public init(to: String, tokens: [String]? = nil) {
        self.to = to
        self.tokens = tokens
    }
}

/// Which tokens changed their owner.
public struct TransferView: Codable, Hashable, Sendable {
    /// Ids of the tokens that the new owner has.
    public var moved: [String]
    /// Ids of those that stay, because they act for the old owner.
    public var left: [String]

    public init(moved: [String], left: [String]) {
        self.moved = moved
        self.left = left
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
