import Domain
import Foundation
import Logging
import ServiceLifecycle
import Storage

/// Goes on with replays of selections (N10): a step of each, as fast as it asks for. What a step sends and how far it is stand in one
/// transaction, so that a kill neither skips an event nor sends it twice.
package actor Replayer: Service {
    private let store: Store
    private let clock: any WallClock
    private let ids: OrderedIDs<Delivery>
    private let bell: DeliveryBell
    private let outage: Outage
    private var credits: [OrderedID<Replay>: Credit] = [:]

    private static let pause = Duration.milliseconds(100)
    /// Events that one step looks at.
    static let perStep = 100
    // One step reads at most so much of bodies.
    private static let bytesPerStep: Int64 = 16 << 20

    // How many events a replay may send by now.
    private struct Credit {
        var events: Double
        var at: ContinuousClock.Instant
    }

    package init(store: Store, clock: any WallClock, ids: OrderedIDs<Delivery>, bell: DeliveryBell, logger: Logger) {
        self.store = store
        self.clock = clock
        self.ids = ids
        self.bell = bell
        outage = Outage { logger.error("\($0)", metadata: ["error": "\($1)"]) }
    }

    package func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                // Once, of all servers.
                if self.store.place.isLeader { await self.round() }
                try await Task.sleep(for: Self.pause)
            }
        }
    }

    private func round() async {
        await outage.trying("replays do not go on") {
            let running = try await store.read { try ReplayTable($0).running() }
            let known = Set(running.map(\.id))
            credits = credits.filter { known.contains($0.key) }
            for replay in running {
                let credit = credit(of: replay)
                guard credit >= 1 else { continue }
                // The others go on.
                await outage.trying("replay \(replay.id.text) does not go on") {
                    try await step(replay, upTo: min(Int(credit), Self.perStep))
                }
            }
        }
    }

    private func credit(of replay: Replay) -> Double {
        let now = ContinuousClock.now
        let rate = Double(replay.ratePerSecond)
        var credit = credits[replay.id] ?? Credit(events: min(rate, 10), at: now)
        let (seconds, attoseconds) = (now - credit.at).components
        credit.events = min(rate, credit.events + rate * (Double(seconds) + Double(attoseconds) / 1e18))
        credit.at = now
        credits[replay.id] = credit
        return credit.events
    }

    private func step(_ replay: Replay, upTo limit: Int) async throws {
        let batch = try await store.read { connection in
            try ReplayBatch.read(replay, limit: Self.perStep, sendingMax: limit, bytesMax: Self.bytesPerStep, connection)
        }
        let (due, sent) = try await store.write { [clock, ids] transaction in
            let connection = transaction.connection
            let table = ReplayTable(connection)
            // Somebody may have stopped it meanwhile.
            guard let current = try table.findAnywhere(replay.id), current.state == .running, current.position == replay.position
            else { return (Set<ID<Destination>>(), 0) }
            let now = clock.now()
            let routes = try FlowRoute.read(replay.selection.webhook, connection)
            var deliveries: [Delivery] = []
            var sent = 0
            for match in batch.matches {
                let ways = try match.routes(among: routes, replay.selection, connection)
                let source = OrderSource(match.event) { match.body }
                deliveries += ways.map {
                    $0.delivery(of: source, id: ids.next(at: now), at: now, isReplay: true, replay: replay.id)
                }
                if !ways.isEmpty { sent += 1 }
            }
            try DeliveryTable(connection).insert(deliveries)
            try table.update(current.looked(at: Int64(batch.lookedAt), sent: Int64(sent), last: batch.last, at: now))
            return (Set(deliveries.filter { $0.state == .due }.map(\.destination)), sent)
        }
        credits[replay.id]?.events -= Double(sent)
        if !due.isEmpty { bell.ring(for: due) }
    }
}

/// The events that one step of a replay looks at.
package struct ReplayBatch: Sendable {
    /// An event that the replay selects.
    package struct Match: Sendable {
        let event: Event
        let body: Data
        /// The ways on which it is sent again; `nil` is all there are.
        let ways: Set<DeliveryTable.Way>?

        func routes(
            among routes: [FlowRoute], _ selection: ReplaySelection, _ connection: any Connection
        ) throws -> [FlowRoute] {
            // Retention may have been here since it was read.
            guard try EventTable(connection).find(event.id, in: event.organization) != nil else { return [] }
            return routes.filter { route in
                selection.takes(flow: route.flow, destination: route.destination)
                    && (ways?.contains(DeliveryTable.Way(flow: route.flow, destination: route.destination)) ?? true)
            }
        }
    }

    package let matches: [Match]
    package let lookedAt: Int
    /// The last event that was looked at; `nil` if there are no more.
    package let last: OrderedID<Event>?

    /// Reads on from where a replay is.
    package static func read(
        _ replay: Replay, limit: Int, sendingMax: Int, bytesMax: Int64, _ connection: any Connection
    ) throws -> ReplayBatch {
        try read(
            replay.selection, in: replay.organization, behind: replay.position, upTo: replay.end, limit: limit,
            sendingMax: sendingMax, bytesMax: bytesMax, connection)
    }

    /// Reads events of a selection, the oldest first.
    ///
    /// - Parameters:
    ///   - sendingMax: it stops behind so many that match.
    ///   - bytesMax: it stops when the bodies it read have so many bytes.
    package static func read(
        _ selection: ReplaySelection, in organization: ID<Organization>, behind position: OrderedID<Event>,
        upTo end: OrderedID<Event>, limit: Int, sendingMax: Int, bytesMax: Int64, _ connection: any Connection
    ) throws -> ReplayBatch {
        let filter = try selection.filterText.map { text throws(FlowFilterError) in try FlowFilter(text: text) }
        // What no flow sends there any more is not sent again, whatever became of it.
        let routes = try selection.state.map { _ in try FlowRoute.read(selection.webhook, connection) } ?? []
        let open = Set(
            routes.filter { selection.takes(flow: $0.flow, destination: $0.destination) }
                .map { DeliveryTable.Way(flow: $0.flow, destination: $0.destination) })
        let table = EventTable(connection)
        let events = try table.list(
            in: organization, webhook: selection.webhook, newerThan: position, upTo: end, limit: limit)
        var matches: [Match] = []
        var lookedAt = 0
        var bytes: Int64 = 0
        for event in events where matches.count < sendingMax && bytes < bytesMax {
            lookedAt += 1
            var ways: Set<DeliveryTable.Way>?
            if let state = selection.state {
                let found = try DeliveryTable(connection).last(of: event.id).filter { $0.state == state }
                ways = open.intersection(found.map { DeliveryTable.Way(flow: $0.flow, destination: $0.destination) })
                if ways?.isEmpty ?? true { continue }
            }
            guard let body = try table.body(of: event.id, in: organization)?.bytes else { continue }
            bytes += Int64(body.count)
            if let filter {
                let input = FilterInput(
                    headers: CallHeaders(keptText: event.headersText), contentType: event.contentType, context: event.context,
                    body: body)
                guard filter.matches(input) else { continue }
            }
            matches.append(Match(event: event, body: body, ways: ways))
        }
        let isAtEnd = lookedAt == events.count && events.count < limit
        return ReplayBatch(
            matches: matches, lookedAt: lookedAt, last: isAtEnd ? nil : events.prefix(lookedAt).last?.id)
    }
}
