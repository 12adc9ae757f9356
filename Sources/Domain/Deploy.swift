/// A piece of software whose deploys are reported. Row E6.
package struct Application: Identified, Hashable, Sendable {
    package static let idPrefix = "app"

    package let id: ID<Application>
    package let organization: ID<Organization>
    package var name: Label
    package var description: Label
    /// The Deploy credential it belongs to; `nil` while it waits for one.
    package var credential: ID<IntegrationCredential>?
    package let createdAt: Timestamp

    package init(
        id: ID<Application>, organization: ID<Organization>, name: Label, description: Label,
        credential: ID<IntegrationCredential>?, createdAt: Timestamp
    ) {
        self.id = id
        self.organization = organization
        self.name = name
        self.description = description
        self.credential = credential
        self.createdAt = createdAt
    }
}

/// One report about a version on its way into an environment. A version has at most one report of each status there.
package struct Deploy: Identified, Hashable, Sendable {
    package static let idPrefix = "dep"

    package let id: OrderedID<Deploy>
    package let application: ID<Application>
    package let version: Label
    package let environment: Label
    package let status: DeployStatus
    package let commit: Label?
    /// Where a person can look at it; as the sender wrote it.
    package let url: String?
    package let startedAt: Timestamp?
    package let finishedAt: Timestamp?
    package let committedAt: Timestamp?
    package let receivedAt: Timestamp
    /// Who sent the report, as an address.
    package let remoteAddress: String

    package init(
        id: OrderedID<Deploy>, application: ID<Application>, version: Label, environment: Label, status: DeployStatus,
        commit: Label? = nil, url: String? = nil, startedAt: Timestamp? = nil, finishedAt: Timestamp? = nil,
        committedAt: Timestamp? = nil, receivedAt: Timestamp, remoteAddress: String
    ) {
        self.id = id
        self.application = application
        self.version = version
        self.environment = environment
        self.status = status
        self.commit = commit
        self.url = url
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.committedAt = committedAt
        self.receivedAt = receivedAt
        self.remoteAddress = remoteAddress
    }

    /// The moment the report counts for: when it finished, else when it started, else when it came in.
    package var at: Timestamp {
        finishedAt ?? startedAt ?? receivedAt
    }
}

/// What a report says of a deploy; the word on the wire.
package enum DeployStatus: String, Sendable, CaseIterable {
    case started
    case succeeded
    case failed
    case rolledBack = "rolled_back"

    /// Whether the version did not stay: it failed or was taken back.
    package var isFailure: Bool {
        switch self {
        case .failed, .rolledBack: true
        case .started, .succeeded: false
        }
    }
}
