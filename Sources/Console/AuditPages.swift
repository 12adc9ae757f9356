import Domain
import Foundation
import HTTPTypes
import Manage
import Storage
import WebSupport

/// The audit log (N8).
enum AuditPages {
    static let list: [PageRoute] = [
        PageRoute(.get, "/audit", .readAudit) { request in
            let people = try await people(request)
            return try await request.attempt {
                let found = try await request.operations.audit.list(
                    filter(request), after: request.query["after"], limit: 50, request.actor)
                return try await page(request, people, found, fault: nil)
            } orShow: { fault in
                try await page(request, people, nil, fault: fault)
            }
        },
        PageRoute(.get, "/audit/verify", .readAudit) { request in
            let verdict = try await request.operations.audit.verify(request.actor)
            return try request.page(
                "audit-verify", title: request.words["audit.verify_title"], in: .audit, crumbs: [request.crumb(.audit)],
                [
                    "isWhole": verdict.fault == nil, "text": text(of: verdict, request),
                    "fault": verdict.fault.map { request.words.expectation($0.words) } ?? false,
                    "id": verdict.fault?.id ?? false,
                    "head": verdict.head.map { request.input.code("head", "audit.head", $0) } ?? false,
                ])
        },
        PageRoute(.get, "/audit/export", .readAudit) { request in
            let lines = try await request.operations.audit.export(request.actor)
            let name = "inlet-audit-\(request.now.text.prefix(10)).jsonl"
            return PageAnswer(
                headers: [
                    (.contentType, "application/jsonl"), (.contentDisposition, "attachment; filename=\"\(name)\""),
                ], body: .file(lines, byteCount: nil))
        },
    ]

    private static func text(of verdict: AuditChain.Verdict, _ request: PageRequest) -> String {
        guard let fault = verdict.fault else { return request.words("audit.whole", ["n": verdict.entries]) }
        return request.words("audit.broken", ["place": fault.sequence, "n": verdict.entries])
    }

    private static func filter(_ request: PageRequest) throws(OperationError) -> AuditOperations.Filter {
        let (from, to) = try request.input.span()
        let action = try request.query["action"].map { text throws(OperationError) in
            guard let action = AuditEntry.Action(rawValue: text) else {
                throw .invalid(field: "action", "must be chosen.")
            }
            return action
        }
        return AuditOperations.Filter(
            actor: request.query["actor"], action: action, subject: request.query["subject"], from: from, to: to)
    }

    // MARK: The page

    private static func people(_ request: PageRequest) async throws -> [Field.Option] {
        let page = try await request.operations.accounts.list(after: nil, limit: 500, request.actor)
        return page.items.map { Field.Option($0.member.account.id.text, $0.member.account.name.text) }
            .sorted { $0.label.lowercased() < $1.label.lowercased() }
    }

    private static func page(
        _ request: PageRequest, _ people: [Field.Option], _ found: Page<AuditTable.Entry>?, fault: Fault?
    ) async throws -> PageAnswer {
        let actions = AuditEntry.Action.allCases.map { Field.Option($0.rawValue, word(for: $0, request)) }
            .sorted { $0.label < $1.label }
        let filters = [
            Filter("actor", .choice(people), key: "audit.actor"), Filter("action", .choice(actions), key: "audit.action"),
            Filter("subject", .text(isWide: true), key: "audit.subject", placeholder: "tok_…"),
            Filter("from", .moment, key: "audit.from", isRare: true), Filter("to", .moment, key: "audit.to", isRare: true),
        ]
        let entries = found?.items ?? []
        let names = try await names(in: entries, request)
        return try request.page(
            "audit", title: request.words["nav.audit"], in: .audit,
            [
                "errors": request.input.errors(fault), "filters": request.input.filters(filters, fault: fault),
                "entries": entries.map { row($0, names, request) }, "hasEntries": !entries.isEmpty,
                "pager": request.input.pager(found?.next),
            ])
    }

    private static func word(for action: AuditEntry.Action, _ request: PageRequest) -> String {
        request.words["audit.action_\(action.rawValue.replacing(".", with: "_"))"]
    }

    private static func names(
        in entries: [AuditTable.Entry], _ request: PageRequest
    ) async throws -> NameOperations.Names {
        var mentions = NameOperations.Mentions()
        for entry in entries.map(\.entry) {
            if let actor = entry.actor { mentions.accounts.insert(actor) }
            if let token = entry.actorToken { mentions.tokens.insert(token) }
            if let account = ID<Account>(entry.subject) { mentions.accounts.insert(account) }
            if let webhook = ID<Webhook>(entry.subject) { mentions.webhooks.insert(webhook) }
            if let token = ID<Token>(entry.subject) { mentions.tokens.insert(token) }
            if let flow = ID<Flow>(entry.subject) { mentions.flows.insert(flow) }
            if let destination = ID<Destination>(entry.subject) { mentions.destinations.insert(destination) }
        }
        return try await request.operations.names.names(mentions, request.actor)
    }

    private static func row(_ entry: AuditTable.Entry, _ names: NameOperations.Names, _ request: PageRequest) -> Model {
        let act = entry.entry
        let actor = act.actor.map { ["name": names.accounts[$0]?.text ?? $0.text, "href": "/accounts/\($0.text)"] as Model }
        return [
            "sequence": request.words.number(entry.link.sequence), "time": request.input.time(act.at),
            "actor": actor ?? false,
            "token": act.actorToken.map {
                ["name": names.tokens[$0]?.text ?? $0.text, "href": "/tokens/\($0.text)"] as Model
            } ?? false,
            "action": word(for: act.action, request), "code": act.action.rawValue, "subject": subject(act.subject, names),
            "details": act.details.filter { $0.key != "name" || named(act.subject, names) == nil }
                .sorted { $0.key < $1.key }.map { ["name": $0.key, "value": $0.value] as Model },
        ]
    }

    private static func named(_ subject: String, _ names: NameOperations.Names) -> (name: Label, folder: String)? {
        if let name = ID<Account>(subject).flatMap({ names.accounts[$0] }) { return (name, "accounts") }
        if let name = ID<Webhook>(subject).flatMap({ names.webhooks[$0] }) { return (name, "webhooks") }
        if let name = ID<Token>(subject).flatMap({ names.tokens[$0] }) { return (name, "tokens") }
        if let name = ID<Flow>(subject).flatMap({ names.flows[$0] }) { return (name, "flows") }
        if let name = ID<Destination>(subject).flatMap({ names.destinations[$0] }) { return (name, "destinations") }
        return nil
    }

    private static func subject(_ subject: String, _ names: NameOperations.Names) -> Model {
        guard let (name, folder) = named(subject, names) else { return ["id": subject, "name": false, "href": false] }
        return ["id": subject, "name": name.text, "href": "/\(folder)/\(subject)"]
    }
}
