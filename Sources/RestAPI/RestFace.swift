import Contract
import Domain
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import Manage
import NIOCore
import WebSupport

/// The REST API, as a face of the admin listener.
package struct RestFace: Face {
    private let operations: Operations
    private let logger: Logger
    private let trustedProxies: [IPNetwork]

    // Requests are small; what callers of webhooks send goes to the other listener.
    private static let bodyBytesMax = 65_536

    /// - Parameter trustedProxies: whose word about the caller's address is taken.
    package init(operations: Operations, logger: Logger, trustedProxies: [IPNetwork]) {
        self.operations = operations
        self.logger = logger
        self.trustedProxies = trustedProxies
    }

    package func owns(_ path: String) -> Bool {
        path == "/api" || path.hasPrefix("/api/") || path.hasPrefix("/health/")
    }

    package func addRoutes(to router: Router<AdminContext>) {
        for route in AllRoutes.list {
            router.on("\(Self.path(of: route))", method: route.method) { request, context in
                try await run(route, request, context)
            }
        }
    }

    private static let methods = AllowedMethods(AllRoutes.list.map { (path(of: $0), $0.method) })

    private static func path(of route: Route) -> String { "/api/v1/\(route.path)" }

    private func run(_ route: Route, _ request: Request, _ context: AdminContext) async throws -> Response {
        let address = request.sender(context, trusted: trustedProxies)
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
            body = try await request.wholeBody(bytesMax: Self.bodyBytesMax)
        } catch RequestFault.cut {
            // Nobody reads what is answered.
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
            stay: { try await context.stay($0) ?? .nothing })
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
        guard request.isOfOwnOrigin else { throw .unauthenticated }
    }
}

extension HTTPField.Name {
    static let inletCSRF = Self("Inlet-CSRF") ?? .cookie
    static let inletBackupSHA256 = Self("Inlet-Backup-Sha256") ?? .eTag
}

extension RestFace {
    /// Turns every error into `application/problem+json`; this is the one place that does.
    package func response(to error: any Error, _ request: Request, _ context: AdminContext) async -> Response {
        switch error {
        case let error as OperationError: return response(to: error, context)
        case RequestFault.tooLarge:
            return answer(413, "body_too_large", "A request to the REST API has at most 64 KiB.")
        case RequestFault.tooSlow:
            return answer(408, "request_timed_out", "The request did not arrive in time. Send it again, faster.")
        case let error as any HTTPResponseError:
            switch error.status {
            case .notFound:
                guard let allowed = Self.methods.allowed(insteadOf: request.method, at: request.uri.path) else {
                    return answer(404, "not_found", "There is no such address.")
                }
                var response = answer(405, "method_not_allowed", "This address knows \(allowed).")
                response.headers[.allow] = allowed
                return response
            default: return answer(error.status.code, "bad_request", "The request cannot be read.")
            }
        default: return response(to: .defect("\(error)"), context)
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
