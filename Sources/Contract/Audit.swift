/// One act in the audit log, chained to the one before it.
public struct AuditEntryView: Codable, Hashable, Sendable {
    public var id: String
    public var organization: String
    /// Counts from 1 in each organization, without a gap.
    public var sequence: Int64
    public var at: String
    /// The account that acted; absent when Inlet did, by a rule.
    public var actor: String?
    public var actorToken: String?
    /// `noun.verb`.
    public var action: String
    public var subject: String
    public var details: [String: String]
    /// Hash of the entry before, hexadecimal.
    public var previous: String
    /// Hash of this one, hexadecimal.
    public var hash: String
    /// Code over the hash that only who has the key can make, hexadecimal.
    public var mac: String

    public init(
        id: String, organization: String, sequence: Int64, at: String, actor: String? = nil, actorToken: String? = nil,
        action: String, subject: String, details: [String: String], previous: String, hash: String, mac: String
    ) {
        self.id = id
        self.organization = organization
        self.sequence = sequence
        self.at = at
        self.actor = actor
        self.actorToken = actorToken
        self.action = action
        self.subject = subject
        self.details = details
        self.previous = previous
        self.hash = hash
        self.mac = mac
    }
}

/// Whether the audit log is as it was written: `GET /api/v1/audit/verify`.
public struct AuditVerdictView: Codable, Hashable, Sendable {
    public var isIntact: Bool
    /// How many were checked.
    public var entries: Int64
    /// Hash of the last one; absent if there is none.
    public var head: String?
    /// The first thing that is wrong.
    public var fault: AuditFaultView?

    public init(isIntact: Bool, entries: Int64, head: String? = nil, fault: AuditFaultView? = nil) {
        self.isIntact = isIntact
        self.entries = entries
        self.head = head
        self.fault = fault
    }
}

/// What is wrong with the audit log, and where.
public struct AuditFaultView: Codable, Hashable, Sendable {
    public var sequence: Int64
    /// The entry, if there is one.
    public var id: String?
    /// For a person.
    public var words: String

    public init(sequence: Int64, id: String? = nil, words: String) {
        self.sequence = sequence
        self.id = id
        self.words = words
    }
}

/// The key that checks the codes of an export: `GET /api/v1/audit/key`.
public struct AuditKeyView: Codable, Hashable, Sendable {
    /// 64 hexadecimal digits.
    public var key: String

    public init(key: String) {
        self.key = key
    }
}
