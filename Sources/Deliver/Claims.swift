import Destinations
import Domain
import Foundation
import Storage

/// Deliveries for those who come for them: claimed with a lease, and settled by whoever took them.
package struct Claims: Sendable {
    private let store: Store
    private let clock: any WallClock
    private let roster: DeliveryRoster
    private let builder: MessageBuilder
    private let noteDisabled: DisableNote

    package init(
        store: Store, clock: any WallClock, keys: KeyCabinet, roster: DeliveryRoster, noteDisabled: @escaping DisableNote
    ) {
        self.store = store
        self.clock = clock
        self.roster = roster
        self.noteDisabled = noteDisabled
        builder = MessageBuilder(store: store, keys: keys, clock: clock, roster: roster)
    }

    /// A delivery for who came for it.
    package struct Handed: Sendable {
        package let delivery: Delivery
        package let headers: [(name: String, value: String)]
        package let body: Data
    }

    // So much is handed out at once, and one delivery at least.
    private static let bytesMax: Int64 = 8 << 20
    // Claimed in one transaction, and how long one request goes on when the filter lets nothing through.
    private static let perStep = 10
    private static let timeMax = Duration.seconds(1)

    /// Claims what is due at a destination of a kind that is pulled; what the filter does not let through is settled on the way.
    ///
    /// - Parameters:
    ///   - limit: how many at most.
    ///   - lease: after that time without an answer it is tried again.
    /// - Returns: what there is; empty if nothing is due now, or much was looked at in vain.
    package func claim(at destination: Destination, limit: Int, lease: Interval) async throws -> [Handed] {
        var handed: [Handed] = []
        var bytes: Int64 = 0
        var key = ""
        let end = ContinuousClock.now + Self.timeMax
        while handed.count < limit, bytes < Self.bytesMax, ContinuousClock.now < end {
            // Large bodies one by one, so that no more is claimed than fits into an answer.
            let areSmall = !handed.isEmpty && bytes / Int64(handed.count) <= MemoryGate.small
            let room = areSmall ? min(Self.perStep, limit - handed.count) : 1
            let claimed: [ClaimedDelivery]
            switch try await step(at: destination, room, lease, behind: key) {
            case .claimed(let some): claimed = some
            case .nothing(let next):
                guard let next, next != key else { return handed }
                key = next
                continue
            }
            var failed: [FinishedAttempt] = []
            for one in claimed {
                switch await hand(one) {
                case .success(let message):
                    bytes += Int64(message.body.count)
                    handed.append(message)
                case .failure(let ended):
                    failed.append(FinishedAttempt(claimed: one, result: ended.result, at: clock.now(), milliseconds: 0))
                }
            }
            try await settle(failed)
        }
        return handed
    }

    private enum Step {
        /// None, if others were faster.
        case claimed([ClaimedDelivery])
        /// Nothing was due; behind which key to look on, if there are more keys than were looked at.
        case nothing(next: String?)
    }

    private func step(
        at destination: Destination, _ room: Int, _ lease: Interval, behind key: String
    ) async throws -> Step {
        let now = clock.now()
        let load = DestinationLoad(
            destination: destination.id, passage: .any, running: 0, concurrency: room, rateTokens: nil, firstAttemptsDue: 0,
            repeatsDue: 0)
        let look = DueLook(load: load, mayHaveKeys: true, lastKey: key)
        let found = try await store.read { try look.find(at: now, room: room, $0) }
        guard found.count > 0 else { return .nothing(next: found.lastKey) }
        let claimed = try await store.write(in: .deliveries) { [roster] transaction in
            try Claiming(roster, transaction, at: now, by: nil).begin((found.first + found.again).prefix(room), lease: lease)
        }
        return .claimed(claimed)
    }

    /// Settles a claim.
    ///
    /// - Returns: the delivery as it is now; `nil` if the claim is over.
    package func settle(
        _ delivery: Delivery, attempt number: Int, as outcome: AttemptOutcome, answer: Data, errorText: String?,
        milliseconds: Int64?
    ) async throws -> Delivery? {
        let now = clock.now()
        return try await store.write(in: .deliveries) { [roster, noteDisabled] transaction in
            let table = DeliveryTable(transaction.connection)
            guard let attempt = try table.attempt(number, of: delivery.id), attempt.outcome == .running else { return nil }
            var settlement = Settlement(roster, transaction, at: now, noteDisabled: noteDisabled)
            let finished = FinishedAttempt(
                claimed: ClaimedDelivery(delivery: delivery, attempt: attempt),
                result: .done(outcome, answer: answer, errorText: errorText), at: now, milliseconds: milliseconds)
            return try settlement.settle([finished]).first ?? nil
        }
    }

    private struct NotHanded: Error {
        let result: AttemptResult
    }

    private func hand(_ claimed: ClaimedDelivery) async -> Result<Handed, NotHanded> {
        switch await builder.message(of: claimed) {
        case .success(let message):
            guard case .handed(let headers, let body) = message.request else {
                return .failure(NotHanded(result: .notBuilt("a destination of this kind is not claimed from")))
            }
            return .success(Handed(delivery: claimed.delivery, headers: headers, body: body))
        case .failure(.result(let result)): return .failure(NotHanded(result: result))
        case .failure(.tooLarge): return .failure(NotHanded(result: .notBuilt("the event cannot be read")))
        }
    }

    private func settle(_ finished: [FinishedAttempt]) async throws {
        guard !finished.isEmpty else { return }
        let now = clock.now()
        try await store.write(in: .deliveries) { [roster, noteDisabled] transaction in
            var settlement = Settlement(roster, transaction, at: now, noteDisabled: noteDisabled)
            try settlement.settle(finished)
        }
    }
}
