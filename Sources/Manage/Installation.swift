import AuthMethods
import Domain
import Foundation
import Storage

/// The first step: an empty store becomes an installation with an owner who has no password yet, a webhook and tokens.
package struct Installation: Sendable {
    private let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// What was made; secrets and link are shown this once.
    package struct Made: Sendable {
        package let organization: ID<Organization>
        package let owner: ID<Account>
        package let login: String
        /// By which the owner gets a password.
        package let setUp: AccountOperations.Invitation
        package let webhook: ID<Webhook>
        package let apiToken: String
        package let managementToken: String
    }

    /// Why an installation cannot be opened or made.
    package enum Failure: Error, Hashable, Sendable {
        case exists
        case missing
        case wrongKey
    }

    /// Checks that the store is an installation and that these keys belong to it.
    ///
    /// - Throws: ``Failure/missing`` if nothing is installed, ``Failure/wrongKey`` unless every key in use is among these.
    package static func check(_ store: Store, _ keyRing: KeyRing) async throws {
        let known = try await store.read { try MasterKeyTable($0).all() }
        guard !known.isEmpty else { throw Failure.missing }
        for entry in known where entry.retiredAt == nil {
            guard keyRing.key(numbered: entry.number)?.checkValue == entry.checkValue else { throw Failure.wrongKey }
        }
    }

    /// Whether something is installed in the store.
    package static func exists(in store: Store) async throws -> Bool {
        try await store.read { try InstallationTable($0).value(.keyCheckValue) != nil }
    }

    /// Makes the first organization, its owner, the webhook `example`, one API token, one management token and the one-time link by
    /// which the owner gets a password, in one transaction.
    ///
    /// - Throws: ``Failure/exists`` if there is an installation already.
    package func make() async throws -> Made {
        return try await desk.store.write { [desk] transaction in
            let table = InstallationTable(transaction.connection)
            guard try table.value(.keyCheckValue) == nil else { throw Failure.exists }
            let now = desk.clock.now()
            let organization = Organization(
                id: .random(), name: Label(stored: "Home"), inactivity: .after(days: Limits.inactivityDaysDefault),
                dailyQuota: nil, createdAt: now)
            let owner = Account(
                id: .random(), kind: .person, name: Label(stored: "Owner"), login: "owner", createdAt: now)
            let membership = Membership(
                organization: organization.id, account: owner.id, role: .owner, state: .active, activeSince: now)
            let key = desk.keys.ring.current
            try table.insert(.keyCheckValue, key.checkValue)
            try MasterKeyTable(transaction.connection).insert(key, at: now)
            try table.insert(.homeOrganization, Data(organization.id.text.utf8))
            try OrganizationTable(transaction.connection).insert(organization)
            try AccountTable(transaction.connection).insert(owner, passwordHash: nil)
            try AccountTable(transaction.connection).insert(membership)
            transaction.announce(.organization(organization.id))
            transaction.announce(.membership(organization.id, owner.id))

            let actor = Actor(
                organization: organization.id, account: owner.id, role: .owner, token: nil, isAtHome: true)
            let act = Act(desk: desk, actor: actor, transaction: transaction, now: now)
            try act.record(.organizationCreate, organization.id.text, ["name": organization.name.text])
            try act.record(.accountCreate, owner.id.text, ["kind": "person", "role": "owner"])
            let webhook = try WebhookOperations.make(.example, .empty, Set(AuthMethodName.allCases), act)
            let api = try TokenOperations.issue(
                .api, owner: owner.id, TokenOperations.Terms(name: Label(stored: "First API token")), act)
            let management = try TokenOperations.issue(
                .management, owner: owner.id,
                TokenOperations.Terms(
                    name: Label(stored: "First management token"), expiresAt: now.adding(Limits.managementTokenLifetimeMax),
                    mayReveal: true),
                act)
            let setUp = try AccountOperations.link(.setUp, for: owner.id, role: nil, isByRule: true, act)
            return Made(
                organization: organization.id, owner: owner.id, login: "owner", setUp: setUp,
                webhook: webhook.id, apiToken: api.secret, managementToken: management.secret)
        }
    }

    /// Makes the link anew by which the first owner gets a password; the one before ends.
    ///
    /// - Returns: `nil` once the owner has a password or signed in, and if the account may not act.
    package func setUpAgain() async throws -> AccountOperations.Invitation? {
        try await desk.store.write { [desk] transaction in
            let (home, owner) = try Self.firstOwner(transaction.connection)
            guard owner.account.kind == .person, owner.membership.mayAct, !owner.account.hasPassword,
                owner.membership.lastSignInAt == nil
            else { return nil }
            let actor = Actor(organization: home, account: owner.account.id, role: .owner, token: nil, isAtHome: true)
            let act = Act(desk: desk, actor: actor, transaction: transaction, now: desk.clock.now())
            try desk.record(
                .accountInvite, owner.account.id.text, ["name": owner.account.name.text], in: home, by: nil, with: nil,
                at: act.now, act.connection)
            return try AccountOperations.link(.setUp, for: owner.account.id, role: nil, isByRule: true, act)
        }
    }

    // Of those of the first organization the person who was there first; a service account only if there is no person.
    private static func firstOwner(
        _ connection: any Connection
    ) throws -> (home: ID<Organization>, owner: AccountTable.Member) {
        guard let home = try InstallationTable(connection).homeOrganization() else { throw Failure.missing }
        let owners = try AccountTable(connection).list(in: home, after: nil, limit: .max)
            .filter { $0.membership.role == .owner }
        let first = owners.min {
            ($0.account.kind.rawValue, $0.account.createdAt) < ($1.account.kind.rawValue, $1.account.createdAt)
        }
        guard let first else { throw Failure.missing }
        return (home, first)
    }

    /// Makes a token for trying things out, which ends by itself in a day, and the line that calls with it.
    ///
    /// - Returns: `nil` if there is no webhook that takes calls.
    package func tryOutLine() async throws -> String? {
        try await desk.store.write { [desk] transaction in
            let connection = transaction.connection
            guard let home = try InstallationTable(connection).homeOrganization() else { throw Failure.missing }
            let webhooks = try WebhookTable(connection).list(in: home, after: nil, limit: Limits.pageItems.upperBound)
            guard let webhook = webhooks.first(where: { $0.state == .active }) else { return nil }
            guard let owner = try AccountTable(connection).find(webhook.owner, in: home),
                owner.membership.state.isActive
            else { return nil }
            let actor = Actor(organization: home, account: owner.account.id, role: .owner, token: nil)
            let act = Act(desk: desk, actor: actor, transaction: transaction, now: desk.clock.now())
            let terms = TokenOperations.Terms(
                name: Label(stored: "Try-out at start"), expiresAt: act.now.adding(.days(1)))
            return try TokenOperations.issue(.app(webhook.id), owner: owner.account.id, terms, act).curl
        }
    }

    /// What lets somebody in again who has the machine but no way in any more; shown this once.
    package struct Recovered: Sendable {
        package let login: String?
        package let managementToken: String
        package let link: AccountOperations.Invitation?
    }

    /// Reactivates and unblocks the first owner of the first organization, and makes a management token and a link for a new password.
    ///
    /// For whoever runs the machine, while the server is stopped; it stands in the audit log.
    package func recover() async throws -> Recovered {
        try await desk.store.write { [desk] transaction in
            let connection = transaction.connection
            let (home, owner) = try Self.firstOwner(connection)
            let table = AccountTable(connection)
            let now = desk.clock.now()
            var membership = owner.membership
            if !membership.state.isActive { membership.activeSince = now }
            membership.state = .active
            membership.signInBlockedAt = nil
            try table.update(membership)
            transaction.announce(.membership(home, owner.account.id))
            let actor = Actor(organization: home, account: owner.account.id, role: .owner, token: nil, isAtHome: true)
            let act = Act(desk: desk, actor: actor, transaction: transaction, now: now)
            try desk.record(
                .installationRecover, owner.account.id.text, ["name": owner.account.name.text], in: home, by: nil,
                with: nil, at: now, connection)
            let terms = TokenOperations.Terms(
                name: Label(stored: "Made by inlet recover"), expiresAt: now.adding(.days(1)), mayReveal: true)
            let token = try TokenOperations.issue(.management, owner: owner.account.id, terms, act)
            let link =
                owner.account.kind == .person
                ? try AccountOperations.link(.passwordReset, for: owner.account.id, role: nil, isByRule: true, act) : nil
            return Recovered(login: owner.account.login, managementToken: token.secret, link: link)
        }
    }
}
