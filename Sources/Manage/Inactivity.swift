import Domain
import Storage

/// The rule of inactivity at work (D6).
extension AccountOperations {
    /// What a sweep did.
    package struct SweepReport: Sendable {
        package var deactivated: [ID<Account>] = []
        /// Why nothing was done although accounts are due, per organization.
        package var held: [ID<Organization>: SweepGuard.Reason] = [:]
    }

    /// Makes every account inactive that was idle for longer than its organization allows (D6).
    ///
    /// - Parameters:
    ///   - steadyElapsed: what a clock that nobody sets moved since the last sweep.
    ///   - wallElapsed: what the time of day moved since then.
    package func sweep(wallElapsed: Interval, steadyElapsed: Interval) async throws -> SweepReport {
        let now = desk.clock.now()
        return try await desk.write { [desk] transaction in
            try Self.sweep(
                try OrganizationTable(transaction.connection).all(), at: now, desk, transaction
            ) { active, due in
                SweepGuard.verdict(active: active, due: due, wallElapsed: wallElapsed, steadyElapsed: steadyElapsed)
            }
        }
    }

    /// Sweeps the actor's organization although the guard holds it back.
    package func confirmSweep(_ actor: Actor) async throws -> SweepReport {
        try await desk.act(actor, .changeAccounts) { act in
            let own = try OrganizationTable(act.connection).find(act.organization)
            let role = act.actor.role
            let report = try Self.sweep(
                [own].compactMap { $0 }, at: act.now, act.desk, act.transaction, who: { role.mayManage($0.role) },
                verdict: { _, _ in .proceed })
            try act.record(
                .accountSweepConfirm, act.organization.text, ["deactivated": "\(report.deactivated.count)"])
            return report
        }
    }

    private static func sweep(
        _ organizations: [Organization], at now: Timestamp, _ desk: Desk, _ transaction: Transaction,
        who isMeant: (Membership) -> Bool = { _ in true },
        verdict: (_ active: Int, _ due: Int) -> SweepGuard.Verdict
    ) throws -> SweepReport {
        var report = SweepReport()
        let memberships = Dictionary(
            grouping: try AccountTable(transaction.connection).allMemberships(), by: \.organization)
        for organization in organizations {
            let active = memberships[organization.id, default: []].filter(\.state.isActive)
            let due = active.filter {
                isMeant($0) && organization.inactivity.hasLapsed(lastActivityAt: $0.lastActivityAt, now: now)
            }
            if case .hold(let reason) = verdict(active.count, due.count) {
                if !due.isEmpty { report.held[organization.id] = reason }
                continue
            }
            for membership in due {
                try lapse(membership, at: now, desk, transaction)
                report.deactivated.append(membership.account)
            }
        }
        return report
    }

    private static func lapse(
        _ lapsed: Membership, at now: Timestamp, _ desk: Desk, _ transaction: Transaction
    ) throws {
        var membership = lapsed
        membership.state = try membership.state.deactivated(at: now, reason: .idle)
        try AccountTable(transaction.connection).update(membership)
        transaction.announce(.membership(membership.organization, membership.account))
        try desk.record(
            .accountDeactivate, membership.account.text,
            ["reason": InactiveReason.idle.rawValue, "last_activity": membership.lastActivityAt.text],
            in: membership.organization, by: nil, with: nil, at: now, transaction.connection)
    }
}
