/// Changes a resource: `PATCH /api/v1/resources/{name}`.
public struct ResourceEdit: Codable, Sendable {
    /// The share of hits that are to succeed: percent, 50 to 99.999.
    public var objective: Double

    public init(objective: Double) {
        self.objective = objective
    }
}

/// What services report hits and failures of. Its figures are those of the last `days`; what rests on no hits is absent.
public struct ResourceView: Codable, Hashable, Sendable {
    public var id: String
    public var name: String
    /// Percent.
    public var objective: Double
    /// `learning`, `healthy`, `failing` or `silent`.
    public var state: String
    public var createdAt: String
    public var lastReportAt: String?
    /// How far apart its reports usually are; absent until that is known.
    public var usualIntervalSeconds: Int64?
    /// How far back was looked.
    public var days: Int
    /// All, those that failed among them.
    public var hits: Int64
    public var failures: Int64
    /// 0 to 1.
    public var availability: Double?
    /// 1 when nothing of it is used up; below 0 when it is overdrawn.
    public var errorBudgetLeft: Double?
    /// How fast the last hour used up the error budget; 1 is just as fast as the objective allows.
    public var burnRateHour: Double?
    /// How fast the last day did.
    public var burnRateDay: Double?

    public init(
        id: String, name: String, objective: Double, state: String, createdAt: String, lastReportAt: String? = nil,
        usualIntervalSeconds: Int64? = nil, days: Int, hits: Int64, failures: Int64, availability: Double? = nil,
        errorBudgetLeft: Double? = nil, burnRateHour: Double? = nil, burnRateDay: Double? = nil
    ) {
        self.id = id
        self.name = name
        self.objective = objective
        self.state = state
        self.createdAt = createdAt
        self.lastReportAt = lastReportAt
        self.usualIntervalSeconds = usualIntervalSeconds
        self.days = days
        self.hits = hits
        self.failures = failures
        self.availability = availability
        self.errorBudgetLeft = errorBudgetLeft
        self.burnRateHour = burnRateHour
        self.burnRateDay = burnRateDay
    }
}

/// How available a resource was: `GET /api/v1/resources/{name}/availability`. What rests on no hits is absent.
public struct AvailabilityView: Codable, Hashable, Sendable {
    /// Id of the resource.
    public var resource: String
    public var name: String
    public var from: String
    public var to: String
    /// How long each point stands for.
    public var stepSeconds: Int64
    /// Percent.
    public var objective: Double
    /// All, those that failed among them.
    public var hits: Int64
    public var failures: Int64
    /// 0 to 1.
    public var availability: Double?
    /// 1 when nothing of it is used up; below 0 when it is overdrawn.
    public var errorBudgetLeft: Double?
    /// How fast the error budget was used up; 1 is just as fast as the objective allows.
    public var burnRate: Double?
    /// Oldest first.
    public var points: [AvailabilityPointView]

    public init(
        resource: String, name: String, from: String, to: String, stepSeconds: Int64, objective: Double, hits: Int64,
        failures: Int64, availability: Double? = nil, errorBudgetLeft: Double? = nil, burnRate: Double? = nil,
        points: [AvailabilityPointView]
    ) {
        self.resource = resource
        self.name = name
        self.from = from
        self.to = to
        self.stepSeconds = stepSeconds
        self.objective = objective
        self.hits = hits
        self.failures = failures
        self.availability = availability
        self.errorBudgetLeft = errorBudgetLeft
        self.burnRate = burnRate
        self.points = points
    }
}

/// One step of a resource's availability.
public struct AvailabilityPointView: Codable, Hashable, Sendable {
    /// When the step begins.
    public var at: String
    public var hits: Int64
    public var failures: Int64
    /// 0 to 1; absent without hits.
    public var availability: Double?

    public init(at: String, hits: Int64, failures: Int64, availability: Double? = nil) {
        self.at = at
        self.hits = hits
        self.failures = failures
        self.availability = availability
    }
}
