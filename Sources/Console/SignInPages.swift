import Domain
import HTTPTypes
import Manage
import WebSupport

/// How a person comes in and goes.
enum SignInPages {
    static let list: [PageRoute] = [
        PageRoute(open: .get, "/sign-in") { request in try page(request, fault: nil) },
        PageRoute(open: .post, "/sign-in") { request in
            try await request.attempt {
                let started = try await request.operations.signIn.start(
                    SignIn.Attempt(
                        login: request.form.text("login"), password: request.form.text("password"), code: request.form["code"],
                        organization: nil, device: request.device, address: request.address, userAgent: request.userAgent))
                var answer = PageAnswer.go(to: place(request.form["next"]))
                answer.headers += SessionCookie.headers(started)
                return answer
            } orShow: { fault in
                try page(request, fault: fault)
            }
        },
        PageRoute(.post, "/sign-out", .useOwnAccount) { request in
            try await request.operations.person.endSession("current", request.actor)
            var answer = PageAnswer.go(to: "/sign-in")
            answer.headers.append(SessionCookie.gone)
            return answer
        },
    ]

    private static func page(_ request: OpenPageRequest, fault: Fault?) throws -> PageAnswer {
        let fields = [
            Field("login", key: "sign_in.login", isRequired: true, maxLength: 100, autocomplete: "username"),
            Field("password", .password, key: "sign_in.password", isRequired: true, autocomplete: "current-password"),
            Field("next", .hidden, key: "sign_in.login"),
        ]
        var answer = try request.barePage(
            "sign-in", title: request.words["sign_in.title"],
            [
                "fields": request.fields(fields, ["next": request.query.text("next")], fault: fault),
                "fault": request.errors(fault), "hasEnded": request.query.has("ended"),
            ])
        if let language = request.query["lang"].flatMap(Language.init(rawValue:)) {
            answer.headers.append(LanguageCookie.header(language))
        }
        return answer
    }

    /// Where to go after signing in: a page of ours, whatever the address says.
    private static func place(_ wanted: String?) -> String {
        guard let wanted, wanted.hasPrefix("/"), !wanted.hasPrefix("//"), !wanted.contains("\\"),
            wanted.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { return "/" }
        return wanted
    }
}
