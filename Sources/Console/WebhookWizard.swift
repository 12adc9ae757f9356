import Domain
import Foundation
import HTTPTypes
import Manage
import WebSupport

/// Installing a webhook in five steps (D1, D2). Nothing is kept between them: what was typed travels in the form, and from the third
/// step on the webhook is there.
enum WebhookWizard {
    static let list: [PageRoute] = [
        PageRoute(.get, "/webhooks/install", .changeWebhooks) { try name($0, fault: nil) },
        // Back from the second step.
        PageRoute(.post, "/webhooks/install", .changeWebhooks) { try name($0, fault: nil) },
        PageRoute(.get, "/webhooks/install/method", .changeWebhooks) { _ in .go(to: "/webhooks/install") },
        PageRoute(.post, "/webhooks/install/method", .changeWebhooks) { request in
            try await request.attempt {
                try await check(request)
                return try method(request, fault: nil)
            } orShow: { fault in
                try fault.words(of: "accepts") == nil ? name(request, fault: fault) : method(request, fault: nil)
            }
        },
        PageRoute(.get, "/webhooks/install/secret", .changeWebhooks) { _ in .go(to: "/webhooks/install") },
        PageRoute(.post, "/webhooks/install/secret", .changeWebhooks) { try await make($0) },
        PageRoute(.get, "/webhooks/:id/install/test", .changeWebhooks) { try await test($0, nil, sent: nil) },
        PageRoute(.post, "/webhooks/:id/install/test", .changeWebhooks) { try await saved($0) },
        PageRoute(.get, "/webhooks/:id/install/call", .changeWebhooks) { request in
            .go(to: "/webhooks/\(Form.encoded(request.id))/install/test")
        },
        PageRoute(.post, "/webhooks/:id/install/call", .changeWebhooks) { try await call($0) },
        PageRoute(.get, "/webhooks/:id/install/done", .changeWebhooks) { try await done($0) },
    ]

    private enum Step: String, CaseIterable {
        case name, method, secret, test, done
    }

    private static func steps(_ current: Step, _ words: Words) -> [Model] {
        let place = Step.allCases.firstIndex(of: current) ?? 0
        return Step.allCases.enumerated().map { number, step in
            ["label": words["install.step_\(step.rawValue)"], "isDone": number < place, "isCurrent": number == place]
        }
    }

    private static func page(
        _ template: String, _ step: Step, of name: String?, _ request: PageRequest, _ model: Model
    ) throws -> PageAnswer {
        var all = model
        all["steps"] = steps(step, request.words)
        all["hasSteps"] = true
        let title = name.map { request.words("install.title_of", ["name": $0]) } ?? request.words["install.title"]
        return try request.page(template, title: title, in: .webhooks, crumbs: [request.crumb(.webhooks)], all)
    }

    // MARK: 1 and 2: what is asked

    private static let both = "both"

    private static func draft(_ request: PageRequest) -> WebhookOperations.Draft {
        let method = request.form["method"] ?? both
        return .init(
            name: request.form.text("name"), description: request.form["description"], accepts: method == both ? nil : [method])
    }

    // Two of one name may be, but not by a slip: a page that is sent twice, or somebody who does not know of the first.
    private static func check(_ request: PageRequest) async throws {
        let draft = draft(request)
        try request.operations.webhooks.check(draft)
        guard try await !request.operations.webhooks.isTaken(name: draft.name, request.actor) else {
            throw OperationError.invalid(field: "name", "must be another one: there is a webhook of that name.")
        }
    }

    private static func typed(_ request: PageRequest) -> [String: String] {
        [
            "name": request.form.text("name"), "description": request.form.text("description"),
            "method": request.form["method"] ?? both,
        ]
    }

    private static func name(_ request: PageRequest, fault: Fault?) throws -> PageAnswer {
        let fields = [
            Field("name", key: "install.name", isRequired: true, maxLength: Limits.nameCharacters.upperBound),
            Field("description", .area(rows: 3), key: "webhook.description", maxLength: Limits.descriptionCharactersMax),
            Field("method", .hidden, key: "install.method"),
        ]
        return try page(
            "install-form", .name, of: nil, request,
            [
                "heading": request.words["install.name_heading"], "text": request.words["install.name_text"],
                "action": "/webhooks/install/method", "button": request.words["install.next"],
                "fault": request.input.errors(fault),
                "fields": request.input.fields(fields, typed(request), fault: fault), "isFirst": true,
            ])
    }

    private static func method(_ request: PageRequest, fault: Fault?) throws -> PageAnswer {
        let options = [both] + AuthMethodName.allCases.map(\.rawValue)
        let fields = [
            Field(
                "method",
                .radios(
                    options.map {
                        Field.Option($0, request.words["install.method_\($0)"], hint: request.words["install.method_\($0)_text"])
                    }), key: "install.method", isRequired: true),
            Field("name", .hidden, key: "install.name"), Field("description", .hidden, key: "webhook.description"),
        ]
        return try page(
            "install-form", .method, of: nil, request,
            [
                "heading": request.words["install.method_heading"], "text": request.words["install.method_text"],
                "action": "/webhooks/install/secret", "button": request.words["install.make"],
                "fault": request.input.errors(fault), "fields": request.input.fields(fields, typed(request), fault: fault),
                "isFirst": false,
            ])
    }

    // MARK: 3: the secret

    private static func make(_ request: PageRequest) async throws -> PageAnswer {
        try await request.attempt {
            try await check(request)
            let webhook = try await request.operations.webhooks.create(draft(request), request.actor)
            let created = try await request.operations.tokens.create(
                .init(kind: .app, webhook: webhook.id.text, name: webhook.name.text), request.actor)
            guard let secret = PresentedSecret(created.secret) else { throw OperationError.notFound("token") }
            return try handOver(webhook, secret, request, fault: nil)
        } orShow: { fault in
            try fault.words(of: "accepts") == nil ? name(request, fault: fault) : method(request, fault: nil)
        }
    }

    private static func handOver(
        _ webhook: Webhook, _ secret: PresentedSecret, _ request: PageRequest, fault: Fault?
    ) throws -> PageAnswer {
        let fields = [
            Field("saved", .check, key: "token.saved", isRequired: true), Field("secret", .hidden, key: "token.saved"),
        ]
        return try page(
            "secret", .secret, of: webhook.name.text, request,
            [
                "text": request.words["install.secret_text"],
                "handOver": HandOver(secret, .app(webhook.id), webhook: webhook).model(request, isOfAll: false),
                "fault": request.input.errors(fault), "action": "/webhooks/\(webhook.id.text)/install/test",
                "button": request.words["install.next"],
                "fields": request.input.fields(fields, ["secret": secret.text], fault: fault),
            ])
    }

    // MARK: 4: a call

    private static func saved(_ request: PageRequest) async throws -> PageAnswer {
        let secret = PresentedSecret(request.form.text("secret"))
        guard let secret, !request.form.isTicked("saved") else { return try await test(request, secret, sent: nil) }
        let webhook = try await request.operations.webhooks.show(request.id, request.actor)
        var answer = try handOver(webhook, secret, request, fault: request.unsaved)
        answer.status = 422
        return answer
    }

    private static func call(_ request: PageRequest) async throws -> PageAnswer {
        let webhook = try await request.operations.webhooks.show(request.id, request.actor)
        guard let secret = PresentedSecret(request.form.text("secret")) else {
            return .go(to: "/webhooks/\(webhook.id.text)/install/test")
        }
        let status = await request.surroundings.call(
            webhook.id.text, secret.authorization(accepts: webhook.accepts), Data(#"{"hello":"world"}"#.utf8))
        return try await test(request, secret, sent: .some(status))
    }

    /// - Parameter sent: the answer to a call that was just made; an inner `nil` if there was none.
    private static func test(_ request: PageRequest, _ secret: PresentedSecret?, sent: Int??) async throws -> PageAnswer {
        let webhook = try await request.operations.webhooks.show(request.id, request.actor)
        let found = try await request.operations.events.list(
            EventQuery(webhook: webhook.id.text), after: nil, limit: 5, request.actor)
        let table = try await EventPages.table(
            found.items, request, webhook: webhook.id.text, isLive: true, emptyTitle: request.words["install.waiting"],
            emptyText: request.words["install.waiting_text"])
        let url = request.operations.webhooks.url(of: webhook.id)
        return try page(
            "install-test", .test, of: webhook.name.text, request,
            [
                "live": true, "table": table, "path": "/webhooks/\(webhook.id.text)/install", "secret": secret?.text ?? false,
                "hasArrived": !found.items.isEmpty, "result": result(sent, webhook, request),
                "curl": secret.map {
                    request.input.code(
                        "curl", "install.curl", CurlLine.text(url: url, $0, accepts: webhook.accepts), isSecret: true) as Any
                } ?? false,
            ])
    }

    private static func result(_ sent: Int??, _ webhook: Webhook, _ request: PageRequest) -> Any {
        guard let sent else { return false }
        let words = request.words
        guard let status = sent else { return ["text": words["install.no_answer"], "isGood": false] as Model }
        let isGood = (200..<300).contains(status)
        let key =
            switch status {
            case 200..<300: "install.answer_good"
            case 401, 403: "install.answer_refused"
            case 404: "install.answer_closed"
            default: "install.answer_other"
            }
        return ["text": words(key, ["status": "\(status)"]), "isGood": isGood] as Model
    }

    // MARK: 5: where its events go

    private static func done(_ request: PageRequest) async throws -> PageAnswer {
        let webhook = try await request.operations.webhooks.show(request.id, request.actor)
        return try await page(
            "install-done", .done, of: webhook.name.text, request,
            [
                "path": "/webhooks/\(webhook.id.text)", "flows": WebhookPages.flows(of: webhook, request),
                "eventsHref": "/events?webhook=\(webhook.id.text)",
            ])
    }
}
