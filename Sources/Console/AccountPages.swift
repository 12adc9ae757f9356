import Contract
import Domain
import HTTPTypes
import Manage
import Storage
import WebSupport

/// People and service accounts (D5–D10).
enum AccountPages {
    static let list: [PageRoute] = lists + records + AccountActPages.list + AccountTokenPages.list

    private static let lists: [PageRoute] = [
        PageRoute(.get, "/accounts", .readAccounts) { request in
            let page = try await request.operations.accounts.list(after: request.query["after"], limit: 50, request.actor)
            let counts = try await request.operations.accounts.tokenCounts(request.actor)
            return try request.page(
                "account-list", title: request.words["nav.accounts"], in: .accounts,
                [
                    "accounts": page.items.map { row($0, tokens: counts[$0.member.account.id] ?? 0, request) },
                    "pager": request.input.pager(page.next), "mayChange": request.may(.changeAccounts),
                    "sweep": try await sweepNotice(request),
                ])
        },
        PageRoute(.get, "/accounts/sweep", .changeAccounts) { request in
            let due = try await dueAccounts(request)
            return try request.confirm(
                Confirmation(
                    title: request.words["account.sweep_title"], text: request.words["account.sweep_text"],
                    action: "/accounts/sweep", button: request.words["account.sweep"], back: "/accounts", isDanger: true,
                    notes: [request.words("account.sweep_due", ["n": due.count])], items: due.map(\.account.name.text)),
                in: .accounts, crumbs: [request.crumb(.accounts)])
        },
        PageRoute(.post, "/accounts/sweep", .changeAccounts) { request in
            _ = try await request.operations.accounts.confirmSweep(request.actor)
            return .go(to: "/accounts", done: "account_swept")
        },
    ]

    private static let records: [PageRoute] = [
        PageRoute(.get, "/accounts/new", .changeAccounts) { request in try newForm(request, fault: nil) },
        PageRoute(.post, "/accounts/new", .changeAccounts) { request in
            try await request.attempt {
                let created = try await request.operations.accounts.create(draft(request), request.actor)
                return try handOver(created, request)
            } orShow: { fault in
                try newForm(request, fault: fault)
            }
        },
        PageRoute(.get, "/accounts/invite", .changeAccounts) { request in try inviteForm(request, fault: nil) },
        PageRoute(.post, "/accounts/invite", .changeAccounts) { request in
            try await request.attempt {
                do {
                    let link = try await request.operations.accounts.invite(
                        login: request.form.text("login"), role: role(request), request.actor)
                    return try AccountActPages.linkPage(
                        link, title: request.words("account.invited_title", ["name": request.form.text("login")]),
                        text: request.words["account.invited_text"], back: "/accounts", request)
                } catch OperationError.notFound {
                    throw OperationError.invalid(field: "login", "belongs to nobody on this server; make a new account instead.")
                }
            } orShow: { fault in
                try inviteForm(request, fault: fault)
            }
        },
        PageRoute(.get, "/accounts/:id", .readAccounts) { request in try await accountPage(request) },
        PageRoute(.get, "/accounts/:id/edit", .changeAccounts) { request in try await editForm(request, fault: nil) },
        PageRoute(.post, "/accounts/:id/edit", .changeAccounts) { request in
            try await request.attempt {
                let member = try await request.operations.accounts.show(request.id, request.actor).member
                let name = request.form.text("name")
                _ = try await request.operations.accounts.edit(
                    request.id, name: name == member.account.name.text ? nil : name, role: role(request), request.actor)
                return .go(to: "/accounts/\(member.account.id.text)", done: "saved_account")
            } orShow: { fault in
                try await editForm(request, fault: fault)
            }
        },
    ]

    // MARK: The sweep that was held back

    /// Accounts that were idle too long and are still active.
    static func dueAccounts(_ request: PageRequest) async throws -> [AccountTable.Member] {
        try await request.allAccounts().filter { ($0.lapsesAt ?? request.now) < request.now }.map(\.member)
    }

    /// What to say of a sweep that does nothing although accounts are due; false if there is nothing to say.
    static func sweepNotice(_ request: PageRequest) async throws -> Any {
        guard let reason = request.operations.status().sweepHeld else { return false }
        let due = try await dueAccounts(request).count
        guard due > 0 else { return false }
        return [
            "text": request.words("account.sweep_held", ["n": due]),
            "why": request.words["account.sweep_\(reason)"],
        ] as Model
    }

    // MARK: Forms

    private static func draft(_ request: PageRequest) throws(OperationError) -> AccountOperations.Draft {
        guard let kind = Account.Kind(rawValue: request.form.text("kind")) else {
            throw .invalid(field: "kind", "must be chosen.")
        }
        return AccountOperations.Draft(
            kind: kind, name: request.form.text("name"), login: request.form["login"], role: try role(request),
            withToken: request.form.isTicked("with_token"))
    }

    static func role(_ request: PageRequest) throws(OperationError) -> Role {
        guard let role = Role(rawValue: request.form.text("role")) else {
            throw .invalid(field: "role", "must be chosen.")
        }
        return role
    }

    // Only those that the reader may give.
    private static func roles(_ request: PageRequest) -> Field {
        Field(
            "role",
            .choice(
                Role.allCases.filter { request.actor.role.mayManage($0) }.map { role in
                    Field.Option(role.rawValue, request.words["account.role_\(role.rawValue)"])
                }), key: "account.role", isRequired: true)
    }

    private static func newForm(_ request: PageRequest, fault: Fault?) throws -> PageAnswer {
        let kinds = Account.Kind.allCases.map { kind in
            Field.Option(
                kind.rawValue, request.words["account.kind_\(kind.rawValue)"],
                hint: request.words["account.kind_\(kind.rawValue)_text"])
        }
        let fields = [
            Field("kind", .radios(kinds), key: "account.kind", isRequired: true),
            Field("name", key: "account.name", isRequired: true, maxLength: 100),
            Field("login", key: "account.login", maxLength: 100), roles(request),
            Field("with_token", .check, key: "account.with_token"),
        ]
        return try request.page(
            "account-form", title: request.words["account.new"], in: .accounts, crumbs: [request.crumb(.accounts)],
            [
                "text": request.words["account.new_text"], "action": "/accounts/new", "back": "/accounts",
                "button": request.words["account.new_button"], "errors": request.input.errors(fault),
                "fields": request.input.fields(fields, ["kind": "person", "role": "member"], fault: fault),
            ])
    }

    private static func inviteForm(_ request: PageRequest, fault: Fault?) throws -> PageAnswer {
        let fields = [
            Field("login", key: "account.invite_login", isRequired: true, maxLength: 100), roles(request),
        ]
        return try request.page(
            "account-form", title: request.words["account.invite"], in: .accounts, crumbs: [request.crumb(.accounts)],
            [
                "text": request.words["account.invite_text"], "action": "/accounts/invite", "back": "/accounts",
                "button": request.words["account.invite_button"], "errors": request.input.errors(fault),
                "fields": request.input.fields(fields, ["role": "member"], fault: fault),
            ])
    }

    private static func editForm(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let member = try await request.operations.accounts.show(request.id, request.actor).member
        guard request.actor.role.mayManage(member.membership.role) else { throw OperationError.notFound("account") }
        let fields = [Field("name", key: "account.name", isRequired: true, maxLength: 100), roles(request)]
        let path = "/accounts/\(member.account.id.text)"
        return try request.page(
            "account-form", title: request.words("account.edit_title", ["name": member.account.name.text]), in: .accounts,
            crumbs: [request.crumb(.accounts), .init(path, member.account.name.text)],
            [
                "text": request.words[member.account.kind == .service ? "account.edit_service" : "account.edit_person"],
                "action": "\(path)/edit", "back": path, "button": request.words["account.save"],
                "errors": request.input.errors(fault),
                "fields": request.input.fields(
                    fields, ["name": member.account.name.text, "role": member.membership.role.rawValue], fault: fault),
            ])
    }

    // What is shown this once, in the answer to the form itself.
    private static func handOver(_ created: AccountOperations.Created, _ request: PageRequest) throws -> PageAnswer {
        let (account, words) = (created.member.account, request.words)
        let path = "/accounts/\(account.id.text)"
        guard created.token != nil || created.invitation != nil else { return .go(to: path, done: "created_account") }
        var codes: [Model] = []
        if let token = created.token {
            codes = [
                request.input.code("secret", "account.secret", token.secret, isSecret: true),
                request.input.code("header", "account.header", token.header, isSecret: true),
                request.input.code("basic", "account.basic", "Authorization: Basic \(token.basic)", isSecret: true),
            ]
            if let curl = token.curl { codes.append(request.input.code("curl", "account.curl", curl, isSecret: true)) }
        }
        return try request.page(
            "account-created", title: words("account.created_title", ["name": account.name.text]), in: .accounts,
            crumbs: [request.crumb(.accounts)],
            [
                "link": created.invitation.map { link -> Any in
                    [
                        "code": request.input.code("link", "account.link", link.url, isSecret: true),
                        "text": words("account.link_text", ["moment": words.moment(link.expiresAt)]),
                    ] as Model
                } ?? false,
                "hasToken": !codes.isEmpty, "codes": codes, "href": path,
            ])
    }

    // MARK: Lists and pages

    private static func row(_ shown: AccountOperations.Shown, tokens: Int64, _ request: PageRequest) -> Model {
        let (account, membership) = (shown.member.account, shown.member.membership)
        return [
            "name": account.name.text, "href": "/accounts/\(account.id.text)", "login": account.login ?? false,
            "kind": request.words["account.kind_\(account.kind.rawValue)"],
            "role": request.words["role.\(membership.role.rawValue)"], "states": states(shown.member, request),
            "lastSignIn": account.kind == .service ? false : request.input.time(membership.lastSignInAt),
            "lastTokenUse": request.input.time(membership.lastTokenUseAt), "tokens": request.words.number(tokens),
            "lapses": request.input.time(shown.lapsesAt),
        ]
    }

    /// Whether an account opens anything, and whether its person is let in: badges.
    static func states(_ member: AccountTable.Member, _ request: PageRequest) -> [Model] {
        var badges: [Model] = []
        switch member.membership.state {
        case .active: badges.append(request.input.badge("account.state_active", .good))
        case .inactive(let since, _):
            badges.append([
                "text": request.words("account.state_inactive", ["date": request.words.date(since)]),
                "tone": OpenPageRequest.Tone.bad.rawValue,
            ])
        case .deleted: badges.append(request.input.badge("account.state_deleted", .quiet))
        }
        if member.membership.signInBlockedAt != nil { badges.append(request.input.badge("account.state_blocked", .warn)) }
        return badges
    }

    private static func accountPage(_ request: PageRequest) async throws -> PageAnswer {
        let shown = try await request.operations.accounts.show(request.id, request.actor)
        let (account, membership) = (shown.member.account, shown.member.membership)
        let page = try await request.operations.tokens.list(
            owner: account.id.text, after: request.query["after"], limit: 50, request.actor)
        let isOwn = account.id == request.actor.account
        let mayChange = request.may(.changeAccounts) && request.actor.role.mayManage(membership.role)
        return try request.page(
            "account", title: account.name.text, in: .accounts, crumbs: [request.crumb(.accounts)],
            [
                "path": "/accounts/\(account.id.text)", "id": account.id.text, "states": states(shown.member, request),
                "facts": facts(shown, request), "isOwn": isOwn, "mayChange": mayChange,
                "mayChangeOther": mayChange && !isOwn, "isActive": membership.state.isActive,
                "isPerson": account.kind == .person, "isBlocked": membership.signInBlockedAt != nil,
                "hasPassword": account.hasPassword, "hasSecondFactor": account.hasSecondFactor,
                "stopped": stopped(membership, request), "moved": await moved(request),
                "tokens": page.items.map { AccountTokenPages.row($0.token, request) }, "hasTokens": !page.items.isEmpty,
                "pager": request.input.pager(page.next), "mayMove": request.may(.changeAllTokens) && !page.items.isEmpty,
            ])
    }

    private static func facts(_ shown: AccountOperations.Shown, _ request: PageRequest) -> [Model] {
        let (account, membership, words) = (shown.member.account, shown.member.membership, request.words)
        let never = words["account.never"]
        func fact(_ key: String, _ text: String?, at time: Timestamp? = nil) -> Model {
            ["label": words[key], "text": text ?? false, "time": request.input.time(time)]
        }
        var facts = [
            fact("account.kind", words["account.kind_\(account.kind.rawValue)"]),
            fact("account.role", words["role.\(membership.role.rawValue)"]),
        ]
        if let login = account.login {
            facts.append(fact("account.login", login))
            facts.append(
                fact("account.last_sign_in", membership.lastSignInAt == nil ? never : nil, at: membership.lastSignInAt))
        }
        facts.append(
            fact("account.last_token_use", membership.lastTokenUseAt == nil ? never : nil, at: membership.lastTokenUseAt))
        if membership.state.isActive {
            facts.append(fact("account.lapses", shown.lapsesAt == nil ? never : nil, at: shown.lapsesAt))
        }
        if account.kind == .person {
            let factor = words[account.hasSecondFactor ? "account.has_second_factor" : "account.no_second_factor"]
            facts.append(fact("account.second_factor", factor))
            facts.append(
                fact(
                    "account.language",
                    account.language.map { words["language.\($0.rawValue)"] } ?? words["account.language_default"]))
        }
        facts.append(fact("account.created", nil, at: account.createdAt))
        return facts
    }

    // Why its tokens open nothing, with what to do about it.
    private static func stopped(_ membership: Membership, _ request: PageRequest) -> Any {
        guard case .inactive(let since, let reason) = membership.state else { return false }
        return request.words("account.stopped_\(reason.rawValue)", ["date": request.words.date(since)])
    }

    // What the page before this one moved. The numbers come from the address, so only numbers are taken.
    private static func moved(_ request: PageRequest) async -> Any {
        guard let count = request.query["moved"].flatMap({ Int($0) }), (0...1_000_000).contains(count),
            let target = request.query["to"],
            let owner = try? await request.operations.accounts.show(target, request.actor).member.account
        else { return false }
        let left = request.query["left"].flatMap { Int($0) } ?? 0
        return [
            "text": request.words("account.moved", ["n": count]), "href": "/accounts/\(owner.id.text)", "name": owner.name.text,
            "left": left > 0 ? request.words("account.left", ["n": left]) as Any : false,
        ] as Model
    }
}
