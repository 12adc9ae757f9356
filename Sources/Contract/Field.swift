/// A field that the bodies of a webhook have had.
public struct FieldView: Codable, Hashable, Sendable {
    /// Like a JSON path, with `[]` for the elements of an array: `$.order.lines[].sku`; `$` is the body itself.
    public var path: String
    /// What stands for it in a template, `{{event.body.order.lines[0].sku}}`; null if it cannot be named there.
    public var mergeField: String?
    /// `null`, `bool`, `number`, `text`, `object`, `array`.
    public var kinds: [String]

    public init(path: String, mergeField: String?, kinds: [String]) {
        self.path = path
        self.mergeField = mergeField
        self.kinds = kinds
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(path, forKey: .path)
        try container.encode(mergeField, forKey: .mergeField)
        try container.encode(kinds, forKey: .kinds)
    }
}

/// The fields of a webhook: `GET /api/v1/webhooks/{id}/fields`.
public struct WebhookFieldsView: Codable, Hashable, Sendable {
    /// In the order they were learned; a parent stands before its children.
    public var items: [FieldView]
    /// How many bodies they were learned from.
    public var learnedEvents: Int64
    /// The newest event that was looked at; absent before the first.
    public var lastEvent: String?

    public init(items: [FieldView], learnedEvents: Int64, lastEvent: String? = nil) {
        self.items = items
        self.learnedEvents = learnedEvents
        self.lastEvent = lastEvent
    }
}

/// A field of one event's body.
public struct EventFieldView: Codable, Hashable, Sendable {
    public var path: String
    /// What stands for it in a template; null if it cannot be named there.
    public var mergeField: String?
    public var kinds: [String]
    /// Whether none of the events learned from before had it.
    public var isNew: Bool

    public init(path: String, mergeField: String?, kinds: [String], isNew: Bool) {
        self.path = path
        self.mergeField = mergeField
        self.kinds = kinds
        self.isNew = isNew
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(path, forKey: .path)
        try container.encode(mergeField, forKey: .mergeField)
        try container.encode(kinds, forKey: .kinds)
        try container.encode(isNew, forKey: .isNew)
    }
}

/// The fields of one event's body: `GET /api/v1/events/{id}/fields`.
public struct EventFieldsView: Codable, Hashable, Sendable {
    public var items: [EventFieldView]
    /// Paths that bodies before it had, and that this one lacks.
    public var missing: [String]

    public init(items: [EventFieldView], missing: [String]) {
        self.items = items
        self.missing = missing
    }
}
