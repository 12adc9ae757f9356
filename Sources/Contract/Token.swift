/// Asks for a new token: `POST /api/v1/tokens`.
public struct NewToken: Codable, Sendable {
    /// `app`, `api` or `management`.
    public var kind: String
    /// Id or name of the webhook that an app token opens.
    public var webhook: String?
    /// Id or login of the account it belongs to.
    public var owner: String?
    public var name: String
    public var description: String?
    /// RFC 3339; never when absent, a year for a management token.
    public var expiresAt: String?

    public init(
        kind: String, webhook: String? = nil, owner: String? = nil, name: String, description: String? = nil,
        expiresAt: String? = nil
    ) {
        self.kind = kind
        self.webhook = webhook
        self.owner = owner
        self.name = name
        self.description = description
        self.expiresAt = expiresAt
    }
}

/// Changes name or description: `PATCH /api/v1/tokens/{id}`. What is absent stays.
public struct TokenEdit: Codable, Sendable {
    public var name: String?
    public var description: String?

    public init(name: String? = nil, description: String? = nil) {
        self.name = name
        self.description = description
    }
}

/// A token. `secret`, `header`, `basic` and `curl` are present in the answer that makes it, and never again.
public struct TokenView: Codable, Hashable, Sendable {
    public var id: String
    public var kind: String
    /// The webhook that an app token opens.
    public var webhook: String?
    public var owner: String
    public var name: String
    public var description: String
    /// `active` or `inactive`.
    public var state: String
    public var inactiveSince: String?
    /// `by_hand` or `idle`.
    public var inactiveReason: String?
    /// The first characters of the secret, to recognise it by.
    public var hint: String
    public var createdAt: String
    public var expiresAt: String?
    public var lastUsedAt: String?
    public var useCount: Int64
    public var secret: String?
    /// The whole header line, `Authorization: Bearer …`.
    public var header: String?
    /// The base64 text behind `Basic`.
    public var basic: String?
    /// A line for the shell that makes a first call; absent for a management token, or if there is no webhook yet.
    public var curl: String?

    public init(
        id: String, kind: String, webhook: String?, owner: String, name: String, description: String, state: String,
        inactiveSince: String?, inactiveReason: String?, hint: String, createdAt: String, expiresAt: String?,
        lastUsedAt: String?, useCount: Int64
    ) {
        self.id = id
        self.kind = kind
        self.webhook = webhook
        self.owner = owner
        self.name = name
        self.description = description
        self.state = state
        self.inactiveSince = inactiveSince
        self.inactiveReason = inactiveReason
        self.hint = hint
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.lastUsedAt = lastUsedAt
        self.useCount = useCount
    }
}
