import Domain
import Storage

/// The actor's organization and its settings.
package struct OrganizationOperations: Sendable {
    private let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// What to change; `nil` leaves a setting as it is.
    package struct Change: Sendable {
        package var name: String?
        /// Days without activity after which an account becomes inactive (D6).
        package var inactivity: InactivityRule?
        /// Accepted calls a UTC day; an inner `nil` lifts the quota.
        package var dailyQuota: Int64??
        /// Whether calls are kept aside when a known token or its owner lapsed (N3).
        package var holdsCalls: Bool?

        package init(
            name: String? = nil, inactivity: InactivityRule? = nil, dailyQuota: Int64?? = nil, holdsCalls: Bool? = nil
        ) {
            self.name = name
            self.inactivity = inactivity
            self.dailyQuota = dailyQuota
            self.holdsCalls = holdsCalls
        }
    }

    /// A new organization, and the token by which its owner steers it, shown this once.
    package struct Created: Sendable {
        package let organization: Organization
        package let managementToken: String
    }

    /// Makes an organization; the actor owns it.
    package func create(name: String, _ actor: Actor) async throws -> Created {
        let name = try Label.name(name)
        return try await desk.act(actor, .manageInstallation) { act in
            let organization = Organization(
                id: .random(), name: name, inactivity: .after(days: Limits.inactivityDaysDefault), dailyQuota: nil,
                createdAt: act.now)
            try OrganizationTable(act.connection).insert(organization)
            try AccountTable(act.connection).insert(
                Membership(
                    organization: organization.id, account: act.actor.account, role: .owner, state: .active,
                    activeSince: act.now))
            act.transaction.announce(.organization(organization.id))
            act.transaction.announce(.membership(organization.id, act.actor.account))
            try act.record(.organizationCreate, organization.id.text, ["name": name.text])
            // Who made the links administers one organization, and they would now open two.
            try CredentialTable(act.connection).dropPasswordLinks(of: act.actor.account)
            // The new organization's own log begins with it.
            let owner = Actor(organization: organization.id, account: act.actor.account, role: .owner, token: nil)
            let there = Act(desk: act.desk, actor: owner, transaction: act.transaction, now: act.now)
            try there.record(.organizationCreate, organization.id.text, ["name": name.text])
            let terms = TokenOperations.Terms(
                name: Label(stored: "First management token"), expiresAt: act.now.adding(Limits.managementTokenLifetimeMax))
            let token = try TokenOperations.issue(.management, owner: act.actor.account, terms, there)
            return Created(organization: organization, managementToken: token.secret)
        }
    }

    package func show(_ actor: Actor) async throws -> Organization {
        try await desk.look(actor, .readOrganization) { connection in
            guard let organization = try OrganizationTable(connection).find(actor.organization) else {
                throw OperationError.notFound("organization")
            }
            return organization
        }
    }

    /// Changes settings. Takes effect for the next call.
    package func change(_ change: Change, _ actor: Actor) async throws -> Organization {
        let name = try change.name.map { try Label.name($0) }
        if case .after(let days)? = change.inactivity, !(1...3650).contains(days) {
            throw OperationError.invalid(field: "inactivity_days", "must be 1 to 3650, or null for never.")
        }
        if case .some(.some(let quota)) = change.dailyQuota, quota < 0 {
            throw OperationError.invalid(field: "daily_quota", "must be 0 or more, or null for no quota.")
        }
        return try await desk.act(actor, .changeOrganization) { act in
            guard var organization = try OrganizationTable(act.connection).find(act.organization) else {
                throw OperationError.notFound("organization")
            }
            let before = organization
            organization.name = name ?? organization.name
            organization.inactivity = change.inactivity ?? organization.inactivity
            organization.dailyQuota = change.dailyQuota ?? organization.dailyQuota
            organization.holdsCalls = change.holdsCalls ?? organization.holdsCalls
            guard organization != before else { return organization }
            try OrganizationTable(act.connection).update(organization)
            act.transaction.announce(.organization(organization.id))
            try act.record(
                .organizationChange, organization.id.text,
                [
                    "name": organization.name.text, "inactivity": "\(organization.inactivity)",
                    "daily_quota": organization.dailyQuota.map(String.init) ?? "none",
                    "hold_calls": "\(organization.holdsCalls)",
                ])
            return organization
        }
    }
}
