import Domain
import Foundation
import Manage
import WebSupport

/// One event: what came, byte by byte, and where it went.
enum EventPage {
    private static let views = ["text", "pretty", "hex", "fields"]
    // Deliveries whose attempts are shown beside them.
    private static let deliveriesMax = 20

    static func show(_ request: PageRequest) async throws -> PageAnswer {
        let event = try await request.operations.events.show(request.id, request.actor)
        let body = try await request.operations.events.body(of: request.id, request.actor)
        let deliveries = try await request.operations.deliveries.list(
            .init(event: event.id.text), after: nil, limit: deliveriesMax, request.actor)
        var mentions = NameOperations.Mentions()
        mentions.webhooks = [event.webhook]
        mentions.tokens = [event.token]
        mentions.flows = Set(deliveries.items.map(\.flow))
        mentions.destinations = Set(deliveries.items.map(\.destination))
        let names = try await request.operations.names.names(mentions, request.actor)
        let webhook = names.webhooks[event.webhook]?.text ?? event.webhook.text
        let headers = CallHeaders(keptText: event.headersText).fields
        return try request.page(
            "event", title: event.id.text, in: .events, crumbs: [request.crumb(.events)],
            [
                "lead": request.words("event.came_in", ["webhook": webhook]),
                "path": "/events/\(event.id.text)", "mayReplay": request.may(.changeFlows),
                "facts": facts(event, headers, deliveries.items, names, request),
                "body": try await bodyModel(event, body.bytes, request),
                "headers": headers.map {
                    ["name": BodyText.seen($0.name).text, "value": BodyText.seen($0.value).text] as Model
                },
                "hasHeaders": !headers.isEmpty,
                "deliveries": try await deliveryModels(deliveries.items, names, request),
                "hasDeliveries": !deliveries.items.isEmpty,
                "moreDeliveries": deliveries.next == nil ? false : "/deliveries?event=\(event.id.text)" as Any,
            ])
    }

    private static func facts(
        _ event: Event, _ headers: [(name: String, value: String)], _ deliveries: [Delivery],
        _ names: NameOperations.Names, _ request: PageRequest
    ) -> [Model] {
        let input = request.input
        var facts = [input.fact("event.received", .moment(event.receivedAt))]
        if let released = event.releasedAt { facts.append(input.fact("event.released", .moment(released))) }
        facts += [
            input.fact(
                "event.webhook",
                .link("/webhooks/\(event.webhook.text)", names.webhooks[event.webhook]?.text ?? event.webhook.text)),
            input.fact("event.token", .link("/tokens/\(event.token.text)", names.tokens[event.token]?.text ?? event.token.text)),
            input.fact("event.address", .code(event.remoteAddress)),
        ]
        if let user = event.basicUser { facts.append(input.fact("event.basic_user", .code(BodyText.seen(user).text))) }
        facts.append(input.fact("event.size", .text(request.words("event.bytes", ["n": event.bodyBytes]))))
        if let type = event.contentType { facts.append(input.fact("event.content_type", .code(BodyText.seen(type).text))) }
        if let query = event.query { facts.append(input.fact("event.query", .code(BodyText.seen(query).text))) }
        if let context = event.context { facts.append(input.fact("event.context", .code(BodyText.seen(context).text))) }
        if let key = dedupeKey(headers) { facts.append(input.fact("event.dedupe_key", .code(BodyText.seen(key).text))) }
        facts.append(input.fact("event.sha256", .code(event.bodySHA256.map { hexByte($0) }.joined())))
        let again = deliveries.filter(\.isReplay).count
        if again > 0 { facts.append(input.fact("event.sent_again", .text(request.words("event.sent_again_text", ["n": again])))) }
        return facts
    }

    private static func hexByte(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return text.utf8.count == 1 ? "0\(text)" : text
    }

    // The header by which a caller says that two calls are the same one.
    private static func dedupeKey(_ headers: [(name: String, value: String)]) -> String? {
        ["idempotency-key", "webhook-id"].lazy.compactMap { name in
            headers.first { $0.name.equalsIgnoringCase(name) }?.value
        }.first
    }

    // MARK: The body

    private static func bodyModel(_ event: Event, _ bytes: Data, _ request: PageRequest) async throws -> Model {
        let text = BodyText.text(bytes)
        let isJSON = text != nil && (try? JSONNode(bytes)) != nil
        let offered = views.filter { view in
            switch view {
            case "pretty", "fields": isJSON
            default: true
            }
        }
        let asked = request.query["view"].flatMap { offered.contains($0) ? $0 : nil } ?? "text"
        // What is no text is shown by its bytes.
        let view = asked == "text" && text == nil ? "hex" : asked
        let shown: BodyText.Shown? =
            switch view {
            case "text": text
            case "pretty": BodyText.pretty(bytes)
            case "hex": BodyText.hex(bytes)
            default: nil
            }
        let words = request.words
        return [
            "isEmpty": bytes.isEmpty, "isHex": view == "hex", "isFields": view == "fields",
            "isText": view == "text" || view == "pretty", "text": shown?.text ?? "",
            "tabs": offered.map {
                ["href": "/events/\(event.id.text)?view=\($0)", "label": words["event.view_\($0)"], "isCurrent": $0 == view]
                    as Model
            },
            "notText": text == nil && !bytes.isEmpty,
            "cut": shown?.isCut == true
                ? words("event.cut", ["shown": words.bytes(Int64(BodyText.shownBytesMax)), "size": words.bytes(event.bodyBytes)])
                    as Any : false,
            "hasSigns": shown?.hasSigns ?? false, "isPretty": view == "pretty", "label": words["event.body_\(view)"],
            "fields": view == "fields" ? try await fields(event, request) as Any : false,
        ]
    }

    private static func fields(_ event: Event, _ request: PageRequest) async throws -> Model {
        let found = try await request.operations.fields.fields(ofEvent: event.id.text, request.actor)
        let missing: [Model] = found.missing.map { path in
            [
                "path": path.text, "kinds": "", "merge": false,
                "mark": request.input.badge("event.field_missing", .warn),
            ]
        }
        let own: [Model] = found.fields.map { field, isNew in
            [
                "path": field.path.text,
                "kinds": JSONKind.allCases.filter(field.kinds.contains).map { request.words["event.kind_\($0.rawValue)"] }
                    .joined(separator: ", "),
                "merge": field.path.mergeField.map { "{{\($0.text)}}" as Any } ?? false,
                "mark": isNew ? request.input.badge("event.field_new", .good) as Any : false,
            ]
        }
        return ["rows": own + missing, "isEmpty": own.isEmpty && missing.isEmpty]
    }

    /// The exact bytes, to be kept as a file and never shown by the browser: a stranger sent them.
    static func body(_ request: PageRequest) async throws -> PageAnswer {
        let event = try await request.operations.events.show(request.id, request.actor)
        let body = try await request.operations.events.body(of: request.id, request.actor)
        let isJSON = event.contentType?.lowercased().contains("json") ?? false
        return .file(body.bytes, type: "application/octet-stream", name: "\(event.id.text).\(isJSON ? "json" : "bin")")
    }

    // MARK: Where it went

    private static func deliveryModels(
        _ deliveries: [Delivery], _ names: NameOperations.Names, _ request: PageRequest
    ) async throws -> [Model] {
        var models: [Model] = []
        for delivery in deliveries {
            let attempts = try await request.operations.deliveries.show(delivery.id.text, request.actor).attempts
            models.append([
                "href": "/deliveries/\(delivery.id.text)",
                "destination": names.destinations[delivery.destination]?.text ?? delivery.destination.text,
                "flow": names.flows[delivery.flow]?.text ?? delivery.flow.text,
                "state": DeliveryPages.badge(delivery.state, request),
                "replay": delivery.isReplay ? request.words["delivery.is_replay"] as Any : false,
                "note": DeliveryPages.note(delivery, attempts.last, request),
            ])
        }
        return models
    }

    static func askReplay(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let event = try await request.operations.events.show(request.id, request.actor)
        let flows = try await request.operations.flows.list(
            webhook: event.webhook.text, after: nil, limit: Limits.flowsMax, request.actor
        ).items.filter { $0.state != .archived }
        var mentions = NameOperations.Mentions()
        mentions.destinations = Set(flows.flatMap(\.destinations))
        let names = try await request.operations.names.names(mentions, request.actor)
        let words = request.words
        let ways = flows.flatMap { flow in
            flow.destinations.map { destination in
                words(
                    flow.state == .paused ? "event.way_paused" : "event.way",
                    ["flow": flow.name.text, "destination": names.destinations[destination]?.text ?? destination.text])
            }
        }
        let path = "/events/\(event.id.text)"
        return try request.confirm(
            Confirmation(
                title: words["event.replay_title"],
                text: words[ways.isEmpty ? "event.replay_nowhere" : "event.replay_text"], action: "\(path)/replay",
                button: words["event.replay"], back: path,
                notes: ways.isEmpty ? [] : [words["event.replay_note"]], items: ways,
                instead: ways.isEmpty ? .init("/flows/new?webhook=\(event.webhook.text)", words["flow.new"]) : nil),
            in: .events, crumbs: [request.crumb(.events), .init(path, event.id.text)], fault: fault)
    }
}
