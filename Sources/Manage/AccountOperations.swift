import Domain
import Storage

/// Accounts of the actor's organization, and the rule of inactivity.
package struct AccountOperations: Sendable {
    let desk: Desk

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

    /// A new account, with the token and the invitation that were made for it; both are shown this once.
    package struct Created: Sendable {
        package let member: AccountTable.Member
        package let token: TokenOperations.Created?
        package let invitation: Invitation?
    }

    /// A one-time link, shown this once.
    package struct Invitation: Sendable {
        package let code: String
        package let url: String
        package let expiresAt: Timestamp
    }

    /// A member, and when the account falls inactive if nothing more happens.
    package struct Shown: Sendable {
        package let member: AccountTable.Member
        package let lapsesAt: Timestamp?
    }

    package func list(after: String?, limit: Int?, _ actor: Actor) async throws -> Page<Shown> {
        let limit = try Limits.page(limit)
        let after: ID<Account>? = try Cursor.id(after)
        return try await desk.look(actor, .readAccounts) { connection in
            let rule = try Self.rule(of: actor.organization, connection)
            let read = try AccountTable(connection).list(in: actor.organization, after: after, limit: limit + 1)
            return Page(read.map { Shown($0, rule) }, limit: limit) { $0.member.account.id.text }
        }
    }

    package func show(_ id: String, _ actor: Actor) async throws -> Shown {
        try await desk.look(actor, .readAccounts) { connection in
            Shown(
                try Self.find(id, in: actor.organization, connection), try Self.rule(of: actor.organization, connection))
        }
    }

    /// How many tokens each account of the organization has; accounts without any are left out.
    package func tokenCounts(_ actor: Actor) async throws -> [ID<Account>: Int64] {
        try await desk.look(actor, .readTokens) { try TokenTable($0).counts(in: actor.organization) }
    }

    /// Makes an account, and with it an API token if that is asked for, in one act (D5). A person gets an invitation.
    package func create(_ draft: Draft, _ actor: Actor) async throws -> Created {
        let name = try Label.name(draft.name)
        let login = try Self.checkedLogin(draft)
        return try await desk.act(actor, .changeAccounts) { act in
            try act.requireManaging(draft.role)
            let table = AccountTable(act.connection)
            if let login, try table.isLoginTaken(login) { throw Self.loginTaken }
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
                ? try TokenOperations.issue(.api, owner: account.id, TokenOperations.Terms(name: name), act) : nil
            let invitation = draft.kind == .person ? try Self.link(.invitation, for: account.id, role: nil, act) : nil
            return Created(
                member: AccountTable.Member(account: account, membership: membership), token: token,
                invitation: invitation)
        }
    }

    /// Changes name or role; `nil` leaves one as it is.
    package func edit(_ id: String, name: String?, role: Role?, _ actor: Actor) async throws -> Shown {
        let name = try name.map { try Label.name($0) }
        return try await change(id, .accountEdit, actor) { member, act in
            var details: [String: String] = [:]
            if let role, role != member.membership.role {
                try act.requireManaging(role)
                if role != .owner { try Self.keepAnOwner(member, act) }
                if role.isAbove(member.membership.role) { try Self.endOthersTokens(of: member, act) }
                details["role"] = role.rawValue
            }
            if let name, name != member.account.name {
                // The name is the person's everywhere, so it is changed where the person is at home alone.
                try Self.requireOnlyHere(member.account.id, act)
                try AccountTable(act.connection).rename(member.account.id, to: name)
                details["name"] = name.text
            }
            var membership = member.membership
            membership.role = role ?? membership.role
            return (membership, details)
        }
    }

    /// Switches an account off; its tokens open nothing until it is reactivated. Safe to repeat.
    package func deactivate(_ id: String, _ actor: Actor) async throws -> Shown {
        try await change(id, .accountDeactivate, actor) { member, act in
            try Self.requireOther(member, act, "deactivate")
            if member.membership.state.isActive { try Self.keepAnOwner(member, act) }
            var membership = member.membership
            membership.state = try Self.step { () throws(LifecycleError) in
                try membership.state.deactivated(at: act.now, reason: .byHand)
            }
            try SessionTable(act.connection).endAll(of: membership.account, in: act.organization)
            return (membership, ["name": member.account.name.text])
        }
    }

    /// Switches an account on again: the same tokens work at once, and the days of inactivity start anew (D7). Safe to repeat.
    package func activate(_ id: String, _ actor: Actor) async throws -> Shown {
        try await change(id, .accountActivate, actor) { member, act in
            var membership = member.membership
            membership.state = try Self.step { () throws(LifecycleError) in try membership.state.activated() }
            if !member.membership.state.isActive { membership.activeSince = act.now }
            return (membership, ["name": member.account.name.text])
        }
    }

    /// Denies a person access while the tokens of callers go on working (D10): sessions end, management tokens open nothing.
    /// Safe to repeat.
    package func blockSignIn(_ id: String, _ actor: Actor) async throws -> Shown {
        try await change(id, .accountBlockSignIn, actor) { member, act in
            try Self.requirePerson(member)
            try Self.requireOther(member, act, "block")
            if member.membership.signInBlockedAt == nil { try Self.keepAnOwner(member, act) }
            var membership = member.membership
            membership.signInBlockedAt = membership.signInBlockedAt ?? act.now
            try SessionTable(act.connection).endAll(of: membership.account, in: act.organization)
            return (membership, ["name": member.account.name.text])
        }
    }

    /// Lets a person in again. Safe to repeat.
    package func allowSignIn(_ id: String, _ actor: Actor) async throws -> Shown {
        try await change(id, .accountAllowSignIn, actor) { member, _ in
            try Self.requirePerson(member)
            var membership = member.membership
            membership.signInBlockedAt = nil
            return (membership, ["name": member.account.name.text])
        }
    }

    /// Makes a one-time link by which a person sets a new password (D10); the old one and all sessions end, tokens go on.
    package func resetPassword(_ id: String, _ actor: Actor) async throws -> Invitation {
        try await managing(id, actor) { member, act in
            try Self.requirePerson(member)
            try Self.requireOnlyHere(member.account.id, act)
            try CredentialTable(act.connection).dropPassword(of: member.account.id)
            try SessionTable(act.connection).endAll(of: member.account.id, in: nil)
            try act.record(.accountPasswordReset, member.account.id.text, ["name": member.account.name.text])
            return try Self.link(.passwordReset, for: member.account.id, role: nil, act)
        }
    }

    /// Makes a new invitation for a person who has not chosen a password yet; the one before ends.
    package func invite(_ id: String, _ actor: Actor) async throws -> Invitation {
        try await managing(id, actor) { member, act in
            try Self.requirePerson(member)
            try Self.requireOnlyHere(member.account.id, act)
            guard !member.account.hasPassword else {
                throw OperationError.conflict(
                    code: "has_password", "This person has a password already. Reset it if it was forgotten.")
            }
            try act.record(.accountInvite, member.account.id.text, ["name": member.account.name.text])
            return try Self.link(.invitation, for: member.account.id, role: nil, act)
        }
    }

    /// Invites a person who belongs to another organization of this server.
    package func invite(login: String, role: Role, _ actor: Actor) async throws -> Invitation {
        try await desk.act(actor, .changeAccounts) { act in
            try act.requireManaging(role)
            let table = AccountTable(act.connection)
            guard let account = try table.find(login: login.lowercased()) else { throw OperationError.notFound("account") }
            if let member = try table.find(account.id, in: act.organization), !member.membership.state.isDeleted {
                throw OperationError.conflict(code: "member_already", "This person is a member already.")
            }
            try act.record(.accountInvite, account.id.text, ["role": role.rawValue])
            return try Self.link(.membership, for: account.id, role: role, act)
        }
    }

    /// Ends all sessions of a person in this organization.
    package func endSessions(_ id: String, _ actor: Actor) async throws {
        try await managing(id, actor) { member, act in
            try SessionTable(act.connection).endAll(of: member.account.id, in: act.organization)
            try act.record(.accountEndSessions, member.account.id.text, ["name": member.account.name.text])
        }
    }

    /// Takes the second factor from a person who lost it.
    package func removeSecondFactor(_ id: String, _ actor: Actor) async throws {
        try await managing(id, actor) { member, act in
            try Self.requireOnlyHere(member.account.id, act)
            try CredentialTable(act.connection).removeSecondFactor(of: member.account.id)
            try act.record(.accountSecondFactorRemove, member.account.id.text, ["name": member.account.name.text])
        }
    }

    /// Deletes an account from the organization; it stays as a tombstone for the audit log.
    ///
    /// - Throws: ``OperationError/accountHasTokens(_:)`` as long as it has tokens, active or inactive (D9).
    package func delete(_ id: String, _ actor: Actor) async throws {
        try await managing(id, actor) { member, act in
            try Self.requireOther(member, act, "delete")
            try Self.keepAnOwner(member, act)
            let account = member.account.id
            let tokens = try TokenTable(act.connection).list(
                in: act.organization, owner: account, after: nil, limit: Limits.pageItems.upperBound)
            guard tokens.isEmpty else { throw OperationError.accountHasTokens(tokens) }
            var membership = member.membership
            membership.state = .deleted(at: act.now)
            let table = AccountTable(act.connection)
            try table.update(membership)
            try SessionTable(act.connection).endAll(of: account, in: act.organization)
            if try table.memberships(of: account).isEmpty { try table.forget(account) }
            act.transaction.announce(.membership(act.organization, account))
            try act.record(.accountDelete, account.text, ["name": member.account.name.text])
        }
    }

    /// What became of tokens that were to be moved.
    package struct Transfer: Sendable {
        package var moved: [ID<Token>] = []
        /// Those that can't be: management tokens speak for their owner alone.
        package var left: [ID<Token>] = []
    }

    /// Moves tokens to another account; the secrets do not change and callers notice nothing (D9).
    ///
    /// - Parameter tokens: which; all when `nil`.
    package func transferTokens(
        of id: String, to target: String, tokens wanted: [String]?, _ actor: Actor
    ) async throws -> Transfer {
        try await desk.act(actor, .changeAllTokens) { act in
            let source = try Self.find(id, in: act.organization, act.connection)
            let owner = try Self.find(target, in: act.organization, act.connection, field: "to")
            guard owner.account.id != source.account.id else {
                throw OperationError.invalid(field: "to", "must be another account.")
            }
            let table = TokenTable(act.connection)
            let entries: [TokenTable.Entry]
            if let wanted {
                entries = try Set(wanted).sorted().map { id in
                    guard let id = ID<Token>(id), let entry = try table.find(id, in: act.organization),
                        entry.token.owner == source.account.id
                    else { throw OperationError.invalid(field: "tokens", "names one that this account does not have.") }
                    return entry
                }
            } else {
                entries = try table.list(in: act.organization, owner: source.account.id, after: nil, limit: .max)
            }
            var transfer = Transfer()
            for entry in entries {
                if entry.token.scope == .management {
                    transfer.left.append(entry.token.id)
                } else {
                    try TokenOperations.transfer(entry, to: owner, act)
                    transfer.moved.append(entry.token.id)
                }
            }
            return transfer
        }
    }

    /// What was called with the tokens of an account, to look at before it is switched off (N5).
    package func impact(_ id: String, _ actor: Actor) async throws -> Impact {
        let today = desk.clock.now().day
        return try await desk.lookAtUses(actor, .readAccounts) { connection in
            let member = try Self.find(id, in: actor.organization, connection)
            let tokens = try TokenTable(connection).list(
                in: actor.organization, owner: member.account.id, after: nil, limit: .max)
            return try Impact.of(
                tokens.map(\.token), subject: member.account.id.text, in: actor.organization, today: today, connection)
        }
    }

    // MARK: Shared by the above

    static func find(
        _ id: String, in organization: ID<Organization>, _ connection: any Connection, field: String? = nil
    ) throws -> AccountTable.Member {
        let table = AccountTable(connection)
        let found =
            if let id = ID<Account>(id) { try table.find(id, in: organization) } else {
                try table.find(login: id, in: organization)
            }
        guard let found, !found.membership.state.isDeleted else {
            if let field { throw OperationError.invalid(field: field, "names no account of this organization.") }
            throw OperationError.notFound("account")
        }
        return found
    }

    static func rule(of organization: ID<Organization>, _ connection: any Connection) throws -> InactivityRule {
        try OrganizationTable(connection).find(organization)?.inactivity ?? .never
    }

    /// Makes a one-time link and keeps its digest.
    ///
    /// - Parameter isByRule: whether whoever runs the machine makes it, so that nobody's role stands behind it.
    static func link(
        _ purpose: OneTimeLink.Purpose, for account: ID<Account>, role: Role?, isByRule: Bool = false, _ act: Act
    ) throws -> Invitation {
        let secret = Secret.random(.oneTime)
        let keyed = act.desk.keys.digest(of: secret)
        let link = OneTimeLink(
            digest: keyed.digest, keyNumber: keyed.keyNumber, purpose: purpose, organization: act.organization, account: account,
            role: role, issuer: isByRule ? nil : act.actor.account, createdAt: act.now,
            expiresAt: act.now.adding(Limits.oneTimeLinkLifetime))
        try CredentialTable(act.connection).insert(link)
        let code = secret.revealed()
        let page =
            switch purpose {
            case .invitation, .passwordReset: "set-password"
            case .setUp: "set-up"
            case .membership: "accept-invitation"
            }
        // Behind the number sign: a browser does not send it, so it gets into no log.
        return Invitation(code: code, url: "\(act.desk.adminURL)/\(page)#\(code)", expiresAt: link.expiresAt)
    }

    // Finds an account that the actor may manage, and does something to it.
    private func managing<Answer: Sendable>(
        _ id: String, _ actor: Actor, _ work: @escaping @Sendable (AccountTable.Member, Act) throws -> Answer
    ) async throws -> Answer {
        try await desk.act(actor, .changeAccounts) { act in
            let member = try Self.find(id, in: act.organization, act.connection)
            try act.requireManaging(member.membership.role)
            return try work(member, act)
        }
    }

    private func change(
        _ id: String, _ action: AuditEntry.Action, _ actor: Actor,
        _ step: @escaping @Sendable (AccountTable.Member, Act) throws -> (Membership, [String: String])
    ) async throws -> Shown {
        try await managing(id, actor) { member, act in
            let (membership, details) = try step(member, act)
            let table = AccountTable(act.connection)
            if membership != member.membership {
                try table.update(membership)
                act.transaction.announce(.membership(membership.organization, membership.account))
            }
            if membership != member.membership || details["name"].map({ $0 != member.account.name.text }) ?? false {
                try act.record(action, member.account.id.text, details)
            }
            let rule = try Self.rule(of: act.organization, act.connection)
            return Shown(try Self.find(member.account.id.text, in: act.organization, act.connection), rule)
        }
    }

    // A service account's management tokens were made by somebody else, who must not rise with it.
    private static func endOthersTokens(of member: AccountTable.Member, _ act: Act) throws {
        guard member.account.kind == .service else { return }
        let table = TokenTable(act.connection)
        let entries = try table.list(in: act.organization, owner: member.account.id, after: nil, limit: .max)
        for entry in entries where entry.token.scope == .management && entry.token.state.isActive {
            var token = entry.token
            token.state = try token.state.deactivated(at: act.now, reason: .byHand)
            try table.update(token)
            try act.record(.tokenDeactivate, token.id.text, ["name": token.name.text, "for": "account.edit"])
        }
    }

    private static func requirePerson(_ member: AccountTable.Member) throws(OperationError) {
        guard member.account.kind == .person else {
            throw .conflict(code: "service_account", "A service account never signs in.")
        }
    }

    private static func requireOther(_ member: AccountTable.Member, _ act: Act, _ verb: String) throws(OperationError) {
        guard member.account.id != act.actor.account else {
            throw .conflict(code: "own_account", "You can't \(verb) your own account.")
        }
    }

    /// What concerns a person everywhere is not for the administrators of one organization.
    private static func requireOnlyHere(_ account: ID<Account>, _ act: Act) throws {
        guard try AccountTable(act.connection).memberships(of: account).count <= 1 else {
            throw OperationError.conflict(
                code: "member_elsewhere",
                "This person also belongs to another organization, so only the person can change that.")
        }
    }

    /// Refuses what would leave an organization without anybody who may do everything.
    private static func keepAnOwner(_ member: AccountTable.Member, _ act: Act) throws {
        guard member.membership.role == .owner, member.membership.mayAct else { return }
        guard try AccountTable(act.connection).actingOwners(in: act.organization) > 1 else {
            throw OperationError.conflict(
                code: "last_owner", "This is the last active owner. Make somebody else an owner first.")
        }
    }

    private static func step(_ next: () throws(LifecycleError) -> Lifecycle) throws(OperationError) -> Lifecycle {
        do throws(LifecycleError) {
            return try next()
        } catch {
            throw error.operationError("account")
        }
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
            return try Self.login(login)
        }
    }

    /// Reads what a person is to sign in with; in lower case.
    static func login(_ text: String) throws(OperationError) -> String {
        let isPlain = text.utf8.allSatisfy { (0x21...0x7E).contains($0) } && !text.lowercased().hasPrefix("acc_")
        guard (3...100).contains(text.utf8.count), isPlain else {
            throw .invalid(field: "login", "must have 3 to 100 ASCII characters without blanks.")
        }
        return text.lowercased()
    }

    static let loginTaken = OperationError.conflict(
        code: "login_taken",
        "Another account on this server signs in with that login. Choose another, or invite that person.")
}

extension AccountOperations.Shown {
    init(_ member: AccountTable.Member, _ rule: InactivityRule) {
        self.member = member
        lapsesAt =
            member.membership.state.isActive ? rule.lapse(afterActivityAt: member.membership.lastActivityAt) : nil
    }
}

extension Act {
    /// Refuses to touch an account whose role is above the actor's.
    func requireManaging(_ role: Role) throws(OperationError) {
        guard actor.role.mayManage(role) else { throw .forbidden(.changeAccounts) }
    }
}
