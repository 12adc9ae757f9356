/// Asks for a new application: `POST /api/v1/applications`.
public struct NewApplication: Codable, Sendable {
    /// 1 to 100 characters; no other application of the organization has it.
    public var name: String
    /// At most 500 characters.
    public var description: String?
    /// Id or name of the Deploy credential it belongs to; the oldest when absent.
    public var credential: String?

    public init(name: String, description: String? = nil, credential: String? = nil) {
        self.name = name
        self.description = description
        self.credential = credential
    }
}

/// Changes an application: `PATCH /api/v1/applications/{id}`. What is absent stays.
public struct ApplicationEdit: Codable, Sendable {
    public var name: String?
    public var description: String?
    /// Id or name of another Deploy credential, which takes the token along.
    public var credential: String?

    public init(name: String? = nil, description: String? = nil, credential: String? = nil) {
        self.name = name
        self.description = description
        self.credential = credential
    }
}

/// An application, whose deploys are reported. `secret`, `header` and `curl` are present in the answer that makes the deploy
/// token.
public struct ApplicationView: Codable, Hashable, Sendable {
    public var id: String
    public var name: String
    public var description: String
    /// Id of the Deploy credential it belongs to; absent while it waits for one.
    public var credential: String?
    public var createdAt: String
    /// The first characters of its deploy token, to recognise it by.
    public var hint: String?
    public var tokenCreatedAt: String?
    public var lastUsedAt: String?
    /// Where it was last used from.
    public var lastAddress: String?
    public var useCount: Int64
    public var secret: String?
    /// The whole header line, `Authorization: Bearer …`.
    public var header: String?
    /// A line for the shell that makes a first report.
    public var curl: String?

    public init(
        id: String, name: String, description: String, credential: String? = nil, createdAt: String, hint: String? = nil,
        tokenCreatedAt: String? = nil, lastUsedAt: String? = nil, lastAddress: String? = nil, useCount: Int64,
        secret: String? = nil, header: String? = nil, curl: String? = nil
    ) {
        self.id = id
        self.name = name
        self.description = description
        self.credential = credential
        self.createdAt = createdAt
        self.hint = hint
        self.tokenCreatedAt = tokenCreatedAt
        self.lastUsedAt = lastUsedAt
        self.lastAddress = lastAddress
        self.useCount = useCount
        self.secret = secret
        self.header = header
        self.curl = curl
    }
}

/// A report of a deploy.
public struct DeployView: Codable, Hashable, Sendable {
    public var id: String
    /// Id of the application.
    public var application: String
    public var version: String
    public var commit: String?
    public var environment: String
    /// `started`, `succeeded`, `failed` or `rolled_back`.
    public var status: String
    public var startedAt: String?
    public var finishedAt: String?
    public var committedAt: String?
    /// Where the deploy can be looked at.
    public var url: String?
    /// The moment it counts for.
    public var at: String
    public var receivedAt: String
    public var remoteAddress: String

    public init(
        id: String, application: String, version: String, commit: String? = nil, environment: String, status: String,
        startedAt: String? = nil, finishedAt: String? = nil, committedAt: String? = nil, url: String? = nil, at: String,
        receivedAt: String, remoteAddress: String
    ) {
        self.id = id
        self.application = application
        self.version = version
        self.commit = commit
        self.environment = environment
        self.status = status
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.committedAt = committedAt
        self.url = url
        self.at = at
        self.receivedAt = receivedAt
        self.remoteAddress = remoteAddress
    }
}

/// One of the four DORA measures.
public struct MeasureView: Codable, Hashable, Sendable {
    /// Absent if there is not enough data.
    public var value: Double?
    /// `per_day`, `seconds` or `ratio`.
    public var unit: String
    /// How many deploys or failures it rests on.
    public var count: Int
    /// How it is worked out, for a person.
    public var definition: String
    /// Why there is no value, for a person: `not enough data`.
    public var note: String?

    public init(value: Double? = nil, unit: String, count: Int, definition: String, note: String? = nil) {
        self.value = value
        self.unit = unit
        self.count = count
        self.definition = definition
        self.note = note
    }
}

/// How well an application is delivered: `GET /api/v1/applications/{id}/measures`.
public struct MeasuresView: Codable, Hashable, Sendable {
    /// Id of the application.
    public var application: String
    public var environment: String
    /// How far back was looked.
    public var days: Int
    public var from: String
    public var to: String
    public var deploymentFrequency: MeasureView
    public var leadTime: MeasureView
    public var changeFailureRate: MeasureView
    public var timeToRestore: MeasureView

    public init(
        application: String, environment: String, days: Int, from: String, to: String, deploymentFrequency: MeasureView,
        leadTime: MeasureView, changeFailureRate: MeasureView, timeToRestore: MeasureView
    ) {
        self.application = application
        self.environment = environment
        self.days = days
        self.from = from
        self.to = to
        self.deploymentFrequency = deploymentFrequency
        self.leadTime = leadTime
        self.changeFailureRate = changeFailureRate
        self.timeToRestore = timeToRestore
    }
}
