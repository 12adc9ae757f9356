/// Asks for a new webhook: `POST /api/v1/webhooks`.
public struct NewWebhook: Codable, Sendable {
    /// 1 to 100 characters.
    public var name: String
    /// At most 500 characters.
    public var description: String?
    /// `bearer`, `basic`; both when absent.
    public var accepts: [String]?
    /// Whether the answer to a call holds its body; false when absent.
    public var echoBody: Bool?

    public init(
        name: String, description: String? = nil, accepts: [String]? = nil, echoBody: Bool? = nil
    ) {
        self.name = name
        self.description = description
        self.accepts = accepts
        self.echoBody = echoBody
    }
}

/// Changes a webhook: `PATCH /api/v1/webhooks/{id}`. What is absent stays.
public struct WebhookEdit: Codable, Sendable {
    public var name: String?
    public var description: String?
    /// The ways a caller may prove itself, `bearer` and `basic`.
    public var accepts: [String]?
    /// 1 to 3650; null is as long as the server's setting says.
    public var retentionDays: Change<Int>
    /// Of bodies, the newest ones; null is without a bound.
    public var retentionBytes: Change<Int64>
    /// Whether the answer to a call holds its body.
    public var echoBody: Bool?

    public init(
        name: String? = nil, description: String? = nil, accepts: [String]? = nil, retentionDays: Change<Int> = .keep,
        retentionBytes: Change<Int64> = .keep, echoBody: Bool? = nil
    ) {
        self.name = name
        self.description = description
        self.accepts = accepts
        self.retentionDays = retentionDays
        self.retentionBytes = retentionBytes
        self.echoBody = echoBody
    }
}

/// A webhook.
public struct WebhookView: Codable, Hashable, Sendable {
    public var id: String
    public var name: String
    public var description: String
    /// Where callers post to.
    public var url: String
    public var accepts: [String]
    /// `active` or `paused`.
    public var state: String
    /// The account that made it.
    public var owner: String
    public var createdAt: String
    /// How many days its events are kept; absent where the server's setting says so.
    public var retentionDays: Int?
    /// How many bytes of bodies are kept, the newest ones; absent where there is no bound.
    public var retentionBytes: Int64?
    /// Whether the answer to a call holds its body.
    public var echoBody: Bool

    public init(
        id: String, name: String, description: String, url: String, accepts: [String], state: String, owner: String,
        createdAt: String, retentionDays: Int? = nil, retentionBytes: Int64? = nil, echoBody: Bool = false
    ) {
        self.id = id
        self.name = name
        self.description = description
        self.url = url
        self.accepts = accepts
        self.state = state
        self.owner = owner
        self.createdAt = createdAt
        self.retentionDays = retentionDays
        self.retentionBytes = retentionBytes
        self.echoBody = echoBody
    }
}

/// A token that opened a webhook in the last 30 days.
public struct WebhookCallerView: Codable, Hashable, Sendable {
    /// Its id.
    public var token: String
    public var name: String
    /// Accepted calls.
    public var count: Int64
    public var lastAt: String

    public init(token: String, name: String, count: Int64, lastAt: String) {
        self.token = token
        self.name = name
        self.count = count
        self.lastAt = lastAt
    }
}
