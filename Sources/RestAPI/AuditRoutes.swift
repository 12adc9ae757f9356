import Contract
import Domain
import HTTPTypes
import Manage
import Storage
import WebSupport

enum AuditRoutes {
    static let list: [Route] = [
        Route(.get, "audit", .readAudit, query: ["actor", "action", "subject", "from", "to", "after", "limit"]) {
            request, operations in
            let filter = AuditOperations.Filter(
                actor: request.query["actor"], action: try request.input.word("action"),
                subject: request.query["subject"], from: try request.input.moment("from"),
                to: try request.input.moment("to"))
            let page = try await operations.audit.list(
                filter, after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map(AuditEntryView.init), next: page.next))
        },
        Route(.get, "audit/export", .readAudit) { request, operations in
            RestAnswer(
                headers: [(.contentType, "application/jsonl"), (.cacheControl, "no-store")],
                pieces: try await operations.audit.export(request.actor))
        },
        Route(.get, "audit/verify", .readAudit) { request, operations in
            let verdict = try await operations.audit.verify(request.actor)
            return try .json(
                AuditVerdictView(
                    isIntact: verdict.fault == nil, entries: verdict.entries, head: verdict.head,
                    fault: verdict.fault.map { AuditFaultView(sequence: $0.sequence, id: $0.id, words: $0.words) }))
        },
        Route(.get, "audit/key", .readAuditKey) { request, operations in
            try .secret(AuditKeyView(key: Hex.text(try await operations.audit.key(request.actor))), status: 200)
        },
    ]
}

extension AuditEntryView {
    init(_ entry: AuditTable.Entry) {
        let (act, link) = (entry.entry, entry.link)
        self.init(
            id: act.id.text, organization: act.organization.text, sequence: link.sequence, at: act.at.text,
            actor: act.actor?.text, actorToken: act.actorToken?.text, action: act.action.rawValue, subject: act.subject,
            details: act.details, previous: Hex.text(link.previous), hash: Hex.text(link.hash), mac: Hex.text(link.mac))
    }
}
