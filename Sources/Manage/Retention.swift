import Deliver
import Domain
import Storage

/// Drops events that their webhook keeps no longer, whole and oldest first: those that are too old, and those beyond the bytes that
/// it keeps.
package struct Retention: Sendable {
    private let desk: Desk
    private let keepEvents: Interval
    // One transaction takes at most this much, so that no call waits behind a long deletion.
    private static let eventsPerStep = 200
    private static let bytesPerStep: Int64 = 8 << 20
    private static let deliveriesPerStep = 2_000

    /// - Parameter keepEvents: how long an event is kept whose webhook does not say.
    package init(_ desk: Desk, keepEvents: Interval) {
        self.desk = desk
        self.keepEvents = keepEvents
    }

    /// What a round dropped.
    package struct Report: Equatable, Sendable {
        package fileprivate(set) var events = 0
        package fileprivate(set) var bodyBytes: Int64 = 0
    }

    /// Does one round over all webhooks. Ends early if its task is cancelled; the next round goes on.
    @discardableResult
    package func run() async throws -> Report {
        let now = desk.clock.now()
        var report = Report()
        let webhooks = try await desk.read { try WebhookTable($0).all() }
        let ages = webhooks.map { webhook in webhook.retentionDays.map { Interval.days(Int64($0)) } ?? keepEvents }
        if let longest = ages.max(by: { $0.microseconds < $1.microseconds }) {
            try await dropParts(before: now.adding(longest.negated))
        }
        for (webhook, age) in zip(webhooks, ages) {
            let end = desk.store.dialect.endOfParts(now.adding(age.negated))
            try await drop(of: webhook.id, before: .first(at: end), bytes: nil, &report)
            guard let bound = webhook.retentionBytes else { continue }
            let kept = try await desk.read { try EventTable($0).bodyBytes(of: webhook.id) }
            // What comes meanwhile is newer than now, and counts in the next round.
            if kept > bound { try await drop(of: webhook.id, before: OrderedID(number: .max), bytes: kept - bound, &report) }
        }
        return report
    }

    // Days of which no webhook keeps anything any more go as a whole, once nothing of them is on its way.
    private func dropParts(before moment: Timestamp) async throws {
        let parts = try await desk.read { try PartTable($0).list(.events) }
        for part in parts where part.ids.upperBound <= OrderedID<Event>.first(at: moment).number && !Task.isCancelled {
            let now = desk.clock.now()
            while true {
                let begun = ContinuousClock.now
                let dropped = try await desk.write {
                    try DeliveryTable($0.connection).drop(of: part.ids, at: now, limit: Self.deliveriesPerStep)
                }
                if dropped == 0 { break }
                guard !Task.isCancelled else { return }
                await leaveTime(since: begun)
            }
            guard try await desk.hasDropped(part) else { return }
            desk.bell.ring()
        }
    }

    // Half of the writer's time is left to the others, however slow the disk is.
    private func leaveTime(since begun: ContinuousClock.Instant) async {
        try? await Task.sleep(for: begun.duration(to: .now))
    }

    // - Parameter bytes: how much is to go; all of it where `nil`.
    private func drop(
        of webhook: ID<Webhook>, before: OrderedID<Event>, bytes: Int64?, _ report: inout Report
    ) async throws {
        var rest = bytes
        while rest ?? 1 > 0, !Task.isCancelled {
            let begun = ContinuousClock.now
            let now = desk.clock.now()
            let dropped = try await desk.write { [rest] transaction in
                let step = try Self.step(of: webhook, before: before, bytes: rest, transaction)
                try Self.drop(events: step.map(\.id), at: now, transaction)
                return step
            }
            guard !dropped.isEmpty else { return }
            // What was dropped may have been before another in order.
            desk.bell.ring()
            let bodyBytes = dropped.reduce(0) { $0 + $1.bodyBytes }
            report.events += dropped.count
            report.bodyBytes += bodyBytes
            rest = rest.map { $0 - bodyBytes }
            await leaveTime(since: begun)
        }
    }

    // The oldest events, as many as one transaction may drop.
    private static func step(
        of webhook: ID<Webhook>, before: OrderedID<Event>, bytes: Int64?, _ transaction: Transaction
    ) throws -> [EventTable.Size] {
        let oldest = try EventTable(transaction.connection).oldest(of: webhook, before: before, limit: eventsPerStep)
        var taken: [EventTable.Size] = []
        var total: Int64 = 0
        for event in oldest {
            if let bytes, total >= bytes { break }
            total += event.bodyBytes
            // A single one may be larger.
            if total > bytesPerStep, !taken.isEmpty { break }
            taken.append(event)
        }
        return taken
    }

    /// Drops events with all that hangs on them, in one transaction. Dedupe keys stay for their seven days, and deliveries that did not
    /// arrive stay for a while as cancelled.
    private static func drop(events: [OrderedID<Event>], at now: Timestamp, _ transaction: Transaction) throws {
        try DeliveryTable(transaction.connection).drop(of: events, at: now)
        try EventTable(transaction.connection).drop(events)
    }
}
