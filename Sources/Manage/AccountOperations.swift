import Domain
import Storage

/// Accounts of the actor's organization, and the rule of inactivity.
package struct AccountOperations: Sendable {
    private let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// A new account, as it is asked for.
    package struct Draft: Sendable {
        package var kind: Account.Kind
        package var name: String
        package var login: String?
        package var role: Role
        /// Whether an API token is made for it in the same act (D5).
        package var withToken: Bool

        package init(kind: Account.Kind, name: String, login: String?, role: Role, withToken: Bool) {
            self.kind = kind
            self.name = name
            self.login = login
            self.role = role
            self.withToken = withToken
        }
    }

    /// A new account, with the token that was made for it.
    package struct Created: Sendable {
        package let member: AccountTable.Member
        package let token: TokenOperations.Created?
    }

    /// What a sweep did.
    package struct SweepReport: Sendable {
        package var deactivated: [ID<Account>] = []
        /// Why nothing was done although accounts are due, per organization.
        package var held: [ID<Organization>: SweepGuard.Reason] = [:]
    }

    package func list(after: String?, limit: Int?, _ actor: Actor) async throws -> Page<AccountTable.Member> {
        let limit = try Limits.page(limit)
        let after: ID<Account>? = try Cursor.id(after)
        return try await desk.look(actor, .readAccounts) { connection in
            let read = try AccountTable(connection).list(in: actor.organization, after: after, limit: limit + 1)
            return Page(read, limit: limit) { $0.account.id.text }
        }
    }

    package func show(_ id: String, _ actor: Actor) async throws -> AccountTable.Member {
        try await desk.look(actor, .readAccounts) { try Self.find(id, in: actor.organization, $0) }
    }

    /// Makes an account, and with it an API token if that is asked for, in one act (D5).
    package func create(_ draft: Draft, _ actor: Actor) async throws -> Created {
        let name = try Label.name(draft.name)
        let login = try Self.checkedLogin(draft)
        return try await desk.act(actor, .changeAccounts) { act in
            if draft.role == .owner, act.actor.role != .owner { throw OperationError.forbidden(.changeAccounts) }
            let table = AccountTable(act.connection)
            if let login, try table.isLoginTaken(login) {
                throw OperationError.conflict(code: "login_taken", "Another account signs in with that login. Choose another.")
            }
            let account = Account(id: .random(), kind: draft.kind, name: name, login: login, createdAt: act.now)
            let membership = Membership(
                organization: act.organization, account: account.id, role: draft.role, state: .active, activeSince: act.now)
            try table.insert(account, passwordHash: nil)
            try table.insert(membership)
            act.transaction.announce(.membership(act.organization, account.id))
            try act.record(
                .accountCreate, account.id.text,
                ["kind": account.kind.rawValue, "name": name.text, "role": draft.role.rawValue])
            let token =
                draft.withToken
                ? try TokenOperations.issue(.api, owner: account.id, name: name, description: .empty, expiresAt: nil, act)
                : nil
            return Created(member: AccountTable.Member(account: account, membership: membership), token: token)
        }
    }

    /// Switches an account off; its tokens open nothing until it is reactivated. Safe to repeat.
    package func deactivate(_ id: String, _ actor: Actor) async throws -> AccountTable.Member {
        try await change(id, .accountDeactivate, actor) { state, now throws(LifecycleError) in
            try state.deactivated(at: now, reason: .byHand)
        }
    }

    /// Switches an account on again: the same tokens work at once, and the days of inactivity start anew (D7). Safe to repeat.
    package func activate(_ id: String, _ actor: Actor) async throws -> AccountTable.Member {
        try await change(id, .accountActivate, actor) { state, _ throws(LifecycleError) in try state.activated() }
    }

    /// Makes every account inactive that was idle for longer than its organization allows (D6).
    ///
    /// - Parameters:
    ///   - steadyElapsed: what a clock that nobody sets moved since the last sweep.
    ///   - wallElapsed: what the time of day moved since then.
    ///   - confirmed: the organization that said the sweep is right even if it hits many; others keep their guard.
    package func sweep(
        wallElapsed: Interval, steadyElapsed: Interval, confirmed: ID<Organization>? = nil
    ) async throws -> SweepReport {
        let now = desk.clock.now()
        return try await desk.store.write { [desk] transaction in
            var report = SweepReport()
            let memberships = Dictionary(
                grouping: try AccountTable(transaction.connection).allMemberships(), by: \.organization)
            for organization in try OrganizationTable(transaction.connection).all() {
                let active = memberships[organization.id, default: []].filter(\.state.isActive)
                let due = active.filter {
                    organization.inactivity.hasLapsed(lastActivityAt: $0.lastActivityAt, now: now)
                }
                let verdict = SweepGuard.verdict(
                    active: active.count, due: due.count, wallElapsed: wallElapsed, steadyElapsed: steadyElapsed)
                if case .hold(let reason) = verdict, confirmed != organization.id {
                    if !due.isEmpty { report.held[organization.id] = reason }
                    continue
                }
                for membership in due {
                    try Self.lapse(membership, at: now, desk, transaction)
                    report.deactivated.append(membership.account)
                }
            }
            return report
        }
    }

    /// Sweeps the actor's organization although the guard holds it back.
    package func confirmSweep(_ actor: Actor) async throws -> SweepReport {
        try actor.require(.changeAccounts)
        return try await sweep(
            wallElapsed: .seconds(0), steadyElapsed: .seconds(0), confirmed: actor.organization)
    }

    static func find(
        _ id: String, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> AccountTable.Member {
        let table = AccountTable(connection)
        let found =
            if let id = ID<Account>(id) { try table.find(id, in: organization) } else {
                try table.find(login: id, in: organization)
            }
        guard let found else { throw OperationError.notFound("account") }
        return found
    }

    private func change(
        _ id: String, _ action: AuditEntry.Action, _ actor: Actor,
        _ step: @escaping @Sendable (Lifecycle, Timestamp) throws(LifecycleError) -> Lifecycle
    ) async throws -> AccountTable.Member {
        try await desk.act(actor, .changeAccounts) { act in
            let member = try Self.find(id, in: act.organization, act.connection)
            if action == .accountDeactivate, member.account.id == act.actor.account {
                throw OperationError.conflict(code: "own_account", "You can't deactivate your own account.")
            }
            if member.membership.role == .owner, act.actor.role != .owner {
                throw OperationError.forbidden(.changeAccounts)
            }
            var membership = member.membership
            do throws(LifecycleError) {
                membership.state = try step(membership.state, act.now)
            } catch {
                throw error.operationError("account")
            }
            guard membership.state != member.membership.state else { return member }
            if membership.state.isActive { membership.activeSince = act.now }
            try AccountTable(act.connection).update(membership)
            act.transaction.announce(.membership(membership.organization, membership.account))
            try act.record(action, member.account.id.text, ["name": member.account.name.text])
            return AccountTable.Member(account: member.account, membership: membership)
        }
    }

    private static func lapse(
        _ lapsed: Membership, at now: Timestamp, _ desk: Desk, _ transaction: Transaction
    ) throws {
        var membership = lapsed
        membership.state = try membership.state.deactivated(at: now, reason: .idle)
        try AccountTable(transaction.connection).update(membership)
        transaction.announce(.membership(membership.organization, membership.account))
        try AuditTable(transaction.connection).insert(
            AuditEntry(
                id: desk.nextAuditID(at: now), organization: membership.organization, at: now, actor: nil, actorToken: nil,
                action: .accountDeactivate, subject: membership.account.text,
                details: ["reason": InactiveReason.idle.rawValue, "last_activity": membership.lastActivityAt.text]))
    }

    private static func checkedLogin(_ draft: Draft) throws(OperationError) -> String? {
        switch (draft.kind, draft.login) {
        case (.service, nil):
            return nil
        case (.service, _):
            throw .invalid(field: "login", "a service account never signs in; leave it out.")
        case (.person, nil):
            throw .invalid(field: "login", "a person needs one, an e-mail address for example.")
        case (.person, let login?):
            let isPlain = login.utf8.allSatisfy { (0x21...0x7E).contains($0) } && !login.hasPrefix("acc_")
            guard (3...100).contains(login.utf8.count), isPlain else {
                throw .invalid(field: "login", "must have 3 to 100 ASCII characters without blanks.")
            }
            return login.lowercased()
        }
    }
}
