import AsyncHTTPClient
import Contract
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// Speaks to an Inlet server's REST API. Safe to share between tasks.
public struct InletClient: Sendable {
    private let server: String
    private let token: String
    private let timeout: TimeAmount

    // One for the whole process, so that connections are used again. A refused connection is reported at once and not tried anew.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration(timeout: .init(connect: .seconds(10)))
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    // The largest body that Inlet keeps, and room for settings that raise it.
    private static let bodyBytesMax = 256 << 20

    /// - Parameters:
    ///   - server: where the admin listener is, `http://127.0.0.1:8081`.
    ///   - token: a management token, `inlm_…`.
    public init(server: String, token: String, timeoutSeconds: Int64 = 30) {
        self.server = server.hasSuffix("/") ? String(server.dropLast()) : server
        self.token = token
        timeout = .seconds(timeoutSeconds)
    }

    // MARK: Status

    public func status() async throws -> StatusView { try await get("status") }

    // MARK: Organization

    public func organization() async throws -> OrganizationView { try await get("organization") }

    public func auditEntries(after: String? = nil, limit: Int? = nil) async throws -> PageView<AuditEntryView> {
        try await get("audit", ["after": after, "limit": limit.map(String.init)])
    }

    // MARK: Accounts

    public func accounts(after: String? = nil, limit: Int? = nil) async throws -> PageView<AccountView> {
        try await get("accounts", ["after": after, "limit": limit.map(String.init)])
    }

    public func createAccount(_ account: NewAccount) async throws -> AccountView {
        try await send(.POST, "accounts", account)
    }

    // MARK: Webhooks

    public func webhooks(after: String? = nil, limit: Int? = nil) async throws -> PageView<WebhookView> {
        try await get("webhooks", ["after": after, "limit": limit.map(String.init)])
    }

    public func createWebhook(_ webhook: NewWebhook) async throws -> WebhookView {
        try await send(.POST, "webhooks", webhook)
    }

    /// - Parameter reference: id, or a name that only one webhook has.
    public func webhook(_ reference: String) async throws -> WebhookView {
        try await get("webhooks/\(Self.escaped(reference))")
    }

    public func pauseWebhook(_ reference: String) async throws -> WebhookView {
        try await send(.POST, "webhooks/\(Self.escaped(reference))/pause")
    }

    public func resumeWebhook(_ reference: String) async throws -> WebhookView {
        try await send(.POST, "webhooks/\(Self.escaped(reference))/resume")
    }

    // MARK: Tokens

    public func tokens(after: String? = nil, limit: Int? = nil) async throws -> PageView<TokenView> {
        try await get("tokens", ["after": after, "limit": limit.map(String.init)])
    }

    /// Makes a token; the answer shows its secret this once.
    public func createToken(_ token: NewToken) async throws -> TokenView {
        try await send(.POST, "tokens", token)
    }

    public func token(_ id: String) async throws -> TokenView { try await get("tokens/\(Self.escaped(id))") }

    public func editToken(_ id: String, _ edit: TokenEdit) async throws -> TokenView {
        try await send(.PATCH, "tokens/\(Self.escaped(id))", edit)
    }

    public func deactivateToken(_ id: String) async throws -> TokenView {
        try await send(.POST, "tokens/\(Self.escaped(id))/deactivate")
    }

    public func activateToken(_ id: String) async throws -> TokenView {
        try await send(.POST, "tokens/\(Self.escaped(id))/activate")
    }

    public func deleteToken(_ id: String) async throws {
        _ = try await request(.DELETE, "tokens/\(Self.escaped(id))", body: nil)
    }

    // MARK: Events and calls

    /// Events newest first.
    public func events(
        webhook: String? = nil, after: String? = nil, limit: Int? = nil
    ) async throws -> PageView<EventView> {
        try await get("events", ["webhook": webhook, "after": after, "limit": limit.map(String.init)])
    }

    /// Events newer than one, oldest first.
    public func events(
        since: String, webhook: String? = nil, limit: Int? = nil
    ) async throws -> PageView<EventView> {
        try await get("events", ["since": since, "webhook": webhook, "limit": limit.map(String.init)])
    }

    public func event(_ id: String) async throws -> EventView { try await get("events/\(Self.escaped(id))") }

    /// The exact bytes that the caller sent.
    public func eventBody(_ id: String) async throws -> Data {
        try await request(.GET, "events/\(Self.escaped(id))/body", body: nil)
    }

    /// - Parameter outcome: `accepted` or `refused`; both when `nil`.
    public func calls(
        outcome: String? = nil, after: String? = nil, limit: Int? = nil
    ) async throws -> PageView<CallView> {
        try await get("calls", ["outcome": outcome, "after": after, "limit": limit.map(String.init)])
    }

    // MARK: Requests

    private func get<Answer: Decodable>(_ path: String, _ query: [String: String?] = [:]) async throws -> Answer {
        let pairs = query.sorted { $0.key < $1.key }.compactMap { name, value in
            value.map { "\(name)=\(Self.escaped($0))" }
        }
        let suffix = pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
        return try decode(try await request(.GET, path + suffix, body: nil))
    }

    private func send<Answer: Decodable>(
        _ method: HTTPMethod, _ path: String, _ body: (any Encodable)? = nil
    ) async throws -> Answer {
        try decode(try await request(method, path, body: body.map { try Wire.encode($0) }))
    }

    private func decode<Answer: Decodable>(_ data: Data) throws -> Answer {
        do {
            return try Wire.decode(Answer.self, from: data)
        } catch {
            throw ClientError.unreadable("\(server) answered something that is not Inlet's REST API.")
        }
    }

    private func request(_ method: HTTPMethod, _ path: String, body: Data?) async throws -> Data {
        var request = HTTPClientRequest(url: "\(server)/api/v1/\(path)")
        request.method = method
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(data: body))
        }
        let response: HTTPClientResponse
        let bytes: Data
        do {
            response = try await Self.http.execute(request, timeout: timeout)
            bytes = Data(buffer: try await response.body.collect(upTo: Self.bodyBytesMax))
        } catch {
            throw ClientError.unreachable(server: server, "\(error)")
        }
        guard (200..<300).contains(response.status.code) else {
            guard let problem = try? Wire.decode(Problem.self, from: bytes) else {
                throw ClientError.unreadable("\(server) answered \(response.status.code) without saying why.")
            }
            throw ClientError.problem(problem)
        }
        return bytes
    }

    private static func escaped(_ text: String) -> String {
        // RFC 3986, section 2.3: only unreserved characters stand for themselves.
        var allowed = CharacterSet(charactersIn: "-._~")
        allowed.insert(charactersIn: "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    }
}

/// Why a request brought no answer, or a bad one.
public enum ClientError: Error, Hashable, Sendable {
    /// The server says what is wrong.
    case problem(Problem)
    /// No connection, or none in time.
    case unreachable(server: String, String)
    /// Something else answered.
    case unreadable(String)
}
