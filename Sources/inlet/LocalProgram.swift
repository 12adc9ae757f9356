import AsyncHTTPClient
import Contract
import Domain
import Foundation
import NIOCore
import NIOHTTP1

/// The program on a developer's machine that events are handed to.
struct LocalProgram: Sendable {
    let url: String

    private static let answerTime = Duration.seconds(30)
    /// Of an answer only its beginning is kept. As JSON text it may grow to six times that, and must fit in a request.
    static let answerBytesMax = 8192

    // Each message has a connection of its own: programs that are being worked on restart all the time.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10)))
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.maximumUsesPerConnection = 1
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// - Throws: ``SettingsError`` unless it is the address of something that speaks HTTP.
    init(url: String) throws(SettingsError) {
        guard let components = URLComponents(string: url), let host = components.host, !host.isEmpty,
            ["http", "https"].contains(components.scheme?.lowercased()), components.hasUsablePort
        else {
            throw SettingsError(
                description: "--forward must be an http or https address, http://localhost:3000/hook for example.")
        }
        self.url = url
    }

    /// Posts a message and waits for the answer; whatever becomes of it is an answer too.
    func take(_ message: LocalMessage) async -> LocalAnswer {
        let start = ContinuousClock.now
        let result: LocalAnswer.Result
        do {
            result = try await Self.inTime { try await post(message) }
        } catch {
            result = .fault(Self.words(for: error))
        }
        let (seconds, attoseconds) = start.duration(to: .now).components
        return LocalAnswer(result: result, milliseconds: seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }

    private func post(_ message: LocalMessage) async throws -> LocalAnswer.Result {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        for (name, value) in message.headers { request.headers.add(name: name, value: value) }
        request.body = .bytes(ByteBuffer(bytes: message.body))
        let response = try await Self.http.execute(request, deadline: .distantFuture)
        var answer = Data()
        for try await piece in response.body {
            answer.append(contentsOf: piece.readableBytesView.prefix(Self.answerBytesMax - answer.count))
            if answer.count >= Self.answerBytesMax { break }
        }
        return .status(Int(response.status.code), answer: answer)
    }

    private struct TooLate: Error {}

    private static func inTime<Answer: Sendable>(_ work: @escaping @Sendable () async throws -> Answer) async throws -> Answer {
        try await withThrowingTaskGroup(of: Answer.self) { group in
            group.addTask(operation: work)
            group.addTask {
                try await Task.sleep(for: answerTime)
                throw TooLate()
            }
            defer { group.cancelAll() }
            guard let answer = try await group.next() else { throw TooLate() }
            return answer
        }
    }

    private static func words(for error: any Error) -> String {
        switch error {
        case is TooLate: return "no answer within \(answerTime.components.seconds) s"
        case let error as HTTPClientError where error == .connectTimeout: return "no connection in time"
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            return "the connection ended before there was an answer"
        default:
            let text = "\(error)"
            // What the network says of an address at which nobody listens is long.
            if text.contains("Connection refused") { return "nobody listens there" }
            return "it could not be sent: \(text.prefix(200))"
        }
    }
}

/// What came of a message.
struct LocalAnswer: Sendable {
    enum Result: Sendable {
        /// Any status, with the beginning of the answer's body.
        case status(Int, answer: Data)
        /// No answer; why, in words.
        case fault(String)
    }

    let result: Result
    let milliseconds: Int64
}

/// A message as the local program gets it.
struct LocalMessage: Sendable {
    let event: String
    /// `nil` if it was not claimed.
    let delivery: String?
    let webhook: String
    private(set) var headers: [(name: String, value: String)]
    let body: Data

    /// An event as a flow would send it, with the caller's own header fields beside.
    ///
    /// - Parameter now: the moment of this attempt.
    init(_ event: EventView, body: Data, at now: Timestamp) throws {
        let own = event.headers.compactMap { pair -> (name: String, value: String)? in
            guard let name = pair.first, let value = pair.dropFirst().first else { return nil }
            return (name, value)
        }
        var headers = [
            ("webhook-id", event.id), ("webhook-timestamp", Self.seconds(now)), ("Inlet-Event", event.id),
            ("Inlet-Webhook", event.webhook), ("Inlet-Attempt", "1"),
        ].map { (name: $0.0, value: $0.1) }
        if let contentType = event.contentType { headers.append(("Content-Type", contentType)) }
        if let context = try Self.context(of: event, own) { headers.append(("Inlet-Context", context)) }
        let left = Set(Self.connectionFields + Self.namedByConnection(own))
        headers += own.filter { field in
            let name = Self.small(field.name)
            return !CallHeaders.isSecret(field.name) && !left.contains(name) && !name.hasPrefix("inlet-")
        }
        (self.event, delivery, webhook, self.headers, self.body) = (event.id, nil, event.webhook, headers, body)
    }

    /// A claim, with exactly its header fields.
    init(_ claim: ClaimView) {
        event = claim.event
        delivery = claim.delivery
        webhook = claim.webhook
        headers = claim.headers.compactMap { pair in
            guard let name = pair.first, let value = pair.dropFirst().first else { return nil }
            return (name, value)
        }
        body = claim.body.map { Data($0.utf8) } ?? claim.bodyBase64.flatMap { Data(base64Encoded: $0) } ?? Data()
    }

    /// The same once more, marked as such.
    func again(at now: Timestamp) -> LocalMessage {
        var message = self
        message.headers = headers.filter { !$0.name.equalsIgnoringCase("Inlet-Replay") }
            .map { $0.name.equalsIgnoringCase("webhook-timestamp") ? ($0.name, Self.seconds(now)) : $0 }
        message.headers.append(("Inlet-Replay", "true"))
        return message
    }

    // What belongs to the connection that the call came by (RFC 9110, section 7.6.1), or is said anew of this message.
    private static let connectionFields = [
        "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade",
        "http2-settings", "expect", "host", "content-length", "content-type", "webhook-id", "webhook-timestamp",
    ]

    private static func namedByConnection(_ fields: [(name: String, value: String)]) -> [String] {
        fields.filter { $0.name.equalsIgnoringCase("connection") }
            .flatMap { $0.value.utf8.split(separator: UInt8(ascii: ",")) }
            .map { small(String(Substring($0)).trimmingCharacters(in: .whitespaces)) }
    }

    private static func small(_ name: String) -> String {
        String(decoding: name.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    // As the caller wrote it where that is known, else as JSON.
    private static func context(of event: EventView, _ fields: [(name: String, value: String)]) throws -> String? {
        guard let context = event.context else { return nil }
        if let field = fields.first(where: { $0.name.equalsIgnoringCase("Inlet-Context") }) { return field.value }
        if case .text(let text) = context { return text }
        return String(decoding: try Wire.encode(context), as: UTF8.self)
    }

    private static func seconds(_ moment: Timestamp) -> String { "\(moment.microseconds / 1_000_000)" }
}
