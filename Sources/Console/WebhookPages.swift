import Domain
import Foundation
import HTTPTypes
import Manage
import Storage
import WebSupport

/// The webhooks of the organization, and a page of each (D3, D11, D12).
enum WebhookPages {
    static let list: [PageRoute] =
        [
            PageRoute(.get, "/webhooks", .readWebhooks) { try await all($0) },
            PageRoute(.get, "/webhooks/:id", .readWebhooks) { try await one($0) },
        ] + WebhookWizard.list + WebhookActs.list

    // MARK: All of them

    private static func all(_ request: PageRequest) async throws -> PageAnswer {
        let found = try await request.operations.webhooks.list(after: request.query["after"], limit: 50, request.actor)
        let owners = try await Owners(found.items.map(\.owner), request)
        let counts = try await request.operations.events.counts(by: .webhook, days: nil, request.actor)
        let totals = Dictionary(counts.map { ($0.total.key, $0.total) }) { first, _ in first }
        let mayInstall = request.may(.changeWebhooks)
        return try request.page(
            "webhook-list", title: request.words["nav.webhooks"], in: .webhooks,
            [
                "webhooks": found.items.map { row($0, owners, totals[$0.id.text], request) }, "isEmpty": found.items.isEmpty,
                "mayInstall": mayInstall, "pager": request.input.pager(found.next),
                "empty": [
                    "title": request.words["webhook.empty_title"], "text": request.words["webhook.empty_text"],
                    "href": mayInstall ? "/webhooks/install" as Any : false, "action": request.words["webhook.install"],
                ] as Model,
            ])
    }

    private static func row(
        _ webhook: Webhook, _ owners: Owners, _ total: CallCountTable.Total?, _ request: PageRequest
    ) -> Model {
        [
            "name": webhook.name.text, "href": "/webhooks/\(webhook.id.text)",
            "description": webhook.description.text.orFalseIfEmpty,
            "state": state(webhook, request), "accepts": accepted(webhook, request.words),
            "owner": owners.model(webhook.owner, request), "calls": request.words.number(total?.accepted ?? 0),
            "refused": total.flatMap { $0.refused > 0 ? request.words("webhook.refused_count", ["n": $0.refused]) as Any : nil }
                ?? false,
            "lastAt": request.input.time(total?.lastAt),
        ]
    }

    static func state(_ webhook: Webhook, _ request: PageRequest) -> Model {
        request.input.badge("webhook.state_\(webhook.state.rawValue)", webhook.state == .active ? .good : .quiet)
    }

    static func accepted(_ webhook: Webhook, _ words: Words) -> String {
        webhook.accepts.sorted().map { words["webhook.accepts_\($0.rawValue)"] }.joined(separator: ", ")
    }

    // MARK: One

    private static let eventsShown = 10
    private static let refusedShown = 5

    private static func one(_ request: PageRequest) async throws -> PageAnswer {
        let operations = request.operations
        let webhook = try await operations.webhooks.show(request.id, request.actor)
        let tokens = try await operations.tokens.list(ofWebhook: webhook.id.text, request.actor)
        let owners = try await Owners([webhook.owner] + tokens.map(\.token.owner), request)
        var model = facts(webhook, owners, request)
        model.merge(try await traffic(webhook, request)) { $1 }
        model.merge(try await callers(webhook, tokens, owners, request)) { $1 }
        model["tree"] = try await tree(webhook, request)
        model["flows"] = try await flows(of: webhook, request)
        return try request.page(
            "webhook", title: webhook.name.text, in: .webhooks, crumbs: [request.crumb(.webhooks)], model)
    }

    private static func facts(_ webhook: Webhook, _ owners: Owners, _ request: PageRequest) -> Model {
        let words = request.words
        let path = "/webhooks/\(webhook.id.text)"
        return [
            "path": path, "id": webhook.id.text, "state": state(webhook, request), "isActive": webhook.state == .active,
            "description": webhook.description.text.orFalseIfEmpty,
            "mayChange": request.may(.changeWebhooks),
            "url": request.input.code("url", "webhook.url", request.operations.webhooks.url(of: webhook.id)),
            "accepts": accepted(webhook, words), "owner": owners.model(webhook.owner, request),
            "lapsed": lapsed(webhook, owners, request),
            "retention": retention(webhook, words), "createdAt": request.input.time(webhook.createdAt),
            "echo": words[webhook.echoesBody ? "webhook.echo_yes" : "webhook.echo_no"],
            "eventsHref": "/events?webhook=\(webhook.id.text)", "callsHref": "/calls?webhook=\(webhook.id.text)",
        ]
    }

    // D11: what to do about a webhook whose owner lapsed.
    private static func lapsed(_ webhook: Webhook, _ owners: Owners, _ request: PageRequest) -> Any {
        guard owners.isInactive(webhook.owner) else { return false }
        let name = owners.name(webhook.owner, request.words)
        guard let since = owners.inactiveSince(webhook.owner) else { return request.words["webhook.owner_left"] }
        return request.words("webhook.owner_lapsed", ["name": name, "since": request.words.date(since)])
    }

    private static func retention(_ webhook: Webhook, _ words: Words) -> String {
        let days =
            webhook.retentionDays.map { words("webhook.kept_days", ["n": $0]) } ?? words["webhook.kept_by_default"]
        guard let bytes = webhook.retentionBytes else { return days }
        return words("webhook.kept_both", ["days": days, "bytes": words.bytes(bytes)])
    }

    private static func traffic(_ webhook: Webhook, _ request: PageRequest) async throws -> Model {
        let events = try await request.operations.events.list(
            EventQuery(webhook: webhook.id.text), after: nil, limit: eventsShown, request.actor)
        let calls = try await request.operations.events.calls(
            .init(outcome: .refused, webhook: webhook.id.text), after: nil, limit: refusedShown, request.actor)
        let refused = calls.items.compactMap { call -> Model? in
            guard case .refused(let refused, let tokenName) = call else { return nil }
            return [
                "cause": CallPages.name(of: refused.cause, request), "at": request.input.time(refused.receivedAt),
                "token": tokenName?.text ?? "–", "from": refused.remoteAddress, "count": request.words.number(refused.count),
            ]
        }
        return [
            "events": events.items.map { event($0, request) }, "hasEvents": !events.items.isEmpty,
            "refused": refused, "hasRefused": !refused.isEmpty,
        ]
    }

    /// A row of events.
    private static func event(_ event: Event, _ request: PageRequest) -> Model {
        [
            "id": event.id.text, "href": "/events/\(event.id.text)", "at": request.input.time(event.receivedAt),
            "size": request.words.bytes(event.bodyBytes), "from": event.remoteAddress,
        ]
    }

    // Its app tokens, and the others that opened it lately.
    private static func callers(
        _ webhook: Webhook, _ tokens: [TokenTable.Entry], _ owners: Owners, _ request: PageRequest
    ) async throws -> Model {
        let callers = try await request.operations.webhooks.callers(webhook.id.text, request.actor)
        let counts = Dictionary(callers.map { ($0.token, $0) }) { first, _ in first }
        let own = Set(tokens.map(\.token.id))
        let others = callers.filter { !own.contains($0.token) }.map { caller -> Model in
            [
                "name": caller.name.text, "href": "/tokens/\(caller.token.text)", "kind": false, "state": false, "owner": false,
                "count": request.words.number(caller.count), "lastAt": request.input.time(caller.lastAt),
            ]
        }
        let rows = tokens.map { entry -> Model in
            let caller = counts[entry.token.id]
            return [
                "name": entry.token.name.text, "href": "/tokens/\(entry.token.id.text)",
                "state": TokenPages.state(entry.token, request), "owner": owners.model(entry.token.owner, request),
                "count": request.words.number(caller?.count ?? 0), "lastAt": request.input.time(caller?.lastAt),
            ]
        }
        return [
            "tokens": rows, "hasTokens": !rows.isEmpty, "others": others, "hasOthers": !others.isEmpty,
            "mayMakeToken": request.may(.changeOwnTokens),
        ]
    }

    /// Its flows as links, for the partial `flow-links`.
    static func flows(of webhook: Webhook, _ request: PageRequest) async throws -> Model {
        let flows = try await request.operations.flows.list(webhook: webhook.id.text, after: nil, limit: 50, request.actor)
        return [
            "items": flows.items.filter { $0.state != .archived }.map { flow -> Model in
                [
                    "name": flow.name.text, "href": "/flows/\(flow.id.text)",
                    "state": request.input.badge("webhook.flow_\(flow.state.rawValue)", flow.state == .active ? .good : .quiet),
                    "destinations": request.words("webhook.destinations", ["n": flow.destinations.count]),
                ]
            },
            "isEmpty": flows.items.allSatisfy { $0.state == .archived },
            "new": request.may(.changeFlows) ? "/flows/new?webhook=\(webhook.id.text)" as Any : false,
        ]
    }

    // MARK: Fields (D12)

    private static func tree(_ webhook: Webhook, _ request: PageRequest) async throws -> Any {
        let learned = try await request.operations.fields.fields(ofWebhook: webhook.id.text, request.actor)
        guard !learned.fields.isEmpty else { return false }
        var new: Set<String> = []
        var missing: Set<String> = []
        if let last = learned.lastEvent,
            let event = try? await request.operations.fields.fields(ofEvent: last.text, request.actor)
        {
            // The first event has nothing but new fields; marking all of them tells nothing.
            if learned.events > 1 { new = Set(event.fields.filter(\.isNew).map(\.field.path.text)) }
            missing = Set(event.missing.map(\.text))
        }
        let rows = FieldRows(learned.fields).rows.map { row -> Model in
            [
                "name": row.name, "level": "\(min(row.level, 10))",
                "kinds": row.field.kinds.map(\.rawValue).sorted().map { request.words["webhook.kind_\($0)"] }
                    .joined(separator: ", "),
                "mark": new.contains(row.field.path.text)
                    ? request.input.badge("webhook.field_new", .good) as Any
                    : missing.contains(row.field.path.text) ? request.input.badge("webhook.field_missing", .warn) as Any : false,
            ]
        }
        return ["rows": rows, "text": request.words("webhook.fields_text", ["n": learned.events])] as Model
    }
}

/// Fields of bodies in the order of a tree: each behind its parent, by how deep it lies.
struct FieldRows: Sendable {
    struct Row: Sendable {
        let field: FieldTree.Field
        let name: String
        let level: Int
    }

    let rows: [Row]

    /// - Parameter fields: a parent stands before its children.
    init(_ fields: [FieldTree.Field]) {
        let known = Set(fields.map(\.path.text))
        var children: [String: [FieldTree.Field]] = [:]
        for field in fields { children[Self.parent(of: field.path.text, among: known), default: []].append(field) }
        var rows: [Row] = []
        func add(_ parent: String, _ level: Int) {
            for field in children[parent, default: []] {
                let path = field.path.text
                let name = String(path.dropFirst(parent.count))
                rows.append(Row(field: field, name: name.hasPrefix(".") ? String(name.dropFirst()) : name, level: level))
                add(path, level + 1)
            }
        }
        add("", 0)
        self.rows = rows
    }

    // The longest known path that it goes on from; none for the body itself.
    private static func parent(of path: String, among known: Set<String>) -> String {
        var end = path.endIndex
        while end > path.startIndex {
            end = path.index(before: end)
            guard path[end] == "." || path[end] == "[" else { continue }
            let head = String(path[..<end])
            if known.contains(head) { return head }
        }
        return ""
    }
}
