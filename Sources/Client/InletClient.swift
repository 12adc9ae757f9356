import AsyncHTTPClient
import Contract
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// Speaks to an Inlet server's REST API. Safe to share between tasks.
///
/// The requests stand in one file per noun. What an address asks for and answers is said in docs/rest-api.md.
public struct InletClient: Sendable {
    /// How the server learns who asks.
    enum Proof: Sendable {
        case nobody
        case token(String)
        case session(cookie: String, csrfToken: String)
    }

    private let server: String
    private let proof: Proof
    private let timeout: TimeAmount

    // One for the whole process, so that connections are used again. A refused connection is reported at once and not tried anew.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration(timeout: .init(connect: .seconds(10)))
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    // The largest body that Inlet keeps, and room for settings that raise it.
    private static let bodyBytesMax = 256 << 20
    // More than the server takes; it says so itself.
    private static let waitSecondsMax = 3600

    /// - Parameters:
    ///   - server: where the admin listener is, `http://127.0.0.1:8081`.
    ///   - token: a management token, `inlm_…`; empty for requests of nobody yet, such as signing in.
    public init(server: String, token: String, timeoutSeconds: Int64 = 30) {
        self.init(
            server: server.hasSuffix("/") ? String(server.dropLast()) : server,
            proof: token.isEmpty ? .nobody : .token(token), timeout: .seconds(timeoutSeconds))
    }

    private init(server: String, proof: Proof, timeout: TimeAmount) {
        self.server = server
        self.proof = proof
        self.timeout = timeout
    }

    /// The same server, spoken to as the person who signed in.
    public func acting(as signedIn: SignedIn) -> InletClient {
        let csrfToken = signedIn.session.csrfToken ?? ""
        return InletClient(
            server: server, proof: .session(cookie: signedIn.cookie, csrfToken: csrfToken), timeout: timeout)
    }

    // MARK: Requests

    // `waitSeconds`, here and below, is how long the server was asked to wait before it answers.
    func get<Answer: Decodable>(
        _ path: String, _ query: [String: String?] = [:], waitSeconds: Int? = nil
    ) async throws -> Answer {
        try decode(try await bytes(.GET, path + Self.suffix(query), waitSeconds: waitSeconds))
    }

    func send<Answer: Decodable>(
        _ method: HTTPMethod, _ path: String, _ body: (any Encodable)? = nil, waitSeconds: Int? = nil
    ) async throws -> Answer {
        try decode(try await bytes(method, path, body, waitSeconds: waitSeconds))
    }

    /// For addresses that answer nothing, or nothing that matters.
    func perform(_ method: HTTPMethod, _ path: String, _ body: (any Encodable)? = nil) async throws {
        _ = try await bytes(method, path, body)
    }

    /// The whole answer as it is.
    func bytes(
        _ method: HTTPMethod, _ path: String, _ body: (any Encodable)? = nil, waitSeconds: Int? = nil
    ) async throws -> Data {
        let timeout = waitSeconds.map { self.timeout + .seconds(Int64(min(max(0, $0), Self.waitSecondsMax))) }
        return try await collected(try await response(method, path, body, timeout: timeout))
    }

    /// An answer that is too long for memory. The first byte may take a while, because the server makes the answer first.
    func download(_ method: HTTPMethod, _ path: String) async throws -> Download {
        let response = try await response(method, path, timeout: .hours(1))
        return Download(server: server, response: response)
    }

    /// A long answer to a question.
    func download(_ path: String, _ query: [String: String?]) async throws -> Download {
        try await download(.GET, path + Self.suffix(query))
    }

    /// A new session and the cookie that belongs to it.
    func session(_ path: String, _ body: some Encodable) async throws -> SignedIn {
        let response = try await response(.POST, path, body)
        let session: SessionView = try decode(try await collected(response))
        let cookies = response.headers["Set-Cookie"].compactMap { $0.split(separator: ";").first }
        guard !cookies.isEmpty, session.csrfToken != nil else {
            throw ClientError.unreadable("\(server) answered something that is not Inlet's REST API.")
        }
        return SignedIn(session: session, cookie: cookies.joined(separator: "; "))
    }

    private func decode<Answer: Decodable>(_ data: Data) throws -> Answer {
        do {
            return try Wire.decode(Answer.self, from: data)
        } catch {
            throw ClientError.unreadable("\(server) answered something that is not Inlet's REST API.")
        }
    }

    private func collected(_ response: HTTPClientResponse) async throws -> Data {
        do {
            return Data(buffer: try await response.body.collect(upTo: Self.bodyBytesMax))
        } catch {
            throw ClientError.unreachable(server: server, "\(error)")
        }
    }

    // Throws the problem if the status is none of success.
    private func response(
        _ method: HTTPMethod, _ path: String, _ body: (any Encodable)? = nil, timeout: TimeAmount? = nil
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: "\(server)/api/v1/\(path)")
        request.method = method
        switch proof {
        case .nobody: break
        case .token(let token): request.headers.add(name: "Authorization", value: "Bearer \(token)")
        case .session(let cookie, let csrfToken):
            request.headers.add(name: "Cookie", value: cookie)
            if method != .GET { request.headers.add(name: "Inlet-CSRF", value: csrfToken) }
        }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(data: try Wire.encode(body)))
        }
        let response: HTTPClientResponse
        do {
            response = try await Self.http.execute(request, timeout: timeout ?? self.timeout)
        } catch {
            throw ClientError.unreachable(server: server, "\(error)")
        }
        if (200..<300).contains(response.status.code) { return response }
        guard let problem = try? Wire.decode(Problem.self, from: try await collected(response)) else {
            throw ClientError.unreadable("\(server) answered \(response.status.code) without saying why.")
        }
        throw ClientError.problem(problem)
    }

    private static func suffix(_ query: [String: String?]) -> String {
        let pairs = query.sorted { $0.key < $1.key }.compactMap { name, value in
            value.map { "\(name)=\(escaped($0))" }
        }
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }

    /// A text as a part of an address.
    static func escaped(_ text: String) -> String {
        // RFC 3986, section 2.3: only unreserved characters stand for themselves.
        var allowed = CharacterSet(charactersIn: "-._~")
        allowed.insert(charactersIn: "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    }
}

/// A person signed in: the session, and what the server knows it by.
public struct SignedIn: Hashable, Sendable {
    public var session: SessionView
    /// Name and value, as the header `Cookie` takes them. A secret.
    public var cookie: String

    public init(session: SessionView, cookie: String) {
        self.session = session
        self.cookie = cookie
    }
}

/// A long answer, handed out in pieces as they come. Can be walked through once.
public struct Download: AsyncSequence, Sendable {
    /// What the server says the SHA-256 of all pieces is, hexadecimal; `nil` if it says nothing.
    public let sha256: String?
    private let server: String
    private let pieces: HTTPClientResponse.Body

    init(server: String, response: HTTPClientResponse) {
        self.server = server
        sha256 = response.headers.first(name: "Inlet-Backup-Sha256")
        pieces = response.body
    }

    /// Begins to hand out the pieces.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(server: server, pieces: pieces.makeAsyncIterator())
    }

    /// Walks through the pieces.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let server: String
        fileprivate var pieces: HTTPClientResponse.Body.AsyncIterator

        public mutating func next() async throws -> Data? {
            do {
                return try await pieces.next().map { Data(buffer: $0) }
            } catch {
                throw ClientError.unreadable("\(server) broke off in the middle of its answer. (\(error))")
            }
        }
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
