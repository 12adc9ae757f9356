import FoundationEssentials
import Synchronization

/// Which events a flow sends: conditions on an event, joined with `all`, `any` and `not`. docs/flows.md has the form.
package struct FlowFilter: Equatable, Sendable {
    /// The bytes of a filter as compact JSON.
    package static let bytesMax = 16_384
    /// How deep conditions and groups stand in each other; a condition alone has depth 1.
    package static let depthMax = 5
    /// The conditions of a filter, those in all its groups together.
    package static let conditionsMax = 50

    /// The filter as it was written.
    package let json: JSONNode
    private let clause: FilterClause

    /// Reads a filter. A name that is not known, repeats or does not fit throws, with its place.
    ///
    /// What a condition compares: numbers by value and without rounding, texts byte by byte, a content type by type and subtype
    /// alone and without regard to case. Header fields and the context are text, so a text that is a number there is compared as
    /// one with a number; in JSON a text is never a number. Of a header field that repeats, one that satisfies the test is
    /// enough. What is missing satisfies nothing but `"exists": false`; `null` is not missing.
    package init(_ json: JSONNode) throws(FlowFilterError) {
        guard json.bytes.count <= Self.bytesMax else {
            throw FlowFilterError(.whole, .unreadable(.tooLong(bytesMax: Self.bytesMax)))
        }
        var reader = FilterReader()
        clause = try reader.clause(json, .whole, depth: 1)
        self.json = json
    }

    /// Reads a filter from JSON text of at most 16 KiB.
    package init(text: String) throws(FlowFilterError) {
        let json: JSONNode
        do {
            json = try JSONNode(text.utf8, bytesMax: Self.bytesMax)
        } catch {
            throw FlowFilterError(.whole, .unreadable(error))
        }
        try self.init(json)
    }

    /// Whether an event is to be sent.
    package func matches(_ event: FilterInput) -> Bool {
        clause.decision(event).matches
    }

    /// Whether an event is to be sent, and what decided it.
    package func decision(_ event: FilterInput) -> FilterDecision {
        clause.decision(event)
    }

    package static func == (left: FlowFilter, right: FlowFilter) -> Bool {
        left.json == right.json
    }
}

/// What a filter looks at in an event.
package final class FilterInput: Sendable {
    /// Without those that carry credentials.
    package let headers: CallHeaders
    /// As the caller sent it.
    package let contentType: String?
    /// The caller's tag (P9).
    package let context: String?
    private let body: Mutex<Body>

    private enum Body {
        case bytes(Data)
        case read(JSONNode?)
    }

    /// - Parameter body: the exact bytes. They are read when a path first asks for them, and kept no longer.
    package init(headers: CallHeaders, contentType: String?, context: String?, body: Data) {
        self.headers = CallHeaders(headers.fields.filter { !CallHeaders.isSecret($0.name) })
        self.contentType = contentType
        self.context = context
        self.body = Mutex(.bytes(body))
    }

    /// The body as JSON, read once; `nil` if it is none, or beyond the bounds of ``JSONNode``.
    package var json: JSONNode? {
        body.withLock { body in
            switch body {
            case .read(let node): return node
            case .bytes(let bytes):
                let node = try? JSONNode(bytes)
                body = .read(node)
                return node
            }
        }
    }
}

/// What a filter decided about an event, and where. It holds nothing of the event, so it may be shown to all who may see the flow.
package struct FilterDecision: Equatable, Sendable {
    /// Whether the event is to be sent.
    package let matches: Bool
    /// The condition that decided, `all[1]`, or the group if no single one did, `all`; empty for a filter that is one condition.
    package let place: String
    fileprivate let reason: FilterReason

    /// What was found there, `the header X-Shop is missing` for example; no values, neither the event's nor the filter's.
    package var words: String {
        reason.words
    }
}

/// What is wrong with a filter, and where.
package struct FlowFilterError: Error, Equatable, Sendable {
    /// `all[1].path`, empty for the whole filter; of each name no more than 60 characters.
    package let place: String
    /// What is wrong there.
    package let fault: Fault

    /// The faults a filter can have.
    package enum Fault: Hashable, Sendable {
        /// No JSON, or beyond its bounds.
        case unreadable(JSONReadError)
        case tooDeep(depthMax: Int)
        case tooManyConditions(conditionsMax: Int)
        case noObject
        case noList
        /// A list that must hold something.
        case empty
        case unknownName
        case repeatedName
        case noSubject
        case severalSubjects
        case noTest
        case severalTests
        case badHeaderName
        case badPath(JSONPathError)
        /// Only `true` may stand there.
        case notTrue
        case noBool
        /// No number, or one that is compared with nothing (``JSONNumber/value``).
        case noNumber
        /// An array or an object where a single value must stand.
        case noScalar
    }

    fileprivate init(_ place: JSONPlace, _ fault: Fault) {
        self.place = place.text
        self.fault = fault
    }
}

/// A group of conditions, or one.
private indirect enum FilterClause: Sendable {
    case all([FilterClause], JSONPlace)
    case any([FilterClause], JSONPlace)
    case not(FilterClause)
    case condition(FilterCondition, JSONPlace)

    func decision(_ event: FilterInput) -> FilterDecision {
        switch self {
        case .all(let clauses, let place):
            Self.first(of: clauses, that: false, event) ?? FilterDecision(matches: true, place: place.text, reason: .allHold)
        case .any(let clauses, let place):
            Self.first(of: clauses, that: true, event) ?? FilterDecision(matches: false, place: place.text, reason: .noneHolds)
        case .not(let clause):
            clause.decision(event).turned
        case .condition(let condition, let place):
            condition.decision(event, place)
        }
    }

    // One that stands alone decides in any case.
    private static func first(of clauses: [FilterClause], that matches: Bool, _ event: FilterInput) -> FilterDecision? {
        for clause in clauses {
            let decision = clause.decision(event)
            if decision.matches == matches || clauses.count == 1 { return decision }
        }
        return nil
    }
}

extension FilterDecision {
    fileprivate var turned: FilterDecision {
        FilterDecision(matches: !matches, place: place, reason: reason)
    }
}

private enum FilterReason: Equatable, Sendable {
    case allHold
    case noneHolds
    case found(subject: String, finding: String)

    var words: String {
        switch self {
        case .allHold: "every one of these holds"
        case .noneHolds: "none of these holds"
        case .found(let subject, let finding): subject + " " + finding
        }
    }
}

private struct FilterCondition: Sendable {
    let subject: FilterSubject
    let test: FilterTest

    func decision(_ event: FilterInput, _ place: JSONPlace) -> FilterDecision {
        let values = subject.values(in: event)
        let holds: Bool
        let finding: String
        if case .exists(let expected) = test {
            holds = values.isEmpty != expected
            finding = values.isEmpty ? subject.missingWords(in: event) : "is there"
        } else if values.isEmpty {
            holds = false
            finding = subject.missingWords(in: event)
        } else {
            holds = values.contains { test.holds(for: $0, isWrittenAsText: subject.isWrittenAsText) }
            finding = holds ? test.words.holds : test.words.fails
        }
        return FilterDecision(matches: holds, place: place.text, reason: .found(subject: subject.words, finding: finding))
    }
}

private enum FilterSubject: Sendable {
    case header(String)
    case contentType
    case context
    case path(JSONPath)

    // None if it is missing; several only where a header field repeats.
    func values(in event: FilterInput) -> [JSONNode] {
        switch self {
        case .header(let name): event.headers.values(name).map { .text($0) }
        case .contentType: event.contentType.map(Self.mediaType).flatMap { $0.isEmpty ? nil : [.text($0)] } ?? []
        case .context: event.context.map { [.text($0)] } ?? []
        case .path(let path): event.json.flatMap(path.value).map { [$0] } ?? []
        }
    }

    // Outside of JSON everything is text, so a text may be a number there.
    var isWrittenAsText: Bool {
        switch self {
        case .header, .contentType, .context: true
        case .path: false
        }
    }

    var words: String {
        switch self {
        case .header(let name): "the header \(name)"
        case .contentType: "the content type"
        case .context: "the context"
        case .path(let path): "the path \(path.text)"
        }
    }

    func missingWords(in event: FilterInput) -> String {
        if case .path = self, event.json == nil { return "is missing, for the body is no JSON" }
        return "is missing"
    }

    // What is compared of a content type: type and subtype in small letters, without parameters (RFC 9110, 8.3.1).
    static func mediaType(_ text: String) -> String {
        let bytes = Array(text.utf8.prefix { $0 != UInt8(ascii: ";") })[...]
        return String(decoding: bytes.withoutBlanksAround.map(\.inSmallLetters), as: UTF8.self)
    }
}

private enum FilterTest: Sendable {
    case exists(Bool)
    case contains(FilterScalar)
    case equals(FilterScalar)
    case isIn([FilterScalar])
    case bounded(FilterBound, JSONNumber.Value)

    // - Parameter isWrittenAsText: whether a text that is a number is to be taken as one where the test holds a number.
    func holds(for node: JSONNode, isWrittenAsText: Bool) -> Bool {
        if case .contains(let scalar) = self { return scalar.isContained(in: node) }
        guard let found = FoundScalar(node, isWrittenAsText) else { return false }
        return switch self {
        case .exists, .contains: false
        case .equals(let scalar): scalar.isEqual(to: found)
        case .isIn(let scalars): scalars.contains { $0.isEqual(to: found) }
        case .bounded(let bound, let limit): found.value.map { bound.admits($0, limit) } ?? false
        }
    }

    var words: (holds: String, fails: String) {
        switch self {
        case .exists: ("is there", "is missing")
        case .contains: ("contains what it must", "does not contain what it must")
        case .equals: ("equals what it must", "does not equal what it must")
        case .isIn: ("is in the list", "is not in the list")
        case .bounded(let bound, _): bound.words
        }
    }
}

// The four tests of a number, by their names.
private enum FilterBound: String {
    case less
    case atMost = "at_most"
    case greater
    case atLeast = "at_least"

    func admits(_ value: JSONNumber.Value, _ limit: JSONNumber.Value) -> Bool {
        switch self {
        case .less: value < limit
        case .atMost: value <= limit
        case .greater: value > limit
        case .atLeast: value >= limit
        }
    }

    var words: (holds: String, fails: String) {
        switch self {
        case .less: ("is less than the bound", "is not a number less than the bound")
        case .atMost: ("is at most the bound", "is not a number of at most the bound")
        case .greater: ("is greater than the bound", "is not a number greater than the bound")
        case .atLeast: ("is at least the bound", "is not a number of at least the bound")
        }
    }
}

// A single value of an event, with what it is worth as a number worked out once.
private struct FoundScalar {
    let node: JSONNode
    let value: JSONNumber.Value?

    init?(_ node: JSONNode, _ isWrittenAsText: Bool) {
        self.node = node
        switch node {
        case .null, .bool: value = nil
        case .number(let number): value = number.value
        case .text(let text): value = isWrittenAsText ? JSONNumber(text)?.value : nil
        case .array, .object: return nil
        }
    }
}

// A single value of a filter.
private struct FilterScalar: Sendable {
    let node: JSONNode
    private let value: JSONNumber.Value?
    private let search: TextSearch?

    init?(_ node: JSONNode) {
        self.node = node
        switch node {
        case .null, .bool: (value, search) = (nil, nil)
        case .number(let number): (value, search) = (number.value, nil)
        case .text(let text): (value, search) = (nil, TextSearch(text))
        case .array, .object: return nil
        }
    }

    func isEqual(to found: FoundScalar) -> Bool {
        // Numbers without a value are compared with nothing, but one that is written the same is the same.
        if let value, found.value == value { return true }
        return node == found.node
    }

    func isContained(in node: JSONNode) -> Bool {
        switch node {
        case .text(let text): search?.isFound(in: text) ?? false
        case .array(let elements): elements.contains { FoundScalar($0, false).map(isEqual) ?? false }
        case .null, .bool, .number, .object: false
        }
    }
}

// Looks for a text in another, byte by byte, in time linear to both: after Knuth, Morris and Pratt, for what the standard library has
// compares characters, and repeats itself where the text does.
private struct TextSearch: Sendable {
    private let sought: [UInt8]
    // For each beginning of the text, how many of its last bytes are a beginning of the text too.
    private let repeated: [Int]

    init(_ text: String) {
        sought = Array(text.utf8)
        var repeated = [Int](repeating: 0, count: sought.count)
        var matched = 0
        for (index, byte) in sought.enumerated().dropFirst() {
            while matched > 0, sought[matched] != byte { matched = repeated[matched - 1] }
            if sought[matched] == byte { matched += 1 }
            repeated[index] = matched
        }
        self.repeated = repeated
    }

    func isFound(in text: String) -> Bool {
        var matched = 0
        if sought.isEmpty { return true }
        for byte in text.utf8 {
            while matched > 0, sought[matched] != byte { matched = repeated[matched - 1] }
            if sought[matched] == byte { matched += 1 }
            if matched == sought.count { return true }
        }
        return false
    }
}

private struct FilterReader {
    private var conditions = 0

    mutating func clause(_ node: JSONNode, _ place: JSONPlace, depth: Int) throws(FlowFilterError) -> FilterClause {
        guard depth <= FlowFilter.depthMax else { throw FlowFilterError(place, .tooDeep(depthMax: FlowFilter.depthMax)) }
        guard case .object(let object) = node else { throw FlowFilterError(place, .noObject) }
        if let name = object.repeatedName { throw FlowFilterError(place.name(name), .repeatedName) }
        guard let group = object.members.first(where: { ["all", "any", "not"].contains($0.name) }) else {
            conditions += 1
            guard conditions <= FlowFilter.conditionsMax else {
                throw FlowFilterError(place, .tooManyConditions(conditionsMax: FlowFilter.conditionsMax))
            }
            return .condition(try condition(object, place), place)
        }
        if let other = object.members.first(where: { $0.name != group.name }) {
            throw FlowFilterError(place.name(other.name), .unknownName)
        }
        let inner = place.name(group.name)
        if group.name == "not" { return .not(try clause(group.value, inner, depth: depth + 1)) }
        guard case .array(let elements) = group.value else { throw FlowFilterError(inner, .noList) }
        guard !elements.isEmpty else { throw FlowFilterError(inner, .empty) }
        var clauses: [FilterClause] = []
        for (index, element) in elements.enumerated() {
            clauses.append(try clause(element, inner.index(index), depth: depth + 1))
        }
        return group.name == "all" ? .all(clauses, inner) : .any(clauses, inner)
    }

    private func condition(_ object: JSONObject, _ place: JSONPlace) throws(FlowFilterError) -> FilterCondition {
        var subject: FilterSubject?
        for member in object.members {
            guard let read = try self.subject(member, place.name(member.name)) else { continue }
            guard subject == nil else { throw FlowFilterError(place.name(member.name), .severalSubjects) }
            subject = read
        }
        var test: FilterTest?
        for member in object.members where !Self.subjects.contains(member.name) {
            let read = try self.test(member, place.name(member.name), of: subject)
            guard test == nil else { throw FlowFilterError(place.name(member.name), .severalTests) }
            test = read
        }
        guard let subject else { throw FlowFilterError(place, .noSubject) }
        guard let test else { throw FlowFilterError(place, .noTest) }
        return FilterCondition(subject: subject, test: test)
    }

    private static let subjects: Set = ["header", "content_type", "context", "path"]

    // `nil` if the member is no subject.
    private func subject(_ member: JSONObject.Member, _ place: JSONPlace) throws(FlowFilterError) -> FilterSubject? {
        switch (member.name, member.value) {
        case ("header", .text(let name)) where name.isFieldName: return .header(name)
        case ("header", _): throw FlowFilterError(place, .badHeaderName)
        case ("path", .text(let text)):
            do {
                return .path(try JSONPath(text))
            } catch {
                throw FlowFilterError(place, .badPath(error))
            }
        case ("path", _): throw FlowFilterError(place, .badPath(.bad(offset: 0)))
        case ("content_type", .bool(true)): return .contentType
        case ("context", .bool(true)): return .context
        case ("content_type", _), ("context", _): throw FlowFilterError(place, .notTrue)
        default: return nil
        }
    }

    private func test(
        _ member: JSONObject.Member, _ place: JSONPlace, of subject: FilterSubject?
    ) throws(FlowFilterError) -> FilterTest {
        switch member.name {
        case "equals": return .equals(try scalar(member.value, place, of: subject))
        case "contains": return .contains(try scalar(member.value, place, of: subject, isWhole: false))
        case "exists":
            guard case .bool(let expected) = member.value else { throw FlowFilterError(place, .noBool) }
            return .exists(expected)
        case "in":
            guard case .array(let elements) = member.value else { throw FlowFilterError(place, .noList) }
            guard !elements.isEmpty else { throw FlowFilterError(place, .empty) }
            var scalars: [FilterScalar] = []
            for (index, element) in elements.enumerated() {
                scalars.append(try scalar(element, place.index(index), of: subject))
            }
            return .isIn(scalars)
        default:
            guard let bound = FilterBound(rawValue: member.name) else { throw FlowFilterError(place, .unknownName) }
            guard case .number(let number) = member.value, let limit = number.value else {
                throw FlowFilterError(place, .noNumber)
            }
            return .bounded(bound, limit)
        }
    }

    // - Parameter isWhole: whether it is compared with the whole of the subject, or looked for in it.
    private func scalar(
        _ node: JSONNode, _ place: JSONPlace, of subject: FilterSubject?, isWhole: Bool = true
    ) throws(FlowFilterError) -> FilterScalar {
        var node = node
        if case .contentType = subject, case .text(let text) = node {
            let part = String(decoding: text.utf8.map(\.inSmallLetters), as: UTF8.self)
            node = .text(isWhole ? FilterSubject.mediaType(text) : part)
        }
        guard let scalar = FilterScalar(node) else { throw FlowFilterError(place, .noScalar) }
        return scalar
    }
}

extension String {
    /// Whether it can be the name of a header field: a token of RFC 9110, section 5.6.2, of at most 200 bytes.
    package var isFieldName: Bool {
        !isEmpty && utf8.count <= 200
            && utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}

extension UInt8 {
    fileprivate var inSmallLetters: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }
}
