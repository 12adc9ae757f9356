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
    /// Where calls may come from, `203.0.113.0/24`; anywhere when absent.
    public var networks: [String]?
    /// No limit when absent.
    public var rateLimitPerMinute: Int64?
    /// What a management token may do besides: `reveal`, to look at sealed secrets.
    public var scopes: [String]?
    /// The actor's own, where a session gives the scope `reveal`.
    public var password: String?

    public init(
        kind: String, webhook: String? = nil, owner: String? = nil, name: String, description: String? = nil,
        expiresAt: String? = nil, networks: [String]? = nil, rateLimitPerMinute: Int64? = nil, scopes: [String]? = nil,
        password: String? = nil
    ) {
        self.kind = kind
        self.webhook = webhook
        self.owner = owner
        self.name = name
        self.description = description
        self.expiresAt = expiresAt
        self.networks = networks
        self.rateLimitPerMinute = rateLimitPerMinute
        self.scopes = scopes
        self.password = password
    }
}

/// Changes a token: `PATCH /api/v1/tokens/{id}`. What is absent stays.
public struct TokenEdit: Codable, Sendable {
    public var name: String?
    public var description: String?
    /// RFC 3339.
    public var expiresAt: Change<String>
    /// Where calls may come from.
    public var networks: Change<[String]>
    public var rateLimitPerMinute: Change<Int64>

    public init(
        name: String? = nil, description: String? = nil, expiresAt: Change<String> = .keep,
        networks: Change<[String]> = .keep, rateLimitPerMinute: Change<Int64> = .keep
    ) {
        self.name = name
        self.description = description
        self.expiresAt = expiresAt
        self.networks = networks
        self.rateLimitPerMinute = rateLimitPerMinute
    }
}

/// Gives a token a new secret: `POST /api/v1/tokens/{id}/rotate`.
public struct RotateToken: Codable, Sendable {
    /// How long the old secret works too, 0 to 604800; a day when absent.
    public var overlapSeconds: Int64?
    /// The actor's own, where a session rotates a token with the scope `reveal`.
    public var password: String?

    public init(overlapSeconds: Int64? = nil, password: String? = nil) {
        self.overlapSeconds = overlapSeconds
        self.password = password
    }
}

/// Gives a token to another account: `POST /api/v1/tokens/{id}/transfer`. The secret stays.
public struct TransferToken: Codable, Sendable {
    /// Id or login of the new owner.
    public var to: String

    public init(to: String) {
        self.to = to
    }
}

/// A token. `secret`, `header`, `basic` and `curl` are present in the answer that makes the secret, and never again.
public struct TokenView: Codable, Hashable, Sendable {
    public var id: String
    /// `app`, `api` or `management`.
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
    /// The first characters of the newest secret, to recognise it by.
    public var hint: String
    public var createdAt: String
    public var expiresAt: String?
    /// Where calls may come from; anywhere when empty.
    public var networks: [String]
    public var rateLimitPerMinute: Int64?
    public var lastUsedAt: String?
    /// Where it was last used from.
    public var lastAddress: String?
    public var useCount: Int64
    /// Newest first.
    public var secrets: [SecretView]
    public var secret: String?
    /// The whole header line, `Authorization: Bearer …`.
    public var header: String?
    /// The base64 text behind `Basic`.
    public var basic: String?
    /// A line for the shell that makes a first call; absent for a management token, or if there is no webhook yet.
    public var curl: String?
    /// What a management token may do besides: `reveal`, to look at sealed secrets. Empty for other tokens.
    public var scopes: [String]

    public init(
        id: String, kind: String, webhook: String? = nil, owner: String, name: String, description: String, state: String,
        inactiveSince: String? = nil, inactiveReason: String? = nil, hint: String, createdAt: String,
        expiresAt: String? = nil, networks: [String], rateLimitPerMinute: Int64? = nil, lastUsedAt: String? = nil,
        lastAddress: String? = nil, useCount: Int64, secrets: [SecretView], secret: String? = nil, header: String? = nil,
        basic: String? = nil, curl: String? = nil, scopes: [String] = []
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
        self.networks = networks
        self.rateLimitPerMinute = rateLimitPerMinute
        self.lastUsedAt = lastUsedAt
        self.lastAddress = lastAddress
        self.useCount = useCount
        self.secrets = secrets
        self.secret = secret
        self.header = header
        self.basic = basic
        self.curl = curl
        self.scopes = scopes
    }
}

/// A secret of a token; never the secret itself.
public struct SecretView: Codable, Hashable, Sendable {
    /// Its first characters.
    public var hint: String
    /// `current`, `ending` or `ended`.
    public var state: String
    public var createdAt: String
    /// When it stops, or did.
    public var endsAt: String?
    public var lastUsedAt: String?
    /// Where it was last used from.
    public var lastAddress: String?
    public var useCount: Int64

    public init(
        hint: String, state: String, createdAt: String, endsAt: String? = nil, lastUsedAt: String? = nil,
        lastAddress: String? = nil, useCount: Int64
    ) {
        self.hint = hint
        self.state = state
        self.createdAt = createdAt
        self.endsAt = endsAt
        self.lastUsedAt = lastUsedAt
        self.lastAddress = lastAddress
        self.useCount = useCount
    }
}
