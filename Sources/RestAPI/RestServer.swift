import Contract
import Domain
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import Manage
import NIOCore

/// The admin listener: the REST API and the health pages.
package struct RestServer: Sendable {
    private let operations: RestOperations
    private let logger: Logger
    private let version: String

    // Requests are small; what callers of webhooks send goes to the other listener.
    private static let bodyBytesMax = 65_536

    package init(operations: RestOperations, logger: Logger, version: String) {
        self.operations = operations
        self.logger = logger
        self.version = version
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
            configuration: ApplicationConfiguration(address: .hostname(host, port: port), serverName: "inlet"),
            onServerRunning: { channel in onBound(channel.localAddress?.port ?? port) },
            logger: logger)
    }

    private func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.addMiddleware { ProblemMiddleware(logger: logger) }
        router.get("/") { [version] _, _ in "Inlet \(version). The REST API is under /api/v1.\n" }
        router.get("/health/live") { _, _ in "live\n" }
        router.get("/health/ready") { [operations] _, _ in
            await operations.isReady()
                ? Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "ready\n")))
                : Response(status: .serviceUnavailable, body: ResponseBody(byteBuffer: ByteBuffer(string: "not ready\n")))
        }
        for route in AllRoutes.list {
            router.on("/api/v1/\(route.path)", method: route.method) { [operations] request, context in
                try await Self.run(route, request, context, operations)
            }
        }
        return router
    }

    private static func run(
        _ route: Route, _ request: Request, _ context: BasicRequestContext, _ operations: RestOperations
    ) async throws -> Response {
        let actor = try await operations.signIn.actor(presenting: bearer(request))
        var query: [String: String] = [:]
        for (name, value) in request.uri.queryParameters {
            guard route.query.contains(String(name)) else {
                throw OperationError.invalid(field: String(name.prefix(60)), "is no query parameter of this address.")
            }
            // `?webhook=&limit=` says the same as leaving them out, as scripts with an unset variable mean it.
            if !value.isEmpty { query[String(name)] = String(value) }
        }
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: bodyBytesMax)
        } catch is NIOTooManyBytesError {
            throw RequestTooLarge()
        }
        var parameters: [String: String] = [:]
        for (name, value) in context.parameters {
            parameters[String(name)] = value.removingPercentEncoding ?? String(value)
        }
        let rest = RestRequest(actor: actor, parameters: parameters, query: query, body: Data(body.readableBytesView))
        return try await route.handler(rest, operations).response
    }

    private static func bearer(_ request: Request) throws -> String {
        guard let header = request.headers[.authorization], let space = header.firstIndex(of: " "),
            header[..<space].lowercased() == "bearer"
        else { throw OperationError.unauthenticated }
        return String(header[header.index(after: space)...].drop { $0 == " " })
    }
}

/// A request body over the bound.
private struct RequestTooLarge: Error {}

/// Turns every error into `application/problem+json`; this is the one place that does.
private struct ProblemMiddleware: RouterMiddleware {
    let logger: Logger

    func handle(
        _ request: Request, context: BasicRequestContext,
        next: (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as OperationError {
            return response(to: error, context)
        } catch is RequestTooLarge {
            return answer(413, "body_too_large", "A request to the REST API has at most 64 KiB.")
        } catch let error as any HTTPResponseError {
            switch error.status {
            case .notFound: return answer(404, "not_found", "There is no such address with this method.")
            default: return answer(error.status.code, "bad_request", "The request cannot be read.")
            }
        } catch {
            return response(to: .defect("\(error)"), context)
        }
    }

    private func response(to error: OperationError, _ context: BasicRequestContext) -> Response {
        switch error {
        case .unauthenticated:
            var response = answer(401, "unauthorized", "Send a management token as a Bearer token.")
            response.headers[.wwwAuthenticate] = #"Bearer realm="inlet""#
            return response
        case .forbidden(let permission):
            return answer(403, "forbidden", "Your role lacks the permission \(permission.rawValue).")
        case .notFound(let noun):
            return answer(404, "not_found", "There is no such \(noun).")
        case .invalid(let field, let expectation):
            return answer(400, "invalid", "`\(field)` \(expectation)", field: field)
        case .conflict(let code, let words):
            return answer(409, code, words)
        case .unavailable(let detail):
            logger.error("the store is not available", metadata: ["request": "\(context.id)", "error": "\(detail)"])
            var response = answer(503, "unavailable", "The database does not answer. Try again in a moment.")
            response.headers[.retryAfter] = "2"
            return response
        case .defect(let detail):
            logger.error("a request failed", metadata: ["request": "\(context.id)", "error": "\(detail)"])
            return answer(500, "internal", "Inlet made a mistake. Its log says more under request \(context.id).")
        }
    }

    private func answer(_ status: Int, _ code: String, _ detail: String, field: String? = nil) -> Response {
        let problem = Problem(
            title: StatusPhrase.text(status), status: status, code: code, detail: detail, field: field)
        let body = (try? Wire.encode(problem)) ?? Data()
        return RestAnswer(status: status, headers: [(.contentType, "application/problem+json")], body: body).response
    }
}

extension RestAnswer {
    fileprivate var response: Response {
        var fields = HTTPFields()
        for (name, value) in headers { fields.append(HTTPField(name: name, value: value)) }
        return Response(
            status: HTTPResponse.Status(code: status), headers: fields,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
