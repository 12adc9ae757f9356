import Domain
import HTTPTypes
import Manage
import WebSupport

/// How a person comes in and goes.
enum SignInPages {
    static let list: [PageRoute] = [
        PageRoute(open: .get, "/sign-in") { request in try passwordPage(request, fault: nil) },
        PageRoute(open: .post, "/sign-in") { request in
            guard let ticket = request.form["ticket"] else {
                return try await start(request.form.text("login"), request.form.text("password"), ticketEndsAt: nil, request)
            }
            guard let known = SignInTicket.open(ticket, now: request.now) else {
                return try passwordPage(request, fault: Fault(summary: request.words["sign_in.too_slow"]))
            }
            return try await start(known.login, known.password, ticketEndsAt: known.endsAt, request)
        },
        PageRoute(.post, "/sign-out", .useOwnAccount) { request in
            try await request.operations.person.endSession("current", request.actor)
            return signedOut
        },
    ]

    /// Where a person stands whose session was just ended.
    static let signedOut = PageAnswer(
        status: 303, headers: [(.location, "/sign-in?out=1"), SessionCookie.gone], body: .html(""))

    private static func start(
        _ login: String, _ password: String, ticketEndsAt: Timestamp?, _ request: OpenPageRequest
    ) async throws -> PageAnswer {
        let isSecondStep = ticketEndsAt != nil
        let code = isSecondStep ? request.form["code"]?.filter { !$0.isWhitespace } : nil
        return try await request.attempt {
            do {
                let started = try await begin(login, password, code: code, request)
                return enter(started, at: place(request.query["next"], link: request.form["link"]))
            } catch OperationError.signInFailed("second_factor_required", _) {
                let wrong = Fault(
                    summary: request.words["sign_in.code_wrong"], field: ("code", request.words["sign_in.code_wrong_hint"]))
                return try codePage(login, password, ticketEndsAt, request, fault: isSecondStep ? wrong : nil)
            } catch OperationError.tooManyAttempts(let seconds) where isSecondStep {
                let fault = Fault(summary: request.words("fault.too_many_attempts", ["n": seconds]))
                return try codePage(login, password, ticketEndsAt, request, fault: fault)
            }
        } orShow: { fault in
            try passwordPage(request, fault: fault)
        }
    }

    /// Starts a session for whoever sent the request.
    static func begin(
        _ login: String, _ password: String, code: String?, _ request: OpenPageRequest
    ) async throws -> SignIn.Started {
        try await request.operations.signIn.start(
            SignIn.Attempt(
                login: login, password: password, code: code, organization: nil, device: request.device,
                address: request.address, userAgent: request.userAgent))
    }

    /// Hands a new session to the browser, and sends it on.
    static func enter(_ started: SignIn.Started, at place: String, done: String? = nil) -> PageAnswer {
        var answer = PageAnswer.go(to: place, done: done)
        answer.headers += SessionCookie.headers(started)
        return answer
    }

    // MARK: Pages

    private static func passwordPage(_ request: OpenPageRequest, fault: Fault?) throws -> PageAnswer {
        let fields = [
            Field("login", key: "sign_in.login", isRequired: true, maxLength: 100, autocomplete: "username"),
            Field.ownPassword(key: "sign_in.password"),
        ]
        return try request.barePage(
            "sign-in", title: request.words["sign_in.title"],
            [
                "fields": request.fields(fields, fault: fault), "fault": request.errors(fault),
                "notice_text": fault == nil ? told(request) as Any : false, "action": request.address(with: "done", nil),
                "link": request.form.text("link"), "takesLink": isForInvitation(request),
            ], status: fault == nil ? 200 : 422)
    }

    // What led here.
    private static func told(_ request: OpenPageRequest) -> Any {
        let words = request.words
        if request.query.has("ended") { return words["sign_in.ended"] }
        if request.query.has("out") { return words["sign_in.out"] }
        if request.query.has("set") { return words["sign_in.set"] }
        if isForInvitation(request) { return words["sign_in.for_invitation"] }
        return request.query.has("next") ? words["sign_in.first"] as Any : false
    }

    private static func codePage(
        _ login: String, _ password: String, _ ticketEndsAt: Timestamp?, _ request: OpenPageRequest, fault: Fault?
    ) throws -> PageAnswer {
        let field = Field(
            "code", key: "sign_in.code", isRequired: true, maxLength: 40, autocomplete: "one-time-code", isCode: true)
        var model = request.fields([field], fault: fault)
        // A code that was refused is of no use any more.
        for index in model.indices { model[index]["value"] = "" }
        return try request.barePage(
            "sign-in-code", title: request.words["sign_in.code_title"],
            [
                "fields": model, "fault": request.errors(fault), "action": request.address(with: "done", nil),
                "ticket": try SignInTicket.seal(
                    login: login, password: password, endsAt: ticketEndsAt, now: request.now),
                "link": request.form.text("link"), "takesLink": request.form.has("link"),
            ], status: fault == nil ? 200 : 422)
    }

    private static func isForInvitation(_ request: OpenPageRequest) -> Bool {
        request.query["next"]?.hasPrefix(SetUpPages.invitationPath) ?? false
    }

    /// Where to go after signing in: a page of ours, whatever the address says.
    ///
    /// - Parameter link: the secret of a one-time link that was opened before, which goes back behind the number sign.
    private static func place(_ wanted: String?, link: String?) -> String {
        guard let wanted, wanted.hasPrefix("/"), !wanted.hasPrefix("//"), !wanted.contains("\\"),
            wanted.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { return "/" }
        guard wanted == SetUpPages.invitationPath, let link, Secret(link.utf8) != nil else { return wanted }
        return "\(wanted)#\(link)"
    }
}
