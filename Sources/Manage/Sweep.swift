import Domain
import Storage

/// What Inlet does by itself once an hour: accounts that were idle too long become inactive (D6), and old traces are dropped.
package struct Sweep: Sendable {
    private let desk: Desk
    private let keepRefusedCalls: Interval
    private static let rowsPerStep = 5_000

    /// - Parameter keepRefusedCalls: how long the ledger keeps an entry.
    package init(_ desk: Desk, keepRefusedCalls: Interval) {
        self.desk = desk
        self.keepRefusedCalls = keepRefusedCalls
    }

    /// Does one round.
    package func run(wallElapsed: Interval, steadyElapsed: Interval) async throws -> AccountOperations.SweepReport {
        try await dropOld()
        return try await AccountOperations(desk).sweep(wallElapsed: wallElapsed, steadyElapsed: steadyElapsed)
    }

    // In small steps, so that no call waits behind a long deletion.
    private func dropOld() async throws {
        let now = desk.clock.now()
        let oldest = OrderedID<RefusedCall>.first(
            at: now.adding(Interval(microseconds: -keepRefusedCalls.microseconds)))
        while try await desk.store.write({
            try CallTable($0.connection).drop(before: oldest, limit: Self.rowsPerStep)
        }) == Self.rowsPerStep {}
        while try await desk.store.write({
            try DedupeTable($0.connection).dropExpired(now: now, limit: Self.rowsPerStep)
        }) == Self.rowsPerStep {}
    }
}
