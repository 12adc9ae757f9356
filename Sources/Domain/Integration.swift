/// A credential of an organization, by which its services report: Hits/Failure or Deploy. Rows E1–E10.
package struct IntegrationCredential: Identified, Hashable, Sendable {
    package static let idPrefix = "cred"

    /// What is reported with it.
    package enum Kind: String, Sendable, CaseIterable {
        /// Hits and failures of resources (E3–E5). It has an integration token, which is exchanged for activation tokens.
        case hitsFailure = "hits_failure"
        /// Deploys of applications (E6). It has no token of its own; each application has one.
        case deploy
    }

    package let id: ID<IntegrationCredential>
    package let organization: ID<Organization>
    package let kind: Kind
    package var name: Label
    package var description: Label
    /// How long an activation token lives that is made now; `nil` for as long as the credential does (E4).
    package var activationLifetime: Interval?
    package let createdAt: Timestamp

    package init(
        id: ID<IntegrationCredential>, organization: ID<Organization>, kind: Kind, name: Label, description: Label,
        activationLifetime: Interval?, createdAt: Timestamp
    ) {
        self.id = id
        self.organization = organization
        self.kind = kind
        self.name = name
        self.description = description
        self.activationLifetime = activationLifetime
        self.createdAt = createdAt
    }
}

/// A token by which a service reports. It belongs to a credential of the organization, not to an account, so it never goes idle.
package struct IntegrationToken: Identified, Hashable, Sendable {
    package static let idPrefix = "itk"

    /// What it opens.
    package enum Purpose: Hashable, Sendable {
        /// `POST /activations`: the integration token of a Hits/Failure credential.
        case activate
        /// `POST /hits`: an activation token.
        case reportHits
        /// `POST /deploys`: the deploy token of one application.
        case reportDeploys(ID<Application>)

        /// The letter its secrets carry.
        package var secretKind: SecretKind {
            switch self {
            case .activate: .hitsIntegration
            case .reportHits: .activation
            case .reportDeploys: .deploy
            }
        }
    }

    package let id: ID<IntegrationToken>
    package let organization: ID<Organization>
    package var credential: ID<IntegrationCredential>
    package let purpose: Purpose
    package var digest: KeyedDigest
    /// What people recognise it by.
    package let hint: String
    /// The secret, to be looked at again (E7); `nil` for activation tokens, which are shown once.
    package var sealed: SealedText?
    package let createdAt: Timestamp
    /// From where an activation token was asked for.
    package let createdAddress: String?
    /// From then on it opens nothing; `nil` for never.
    package let expiresAt: Timestamp?
    /// When it was taken away; it is told apart from unknown ones for a while.
    package var endedAt: Timestamp?
    package var lastUsedAt: Timestamp?
    package var lastAddress: String?
    package var useCount: Int64

    package init(
        id: ID<IntegrationToken>, organization: ID<Organization>, credential: ID<IntegrationCredential>, purpose: Purpose,
        digest: KeyedDigest, hint: String, sealed: SealedText? = nil, createdAt: Timestamp, createdAddress: String? = nil,
        expiresAt: Timestamp? = nil, endedAt: Timestamp? = nil, lastUsedAt: Timestamp? = nil, lastAddress: String? = nil,
        useCount: Int64 = 0
    ) {
        self.id = id
        self.organization = organization
        self.credential = credential
        self.purpose = purpose
        self.digest = digest
        self.hint = hint
        self.sealed = sealed
        self.createdAt = createdAt
        self.createdAddress = createdAddress
        self.expiresAt = expiresAt
        self.endedAt = endedAt
        self.lastUsedAt = lastUsedAt
        self.lastAddress = lastAddress
        self.useCount = useCount
    }

    /// What a secret is sealed for: it opens for this token of this organization alone.
    package static func sealingPurpose(of id: ID<IntegrationToken>, in organization: ID<Organization>) -> String {
        "organization/\(organization.text)/integration-token/\(id.text)"
    }

    /// Whether it opens nothing any more, whatever else is done. The exact moment of the end counts as over.
    package func isOver(at now: Timestamp) -> Bool {
        endedAt != nil || expiresAt.map { $0 <= now } ?? false
    }
}

/// What an integration token is exchanged for (E4).
package struct Activation: Hashable, Sendable {
    /// The activation token's 43 characters, shown this once.
    package let token: String
    package let expiresAt: Timestamp?
    package let organization: ID<Organization>
    /// Where it reports to.
    package let hitsURL: String

    package init(token: String, expiresAt: Timestamp?, organization: ID<Organization>, hitsURL: String) {
        self.token = token
        self.expiresAt = expiresAt
        self.organization = organization
        self.hitsURL = hitsURL
    }
}

/// What came in by `POST /hits` in one request; its id is the receipt.
package enum HitsRequest: Identified {
    package static let idPrefix = "rep"
}

/// The kinds of requests by which services report; the path on the ingest listener.
package enum ReportPath: String, Sendable, CaseIterable {
    case activations = "/activations"
    case hits = "/hits"
    case deploys = "/deploys"

    /// The kind of secret it takes.
    package var secretKind: SecretKind {
        switch self {
        case .activations: .hitsIntegration
        case .hits: .activation
        case .deploys: .deploy
        }
    }

    /// How long a body may be, in bytes.
    package var bodyBytesMax: Int {
        switch self {
        case .hits: 1 << 20
        case .activations, .deploys: 64 << 10
        }
    }
}
