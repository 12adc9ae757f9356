import Domain
import Storage

/// What Inlet does by itself once an hour: accounts that were idle too long become inactive (D6), warnings are given (N4), and old
/// traces are dropped.
package struct Sweep: Sendable {
    private let desk: Desk
    private let outlook: OutlookOperations
    private let keepRefusedCalls: Interval
    private let keepHeldCalls: Interval
    private let retention: Retention
    private static let rowsPerStep = 5_000
    private static let heldPerStep = 200
    // Longer than anybody lets all servers stand still, and short enough that the empty parts do not matter.
    private static let daysAhead: Int64 = 3

    /// - Parameters:
    ///   - keepRefusedCalls: how long the ledger keeps an entry.
    ///   - keepHeldCalls: how long a call is kept aside.
    ///   - retention: what drops the events that are kept no longer.
    package init(
        _ desk: Desk, outlook: OutlookOperations, keepRefusedCalls: Interval, keepHeldCalls: Interval, retention: Retention
    ) {
        self.desk = desk
        self.outlook = outlook
        self.keepRefusedCalls = keepRefusedCalls
        self.keepHeldCalls = keepHeldCalls
        self.retention = retention
    }

    /// What a round did.
    package struct Report: Sendable {
        package let accounts: AccountOperations.SweepReport
        package let warnings: [Warning]
    }

    /// Does one round.
    package func run(wallElapsed: Interval, steadyElapsed: Interval) async throws -> Report {
        try await dropOld()
        let accounts = try await AccountOperations(desk).sweep(wallElapsed: wallElapsed, steadyElapsed: steadyElapsed)
        let report = Report(accounts: accounts, warnings: try await outlook.warn())
        // Last, for there may be much to drop.
        try await retention.run()
        return report
    }

    // In small steps, so that no call waits behind a long deletion.
    private func dropOld() async throws {
        let now = desk.clock.now()
        try await prepareParts(at: now)
        let refusedEnd = desk.store.dialect.endOfParts(now.adding(keepRefusedCalls.negated))
        let refused = OrderedID<RefusedCall>.first(at: refusedEnd)
        for part in try await desk.read({ try PartTable($0).list(.refusedCalls) }) where part.ids.upperBound <= refused.number {
            guard try await desk.hasDropped(part) else { break }
        }
        try await inSteps(of: Self.rowsPerStep) { try CallTable($0.connection).drop(before: refused, limit: $1) }
        let held = OrderedID<HeldCall>.first(at: now.adding(keepHeldCalls.negated))
        try await inSteps(of: Self.heldPerStep) { try HeldTable($0.connection).drop(before: held, limit: $1) }
        try await inSteps(of: Self.rowsPerStep) { try DedupeTable($0.connection).dropExpired(now: now, limit: $1) }
        try await inSteps(of: Self.rowsPerStep) { transaction, limit in
            let ended = now.adding(Limits.endedSecretsKept.negated)
            let tokens = try TokenTable(transaction.connection).dropEnded(before: ended, limit: limit)
            for token in Set(tokens) { transaction.announce(.token(token)) }
            return tokens.count
        }
        try await inSteps(of: Self.rowsPerStep) { transaction, limit in
            let ended = now.adding(Limits.endedSecretsKept.negated)
            let expired = now.adding(Limits.expiredActivationsKept.negated)
            let tokens = try IntegrationTable(transaction.connection).dropOver(
                endedBefore: ended, expiredBefore: expired, limit: limit)
            for token in tokens { transaction.announce(.integrationToken(token)) }
            return tokens.count
        }
        // Counted beside the writer, so that callers need not wait for it.
        for (application, last) in try await desk.read({ try DeployTable($0).newestBeyond(Limits.deploysKept) }) {
            try await inSteps(of: Self.rowsPerStep) {
                try DeployTable($0.connection).drop(of: application, upTo: last, limit: $1)
            }
        }
        for step in BucketStep.allCases {
            let start = step.start(of: now.adding(step.keep.negated))
            try await inSteps(of: Self.rowsPerStep) {
                try ResourceTable($0.connection).drop(step, before: start, limit: $1)
            }
        }
        let followed = now.adding(.days(-1))
        try await inSteps(of: Self.rowsPerStep) { try ChangeTable($0.connection).drop(before: followed, limit: $1) }
        let lost = OrderedID<Delivery>.first(at: now.adding(Limits.lostDeliveriesKept.negated))
        try await inSteps(of: Self.rowsPerStep) { try DeliveryTable($0.connection).dropExpired(before: lost, limit: $1) }
        // One day more than is shown, so that the last day is whole.
        let day = now.day - Limits.usageDays - 1
        while try await desk.write({
            try CallCountTable($0.connection).drop(before: day, limit: Self.rowsPerStep)
        }) > 0 {}
        try await desk.write { transaction in
            try SessionTable(transaction.connection).dropEnded(now: now)
            try CredentialTable(transaction.connection).dropExpiredLinks(now: now)
            try WarningTable(transaction.connection).drop(before: .first(at: now.adding(.days(-365))))
            try ReplayTable(transaction.connection).drop(before: .first(at: now.adding(.days(-365))))
        }
    }

    /// Makes sure that the next days have parts for what comes in. Sweeps do it; a server that starts does it before the first call.
    /// In vain while somebody reads the tables for long, as a dump does: the next sweep tries again, and what has no part stands in the
    /// rest.
    package func prepareParts(at now: Timestamp) async throws {
        let days = now.day...(now.day + Self.daysAhead)
        do { try await desk.write { try PartTable($0.connection).prepare(days) } } catch OperationError.unavailable {}
    }

    private func inSteps(
        of limit: Int, _ work: @escaping @Sendable (Transaction, Int) throws -> Int
    ) async throws {
        while try await desk.write({ try work($0, limit) }) == limit {}
    }
}
