import Destinations
import Domain
import Foundation
import Storage

/// An attempt that is over.
struct FinishedAttempt: Sendable {
    let claimed: ClaimedDelivery
    let result: AttemptResult
    let at: Timestamp
    /// `nil` if nobody measured it.
    let milliseconds: Int64?

    var destination: ID<Destination> { claimed.delivery.destination }

    /// `nil` if nothing was sent.
    var outcome: AttemptOutcome? {
        if case .done(let outcome, _, _) = result { outcome } else { nil }
    }
}

/// Writes down what came of attempts and what becomes of their deliveries, inside a transaction. The same for what was sent and for
/// what somebody came for.
struct Settlement {
    let roster: DeliveryRoster
    let transaction: Transaction
    let now: Timestamp
    /// Writes down for people that a rule disabled a destination.
    let noteDisabled: DisableNote
    private(set) var disabled: [ID<Destination>] = []
    // How long an attempt is put off that found no room.
    private static let postponement = Interval.seconds(1)

    init(_ roster: DeliveryRoster, _ transaction: Transaction, at now: Timestamp, noteDisabled: @escaping DisableNote) {
        self.roster = roster
        self.transaction = transaction
        self.now = now
        self.noteDisabled = noteDisabled
    }

    /// What becomes of a delivery when an attempt at it is over.
    private struct Step {
        let attempt: Attempt
        let next: Delivery
        /// `nil` if nothing was sent, and so there is nothing to keep of the attempt.
        let sent: Attempt?
        let decision: RetryDecision?
    }

    /// Settles deliveries, each by its attempt.
    ///
    /// - Returns: the deliveries as they are now, in the same order; `nil` for one that somebody else holds by now, or that is gone.
    @discardableResult
    mutating func settle(_ finished: [FinishedAttempt]) throws -> [Delivery?] {
        let table = DeliveryTable(transaction.connection)
        let steps = finished.map { try? step($0) }
        let known = steps.compactMap(\.self)
        var held = try table.update(known.map { ($0.next, heldBy: $0.attempt.number) })[...]
        // Somebody else may hold the delivery by now; what came back is on record all the same.
        try table.update(known.compactMap(\.sent))
        let settled = steps.map { step in step.flatMap { step in held.popFirst() == true ? step : nil } }
        try table.delete(settled.compactMap { step in step.flatMap { $0.sent == nil ? $0.attempt : nil } })
        for case let step? in settled {
            if case .disable(let reason) = step.decision { try disable(step.next.destination, reason) }
        }
        return settled.map { $0?.next }
    }

    private func step(_ finished: FinishedAttempt) throws -> Step {
        let (delivery, attempt) = (finished.claimed.delivery, finished.claimed.attempt)
        switch finished.result {
        case .filtered:
            let next = try delivery.filtered(attempt: attempt.number, at: finished.at)
            return Step(attempt: attempt, next: next, sent: nil, decision: nil)
        case .postponed:
            let due = try delivery.postponed(attempt: attempt.number, until: finished.at.adding(Self.postponement))
            return Step(attempt: attempt, next: roster.placed(due, at: now), sent: nil, decision: nil)
        case .done(let outcome, let answer, let errorText):
            let decision = decision(on: delivery, after: outcome, at: finished.at)
            let settled = try delivery.settled(attempt: attempt.number, as: decision, at: finished.at)
            let sent = attempt.finished(
                outcome, at: finished.at, milliseconds: finished.milliseconds, answer: answer, errorText: errorText)
            return Step(attempt: attempt, next: roster.placed(settled, at: now), sent: sent, decision: decision)
        }
    }

    /// Takes back a delivery whose attempt nobody will tell of any more, unless somebody just did.
    mutating func reclaim(_ delivery: Delivery) throws {
        let table = DeliveryTable(transaction.connection)
        let decision = decision(on: delivery, after: .interrupted, at: now)
        guard let settled = try? delivery.settled(attempt: delivery.attempts, as: decision, at: now),
            try table.update([(roster.placed(settled, at: now), heldBy: delivery.attempts)]) == [true]
        else { return }
        if let last = try table.attempt(delivery.attempts, of: delivery.id), last.outcome == .running {
            try table.update([last.finished(.interrupted, at: now, milliseconds: nil)])
        }
    }

    /// Writes down how long destinations have done nothing but fail, and disables those that did so for too long.
    mutating func note(_ runs: [ID<Destination>: FailureRun]) throws {
        for (id, run) in runs {
            try DestinationTable(transaction.connection).update(run, of: id)
            if run.isTooLong { try disable(id, .failing) }
        }
    }

    private func decision(on delivery: Delivery, after outcome: AttemptOutcome, at moment: Timestamp) -> RetryDecision {
        RetryPolicy.next(
            after: outcome, attempts: delivery.attempts, now: moment,
            schedule: roster.destination(delivery.destination)?.destination.schedule ?? .standard, jitter: .random(in: 0..<1))
    }

    private mutating func disable(_ id: ID<Destination>, _ reason: DisabledReason) throws {
        let table = DestinationTable(transaction.connection)
        // The destination is read and written back.
        try transaction.steer()
        guard var entry = try table.findAnywhere(id), entry.destination.state.isActive else { return }
        entry.destination.state = entry.destination.state.disabled(at: now, reason: reason)
        try table.update(entry.destination)
        transaction.announce(.destination(id))
        try noteDisabled(entry.destination, transaction, now)
        disabled.append(id)
    }
}

/// Writes down for people that a rule disabled a destination, in the transaction that does it.
package typealias DisableNote = @Sendable (Destination, Transaction, Timestamp) throws -> Void
