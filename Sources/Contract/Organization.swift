/// The organization and its settings.
public struct OrganizationView: Codable, Hashable, Sendable {
    public var id: String
    public var name: String
    /// Days without activity after which an account becomes inactive; absent for never.
    public var inactivityDays: Int?
    /// Accepted calls a UTC day; absent for no quota.
    public var dailyQuota: Int64?
    public var createdAt: String

    public init(id: String, name: String, inactivityDays: Int?, dailyQuota: Int64?, createdAt: String) {
        self.id = id
        self.name = name
        self.inactivityDays = inactivityDays
        self.dailyQuota = dailyQuota
        self.createdAt = createdAt
    }
}

/// One act in the audit log.
public struct AuditEntryView: Codable, Hashable, Sendable {
    public var id: String
    public var at: String
    /// The account that acted; absent when Inlet did, by a rule.
    public var actor: String?
    public var actorToken: String?
    /// `noun.verb`.
    public var action: String
    public var subject: String
    public var details: [String: String]

    public init(
        id: String, at: String, actor: String?, actorToken: String?, action: String, subject: String,
        details: [String: String]
    ) {
        self.id = id
        self.at = at
        self.actor = actor
        self.actorToken = actorToken
        self.action = action
        self.subject = subject
        self.details = details
    }
}
