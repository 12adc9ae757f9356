import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

/// What people or programs see of Inlet at the admin listener.
package protocol Face: Sendable {
    /// Whether an address is one of its own, so that what goes wrong there is told in its way.
    func owns(_ path: String) -> Bool

    func addRoutes(to router: Router<AdminContext>)

    /// Turns an error into an answer.
    func response(to error: any Error, _ request: Request, _ context: AdminContext) async -> Response
}

/// The admin listener: its faces and the health pages.
package struct AdminServer: Sendable {
    private let faces: [any Face]
    private let isReady: @Sendable () async -> Bool
    private let logger: Logger

    /// Connections at once; more wait to be taken. Files that the process may have open are set aside for them.
    package static let connectionsMax = 256

    /// - Parameters:
    ///   - faces: the last one tells what goes wrong at addresses that are nobody's.
    ///   - isReady: whether the store answers.
    package init(faces: [any Face], isReady: @escaping @Sendable () async -> Bool, logger: Logger) {
        self.faces = faces
        self.isReady = isReady
        self.logger = logger
    }

    /// Makes the service that listens.
    ///
    /// - Parameter onBound: is told the port once the listener takes requests.
    package func application(
        host: String, port: Int, onBound: @escaping @Sendable (Int) -> Void
    ) -> some ApplicationProtocol {
        Application(
            router: router(),
            server: .http1(configuration: HTTP1Channel.Configuration(idleTimeout: .seconds(60))),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port), serverName: "inlet",
                availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionsMax)),
            onServerRunning: { channel in onBound(channel.localAddress?.port ?? port) },
            logger: logger)
    }

    private func router() -> Router<AdminContext> {
        let router = Router(context: AdminContext.self)
        router.addMiddleware { ErrorMiddleware(faces: faces) }
        router.get("/health/live") { _, _ in "live\n" }
        router.get("/health/ready") { [isReady] _, _ in
            await isReady()
                ? Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "ready\n")))
                : Response(status: .serviceUnavailable, body: ResponseBody(byteBuffer: ByteBuffer(string: "not ready\n")))
        }
        for face in faces { face.addRoutes(to: router) }
        return router
    }
}

/// Has every error told by the face whose address it is; this is the one place that does.
private struct ErrorMiddleware: RouterMiddleware {
    let faces: [any Face]

    func handle(
        _ request: Request, context: AdminContext, next: (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            guard let face = faces.first(where: { $0.owns(request.uri.path) }) ?? faces.last else { throw error }
            return await face.response(to: error, request, context)
        }
    }
}
