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

    package init(
        id: ID<Token>, organization: ID<Organization>, scope: Scope, owner: ID<Account>, name: Label,
        description: Label, state: Lifecycle, createdAt: Timestamp, expiresAt: Timestamp?
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
    }
}

/// What is kept of one secret of a token: how to find it, how people recognise it, how much it is used.
package struct SecretRecord: Hashable, Sendable {
    package let digest: SecretDigest
    package let token: ID<Token>
    package let hint: String
    package let createdAt: Timestamp
    package var lastUsedAt: Timestamp?
    package var useCount: Int64

    package init(
        digest: SecretDigest, token: ID<Token>, hint: String, createdAt: Timestamp,
        lastUsedAt: Timestamp? = nil, useCount: Int64 = 0
    ) {
        self.digest = digest
        self.token = token
        self.hint = hint
        self.createdAt = createdAt
        self.lastUsedAt = lastUsedAt
        self.useCount = useCount
    }
}
