import Destinations
import Domain
import Foundation
import Logging
import ServiceLifecycle
import Storage
import Synchronization

/// Sends what is due. Each round is one transaction: what came back is settled, and what may go next is claimed, with its attempt on
/// disk before anything is sent.
///
/// A kill at any moment loses nothing: what was claimed and not settled is tried again when the server starts.
package actor Dispatcher: Service {
    private let store: Store
    private let clock: any WallClock
    private let logger: Logger
    private let roster: DeliveryRoster
    private let bell: DeliveryBell
    private let runner: AttemptRunner
    private let noteDisabled: DisableNote
    private let tidier: Tidier
    private var lines: [ID<Destination>: Line] = [:]
    private var finished: [FinishedAttempt] = []
    private var running = 0
    // What was begun here and is not settled.
    private var underWay: Set<OrderedID<Delivery>> = []
    // What the database says was begun here, though nothing here knows of it: as it was when it was looked for last.
    private var strange: Set<OrderedID<Delivery>> = []
    private var turn = DeliveryTurn()
    // Of the roster, when it was last looked at.
    private var revision = 0
    // Of the servers that live, when it was last looked at.
    private var livingRevision = 0
    private var isStopping = false
    private let stopSign = StopSign()
    private let outage: Outage

    // Attempts at once, all destinations together.
    private static let runningMax = 1_024
    // Settled and claimed in one transaction at most.
    private static let perRound = 256
    // Longer than an attempt can take.
    static let lease = Interval.seconds(600)
    private static let stuck = "deliveries could not be settled or claimed"
    private static let restMax = Duration.seconds(1)
    private static let rateRest = Duration.milliseconds(50)
    private static let drainTime = Duration.seconds(20)
    private static let tidyPause = Duration.seconds(5)
    private static let tidyRounds = 12
    private static let lookPause = Duration.milliseconds(250)

    /// What is known of a destination beside its record.
    fileprivate struct Line {
        var breaker = CircuitBreaker()
        var failures: FailureRun
        var running = 0
        // As many as there may be, until the first refill says how many that is.
        var tokens = Double.infinity
        var tokensAt: Timestamp
        /// When there may be something due; `nil` if there is nothing.
        var nextDue: Timestamp?
        /// Whether there may be deliveries that go in order.
        var mayHaveKeys = true
        /// Behind which key the next look at deliveries in order begins.
        var lastKey = ""
    }

    package init(
        store: Store, clock: any WallClock, keys: KeyCabinet, roster: DeliveryRoster, bell: DeliveryBell, egress: Egress,
        lines: LineWriter, noteDisabled: @escaping DisableNote, logger: Logger
    ) {
        self.store = store
        self.clock = clock
        self.roster = roster
        self.bell = bell
        self.noteDisabled = noteDisabled
        self.logger = logger
        outage = Outage { logger.error("\($0)", metadata: ["error": "\($1)"]) }
        tidier = Tidier(store: store, clock: clock, roster: roster, stopSign: stopSign, bell: bell)
        runner = AttemptRunner(store: store, keys: keys, clock: clock, egress: egress, lines: lines, roster: roster)
    }

    package func run() async throws {
        await recover()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.keepTidy() }
            if store.dialect.isShared { group.addTask { await self.listenToOthers() } }
            await withGracefulShutdownHandler {
                while !stopSign.isUp, !Task.isCancelled {
                    let round = await round()
                    for claim in round.claims { group.addTask { await self.attempt(claim) } }
                    if round.isIdle { await bell.wait(atMost: rest) }
                }
            } onGracefulShutdown: { [stopSign, bell, roster] in
                stopSign.putUp()
                bell.ringToSettle()
                roster.changes.ringToSettle()
            }
            await drain()
            group.cancelAll()
        }
    }

    // MARK: Rounds

    /// What a round did.
    private struct Round: Sendable {
        var claims: [ClaimedDelivery] = []
        /// Whether there is nothing to do until something rings or is due.
        var isIdle = true
    }

    private func round() async -> Round {
        let now = clock.now()
        refresh(at: now)
        await takeOver()
        let settling = Array(finished.prefix(Self.perRound))
        let freed = settling.reduce(into: [:]) { counts, one in counts[one.destination, default: 0] += 1 }
        let looks = isStopping ? [] : openLines(at: now, freed)
        guard !settling.isEmpty || !looks.isEmpty else { return Round() }
        let failures = runs(after: settling, at: now)
        do {
            let found = try await look(looks, at: now)
            let plan = DeliveryPlan(
                loads: looks.map { $0.load(with: found[$0.load.destination]) },
                budget: min(Self.perRound, Self.runningMax - running + settling.count), turn: turn)
            let chosen = plan.claims.flatMap { share in
                (found[share.destination]?.first.prefix(share.firstAttempts) ?? [])
                    + (found[share.destination]?.again.prefix(share.repeats) ?? [])
            }
            guard !settling.isEmpty || !chosen.isEmpty else {
                note(found, plan, at: now)
                return Round()
            }
            let (disabled, claims) = try await store.write(in: .deliveries) {
                [roster, noteDisabled, node = store.place.node.id] transaction in
                var settlement = Settlement(roster, transaction, at: now, noteDisabled: noteDisabled)
                try settlement.settle(settling)
                try settlement.note(failures)
                let claiming = Claiming(roster, transaction, at: now, by: node)
                // The roster hears of what was disabled only after the commit.
                let open = chosen.filter { !settlement.disabled.contains($0.destination) }
                return (settlement.disabled, try claiming.begin(open, lease: Self.lease))
            }
            outage.isOver(Self.stuck)
            finished.removeFirst(settling.count)
            note(found, plan, at: now)
            note(settling, failures, disabled, at: now)
            // What was not begun after all made way for the next of its key.
            let begun = Set(claims.map(\.delivery.id))
            for one in chosen where !begun.contains(one.id) { lines[one.destination]?.nextDue = now }
            begin(claims, at: now)
            return Round(claims: claims, isIdle: settling.isEmpty && chosen.isEmpty)
        } catch {
            outage.note(Self.stuck, error)
            try? await Task.sleep(for: .milliseconds(200))
            return Round()
        }
    }

    private func look(_ looks: [DueLook], at now: Timestamp) async throws -> [ID<Destination>: DueLook.Found] {
        guard !looks.isEmpty else { return [:] }
        return try await store.read { connection in
            try looks.reduce(into: [:]) { found, look in
                found[look.load.destination] = try look.find(at: now, room: look.load.room, connection)
            }
        }
    }

    // Until the next one is due, but not for long: the clock may be set.
    private var rest: Duration {
        let now = clock.now()
        // What is held up by its rate goes on as soon as that allows.
        if roster.destinations.contains(where: { entry in
            guard entry.destination.ratePerSecond != nil, entry.destination.state.isActive,
                AllKinds.kind(named: entry.destination.kind)?.isPulled == false, let line = lines[entry.destination.id]
            else { return false }
            return line.breaker.passage(at: now) != .shut && line.nextDue.map { $0 <= now } ?? false
        }) {
            return Self.rateRest
        }
        guard let next = lines.values.compactMap(\.nextDue).filter({ $0 > now }).min() else { return Self.restMax }
        return min(Self.restMax, .microseconds(max(1_000, next.since(now).microseconds)))
    }

    // Destinations come and go, and whoever changed one has rung.
    private func refresh(at now: Timestamp) {
        let known = roster.destinations
        for entry in known where lines[entry.destination.id] == nil {
            lines[entry.destination.id] = Line(failures: entry.failures, tokensAt: now, nextDue: now)
        }
        // Whoever enables it again has it begin anew.
        for entry in known where !entry.destination.state.isActive { lines[entry.destination.id]?.forgetFailures() }
        if lines.count > known.count {
            let ids = Set(known.map(\.destination.id))
            lines = lines.filter { ids.contains($0.key) || $0.value.running > 0 }
        }
        for id in bell.takeDestinations() ?? Set(lines.keys) { lines[id]?.nextDue = now }
        let current = roster.revision
        guard current != revision else { return }
        revision = current
        for id in lines.keys { lines[id]?.mayHaveKeys = true }
    }

    // Other destinations may be this server's now. How they fared is what those who sent before wrote down.
    private func takeOver() async {
        let current = store.place.revision
        guard current != livingRevision, let entries = try? await store.read({ try DestinationTable($0).all() }) else { return }
        livingRevision = current
        for entry in entries {
            lines[entry.destination.id]?.forgetFailures()
            lines[entry.destination.id]?.failures = entry.failures
            lines[entry.destination.id]?.mayHaveKeys = true
        }
    }

    /// - Parameter freed: how many places each destination gets back in this round, for its attempts are settled in it.
    private func openLines(at now: Timestamp, _ freed: [ID<Destination>: Int]) -> [DueLook] {
        let running = running - freed.values.reduce(0, +)
        guard running < Self.runningMax else { return [] }
        // Destinations that hang must not take all places. An organization has half of them at most; the second half of those, and the
        // last quarter of all, is for destinations that have none.
        let isScarce = running >= Self.runningMax / 4 * 3
        let destinations = roster.destinations
        let runningOf = destinations.reduce(into: [ID<Organization>: Int]()) { counts, entry in
            counts[entry.destination.organization, default: 0] +=
                (lines[entry.destination.id]?.running ?? 0) - (freed[entry.destination.id] ?? 0)
        }
        return destinations.compactMap { entry -> DueLook? in
            let destination = entry.destination
            guard destination.state.isActive, store.place.sends(to: destination.id),
                runningOf[destination.organization, default: 0] < Self.runningMax / 2,
                AllKinds.kind(named: destination.kind)?.isPulled == false,
                var line = lines[destination.id]
            else { return nil }
            let back = freed[destination.id] ?? 0
            // In order, the next of a key may go when the one before is settled.
            guard let due = back > 0 ? now : line.nextDue, due <= now else { return nil }
            line.refill(destination.ratePerSecond, at: now)
            lines[destination.id] = line
            let isScarce = isScarce || runningOf[destination.organization, default: 0] >= Self.runningMax / 4
            let load = DestinationLoad(
                destination: destination.id, passage: line.breaker.passage(at: now), running: line.running - back,
                concurrency: isScarce ? 1 : destination.concurrency,
                rateTokens: destination.ratePerSecond.map { _ in Int(line.tokens) },
                firstAttemptsDue: 0, repeatsDue: 0)
            guard load.room > 0 else { return nil }
            return DueLook(
                load: load, mayHaveKeys: line.mayHaveKeys || destination.orderedBy != nil, lastKey: line.lastKey)
        }
    }

    private func runs(after settling: [FinishedAttempt], at now: Timestamp) -> [ID<Destination>: FailureRun] {
        settling.reduce(into: [:]) { runs, one in
            guard let line = lines[one.destination], let success = one.outcome?.success else { return }
            var run = runs[one.destination] ?? line.failures
            run.note(success: success, at: now)
            // Most go well and change nothing that is on disk.
            if run != line.failures || runs[one.destination] != nil { runs[one.destination] = run }
        }
    }

    // MARK: After the transaction

    private func note(
        _ settling: [FinishedAttempt], _ failures: [ID<Destination>: FailureRun], _ disabled: [ID<Destination>], at now: Timestamp
    ) {
        for one in settling {
            underWay.remove(one.claimed.delivery.id)
            running -= 1
            guard var line = lines[one.destination] else { continue }
            line.running -= 1
            // It may be due again, and sooner than what was next before.
            line.nextDue = now
            lines[one.destination] = line
        }
        for (id, run) in failures { lines[id]?.failures = run }
        for id in disabled {
            lines[id]?.forgetFailures()
            logger.warning("a destination was disabled", metadata: ["destination": "\(id.text)"])
        }
    }

    private func note(_ found: [ID<Destination>: DueLook.Found], _ plan: DeliveryPlan, at now: Timestamp) {
        turn = plan.turn
        let begun = Dictionary(plan.claims.map { ($0.destination, $0.firstAttempts + $0.repeats) }) { first, _ in first }
        for (id, due) in found {
            // What was left over is looked for again.
            lines[id]?.nextDue = begun[id, default: 0] < due.count ? now : due.nextDue
            if due.isKeyless { lines[id]?.mayHaveKeys = false }
            if let key = due.lastKey { lines[id]?.lastKey = key }
        }
    }

    private func begin(_ claims: [ClaimedDelivery], at now: Timestamp) {
        running += claims.count
        underWay.formUnion(claims.map(\.delivery.id))
        for claim in claims {
            guard var line = lines[claim.delivery.destination] else { continue }
            line.running += 1
            line.tokens -= 1
            line.breaker.begin(at: now)
            lines[claim.delivery.destination] = line
        }
    }

    // MARK: Attempts

    private func attempt(_ claimed: ClaimedDelivery) async {
        let begun = ContinuousClock.now
        let result = await runner.run(claimed)
        let (seconds, attoseconds) = (ContinuousClock.now - begun).components
        finished.append(
            FinishedAttempt(
                claimed: claimed, result: result, at: clock.now(),
                milliseconds: seconds * 1000 + attoseconds / 1_000_000_000_000_000))
        if var line = lines[claimed.delivery.destination], let one = finished.last {
            // At once, so that no more is begun at a destination that is known to fail.
            switch one.outcome?.success {
            case let success?: line.breaker.note(success: success, at: one.at)
            case nil: line.breaker.forget(at: one.at)
            }
            lines[claimed.delivery.destination] = line
        }
        bell.ringToSettle()
    }

    // MARK: Upkeep

    // What was under way when the server ended before: nobody knows what became of it, so it is tried again. Who came for a delivery
    // still has it until the lease is over.
    private func recover() async {
        await takeBack { [roster] table in
            try table.orphans(limit: .max).filter { delivery in
                let destination = roster.destination(delivery.destination)?.destination
                return !(destination.flatMap { AllKinds.kind(named: $0.kind)?.isPulled } ?? false)
            }
        }
    }

    // The database may have kept claims of which the word was lost on the way back. What is found twice is none that is just being begun.
    private func takeBackLost() async {
        let node = store.place.node.id
        guard let found = try? await store.read({ try DeliveryTable($0).running(claimedBy: node, limit: 10_000) }) else { return }
        let unknown = found.filter { !underWay.contains($0.id) }
        let lost = unknown.filter { strange.contains($0.id) }
        strange = Set(unknown.map(\.id))
        if !lost.isEmpty { await takeBack { _ in lost } }
    }

    private func takeBack(_ find: @escaping @Sendable (DeliveryTable) throws -> [Delivery]) async {
        await outage.trying("what was under way could not be taken up again") {
            var left = try await store.read { try find(DeliveryTable($0)) }[...]
            while !left.isEmpty {
                let now = clock.now()
                let some = Array(left.prefix(Self.perRound))
                try await store.write(in: .deliveries) { [roster, noteDisabled] transaction in
                    var settlement = Settlement(roster, transaction, at: now, noteDisabled: noteDisabled)
                    for delivery in some { try settlement.reclaim(delivery) }
                }
                bell.ring(for: some.map(\.destination))
                left = left.dropFirst(some.count)
            }
        }
    }

    private func keepTidy() async {
        var revision: Int?
        var round = 0
        if let due = try? await store.read({ try DeliveryTable($0).waysDue() }) { roster.noteGone(among: due) }
        while !stopSign.isUp, !Task.isCancelled {
            let now = clock.now()
            await takeBackLost()
            let current = roster.revision
            // Once, of all servers; whoever does it next looks at everything.
            guard store.place.isLeader else {
                revision = nil
                await roster.changes.wait(atMost: Self.tidyPause)
                continue
            }
            await takeBack { try $0.running(leasedBefore: now, limit: 10_000) }
            if store.dialect.isShared { await recover() }
            if current != revision || round.isMultiple(of: Self.tidyRounds) {
                await outage.trying("deliveries could not be put in their places") {
                    bell.ring(for: try await tidier.run())
                    revision = current
                }
            }
            // A look at each now and then costs little, whatever rang or did not.
            if round.isMultiple(of: Self.tidyRounds) { bell.ring() }
            round += 1
            await roster.changes.wait(atMost: Self.tidyPause)
        }
    }

    // What other servers took in, or put off, rings no bell here.
    private func listenToOthers() async {
        while !stopSign.isUp, !Task.isCancelled {
            let now = clock.now()
            if let due = try? await store.read({ try DeliveryTable($0).destinationsDue(now: now) }) { bell.ring(for: due) }
            try? await Task.sleep(for: Self.lookPause)
        }
    }

    private func drain() async {
        isStopping = true
        let end = ContinuousClock.now.advanced(by: Self.drainTime)
        while running > 0, ContinuousClock.now < end {
            _ = await round()
            if running > 0 { await bell.wait(atMost: .milliseconds(100)) }
        }
        _ = await round()
    }
}

extension Dispatcher.Line {
    fileprivate mutating func forgetFailures() {
        breaker = CircuitBreaker()
        failures = FailureRun()
    }

    /// A second's worth of tokens at most, so that a pause is no licence for a burst.
    fileprivate mutating func refill(_ ratePerSecond: Int?, at now: Timestamp) {
        guard let ratePerSecond else { return }
        let passed = Double(max(0, now.since(tokensAt).microseconds)) / 1_000_000
        tokens = min(Double(ratePerSecond), tokens + passed * Double(ratePerSecond))
        tokensAt = now
    }
}

/// Says that no more is to be begun.
final class StopSign: Sendable {
    private let state = Atomic(false)

    var isUp: Bool { state.load(ordering: .acquiring) }

    func putUp() {
        state.store(true, ordering: .releasing)
    }
}

extension DueLook {
    /// The load with what was found.
    fileprivate func load(with found: Found?) -> DestinationLoad {
        var load = load
        load.firstAttemptsDue = found?.first.count ?? 0
        load.repeatsDue = found?.again.count ?? 0
        return load
    }
}
