/// Who would notice if this stopped: `GET /api/v1/tokens/{id}/impact`, `GET /api/v1/accounts/{id}/impact`.
public struct ImpactView: Codable, Hashable, Sendable {
    /// Id of the token or account.
    public var subject: String
    /// How far back was looked.
    public var days: Int64
    /// Accepted calls in that time.
    public var count: Int64
    public var lastCallAt: String?
    /// Those that were called.
    public var webhooks: [ImpactWebhookView]
    /// Those that were used; for an account.
    public var tokens: [ImpactTokenView]?

    public init(
        subject: String, days: Int64, count: Int64, lastCallAt: String? = nil, webhooks: [ImpactWebhookView],
        tokens: [ImpactTokenView]? = nil
    ) {
        self.subject = subject
        self.days = days
        self.count = count
        self.lastCallAt = lastCallAt
        self.webhooks = webhooks
        self.tokens = tokens
    }
}

/// Calls to one webhook.
public struct ImpactWebhookView: Codable, Hashable, Sendable {
    public var webhook: String
    /// Absent if the webhook is no more.
    public var name: String?
    public var count: Int64
    public var lastCallAt: String
    /// Where from.
    public var addresses: [String]

    public init(webhook: String, name: String? = nil, count: Int64, lastCallAt: String, addresses: [String]) {
        self.webhook = webhook
        self.name = name
        self.count = count
        self.lastCallAt = lastCallAt
        self.addresses = addresses
    }
}

/// Calls with one token.
public struct ImpactTokenView: Codable, Hashable, Sendable {
    public var token: String
    public var name: String
    public var count: Int64
    public var lastCallAt: String?

    public init(token: String, name: String, count: Int64, lastCallAt: String? = nil) {
        self.token = token
        self.name = name
        self.count = count
        self.lastCallAt = lastCallAt
    }
}
