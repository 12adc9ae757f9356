import Domain
import Foundation
import Storage

/// Which events to list, as it is asked for; all where `nil`.
package struct EventQuery: Sendable {
    /// Id, or a name that only one has.
    package var webhook: String?
    package var token: String?
    package var from: Timestamp?
    package var to: Timestamp?
    /// `Name`, or `Name: value` for a value that holds that one.
    package var header: String?
    /// A ``JSONPath`` that the body must have.
    package var path: String?
    /// What must stand there: JSON, or what is taken as a text because it is none.
    package var value: String?
    /// What the body or the context must hold.
    package var text: String?
    /// A ``FlowFilter`` as JSON.
    package var filter: String?

    package init(
        webhook: String? = nil, token: String? = nil, from: Timestamp? = nil, to: Timestamp? = nil, header: String? = nil,
        path: String? = nil, value: String? = nil, text: String? = nil, filter: String? = nil
    ) {
        self.webhook = webhook
        self.token = token
        self.from = from
        self.to = to
        self.header = header
        self.path = path
        self.value = value
        self.text = text
        self.filter = filter
    }
}

/// A query that was read: what the database decides, and what is decided here.
struct EventSearch: Sendable {
    /// What one page may cost; a search goes on with the next page.
    private enum Budget {
        static let rows = 20_000
        static let bodyBytes: Int64 = 32 << 20
        static let parsedBodies = 2_000
        static let parsedBytes: Int64 = 8 << 20
    }

    private static let headerBytesMax = 500
    private static let textBytes = 1...200
    private static let rowsPerStretch = 1_000
    private static let bytesPerStretch: Int64 = 8 << 20

    private let webhook: String?
    private let token: ID<Token>?
    private let from: Timestamp?
    private let to: Timestamp?
    private var narrowing = EventSearchTable.Narrowing()
    private var filters: [FlowFilter] = []

    /// Reads a query.
    ///
    /// - Throws: ``OperationError/invalid(field:_:)``.
    init(_ query: EventQuery) throws(OperationError) {
        webhook = query.webhook
        token = try query.token.map { text throws(OperationError) in try TokenOperations.id(text) }
        from = query.from
        to = query.to
        if let header = query.header { try read(header: header) }
        if let path = query.path {
            try read(path: path, value: query.value)
        } else if query.value != nil {
            throw .invalid(field: "value", "goes with `path`, which says where it must stand.")
        }
        if let text = query.text {
            guard Self.textBytes.contains(text.utf8.count) else {
                throw .invalid(
                    field: "text", "must have \(Self.textBytes.lowerBound) to \(Self.textBytes.upperBound) bytes of UTF-8.")
            }
            narrowing.text = Data(text.utf8)
        }
        if let filter = query.filter {
            do {
                filters.append(try FlowFilter(text: filter))
            } catch {
                throw .invalid(field: "filter", error.words)
            }
            narrowing.readsBodies = true
        }
    }

    /// One page of what matches, newest first, and where the next one begins; it may be short, or empty, with more to come.
    func page(
        before: OrderedID<Event>?, limit: Int, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> (events: [Event], next: OrderedID<Event>?) {
        let webhook = try webhook.map { try WebhookOperations.find($0, in: organization, connection).id }
        let own = try token.flatMap { try TokenOperations.webhook(of: $0, in: organization, connection) }
        if let webhook, let own, webhook != own { return ([], nil) }
        let range = CallFilter(webhook: (webhook ?? own)?.text, token: token, from: from, to: to)
        // A token that opens all webhooks has no range of its own.
        let isRange = token == nil || range.webhook != nil
        guard narrowing.looksAtBodies || !filters.isEmpty || !isRange else {
            let read = try EventTable(connection).list(in: organization, range, before: before?.number, limit: limit + 1)
            return (Array(read.prefix(limit)), read.count > limit ? read.dropLast().last?.id : nil)
        }
        return try look(through: range, before: before, limit: limit, in: organization, connection)
    }

    private func look(
        through range: CallFilter, before: OrderedID<Event>?, limit: Int, in organization: ID<Organization>,
        _ connection: any Connection
    ) throws -> (events: [Event], next: OrderedID<Event>?) {
        let table = EventSearchTable(connection)
        var before = before?.number
        var found: [Event] = []
        var spent = Spent()
        while !spent.isAll, let stretch = try stretch(range, before: before, table) {
            let candidates = try table.events(in: organization, range, narrowing, before: before, from: stretch.oldest)
            for (event, body) in candidates where matches(event, body) { found.append(event) }
            if found.count > limit {
                let page = Array(found.prefix(limit))
                return (page, page.last?.id)
            }
            spent.rows += stretch.rows
            if narrowing.looksAtBodies { spent.bodyBytes += stretch.bodyBytes }
            if narrowing.readsBodies {
                spent.parsedBodies += candidates.count
                spent.parsedBytes += candidates.reduce(0) { $0 + Int64($1.body.count) }
            }
            before = stretch.oldest
        }
        return (found, spent.isAll ? before.map(OrderedID.init(number:)) : nil)
    }

    // What a page has cost so far.
    private struct Spent {
        var rows = 0
        var bodyBytes: Int64 = 0
        var parsedBodies = 0
        var parsedBytes: Int64 = 0

        var isAll: Bool {
            rows >= Budget.rows || bodyBytes >= Budget.bodyBytes || parsedBodies >= Budget.parsedBodies
                || parsedBytes >= Budget.parsedBytes
        }
    }

    // Short enough to be read into memory, if bodies are looked at; a single body may be longer.
    private func stretch(
        _ range: CallFilter, before: Int64?, _ table: EventSearchTable
    ) throws -> EventSearchTable.Stretch? {
        var rows = narrowing.readsBodies ? Self.rowsPerStretch / 4 : Self.rowsPerStretch
        while true {
            guard let stretch = try table.stretch(range, before: before, rows: rows) else { return nil }
            guard narrowing.looksAtBodies, stretch.bodyBytes > Self.bytesPerStretch, stretch.rows > 1 else { return stretch }
            rows = max(1, stretch.rows / 4)
        }
    }

    private func matches(_ event: Event, _ body: Data) -> Bool {
        guard !filters.isEmpty else { return true }
        let input = FilterInput(
            headers: CallHeaders(keptText: event.headersText), contentType: event.contentType, context: event.context,
            body: body)
        return filters.allSatisfy { $0.matches(input) }
    }

    // MARK: Reading

    private mutating func read(header: String) throws(OperationError) {
        let words = "must be `Name` or `Name: value`, at most \(Self.headerBytesMax) bytes."
        guard header.utf8.count <= Self.headerBytesMax else { throw .invalid(field: "header", words) }
        let blanks = CharacterSet(charactersIn: " \t")
        let parts = header.utf8.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
            .map { (String($0) ?? "").trimmingCharacters(in: blanks) }
        let (name, value) = (parts.first ?? "", parts.dropFirst().first ?? "")
        let test: JSONObject.Member =
            value.isEmpty
            ? JSONObject.Member(name: "exists", value: .bool(true)) : JSONObject.Member(name: "contains", value: .text(value))
        do {
            filters.append(try FlowFilter(.object(JSONObject([.init(name: "header", value: .text(name)), test]))))
        } catch {
            throw .invalid(field: "header", words)
        }
        narrowing.headerName = String(decoding: name.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
        if !value.isEmpty { narrowing.headerValue = Data(value.utf8) }
    }

    private mutating func read(path: String, value: String?) throws(OperationError) {
        let known: JSONPath
        do {
            known = try JSONPath(path)
        } catch {
            throw .invalid(field: "path", "must be a path such as $.order.lines[0].sku, at most \(JSONPath.bytesMax) bytes.")
        }
        var test = JSONObject.Member(name: "exists", value: .bool(true))
        if let value {
            let node = (try? JSONNode(value.utf8, bytesMax: FlowFilter.bytesMax)) ?? .text(value)
            test = JSONObject.Member(name: "equals", value: node)
            if case .text(let text) = node { narrow(to: text) }
        }
        do {
            filters.append(try FlowFilter(.object(JSONObject([.init(name: "path", value: .text(path)), test]))))
        } catch {
            throw .invalid(
                field: "value", "must be a text, a number, true, false or null, of at most \(FlowFilter.bytesMax) bytes.")
        }
        for case .name(let name) in known.steps { narrow(to: name) }
        narrowing.readsBodies = true
    }

    // A text stands in a body as it is, unless something in it is escaped.
    private mutating func narrow(to text: String) {
        let mustBeEscaped = text.utf8.contains { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }
        guard !mustBeEscaped, narrowing.unescaped.count < 4 else { return }
        narrowing.unescaped.append(Data("\"\(text)\"".utf8))
    }
}

extension FlowFilterError {
    /// What is wrong with a filter, for the one who wrote it; nothing of what is behind a name.
    fileprivate var words: String {
        let place = place.isEmpty ? "" : " At `\(place)` "
        let fault =
            switch fault {
            case .unreadable: "it is no JSON, or too much of it."
            case .tooDeep(let depthMax): "groups stand deeper in each other than \(depthMax)."
            case .tooManyConditions(let conditionsMax): "there are more than \(conditionsMax) conditions."
            case .noObject: "an object must stand."
            case .noList: "a list must stand."
            case .empty: "the list must hold something."
            case .unknownName: "the name is unknown."
            case .repeatedName: "the name stands twice."
            case .noSubject: "a condition needs header, content_type, context or path."
            case .severalSubjects: "a condition has one subject."
            case .noTest: "a condition needs a test, exists for example."
            case .severalTests: "a condition has one test."
            case .badHeaderName: "the name of a header field must stand."
            case .badPath: "a path such as $.order.id must stand."
            case .notTrue: "only true may stand."
            case .noBool: "true or false must stand."
            case .noNumber: "a number must stand."
            case .noScalar: "a text, a number, true, false or null must stand."
            }
        return "must be a filter as flows have it, as JSON." + (place.isEmpty ? " Here " : place) + fault
    }
}

extension Page {
    /// - Parameter position: where the next page begins.
    init(items: [Item], position: String?) {
        self.items = items
        next = position.map(Cursor.encode)
    }
}
