/// A call, accepted or refused, as the ledger lists it.
public struct CallView: Codable, Hashable, Sendable {
    /// `evt_…` if it was accepted, else `call_…`.
    public var id: String
    /// `accepted` or `refused`.
    public var outcome: String
    public var receivedAt: String
    /// As the caller wrote it; need not exist. For a report `/hits`, `/deploys` or `/activations`.
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
    /// `held_…` if the call is kept aside, to be released.
    public var held: String?
    /// Id of the token that a report came with.
    public var integrationToken: String?

    public init(
        id: String, outcome: String, receivedAt: String, webhook: String?, token: String?, tokenName: String?,
        cause: String?, causeAt: String?, status: Int, remoteAddress: String, basicUser: String?, count: Int64,
        held: String? = nil, integrationToken: String? = nil
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
        self.held = held
        self.integrationToken = integrationToken
    }
}

/// How many calls came in one minute.
public struct CallMinuteView: Codable, Hashable, Sendable {
    /// Its first moment.
    public var start: String
    public var accepted: Int64
    public var refused: Int64

    public init(start: String, accepted: Int64, refused: Int64) {
        self.start = start
        self.accepted = accepted
        self.refused = refused
    }
}

/// How many calls there were with one webhook, token or cause.
public struct CallCountView: Codable, Hashable, Sendable {
    /// Id of the webhook or token, or the cause.
    public var key: String
    /// Of the webhook or token, if it exists.
    public var name: String?
    public var accepted: Int64
    public var refused: Int64
    public var lastAt: String?

    public init(key: String, name: String? = nil, accepted: Int64, refused: Int64, lastAt: String? = nil) {
        self.key = key
        self.name = name
        self.accepted = accepted
        self.refused = refused
        self.lastAt = lastAt
    }
}
