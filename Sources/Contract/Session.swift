/// Signs a person in: `POST /api/v1/sessions`.
public struct NewSession: Codable, Sendable {
    public var login: String
    public var password: String
    /// Six digits of the authenticator app, or a recovery code; for who has a second factor.
    public var code: String?
    /// Id of the organization to act in; the one used last when absent.
    public var organization: String?

    public init(login: String, password: String, code: String? = nil, organization: String? = nil) {
        self.login = login
        self.password = password
        self.code = code
        self.organization = organization
    }
}

/// A person signed in, in one organization.
public struct SessionView: Codable, Hashable, Sendable {
    public var id: String
    /// Id of the account that is signed in.
    public var account: String
    /// Id of the organization it acts in.
    public var organization: String
    public var role: String
    public var createdAt: String
    public var lastUsedAt: String
    public var expiresAt: String
    /// Where it was signed in from.
    public var remoteAddress: String
    /// What the browser calls itself.
    public var userAgent: String?
    /// Whether it is the one that asks.
    public var isCurrent: Bool
    /// For the header `Inlet-CSRF`; in the answer that makes the session, and never again.
    public var csrfToken: String?

    public init(
        id: String, account: String, organization: String, role: String, createdAt: String, lastUsedAt: String,
        expiresAt: String, remoteAddress: String, userAgent: String? = nil, isCurrent: Bool, csrfToken: String? = nil
    ) {
        self.id = id
        self.account = account
        self.organization = organization
        self.role = role
        self.createdAt = createdAt
        self.lastUsedAt = lastUsedAt
        self.expiresAt = expiresAt
        self.remoteAddress = remoteAddress
        self.userAgent = userAgent
        self.isCurrent = isCurrent
        self.csrfToken = csrfToken
    }
}

/// Goes on in another organization: `POST /api/v1/sessions/current/organization`.
public struct SwitchOrganization: Codable, Sendable {
    /// Its id.
    public var organization: String

    public init(organization: String) {
        self.organization = organization
    }
}

/// Who asks, where, and what they may do: `GET /api/v1/me`.
public struct MeView: Codable, Hashable, Sendable {
    public var account: AccountView
    /// The one acted in.
    public var organization: OrganizationView
    /// `noun.verb`, those of the role in this organization.
    public var permissions: [String]
    /// All that the account is a member of.
    public var organizations: [OrganizationSummaryView]
    /// `en`, `nl` or `pt-BR`: the account's own choice, else what the organization speaks.
    public var language: String

    public init(
        account: AccountView, organization: OrganizationView, permissions: [String],
        organizations: [OrganizationSummaryView], language: String
    ) {
        self.account = account
        self.organization = organization
        self.permissions = permissions
        self.organizations = organizations
        self.language = language
    }
}

/// Changes the actor's own account: `PATCH /api/v1/me`. What is absent stays.
public struct MeEdit: Codable, Sendable {
    /// 1 to 100 characters; it holds in all organizations.
    public var name: String?
    /// `en`, `nl` or `pt-BR`; lifted means the language of the organization.
    public var language: Change<String>

    public init(name: String? = nil, language: Change<String> = .keep) {
        self.name = name
        self.language = language
    }
}
