import Contract
import Domain
import Foundation
import HTTPTypes
import Manage

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
        Route(.get, "calls", .readCalls, query: ["outcome", "after", "limit"]) { request, operations in
            let outcome: EventOperations.Outcome? = try request.query["outcome"].map { text throws(OperationError) in
                try word(text, field: "outcome")
            }
            let page = try await operations.events.calls(
                outcome: outcome, after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map(CallView.init), next: page.next))
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
            bodySha256: Hex.text(event.bodySHA256))
    }

    /// A tag is a JSON object or plain text (P9); what nests too deep is given as text.
    private static func context(_ text: String) -> JSONValue {
        if text.utf8.first(where: { $0 != UInt8(ascii: " ") }) == UInt8(ascii: "{"),
            JSONValue.depth(of: text.utf8) <= JSONValue.depthMax,
            let object = try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        {
            return object
        }
        return .text(text)
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
                status: call.status, remoteAddress: call.remoteAddress, basicUser: call.basicUser, count: call.count)
        }
    }
}
