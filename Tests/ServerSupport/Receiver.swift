import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// What a notification address or a destination is to Inlet: takes what is sent, or does not, and remembers it.
package final class Receiver: Sendable {
    private let state = Mutex(State())
    private let port: Int

    private struct State {
        var status = 204
        var headers: [(name: String, value: String)] = []
        var text = ""
        var judge: (@Sendable (Post) -> Int?)?
        var posts: [Post] = []
        var isHolding = false
        var held: [CheckedContinuation<Void, Never>] = []
        var underWay = 0
        var underWayMost = 0
    }

    /// What came.
    package struct Post: Sendable {
        package let method: String
        package let contentType: String?
        /// Path and query, as they were sent.
        package let target: String
        /// By name in small letters.
        package let headers: [String: String]
        /// The names of all fields in small letters, also of those that came twice.
        package let names: [String]
        package let body: Data

        package var text: String { String(decoding: body, as: UTF8.self) }

        /// The value of a field, as text.
        package subscript(field: String) -> String? {
            let object = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any]
            return object?[field].map { "\($0)" }
        }
    }

    private init(port: Int) {
        self.port = port
    }

    package var url: String { "\(base)/hook?room=7" }

    /// Behind it stands any path that begins with `/hook`.
    package var base: String { "http://127.0.0.1:\(port)" }

    /// What it answers from now on.
    package var status: Int {
        get { state.withLock { $0.status } }
        set { state.withLock { $0.status = newValue } }
    }

    package var posts: [Post] { state.withLock { $0.posts } }

    /// Header fields of what it answers from now on.
    package var headers: [(name: String, value: String)] {
        get { state.withLock { $0.headers } }
        set { state.withLock { $0.headers = newValue } }
    }

    /// The body of what it answers from now on.
    package var text: String {
        get { state.withLock { $0.text } }
        set { state.withLock { $0.text = newValue } }
    }

    /// Says what single posts are answered with, where it says something.
    package func judge(_ judge: @escaping @Sendable (Post) -> Int?) {
        state.withLock { $0.judge = judge }
    }

    /// How many posts wait for their answer.
    package var underWay: Int { state.withLock { $0.underWay } }

    /// How many of them there were at most.
    package var underWayMost: Int { state.withLock { $0.underWayMost } }

    /// Answers nothing from now on.
    package func hold() {
        state.withLock { $0.isHolding = true }
    }

    /// Answers all again, and what waits first.
    package func release() {
        let held = state.withLock { state in
            state.isHolding = false
            defer { state.held = [] }
            return state.held
        }
        for continuation in held { continuation.resume() }
    }

    /// Listens for as long as the body runs.
    package static func open(body: (Receiver) async throws -> Void) async throws {
        let taker = Mutex<Receiver?>(nil)
        let router = Router()
        for path in ["hook", "hook/**"] as [RouterPath] {
            for method in [.post, .put] as [HTTPRequest.Method] {
                router.on(path, method: method) { request, _ in
                    let bytes = try await request.body.collect(upTo: 1 << 20)
                    let headers = request.headers.map { ($0.name.canonicalName, $0.value) }
                    let answer = await taker.withLock { $0 }?.take(
                        Post(
                            method: request.method.rawValue, contentType: request.headers[.contentType],
                            target: request.uri.description, headers: Dictionary(headers) { first, _ in first },
                            names: headers.map(\.0), body: Data(bytes.readableBytesView)))
                    return answer ?? Response(status: .internalServerError)
                }
            }
        }
        let (ports, bound) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { bound.yield($0.localAddress?.port ?? 0) },
            logger: Logger(label: "receiver") { _ in SwiftLogNoOpLogHandler() })
        let group = ServiceGroup(services: [application], logger: Logger(label: "receiver") { _ in SwiftLogNoOpLogHandler() })
        let running = Task { try await group.run() }
        var found = ports.makeAsyncIterator()
        let receiver = Receiver(port: await found.next() ?? 0)
        taker.withLock { $0 = receiver }
        do {
            try await body(receiver)
        } catch {
            receiver.release()
            await group.triggerGracefulShutdown()
            throw error
        }
        receiver.release()
        await group.triggerGracefulShutdown()
        try await running.value
    }

    private func take(_ post: Post) async -> Response {
        state.withLock { state in
            state.posts.append(post)
            state.underWay += 1
            state.underWayMost = max(state.underWay, state.underWayMost)
        }
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.isHolding { state.held.append(continuation) }
                return !state.isHolding
            }
            if isFree { continuation.resume() }
        }
        return state.withLock { state in
            state.underWay -= 1
            var headers = HTTPFields()
            for (name, value) in state.headers {
                if let name = HTTPField.Name(name) { headers[name] = value }
            }
            return Response(
                status: .init(code: state.judge?(post) ?? state.status), headers: headers,
                body: state.text.isEmpty ? .init() : .init(byteBuffer: ByteBuffer(string: state.text)))
        }
    }
}
