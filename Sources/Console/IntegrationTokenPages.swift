import Domain
import HTTPTypes
import Manage
import WebSupport

/// An organization's Hits/Failure and Deploy credentials (E1–E10).
enum IntegrationTokenPages {
    static let path = "/settings/integration-tokens"

    static let list: [PageRoute] = making + editing + ending

    // MARK: List and new ones (E2–E5)

    private static let making: [PageRoute] = [
        PageRoute(.get, path, .readIntegrations) { request in try await listPage(request) },
        PageRoute(.get, "\(path)/new", .changeIntegrations) { request in try newPage(request, fault: nil) },
        PageRoute(.post, path, .changeIntegrations) { request in
            try await request.attempt {
                guard let kind = request.form["type"].flatMap(IntegrationCredential.Kind.init(rawValue:)) else {
                    throw OperationError.invalid(field: "type", "is missing; choose one.")
                }
                let made = try await request.operations.integrations.create(
                    IntegrationOperations.Draft(
                        kind: kind, name: request.form.text("name"), description: request.form.text("description"),
                        activationLifetimeSeconds: request.form["activation_lifetime_seconds"].flatMap { Int64($0) }),
                    request.actor)
                guard let revealed = made.revealed else { return .go(to: path, done: "deploy_credential_new") }
                let title = request.words("integration_token.made_title", ["name": made.credential.name.text])
                return try resultPage(revealed, title: title, of: made.credential, request)
            } orShow: { fault in
                try newPage(request, fault: fault)
            }
        },
    ]

    private static func listPage(_ request: PageRequest) async throws -> PageAnswer {
        let words = request.words
        let found = try await request.operations.integrations.list(
            after: request.query["after"], limit: 50, request.actor)
        let mayChange = request.may(.changeIntegrations)
        let rows = found.items.map { shown -> Model in
            let (credential, token) = (shown.credential, shown.token)
            return [
                "href": "\(path)/\(credential.id.text)", "name": credential.name.text,
                "type": words["integration_token.type_\(credential.kind.rawValue)"],
                "description": credential.description.text.orFalseIfEmpty,
                "isDeploy": credential.kind == .deploy, "hint": (token?.hint).orFalse,
                "lastUsedAt": request.input.time(token?.lastUsedAt),
                "activations": words("integration_token.activation_count", ["n": shown.activationCount]),
                "applications": words("integration_token.application_count", ["n": shown.applicationCount]),
            ]
        }
        let empty: Model = [
            "title": words["integration_token.empty_title"], "text": words["integration_token.empty_text"],
            "href": mayChange ? "\(path)/new" as Any : false, "action": words["integration_token.new"],
        ]
        return try request.page(
            "integration-token-list", title: words["integration_token.title"], in: .settings,
            [
                "tabs": request.settingsTabs(path), "credentials": rows, "mayChange": mayChange, "new": "\(path)/new",
                "empty": rows.isEmpty ? empty as Any : false, "pager": request.input.pager(found.next),
            ])
    }

    private static func newPage(_ request: PageRequest, fault: Fault?) throws -> PageAnswer {
        let words = request.words
        let kinds = IntegrationCredential.Kind.allCases.map {
            Field.Option(
                $0.rawValue, words["integration_token.type_\($0.rawValue)"],
                hint: words["integration_token.type_\($0.rawValue)_text"])
        }
        let fields = [
            Field("type", .radios(kinds), key: "integration_token.type", isRequired: true),
            Field("name", key: "integration_token.name", isRequired: true, maxLength: 100),
            description, lifetime(nil, words),
        ]
        return try request.page(
            "integration-token-new", title: words["integration_token.new"], in: .settings,
            crumbs: [request.crumb(.settings), crumb(request)],
            [
                "fields": request.input.fields(fields, ["type": IntegrationCredential.Kind.hitsFailure.rawValue], fault: fault),
                "fault": request.input.errors(fault), "action": path, "back": path,
            ])
    }

    private static let description = Field(
        "description", .area(rows: 2), key: "integration_token.description", maxLength: Limits.descriptionCharactersMax)

    // Lengths that people want, and the one that there is.
    private static func lifetime(_ current: Int64?, _ words: Words) -> Field {
        let lengths: [Int64] = [3600, 86_400, 7 * 86_400, 30 * 86_400, 90 * 86_400, 365 * 86_400]
        let all = Set(lengths + [current].compactMap { $0 }).sorted()
        let options =
            [Field.Option("", words["integration_token.lifetime_none"])]
            + all.map { Field.Option("\($0)", words.length(.seconds($0))) }
        return Field("activation_lifetime_seconds", .choice(options), key: "integration_token.lifetime")
    }

    // The token and what to do with it; shown in the answer to the form alone, which nobody keeps.
    private static func resultPage(
        _ revealed: Revealed, title: String, of credential: IntegrationCredential, isLook: Bool = false,
        _ request: PageRequest
    ) throws -> PageAnswer {
        try request.page(
            "integration-token-result", title: title, in: .settings, crumbs: crumbs(credential, request),
            [
                "isLook": isLook, "name": credential.name.text,
                "curl": request.input.code("curl", "integration_token.curl", revealed.curl, isSecret: true),
                "secret": request.input.code("secret", "integration_token.secret", revealed.secret, isSecret: true),
                "header": request.input.code("header", "integration_token.header", revealed.header, isSecret: true),
                "report": request.input.code(
                    "report", "integration_token.report", request.operations.integrations.exampleOfHits),
                "back": "\(path)/\(credential.id.text)",
            ])
    }

    // MARK: The edit box (E7–E9)

    private static let editing: [PageRoute] = [
        PageRoute(.get, "\(path)/:id", .readIntegrations) { request in try await editPage(request, fault: nil) },
        PageRoute(.post, "\(path)/:id/details", .changeIntegrations) { request in
            try await request.attempt {
                let credential = try await shown(request).credential
                let seconds = request.form["activation_lifetime_seconds"].flatMap { Int64($0) }
                let edit = IntegrationOperations.Edit(
                    name: nil, description: request.form.text("description"),
                    activationLifetimeSeconds: credential.kind == .hitsFailure ? .some(seconds) : nil, regenerates: false)
                _ = try await request.operations.integrations.edit(request.id, edit, request.actor)
                return .go(to: "\(path)/\(credential.id.text)", done: "credential_changed")
            } orShow: { fault in
                try await editPage(request, fault: fault)
            }
        },
        PageRoute(.post, "\(path)/:id/rename", .changeIntegrations) { request in
            try await request.attempt {
                do {
                    _ = try await request.operations.integrations.edit(
                        request.id, renaming(request, regenerates: false), request.actor)
                    return .go(to: "\(path)/\(request.id)", done: "credential_renamed")
                } catch OperationError.conflict("rename_regenerates", _) {
                    return try await renamingPage(request)
                }
            } orShow: { fault in
                try await editPage(request, fault: fault)
            }
        },
        PageRoute(.post, "\(path)/:id/rename-and-regenerate", .changeIntegrations) { request in
            guard request.form.isTicked("confirmed") else { return try await renamingPage(request) }
            return try await request.attempt {
                let made = try await request.operations.integrations.edit(
                    request.id, renaming(request, regenerates: true), request.actor)
                return try regenerated(made, request)
            } orShow: { fault in
                try await editPage(request, fault: fault)
            }
        },
        PageRoute(
            .post, "\(path)/:id/reveal", .revealSecrets,
            noteRefusal: { try await $0.operations.integrations.noteRefusedLook(at: $0.id, $0.actor) }
        ) { request in
            try await request.attempt {
                let credential = try await shown(request).credential
                let revealed = try await request.operations.integrations.reveal(
                    request.id, password: request.form.text("password"), request.actor)
                return try resultPage(revealed, title: credential.name.text, of: credential, isLook: true, request)
            } orShow: { fault in
                try await editPage(request, fault: fault)
            }
        },
        PageRoute(.get, "\(path)/:id/regenerate", .changeIntegrations) { request in
            let shown = try await shown(request)
            let words = request.words
            return try request.confirm(
                Confirmation(
                    title: words("integration_token.regenerate_title", ["name": shown.credential.name.text]),
                    text: words[isHits(shown) ? "integration_token.regenerate_text" : "integration_token.regenerate_deploy_text"],
                    action: "\(path)/\(request.id)/regenerate", button: words["integration_token.regenerate"],
                    back: "\(path)/\(request.id)", isDanger: true, items: consequences(shown, request)),
                in: .settings, crumbs: crumbs(shown.credential, request))
        },
        PageRoute(.post, "\(path)/:id/regenerate", .changeIntegrations) { request in
            try regenerated(try await request.operations.integrations.regenerate(request.id, request.actor), request)
        },
    ]

    private static func renaming(_ request: PageRequest, regenerates: Bool) -> IntegrationOperations.Edit {
        IntegrationOperations.Edit(
            name: request.form.text("name"), description: nil, activationLifetimeSeconds: nil, regenerates: regenerates)
    }

    private static func regenerated(_ made: IntegrationOperations.Shown, _ request: PageRequest) throws -> PageAnswer {
        guard let revealed = made.revealed else {
            return .go(to: "\(path)/\(made.credential.id.text)", done: "deploy_credential_regenerated")
        }
        let title = request.words("integration_token.remade_title", ["name": made.credential.name.text])
        return try resultPage(revealed, title: title, of: made.credential, request)
    }

    private static func renamingPage(_ request: PageRequest) async throws -> PageAnswer {
        let shown = try await shown(request)
        let words = request.words
        var asked = Confirmation(
            title: words("integration_token.rename_title", ["name": shown.credential.name.text]),
            text: words[isHits(shown) ? "integration_token.regenerate_text" : "integration_token.regenerate_deploy_text"],
            action: "\(path)/\(request.id)/rename-and-regenerate", button: words["integration_token.rename_regenerate"],
            back: "\(path)/\(request.id)", isDanger: true, items: consequences(shown, request))
        if request.me.organization.renameRegenerates { asked.notes = [words["integration_token.rule"]] }
        asked.fields = [
            Field("name", .hidden, key: "integration_token.name"), Field("confirmed", .hidden, key: "integration_token.name"),
        ]
        asked.values = ["name": request.form.text("name"), "confirmed": "yes"]
        return try request.confirm(asked, in: .settings, crumbs: crumbs(shown.credential, request))
    }

    // What stops, said before it does (N5).
    private static func consequences(_ shown: IntegrationOperations.Shown, _ request: PageRequest) -> [String] {
        let words = request.words
        guard isHits(shown) else { return [words("integration_token.application_count", ["n": shown.applicationCount])] }
        var items = [words("integration_token.activation_count", ["n": shown.activationCount])]
        if let token = shown.token, let last = token.lastUsedAt {
            items.append(
                words(
                    "integration_token.last_exchange",
                    ["when": words.distance(last, now: request.now), "from": token.lastAddress ?? "", "n": token.useCount]))
        } else {
            items.append(words["integration_token.never_exchanged"])
        }
        return items
    }

    private static func editPage(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let shown = try await shown(request)
        let (credential, words) = (shown.credential, request.words)
        let base = "\(path)/\(credential.id.text)"
        let seconds = credential.activationLifetime.map { $0.microseconds / 1_000_000 }
        let values = [
            "name": credential.name.text, "description": credential.description.text,
            "activation_lifetime_seconds": seconds.map { "\($0)" } ?? "",
        ]
        let name = Field("name", key: "integration_token.name", isRequired: true, maxLength: 100)
        let details = isHits(shown) ? [description, lifetime(seconds, words)] : [description]
        let password = Field.ownPassword(key: "integration_token.password")
        var model: Model = [
            "base": base, "type": words["integration_token.type_\(credential.kind.rawValue)"], "isHits": isHits(shown),
            "mayChange": request.may(.changeIntegrations), "mayReveal": request.may(.revealSecrets),
            "isRule": request.me.organization.renameRegenerates, "fault": request.input.errors(fault),
            "nameFields": request.input.fields([name], values, fault: fault),
            "detailFields": request.input.fields(details, values, fault: fault),
            "passwordFields": request.input.fields([password], fault: fault),
            "description": credential.description.text.orFalseIfEmpty,
            "lifetime": credential.activationLifetime.map { words.length($0) } ?? words["integration_token.lifetime_none"],
            "createdAt": request.input.time(credential.createdAt), "hint": (shown.token?.hint).orFalse,
            "regeneratedAt": request.input.time(shown.token?.createdAt),
            "lastUsedAt": request.input.time(shown.token?.lastUsedAt), "lastAddress": (shown.token?.lastAddress).orFalse,
            "applications": words("integration_token.application_count", ["n": shown.applicationCount]),
            "activations": [Model](), "hasActivations": false, "pager": false,
        ]
        if isHits(shown) {
            let found = try await request.operations.integrations.activations(
                of: request.id, after: request.query["after"], limit: 50, request.actor)
            model["activations"] = found.items.map { activation($0, base, request) }
            model["hasActivations"] = !found.items.isEmpty
            model["pager"] = request.input.pager(found.next)
        }
        return try request.page(
            "integration-token", title: credential.name.text, in: .settings,
            crumbs: [request.crumb(.settings), crumb(request)], model)
    }

    private static func activation(
        _ shown: IntegrationOperations.ShownActivation, _ base: String, _ request: PageRequest
    ) -> Model {
        let token = shown.token
        return [
            "hint": token.hint, "createdAt": request.input.time(token.createdAt),
            "createdAddress": token.createdAddress.orFalse, "expiresAt": request.input.time(token.expiresAt),
            "lastUsedAt": request.input.time(token.lastUsedAt), "lastAddress": token.lastAddress.orFalse,
            "state": request.input.badge(
                shown.isExpired ? "integration_token.activation_expired" : "integration_token.activation_active",
                shown.isExpired ? .quiet : .good),
            "revoke": "\(base)/activations/\(token.id.text)/revoke", "count": request.words.number(token.useCount),
        ]
    }

    // MARK: Taking away (E10)

    private static let ending: [PageRoute] = [
        PageRoute(.get, "\(path)/:id/activations/:activation/revoke", .changeIntegrations) { request in
            let shown = try await shown(request)
            let words = request.words
            let activation = request.parameters["activation"] ?? ""
            let all = try await request.operations.integrations.activations(
                of: request.id, after: nil, limit: Limits.pageItems.upperBound, request.actor)
            guard let token = all.items.first(where: { $0.token.id.text == activation })?.token else {
                throw OperationError.notFound("activation token")
            }
            var items = [words("integration_token.use_count", ["n": token.useCount])]
            if let last = token.lastUsedAt {
                items.append(
                    words(
                        "integration_token.last_report",
                        ["when": words.distance(last, now: request.now), "from": token.lastAddress ?? ""]))
            }
            return try request.confirm(
                Confirmation(
                    title: words("integration_token.revoke_title", ["hint": token.hint]),
                    text: words["integration_token.revoke_text"],
                    action: "\(path)/\(request.id)/activations/\(activation)/revoke",
                    button: words["integration_token.revoke"], back: "\(path)/\(request.id)", isDanger: true, items: items),
                in: .settings, crumbs: crumbs(shown.credential, request))
        },
        PageRoute(.post, "\(path)/:id/activations/:activation/revoke", .changeIntegrations) { request in
            try await request.operations.integrations.revoke(
                request.parameters["activation"] ?? "", of: request.id, request.actor)
            return .go(to: "\(path)/\(request.id)", done: "activation_revoked")
        },
        PageRoute(.get, "\(path)/:id/delete", .changeIntegrations) { request in try await deletePage(request, fault: nil) },
        PageRoute(.post, "\(path)/:id/delete", .changeIntegrations) { request in
            try await request.attempt {
                try await request.operations.integrations.delete(
                    request.id, confirmedName: request.form.text("confirm_name"), request.actor)
                return .go(to: path, done: "credential_deleted")
            } orShow: { fault in
                try await deletePage(request, fault: fault)
            }
        },
    ]

    private static func deletePage(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let shown = try await shown(request)
        let words = request.words
        var asked = Confirmation(
            title: words("integration_token.delete_title", ["name": shown.credential.name.text]),
            text: words[isHits(shown) ? "integration_token.delete_text" : "integration_token.delete_deploy_text"],
            action: "\(path)/\(request.id)/delete", button: words["integration_token.delete"],
            back: "\(path)/\(request.id)", isDanger: true, items: consequences(shown, request))
        asked.fields = [Field("confirm_name", key: "integration_token.confirm_name", isRequired: true, maxLength: 100)]
        return try request.confirm(asked, in: .settings, crumbs: crumbs(shown.credential, request), fault: fault)
    }

    // MARK: All of them

    private static func shown(_ request: PageRequest) async throws -> IntegrationOperations.Shown {
        try await request.operations.integrations.show(request.id, request.actor)
    }

    private static func isHits(_ shown: IntegrationOperations.Shown) -> Bool { shown.credential.kind == .hitsFailure }

    private static func crumb(_ request: PageRequest) -> PageRequest.Crumb {
        PageRequest.Crumb(path, request.words["integration_token.title"])
    }

    private static func crumbs(_ credential: IntegrationCredential, _ request: PageRequest) -> [PageRequest.Crumb] {
        [
            request.crumb(.settings), crumb(request),
            PageRequest.Crumb("\(path)/\(credential.id.text)", credential.name.text),
        ]
    }
}
