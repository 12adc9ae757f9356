import Crypto
import Domain
import Foundation
import Storage

/// What a person does about the own account: password, second factor, sessions, memberships.
package struct PersonOperations: Sendable {
    let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// An organization, and what somebody is in it.
    package struct Place: Sendable {
        package let organization: Organization
        package let membership: Membership
    }

    /// Who asks.
    package struct Me: Sendable {
        package let member: AccountTable.Member
        package let organization: Organization
        package let permissions: [Permission]
        package let places: [Place]

        /// What the person reads: the own choice, else what the organization speaks (D13).
        package var language: Language { member.account.language ?? organization.language }
    }

    package func me(_ actor: Actor) async throws -> Me {
        try await desk.look(actor, .useOwnAccount) { connection in
            try Self.me(actor, connection)
        }
    }

    /// Changes the actor's own name, everywhere, and language (D13); `nil` leaves one as it is.
    ///
    /// - Parameter language: an inner `nil` is for the language of whatever organization the person acts in.
    package func changeOwn(name: String? = nil, language: Language?? = nil, _ actor: Actor) async throws -> Me {
        let name = try name.map { try Label.name($0) }
        return try await desk.act(actor, .useOwnAccount) { act in
            let table = AccountTable(act.connection)
            let before = try Self.me(act.actor, act.connection)
            var details: [String: String] = [:]
            if let name, name != before.member.account.name {
                try table.rename(act.actor.account, to: name)
                details["name"] = name.text
            }
            if let language, language != before.member.account.language {
                try table.setLanguage(of: act.actor.account, to: language)
                details["language"] = language?.rawValue ?? "none"
            }
            guard !details.isEmpty else { return before }
            // It holds in all organizations of the person, so each one's log says it.
            for place in before.places {
                let isHere = place.organization.id == act.organization
                try act.desk.record(
                    .accountEdit, act.actor.account.text, details, in: place.organization.id, by: act.actor.account,
                    with: isHere ? act.actor.token : nil, at: act.now, act.connection)
            }
            return try Self.me(act.actor, act.connection)
        }
    }

    private static func me(_ actor: Actor, _ connection: any Connection) throws -> Me {
        guard let member = try AccountTable(connection).find(actor.account, in: actor.organization),
            let organization = try OrganizationTable(connection).find(actor.organization)
        else { throw OperationError.notFound("account") }
        return Me(
            member: member, organization: organization, permissions: actor.permissions,
            places: try places(of: actor.account, connection))
    }

    /// The organizations a person belongs to.
    package func organizations(_ actor: Actor) async throws -> [Place] {
        try await desk.look(actor, .useOwnAccount) { try Self.places(of: actor.account, $0) }
    }

    // MARK: Sessions

    /// The actor's own sessions that have not ended, newest first.
    package func sessions(_ actor: Actor) async throws -> [(session: Session, role: Role?)] {
        let now = desk.clock.now()
        return try await desk.look(actor, .useOwnAccount) { connection in
            let roles = Dictionary(
                try AccountTable(connection).memberships(of: actor.account).map { ($0.organization, $0.role) },
                uniquingKeysWith: { first, _ in first })
            return try SessionTable(connection).list(of: actor.account).filter { $0.endsAt > now }
                .map { ($0, roles[$0.organization]) }
        }
    }

    /// Ends one of the actor's own sessions.
    ///
    /// - Parameter id: its id, or `current` for the one that asks.
    package func endSession(_ id: String, _ actor: Actor) async throws {
        try await desk.act(actor, .useOwnAccount) { act in
            let wanted = id == "current" ? act.actor.session : ID<Session>(id)
            guard let wanted, try SessionTable(act.connection).end(wanted, of: act.actor.account) else {
                throw OperationError.notFound("session")
            }
            try act.record(.sessionEnd, wanted.text)
        }
    }

    // MARK: Password

    /// Sets a password by a one-time link: an invitation, or a reset. Ends all sessions of the person.
    package func setPassword(_ password: String, by code: String) async throws {
        let wrong = OperationError.invalid(
            field: "code", "is no one-time code that is open. It works once, for three days; ask for a new one.")
        let digests = try digests(of: code, orThrow: wrong)
        let now = desk.clock.now()
        let login = try await desk.read { connection -> String? in
            guard let link = try Self.link(digests, now, connection), link.purpose != .membership else { throw wrong }
            return try AccountTable(connection).find(link.account, in: link.organization)?.account.login
        }
        let hash = try await desk.passwords.hash(password, login: login)
        try await desk.write { [desk] transaction in
            let connection = transaction.connection
            // Looked for again: of two who use it at once only one may be first.
            guard let link = try Self.link(digests, now, connection) else { throw wrong }
            let table = CredentialTable(connection)
            try table.setPassword(of: link.account, hash: hash)
            try table.dropPasswordLinks(of: link.account)
            try SessionTable(connection).endAll(of: link.account, in: nil)
            try desk.record(
                .accountPasswordSet, link.account.text, ["by": link.purpose.rawValue], in: link.organization,
                by: link.account, with: nil, at: now, connection)
        }
    }

    /// Changes the actor's own password; the other sessions end.
    package func changePassword(_ password: String, to new: String, _ actor: Actor) async throws {
        let (login, proven) = try await prove(password, actor)
        let hash = try await desk.passwords.hash(new, login: login, field: "new_password")
        try await desk.act(actor, .useOwnAccount) { act in
            // A reset meanwhile goes before.
            guard try CredentialTable(act.connection).proof(of: act.actor.account)?.passwordHash == proven else {
                throw OperationError.invalid(field: "password", "is wrong.")
            }
            try CredentialTable(act.connection).setPassword(of: act.actor.account, hash: hash)
            try SessionTable(act.connection).endAll(of: act.actor.account, in: nil, except: act.actor.session)
            try act.record(.accountPasswordSet, act.actor.account.text, ["by": "password"])
        }
    }

    // MARK: Second factor

    /// What an authenticator app is given; in force once its first code confirmed it.
    package struct SecondFactor: Sendable {
        /// Base32, for typing.
        package let secret: String
        /// For a QR code: `otpauth://totp/…`.
        package let uri: String
    }

    package func offerSecondFactor(password: String, _ actor: Actor) async throws -> SecondFactor {
        let (login, _) = try await prove(password, actor)
        let secret = TimeCodeSecret.random()
        return try await desk.act(actor, .useOwnAccount) { act in
            let account = act.actor.account
            let sealed = try act.desk.keys.ring.seal(secret.bytes, for: Self.secondFactorPurpose(account))
            try CredentialTable(act.connection).offerSecondFactor(of: account, sealed)
            return SecondFactor(
                secret: secret.base32, uri: secret.uri(issuer: "Inlet", account: login ?? account.text))
        }
    }

    /// Puts the offered second factor in force.
    ///
    /// - Returns: ten recovery codes, which are shown this once.
    package func confirmSecondFactor(code: String, _ actor: Actor) async throws -> [String] {
        let codes = (0..<RecoveryCode.count).map { _ in RecoveryCode.random() }
        return try await desk.act(actor, .useOwnAccount) { act in
            let account = act.actor.account
            let table = CredentialTable(act.connection)
            guard let sealed = try table.proof(of: account)?.pendingSecondFactor,
                let bytes = act.desk.keys.ring.open(sealed, for: Self.secondFactorPurpose(account)),
                let secret = TimeCodeSecret(bytes: bytes)
            else {
                throw OperationError.conflict(code: "nothing_to_confirm", "Ask for a second factor first.")
            }
            guard let step = secret.matchingStep(code, at: act.now, after: nil) else {
                throw OperationError.invalid(field: "code", "is not the one that the app shows now.")
            }
            try table.confirmSecondFactor(of: account, step: step)
            try table.replaceRecoveryCodes(of: account, with: codes.map { Self.digest(recoveryCode: $0, of: account) })
            try act.record(.accountSecondFactorAdd, account.text)
            return codes
        }
    }

    package func removeSecondFactor(password: String, _ actor: Actor) async throws {
        _ = try await prove(password, actor)
        try await desk.act(actor, .useOwnAccount) { act in
            try CredentialTable(act.connection).removeSecondFactor(of: act.actor.account)
            try act.record(.accountSecondFactorRemove, act.actor.account.text)
        }
    }

    static func secondFactorPurpose(_ account: ID<Account>) -> String {
        "account/\(account.text)/second-factor"
    }

    /// How a recovery code is kept: 80 random bits need no slow hash, and no key, so that a new master key leaves them alone.
    static func digest(recoveryCode code: String, of account: ID<Account>) -> Data {
        Data(SHA256.hash(data: Data("inlet/recovery/\(account.text)/\(RecoveryCode.normalized(code))".utf8)))
    }

    // MARK: Memberships

    /// Makes the actor, who is somewhere else already, a member by a one-time link.
    package func acceptInvitation(code: String, _ actor: Actor) async throws -> Membership {
        let wrong = OperationError.invalid(field: "code", "is no open invitation for your account. Ask for a new one.")
        let digests = try digests(of: code, orThrow: wrong)
        return try await desk.act(actor, .useOwnAccount) { act in
            guard let link = try Self.link(digests, act.now, act.connection), link.purpose == .membership,
                link.account == act.actor.account, let role = link.role
            else { throw wrong }
            let table = AccountTable(act.connection)
            try CredentialTable(act.connection).drop(link)
            // Who made them administers one organization, and they would now open two.
            try CredentialTable(act.connection).dropIssuedPasswordLinks(of: link.account)
            let membership = Membership(
                organization: link.organization, account: link.account, role: role, state: .active, activeSince: act.now)
            switch try table.find(link.account, in: link.organization)?.membership.state {
            case nil: try table.insert(membership)
            case .deleted?: try table.update(membership)
            case .active?, .inactive?:
                throw OperationError.conflict(code: "member_already", "You are a member of that organization already.")
            }
            act.transaction.announce(.membership(link.organization, link.account))
            try act.desk.record(
                .accountJoin, link.account.text, ["role": role.rawValue], in: link.organization, by: link.account,
                with: nil, at: act.now, act.connection)
            return membership
        }
    }

    // MARK: Helpers of the above

    func digests(of code: String, orThrow wrong: OperationError) throws(OperationError) -> [KeyedDigest] {
        guard let secret = Secret(code.trimmingCharacters(in: .whitespacesAndNewlines).utf8), secret.kind == .oneTime else {
            throw wrong
        }
        return desk.keys.digests(of: secret)
    }

    static func link(
        _ digests: [KeyedDigest], _ now: Timestamp, _ connection: any Connection
    ) throws -> OneTimeLink? {
        for keyed in digests {
            guard let link = try CredentialTable(connection).link(keyed.digest) else { continue }
            return try link.expiresAt > now && isBacked(link, connection) ? link : nil
        }
        return nil
    }

    /// Whether who made a link may still do what it is for: a link must not outlive its maker's role, nor open what has risen above it.
    private static func isBacked(_ link: OneTimeLink, _ connection: any Connection) throws -> Bool {
        guard let issuer = link.issuer else { return true }
        let table = AccountTable(connection)
        guard let maker = try table.find(issuer, in: link.organization)?.membership, maker.mayAct,
            maker.role.allows(.changeAccounts)
        else { return false }
        if let role = link.role { return maker.role.mayManage(role) }
        guard let target = try table.find(link.account, in: link.organization)?.membership, !target.state.isDeleted else {
            return false
        }
        return maker.role.mayManage(target.role)
    }

    private static func places(of account: ID<Account>, _ connection: any Connection) throws -> [Place] {
        try AccountTable(connection).memberships(of: account).compactMap { membership in
            try OrganizationTable(connection).find(membership.organization).map {
                Place(organization: $0, membership: membership)
            }
        }
    }

    /// Checks the actor's password again, before something that must not be done by whoever finds the screen unlocked.
    ///
    /// - Returns: the login, and the hash that the password was checked against.
    func prove(_ password: String, _ actor: Actor) async throws -> (login: String?, hash: String?) {
        let (login, hash) = try await desk.look(actor, .useOwnAccount) { connection in
            (
                try AccountTable(connection).find(actor.account, in: actor.organization)?.account.login,
                try CredentialTable(connection).proof(of: actor.account)?.passwordHash
            )
        }
        guard hash != nil else {
            throw OperationError.conflict(code: "no_password", "Your account has no password. Ask for a one-time link.")
        }
        let keys = [Throttle.Key(name: "proof \(actor.account.text)", free: 5, waitSecondsMax: 60)]
        try desk.passwordProofs.begin(keys, now: desk.clock.now())
        guard try await desk.passwords.matches(password, hash: hash) else {
            throw OperationError.invalid(field: "password", "is wrong.")
        }
        desk.passwordProofs.succeed(keys)
        return (login, hash)
    }
}
