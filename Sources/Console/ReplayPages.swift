import Domain
import Foundation
import HTTPTypes
import Manage
import WebSupport

/// Sending events again (N10).
enum ReplayPages {
    static let list: [PageRoute] = [
        PageRoute(.get, "/replays", .readFlows, all),
        PageRoute(.get, "/replays/new", .changeFlows) { request in try await form(request, fault: nil) },
        PageRoute(.post, "/replays/count", .changeFlows) { request in
            try await request.attempt {
                try await count(request)
            } orShow: { fault in
                try await form(request, fault: fault)
            }
        },
        PageRoute(.post, "/replays", .changeFlows) { request in
            try await request.attempt {
                // "Change" leads back to the form as it was filled in.
                if request.form["change"] != nil { return try await form(request, fault: nil) }
                let replay = try await request.operations.replays.start(try draft(request.form), request.actor)
                return .go(to: "/replays/\(replay.id.text)", done: "replay_started")
            } orShow: { fault in
                try await form(request, fault: fault)
            }
        },
        PageRoute(.get, "/replays/:id", .readFlows, show),
        PageRoute(.get, "/replays/:id/cancel", .changeFlows, askCancel),
        PageRoute(.post, "/replays/:id/cancel", .changeFlows) { request in
            let replay = try await request.operations.replays.cancel(request.id, request.actor)
            return .go(to: "/replays/\(replay.id.text)", done: "replay_cancelled")
        },
    ]

    private static let names = ["webhook", "from", "to", "flow", "destination", "state", "filter", "rate_per_second"]

    // MARK: The list

    private static func all(_ request: PageRequest) async throws -> PageAnswer {
        let found = try await request.operations.replays.list(after: request.query["after"], limit: 50, request.actor)
        let mentions = mentions(found.items)
        let names = try await request.operations.names.names(mentions, request.actor)
        let words = request.words
        return try request.page(
            "replay-list", title: words["replay.title"], in: .events,
            [
                "onEvents": false, "onReplays": true, "mayStart": request.may(.changeFlows),
                "rows": found.items.map { replay -> Model in
                    [
                        "href": "/replays/\(replay.id.text)", "at": request.input.exactly(replay.createdAt),
                        "webhook": names.webhooks[replay.selection.webhook]?.text ?? replay.selection.webhook.text,
                        "by": names.accounts[replay.createdBy]?.text ?? replay.createdBy.text,
                        "state": badge(replay.state, request), "sent": words.number(replay.eventsSent),
                        "lookedAt": words(
                            "replay.of", ["done": replay.eventsLookedAt, "total": replay.eventsTotal]),
                    ]
                },
                "hasRows": !found.items.isEmpty,
                "empty": found.items.isEmpty
                    ? [
                        "title": words["replay.empty"], "text": words["replay.empty_text"],
                        "href": request.may(.changeFlows) ? "/replays/new" as Any : false, "action": words["replay.new"],
                    ] as Model as Any : false,
                "pager": request.input.pager(found.next),
            ])
    }

    private static func mentions(_ replays: [Replay]) -> NameOperations.Mentions {
        var mentions = NameOperations.Mentions()
        mentions.webhooks = Set(replays.map(\.selection.webhook))
        mentions.flows = Set(replays.compactMap(\.selection.flow))
        mentions.destinations = Set(replays.compactMap(\.selection.destination))
        mentions.accounts = Set(replays.map(\.createdBy))
        return mentions
    }

    static func badge(_ state: ReplayState, _ request: PageRequest) -> Model {
        request.input.badge(
            "replay.state_\(state.rawValue)", state == .done ? .good : state == .running ? .warn : .quiet)
    }

    // MARK: A new one

    private static func form(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let choices = try await request.operations.names.choices(request.actor)
        let words = request.words
        let all = Field.Option("", words["filter.all"])
        let states = DeliveryState.allCases.map { Field.Option($0.rawValue, words["delivery.state_\($0.rawValue)"]) }
        let fields = [
            Field("webhook", .choice(choices.webhooks.options), key: "replay.webhook", isRequired: true),
            Field("from", .moment, key: "replay.from"),
            Field("to", .moment, key: "replay.to"),
            Field("flow", .choice([all] + choices.flows.options), key: "replay.flow"),
            Field("destination", .choice([all] + choices.destinations.options), key: "replay.destination"),
            Field("state", .choice([.init("", words["replay.any_state"])] + states), key: "replay.state"),
            Field("filter", .area(rows: 4), key: "replay.filter", isCode: true),
            Field("rate_per_second", .number(Limits.replayRate), key: "replay.rate", isRequired: true),
        ]
        var values = ["rate_per_second": "\(Replay.ratePerSecondDefault)"]
        for name in names { values[name] = request.form[name] ?? request.query[name] ?? values[name] }
        return try request.page(
            "replay-new", title: words["replay.new_title"], in: .events, crumbs: crumbs(request),
            [
                "fields": request.input.fields(fields, values, fault: fault), "fault": request.input.errors(fault),
                "hasWebhooks": !choices.webhooks.isEmpty,
                "empty": choices.webhooks.isEmpty
                    ? [
                        "title": words["replay.no_webhooks"], "text": words["replay.no_webhooks_text"], "href": "/webhooks",
                        "action": words["nav.webhooks"],
                    ] as Model as Any : false,
            ])
    }

    private static func crumbs(_ request: PageRequest) -> [PageRequest.Crumb] {
        [request.crumb(.events), .init("/replays", request.words["replay.title"])]
    }

    private static func draft(_ form: Form) throws(OperationError) -> ReplayOperations.Draft {
        guard let webhook = form["webhook"] else { throw .invalid(field: "webhook", "is missing.") }
        var rate: Int?
        if let text = form["rate_per_second"] {
            guard let number = Int(text) else { throw .invalid(field: "rate_per_second", "must be 1 to 1000.") }
            rate = number
        }
        return ReplayOperations.Draft(
            webhook: webhook, from: try OpenPageRequest.moment(form["from"], "from"),
            to: try OpenPageRequest.moment(form["to"], "to"), state: form["state"].flatMap(DeliveryState.init(rawValue:)),
            destination: form["destination"], filter: form["filter"], flow: form["flow"], ratePerSecond: rate)
    }

    // What it would do, before it is done.
    private static func count(_ request: PageRequest) async throws -> PageAnswer {
        let draft = try draft(request.form)
        if let rate = draft.ratePerSecond, !Limits.replayRate.contains(rate) {
            throw OperationError.invalid(field: "rate_per_second", "must be 1 to 1000.")
        }
        let count = try await request.operations.replays.count(draft, request.actor)
        let words = request.words
        let ways = try await ways(draft, request)
        let rate = Int64(draft.ratePerSecond ?? Replay.ratePerSecondDefault)
        return try request.page(
            "replay-count", title: words["replay.check_title"], in: .events, crumbs: crumbs(request),
            [
                "count": words(count.isComplete ? "replay.count" : "replay.count_least", ["n": count.events]),
                "countNote": count.isComplete
                    ? false : words("replay.count_note", ["n": Int64(Limits.replayCountMax)]) as Any,
                "time": words(
                    "replay.takes", ["time": words.length(.seconds(max(1, count.events / rate))), "rate": rate]),
                "isNothing": count.isComplete && count.events == 0, "ways": ways, "hasWays": !ways.isEmpty,
                "hidden": names.compactMap { name in
                    request.form[name].map { ["name": name, "value": $0] as Model }
                },
            ])
    }

    // Flow by flow, where the events would go.
    private static func ways(_ draft: ReplayOperations.Draft, _ request: PageRequest) async throws -> [Model] {
        let flows = try await request.operations.flows.list(
            webhook: draft.webhook, after: nil, limit: Limits.flowsMax, request.actor
        ).items.filter { $0.state != .archived && (draft.flow ?? $0.id.text) == $0.id.text }
        var mentions = NameOperations.Mentions()
        mentions.destinations = Set(flows.flatMap(\.destinations))
        let names = try await request.operations.names.names(mentions, request.actor)
        return flows.flatMap { flow in
            flow.destinations.filter { (draft.destination ?? $0.text) == $0.text }.map { destination in
                [
                    "text": request.words(
                        flow.state == .paused ? "event.way_paused" : "event.way",
                        ["flow": flow.name.text, "destination": names.destinations[destination]?.text ?? destination.text])
                ]
            }
        }
    }

    // MARK: One replay

    private static func show(_ request: PageRequest) async throws -> PageAnswer {
        let replay = try await request.operations.replays.show(request.id, request.actor)
        let names = try await request.operations.names.names(mentions([replay]), request.actor)
        let isRunning = replay.state == .running
        return try request.page(
            "replay", title: replay.id.text, in: .events, crumbs: crumbs(request),
            [
                "live": isRunning, "feed": isRunning ? "/live/replays/\(replay.id.text)" as Any : false,
                "progress": progress(replay, request), "facts": facts(replay, names, request),
                "path": "/replays/\(replay.id.text)", "mayCancel": isRunning && request.may(.changeFlows),
                "deliveries": deliveriesPath(replay),
            ])
    }

    private static func deliveriesPath(_ replay: Replay) -> String {
        let pairs = [("flow", replay.selection.flow?.text), ("destination", replay.selection.destination?.text)]
        let given = pairs.compactMap { name, id in id.map { "\(name)=\($0)" } }
        return given.isEmpty ? "/deliveries" : "/deliveries?" + given.joined(separator: "&")
    }

    /// How far it is, for the partial `replay-progress`.
    static func progress(_ replay: Replay, _ request: PageRequest) -> Model {
        let words = request.words
        let total = max(replay.eventsTotal, replay.eventsLookedAt)
        let isOver = replay.state != .running
        return [
            "state": badge(replay.state, request), "max": "\(max(1, total))",
            "value": "\(isOver && replay.state == .done ? max(1, total) : replay.eventsLookedAt)",
            "lookedAt": words("replay.of", ["done": replay.eventsLookedAt, "total": total]),
            "sent": words("replay.sent_count", ["n": replay.eventsSent]),
            "note": words["replay.state_\(replay.state.rawValue)_text"],
        ]
    }

    private static func facts(_ replay: Replay, _ names: NameOperations.Names, _ request: PageRequest) -> [Model] {
        let (input, words, selection) = (request.input, request.words, replay.selection)
        var facts = [
            input.fact(
                "replay.webhook",
                .link("/webhooks/\(selection.webhook.text)", names.webhooks[selection.webhook]?.text ?? selection.webhook.text)),
            input.fact("replay.from", selection.from.map { .moment($0) } ?? .text(words["replay.first"])),
            input.fact("replay.to", selection.to.map { .moment($0) } ?? .text(words["replay.last"])),
            input.fact(
                "replay.flow",
                selection.flow.map { .link("/flows/\($0.text)", names.flows[$0]?.text ?? $0.text) } ?? .text(words["filter.all"])),
            input.fact(
                "replay.destination",
                selection.destination.map { .link("/destinations/\($0.text)", names.destinations[$0]?.text ?? $0.text) }
                    ?? .text(words["filter.all"])),
            input.fact(
                "replay.state",
                .text(words[selection.state.map { "delivery.state_\($0.rawValue)" } ?? "replay.any_state"])),
        ]
        if let filter = selection.filterText { facts.append(input.fact("replay.filter", .code(filter))) }
        facts += [
            input.fact("replay.rate", .text(words("replay.rate_of", ["n": replay.ratePerSecond]))),
            input.fact(
                "replay.by",
                .link("/accounts/\(replay.createdBy.text)", names.accounts[replay.createdBy]?.text ?? replay.createdBy.text)),
            input.fact("replay.started", .moment(replay.createdAt)),
        ]
        if let ended = replay.endedAt { facts.append(input.fact("replay.ended", .moment(ended))) }
        return facts
    }

    private static func askCancel(_ request: PageRequest) async throws -> PageAnswer {
        let replay = try await request.operations.replays.show(request.id, request.actor)
        let path = "/replays/\(replay.id.text)"
        let words = request.words
        return try request.confirm(
            Confirmation(
                title: words["replay.cancel_title"], text: words["replay.cancel_text"], action: "\(path)/cancel",
                button: words["replay.cancel"], back: path, isDanger: true),
            in: .events, crumbs: crumbs(request) + [.init(path, replay.id.text)])
    }
}
