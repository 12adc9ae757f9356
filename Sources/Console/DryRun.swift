import Destinations
import Domain
import Foundation
import Manage
import Storage
import WebSupport

/// What a flow would do to an event that is kept, without sending anything.
struct DryRun: Sendable {
    /// `nil` for a flow that there is not yet.
    let flow: String?
    let webhook: ID<Webhook>?

    private static let eventsOffered = 20
    private static let bytesShown = 16_384

    /// The field for choosing one of the webhook's latest events; none if there are none, or may not be seen.
    func events(chosen: String?, _ request: PageRequest) async throws -> [Model] {
        guard let webhook, request.may(.readEvents) else { return [] }
        let found = try await request.operations.events.list(
            EventQuery(webhook: webhook.text), after: nil, limit: Self.eventsOffered, request.actor
        ).items
        guard !found.isEmpty else { return [] }
        var options = found.map { Field.Option($0.id.text, Self.label($0, request)) }
        if let chosen, !options.contains(where: { $0.value == chosen }),
            let event = try? await request.operations.events.show(chosen, request.actor)
        {
            options.insert(Field.Option(event.id.text, Self.label(event, request)), at: 0)
        }
        let field = Field("event", .choice(options), key: "flow.event", isRequired: true)
        return request.input.fields([field], ["event": chosen ?? ""])
    }

    private static func label(_ event: Event, _ request: PageRequest) -> String {
        let moment = "\(request.words.date(event.receivedAt)) \(request.words.clock(event.receivedAt))"
        return [moment, request.words.bytes(event.bodyBytes), event.contentType.map { String($0.prefix(40)) }, event.id.text]
            .compactMap { $0 }.joined(separator: " · ")
    }

    /// What would be sent; false if no event was chosen.
    func result(event: String?, _ draft: FlowOperations.Draft, _ request: PageRequest) async throws -> Any {
        guard let event else { return false }
        let run = try await request.operations.flows.dryRun(flow, event: event, draft, request.actor)
        let kept = try await request.operations.events.show(event, request.actor)
        return [
            "badge": request.input.badge(
                run.isLetThrough ? "flow.passes" : "flow.filtered", run.isLetThrough ? .good : .quiet),
            "why": run.why.map { "\(request.words.finding($0))." as Any } ?? request.words["flow.no_filter"],
            "event": event, "eventHref": "/events/\(event)", "at": request.input.time(kept.receivedAt),
            "messages": run.messages.enumerated().map { message($0.element, number: $0.offset + 1, request) },
            "hasMessages": !run.messages.isEmpty, "hasNone": run.isLetThrough && run.messages.isEmpty,
        ] as Model
    }

    private func message(_ message: FlowOperations.Message, number: Int, _ request: PageRequest) -> Model {
        var model: Model = [
            "name": message.destination.name.text, "href": DestinationPages.path(message.destination),
            "kind": DestinationPages.kindName(message.destination.kind, request.words), "number": number,
            "fault": message.fault.map { request.words.expectation($0) as Any } ?? false, "line": false,
            "headers": [Model](), "hasHeaders": false, "body": false, "note": false,
        ]
        guard case .success(let outgoing) = message.request else { return model }
        switch outgoing {
        case .http(let asked):
            model["line"] = "\(asked.method) \(asked.url.absoluteString)"
            show(asked.headers, asked.body, in: &model, request)
        case .line(let line, let file):
            model["line"] = file ?? request.words["flow.standard_output"]
            show([], Data(line.utf8), in: &model, request)
        case .handed(let headers, let body):
            show(headers, body, in: &model, request)
        }
        return model
    }

    private func show(
        _ headers: [(name: String, value: String)], _ body: Data, in model: inout Model, _ request: PageRequest
    ) {
        model["headers"] = headers.map { ["name": $0.name, "value": $0.value] as Model }
        model["hasHeaders"] = !headers.isEmpty
        let size = request.words.bytes(Int64(body.count))
        guard let text = String(validating: body, as: UTF8.self) else {
            model["note"] = request.words("flow.body_no_text", ["size": size])
            return
        }
        guard !text.isEmpty else {
            model["note"] = request.words["flow.body_empty"]
            return
        }
        let isWhole = text.utf8.count <= Self.bytesShown
        model["body"] = isWhole ? text : String(text.prefix(Self.bytesShown))
        if !isWhole { model["note"] = request.words("flow.body_cut", ["size": size]) }
    }
}

extension Words {
    /// What a filter found, said in this language: `the header X-Shop is missing` for example.
    fileprivate func finding(_ english: String) -> String {
        let said = Self.findings.first { english.hasSuffix($0.english) }
        guard language != .english, let said else { return english.prefix(1).uppercased() + english.dropFirst() }
        let subject = english.dropLast(said.english.count).trimmingCharacters(in: .whitespaces)
        let verb = self["flow.finding_\(said.key)"]
        let whole =
            switch subject {
            case "": verb
            case "the content type": "\(self["flow.subject_content_type"]) \(verb)"
            case "the context": "\(self["flow.subject_context"]) \(verb)"
            default:
                if subject.hasPrefix("the header ") {
                    "\(self("flow.subject_header", ["name": String(subject.dropFirst(11))])) \(verb)"
                } else {
                    "\(self("flow.subject_path", ["name": String(subject.dropFirst(9))])) \(verb)"
                }
            }
        return whole.prefix(1).uppercased() + whole.dropFirst()
    }

    // The longer ones first where one ends like another.
    private static let findings: [(english: String, key: String)] = [
        ("every one of these holds", "all_hold"), ("none of these holds", "none_holds"),
        ("is missing, for the body is no JSON", "no_json"), ("is missing", "missing"), ("is there", "there"),
        ("does not contain what it must", "contains_not"), ("contains what it must", "contains"),
        ("does not equal what it must", "equals_not"), ("equals what it must", "equals"),
        ("is not in the list", "in_not"), ("is in the list", "in"),
        ("is not a number less than the bound", "less_not"), ("is less than the bound", "less"),
        ("is not a number of at most the bound", "at_most_not"), ("is at most the bound", "at_most"),
        ("is not a number greater than the bound", "greater_not"), ("is greater than the bound", "greater"),
        ("is not a number of at least the bound", "at_least_not"), ("is at least the bound", "at_least"),
    ]
}
