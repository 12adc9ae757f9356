/// An event: an accepted call. Its body has an address of its own, `GET /api/v1/events/{id}/body`.
public struct EventView: Codable, Hashable, Sendable {
    public var id: String
    public var webhook: String
    public var token: String
    public var receivedAt: String
    public var remoteAddress: String
    public var query: String?
    public var contentType: String?
    /// Pairs of name and value in the order they came, without those that carry credentials.
    public var headers: [[String]]
    /// The caller's tag: an object if it sent one, else a text.
    public var context: JSONValue?
    /// The user part of Basic authentication.
    public var basicUser: String?
    public var bodyBytes: Int64
    /// Hexadecimal.
    public var bodySha256: String

    public init(
        id: String, webhook: String, token: String, receivedAt: String, remoteAddress: String, query: String?,
        contentType: String?, headers: [[String]], context: JSONValue?, basicUser: String?, bodyBytes: Int64,
        bodySha256: String
    ) {
        self.id = id
        self.webhook = webhook
        self.token = token
        self.receivedAt = receivedAt
        self.remoteAddress = remoteAddress
        self.query = query
        self.contentType = contentType
        self.headers = headers
        self.context = context
        self.basicUser = basicUser
        self.bodyBytes = bodyBytes
        self.bodySha256 = bodySha256
    }
}

/// A call, accepted or refused, as the ledger lists it.
public struct CallView: Codable, Hashable, Sendable {
    /// `evt_…` if it was accepted, else `call_…`.
    public var id: String
    /// `accepted` or `refused`.
    public var outcome: String
    public var receivedAt: String
    /// As the caller wrote it; need not exist.
    public var webhook: String?
    public var token: String?
    public var tokenName: String?
    /// The true cause of a refusal; the caller saw only the status.
    public var cause: String?
    /// Since when the cause held, where that is known.
    public var causeAt: String?
    public var status: Int
    public var remoteAddress: String
    public var basicUser: String?
    /// How many like calls the entry stands for.
    public var count: Int64

    public init(
        id: String, outcome: String, receivedAt: String, webhook: String?, token: String?, tokenName: String?,
        cause: String?, causeAt: String?, status: Int, remoteAddress: String, basicUser: String?, count: Int64
    ) {
        self.id = id
        self.outcome = outcome
        self.receivedAt = receivedAt
        self.webhook = webhook
        self.token = token
        self.tokenName = tokenName
        self.cause = cause
        self.causeAt = causeAt
        self.status = status
        self.remoteAddress = remoteAddress
        self.basicUser = basicUser
        self.count = count
    }
}
