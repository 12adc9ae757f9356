/// A kind of destination: what it is, and what one must say of itself.
public struct DestinationKindView: Codable, Hashable, Sendable {
    /// What `kind` names it by.
    public var name: String
    /// In words.
    public var meaning: String
    /// Whether its messages are signed.
    public var signs: Bool
    /// Whether its deliveries are claimed by who wants them, instead of sent by the server.
    public var isPulled: Bool
    /// What stands in `settings`.
    public var fields: [DestinationFieldView]

    public init(
        name: String, meaning: String, signs: Bool, isPulled: Bool, fields: [DestinationFieldView]
    ) {
        self.name = name
        self.meaning = meaning
        self.signs = signs
        self.isPulled = isPulled
        self.fields = fields
    }
}

/// A field in the settings of a destination.
public struct DestinationFieldView: Codable, Hashable, Sendable {
    public var name: String
    /// `text`, `url`, `headers`, `choice` or `number`.
    public var type: String
    public var isRequired: Bool
    /// What holds when it is absent.
    public var `default`: String?
    /// In words.
    public var meaning: String
    /// Of a `choice`.
    public var choices: [String]?
    /// Of a `number`.
    public var minimum: Int?
    /// Of a `number`.
    public var maximum: Int?
    /// Whether `{{NAME}}` stands in it for a secret variable.
    public var takesSecrets: Bool

    public init(
        name: String, type: String, isRequired: Bool, default: String? = nil, meaning: String, choices: [String]? = nil,
        minimum: Int? = nil, maximum: Int? = nil, takesSecrets: Bool
    ) {
        self.name = name
        self.type = type
        self.isRequired = isRequired
        self.default = `default`
        self.meaning = meaning
        self.choices = choices
        self.minimum = minimum
        self.maximum = maximum
        self.takesSecrets = takesSecrets
    }
}

/// Asks for a new destination: `POST /api/v1/destinations`.
public struct NewDestination: Codable, Sendable {
    /// 1 to 100 characters; no other destination of the organization has it.
    public var name: String
    /// One of `GET /api/v1/destination-kinds`.
    public var kind: String
    /// What its kind must know, by name of the field.
    public var settings: [String: String]?
    /// When it is tried again, `0,5s,5m` for example.
    public var schedule: String?
    /// Attempts at once, 1 to 64; 4 when absent.
    public var concurrency: Int?
    /// Attempts a second, 1 to 10,000; as many as come when absent.
    public var ratePerSecond: Int?
    /// The header field or path whose equal values go one after the other; no order when absent.
    public var orderedBy: String?

    public init(
        name: String, kind: String, settings: [String: String]? = nil, schedule: String? = nil, concurrency: Int? = nil,
        ratePerSecond: Int? = nil, orderedBy: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.settings = settings
        self.schedule = schedule
        self.concurrency = concurrency
        self.ratePerSecond = ratePerSecond
        self.orderedBy = orderedBy
    }
}

/// Changes a destination: `PATCH /api/v1/destinations/{id}`. What is absent stays.
public struct DestinationEdit: Codable, Sendable {
    public var name: String?
    /// All of them.
    public var settings: [String: String]?
    /// Lifted brings back the default.
    public var schedule: Change<String>
    public var concurrency: Int?
    /// Lifted means as many as come.
    public var ratePerSecond: Change<Int>
    /// Lifted means no order.
    public var orderedBy: Change<String>

    public init(
        name: String? = nil, settings: [String: String]? = nil, schedule: Change<String> = .keep, concurrency: Int? = nil,
        ratePerSecond: Change<Int> = .keep, orderedBy: Change<String> = .keep
    ) {
        self.name = name
        self.settings = settings
        self.schedule = schedule
        self.concurrency = concurrency
        self.ratePerSecond = ratePerSecond
        self.orderedBy = orderedBy
    }
}

/// Where events go. `secret` is present in the answer that makes it.
public struct DestinationView: Codable, Hashable, Sendable {
    public var id: String
    public var name: String
    public var kind: String
    /// By name of the field. Secrets stand in it as `{{NAME}}`.
    public var settings: [String: String]
    /// `active` or `disabled`.
    public var state: String
    public var disabledSince: String?
    /// `by_hand`, `gone` or `failing`.
    public var disabledReason: String?
    /// When it is tried again.
    public var schedule: String
    /// Attempts at once.
    public var concurrency: Int
    /// Attempts a second; absent for as many as come.
    public var ratePerSecond: Int?
    /// What deliveries share that go one after the other.
    public var orderedBy: String?
    public var createdAt: String
    /// Of a key pair that it signs with.
    public var publicKey: String?
    /// How many secrets sign its messages.
    public var signingSecrets: Int
    /// Since when nothing succeeded.
    public var failingSince: String?
    /// Deliveries that wait, counted up to 1,000.
    public var waiting: Int
    /// Deliveries that are due, counted up to 1,000.
    public var due: Int
    /// What it signs with.
    public var secret: String?

    public init(
        id: String, name: String, kind: String, settings: [String: String], state: String, disabledSince: String? = nil,
        disabledReason: String? = nil, schedule: String, concurrency: Int, ratePerSecond: Int? = nil, orderedBy: String? = nil,
        createdAt: String, publicKey: String? = nil, signingSecrets: Int, failingSince: String? = nil, waiting: Int, due: Int,
        secret: String? = nil
    ) {
        self.id = id
        self.name = name
        self.kind = kind
        self.settings = settings
        self.state = state
        self.disabledSince = disabledSince
        self.disabledReason = disabledReason
        self.schedule = schedule
        self.concurrency = concurrency
        self.ratePerSecond = ratePerSecond
        self.orderedBy = orderedBy
        self.createdAt = createdAt
        self.publicKey = publicKey
        self.signingSecrets = signingSecrets
        self.failingSince = failingSince
        self.waiting = waiting
        self.due = due
        self.secret = secret
    }
}

/// Asks for a new signing secret: `POST /api/v1/destinations/{id}/rotate`.
public struct RotateSigningSecret: Codable, Sendable {
    /// How long the old one signs beside it, 0 to 604800; 86400 when absent.
    public var overlapSeconds: Int64?

    public init(
        overlapSeconds: Int64? = nil
    ) {
        self.overlapSeconds = overlapSeconds
    }
}

/// What a destination signs with: the newest secret.
public struct SigningSecretView: Codable, Hashable, Sendable {
    public var secret: String

    public init(
        secret: String
    ) {
        self.secret = secret
    }
}

/// Asks for deliveries that are due, to send them oneself: `POST /api/v1/destinations/{id}/claims`.
public struct ClaimRequest: Codable, Sendable {
    /// At most so many, 1 to 100; 10 when absent.
    public var limit: Int?
    /// How long they are kept for who asks, 5 to 300; 60 when absent.
    public var leaseSeconds: Int?
    /// How long to wait for the first, 0 to 25; 0 when absent.
    public var waitSeconds: Int?

    public init(
        limit: Int? = nil, leaseSeconds: Int? = nil, waitSeconds: Int? = nil
    ) {
        self.limit = limit
        self.leaseSeconds = leaseSeconds
        self.waitSeconds = waitSeconds
    }
}

/// A delivery that is kept for who claimed it, with its message.
public struct ClaimView: Codable, Hashable, Sendable {
    /// Id of the delivery.
    public var delivery: String
    /// The number of the attempt that this is.
    public var attempt: Int
    public var event: String
    public var webhook: String
    /// When another may have it, unless it is settled.
    public var leaseUntil: String
    /// Pairs of name and value, to be sent as they are.
    public var headers: [[String]]
    /// As text; `bodyBase64` if it is none.
    public var body: String?
    public var bodyBase64: String?

    public init(
        delivery: String, attempt: Int, event: String, webhook: String, leaseUntil: String, headers: [[String]],
        body: String? = nil, bodyBase64: String? = nil
    ) {
        self.delivery = delivery
        self.attempt = attempt
        self.event = event
        self.webhook = webhook
        self.leaseUntil = leaseUntil
        self.headers = headers
        self.body = body
        self.bodyBase64 = bodyBase64
    }
}
