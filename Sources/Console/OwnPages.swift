import Domain
import HTTPTypes
import Manage
import Storage
import WebSupport

/// A person's own account: name, language, password, second factor, sessions.
enum OwnPages {
    static let list: [PageRoute] = account + secondFactor + sessions

    // MARK: Name, language, password

    private static let account: [PageRoute] = [
        PageRoute(.get, "/me", .useOwnAccount) { request in try accountPage(request, fault: nil) },
        PageRoute(.post, "/me", .useOwnAccount) { request in
            try await request.attempt {
                let language = request.form["language"].flatMap(Language.init(rawValue:))
                _ = try await request.operations.person.changeOwn(
                    name: request.form.text("name"), language: .some(language), request.actor)
                return .go(to: "/me", done: "own_changed")
            } orShow: { fault in
                try accountPage(request, fault: fault)
            }
        },
        PageRoute(.get, "/me/password", .useOwnAccount) { request in try passwordPage(request, fault: nil) },
        PageRoute(.post, "/me/password", .useOwnAccount) { request in
            try await request.attempt {
                try await request.operations.person.changePassword(
                    request.form.text("password"), to: request.form.text("new_password"), request.actor)
                return .go(to: "/me/password", done: "own_password")
            } orShow: { fault in
                try passwordPage(request, fault: fault)
            }
        },
    ]

    private static func accountPage(_ request: PageRequest, fault: Fault?) throws -> PageAnswer {
        let (words, member) = (request.words, request.me.member)
        let spoken = words["language.\(request.me.organization.language.rawValue)"]
        let organizations = words("own.language_of_organization", ["language": spoken])
        let languages =
            [Field.Option("organization", organizations)]
            + Language.allCases.map { Field.Option($0.rawValue, words["language.\($0.rawValue)"]) }
        let fields = [
            Field("name", key: "own.name", isRequired: true, maxLength: 100, autocomplete: "name"),
            Field("language", .choice(languages), key: "own.language", isRequired: true),
        ]
        let values = ["name": member.account.name.text, "language": member.account.language?.rawValue ?? "organization"]
        let places = request.me.places.map { place -> Model in
            [
                "name": place.organization.name.text, "role": words["role.\(place.membership.role.rawValue)"],
                "isCurrent": place.organization.id == request.me.organization.id,
            ]
        }
        return try page(
            "own", words["nav.own"], "/me", request,
            [
                "fields": request.input.fields(fields, values, fault: fault), "fault": request.input.errors(fault),
                "login": member.account.login ?? "", "memberOf": places,
            ])
    }

    private static func passwordPage(_ request: PageRequest, fault: Fault?) throws -> PageAnswer {
        let fields = [
            Field.ownPassword(key: "own.password_now"),
            Field(
                "new_password", .password, key: "own.password_new", isRequired: true, maxLength: 128,
                autocomplete: "new-password"),
        ]
        return try page(
            "own-password", request.words["own.password_title"], "/me/password", request,
            [
                "fields": request.input.fields(fields, fault: fault), "fault": request.input.errors(fault),
                "login": request.me.member.account.login ?? "",
            ])
    }

    // MARK: Second factor

    private static let secondFactor: [PageRoute] = [
        PageRoute(.get, "/me/second-factor", .useOwnAccount) { request in try factorPage(request, fault: nil) },
        PageRoute(.post, "/me/second-factor", .useOwnAccount) { request in
            try await request.attempt {
                let offered = try await request.operations.person.offerSecondFactor(
                    password: request.form.text("password"), request.actor)
                return try offerPage(offered.secret, offered.uri, request, fault: nil)
            } orShow: { fault in
                try factorPage(request, fault: fault)
            }
        },
        PageRoute(.post, "/me/second-factor/confirm", .useOwnAccount) { request in
            try await request.attempt {
                let codes = try await request.operations.person.confirmSecondFactor(
                    code: request.form.text("code").filter { !$0.isWhitespace }, request.actor)
                return try page(
                    "own-recovery-codes", request.words["own.codes_title"], "/me/second-factor", request,
                    ["codes": request.input.code("codes", "own.codes", codes.joined(separator: "\n"), isSecret: true)])
            } orShow: { fault in
                try offerPage(request.form.text("secret"), request.form.text("uri"), request, fault: fault)
            }
        },
        PageRoute(.get, "/me/second-factor/remove", .useOwnAccount) { request in try removalPage(request, fault: nil) },
        PageRoute(.post, "/me/second-factor/remove", .useOwnAccount) { request in
            try await request.attempt {
                try await request.operations.person.removeSecondFactor(
                    password: request.form.text("password"), request.actor)
                return .go(to: "/me/second-factor", done: "own_factor_removed")
            } orShow: { fault in
                try removalPage(request, fault: fault)
            }
        },
    ]

    private static let proof = Field.ownPassword(key: "own.password_again")

    private static func factorPage(_ request: PageRequest, fault: Fault?) throws -> PageAnswer {
        let isOn = request.me.member.account.hasSecondFactor
        return try page(
            "own-second-factor", request.words["own.factor_title"], "/me/second-factor", request,
            [
                "fields": request.input.fields([proof], fault: fault), "fault": request.input.errors(fault), "isOn": isOn,
                "state": request.input.badge(isOn ? "own.factor_on" : "own.factor_off", isOn ? .good : .warn),
            ])
    }

    private static func offerPage(
        _ secret: String, _ uri: String, _ request: PageRequest, fault: Fault?
    ) throws -> PageAnswer {
        let field = Field(
            "code", key: "own.factor_code", isRequired: true, maxLength: 10, autocomplete: "one-time-code", isCode: true)
        // The form brings back what this page showed; nothing else may become a link.
        let isAddress = uri.hasPrefix("otpauth://totp/")
        return try page(
            "own-factor-offer", request.words["own.factor_offer_title"], "/me/second-factor", request,
            [
                "fields": request.input.fields([field], fault: fault), "fault": request.input.errors(fault),
                "secret": secret, "uri": uri, "link": isAddress ? uri as Any : false,
                "secretCode": request.input.code("secret", "own.factor_secret", grouped(secret), isSecret: true),
                "uriCode": request.input.code("uri", "own.factor_uri", uri, isSecret: true),
            ])
    }

    // In fours, as apps show it and take it.
    private static func grouped(_ secret: String) -> String {
        var text = ""
        for (index, character) in secret.enumerated() {
            if index > 0, index % 4 == 0 { text += " " }
            text.append(character)
        }
        return text
    }

    private static func removalPage(_ request: PageRequest, fault: Fault?) throws -> PageAnswer {
        let words = request.words
        var asked = Confirmation(
            title: words["own.factor_remove_title"], text: words["own.factor_remove_text"],
            action: "/me/second-factor/remove", button: words["own.factor_remove"], back: "/me/second-factor", isDanger: true)
        asked.fields = [proof]
        return try request.confirm(asked, in: .own, crumbs: [request.crumb(.own)], fault: fault)
    }

    // MARK: Sessions

    private static let sessions: [PageRoute] = [
        PageRoute(.get, "/me/sessions", .useOwnAccount) { request in try await sessionsPage(request) },
        PageRoute(.get, "/me/sessions/end-others", .useOwnAccount) { request in
            let words = request.words
            return try request.confirm(
                Confirmation(
                    title: words["own.end_others_title"], text: words["own.end_others_text"],
                    action: "/me/sessions/end-others", button: words["own.end_others"], back: "/me/sessions", isDanger: true),
                in: .own, crumbs: crumbs(request))
        },
        PageRoute(.post, "/me/sessions/end-others", .useOwnAccount) { request in
            for (session, _) in try await request.operations.person.sessions(request.actor)
            where session.id != request.actor.session {
                do {
                    try await request.operations.person.endSession(session.id.text, request.actor)
                } catch OperationError.notFound {
                    // It ended by itself meanwhile.
                }
            }
            return .go(to: "/me/sessions", done: "own_sessions_ended")
        },
        PageRoute(.get, "/me/sessions/:id/end", .useOwnAccount) { request in
            let words = request.words
            let all = try await request.operations.person.sessions(request.actor)
            guard let session = all.first(where: { $0.session.id.text == request.id })?.session else {
                throw OperationError.notFound("session")
            }
            let isThis = session.id == request.actor.session
            return try request.confirm(
                Confirmation(
                    title: words["own.end_title"], text: words[isThis ? "own.end_this_text" : "own.end_text"],
                    action: "/me/sessions/\(request.id)/end", button: words["own.end"], back: "/me/sessions", isDanger: true,
                    items: ["\(Browser.name(session.userAgent, words)) · \(session.remoteAddress)"]),
                in: .own, crumbs: crumbs(request))
        },
        PageRoute(.post, "/me/sessions/:id/end", .useOwnAccount) { request in
            try await request.operations.person.endSession(request.id, request.actor)
            if request.id == request.actor.session?.text { return SignInPages.signedOut }
            return .go(to: "/me/sessions", done: "own_session_ended")
        },
    ]

    private static func sessionsPage(_ request: PageRequest) async throws -> PageAnswer {
        let all = try await request.operations.person.sessions(request.actor)
        let names = Dictionary(
            request.me.places.map { ($0.organization.id, $0.organization.name.text) }, uniquingKeysWith: { first, _ in first })
        let rows = all.map { session, _ -> Model in
            let isThis = session.id == request.actor.session
            return [
                "browser": Browser.name(session.userAgent, request.words), "address": session.remoteAddress,
                "organization": names[session.organization] ?? "", "since": request.input.time(session.createdAt),
                "last": request.input.time(session.lastUsedAt), "isThis": isThis,
                "mark": request.input.badge("own.this_session", .good), "end": "/me/sessions/\(session.id.text)/end",
            ]
        }
        return try page(
            "own-sessions", request.words["layout.sessions"], "/me/sessions", request,
            ["sessions": rows, "hasOthers": rows.count > 1])
    }

    // MARK: All of them

    private static func crumbs(_ request: PageRequest) -> [PageRequest.Crumb] {
        [request.crumb(.own), PageRequest.Crumb("/me/sessions", request.words["layout.sessions"])]
    }

    private static func page(
        _ template: String, _ title: String, _ path: String, _ request: PageRequest, _ model: Model
    ) throws -> PageAnswer {
        var model = model
        model["tabs"] = request.tabs(
            "nav.own",
            [
                ("/me", "own.tab_general"), ("/me/password", "own.tab_password"), ("/me/second-factor", "own.tab_factor"),
                ("/me/sessions", "own.tab_sessions"),
            ], current: path)
        return try request.page(template, title: title, in: .own, model)
    }
}

/// What a browser says of itself, in a few words.
private enum Browser {
    // Each names those before it as well, so the order matters.
    private static let programs = [
        ("Edg/", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
    ]
    private static let systems = [
        ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Macintosh", "macOS"),
        ("CrOS", "ChromeOS"), ("Linux", "Linux"),
    ]

    static func name(_ userAgent: String?, _ words: Words) -> String {
        guard let userAgent, !userAgent.isEmpty else { return words["own.unknown_browser"] }
        guard let program = programs.first(where: { userAgent.contains($0.0) })?.1 else { return userAgent }
        guard let system = systems.first(where: { userAgent.contains($0.0) })?.1 else { return program }
        return words("own.browser_on", ["browser": program, "system": system])
    }
}
