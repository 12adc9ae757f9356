import Domain
import Foundation
import HTTPTypes
import Manage
import WebSupport

/// Deliveries and their attempts.
enum DeliveryPages {
    static let list: [PageRoute] = [
        PageRoute(.get, "/deliveries", .readFlows, search),
        PageRoute(.get, "/deliveries/:id", .readFlows) { request in try await show(request, fault: nil) },
        PageRoute(.post, "/deliveries/:id/retry", .changeFlows) { request in
            try await request.attempt {
                let new = try await request.operations.deliveries.retry(request.id, request.actor)
                return .go(to: "/deliveries/\(new.id.text)", done: "delivery_retried")
            } orShow: { fault in
                try await show(request, fault: fault)
            }
        },
        PageRoute(.get, "/deliveries/:id/cancel", .changeFlows) { request in try await askCancel(request, fault: nil) },
        PageRoute(.post, "/deliveries/:id/cancel", .changeFlows) { request in
            try await request.attempt {
                let delivery = try await request.operations.deliveries.cancel(request.id, request.actor)
                return .go(to: "/deliveries/\(delivery.id.text)", done: "delivery_cancelled")
            } orShow: { fault in
                try await show(request, fault: fault)
            }
        },
    ]

    // MARK: The list

    private static func search(_ request: PageRequest) async throws -> PageAnswer {
        let choices = try await request.operations.names.choices(request.actor)
        return try await request.attempt {
            let query = DeliveryOperations.Query(
                event: request.query["event"], flow: request.query["flow"], destination: request.query["destination"],
                state: request.query["state"].flatMap(DeliveryState.init(rawValue:)))
            let found = try await request.operations.deliveries.list(
                query, after: request.query["after"], limit: 50, request.actor)
            return try await page(request, choices, found, fault: nil)
        } orShow: { fault in
            try await page(request, choices, nil, fault: fault)
        }
    }

    private static func page(
        _ request: PageRequest, _ choices: NameOperations.Choices, _ found: Page<Delivery>?, fault: Fault?
    ) async throws -> PageAnswer {
        let words = request.words
        let filters = [
            Filter("event", .text(isWide: false), key: "delivery.event", placeholder: "evt_…"),
            Filter("flow", .choice(choices.flows.options), key: "delivery.flow"),
            Filter("destination", .choice(choices.destinations.options), key: "delivery.destination"),
            Filter(
                "state",
                .choice(DeliveryState.allCases.map { .init($0.rawValue, words["delivery.state_\($0.rawValue)"]) }),
                key: "delivery.state"),
        ]
        let items = found?.items ?? []
        let isNarrowed = filters.contains { request.query[$0.name] != nil }
        return try request.page(
            "delivery-list", title: words["nav.deliveries"], in: .deliveries,
            [
                "fault": request.input.errors(fault), "filters": request.input.filters(filters, fault: fault),
                "rows": try await rows(items, request), "hasRows": !items.isEmpty,
                "empty": items.isEmpty
                    ? [
                        "title": words[isNarrowed ? "delivery.none_match" : "delivery.empty"],
                        "text": words[isNarrowed ? "delivery.none_match_text" : "delivery.empty_text"],
                        "href": isNarrowed ? false : "/flows" as Any, "action": words["nav.flows"],
                    ] as Model as Any : false,
                "pager": request.input.pager(found?.next),
            ])
    }

    /// Rows of a list of deliveries, for the partial `delivery-row`.
    static func rows(_ deliveries: [Delivery], _ request: PageRequest) async throws -> [Model] {
        let names = try await names(deliveries, request)
        return deliveries.map { delivery in
            [
                "href": "/deliveries/\(delivery.id.text)", "at": request.input.exactly(delivery.createdAt),
                "state": badge(delivery.state, request), "replay": delivery.isReplay,
                "event": request.input.link("/events/\(delivery.event.text)", nil, delivery.event.text),
                "flow": request.input.link("/flows/\(delivery.flow.text)", names.flows[delivery.flow], delivery.flow.text),
                "destination": request.input.link(
                    "/destinations/\(delivery.destination.text)", names.destinations[delivery.destination],
                    delivery.destination.text),
                "attempts": request.words.number(Int64(delivery.attempts)), "note": note(delivery, nil, request),
            ]
        }
    }

    private static func names(_ deliveries: [Delivery], _ request: PageRequest) async throws -> NameOperations.Names {
        var mentions = NameOperations.Mentions()
        mentions.webhooks = Set(deliveries.map(\.webhook))
        mentions.flows = Set(deliveries.map(\.flow))
        mentions.destinations = Set(deliveries.map(\.destination))
        return try await request.operations.names.names(mentions, request.actor)
    }

    /// Where a delivery stands, as a mark.
    static func badge(_ state: DeliveryState, _ request: PageRequest) -> Model {
        let tone: OpenPageRequest.Tone =
            switch state {
            case .delivered: .good
            case .dead: .bad
            case .waiting, .due, .running: .warn
            case .filtered, .cancelled: .quiet
            }
        return request.input.badge("delivery.state_\(state.rawValue)", tone)
    }

    /// What comes next, or how it ended, in a few words.
    static func note(_ delivery: Delivery, _ last: Attempt?, _ request: PageRequest) -> String {
        let words = request.words
        var parts: [String] = []
        if delivery.attempts > 0 { parts.append(words("delivery.attempts_count", ["n": delivery.attempts])) }
        if let last { parts.append(outcome(last, request)) }
        switch delivery.state {
        case .due:
            parts.append(
                delivery.dueAt <= request.now
                    ? words["delivery.due_now"]
                    : words("delivery.due_in", ["when": words.distance(delivery.dueAt, now: request.now)]))
        case .waiting: parts.append(words["delivery.waits"])
        case .dead, .cancelled:
            if let reason = delivery.reason { parts.append(words["delivery.reason_\(reason.rawValue)"]) }
        case .running, .delivered, .filtered: break
        }
        return parts.joined(separator: " · ")
    }

    private static func outcome(_ attempt: Attempt, _ request: PageRequest) -> String {
        let words = request.words
        let status = attempt.status.map { words("delivery.status", ["status": "\($0)"]) }
        let time = attempt.milliseconds.map { words("delivery.milliseconds", ["n": $0]) }
        return [status ?? words["delivery.outcome_\(attempt.outcome.rawValue)"], time].compactMap(\.self)
            .joined(separator: ", ")
    }

    // MARK: One delivery

    private static func show(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let (delivery, attempts) = try await request.operations.deliveries.show(request.id, request.actor)
        let names = try await names([delivery], request)
        let path = "/deliveries/\(delivery.id.text)"
        let mayChange = request.may(.changeFlows)
        return try request.page(
            "delivery", title: delivery.id.text, in: .deliveries, crumbs: [request.crumb(.deliveries)],
            [
                "path": path, "state": badge(delivery.state, request), "lead": lead(delivery, request),
                "fault": request.input.errors(fault), "facts": facts(delivery, names, request),
                "mayRetry": mayChange && delivery.state.isSettled,
                "mayCancel": mayChange && (delivery.state == .waiting || delivery.state == .due),
                "attempts": attempts.reversed().map { attemptModel($0, request) }, "hasAttempts": !attempts.isEmpty,
            ])
    }

    private static func lead(_ delivery: Delivery, _ request: PageRequest) -> String {
        let words = request.words
        switch delivery.reason {
        case let reason? where delivery.state == .dead || delivery.state == .cancelled:
            return words["delivery.reason_\(reason.rawValue)_text"]
        default: return words["delivery.state_\(delivery.state.rawValue)_text"]
        }
    }

    private static func facts(_ delivery: Delivery, _ names: NameOperations.Names, _ request: PageRequest) -> [Model] {
        let input = request.input
        var facts = [
            input.fact("delivery.event", .link("/events/\(delivery.event.text)", delivery.event.text)),
            input.fact(
                "event.webhook",
                .link("/webhooks/\(delivery.webhook.text)", names.webhooks[delivery.webhook]?.text ?? delivery.webhook.text)),
            input.fact(
                "delivery.flow", .link("/flows/\(delivery.flow.text)", names.flows[delivery.flow]?.text ?? delivery.flow.text)),
            input.fact(
                "delivery.destination",
                .link(
                    "/destinations/\(delivery.destination.text)",
                    names.destinations[delivery.destination]?.text ?? delivery.destination.text)),
            input.fact("delivery.created", .moment(delivery.createdAt)),
        ]
        if let settled = delivery.settledAt { facts.append(input.fact("delivery.settled", .moment(settled))) }
        if delivery.state == .due || delivery.state == .waiting {
            facts.append(input.fact("delivery.next", .moment(delivery.dueAt)))
        }
        if let key = delivery.orderKey { facts.append(input.fact("delivery.order_key", .code(BodyText.seen(key).text))) }
        if let replay = delivery.replay {
            facts.append(input.fact("delivery.replay", .link("/replays/\(replay.text)", replay.text)))
        } else if delivery.isReplay {
            facts.append(input.fact("delivery.replay", .text(request.words["delivery.is_replay"])))
        }
        return facts
    }

    private static func attemptModel(_ attempt: Attempt, _ request: PageRequest) -> Model {
        let words = request.words
        let answer = BodyText.text(attempt.answer) ?? BodyText.hex(attempt.answer)
        let tone: OpenPageRequest.Tone =
            switch attempt.outcome.isGood {
            case true?: .good
            case false?: .bad
            case nil: .warn
            }
        return [
            "number": words.number(Int64(attempt.number)), "at": request.input.exactly(attempt.startedAt),
            "outcome": request.input.badge("delivery.outcome_\(attempt.outcome.rawValue)", tone),
            "status": attempt.status.map { "\($0)" as Any } ?? false,
            "time": attempt.milliseconds.map { words("delivery.milliseconds", ["n": $0]) as Any } ?? false,
            "error": attempt.errorText.map { BodyText.seen($0).text as Any } ?? false,
            "answer": attempt.answer.isEmpty ? false : answer.text as Any,
            "answerLabel": words("delivery.answer_of", ["n": attempt.number]),
        ]
    }

    private static func askCancel(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let delivery = try await request.operations.deliveries.show(request.id, request.actor).delivery
        let path = "/deliveries/\(delivery.id.text)"
        let words = request.words
        return try request.confirm(
            Confirmation(
                title: words["delivery.cancel_title"], text: words["delivery.cancel_text"], action: "\(path)/cancel",
                button: words["delivery.cancel"], back: path, isDanger: true),
            in: .deliveries, crumbs: [request.crumb(.deliveries), .init(path, delivery.id.text)], fault: fault)
    }
}

extension AttemptWord {
    // `nil` if it tells neither.
    fileprivate var isGood: Bool? {
        switch self {
        case .delivered: true
        case .refused, .timedOut, .connectionFailed, .tlsFailed, .egressRefused, .notBuilt: false
        case .running, .interrupted: nil
        }
    }
}
