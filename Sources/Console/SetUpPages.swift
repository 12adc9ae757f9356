import Domain
import HTTPTypes
import Manage
import Storage
import WebSupport

/// One-time links: the first set-up, a new password, an invitation.
///
/// The secret stands behind the number sign, which browsers keep to themselves; a script puts it into the form, or the person does.
enum SetUpPages {
    static let invitationPath = "/accept-invitation"

    static let list: [PageRoute] = [
        PageRoute(open: .get, "/set-up") { request in try setUpPage(request, fault: nil) },
        PageRoute(open: .post, "/set-up") { request in
            try await request.attempt {
                try await setUp(request)
            } orShow: { fault in
                try setUpPage(request, fault: fault.ofLink("link.set_up_wrong", request.words))
            }
        },
        PageRoute(open: .get, "/set-password") { request in try passwordPage(request, fault: nil) },
        PageRoute(open: .post, "/set-password") { request in
            try await request.attempt {
                try await request.operations.person.setPassword(request.form.text("password"), by: request.form.text("code"))
                return .go(to: "/sign-in?set=1")
            } orShow: { fault in
                try passwordPage(request, fault: fault.ofLink("link.password_wrong", request.words))
            }
        },
        PageRoute(.get, invitationPath, .useOwnAccount) { request in try invitationPage(request, fault: nil) },
        PageRoute(.post, invitationPath, .useOwnAccount) { request in
            try await request.attempt {
                let joined = try await request.operations.person.acceptInvitation(
                    code: request.form.text("code"), request.actor)
                let started = try await request.operations.signIn.switchOrganization(
                    to: joined.organization.text, address: request.address, userAgent: request.userAgent, request.actor)
                return SignInPages.enter(started, at: "/", done: "joined")
            } orShow: { fault in
                try invitationPage(request, fault: fault.ofLink("link.invitation_wrong", request.words))
            }
        },
    ]

    private static func setUp(_ request: OpenPageRequest) async throws -> PageAnswer {
        let form = request.form
        let (login, password) = (form.text("login"), form.text("password"))
        try await request.operations.person.setUp(
            PersonOperations.SetUp(
                password: password, name: form.text("name"), login: login,
                organizationName: form.text("organization_name"),
                language: form["language"].flatMap(Language.init(rawValue:))),
            by: form.text("code"))
        do {
            return SignInPages.enter(try await SignInPages.begin(login, password, code: nil, request), at: "/", done: "set_up")
        } catch is OperationError {
            // All is set up; whoever can't come in at once can by the usual door.
            return .go(to: "/sign-in?set=1")
        }
    }

    private static func setUpPage(_ request: OpenPageRequest, fault: Fault?) throws -> PageAnswer {
        let languages = Language.allCases.map { Field.Option($0.rawValue, request.words["language.\($0.rawValue)"]) }
        let fields = [
            Field("name", key: "set_up.name", isRequired: true, maxLength: 100, autocomplete: "name"),
            Field("login", key: "set_up.login", isRequired: true, maxLength: 100, autocomplete: "username"),
            Field("password", .password, key: "set_up.password", isRequired: true, maxLength: 128, autocomplete: "new-password"),
            Field(
                "organization_name", key: "set_up.organization", isRequired: true, maxLength: 100,
                autocomplete: "organization"),
            Field("language", .choice(languages), key: "set_up.language", isRequired: true),
        ]
        let values = ["language": request.words.language.rawValue]
        return try page("set-up", "set_up.title", fields, values, request, fault: fault)
    }

    private static func passwordPage(_ request: OpenPageRequest, fault: Fault?) throws -> PageAnswer {
        let fields = [
            Field(
                "password", .password, key: "set_password.password", isRequired: true, maxLength: 128,
                autocomplete: "new-password")
        ]
        return try page("set-password", "set_password.title", fields, [:], request, fault: fault)
    }

    private static func page(
        _ template: String, _ title: String, _ fields: [Field], _ values: [String: String], _ request: OpenPageRequest,
        fault: Fault?
    ) throws -> PageAnswer {
        var model = linkModel(request, fault: fault)
        model["fields"] = request.fields(fields, values, fault: fault)
        model["fault"] = request.errors(fault)
        model["action"] = request.address(with: "done", nil)
        return try request.barePage(template, title: request.words[title], model, status: fault == nil ? 200 : 422)
    }

    private static func invitationPage(_ request: PageRequest, fault: Fault?) throws -> PageAnswer {
        var model = linkModel(request.input, fault: fault)
        model["fault"] = request.input.errors(fault)
        model["who"] = request.words(
            "accept_invitation.who",
            ["name": request.me.member.account.name.text, "login": request.me.member.account.login ?? ""])
        return try request.page("accept-invitation", title: request.words["accept_invitation.title"], in: .own, model)
    }

    // For the partial `link-code`.
    private static func linkModel(_ request: OpenPageRequest, fault: Fault?) -> Model {
        [
            "code": fault == nil ? "" : request.form.text("code"),
            "code_error": (fault?.words(of: "code")).orFalse,
        ]
    }
}

extension Fault {
    /// The same fault, with words on what to do about a link that opens nothing if it is the link.
    fileprivate func ofLink(_ key: String, _ words: Words) -> Fault {
        guard self.words(of: "code") != nil else { return self }
        return Fault(summary: words[key], field: ("code", words["link.wrong"]))
    }
}
