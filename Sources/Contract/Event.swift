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
    /// When it became an event, if it was held; `receivedAt` is when the call came.
    public var releasedAt: String?

    public init(
        id: String, webhook: String, token: String, receivedAt: String, remoteAddress: String, query: String?,
        contentType: String?, headers: [[String]], context: JSONValue?, basicUser: String?, bodyBytes: Int64,
        bodySha256: String, releasedAt: String? = nil
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
        self.releasedAt = releasedAt
    }
}
