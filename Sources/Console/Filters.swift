import Domain
import Manage

/// One filter above a list: what narrows it. The form is sent by GET, so that its address can be kept.
struct Filter: Sendable {
    let name: String
    let key: String
    let kind: Kind
    /// Whether it stands among those that few need.
    var isRare = false
    var placeholder: String?

    enum Kind: Sendable {
        /// A line of text; `isWide` for the main one.
        case text(isWide: Bool)
        /// A moment in UTC.
        case moment
        /// One of them, or all.
        case choice([Field.Option])
    }

    init(_ name: String, _ kind: Kind, key: String, isRare: Bool = false, placeholder: String? = nil) {
        self.name = name
        self.kind = kind
        self.key = key
        self.isRare = isRare
        self.placeholder = placeholder
    }
}

extension OpenPageRequest {
    /// What the partial `filters` shows.
    ///
    /// - Parameters:
    ///   - fault: what was wrong with what was sent.
    ///   - action: the address of the list, if it is not that of the page.
    func filters(_ list: [Filter], fault: Fault? = nil, action: String? = nil) -> Model {
        let rare = list.filter(\.isRare)
        return [
            "action": action ?? path, "common": list.filter { !$0.isRare }.map { model($0, fault) },
            "rare": rare.map { model($0, fault) }, "hasRare": !rare.isEmpty,
            "isOpen": rare.contains { query[$0.name] != nil },
            "isUsed": list.contains { query[$0.name] != nil },
        ]
    }

    private func model(_ filter: Filter, _ fault: Fault?) -> Model {
        let value = query[filter.name]
        var model: Model = [
            "id": "filter-\(filter.name)", "name": filter.name, "label": words[filter.key], "value": value ?? "",
            "isWide": false, "isText": false, "isMoment": false, "isChoice": false, "options": [Model](),
            "placeholder": filter.placeholder ?? false, "error": fault?.words(of: filter.name) ?? false,
        ]
        switch filter.kind {
        case .text(let isWide):
            model["isText"] = true
            model["isWide"] = isWide
        case .moment:
            model["isMoment"] = true
            model["value"] = Self.written((try? Self.moment(value, filter.name)) ?? nil)
        case .choice(var options):
            model["isChoice"] = true
            // What is asked for by an address stays chosen, though it is not offered.
            if let value, !options.contains(where: { $0.value == value }) { options.append(.init(value, value)) }
            model["options"] = options.map { ["value": $0.value, "label": $0.label, "isSelected": $0.value == value] as Model }
        }
        return model
    }

    // As a field for moments takes it; what was no moment leaves the field empty.
    private static func written(_ moment: Timestamp?) -> String {
        guard let text = moment?.text else { return "" }
        return String(text.prefix(text.dropFirst(16).hasPrefix(":00") ? 16 : 19))
    }

    /// The moments `from` and `to` of the query.
    func span() throws(OperationError) -> (from: Timestamp?, to: Timestamp?) {
        (try Self.moment(query["from"], "from"), try Self.moment(query["to"], "to"))
    }

    /// What a browser sends of a moment, in UTC: `2027-01-31T12:00`; or a whole one.
    ///
    /// - Parameter name: the field it is of.
    static func moment(_ text: String?, _ name: String) throws(OperationError) -> Timestamp? {
        guard let text else { return nil }
        guard let moment = Timestamp(formText: text.utf8.count == 10 ? "\(text)T00:00" : text) else {
            throw .invalid(field: name, "must be a moment in UTC.")
        }
        return moment
    }
}

extension Timestamp {
    /// Reads what a browser's field for date and time sends, with seconds or without, as UTC; or a whole moment (RFC 3339).
    init?(formText text: String) {
        let whole = text.utf8.count == 16 ? "\(text):00Z" : "\(text)Z"
        guard let moment = Timestamp(rfc3339: whole) ?? Timestamp(rfc3339: text) else { return nil }
        self = moment
    }
}

extension [NameOperations.Choice] {
    /// As the options of a filter or field.
    var options: [Field.Option] { map { Field.Option($0.id, $0.name.text) } }
}
