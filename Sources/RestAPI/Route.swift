import Contract
import Domain
import Foundation
import HTTPTypes
import Manage

/// One line of the contents page: where, with which right, and what happens.
package struct Route: Sendable {
    package let method: HTTPRequest.Method
    /// Below `/api/v1/`; `:id` is a parameter.
    package let path: String
    /// What the operation behind it asks for.
    package let permission: Permission
    /// The query parameters it knows; any other is refused.
    package let query: Set<String>
    let handler: @Sendable (RestRequest, RestOperations) async throws -> RestAnswer

    init(
        _ method: HTTPRequest.Method, _ path: String, _ permission: Permission, query: Set<String> = [],
        _ handler: @escaping @Sendable (RestRequest, RestOperations) async throws -> RestAnswer
    ) {
        self.method = method
        self.path = path
        self.permission = permission
        self.query = query
        self.handler = handler
    }
}

/// Everything that can be asked for.
package enum AllRoutes {
    package static let list: [Route] =
        OrganizationRoutes.list + AccountRoutes.list + WebhookRoutes.list + TokenRoutes.list + EventRoutes.list
        + StatusRoutes.list
}

/// The operations the routes call.
package struct RestOperations: Sendable {
    let signIn: SignIn
    let organization: OrganizationOperations
    let accounts: AccountOperations
    let webhooks: WebhookOperations
    let tokens: TokenOperations
    let events: EventOperations
    let audit: AuditOperations
    let status: @Sendable () -> StatusView
    let isReady: @Sendable () async -> Bool

    /// - Parameters:
    ///   - status: how the server is, from those who know.
    ///   - isReady: whether the store answers.
    package init(
        desk: Desk, status: @escaping @Sendable () -> StatusView, isReady: @escaping @Sendable () async -> Bool
    ) {
        signIn = SignIn(desk)
        organization = OrganizationOperations(desk)
        accounts = AccountOperations(desk)
        webhooks = WebhookOperations(desk)
        tokens = TokenOperations(desk)
        events = EventOperations(desk)
        audit = AuditOperations(desk)
        self.status = status
        self.isReady = isReady
    }
}

/// A request whose sender is known.
struct RestRequest: Sendable {
    let actor: Actor
    let parameters: [String: String]
    let query: [String: String]
    let body: Data

    /// The value of `:id` in the path.
    var id: String { parameters["id"] ?? "" }

    /// Where a listing goes on.
    var after: String? { query["after"] }

    func limit() throws(OperationError) -> Int? {
        guard let text = query["limit"] else { return nil }
        guard let limit = Int(text) else { throw .invalid(field: "limit", "must be a whole number.") }
        return limit
    }

    /// Reads the body as a JSON object with those fields and no others.
    func decode<Value: Decodable>(_ type: Value.Type, fields: Set<String>) throws -> Value {
        guard JSONValue.depth(of: body) <= JSONValue.depthMax else {
            throw OperationError.invalid(field: "body", "nests deeper than \(JSONValue.depthMax) levels.")
        }
        let object: JSONValue
        do {
            object = try JSONDecoder().decode(JSONValue.self, from: body)
        } catch {
            throw OperationError.invalid(field: "body", "must be a JSON object; it is no JSON at all.")
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

/// What goes back.
struct RestAnswer: Sendable {
    let status: Int
    var headers: [(HTTPField.Name, String)]
    let body: Data

    static func json(_ value: some Encodable, status: Int = 200) throws -> RestAnswer {
        RestAnswer(status: status, headers: [(.contentType, "application/json")], body: try Wire.encode(value))
    }

    /// An answer that holds a secret and must not be kept by anything on its way.
    static func secret(_ value: some Encodable) throws -> RestAnswer {
        var answer = try json(value, status: 201)
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
        case is Int.Type, is Int64.Type, is Double.Type: "a whole number"
        default: "a list or object of the documented shape"
        }
    }
}
