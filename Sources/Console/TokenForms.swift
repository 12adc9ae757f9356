import Domain
import Foundation
import HTTPTypes
import Manage
import Storage
import WebSupport

/// Forms that make a token or change what it is (D3, D4, N7, P1–P4).
enum TokenForms {
    static let list: [PageRoute] = [
        PageRoute(.get, "/webhooks/:id/tokens/new", .changeOwnTokens) { try await askForApp($0, fault: nil) },
        PageRoute(.post, "/webhooks/:id/tokens/new", .changeOwnTokens) { try await makeApp($0) },
        PageRoute(.get, "/tokens/new", .changeOwnTokens) { request in
            request.query["kind"] == "api" ? .go(to: "/integrations/new/api-token") : try askForManagement(request, fault: nil)
        },
        PageRoute(.post, "/tokens/new", .changeOwnTokens) { try await makeManagement($0) },
        PageRoute(.get, "/tokens/:id/edit", .changeOwnTokens) { try await askToEdit($0, fault: nil) },
        PageRoute(.post, "/tokens/:id/edit", .changeOwnTokens) { try await edit($0) },
    ]

    // MARK: Fields

    static let name = Field("name", key: "token.name", isRequired: true, maxLength: Limits.nameCharacters.upperBound)
    static let description = Field(
        "description", .area(rows: 2), key: "token.description", maxLength: Limits.descriptionCharactersMax)
    private static let networks = Field(
        "networks", .area(rows: 3), key: "token.networks", placeholder: "192.0.2.0/24\n2001:db8::/32", isCode: true)
    private static let rate = Field(
        "rate_limit_per_minute",
        .number(Int(Limits.rateLimitPerMinute.lowerBound)...Int(Limits.rateLimitPerMinute.upperBound)), key: "token.rate")

    static func expiry(isRequired: Bool) -> Field {
        Field("expires_at", .moment, key: isRequired ? "token.expires_must" : "token.expires", isRequired: isRequired)
    }

    static func owner(_ options: [Field.Option]) -> Field {
        Field("owner", .choice(options), key: "token.owner_of", isRequired: true)
    }

    /// What restricts a token of callers (N7).
    static var limits: [Field] { [expiry(isRequired: false), networks, rate] }

    /// A page with one form.
    static func page(
        _ request: PageRequest, title: String, text: String?, in section: Section, crumbs: [PageRequest.Crumb], action: String,
        button: String, back: String, _ fields: [Field], _ values: [String: String], fault: Fault?
    ) throws -> PageAnswer {
        try request.page(
            "plain-form", title: title, in: section, crumbs: crumbs,
            [
                "text": text ?? false, "fault": request.input.errors(fault), "action": action, "button": button, "back": back,
                "fields": request.input.fields(fields, values, fault: fault),
            ])
    }

    /// What a form asks for of a token.
    static func draft(
        _ kind: TokenOperations.Kind, webhook: String? = nil, _ form: Form
    ) throws(OperationError) -> TokenOperations.Draft {
        TokenOperations.Draft(
            kind: kind, webhook: webhook, owner: form["owner"], name: form.text("name"), description: form["description"],
            expiresAt: try form.moment("expires_at"), networks: form.lines("networks"),
            rateLimitPerMinute: try form.wholeNumber("rate_limit_per_minute"))
    }

    /// Makes a token and shows its secret, this once.
    static func make(
        _ draft: TokenOperations.Draft, _ request: PageRequest, text: String
    ) async throws -> PageAnswer {
        let created = try await request.operations.tokens.create(draft, request.actor)
        guard let secret = PresentedSecret(created.secret) else { throw OperationError.notFound("token") }
        return try await request.secretPage(
            secret, of: created.entry.token, title: created.entry.token.name.text, text: text, next: "list")
    }

    // MARK: One more app token

    private static func askForApp(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let webhook = try await request.operations.webhooks.show(request.id, request.actor)
        let mayChoose = request.may(.changeAllTokens)
        let owners = mayChoose ? try await request.accountOptions() : []
        let owner = owners.contains { $0.value == webhook.owner.text } ? webhook.owner : request.actor.account
        return try page(
            request, title: request.words("token.new_app_title", ["name": webhook.name.text]),
            text: request.words["token.new_app_text"], in: .webhooks, crumbs: WebhookActs.crumbs(webhook, request),
            action: "/webhooks/\(webhook.id.text)/tokens/new", button: request.words["token.make"],
            back: "/webhooks/\(webhook.id.text)",
            [name, description] + (mayChoose ? [self.owner(owners)] : []) + limits, ["owner": owner.text], fault: fault)
    }

    private static func makeApp(_ request: PageRequest) async throws -> PageAnswer {
        try await request.attempt {
            let webhook = try await request.operations.webhooks.show(request.id, request.actor)
            return try await make(
                draft(.app, webhook: webhook.id.text, request.form), request,
                text: request.words("token.made_app", ["name": webhook.name.text]))
        } orShow: { fault in
            try await askForApp(request, fault: fault)
        }
    }

    // MARK: A management token of one's own

    private static let standardLifetime = Interval.days(90)

    private static func askForManagement(_ request: PageRequest, fault: Fault?) throws -> PageAnswer {
        var fields = [name, description, expiry(isRequired: true), networks]
        if request.may(.revealSecrets) {
            fields.append(Field("reveal", .check, key: "token.reveal"))
            fields.append(Field("password", .password, key: "token.password", autocomplete: "current-password"))
        }
        let end = request.now.adding(standardLifetime)
        return try page(
            request, title: request.words["token.new_management_title"], text: request.words["token.new_management_text"],
            in: .own, crumbs: [request.crumb(.own)], action: "/tokens/new", button: request.words["token.make"], back: "/me",
            fields, ["expires_at": end.formText], fault: fault)
    }

    private static func makeManagement(_ request: PageRequest) async throws -> PageAnswer {
        try await request.attempt {
            var draft = try draft(.management, request.form)
            draft.owner = nil
            guard draft.expiresAt != nil else { throw OperationError.invalid(field: "expires_at", "is missing.") }
            draft.mayReveal = request.form.isTicked("reveal")
            draft.password = draft.mayReveal ? request.form["password"] : nil
            return try await make(draft, request, text: request.words["token.made_management"])
        } orShow: { fault in
            try askForManagement(request, fault: fault)
        }
    }

    // MARK: Edit

    private static func askToEdit(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let token = try await request.operations.tokens.show(request.id, request.actor).token
        let isManagement = token.scope == .management
        let values = [
            "name": token.name.text, "description": token.description.text, "expires_at": token.expiresAt?.formText ?? "",
            "networks": token.networks.map(\.text).joined(separator: "\n"),
            "rate_limit_per_minute": token.rateLimitPerMinute.map(String.init) ?? "",
        ]
        let titleKey = token.scope == .api ? "integration.update_title" : "token.edit_title"
        return try await page(
            request, title: request.words(titleKey, ["name": token.name.text]), text: request.words["token.edit_text"],
            in: TokenPages.section(of: token, request),
            crumbs: TokenPages.crumbs(token, request), action: "\(TokenPages.path(token))/edit",
            button: request.words["token.save"],
            back: TokenPages.path(token),
            [name, description, expiry(isRequired: isManagement), networks] + (isManagement ? [] : [rate]), values, fault: fault)
    }

    private static func edit(_ request: PageRequest) async throws -> PageAnswer {
        try await request.attempt {
            let token = try await request.operations.tokens.show(request.id, request.actor).token
            let form = request.form
            // The form knows no seconds; what was not touched stays as it is.
            let isSameEnd = form.text("expires_at").prefix(16) == token.expiresAt?.formText ?? ""
            let expiresAt = try form.moment("expires_at")
            let rate = try form.wholeNumber("rate_limit_per_minute")
            let edit = TokenOperations.Edit(
                name: form.text("name"), description: form.text("description"), expiresAt: isSameEnd ? nil : .some(expiresAt),
                networks: form.lines("networks"), rateLimitPerMinute: token.scope == .management ? nil : .some(rate))
            _ = try await request.operations.tokens.edit(token.id.text, edit, request.actor)
            return .go(to: TokenPages.path(token), done: "token_edited")
        } orShow: { fault in
            try await askToEdit(request, fault: fault)
        }
    }
}

extension Form {
    /// A moment as a browser's field for date and time sends it, taken as UTC; `nil` if it was left out.
    func moment(_ name: String) throws(OperationError) -> Timestamp? {
        guard let text = self[name] else { return nil }
        guard let moment = Timestamp(formText: text) else {
            throw .invalid(field: name, "must be a date and time.")
        }
        return moment
    }

    /// The lines of a field, or what stands between commas and blanks, without empty ones.
    func lines(_ name: String) -> [String] {
        text(name).split { $0.isWhitespace || $0 == "," || $0 == ";" }.map(String.init)
    }
}

extension Timestamp {
    /// As a field for date and time holds it, to the minute, in UTC.
    var formText: String { String(text.prefix(16)) }
}
