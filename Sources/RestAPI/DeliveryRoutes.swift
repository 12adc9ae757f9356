import Contract
import Domain
import HTTPTypes
import Manage
import WebSupport

enum DeliveryRoutes {
    static let list: [Route] = deliveries + replays

    private static let deliveries: [Route] = [
        Route(
            .get, "deliveries", .readFlows, query: ["event", "flow", "destination", "state", "after", "limit"]
        ) { request, operations in
            let query = DeliveryOperations.Query(
                event: request.query["event"], flow: request.query["flow"], destination: request.query["destination"],
                state: try request.input.word("state"))
            let page = try await operations.deliveries.list(
                query, after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map { DeliveryView($0) }, next: page.next))
        },
        Route(.get, "deliveries/:id", .readFlows) { request, operations in
            let (delivery, attempts) = try await operations.deliveries.show(request.id, request.actor)
            return try .json(DeliveryView(delivery, attempts))
        },
        Route(.post, "deliveries/:id/retry", .changeFlows) { request, operations in
            try .json(DeliveryView(try await operations.deliveries.retry(request.id, request.actor)), status: 201)
        },
        Route(.post, "deliveries/:id/cancel", .changeFlows) { request, operations in
            try .json(DeliveryView(try await operations.deliveries.cancel(request.id, request.actor)))
        },
        Route(.post, "deliveries/:id/attempts/:number", .changeFlows) { request, operations in
            let asked = try request.decode(SettleClaim.self, fields: ["status", "error", "answer", "milliseconds"])
            return try .json(
                DeliveryView(
                    try await operations.deliveries.settle(
                        request.id, attempt: request.parameters["number"] ?? "", status: asked.status, error: asked.error,
                        answer: asked.answer, milliseconds: asked.milliseconds, request.actor)))
        },
        Route(.post, "events/:id/replay", .changeFlows) { request, operations in
            let deliveries = try await operations.deliveries.replay(event: request.id, request.actor)
            return try .json(PageView(items: deliveries.map { DeliveryView($0) }, next: nil), status: 201)
        },
    ]

    private static let replays: [Route] = [
        Route(.get, "replays", .readFlows, query: ["after", "limit"]) { request, operations in
            let page = try await operations.replays.list(after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map(ReplayView.init), next: page.next))
        },
        Route(.post, "replays", .changeFlows) { request, operations in
            let (asked, own) = try request.input.decode(
                NewReplay.self,
                fields: [
                    "webhook", "from", "to", "state", "destination", "filter", "flow", "rate_per_second", "dry_run",
                ], own: ["filter"])
            let draft = ReplayOperations.Draft(
                webhook: asked.webhook, from: try moment(asked.from, field: "from"), to: try moment(asked.to, field: "to"),
                state: try asked.state.map { text throws(OperationError) -> DeliveryState in try word(text, field: "state") },
                destination: asked.destination,
                filter: own["filter"], flow: asked.flow, ratePerSecond: asked.ratePerSecond)
            guard asked.dryRun ?? false else {
                return try .json(ReplayView(try await operations.replays.start(draft, request.actor)), status: 201)
            }
            let count = try await operations.replays.count(draft, request.actor)
            return try .json(ReplayCountView(events: count.events, isComplete: count.isComplete))
        },
        Route(.get, "replays/:id", .readFlows) { request, operations in
            try .json(ReplayView(try await operations.replays.show(request.id, request.actor)))
        },
        Route(.post, "replays/:id/cancel", .changeFlows) { request, operations in
            try .json(ReplayView(try await operations.replays.cancel(request.id, request.actor)))
        },
    ]
}

extension DeliveryView {
    init(_ delivery: Delivery, _ attempts: [Attempt]? = nil) {
        self.init(
            id: delivery.id.text, event: delivery.event.text, webhook: delivery.webhook.text, flow: delivery.flow.text,
            destination: delivery.destination.text, state: delivery.state.rawValue, reason: delivery.reason?.rawValue,
            attempts: delivery.attempts, dueAt: delivery.state.isSettled ? nil : delivery.dueAt.text,
            createdAt: delivery.createdAt.text, settledAt: delivery.settledAt?.text, isReplay: delivery.isReplay,
            replay: delivery.replay?.text, orderKey: delivery.orderKey, attemptList: attempts?.map(AttemptView.init))
    }
}

extension AttemptView {
    init(_ attempt: Attempt) {
        let (text, base64) = textOrBase64(attempt.answer)
        self.init(
            number: attempt.number, startedAt: attempt.startedAt.text, finishedAt: attempt.finishedAt?.text,
            outcome: attempt.outcome.rawValue, status: attempt.status, milliseconds: attempt.milliseconds,
            answer: attempt.answer.isEmpty ? nil : text, answerBase64: base64, error: attempt.errorText)
    }
}

extension ReplayView {
    init(_ replay: Replay) {
        let selection = replay.selection
        self.init(
            id: replay.id.text, webhook: selection.webhook.text,
            selection: ReplaySelectionView(
                from: selection.from?.text, to: selection.to?.text, state: selection.state?.rawValue,
                destination: selection.destination?.text, filter: selection.filterText.map(JSONValue.init(kept:))),
            flow: selection.flow?.text, ratePerSecond: replay.ratePerSecond, state: replay.state.rawValue,
            eventsTotal: replay.eventsTotal, eventsLookedAt: replay.eventsLookedAt, eventsSent: replay.eventsSent,
            createdAt: replay.createdAt.text, createdBy: replay.createdBy.text, endedAt: replay.endedAt?.text)
    }
}
