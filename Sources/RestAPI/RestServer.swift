import Contract
import Domain
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import Manage
import NIOCore
import ServiceLifecycle

/// The admin listener: the REST API and the health pages.
package struct RestServer: Sendable {
    private let operations: RestOperations
    private let logger: Logger
    private let version: String
    private let trustedProxies: [IPNetwork]

    // Requests are small; what callers of webhooks send goes to the other listener.
    private static let bodyBytesMax = 65_536
    /// Connections at once; more wait to be taken. Files that the process may have open are set aside for them.
    package static let connectionsMax = 256
    private static let bodyTime = Duration.seconds(30)

    /// - Parameter trustedProxies: whose word about the caller's address is taken.
    package init(operations: RestOperations, logger: Logger, version: String, trustedProxies: [IPNetwork]) {
        self.operations = operations
        self.logger = logger
        self.version = version
        self.trustedProxies = trustedProxies
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
        router.addMiddleware { ProblemMiddleware(operations: operations, logger: logger) }
        router.get("/") { [version] _, _ in "Inlet \(version). The REST API is under /api/v1.\n" }
        for page in ["set-password", "set-up", "accept-invitation"] {
            router.get("/\(page)") { _, _ in OneTimePage.text(page) }
        }
        router.get("/health/live") { _, _ in "live\n" }
        router.get("/health/ready") { [operations] _, _ in
            await operations.isReady()
                ? Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "ready\n")))
                : Response(status: .serviceUnavailable, body: ResponseBody(byteBuffer: ByteBuffer(string: "not ready\n")))
        }
        var methods: [String: [HTTPRequest.Method]] = [:]
        for route in AllRoutes.list {
            methods[route.path, default: []].append(route.method)
            router.on("/api/v1/\(route.path)", method: route.method) { request, context in
                try await run(route, request, context)
            }
        }
        refuseOtherMethods(methods, router)
        return router
    }

    // An address that exists answers 405 to what it does not do, and says what it does (RFC 9110, section 15.5.6).
    private func refuseOtherMethods(_ known: [String: [HTTPRequest.Method]], _ router: Router<AdminContext>) {
        let query = [HTTPRequest.Method("QUERY")].compactMap { $0 }
        let all = [.get, .post, .put, .patch, .delete, .head, .options, .trace] + query
        for (path, methods) in known {
            let allowed = methods.map(\.rawValue).sorted().joined(separator: ", ")
            for method in all where !methods.contains(method) {
                router.on("/api/v1/\(path)", method: method) { _, _ -> Response in throw MethodNotAllowed(allowed: allowed) }
            }
        }
    }

    private func run(_ route: Route, _ request: Request, _ context: AdminContext) async throws -> Response {
        let address = caller(request, context)
        switch route.handler {
        case .open(let handler):
            try requireOwnOrigin(request)
            return try await handler(try await input(route, request, context, address), operations).response
        case .known(let handler):
            let actor = try await actor(request, address)
            if let permission = route.permission {
                if let note = route.noteRefusal, !actor.may(permission) {
                    let wanted = context.parameters.get("id").map { $0.removingPercentEncoding ?? $0 } ?? ""
                    try await note(wanted, actor, operations)
                }
                try actor.require(permission)
            }
            let input = try await input(route, request, context, address)
            return try await handler(RestRequest(actor: actor, input: input), operations).response
        }
    }

    private func input(
        _ route: Route, _ request: Request, _ context: AdminContext, _ address: String
    ) async throws -> OpenRequest {
        var query: [String: String] = [:]
        for (name, value) in request.uri.queryParameters {
            // Long names are not looked up: that takes the longer the more marks stand on one letter.
            guard name.utf8.count <= 60, route.query.contains(String(name)) else {
                throw OperationError.invalid(field: String(name.prefix(60)), "is no query parameter of this address.")
            }
            // `?webhook=&limit=` says the same as leaving them out, as scripts with an unset variable mean it.
            if !value.isEmpty { query[String(name)] = String(value) }
        }
        let body: ByteBuffer
        do {
            body = try await Self.collect(request)
        } catch is NIOTooManyBytesError {
            throw RequestTooLarge()
        } catch is RequestTooSlow {
            throw RequestTooSlow()
        } catch {
            // The other end went away in the middle; nobody reads what is answered.
            throw OperationError.invalid(field: "body", "ended too soon.")
        }
        var parameters: [String: String] = [:]
        for (name, value) in context.parameters {
            parameters[String(name)] = value.removingPercentEncoding ?? String(value)
        }
        for (name, value) in parameters.merging(query, uniquingKeysWith: { $1 }) where value.utf8.contains(0) {
            throw OperationError.invalid(field: name, "must not hold the character U+0000.")
        }
        return OpenRequest(
            parameters: parameters, query: query, body: Data(body.readableBytesView), address: address,
            userAgent: request.headers[.userAgent], device: Cookies.value(SessionCookie.device, in: request.headers),
            stay: { [channel = context.channel] in try await Self.stay(channel, $0) })
    }

    // Whoever waits is not to keep the server from stopping, and nobody waits for those who went away.
    private static func stay(
        _ channel: any Channel, _ work: @escaping @Sendable () async throws -> RestAnswer
    ) async throws -> RestAnswer {
        let (gone, mark) = AsyncStream.makeStream(of: Void.self)
        let watch = EndWatch { mark.finish() }
        // Before all others, for not all hand on what they see.
        guard (try? await channel.pipeline.addHandler(watch, position: .first).get()) != nil else { return .nothing }
        defer { channel.pipeline.removeHandler(watch, promise: nil) }
        return try await withThrowingTaskGroup(of: RestAnswer?.self) { group in
            group.addTask { try await cancelWhenGracefulShutdown(work) }
            group.addTask {
                for await _ in gone {}
                return nil
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let answer = result { return answer }
                // The work ends by itself then, with what it has.
                group.cancelAll()
            }
            return .nothing
        }
    }

    private static func collect(_ request: Request) async throws -> ByteBuffer {
        try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
            group.addTask { try await request.body.collect(upTo: bodyBytesMax) }
            group.addTask {
                try await Task.sleep(for: bodyTime)
                throw RequestTooSlow()
            }
            defer { group.cancelAll() }
            return try await group.next() ?? ByteBuffer()
        }
    }

    // MARK: Who asks

    private func actor(_ request: Request, _ address: String) async throws -> Actor {
        if let header = request.headers[.authorization] {
            // Bytes, and few of them: characters of many marks take long to tell apart, and no token has any.
            guard header.utf8.count <= 256, header.utf8.allSatisfy({ $0 < 0x80 }),
                let space = header.utf8.firstIndex(of: UInt8(ascii: " ")),
                String(header[..<space]).equalsIgnoringCase("bearer")
            else { throw OperationError.unauthenticated }
            let token = String(header[header.utf8.index(after: space)...].drop { $0 == " " })
            return try await operations.signIn.actor(presenting: token, from: address)
        }
        guard let session = Cookies.value(SessionCookie.session, in: request.headers) else {
            throw OperationError.unauthenticated
        }
        return try await operations.signIn.actor(session: session, csrf: try csrf(request))
    }

    // A browser sends the cookie along whoever made the request. So one that changes something must come from our own page: it
    // carries a value that only our page could read, and if the browser says where it comes from, that is here.
    private func csrf(_ request: Request) throws(OperationError) -> SignIn.CSRFProof {
        if request.method == .get || request.method == .head { return .notNeeded }
        try requireOwnOrigin(request)
        guard let token = request.headers[.inletCSRF] else { throw .unauthenticated }
        return .given(token)
    }

    // Nor may another site sign somebody in as somebody else.
    private func requireOwnOrigin(_ request: Request) throws(OperationError) {
        guard request.method != .get, let origin = request.headers[.origin] else { return }
        let own = request.head.authority ?? ""
        guard origin == "http://\(own)" || origin == "https://\(own)" else { throw .unauthenticated }
    }

    /// Where a request comes from: behind a proxy that is trusted, the last address in its list that is not such a proxy's.
    private func caller(_ request: Request, _ context: AdminContext) -> String {
        let peer = context.remoteAddress?.ipAddress ?? ""
        let forwarded = request.headers[values: .xForwardedFor].flatMap { $0.split(separator: ",") }
            .map { $0.trimmingCharacters(in: .whitespaces) }
        return TrustedProxies.caller(peer: peer, forwarded: forwarded, trusted: trustedProxies)
    }
}

/// What is known of a request beside the request itself.
struct AdminContext: RequestContext, RemoteAddressRequestContext {
    var coreContext: CoreRequestContextStorage
    let remoteAddress: SocketAddress?
    /// The connection.
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress
        channel = source.channel
    }

    /// By which the log names the request. Hummingbird's `id` traps where a log keeps no metadata.
    var number: String {
        logger[metadataKey: "hb.request.id"]?.description ?? "unknown"
    }
}

/// Sees that the other side of a connection sends no more, or is gone.
private final class EndWatch: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = Any
    private let onEnd: @Sendable () -> Void

    init(onEnd: @escaping @Sendable () -> Void) {
        self.onEnd = onEnd
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { onEnd() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        onEnd()
        context.fireChannelInactive()
    }
}

extension HTTPField.Name {
    static let inletCSRF = Self("Inlet-CSRF") ?? .cookie
    static let xForwardedFor = Self("X-Forwarded-For") ?? .cookie
    static let inletBackupSHA256 = Self("Inlet-Backup-Sha256") ?? .eTag
}

/// The cookies of a person who signed in. `__Host-` binds them to this host, over TLS or the loopback alone.
enum SessionCookie {
    static let session = "__Host-inlet_session"
    static let device = "__Host-inlet_device"

    /// Sets the session's cookie, which ends with the browser, and the one by which the browser is known the next time.
    static func headers(_ started: SignIn.Started) -> [(HTTPField.Name, String)] {
        var headers: [(HTTPField.Name, String)] = [(.setCookie, text(session, started.secret))]
        if let known = started.device { headers.append((.setCookie, text(device, known) + "; Max-Age=31536000")) }
        return headers
    }

    /// Has the browser forget the session.
    static let gone: (HTTPField.Name, String) = (.setCookie, text(session, "") + "; Max-Age=0")

    private static func text(_ name: String, _ value: String) -> String {
        "\(name)=\(value); Path=/; Secure; HttpOnly; SameSite=Lax"
    }
}

enum Cookies {
    /// The value of a cookie; `nil` if there is none.
    static func value(_ name: String, in headers: HTTPFields) -> String? {
        // Bytes, for characters of many marks take long to tell apart.
        for field in headers[values: .cookie] {
            for pair in field.utf8.split(separator: UInt8(ascii: ";")) {
                let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1).map(trimmed)
                if parts.count == 2, parts[0].elementsEqual(name.utf8) { return String(parts[1]) }
            }
        }
        return nil
    }

    private static func trimmed(_ bytes: Substring.UTF8View) -> Substring.UTF8View {
        let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let head = bytes.drop(while: isBlank)
        return head.dropLast(head.reversed().prefix(while: isBlank).count)
    }
}

/// A request body over the bound.
private struct RequestTooLarge: Error {}

/// A request whose body did not come in time.
private struct RequestTooSlow: Error {}

/// A method that an address does not know.
private struct MethodNotAllowed: Error {
    let allowed: String
}

/// Turns every error into `application/problem+json`; this is the one place that does.
private struct ProblemMiddleware: RouterMiddleware {
    let operations: RestOperations
    let logger: Logger

    func handle(
        _ request: Request, context: AdminContext,
        next: (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as OperationError {
            return response(to: error, context)
        } catch is RequestTooLarge {
            return answer(413, "body_too_large", "A request to the REST API has at most 64 KiB.")
        } catch is RequestTooSlow {
            return answer(408, "request_timed_out", "The request did not arrive in time. Send it again, faster.")
        } catch let error as MethodNotAllowed {
            var response = answer(405, "method_not_allowed", "This address knows \(error.allowed).")
            response.headers[.allow] = error.allowed
            return response
        } catch let error as any HTTPResponseError {
            switch error.status {
            case .notFound: return answer(404, "not_found", "There is no such address.")
            default: return answer(error.status.code, "bad_request", "The request cannot be read.")
            }
        } catch {
            return response(to: .defect("\(error)"), context)
        }
    }

    private func response(to error: OperationError, _ context: AdminContext) -> Response {
        switch error {
        case .unauthenticated:
            var response = answer(401, "unauthorized", "Send a management token as a Bearer token, or sign in.")
            response.headers[.wwwAuthenticate] = #"Bearer realm="inlet""#
            return response
        case .signInFailed(let code, let words):
            var response = answer(401, code, words)
            response.headers[.wwwAuthenticate] = #"Bearer realm="inlet""#
            return response
        case .tooManyAttempts(let seconds):
            var response = answer(429, "too_many_attempts", "Too many attempts. Try again in \(seconds) s.")
            response.headers[.retryAfter] = "\(seconds)"
            return response
        case .forbidden(let permission):
            return answer(403, "forbidden", "Your role lacks the permission \(permission.rawValue).")
        case .lacksScope:
            return answer(
                403, "forbidden",
                "This management token lacks the scope `reveal`. Use one that has it, or sign in and give your password.")
        case .variableInUse(let uses):
            return answer(
                409, "variable_in_use",
                "This secret variable is used and can't be deleted. Take it out where it is used first.", uses: uses)
        case .notFound(let noun):
            return answer(404, "not_found", "There is no such \(noun).")
        case .invalid(let field, let expectation):
            return answer(400, "invalid", "`\(field)` \(expectation)", field: field)
        case .conflict(let code, let words):
            return answer(409, code, words)
        case .accountHasTokens(let tokens):
            return answer(
                409, "account_has_tokens",
                "This user still has tokens and can't be deleted. Delete them first, or move them to another account, then "
                    + "try again.", tokens: tokens.map { TokenView($0, now: operations.now) })
        case .unavailable(let detail):
            logger.error("the store is not available", metadata: ["request": "\(context.number)", "error": "\(detail)"])
            var response = answer(503, "unavailable", "The database does not answer. Try again in a moment.")
            response.headers[.retryAfter] = "2"
            return response
        case .defect(let detail):
            logger.error("a request failed", metadata: ["request": "\(context.number)", "error": "\(detail)"])
            return answer(500, "internal", "Inlet made a mistake. Its log says more under request \(context.number).")
        }
    }

    private func answer(
        _ status: Int, _ code: String, _ detail: String, field: String? = nil, tokens: [TokenView]? = nil,
        uses: [String]? = nil
    ) -> Response {
        let problem = Problem(
            title: StatusPhrase.text(status), status: status, code: code, detail: detail, field: field, tokens: tokens,
            uses: uses)
        let body = (try? Wire.encode(problem)) ?? Data()
        return RestAnswer(status: status, headers: [(.contentType, "application/problem+json")], body: body).response
    }
}

extension RestAnswer {
    fileprivate var response: Response {
        var fields = HTTPFields()
        for (name, value) in headers { fields.append(HTTPField(name: name, value: value)) }
        let content: ResponseBody =
            switch body {
            case .bytes(let data): ResponseBody(byteBuffer: ByteBuffer(bytes: data))
            case .pieces(let pieces, let byteCount):
                ResponseBody(contentLength: byteCount.flatMap { Int(exactly: $0) }) { writer in
                    for try await piece in pieces { try await writer.write(ByteBuffer(bytes: piece)) }
                    try await writer.finish(nil)
                }
            }
        return Response(status: HTTPResponse.Status(code: status), headers: fields, body: content)
    }
}

/// What a one-time link shows as long as there is no console: how to use its code.
private enum OneTimePage {
    static func text(_ page: String) -> String {
        let use =
            switch page {
            case "set-password":
                """
                POST /api/v1/passwords {"code": "…", "password": "…"}
                  inlet password set --code …
                """
            case "set-up":
                """
                POST /api/v1/set-up {"code": "…", "password": "…"}
                  inlet set-up --code …
                """
            default: #"POST /api/v1/invitations/accept {"code": "…"}"#
            }
        return """
            The code behind the # of this link works once, for three days:

              \(use)

            """
    }
}
