/// A call kept aside because its token or the token's owner had lapsed.
public struct HeldCallView: Codable, Hashable, Sendable {
    /// `held_…`.
    public var id: String
    public var receivedAt: String
    public var webhook: String
    public var token: String
    public var tokenName: String?
    /// `token_inactive`, `token_expired` or `owner_inactive`.
    public var cause: String
    /// Since when the cause held, where that is known.
    public var causeAt: String?
    public var bodyBytes: Int64
    public var remoteAddress: String
    /// The user part of Basic authentication.
    public var basicUser: String?
    public var contentType: String?
    /// Until when it is kept.
    public var dropsAt: String
    /// Whether what lapsed is put right.
    public var canRelease: Bool

    public init(
        id: String, receivedAt: String, webhook: String, token: String, tokenName: String? = nil, cause: String,
        causeAt: String? = nil, bodyBytes: Int64, remoteAddress: String, basicUser: String? = nil,
        contentType: String? = nil, dropsAt: String, canRelease: Bool
    ) {
        self.id = id
        self.receivedAt = receivedAt
        self.webhook = webhook
        self.token = token
        self.tokenName = tokenName
        self.cause = cause
        self.causeAt = causeAt
        self.bodyBytes = bodyBytes
        self.remoteAddress = remoteAddress
        self.basicUser = basicUser
        self.contentType = contentType
        self.dropsAt = dropsAt
        self.canRelease = canRelease
    }
}

/// Turns held calls into events: `POST /api/v1/held/release`. Either `ids`, or `all` and what narrows it.
public struct ReleaseHeld: Codable, Sendable {
    public var ids: [String]?
    public var all: Bool?
    /// Only calls to this webhook: id, or a name that only one has.
    public var webhook: String?
    /// Only calls with this token.
    public var token: String?

    public init(ids: [String]? = nil, all: Bool? = nil, webhook: String? = nil, token: String? = nil) {
        self.ids = ids
        self.all = all
        self.webhook = webhook
        self.token = token
    }
}

/// What became of the calls that were to be released.
public struct ReleaseView: Codable, Hashable, Sendable {
    /// How many became events.
    public var released: Int64
    /// How many were there already, by their dedupe key.
    public var duplicates: Int64
    /// How many stay, because what lapsed is not put right.
    public var stillLapsed: Int64
    /// Ids of the events.
    public var events: [String]

    public init(released: Int64, duplicates: Int64, stillLapsed: Int64, events: [String]) {
        self.released = released
        self.duplicates = duplicates
        self.stillLapsed = stillLapsed
        self.events = events
    }
}
