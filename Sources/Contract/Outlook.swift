/// Something that will stop unless somebody acts.
public struct OutlookItemView: Codable, Hashable, Sendable {
    /// When.
    public var at: String
    /// Whole days until then, rounded up.
    public var daysLeft: Int64
    /// `account_lapses`, `token_expires`, `overlap_ends` or `activation_expires`.
    public var kind: String
    /// Id of the account, token or activation token.
    public var subject: String
    /// Its name.
    public var name: String
    /// Id of the account that a token belongs to.
    public var owner: String?
    /// Ids of the tokens that stop with it.
    public var tokens: [String]

    public init(at: String, daysLeft: Int64, kind: String, subject: String, name: String, owner: String? = nil, tokens: [String])
    {
        self.at = at
        self.daysLeft = daysLeft
        self.kind = kind
        self.subject = subject
        self.name = name
        self.owner = owner
        self.tokens = tokens
    }
}

/// A warning that was given about something that will stop.
public struct WarningView: Codable, Hashable, Sendable {
    public var id: String
    /// When it was given.
    public var at: String
    /// `account_lapses`, `token_expires`, `overlap_ends` or `activation_expires`.
    public var kind: String
    /// Id of the account, token or activation token.
    public var subject: String
    /// Its name.
    public var name: String
    /// When it will stop.
    public var dueAt: String
    /// How many days ahead the warning was due.
    public var daysLeft: Int64
    /// When the address that warnings are sent to took it.
    public var deliveredAt: String?

    public init(
        id: String, at: String, kind: String, subject: String, name: String, dueAt: String, daysLeft: Int64,
        deliveredAt: String? = nil
    ) {
        self.id = id
        self.at = at
        self.kind = kind
        self.subject = subject
        self.name = name
        self.dueAt = dueAt
        self.daysLeft = daysLeft
        self.deliveredAt = deliveredAt
    }
}
