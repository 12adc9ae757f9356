import Domain
import Foundation
import HTTPTypes
import Manage
import WebSupport

/// Accepted calls and their bytes.
enum EventPages {
    static let list: [PageRoute] = [
        PageRoute(.get, "/events", .readEvents, search),
        PageRoute(.get, "/events/:id", .readEvents, EventPage.show),
        PageRoute(.get, "/events/:id/body", .readEvents, EventPage.body),
        PageRoute(.get, "/events/:id/replay", .changeFlows) { request in try await EventPage.askReplay(request, fault: nil) },
        PageRoute(.post, "/events/:id/replay", .changeFlows) { request in
            try await request.attempt {
                _ = try await request.operations.deliveries.replay(event: request.id, request.actor)
                return .go(to: "/events/\(request.id)#deliveries", done: "event_replayed")
            } orShow: { fault in
                try await EventPage.askReplay(request, fault: fault)
            }
        },
    ]

    // MARK: The list

    private static func search(_ request: PageRequest) async throws -> PageAnswer {
        if let id = request.query["text"]?.trimmingCharacters(in: .whitespaces), OrderedID<Event>(id) != nil,
            let event = try? await request.operations.events.show(id, request.actor)
        {
            return .go(to: "/events/\(event.id.text)")
        }
        let choices = try await request.operations.names.choices(request.actor)
        return try await request.attempt {
            let query = try query(request)
            let found = try await request.operations.events.list(
                query, after: request.query["after"], limit: 50, request.actor)
            return try await page(request, choices, found, query, fault: nil)
        } orShow: { fault in
            try await page(request, choices, nil, EventQuery(), fault: fault)
        }
    }

    private static func page(
        _ request: PageRequest, _ choices: NameOperations.Choices, _ found: Page<Event>?, _ query: EventQuery, fault: Fault?
    ) async throws -> PageAnswer {
        let isFirst = request.query["after"] == nil
        let narrowed = searched.filter { request.query[$0] != nil }
        // Who follows along is told of one webhook, or of all.
        let isLive = fault == nil && isFirst && narrowed.allSatisfy { $0 == "webhook" }
        let words = request.words
        let table = try await table(
            found?.items ?? [], request, webhook: query.webhook, isLive: isLive,
            emptyTitle: words[narrowed.isEmpty ? "event.empty" : "event.none_match"],
            emptyText: words[
                narrowed.isEmpty ? "event.empty_text" : found?.next == nil ? "event.none_match_text" : "event.none_yet_text"])
        return try request.page(
            "event-list", title: words["nav.events"], in: .events,
            [
                "live": isLive, "isLive": isLive, "onEvents": true, "onReplays": false,
                "fault": request.input.errors(fault), "filters": request.input.filters(filters(request, choices), fault: fault),
                "table": table, "pager": request.input.pager(found?.next),
                "isPart": found.map { $0.next != nil && $0.items.count < 50 } ?? false,
                "exports": fault == nil && !(found?.items.isEmpty ?? true) ? exportAddress(query) as Any : false,
            ])
    }

    private static let searched = ["text", "webhook", "token", "from", "to", "header", "path", "value", "filter"]

    private static func query(_ request: PageRequest) throws(OperationError) -> EventQuery {
        let query = request.query
        let (from, to) = try request.input.span()
        return EventQuery(
            webhook: query["webhook"], token: query["token"], from: from, to: to, header: query["header"], path: query["path"],
            value: query["value"], text: query["text"], filter: query["filter"])
    }

    private static func filters(_ request: PageRequest, _ choices: NameOperations.Choices) -> [Filter] {
        [
            Filter("text", .text(isWide: true), key: "event.search"),
            Filter("webhook", .choice(choices.webhooks.options), key: "event.webhook"),
            Filter("from", .moment, key: "filter.from"),
            Filter("to", .moment, key: "filter.to"),
            Filter(
                "token", choices.tokens.map { .choice($0.options) } ?? .text(isWide: false), key: "event.token", isRare: true),
            Filter("header", .text(isWide: false), key: "event.search_header", isRare: true, placeholder: "X-Shop: Utrecht"),
            Filter("path", .text(isWide: false), key: "event.search_path", isRare: true, placeholder: "$.order.id"),
            Filter("value", .text(isWide: false), key: "event.search_value", isRare: true),
            Filter(
                "filter", .text(isWide: true), key: "event.search_filter", isRare: true,
                placeholder: #"{"path": "$.total", "greater": 100}"#),
        ]
    }

    // The same events by REST, which a browser may fetch with its session.
    private static func exportAddress(_ query: EventQuery) -> String {
        let pairs: [(String, String?)] = [
            ("webhook", query.webhook), ("token", query.token), ("from", query.from?.text), ("to", query.to?.text),
            ("header", query.header), ("path", query.path), ("value", query.value), ("text", query.text),
            ("filter", query.filter),
        ]
        let given = pairs.compactMap { name, value in value.map { "&\(name)=\(Form.encoded($0))" } }
        return "/api/v1/events/export?format=jsonl" + given.joined()
    }

    // MARK: Rows, here and wherever else events are listed

    /// A list of events for the partial `event-table`; the page that shows it sets `live` if it is live, and shows the partial
    /// `live-controls`.
    ///
    /// - Parameters:
    ///   - webhook: whose events are told as they come; all if `nil`.
    ///   - isLive: whether new events are put on top as they come.
    static func table(
        _ events: [Event], _ request: PageRequest, webhook: String?, isLive: Bool, emptyTitle: String? = nil,
        emptyText: String? = nil
    ) async throws -> Model {
        let since = events.first?.id ?? OrderedID<Event>.first(at: request.now)
        let feed = "/live/events?since=\(since.text)" + (webhook.map { "&webhook=\(Form.encoded($0))" } ?? "")
        return [
            "feed": isLive ? feed as Any : false, "rows": try await rows(events, request), "isEmpty": events.isEmpty,
            "emptyTitle": emptyTitle ?? request.words["event.empty"], "emptyText": emptyText ?? request.words["event.empty_text"],
        ]
    }

    /// Rows of a list of events, for the partial `event-row`.
    static func rows(_ events: [Event], _ request: PageRequest) async throws -> [Model] {
        guard !events.isEmpty else { return [] }
        var mentions = NameOperations.Mentions()
        mentions.webhooks = Set(events.map(\.webhook))
        mentions.tokens = Set(events.map(\.token))
        let names = try await request.operations.names.names(mentions, request.actor)
        return events.map { row($0, names, request) }
    }

    private static func row(_ event: Event, _ names: NameOperations.Names, _ request: PageRequest) -> Model {
        [
            "id": event.id.text, "href": "/events/\(event.id.text)", "at": request.input.exactly(event.receivedAt),
            "webhook": request.input.link("/webhooks/\(event.webhook.text)", names.webhooks[event.webhook], event.webhook.text),
            "token": request.input.link("/tokens/\(event.token.text)", names.tokens[event.token], event.token.text),
            "context": event.context.map { shortened($0) as Any } ?? false, "address": event.remoteAddress,
            "size": request.words.bytes(event.bodyBytes),
            "held": event.releasedAt == nil ? false : request.words["event.was_held"] as Any,
        ]
    }

    /// A context as it fits into a table.
    static func shortened(_ text: String) -> String {
        let shown = BodyText.seen(text).text.replacing("\n", with: " ")
        return shown.count > 80 ? "\(shown.prefix(80))…" : shown
    }
}

extension OpenPageRequest {
    /// A moment for the partial `time`, to the second, for lists that are not read at once.
    func exactly(_ moment: Timestamp) -> Model { ["iso": moment.text, "text": words.moment(moment), "ago": false] }

    /// A link by the name of what it leads to; by its id if it has no name any more.
    func link(_ path: String, _ name: Label?, _ id: String) -> Model { ["href": path, "name": name?.text ?? id] }

    /// One line of the partial `facts`.
    func fact(_ key: String, _ value: Fact) -> Model {
        var model: Model = [
            "label": words[key], "text": false, "code": false, "link": false, "time": false, "badge": false, "note": false,
        ]
        switch value {
        case .text(let text): model["text"] = text
        case .code(let text): model["code"] = text
        case .link(let path, let name): model["link"] = ["href": path, "name": name] as Model
        case .moment(let moment, let note):
            model["time"] = exactly(moment)
            model["note"] = note ?? words.distance(moment, now: now)
        case .badge(let badge): model["badge"] = badge
        }
        return model
    }

    /// What stands behind a fact's name.
    enum Fact {
        case text(String)
        case code(String)
        case link(String, String)
        /// With how long ago it was, unless there is something else to say.
        case moment(Timestamp, note: String? = nil)
        case badge(Model)
    }
}
