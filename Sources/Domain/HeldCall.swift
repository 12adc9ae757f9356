import FoundationEssentials

/// A call that was refused only because its known token or owner had lapsed; kept aside until that is put right. Row N3.
package struct HeldCall: Identified, Sendable {
    package static let idPrefix = "held"

    package let id: OrderedID<HeldCall>
    package let organization: ID<Organization>
    package let webhook: ID<Webhook>
    package let token: ID<Token>
    package let owner: ID<Account>
    package let receivedAt: Timestamp
    /// Why it was refused, as the ledger names it.
    package let cause: String
    package let causeAt: Timestamp?
    package let remoteAddress: String
    package let query: String?
    package let contentType: String?
    package let headersText: String
    package let context: String?
    package let basicUser: String?
    package let dedupeKey: String?
    package let bodyBytes: Int64
    /// SHA-256 of the body, 32 bytes.
    package let bodySHA256: Data

    package init(
        id: OrderedID<HeldCall>, organization: ID<Organization>, webhook: ID<Webhook>, token: ID<Token>,
        owner: ID<Account>, receivedAt: Timestamp, cause: String, causeAt: Timestamp?, remoteAddress: String,
        query: String?, contentType: String?, headersText: String, context: String?, basicUser: String?,
        dedupeKey: String?, bodyBytes: Int64, bodySHA256: Data
    ) {
        self.id = id
        self.organization = organization
        self.webhook = webhook
        self.token = token
        self.owner = owner
        self.receivedAt = receivedAt
        self.cause = cause
        self.causeAt = causeAt
        self.remoteAddress = remoteAddress
        self.query = query
        self.contentType = contentType
        self.headersText = headersText
        self.context = context
        self.basicUser = basicUser
        self.dedupeKey = dedupeKey
        self.bodyBytes = bodyBytes
        self.bodySHA256 = bodySHA256
    }

    /// What it counts against the organization's bound: the body, all texts that came with it, and what a row costs.
    package var weight: Int64 {
        let texts = [query, contentType, context, basicUser, dedupeKey].reduce(headersText.utf8.count) {
            $0 + ($1?.utf8.count ?? 0)
        }
        return bodyBytes + Int64(texts) + 512
    }

    /// The event it becomes when it is released: with the original receive time, and a new id.
    package func event(_ id: OrderedID<Event>, releasedAt now: Timestamp) -> Event {
        Event(
            id: id, organization: organization, webhook: webhook, token: token, receivedAt: receivedAt,
            remoteAddress: remoteAddress, query: query, contentType: contentType, headersText: headersText,
            context: context, basicUser: basicUser, bodyBytes: bodyBytes, bodySHA256: bodySHA256, releasedAt: now)
    }
}
