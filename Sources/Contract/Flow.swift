/// Asks for a new flow: `POST /api/v1/flows`.
public struct NewFlow: Codable, Sendable {
    /// 1 to 100 characters; no other flow of the organization has it.
    public var name: String
    /// At most 500 characters.
    public var description: String?
    /// Whose events it takes: id or name.
    public var webhook: String
    /// Which of them; all when absent. A value, or a text that holds the JSON of one; numbers of a text are read exactly.
    public var filter: JSONValue?
    /// What is sent of them; the caller's exact bytes when absent. A value, or a text that holds the JSON of one.
    public var template: JSONValue?
    /// Where they go: ids or names, at least one.
    public var destinations: [String]

    public init(
        name: String, description: String? = nil, webhook: String, filter: JSONValue? = nil, template: JSONValue? = nil,
        destinations: [String]
    ) {
        self.name = name
        self.description = description
        self.webhook = webhook
        self.filter = filter
        self.template = template
        self.destinations = destinations
    }
}

/// Changes a flow: `PATCH /api/v1/flows/{id}`. What is absent stays.
public struct FlowEdit: Codable, Sendable {
    public var name: String?
    public var description: String?
    /// Lifted means that every event goes.
    public var filter: Change<JSONValue>
    /// Lifted means that the caller's exact bytes are sent.
    public var template: Change<JSONValue>
    /// All of them: ids or names.
    public var destinations: [String]?

    public init(
        name: String? = nil, description: String? = nil, filter: Change<JSONValue> = .keep, template: Change<JSONValue> = .keep,
        destinations: [String]? = nil
    ) {
        self.name = name
        self.description = description
        self.filter = filter
        self.template = template
        self.destinations = destinations
    }
}

/// A flow: takes the events of one webhook and sends them to destinations.
public struct FlowView: Codable, Hashable, Sendable {
    public var id: String
    /// Id of the webhook.
    public var webhook: String
    public var name: String
    public var description: String
    /// Absent when every event goes.
    public var filter: JSONValue?
    /// Absent when the caller's exact bytes are sent.
    public var template: JSONValue?
    /// Ids.
    public var destinations: [String]
    /// `active`, `paused` or `archived`.
    public var state: String
    public var createdAt: String

    public init(
        id: String, webhook: String, name: String, description: String, filter: JSONValue? = nil, template: JSONValue? = nil,
        destinations: [String], state: String, createdAt: String
    ) {
        self.id = id
        self.webhook = webhook
        self.name = name
        self.description = description
        self.filter = filter
        self.template = template
        self.destinations = destinations
        self.state = state
        self.createdAt = createdAt
    }
}

/// Asks what a flow would send: `POST /api/v1/flows/{id}/dry-run`.
public struct DryRunRequest: Codable, Sendable {
    /// Id of a kept event.
    public var event: String
    /// To be tried instead of that of the flow. A value, or a text that holds the JSON of one; numbers of a text are read exactly.
    public var filter: JSONValue?
    /// To be tried instead of that of the flow. A value, or a text that holds the JSON of one.
    public var template: JSONValue?

    public init(
        event: String, filter: JSONValue? = nil, template: JSONValue? = nil
    ) {
        self.event = event
        self.filter = filter
        self.template = template
    }
}

/// What a flow would send of an event.
public struct DryRunView: Codable, Hashable, Sendable {
    /// Whether the filter lets it through.
    public var isLetThrough: Bool
    /// In words; absent where there is no filter.
    public var why: String?
    /// One for each destination.
    public var messages: [DryRunMessageView]

    public init(
        isLetThrough: Bool, why: String? = nil, messages: [DryRunMessageView]
    ) {
        self.isLetThrough = isLetThrough
        self.why = why
        self.messages = messages
    }
}

/// What a destination would get: either `fault`, or the request.
///
/// Secret variables stand in it as `{{NAME}}`, and signatures are made with a secret that is drawn for the occasion.
public struct DryRunMessageView: Codable, Hashable, Sendable {
    /// Id of the destination.
    public var destination: String
    public var kind: String
    /// Why nothing could be sent, in words.
    public var fault: String?
    public var method: String?
    public var url: String?
    /// Pairs of name and value.
    public var headers: [[String]]?
    /// The first 64 KiB, as text; `bodyBase64` if it is none.
    public var body: String?
    public var bodyBase64: String?
    /// How many bytes the whole body has.
    public var bodyBytes: Int64?

    public init(
        destination: String, kind: String, fault: String? = nil, method: String? = nil, url: String? = nil,
        headers: [[String]]? = nil, body: String? = nil, bodyBase64: String? = nil, bodyBytes: Int64? = nil
    ) {
        self.destination = destination
        self.kind = kind
        self.fault = fault
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.bodyBase64 = bodyBase64
        self.bodyBytes = bodyBytes
    }
}
