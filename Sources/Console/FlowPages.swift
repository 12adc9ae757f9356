import Destinations
import Domain
import Foundation
import HTTPTypes
import Manage
import Storage
import WebSupport

/// Flows: what happens to a webhook's events. Row P8.
enum FlowPages {
    static let list: [PageRoute] = records + acts

    private static let records: [PageRoute] = [
        PageRoute(.get, "/flows", .readFlows) { request in try await listing(request) },
        PageRoute(.get, "/flows/new", .changeFlows) { request in
            guard let form = try await newForm(request.query["webhook"], request) else { return try await beginning(request) }
            return try await form.page(request)
        },
        PageRoute(.post, "/flows/new", .changeFlows) { request in
            guard let form = try await newForm(request.form["webhook"], request) else { return try await beginning(request) }
            return try await request.attempt {
                let made = try await request.operations.flows.create(form.draft(request), request.actor)
                return .go(to: path(made), done: "flow_created")
            } orShow: { fault in
                try await form.page(request, fault: fault)
            }
        },
        PageRoute(.post, "/flows/new/dry-run", .changeFlows) { request in
            guard let form = try await newForm(request.form["webhook"], request) else { return try await beginning(request) }
            return try await form.tried(request)
        },
        PageRoute(.get, "/flows/:id", .readFlows) { request in try await page(request) },
        PageRoute(.get, "/flows/:id/edit", .changeFlows) { request in
            let form = try await editForm(request)
            if form.known?.state == .archived { return .go(to: "/flows/\(request.id)") }
            return try await form.page(request)
        },
        PageRoute(.post, "/flows/:id/edit", .changeFlows) { request in
            let form = try await editForm(request)
            return try await request.attempt {
                let edited = try await request.operations.flows.edit(request.id, form.draft(request), request.actor)
                return .go(to: path(edited), done: "flow_edited")
            } orShow: { fault in
                try await form.page(request, fault: fault)
            }
        },
        PageRoute(.post, "/flows/:id/dry-run", .changeFlows) { request in try await editForm(request).tried(request) },
    ]

    private static let acts: [PageRoute] = [
        PageRoute(.get, "/flows/:id/pause", .changeFlows) { request in try await ask("pause", request) },
        PageRoute(.post, "/flows/:id/pause", .changeFlows) { request in
            try await act("pause", done: "flow_paused", request) { try await $0.pause($1, request.actor) }
        },
        PageRoute(.post, "/flows/:id/resume", .changeFlows) { request in
            try await request.attempt {
                .go(to: path(try await request.operations.flows.resume(request.id, request.actor)), done: "flow_resumed")
            } orShow: { _ in
                // It was archived meanwhile; its page says so.
                .go(to: "/flows/\(request.id)")
            }
        },
        PageRoute(.get, "/flows/:id/archive", .changeFlows) { request in try await ask("archive", request, isDanger: true) },
        PageRoute(.post, "/flows/:id/archive", .changeFlows) { request in
            try await act("archive", done: "flow_archived", request) { try await $0.archive($1, request.actor) }
        },
    ]

    static func path(_ flow: Flow) -> String { "/flows/\(flow.id.text)" }

    static func state(_ flow: Flow, _ request: PageRequest) -> Model {
        let tone: OpenPageRequest.Tone =
            switch flow.state {
            case .active: .good
            case .paused: .warn
            case .archived: .quiet
            }
        return request.input.badge("flow.state_\(flow.state.rawValue)", tone)
    }

    private static func newForm(_ webhook: String?, _ request: PageRequest) async throws -> FlowForm? {
        guard let webhook else { return nil }
        let found = try await request.operations.webhooks.show(webhook, request.actor)
        return FlowForm(webhook: found, known: nil)
    }

    private static func editForm(_ request: PageRequest) async throws -> FlowForm {
        let flow = try await request.operations.flows.show(request.id, request.actor)
        return FlowForm(webhook: try? await request.operations.webhooks.show(flow.webhook.text, request.actor), known: flow)
    }

    // MARK: Looking

    private static func listing(_ request: PageRequest) async throws -> PageAnswer {
        let found = try await request.operations.flows.list(
            webhook: request.query["webhook"], after: request.query["after"], limit: 50, request.actor)
        var mentions = NameOperations.Mentions()
        mentions.webhooks = Set(found.items.map(\.webhook))
        mentions.destinations = Set(found.items.flatMap(\.destinations))
        let names = try await request.operations.names.names(mentions, request.actor)
        let rows = found.items.map { flow -> Model in
            [
                "name": flow.name.text, "href": path(flow), "state": state(flow, request),
                "webhook": names.webhooks[flow.webhook]?.text ?? flow.webhook.text,
                "webhookHref": "/webhooks/\(flow.webhook.text)",
                "destinations": flow.destinations.map {
                    ["name": names.destinations[$0]?.text ?? $0.text, "href": "/destinations/\($0.text)"] as Model
                },
                "hasFilter": flow.filterText != nil, "hasTemplate": flow.templateText != nil,
            ]
        }
        return try request.page(
            "flow-list", title: request.words["nav.flows"], in: .flows,
            [
                "flows": rows, "isEmpty": rows.isEmpty && request.query["after"] == nil, "pager": request.input.pager(found.next),
                "mayChange": request.may(.changeFlows),
                "empty": [
                    "title": request.words["flow.none"], "text": request.words["flow.none_text"],
                    "href": request.may(.changeFlows) ? "/flows/new" as Any : false, "action": request.words["flow.new"],
                ] as Model,
            ])
    }

    private static func page(_ request: PageRequest) async throws -> PageAnswer {
        let flow = try await request.operations.flows.show(request.id, request.actor)
        var mentions = NameOperations.Mentions()
        mentions.webhooks = [flow.webhook]
        let names = try await request.operations.names.names(mentions, request.actor)
        var destinations: [Model] = []
        for id in flow.destinations {
            guard let shown = try? await request.operations.destinations.show(id.text, request.actor) else { continue }
            destinations.append([
                "name": shown.destination.name.text, "href": DestinationPages.path(shown.destination),
                "kind": DestinationPages.kindName(shown.destination.kind, request.words),
                "state": DestinationPages.state(shown.destination, request),
            ])
        }
        let rehearsal = DryRun(flow: flow.id.text, webhook: flow.webhook)
        let events = try await rehearsal.events(chosen: request.query["event"], request)
        return try request.page(
            "flow", title: flow.name.text, in: .flows, crumbs: [request.crumb(.flows)],
            [
                "path": path(flow), "id": flow.id.text, "name": flow.name.text, "state": state(flow, request),
                "description": flow.description.text.orFalseIfEmpty,
                "isActive": flow.state == .active, "isPaused": flow.state == .paused, "isArchived": flow.state == .archived,
                "mayChange": request.may(.changeFlows) && flow.state != .archived,
                "webhook": names.webhooks[flow.webhook]?.text ?? flow.webhook.text,
                "webhookHref": "/webhooks/\(flow.webhook.text)",
                "destinations": destinations, "filter": flow.filterText.map { laidOut($0) as Any } ?? false,
                "template": flow.templateText.map { laidOut($0) as Any } ?? false,
                "createdAt": request.input.time(flow.createdAt),
                "events": events, "hasEvents": !events.isEmpty,
                "tried": try await rehearsal.result(
                    event: request.query["event"], FlowOperations.Draft(), request),
            ])
    }

    // A flow needs a webhook and a destination; what is missing is said first.
    private static func beginning(_ request: PageRequest) async throws -> PageAnswer {
        let choices = try await request.operations.names.choices(request.actor)
        let missing: Any =
            if choices.webhooks.isEmpty {
                [
                    "title": request.words["flow.no_webhooks"], "text": request.words["flow.no_webhooks_text"],
                    "href": "/webhooks/new", "action": request.words["flow.to_webhooks"],
                ] as Model
            } else {
                false
            }
        let options = choices.webhooks.map { Field.Option($0.id, $0.name.text) }
        return try request.page(
            "flow-webhook", title: request.words["flow.new"], in: .flows, crumbs: [request.crumb(.flows)],
            [
                "missing": missing, "hasWebhooks": !choices.webhooks.isEmpty,
                "fields": request.input.fields([Field("webhook", .choice(options), key: "flow.webhook", isRequired: true)]),
            ])
    }

    // MARK: Asking and doing

    private static func ask(
        _ step: String, _ request: PageRequest, isDanger: Bool = false, fault: Fault? = nil
    ) async throws -> PageAnswer {
        let flow = try await request.operations.flows.show(request.id, request.actor)
        let latest = try await request.operations.deliveries.list(
            .init(flow: flow.id.text), after: nil, limit: 1, request.actor
        ).items.first
        let used =
            latest.map { request.words("flow.used", ["ago": request.words.distance($0.createdAt, now: request.now)]) }
            ?? request.words["flow.unused"]
        return try request.confirm(
            Confirmation(
                title: request.words("flow.\(step)_title", ["name": flow.name.text]), text: request.words["flow.\(step)_text"],
                action: "\(path(flow))/\(step)", button: request.words["flow.\(step)"], back: path(flow), isDanger: isDanger,
                notes: [used]),
            in: .flows, crumbs: [request.crumb(.flows), PageRequest.Crumb(path(flow), flow.name.text)], fault: fault)
    }

    private static func act(
        _ step: String, done: String, _ request: PageRequest, _ work: (FlowOperations, String) async throws -> Flow
    ) async throws -> PageAnswer {
        try await request.attempt {
            .go(to: path(try await work(request.operations.flows, request.id)), done: done)
        } orShow: { fault in
            try await ask(step, request, fault: fault)
        }
    }
}
