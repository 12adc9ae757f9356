import Contract
import Domain
import Foundation
import HTTPTypes
import Manage
import Storage

enum EventRoutes {
    static let list: [Route] = [
        Route(.get, "events", .readEvents, query: ["webhook", "after", "since", "limit"]) { request, operations in
            let page: Page<Event>
            if let since = request.query["since"] {
                page = try await operations.events.newer(
                    than: since, webhook: request.query["webhook"], limit: request.limit(), request.actor)
            } else {
                page = try await operations.events.list(
                    webhook: request.query["webhook"], after: request.after, limit: request.limit(), request.actor)
            }
            return try .json(PageView(items: page.items.map(EventView.init), next: page.next))
        },
        Route(.get, "events/:id", .readEvents) { request, operations in
            try .json(EventView(try await operations.events.show(request.id, request.actor)))
        },
        Route(.get, "events/:id/body", .readEvents) { request, operations in
            let body = try await operations.events.body(of: request.id, request.actor)
            // As attachment and never sniffed: what a stranger sent must not run in somebody's browser.
            return RestAnswer(
                status: 200,
                headers: [
                    (.contentType, body.contentType ?? "application/octet-stream"),
                    (.contentDisposition, "attachment; filename=\"\(request.id)\""),
                    (.xContentTypeOptions, "nosniff"),
                ], body: body.bytes)
        },
        Route(
            .get, "calls", .readCalls,
            query: ["outcome", "webhook", "token", "cause", "from", "to", "after", "limit"]
        ) { request, operations in
            let query = EventOperations.CallQuery(
                outcome: try request.input.word("outcome"), webhook: request.query["webhook"],
                token: request.query["token"], cause: request.query["cause"], from: try request.input.moment("from"),
                to: try request.input.moment("to"))
            let page = try await operations.events.calls(
                query, after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map(CallView.init), next: page.next))
        },
        Route(.get, "calls/counts", .readCalls, query: ["by", "days"]) { request, operations in
            guard let grouping: CallCountTable.Grouping = try request.input.word("by") else {
                throw OperationError.invalid(field: "by", "must be one of: webhook, token, cause.")
            }
            let counts = try await operations.events.counts(
                by: grouping, days: request.input.number("days"), request.actor)
            return try .json(PageView(items: counts.map(CallCountView.init), next: nil))
        },
    ]
}

extension EventView {
    init(_ event: Event) {
        self.init(
            id: event.id.text, webhook: event.webhook.text, token: event.token.text, receivedAt: event.receivedAt.text,
            remoteAddress: event.remoteAddress, query: event.query, contentType: event.contentType,
            headers: CallHeaders(keptText: event.headersText).fields.map { [$0.name, $0.value] },
            context: event.context.map(Self.context), basicUser: event.basicUser, bodyBytes: event.bodyBytes,
            bodySha256: Hex.text(event.bodySHA256), releasedAt: event.releasedAt?.text)
    }

    /// A tag is a JSON object or plain text (P9); what would take too long to read is given as text.
    private static func context(_ text: String) -> JSONValue {
        if text.utf8.first(where: { $0 != UInt8(ascii: " ") }) == UInt8(ascii: "{"),
            JSONValue.excess(of: text.utf8, hasPlainNames: false) == nil,
            let object = try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        {
            return object
        }
        return .text(text)
    }
}

extension CallCountView {
    init(_ count: EventOperations.Count) {
        self.init(
            key: count.total.key, name: count.name?.text, accepted: count.total.accepted, refused: count.total.refused,
            lastAt: count.total.lastAt.text)
    }
}

extension CallView {
    init(_ call: EventOperations.Call) {
        switch call {
        case .accepted(let event, let tokenName):
            self.init(
                id: event.id.text, outcome: "accepted", receivedAt: event.receivedAt.text, webhook: event.webhook.text,
                token: event.token.text, tokenName: tokenName?.text, cause: nil, causeAt: nil, status: 202,
                remoteAddress: event.remoteAddress, basicUser: event.basicUser, count: 1)
        case .refused(let call, let tokenName):
            self.init(
                id: call.id.text, outcome: "refused", receivedAt: call.receivedAt.text, webhook: call.webhook,
                token: call.token?.text, tokenName: tokenName?.text, cause: call.cause, causeAt: call.causeAt?.text,
                status: call.status, remoteAddress: call.remoteAddress, basicUser: call.basicUser, count: call.count,
                held: call.held?.text, integrationToken: call.integrationToken?.text)
        }
    }
}
