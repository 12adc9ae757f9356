/// Asks for a new webhook: `POST /api/v1/webhooks`.
public struct NewWebhook: Codable, Sendable {
    /// 1 to 100 characters.
    public var name: String
    /// At most 500 characters.
    public var description: String?
    /// `bearer`, `basic`; both when absent.
    public var accepts: [String]?

    public init(name: String, description: String? = nil, accepts: [String]? = nil) {
        self.name = name
        self.description = description
        self.accepts = accepts
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

    public init(
        id: String, name: String, description: String, url: String, accepts: [String], state: String, owner: String,
        createdAt: String
    ) {
        self.id = id
        self.name = name
        self.description = description
        self.url = url
        self.accepts = accepts
        self.state = state
        self.owner = owner
        self.createdAt = createdAt
    }
}
