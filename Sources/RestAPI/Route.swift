import Contract
import Deliver
import Domain
import Foundation
import HTTPTypes
import Manage
import WebSupport

/// One line of the contents page: where, with which right, and what happens.
package struct Route: Sendable {
    package let method: HTTPRequest.Method
    /// Below `/api/v1/`; `:id` is a parameter.
    package let path: String
    /// What the operation behind it asks for; `nil` for the few addresses where nobody need be known.
    package let permission: Permission?
    /// The query parameters it knows; any other is refused.
    package let query: Set<String>
    let handler: Handler
    /// What is written down when the actor lacks the permission; is given the `:id` of the path.
    let noteRefusal: NoteRefusal?

    typealias NoteRefusal = @Sendable (String, Actor, Operations) async throws -> Void

    enum Handler: Sendable {
        case known(@Sendable (RestRequest, Operations) async throws -> RestAnswer)
        case open(@Sendable (OpenRequest, Operations) async throws -> RestAnswer)
    }

    init(
        _ method: HTTPRequest.Method, _ path: String, _ permission: Permission, query: Set<String> = [],
        noteRefusal: NoteRefusal? = nil,
        _ handler: @escaping @Sendable (RestRequest, Operations) async throws -> RestAnswer
    ) {
        self.method = method
        self.path = path
        self.permission = permission
        self.query = query
        self.noteRefusal = noteRefusal
        self.handler = .known(handler)
    }

    /// Makes a line for an address that proves in another way than by a token or session who asks.
    init(
        open method: HTTPRequest.Method, _ path: String,
        _ handler: @escaping @Sendable (OpenRequest, Operations) async throws -> RestAnswer
    ) {
        self.method = method
        self.path = path
        permission = nil
        query = []
        noteRefusal = nil
        self.handler = .open(handler)
    }
}

/// Everything that can be asked for.
package enum AllRoutes {
    package static let list: [Route] =
        OrganizationRoutes.list + AccountRoutes.list + PersonRoutes.list + WebhookRoutes.list + TokenRoutes.list
        + EventRoutes.list + HeldRoutes.list + OutlookRoutes.list + AuditRoutes.list + InstallationRoutes.list
        + IntegrationRoutes.list + ApplicationRoutes.list + ResourceRoutes.list + SecretVariableRoutes.list
        + FlowRoutes.list + DestinationRoutes.list + DeliveryRoutes.list
}

/// A request whose sender need not be known.
struct OpenRequest: Sendable {
    let parameters: [String: String]
    let query: [String: String]
    let body: Data
    /// Where it came from.
    let address: String
    let userAgent: String?
    /// What the browser keeps of an earlier sign-in.
    let device: String?
    /// Does work that waits for something to come, and cancels it when the server stops or the other side goes away.
    let stay: @Sendable (_ work: @escaping @Sendable () async throws -> RestAnswer) async throws -> RestAnswer

    /// The value of `:id` in the path.
    var id: String { parameters["id"] ?? "" }

    /// Where a listing goes on.
    var after: String? { query["after"] }

    func limit() throws(OperationError) -> Int? {
        try number("limit")
    }

    /// Does work that waits up to so long for something to come; see ``stay``.
    func staying(
        _ seconds: Int?, _ work: @escaping @Sendable () async throws -> RestAnswer
    ) async throws -> RestAnswer {
        // Who does not wait keeps the connection.
        try await (seconds ?? 0) > 0 ? stay(work) : work()
    }

    /// A whole number of the query.
    func number(_ name: String) throws(OperationError) -> Int? {
        guard let text = query[name] else { return nil }
        guard let number = Int(text) else { throw .invalid(field: name, "must be a whole number.") }
        return number
    }

    /// A moment of the query.
    func moment(_ name: String) throws(OperationError) -> Timestamp? {
        try RestAPI.moment(query[name], field: name)
    }

    /// A word of a closed list in the query.
    func word<Word: RawRepresentable<String> & CaseIterable>(_ name: String) throws(OperationError) -> Word? {
        guard let text = query[name] else { return nil }
        return try RestAPI.word(text, field: name)
    }

    /// Reads the body as a JSON object with those fields and no others.
    ///
    /// - Parameter mayBeEmpty: whether no body says the same as an object without fields.
    func decode<Value: Decodable>(_ type: Value.Type, fields: Set<String>, mayBeEmpty: Bool = false) throws -> Value {
        let body = mayBeEmpty && body.isEmpty ? Data("{}".utf8) : body
        // JSON is UTF-8 (RFC 8259, section 8.1). Foundation also reads other codings, whose bytes say nothing about how deep it nests.
        guard !body.contains(0), String(validating: body, as: UTF8.self) != nil else {
            throw OperationError.invalid(field: "body", "must be JSON in UTF-8.")
        }
        switch JSONValue.excess(of: body) {
        case nil: break
        case .depth: throw OperationError.invalid(field: "body", "nests deeper than \(JSONValue.depthMax) levels.")
        case .key: throw OperationError.invalid(field: "body", "has a field that is unknown; names are short and plain ASCII.")
        }
        let object: JSONValue
        do {
            object = try JSONDecoder().decode(JSONValue.self, from: body)
        } catch {
            throw OperationError.invalid(field: "body", "must be a JSON object; it is no JSON at all.")
        }
        guard !object.holdsNUL else {
            throw OperationError.invalid(field: "body", "must not hold the character U+0000.")
        }
        guard case .object(let given) = object else {
            throw OperationError.invalid(field: "body", "must be a JSON object.")
        }
        if let unknown = given.keys.filter({ !fields.contains($0) }).min() {
            throw OperationError.invalid(
                field: String(unknown.prefix(60)), "is unknown; there are: \(fields.sorted().joined(separator: ", ")).")
        }
        do {
            return try Wire.decode(type, from: body)
        } catch let error as DecodingError {
            throw OperationError.invalid(field: error.field, error.expectation)
        }
    }
}

extension JSONValue {
    /// Whether a text in it holds U+0000, which nothing of ours may.
    fileprivate var holdsNUL: Bool {
        switch self {
        case .null, .bool, .number: false
        case .text(let text): text.utf8.contains(0)
        case .array(let list): list.contains(where: \.holdsNUL)
        case .object(let fields): fields.contains { $0.key.utf8.contains(0) || $0.value.holdsNUL }
        }
    }
}

/// A request whose sender is known.
@dynamicMemberLookup
struct RestRequest: Sendable {
    let actor: Actor
    let input: OpenRequest

    subscript<Value>(dynamicMember path: KeyPath<OpenRequest, Value>) -> Value {
        input[keyPath: path]
    }

    func limit() throws(OperationError) -> Int? {
        try input.limit()
    }

    /// Does work that waits up to so long for something to come; see ``OpenRequest/stay``.
    func staying(
        _ seconds: Int?, _ work: @escaping @Sendable () async throws -> RestAnswer
    ) async throws -> RestAnswer {
        try await input.staying(seconds, work)
    }

    func decode<Value: Decodable>(_ type: Value.Type, fields: Set<String>, mayBeEmpty: Bool = false) throws -> Value {
        try input.decode(type, fields: fields, mayBeEmpty: mayBeEmpty)
    }
}

/// Reads a moment as RFC 3339 writes it.
func moment(_ text: String?, field: String) throws(OperationError) -> Timestamp? {
    guard let text else { return nil }
    guard let moment = Timestamp(rfc3339: text) else {
        throw .invalid(field: field, "must be a moment as in RFC 3339, 2027-01-31T12:00:00Z for example.")
    }
    return moment
}

/// What goes back.
struct RestAnswer: Sendable {
    let status: Int
    var headers: [(HTTPField.Name, String)]
    let body: Body

    enum Body: Sendable {
        case bytes(Data)
        /// Too much to hold at once: read piece by piece as the other side takes it.
        case pieces(AsyncThrowingStream<Data, any Error>, byteCount: Int64?)
    }

    init(status: Int, headers: [(HTTPField.Name, String)], body: Data) {
        self.status = status
        self.headers = headers
        self.body = .bytes(body)
    }

    init(
        headers: [(HTTPField.Name, String)], pieces: AsyncThrowingStream<Data, any Error>, byteCount: Int64? = nil
    ) {
        status = 200
        self.headers = headers
        body = .pieces(pieces, byteCount: byteCount)
    }

    static func json(_ value: some Encodable, status: Int = 200) throws -> RestAnswer {
        RestAnswer(status: status, headers: [(.contentType, "application/json")], body: try Wire.encode(value))
    }

    /// An answer that holds a secret and must not be kept by anything on its way.
    static func secret(_ value: some Encodable, status: Int = 201) throws -> RestAnswer {
        var answer = try json(value, status: status)
        answer.headers.append((.cacheControl, "no-store"))
        return answer
    }

    static let nothing = RestAnswer(status: 204, headers: [], body: Data())
}

extension DecodingError {
    fileprivate var field: String {
        switch self {
        case .keyNotFound(let key, _): Self.name([key])
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            Self.name(context.codingPath)
        @unknown default: "body"
        }
    }

    fileprivate var expectation: String {
        switch self {
        case .keyNotFound: "is missing."
        case .valueNotFound: "must not be null."
        case .typeMismatch(let type, _): "must be \(Self.word(type))."
        case .dataCorrupted: "cannot be read."
        @unknown default: "cannot be read."
        }
    }

    private static func name(_ path: [any CodingKey]) -> String {
        guard let key = path.last(where: { $0.intValue == nil }) else { return "body" }
        // Back from Swift's spelling to the wire's.
        return key.stringValue.reduce(into: "") { text, letter in
            text += letter.isUppercase ? "_" + letter.lowercased() : String(letter)
        }
    }

    private static func word(_ type: Any.Type) -> String {
        switch type {
        case is String.Type: "a text"
        case is Bool.Type: "true or false"
        case is Int.Type, is Int64.Type: "a whole number"
        case is Double.Type: "a number"
        default: "a list or object of the documented shape"
        }
    }
}
