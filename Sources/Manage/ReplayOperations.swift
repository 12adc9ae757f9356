import Deliver
import Domain
import Storage

/// Replays of a selection of the organization's events (N10).
package struct ReplayOperations: Sendable {
    private let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// A replay as it is asked for; webhook, destination and flow by id or name.
    package struct Draft: Sendable {
        package var webhook: String
        package var from: Timestamp?
        package var to: Timestamp?
        package var state: DeliveryState?
        package var destination: String?
        /// The JSON of a filter.
        package var filter: String?
        package var flow: String?
        package var ratePerSecond: Int?

        package init(
            webhook: String, from: Timestamp? = nil, to: Timestamp? = nil, state: DeliveryState? = nil,
            destination: String? = nil, filter: String? = nil, flow: String? = nil, ratePerSecond: Int? = nil
        ) {
            self.webhook = webhook
            self.from = from
            self.to = to
            self.state = state
            self.destination = destination
            self.filter = filter
            self.flow = flow
            self.ratePerSecond = ratePerSecond
        }
    }

    /// How many events a replay would send.
    package struct Count: Sendable {
        package var events: Int64
        /// Whether all were looked at.
        package var isComplete: Bool
    }

    static let noFlow = OperationError.conflict(
        code: "no_flow", "No flow sends the events of this webhook there. Make one first.")

    /// Replays newest first.
    package func list(after: String?, limit: Int?, _ actor: Actor) async throws -> Page<Replay> {
        let limit = try Limits.page(limit)
        let before: OrderedID<Replay>? = try Cursor.orderedID(after)
        return try await desk.look(actor, .readFlows) { connection in
            let read = try ReplayTable(connection).list(in: actor.organization, before: before, limit: limit + 1)
            return Page(read, limit: limit) { $0.id.text }
        }
    }

    package func show(_ id: String, _ actor: Actor) async throws -> Replay {
        try await desk.look(actor, .readFlows) { try Self.find(id, in: actor.organization, $0) }
    }

    /// Begins a replay; it goes on by itself.
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `no_flow`, `too_many`.
    package func start(_ draft: Draft, _ actor: Actor) async throws -> Replay {
        let rate = draft.ratePerSecond ?? Replay.ratePerSecondDefault
        guard Limits.replayRate.contains(rate) else {
            throw OperationError.invalid(field: "rate_per_second", "must be 1 to 1000.")
        }
        try actor.require(.readEvents)
        // Counted beside the writer, so that callers need not wait for it.
        let (start, end, total) = try await desk.look(actor, .changeFlows) { connection in
            let selection = try Self.selection(draft, actor.organization, connection)
            let (start, end) = try Self.range(of: selection, connection)
            return (start, end, try EventTable(connection).count(of: selection.webhook, newerThan: start, upTo: end))
        }
        return try await desk.act(actor, .changeFlows) { act in
            let selection = try Self.selection(draft, act.organization, act.connection)
            let table = ReplayTable(act.connection)
            guard try table.running().filter({ $0.organization == act.organization }).count < Limits.replaysMax else {
                throw OperationError.conflict(
                    code: "too_many", "\(Limits.replaysMax) replays are under way already. Wait for one, or cancel it.")
            }
            let replay = Replay(
                id: act.desk.replayIDs.next(at: act.now), organization: act.organization, selection: selection,
                ratePerSecond: rate, eventsTotal: total, position: start, end: end, createdAt: act.now,
                createdBy: act.actor.account)
            try table.insert(replay)
            try act.record(
                .replayStart, replay.id.text, ["webhook": selection.webhook.text, "events": "\(replay.eventsTotal)"])
            return replay
        }
    }

    /// Counts what a replay would send; looks into at most ``Limits/replayCountMax`` events.
    package func count(_ draft: Draft, _ actor: Actor) async throws -> Count {
        try actor.require(.readEvents)
        try actor.require(.changeFlows)
        let (selection, start, end) = try await desk.look(actor, .changeFlows) { connection in
            let selection = try Self.selection(draft, actor.organization, connection)
            let (start, end) = try Self.range(of: selection, connection)
            return (selection, start, end)
        }
        if selection.state == nil, selection.filterText == nil {
            let events = try await desk.read {
                try EventTable($0).count(of: selection.webhook, newerThan: start, upTo: end)
            }
            return Count(events: events, isComplete: true)
        }
        var count = Count(events: 0, isComplete: false)
        var position = start
        var lookedAt = 0
        while lookedAt < Limits.replayCountMax {
            let place = position
            let batch = try await desk.read { connection in
                try ReplayBatch.read(
                    selection, in: actor.organization, behind: place, upTo: end, limit: 200, sendingMax: 200,
                    bytesMax: 32 << 20, connection)
            }
            count.events += Int64(batch.matches.count)
            lookedAt += batch.lookedAt
            guard let last = batch.last else {
                count.isComplete = true
                break
            }
            position = last
        }
        return count
    }

    /// Stops a replay: what it has not sent by now it does not send. Safe to repeat.
    package func cancel(_ id: String, _ actor: Actor) async throws -> Replay {
        try await desk.act(actor, .changeFlows) { act in
            let replay = try Self.find(id, in: act.organization, act.connection)
            let cancelled = replay.cancelled(at: act.now)
            guard cancelled != replay else { return replay }
            try ReplayTable(act.connection).update(cancelled)
            try act.record(.replayCancel, replay.id.text, ["sent": "\(replay.eventsSent)"])
            return cancelled
        }
    }

    private static func selection(
        _ draft: Draft, _ organization: ID<Organization>, _ connection: any Connection
    ) throws -> ReplaySelection {
        let webhook = try WebhookOperations.find(draft.webhook, in: organization, connection)
        if let from = draft.from, let to = draft.to, from >= to {
            throw OperationError.invalid(field: "to", "must be later than `from`.")
        }
        let selection = ReplaySelection(
            webhook: webhook.id, from: draft.from, to: draft.to, state: draft.state,
            destination: try draft.destination.map {
                try DestinationOperations.find($0, in: organization, connection, field: "destination").id
            },
            flow: try draft.flow.map { try FlowOperations.find($0, in: organization, connection).id },
            filterText: try FlowOperations.checkedFilter(draft.filter))
        let hasWay = try FlowRoute.read(webhook.id, connection).contains {
            selection.takes(flow: $0.flow, destination: $0.destination)
        }
        guard hasWay else { throw noFlow }
        return selection
    }

    // Ids carry the time, so the bounds of time are bounds of the id; what comes later is not sent again.
    private static func range(
        of selection: ReplaySelection, _ connection: any Connection
    ) throws -> (start: OrderedID<Event>, end: OrderedID<Event>) {
        let first = selection.from.map { OrderedID<Event>.first(at: $0).number } ?? 1
        let beyond = selection.to.map { OrderedID<Event>.first(at: $0).number } ?? .max
        let last = try EventTable(connection).lastNumber()
        return (OrderedID(number: first - 1), OrderedID(number: min(beyond - 1, last)))
    }

    private static func find(
        _ id: String, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> Replay {
        guard let id = OrderedID<Replay>(id), let found = try ReplayTable(connection).find(id, in: organization) else {
            throw OperationError.notFound("replay")
        }
        return found
    }
}
