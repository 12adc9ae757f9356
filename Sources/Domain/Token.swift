/// The credential record: what it opens, whose it is, whether it lives. Its secrets stand apart, so that they can be rotated.
package struct Token: Identified, Hashable, Sendable {
    package static let idPrefix = "tok"

    /// What a token opens.
    package enum Scope: Hashable, Sendable {
        /// Exactly one webhook (D2).
        case app(ID<Webhook>)
        /// Every webhook of the organization, those made later included (D4).
        case api
        /// The REST API, with the rights of its owner.
        case management

        /// The letter its secrets carry.
        package var secretKind: SecretKind {
            switch self {
            case .app: .app
            case .api: .api
            case .management: .management
            }
        }

        /// `app`, `api` or `management`, as the REST API says it.
        package var name: String {
            switch self {
            case .app: "app"
            case .api: "api"
            case .management: "management"
            }
        }
    }

    package let id: ID<Token>
    package let organization: ID<Organization>
    package let scope: Scope
    package var owner: ID<Account>
    package var name: Label
    package var description: Label
    package var state: Lifecycle
    package let createdAt: Timestamp
    /// From then on it opens nothing; `nil` for never. A management token always has one.
    package var expiresAt: Timestamp?
    /// The networks it may be used from; empty for all (N7).
    package var networks: [IPNetwork]
    /// Calls a minute; `nil` for no limit (N7).
    package var rateLimitPerMinute: Int64?
    /// Whether sealed secrets may be looked at with it, as far as its owner may (E7); only for a management token.
    package let mayReveal: Bool

    package init(
        id: ID<Token>, organization: ID<Organization>, scope: Scope, owner: ID<Account>, name: Label,
        description: Label, state: Lifecycle, createdAt: Timestamp, expiresAt: Timestamp?, networks: [IPNetwork] = [],
        rateLimitPerMinute: Int64? = nil, mayReveal: Bool = false
    ) {
        self.id = id
        self.organization = organization
        self.scope = scope
        self.owner = owner
        self.name = name
        self.description = description
        self.state = state
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.networks = networks
        self.rateLimitPerMinute = rateLimitPerMinute
        self.mayReveal = mayReveal
    }

    /// Whether it may be used from that address; one that cannot be read is in no network.
    package func allows(from address: String) -> Bool {
        if networks.isEmpty { return true }
        guard let address = IPAddress(address) else { return false }
        return networks.contains { $0.contains(address) }
    }
}

/// What is kept of one secret of a token: how to find it, how people recognise it, how much it is used.
package struct SecretRecord: Hashable, Sendable {
    package let digest: SecretDigest
    package let token: ID<Token>
    package let hint: String
    /// The number of the master key it is digested under.
    package let keyNumber: Int
    package let createdAt: Timestamp
    /// From then on it opens nothing: a newer one took its place (N6). `nil` for the newest.
    package var endsAt: Timestamp?
    package var lastUsedAt: Timestamp?
    package var lastAddress: String?
    package var useCount: Int64

    package init(
        digest: SecretDigest, token: ID<Token>, hint: String, keyNumber: Int, createdAt: Timestamp,
        endsAt: Timestamp? = nil, lastUsedAt: Timestamp? = nil, lastAddress: String? = nil, useCount: Int64 = 0
    ) {
        self.digest = digest
        self.token = token
        self.hint = hint
        self.keyNumber = keyNumber
        self.createdAt = createdAt
        self.endsAt = endsAt
        self.lastUsedAt = lastUsedAt
        self.lastAddress = lastAddress
        self.useCount = useCount
    }

    /// Whether a newer secret has taken its place for good. The exact moment of the end counts as over.
    package func hasEnded(at now: Timestamp) -> Bool {
        endsAt.map { $0 <= now } ?? false
    }
}

/// How an old secret goes on working beside a new one. Row N6.
package enum Overlap {
    /// What nobody chose otherwise gets.
    package static let standard = Interval.days(1)
    package static let longest = Interval.days(7)
    /// Secrets of one token that may work at the same time.
    package static let secretsMax = 4
    /// Secrets of one token that ended and are still told apart from unknown ones.
    package static let endedSecretsMax = 20

    /// When a secret ends if a new one is made now; an earlier end stays.
    package static func end(of secret: SecretRecord, rotatedAt now: Timestamp, overlap: Interval) -> Timestamp {
        let end = now.adding(overlap)
        return min(secret.endsAt ?? end, end)
    }
}
