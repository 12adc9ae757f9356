import Contract
import Domain
import Foundation
import HTTPTypes
import Manage
import Storage
import WebSupport

enum EventRoutes {
    static let list: [Route] = [
        Route(
            .get, "events", .readEvents, query: searched.union(["after", "since", "wait_seconds", "limit"])
        ) { request, operations in
            guard let since = request.query["since"] else {
                guard request.query["wait_seconds"] == nil else {
                    throw OperationError.invalid(field: "wait_seconds", "belongs to `since`.")
                }
                return try answer(
                    try await operations.events.list(
                        try query(request), after: request.after, limit: request.limit(), request.actor))
            }
            if let other = searched.subtracting(["webhook"]).filter({ request.query[$0] != nil }).min() {
                throw OperationError.invalid(field: other, "does not go with `since`, which takes `webhook` alone.")
            }
            let wait = try request.input.number("wait_seconds")
            return try await request.staying(wait) {
                try answer(
                    try await operations.events.newer(
                        than: since, webhook: request.query["webhook"], limit: request.limit(), waitSeconds: wait,
                        request.actor))
            }
        },
        Route(.get, "events/export", .readEvents, query: searched.union(["format"])) { request, operations in
            let (query, format) = (try query(request), try format(request))
            return try await Export.answer("events", format, heading: EventView.exportHeading) { whole in
                try EventView.exported(whole, format)
            } page: { after in
                try await operations.events.export(query, after: after, request.actor)
            }
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
        Route(.get, "events/:id/fields", .readEvents) { request, operations in
            try .json(EventFieldsView(try await operations.fields.fields(ofEvent: request.id, request.actor)))
        },
        Route(.get, "calls", .readCalls, query: narrowed.union(["after", "limit"])) { request, operations in
            let page = try await operations.events.calls(
                try callQuery(request), after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map(CallView.init), next: page.next))
        },
        Route(.get, "calls/export", .readCalls, query: narrowed.union(["format"])) { request, operations in
            let (query, format) = (try callQuery(request), try format(request))
            return try await Export.answer("calls", format, heading: CallView.exportHeading) { call in
                try CallView.exported(call, format)
            } page: { after in
                try await operations.events.calls(query, after: after, limit: Limits.pageItems.upperBound, request.actor)
            }
        },
        Route(.get, "calls/counts", .readCalls, query: ["by", "days"]) { request, operations in
            guard let grouping: CallCountTable.Grouping = try request.input.word("by") else {
                throw OperationError.invalid(field: "by", "must be one of: webhook, token, cause.")
            }
            let counts = try await operations.events.counts(
                by: grouping, days: request.input.number("days"), request.actor)
            return try .json(PageView(items: counts.map(CallCountView.init), next: nil))
        },
        Route(.get, "calls/per-minute", .readCalls, query: ["minutes"]) { request, operations in
            let minutes = try await operations.events.perMinute(minutes: request.input.number("minutes"), request.actor)
            return try .json(PageView(items: minutes.map(CallMinuteView.init), next: nil))
        },
    ]

    private static func answer(_ page: Page<Event>) throws -> RestAnswer {
        try .json(PageView(items: page.items.map(EventView.init), next: page.next))
    }

    private static let searched: Set = ["webhook", "token", "from", "to", "header", "path", "value", "text", "filter"]
    private static let narrowed: Set = ["outcome", "webhook", "token", "cause", "from", "to"]

    private static func query(_ request: RestRequest) throws(OperationError) -> EventQuery {
        let query = request.query
        return EventQuery(
            webhook: query["webhook"], token: query["token"], from: try request.input.moment("from"),
            to: try request.input.moment("to"), header: query["header"], path: query["path"], value: query["value"],
            text: query["text"], filter: query["filter"])
    }

    private static func callQuery(_ request: RestRequest) throws(OperationError) -> EventOperations.CallQuery {
        EventOperations.CallQuery(
            outcome: try request.input.word("outcome"), webhook: request.query["webhook"], token: request.query["token"],
            cause: request.query["cause"], from: try request.input.moment("from"), to: try request.input.moment("to"))
    }

    private static func format(_ request: RestRequest) throws(OperationError) -> ExportFormat {
        try request.input.word("format") ?? .jsonl
    }
}

extension CallMinuteView {
    init(_ minute: EventOperations.Minute) {
        self.init(start: minute.start.text, accepted: minute.accepted, refused: minute.refused)
    }
}

extension FieldView {
    init(_ field: FieldTree.Field) {
        self.init(path: field.path.text, mergeField: field.path.mergeText, kinds: field.kindWords)
    }
}

extension EventFieldsView {
    init(_ found: FieldOperations.OfEvent) {
        self.init(
            items: found.fields.map { field, isNew in
                EventFieldView(
                    path: field.path.text, mergeField: field.path.mergeText, kinds: field.kindWords, isNew: isNew)
            }, missing: found.missing.map(\.text))
    }
}

extension WebhookFieldsView {
    init(_ found: FieldOperations.OfWebhook) {
        self.init(
            items: found.fields.map(FieldView.init), learnedEvents: found.events, lastEvent: found.lastEvent?.text)
    }
}

extension FieldPath {
    // As it stands in a template.
    fileprivate var mergeText: String? {
        mergeField.map { "{{\($0.text)}}" }
    }
}

extension FieldTree.Field {
    fileprivate var kindWords: [String] {
        JSONKind.allCases.filter(kinds.contains).map(\.rawValue)
    }
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
