/// The organization and its settings.
public struct OrganizationView: Codable, Hashable, Sendable {
    public var id: String
    public var name: String
    /// Days without activity after which an account becomes inactive; absent for never.
    public var inactivityDays: Int?
    /// Accepted calls a UTC day; absent for no quota.
    public var dailyQuota: Int64?
    /// Whether calls with lapsed tokens are kept aside.
    public var holdCalls: Bool
    public var createdAt: String
    /// Whether a new name for a credential asks for a new secret too.
    public var renameRegenerates: Bool
    /// Where warnings are sent to; `{{NAME}}` stands for a secret variable.
    public var notificationUrl: String?
    /// Header fields by name, sent with each warning; `{{NAME}}` in a value stands for a secret variable.
    public var notificationHeaders: [String: String]
    /// `en`, `nl` or `pt-BR`; what members read who have not chosen a language of their own.
    public var language: String

    public init(
        id: String, name: String, inactivityDays: Int?, dailyQuota: Int64?, holdCalls: Bool, createdAt: String,
        renameRegenerates: Bool = false, notificationUrl: String? = nil, notificationHeaders: [String: String] = [:],
        language: String
    ) {
        self.id = id
        self.name = name
        self.inactivityDays = inactivityDays
        self.dailyQuota = dailyQuota
        self.holdCalls = holdCalls
        self.createdAt = createdAt
        self.renameRegenerates = renameRegenerates
        self.notificationUrl = notificationUrl
        self.notificationHeaders = notificationHeaders
        self.language = language
    }
}

/// Changes the organization: `PATCH /api/v1/organization`. What is absent stays.
public struct OrganizationEdit: Codable, Sendable {
    public var name: String?
    /// Lifted means that accounts never become inactive by themselves.
    public var inactivityDays: Change<Int>
    public var dailyQuota: Change<Int64>
    public var holdCalls: Bool?
    /// Whether a new name for a credential asks for a new secret too.
    public var renameRegenerates: Bool?
    /// Where warnings are sent to; `{{NAME}}` stands for a secret variable.
    public var notificationUrl: Change<String>
    /// Header fields by name, which replace all that there are.
    public var notificationHeaders: [String: String]?
    /// `en`, `nl` or `pt-BR`; what members read who have not chosen a language of their own.
    public var language: String?

    public init(
        name: String? = nil, inactivityDays: Change<Int> = .keep, dailyQuota: Change<Int64> = .keep,
        holdCalls: Bool? = nil, renameRegenerates: Bool? = nil, notificationUrl: Change<String> = .keep,
        notificationHeaders: [String: String]? = nil, language: String? = nil
    ) {
        self.name = name
        self.inactivityDays = inactivityDays
        self.dailyQuota = dailyQuota
        self.holdCalls = holdCalls
        self.renameRegenerates = renameRegenerates
        self.notificationUrl = notificationUrl
        self.notificationHeaders = notificationHeaders
        self.language = language
    }
}

/// Asks for a new organization: `POST /api/v1/organizations`.
public struct NewOrganization: Codable, Sendable {
    /// 1 to 100 characters.
    public var name: String

    public init(name: String) {
        self.name = name
    }
}

/// An organization that the actor is a member of.
public struct OrganizationSummaryView: Codable, Hashable, Sendable {
    public var id: String
    public var name: String
    /// The actor's.
    public var role: String
    /// The membership's: `active` or `inactive`.
    public var state: String

    public init(id: String, name: String, role: String, state: String) {
        self.id = id
        self.name = name
        self.role = role
        self.state = state
    }
}

/// A new organization.
public struct OrganizationCreatedView: Codable, Hashable, Sendable {
    public var id: String
    public var name: String
    /// Acts in it as its owner; shown this once.
    public var managementToken: String

    public init(id: String, name: String, managementToken: String) {
        self.id = id
        self.name = name
        self.managementToken = managementToken
    }
}
