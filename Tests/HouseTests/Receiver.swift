import Foundation
import Hummingbird
import Logging
import ServiceLifecycle
import Synchronization

/// What a notification address is to Inlet: takes what is posted, or does not, and remembers it.
final class Receiver: Sendable {
    private let state = Mutex(State())
    private let port: Int

    private struct State {
        var status = 204
        var posts: [Post] = []
    }

    /// What came.
    struct Post: Sendable {
        let contentType: String?
        /// Path and query, as they were sent.
        let target: String
        /// By name in small letters.
        let headers: [String: String]
        let body: Data

        /// The value of a field, as text.
        subscript(field: String) -> String? {
            let object = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any]
            return object?[field].map { "\($0)" }
        }
    }

    private init(port: Int) {
        self.port = port
    }

    var url: String { "\(base)/hook?room=7" }

    /// Behind it stands any path that begins with `/hook`.
    var base: String { "http://127.0.0.1:\(port)" }

    /// What it answers from now on.
    var status: Int {
        get { state.withLock { $0.status } }
        set { state.withLock { $0.status = newValue } }
    }

    var posts: [Post] { state.withLock { $0.posts } }

    /// Listens for as long as the body runs.
    static func open(body: (Receiver) async throws -> Void) async throws {
        let taker = Mutex<Receiver?>(nil)
        let router = Router()
        for path in ["hook", "hook/**"] as [RouterPath] {
            router.post(path) { request, _ in
                let bytes = try await request.body.collect(upTo: 1 << 20)
                let receiver = taker.withLock { $0 }
                let headers = request.headers.map { ($0.name.canonicalName, $0.value) }
                receiver?.take(
                    Post(
                        contentType: request.headers[.contentType], target: request.uri.description,
                        headers: Dictionary(headers) { first, _ in first }, body: Data(bytes.readableBytesView)))
                return Response(status: .init(code: receiver?.status ?? 500))
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
            await group.triggerGracefulShutdown()
            throw error
        }
        await group.triggerGracefulShutdown()
        try await running.value
    }

    private func take(_ post: Post) {
        state.withLock { $0.posts.append(post) }
    }
}
