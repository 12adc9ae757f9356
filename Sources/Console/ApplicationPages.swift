import Domain
import Foundation
import HTTPTypes
import Manage
import Storage
import WebSupport

/// Applications, their deploy tokens, what was deployed, and how well that goes. Row E6.
enum ApplicationPages {
    static let list: [PageRoute] = records + tokens

    private static let records: [PageRoute] = [
        PageRoute(.get, "/applications", .readIntegrations) { request in try await listing(request) },
        PageRoute(.get, "/applications/new", .changeIntegrations) { request in try await form(nil, request) },
        PageRoute(.post, "/applications/new", .changeIntegrations) { request in
            try await request.attempt {
                let made = try await request.operations.applications.create(
                    name: request.form.text("name"), description: request.form["description"],
                    credential: request.form["credential"], request.actor)
                guard let revealed = made.revealed else { return .go(to: path(made.application), done: "application_created") }
                return try tokenPage(made.application, revealed, "application.made_title", request)
            } orShow: { fault in
                try await form(nil, request, fault: fault)
            }
        },
        PageRoute(.get, "/applications/:id", .readIntegrations) { request in try await ApplicationPage(request: request).answer()
        },
        PageRoute(.get, "/applications/:id/edit", .changeIntegrations) { request in
            try await form(try await application(request), request)
        },
        PageRoute(.post, "/applications/:id/edit", .changeIntegrations) { request in
            try await request.attempt {
                let edited = try await request.operations.applications.edit(
                    request.id, name: request.form.text("name"), description: request.form.text("description"),
                    credential: request.form["credential"], request.actor)
                return .go(to: path(edited.application), done: "application_edited")
            } orShow: { fault in
                try await form(try await application(request), request, fault: fault)
            }
        },
        PageRoute(.get, "/applications/:id/delete", .changeIntegrations) { request in try await askDelete(request) },
        PageRoute(.post, "/applications/:id/delete", .changeIntegrations) { request in
            try await request.attempt {
                try await request.operations.applications.delete(
                    request.id, confirmedName: request.form.text("confirm_name"), request.actor)
                return .go(to: "/applications", done: "application_deleted")
            } orShow: { fault in
                try await askDelete(request, fault: fault)
            }
        },
    ]

    private static let tokens: [PageRoute] = [
        PageRoute(.get, "/applications/:id/token", .revealSecrets) { request in try await askReveal(request) },
        PageRoute(
            .post, "/applications/:id/token", .revealSecrets,
            noteRefusal: { try await $0.operations.applications.noteRefusedLook(at: $0.id, $0.actor) }
        ) { request in
            try await request.attempt {
                let revealed = try await request.operations.applications.revealToken(
                    request.id, password: request.form["password"], request.actor)
                return try tokenPage(try await application(request), revealed, "application.token_title", request)
            } orShow: { fault in
                try await askReveal(request, fault: fault)
            }
        },
        PageRoute(.get, "/applications/:id/token/regenerate", .changeIntegrations) { request in
            try await askRegenerate(request)
        },
        PageRoute(.post, "/applications/:id/token/regenerate", .changeIntegrations) { request in
            try await request.attempt {
                let revealed = try await request.operations.applications.regenerateToken(request.id, request.actor)
                return try tokenPage(try await application(request), revealed, "application.new_token_title", request)
            } orShow: { fault in
                try await askRegenerate(request, fault: fault)
            }
        },
    ]

    static func path(_ application: Application) -> String { "/applications/\(application.id.text)" }

    static func status(_ deploy: Deploy, _ request: PageRequest) -> Model {
        let tone: OpenPageRequest.Tone =
            switch deploy.status {
            case .started: .quiet
            case .succeeded: .good
            case .failed: .bad
            case .rolledBack: .warn
            }
        return request.input.badge("application.status_\(deploy.status.rawValue)", tone)
    }

    private static func application(_ request: PageRequest) async throws -> Application {
        try await request.operations.applications.show(request.id, request.actor).application
    }

    private static func crumbs(_ application: Application, _ request: PageRequest) -> [PageRequest.Crumb] {
        [request.crumb(.applications), PageRequest.Crumb(path(application), application.name.text)]
    }

    private static func deployCredentials(_ request: PageRequest) async throws -> [IntegrationCredential] {
        try await request.operations.integrations.list(after: nil, limit: Limits.credentialsMax, request.actor).items
            .map(\.credential).filter { $0.kind == .deploy }
    }

    private static func listing(_ request: PageRequest) async throws -> PageAnswer {
        let found = try await request.operations.applications.list(after: request.query["after"], limit: 50, request.actor)
        var rows: [Model] = []
        for shown in found.items {
            let application = shown.application
            let last = try await request.operations.applications.deploys(
                of: application.id.text, environment: nil, after: nil, limit: 1, request.actor
            ).items.first
            rows.append([
                "name": application.name.text, "href": path(application),
                "description": application.description.text.orFalseIfEmpty,
                "last": last.map { deploy -> Any in
                    [
                        "version": deploy.version.text, "environment": deploy.environment.text,
                        "status": status(deploy, request), "at": request.input.time(deploy.at),
                    ] as Model
                } ?? false,
                "hint": shown.token.map { "\($0.hint)…" as Any } ?? false,
                "usedAt": request.input.time(shown.token?.lastUsedAt),
            ])
        }
        return try request.page(
            "application-list", title: request.words["nav.applications"], in: .applications,
            [
                "applications": rows, "isEmpty": rows.isEmpty && request.query["after"] == nil,
                "pager": request.input.pager(found.next), "mayChange": request.may(.changeIntegrations),
                "empty": [
                    "title": request.words["application.none"], "text": request.words["application.none_text"],
                    "href": request.may(.changeIntegrations) ? "/applications/new" as Any : false,
                    "action": request.words["application.new"],
                ] as Model,
            ])
    }

    private static func form(
        _ known: Application?, _ request: PageRequest, fault: Fault? = nil
    ) async throws -> PageAnswer {
        let credentials = try await deployCredentials(request)
        var fields = [
            Field("name", key: "application.name", isRequired: true, maxLength: 100),
            Field("description", key: "application.description", maxLength: 500),
        ]
        if !credentials.isEmpty {
            let options = credentials.map { Field.Option($0.id.text, $0.name.text) }
            fields.append(Field("credential", .choice(options), key: "application.credential", isRequired: true))
        }
        let fault = fault?.placed(in: fields.map(\.name), request.words)
        let values = [
            "name": known?.name.text ?? "", "description": known?.description.text ?? "",
            "credential": known?.credential?.text ?? "",
        ]
        return try request.page(
            "application-form",
            title: known.map { request.words("application.edit_title", ["name": $0.name.text]) }
                ?? request.words["application.new"],
            in: .applications, crumbs: known.map { crumbs($0, request) } ?? [request.crumb(.applications)],
            [
                "action": known.map { "\(path($0))/edit" } ?? "/applications/new",
                "back": known.map { path($0) } ?? "/applications", "fault": request.input.errors(fault),
                "fields": request.input.fields(fields, values, fault: fault), "hasCredentials": !credentials.isEmpty,
                "button": request.words[known == nil ? "application.create" : "application.save"],
            ])
    }

    // MARK: Asking

    private static func askDelete(_ request: PageRequest, fault: Fault? = nil) async throws -> PageAnswer {
        let shown = try await request.operations.applications.show(request.id, request.actor)
        let application = shown.application
        return try request.confirm(
            Confirmation(
                title: request.words("application.delete_title", ["name": application.name.text]),
                text: request.words["application.delete_text"], action: "\(path(application))/delete",
                button: request.words["application.delete"], back: path(application), isDanger: true,
                fields: [Field("confirm_name", key: "application.confirm_name", isRequired: true, maxLength: 100)],
                notes: use(of: shown, request)),
            in: .applications, crumbs: crumbs(application, request), fault: fault)
    }

    private static func askReveal(_ request: PageRequest, fault: Fault? = nil) async throws -> PageAnswer {
        let application = try await application(request)
        return try request.confirm(
            Confirmation(
                title: request.words("application.reveal_title", ["name": application.name.text]),
                text: request.words["application.reveal_text"], action: "\(path(application))/token",
                button: request.words["application.reveal"], back: path(application),
                fields: [
                    Field.ownPassword(key: "application.password")
                ]),
            in: .applications, crumbs: crumbs(application, request), fault: fault)
    }

    private static func askRegenerate(_ request: PageRequest, fault: Fault? = nil) async throws -> PageAnswer {
        let shown = try await request.operations.applications.show(request.id, request.actor)
        let application = shown.application
        return try request.confirm(
            Confirmation(
                title: request.words("application.regenerate_title", ["name": application.name.text]),
                text: request.words["application.regenerate_text"], action: "\(path(application))/token/regenerate",
                button: request.words["application.regenerate"], back: path(application), isDanger: true,
                notes: use(of: shown, request)),
            in: .applications, crumbs: crumbs(application, request), fault: fault)
    }

    // What was reported with the token, before it stops working (N5).
    private static func use(of shown: ApplicationOperations.Shown, _ request: PageRequest) -> [String] {
        guard let token = shown.token else { return [] }
        guard let last = token.lastUsedAt else { return [request.words["application.token_unused"]] }
        return [
            request.words(
                "application.token_used",
                [
                    "n": token.useCount, "ago": request.words.distance(last, now: request.now),
                    "address": token.lastAddress ?? "?",
                ])
        ]
    }

    // Answered to the form itself, so that no address leads to a token.
    private static func tokenPage(
        _ application: Application, _ revealed: Revealed, _ title: String, _ request: PageRequest
    ) throws -> PageAnswer {
        try request.page(
            "application-token", title: request.words(title, ["name": application.name.text]), in: .applications,
            crumbs: crumbs(application, request),
            [
                "path": path(application),
                "token": request.input.code("token", "application.token", revealed.secret, isSecret: true),
                "curl": request.input.code("curl", "application.curl", revealed.curl, isSecret: true),
            ])
    }
}
