import FoundationEssentials

/// An accepted call, kept with its exact bytes.
package struct Event: Identified, Sendable {
    package static let idPrefix = "evt"

    package let id: OrderedID<Event>
    package let organization: ID<Organization>
    package let webhook: ID<Webhook>
    package let token: ID<Token>
    package let receivedAt: Timestamp
    package let remoteAddress: String
    package let query: String?
    package let contentType: String?
    /// Header fields as lines `name: value`, without those that carry credentials.
    package let headersText: String
    /// The caller's tag (P9), as it was sent.
    package let context: String?
    /// The user part of Basic authentication.
    package let basicUser: String?
    package let bodyBytes: Int64
    /// SHA-256 of the body, 32 bytes.
    package let bodySHA256: Data
    /// When it was released, if it had been held (N3).
    package let releasedAt: Timestamp?

    package init(
        id: OrderedID<Event>, organization: ID<Organization>, webhook: ID<Webhook>, token: ID<Token>,
        receivedAt: Timestamp, remoteAddress: String, query: String?, contentType: String?, headersText: String,
        context: String?, basicUser: String?, bodyBytes: Int64, bodySHA256: Data,
        releasedAt: Timestamp? = nil
    ) {
        self.id = id
        self.organization = organization
        self.webhook = webhook
        self.token = token
        self.receivedAt = receivedAt
        self.remoteAddress = remoteAddress
        self.query = query
        self.contentType = contentType
        self.headersText = headersText
        self.context = context
        self.basicUser = basicUser
        self.bodyBytes = bodyBytes
        self.bodySHA256 = bodySHA256
        self.releasedAt = releasedAt
    }
}
