import ConsoleFiles
import Crypto
import Domain
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import Manage
import NIOCore
import WebSupport

/// The console: what people see of Inlet in a browser.
package struct ConsoleFace: Face {
    private let operations: Operations
    private let surroundings: OpenPageRequest.Surroundings
    private let trustedProxies: [IPNetwork]
    private let logger: Logger

    // The longest thing that a form sends is a flow's template with its filter.
    private static let bodyBytesMax = 262_144

    /// - Parameters:
    ///   - trustedProxies: whose word about the caller's address is taken.
    ///   - call: makes a real call to a webhook through the door for callers, and gives the answer's status; `nil` if there was none.
    /// - Throws: if one of the templates is no Mustache.
    package init(
        operations: Operations, version: String, trustedProxies: [IPNetwork], logger: Logger,
        call: @escaping @Sendable (_ webhook: String, _ authorization: String, _ body: Data) async -> Int?
    ) throws {
        self.operations = operations
        self.trustedProxies = trustedProxies
        self.logger = logger
        _ = try Templates()
        var hash = SHA256()
        for name in ConsoleFiles.assetNames { hash.update(data: ConsoleFiles.asset(name)?.bytes ?? Data()) }
        let filesVersion = hash.finalize().prefix(6).map { String($0, radix: 16) }.joined()
        surroundings = .init(version: version, filesVersion: filesVersion, call: call)
    }

    /// Whatever is nobody else's.
    package func owns(_ path: String) -> Bool { true }

    package func addRoutes(to router: Router<AdminContext>) {
        for name in ConsoleFiles.assetNames {
            router.get("/assets/\(name)") { _, _ in Self.asset(name) }
        }
        router.get("/favicon.ico") { _, _ in Self.asset("favicon.svg") }
        for route in AllPages.list {
            router.on("\(route.path)", method: route.method) { request, context in
                try await run(route, request, context)
            }
            guard route.method == .get else { continue }
            router.on("\(route.path)", method: .head) { request, context in
                try await run(route, request, context).createHeadResponse()
            }
        }
    }

    private static let methods = AllowedMethods(
        AllPages.list.flatMap { route in
            ([route.method] + (route.method == .get ? [.head] : [])).map { (route.path, $0) }
        })

    private func run(_ route: PageRoute, _ request: Request, _ context: AdminContext) async throws -> Response {
        guard request.isOfOwnOrigin else { throw OperationError.unauthenticated }
        // To a browser `//x` in a link of ours would be another host.
        guard !request.uri.path.contains("//") else { throw HTTPError(.notFound) }
        let form = try await form(request)
        let query = Form(request.uri.query ?? "")
        guard form.isSane, query.isSane else {
            throw OperationError.invalid(field: "form", "must not hold U+0000, or more than 30 marks on one letter.")
        }
        switch route.handler {
        case .open(let handler):
            return try await respond(handler(try input(request, context, query, form, me: nil)), context)
        case .known(let handler):
            let proof: SignIn.CSRFProof =
                request.method == .get || request.method == .head ? .notNeeded : .given(form.text("csrf"))
            let known = try await pageRequest(request, context, query, form, proof)
            if let permission = route.permission {
                if let note = route.noteRefusal, !known.actor.may(permission) { try await note(known) }
                try known.actor.require(permission)
            }
            return try await respond(handler(known), context)
        }
    }

    private func pageRequest(
        _ request: Request, _ context: AdminContext, _ query: Form, _ form: Form, _ proof: SignIn.CSRFProof
    ) async throws -> PageRequest {
        guard let session = Cookies.value(SessionCookie.session, in: request.headers) else {
            throw OperationError.unauthenticated
        }
        let actor = try await operations.signIn.actor(session: session, csrf: proof)
        let me = try await operations.person.me(actor)
        return PageRequest(
            actor: actor, me: me, csrf: SignIn.csrfToken(ofSession: session) ?? "",
            input: try input(request, context, query, form, me: me))
    }

    private func input(
        _ request: Request, _ context: AdminContext, _ query: Form, _ form: Form, me: PersonOperations.Me?
    ) throws -> OpenPageRequest {
        var parameters: [String: String] = [:]
        for (name, value) in context.parameters {
            parameters[String(name)] = value.removingPercentEncoding ?? String(value)
        }
        guard parameters.values.allSatisfy(Form.isSane) else { throw OperationError.notFound("page") }
        return OpenPageRequest(
            path: request.uri.path, parameters: parameters, query: query, form: form,
            address: request.sender(context, trusted: trustedProxies), userAgent: request.headers[.userAgent],
            device: Cookies.value(SessionCookie.device, in: request.headers),
            lastEventID: HTTPField.Name("Last-Event-ID").flatMap { request.headers[$0] }, words: words(request, query, me),
            operations: operations, templates: try Templates(), surroundings: surroundings)
    }

    private func form(_ request: Request) async throws -> Form {
        guard request.method == .post else { return Form() }
        let bytes = try await request.wholeBody(bytesMax: Self.bodyBytesMax)
        return Form(String(buffer: bytes))
    }

    // The person's own language, else what was chosen before sign-in, else what the browser asks for.
    private func words(_ request: Request, _ query: Form, _ me: PersonOperations.Me?) -> Words {
        let kept = Cookies.value(LanguageCookie.name, in: request.headers).flatMap { Form.isSane($0) ? $0 : nil }
        let chosen = query["lang"] ?? kept
        let language =
            me?.language ?? chosen.flatMap(Language.init(rawValue:))
            ?? request.headers[.acceptLanguage].flatMap { Language.preferred(in: $0) } ?? .english
        return .of(language)
    }

    // MARK: Answers

    private static let fixedHeaders: [(HTTPField.Name, String)] = [
        (.contentSecurityPolicy, policy), (.xContentTypeOptions, "nosniff"), (.referrerPolicy, "same-origin"),
        (.crossOriginOpenerPolicy, "same-origin"), (.crossOriginResourcePolicy, "same-origin"), (.xFrameOptions, "DENY"),
    ]

    // Nothing inline, nothing from elsewhere.
    private static let policy =
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
        + "base-uri 'none'; frame-ancestors 'none'"

    private func respond(_ answer: PageAnswer, _ context: AdminContext) -> Response {
        var fields = HTTPFields()
        // Pages show names, addresses and now and then a secret, so no cache keeps any.
        for (name, value) in Self.fixedHeaders + [(.cacheControl, "no-store")] { fields[name] = value }
        for (name, value) in answer.headers { fields.append(HTTPField(name: name, value: value)) }
        switch answer.body {
        case .html(let html):
            if fields[.contentType] == nil { fields[.contentType] = "text/html; charset=utf-8" }
            return Response(
                status: .init(code: answer.status), headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(string: html)))
        case .bytes(let bytes):
            return Response(
                status: .init(code: answer.status), headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
        case .file(let pieces, let byteCount):
            let body = ResponseBody(contentLength: byteCount.flatMap { Int(exactly: $0) }) { writer in
                for try await piece in pieces { try await writer.write(ByteBuffer(bytes: piece)) }
                try await writer.finish(nil)
            }
            return Response(status: .init(code: answer.status), headers: fields, body: body)
        case .pieces(let pieces, let end):
            let body = ResponseBody { writer in
                try await context.watching(end) {
                    for try await piece in pieces { try await writer.write(ByteBuffer(bytes: piece)) }
                }
                try await writer.finish(nil)
            }
            return Response(status: .init(code: answer.status), headers: fields, body: body)
        }
    }

    private static func asset(_ name: String) -> Response {
        guard let asset = ConsoleFiles.asset(name) else { return Response(status: .notFound) }
        var fields = HTTPFields()
        for (name, value) in fixedHeaders { fields[name] = value }
        fields[.contentType] = asset.type
        fields[.cacheControl] = ConsoleFiles.areInDevelopment ? "no-store" : "public, max-age=31536000, immutable"
        return Response(status: .ok, headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(bytes: asset.bytes)))
    }

    // MARK: What goes wrong

    package func response(to error: any Error, _ request: Request, _ context: AdminContext) async -> Response {
        if case OperationError.unauthenticated = error { return respond(signIn(request), context) }
        if let error = error as? any HTTPResponseError, error.status == .notFound,
            let allowed = Self.methods.allowed(insteadOf: request.method, at: request.uri.path)
        {
            return Response(status: .methodNotAllowed, headers: [.allow: allowed])
        }
        let (status, key) = told(error, context)
        do {
            return respond(try await errorPage(status, key, request, context), context)
        } catch {
            logger.error("a page of an error failed", metadata: ["request": "\(context.number)", "error": "\(error)"])
            return Response(status: .init(code: status))
        }
    }

    // Back to where the reader wanted to go, after signing in. A form that was sent is not sent again.
    private func signIn(_ request: Request) -> PageAnswer {
        guard request.method == .get else { return .go(to: "/sign-in?ended=1") }
        let place = request.uri.description
        return place == "/" ? .go(to: "/sign-in") : .go(to: "/sign-in?next=\(Form.encoded(place))")
    }

    private func told(_ error: any Error, _ context: AdminContext) -> (status: Int, key: String) {
        switch error {
        case OperationError.forbidden, OperationError.lacksScope: return (403, "forbidden")
        case OperationError.notFound: return (404, "not_found")
        case OperationError.invalid, OperationError.conflict, OperationError.accountHasTokens, OperationError.variableInUse,
            OperationError.signInFailed:
            return (400, "bad_request")
        case OperationError.tooManyAttempts: return (429, "too_many")
        case OperationError.unavailable(let detail):
            logger.error("the store is not available", metadata: ["request": "\(context.number)", "error": "\(detail)"])
            return (503, "unavailable")
        case RequestFault.tooLarge: return (413, "too_large")
        case RequestFault.tooSlow, RequestFault.cut: return (408, "bad_request")
        case let error as any HTTPResponseError:
            return error.status == .notFound ? (404, "not_found") : (error.status.code, "bad_request")
        default:
            logger.error("a page failed", metadata: ["request": "\(context.number)", "error": "\(error)"])
            return (500, "internal")
        }
    }

    private func errorPage(
        _ status: Int, _ key: String, _ request: Request, _ context: AdminContext
    ) async throws -> PageAnswer {
        let number = context.number
        var context = context
        // What was wrong may stand there.
        context.coreContext.parameters = .init()
        let query = Form(request.uri.query ?? "")
        let model: (Words) -> Model = { words in
            [
                "text": words["error.\(key)_text"], "number": words("error.number", ["id": number]),
                "hasNumber": status >= 500,
            ]
        }
        if let reader = try? await pageRequest(request, context, query, Form(), .notNeeded) {
            return try reader.page(
                "error", title: reader.words["error.\(key)"], in: .home, model(reader.words), status: status)
        }
        let open = try input(request, context, query, Form(), me: nil)
        return try open.barePage("bare-error", title: open.words["error.\(key)"], model(open.words), status: status)
    }
}

/// The language that somebody chose before signing in.
enum LanguageCookie {
    static let name = "__Host-inlet_language"

    static func header(_ language: Language) -> (HTTPField.Name, String) {
        (.setCookie, "\(name)=\(language.rawValue); Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=31536000")
    }
}

extension HTTPField.Name {
    fileprivate static let referrerPolicy = Self("Referrer-Policy") ?? .via
    fileprivate static let crossOriginOpenerPolicy = Self("Cross-Origin-Opener-Policy") ?? .via
    fileprivate static let crossOriginResourcePolicy = Self("Cross-Origin-Resource-Policy") ?? .via
    fileprivate static let xFrameOptions = Self("X-Frame-Options") ?? .via
}
