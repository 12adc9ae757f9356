import Domain
import Storage

/// The first start: who runs the machine opens a one-time link and makes the installation their own.
extension PersonOperations {
    /// What the one-time link of a new installation asks for; `nil` leaves a thing as it is.
    package struct SetUp: Sendable {
        package var password: String
        /// The owner's.
        package var name: String?
        package var login: String?
        package var organizationName: String?
        /// Of the organization (D13).
        package var language: Language?

        package init(
            password: String, name: String? = nil, login: String? = nil, organizationName: String? = nil,
            language: Language? = nil
        ) {
            self.password = password
            self.name = name
            self.login = login
            self.organizationName = organizationName
            self.language = language
        }
    }

    /// Sets the first owner's password by the one-time link of the installation, and names, in one act.
    ///
    /// - Throws: ``OperationError/invalid(field:_:)`` for `code` alike, whether there never was such a link or it is used up or too old;
    ///   ``OperationError/conflict(code:_:)`` `login_taken`.
    package func setUp(_ asked: SetUp, by code: String) async throws {
        let wrong = OperationError.invalid(
            field: "code",
            "is no set-up code that is open. It works once, for three days; a restart of the server with --quickstart shows a new one."
        )
        let digests = try digests(of: code, orThrow: wrong)
        let now = desk.clock.now()
        let before = try await desk.read { connection in
            guard let link = try Self.setUpLink(digests, now, connection) else { throw wrong }
            return try AccountTable(connection).find(link.account, in: link.organization)?.account.login
        }
        let name = try asked.name.map { try Label.name($0) }
        let login = try asked.login.map { try AccountOperations.login($0) }
        let organizationName = try asked.organizationName.map { text throws(OperationError) in
            try Label.name(text, field: "organization_name")
        }
        let hash = try await desk.passwords.hash(asked.password, login: login ?? before)
        try await desk.write { [desk] transaction in
            // Looked for again: of two who use it at once only one may be first.
            guard let link = try Self.setUpLink(digests, now, transaction.connection) else { throw wrong }
            let owner = Actor(organization: link.organization, account: link.account, role: .owner, token: nil, isAtHome: true)
            let act = Act(desk: desk, actor: owner, transaction: transaction, now: now)
            try Self.setUpOwner(name: name, login: login, act)
            try Self.setUpOrganization(name: organizationName, language: asked.language, act)
            let table = CredentialTable(act.connection)
            try table.setPassword(of: link.account, hash: hash)
            try table.dropPasswordLinks(of: link.account)
            try act.record(.accountPasswordSet, link.account.text, ["by": link.purpose.rawValue])
        }
    }

    // Never more than the first password: an owner who has one chose it, and nobody takes that back by an old link.
    private static func setUpLink(
        _ digests: [KeyedDigest], _ now: Timestamp, _ connection: any Connection
    ) throws -> OneTimeLink? {
        guard let link = try link(digests, now, connection), link.purpose == .setUp,
            let owner = try AccountTable(connection).find(link.account, in: link.organization),
            owner.membership.role == .owner, owner.membership.mayAct, !owner.account.hasPassword
        else { return nil }
        return link
    }

    private static func setUpOwner(name: Label?, login: String?, _ act: Act) throws {
        let table = AccountTable(act.connection)
        guard let before = try table.find(act.actor.account, in: act.organization)?.account else { return }
        var details: [String: String] = [:]
        if let name, name != before.name {
            try table.rename(before.id, to: name)
            details["name"] = name.text
        }
        if let login, login != before.login {
            guard try !table.isLoginTaken(login) else { throw AccountOperations.loginTaken }
            try table.setLogin(of: before.id, to: login)
            details["login"] = login
        }
        if !details.isEmpty { try act.record(.accountEdit, before.id.text, details) }
    }

    private static func setUpOrganization(name: Label?, language: Language?, _ act: Act) throws {
        let table = OrganizationTable(act.connection)
        guard let before = try table.find(act.organization) else { return }
        var organization = before
        organization.name = name ?? before.name
        organization.language = language ?? before.language
        guard organization != before else { return }
        try table.update(organization)
        act.transaction.announce(.organization(organization.id))
        try act.record(.organizationChange, organization.id.text, OrganizationOperations.details(of: organization))
    }
}
