import AsyncHTTPClient
import Domain
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// The one way out. A name is resolved, every address it has is looked at, and the connection goes to one that was: nothing is reached that
/// is not on the open internet or allowed by whoever runs the server, and no redirect is followed.
package final class Egress: Sendable {
    private let lookups: NameLookups
    private let userAgent: String
    private let state = Mutex(State())

    private static let clientsMax = 1_024
    private static let connectionsPerHost = 4_096
    private static let answerBytesMax = 64 << 10
    private static let bodyTime = Duration.seconds(5)
    /// How much of an answer is handed on.
    package static let answerBytesKept = 16 << 10

    private struct State {
        var clients: [ClientKey: Entry] = [:]
        var isOpen = true
    }

    private struct ClientKey: Hashable {
        let owner: String
        let host: String
        let address: IPAddress
    }

    private struct Entry {
        let client: HTTPClient
        /// Requests under way.
        var uses: Int
        var usedAt: ContinuousClock.Instant
    }

    /// Why nothing was sent.
    package struct Refused: Error, CustomStringConvertible {
        package let description: String

        package init(_ description: String) {
            self.description = description
        }
    }

    /// What came back.
    package struct Answer: Sendable {
        package let status: Int
        package let retryAfter: String?
        /// The first 16 KiB of the body.
        package let body: Data
    }

    /// - Parameters:
    ///   - allowed: networks that are reached although they are not public.
    ///   - version: the one of this program, which it says in each request.
    package init(allowed: [IPNetwork], version: String) {
        lookups = NameLookups(allowed: allowed)
        userAgent = "Inlet/\(version)"
    }

    /// Sends a request and reads its answer, as much of it as is bounded by time and size.
    ///
    /// - Parameter owner: whose connections it uses, a destination's id for example.
    /// - Throws: ``Refused``, or what the connection has to say.
    package func send(_ outgoing: HTTPOutgoing, for owner: String) async throws -> Answer {
        let url = outgoing.url.absoluteString
        guard let host = outgoing.url.host(), !host.isEmpty, !host.utf8.contains(UInt8(ascii: "%")),
            URLComponents(string: url)?.hasUsablePort ?? false
        else { throw Refused("the address names no host and port that can be connected to") }
        var request = HTTPClientRequest(url: url)
        request.method = HTTPMethod(rawValue: outgoing.method)
        for (name, value) in outgoing.headers {
            // A secret that was read from a file may end with a line break.
            guard !value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) else {
                throw Refused("the header field \(name) would hold a control character")
            }
            request.headers.add(name: name, value: value)
        }
        request.headers.replaceOrAdd(name: "User-Agent", value: userAgent)
        request.body = .bytes(ByteBuffer(bytes: outgoing.body))
        let begun = ContinuousClock.now
        let (key, client) = try await Self.within(outgoing.timeout) {
            let (key, client) = try await self.client(for: host, owner)
            // Nobody waits for it any more.
            if Task.isCancelled { self.giveBack(key) }
            return (key, client)
        }
        defer { giveBack(key) }
        let left = outgoing.timeout - (ContinuousClock.now - begun)
        let response = try await Self.within(left) { [request] in
            try await client.execute(request, deadline: .distantFuture)
        }
        // The status has decided; what follows is only kept for people to read.
        return Answer(
            status: Int(response.status.code), retryAfter: response.headers.first(name: "Retry-After"),
            body: await Self.beginning(of: response.body, atMost: min(outgoing.timeout, Self.bodyTime)))
    }

    /// What an error of ``send(_:for:)`` says about the other side.
    package static func outcome(of error: any Error) -> AttemptOutcome {
        switch error {
        case is TimedOut: .timedOut
        case is Refused: .egressRefused
        case let error as HTTPClientError where error == .connectTimeout || error == .readTimeout: .timedOut
        // The types of the TLS library are not ours to import for one question.
        default: String(reflecting: type(of: error)).contains("SSL") ? .tlsFailed : .connectionFailed
        }
    }

    /// What went wrong, for a person. What the client says of an error may hold what was to be sent, so that is left out.
    package static func words(for error: any Error) -> String {
        switch error {
        case let error as Refused: error.description
        case is TimedOut: "no answer in time"
        case let error as HTTPClientError where error == .connectTimeout: "no connection in time"
        case let error as HTTPClientError where error == .remoteConnectionClosed: "the connection was closed before an answer"
        case let error as IOError: "the connection broke: \(String(cString: strerror(error.errnoCode)))"
        default:
            outcome(of: error) == .tlsFailed
                ? "no safe connection: the certificate or the handshake is not right"
                : "the message could not be sent (\(type(of: error)))"
        }
    }

    /// Ends all connections.
    package func close() async {
        let clients = state.withLock { state in
            state.isOpen = false
            defer { state.clients = [:] }
            return state.clients.values.map(\.client)
        }
        for client in clients { try? await client.shutdown() }
    }

    // Whoever answers without end, or a byte a second, is not listened to without end.
    private static func beginning(of body: HTTPClientResponse.Body, atMost time: Duration) async -> Data {
        let beginning = Beginning()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    for try await part in body where !beginning.add(part, isEnoughAt: answerBytesMax) { break }
                } catch {
                    // It broke off; what came is what there is.
                }
            }
            group.addTask { try? await Task.sleep(for: time) }
            await group.next()
            group.cancelAll()
        }
        return beginning.data
    }

    private final class Beginning: Sendable {
        private let state = Mutex((data: Data(), count: 0))

        var data: Data { state.withLock { $0.data } }

        // Whether more is wanted.
        func add(_ part: ByteBuffer, isEnoughAt enough: Int) -> Bool {
            state.withLock { state in
                state.count += part.readableBytes
                state.data += Data(part.readableBytesView.prefix(answerBytesKept - state.data.count))
                return state.count <= enough
            }
        }
    }

    /// The answer took longer than it may.
    package struct TimedOut: Error, CustomStringConvertible {
        package let description = "no answer in time"
    }

    // One time for all of it: a receiver that sends a byte of its head a second is cut off like one that sends none.
    private static func within<Value: Sendable>(
        _ time: Duration, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask { try await work() }
            group.addTask {
                try await Task.sleep(for: time)
                throw TimedOut()
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw TimedOut() }
            return value
        }
    }

    // Each destination has connections of its own: what one holds open is not missed by another at the same host.
    private func client(for host: String, _ owner: String) async throws -> (ClientKey, HTTPClient) {
        let name = host.trimmingCharacters(in: Self.brackets)
        let key = ClientKey(owner: owner, host: host, address: try await lookups.address(of: name))
        let (client, old) = try state.withLock { state -> (HTTPClient, HTTPClient?) in
            guard state.isOpen else { throw Refused("the server stops") }
            if let known = state.clients[key] {
                state.clients[key]?.uses += 1
                return (known.client, nil)
            }
            let idle = state.clients.lazy.filter { $0.value.uses == 0 }.min { $0.value.usedAt < $1.value.usedAt }?.key
            let old = state.clients.count < Self.clientsMax ? nil : idle.flatMap { state.clients.removeValue(forKey: $0) }
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: Self.configuration(host, key.address))
            state.clients[key] = Entry(client: client, uses: 1, usedAt: .now)
            return (client, old?.client)
        }
        if let old { try? await old.shutdown() }
        return (key, client)
    }

    private func giveBack(_ key: ClientKey) {
        state.withLock { state in
            state.clients[key]?.uses -= 1
            state.clients[key]?.usedAt = .now
        }
    }

    private static func configuration(_ host: String, _ address: IPAddress) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10)))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connectionsPerHost
        // The schedule tries again; an attempt need not wait for a port at which nobody listens.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        // Under both spellings of an IPv6 address; for anything else they are one.
        for spelling in [host, host.trimmingCharacters(in: brackets)] { configuration.dnsOverride[spelling] = address.text }
        // The client itself traps on a status below 100.
        configuration.http1_1ConnectionDebugInitializer = { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
                try pipeline.addHandler(AnswerCheck(), position: .after(decoder))
            }
        }
        return configuration
    }

    private static let brackets = CharacterSet(charactersIn: "[]")
}

/// Ends a connection whose answers are none: a status below 100, or interim ones without end.
private final class AnswerCheck: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart
    private var interim = 0
    private var isOver = false
    private static let interimMax = 16

    struct NoAnswer: Error {}

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        if case .head(let head) = unwrapInboundIn(data) {
            interim = (100...199).contains(head.status.code) ? interim + 1 : 0
            guard head.status.code >= 100, interim <= Self.interimMax else {
                isOver = true
                context.fireErrorCaught(NoAnswer())
                context.close(promise: nil)
                return
            }
        }
        context.fireChannelRead(data)
    }
}
