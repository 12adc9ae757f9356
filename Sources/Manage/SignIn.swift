import Domain
import Storage
import Synchronization

/// Tells who acts: from a management token, or from the session of a person who signed in.
package final class SignIn: Sendable {
    private let desk: Desk
    private let throttle = Throttle()
    private let noted = Mutex<[SecretDigest: Timestamp]>([:])

    package init(_ desk: Desk) {
        self.desk = desk
    }

    // MARK: Who acts

    /// Finds the actor that a management secret speaks for.
    ///
    /// Asks the database each time, so a revoked token opens nothing from the next request on. A use counts as activity of the
    /// owner (D8) and is written down at most once a minute.
    ///
    /// - Throws: ``OperationError/unauthenticated`` whatever the reason.
    package func actor(presenting text: String, from address: String) async throws -> Actor {
        guard let secret = Secret(text.utf8), secret.kind == .management else { throw OperationError.unauthenticated }
        let keyGeneration = desk.keys.generation
        let digests = desk.keys.digests(of: secret)
        let now = desk.clock.now()
        let found = try await desk.read { connection -> (Actor, SecretDigest)? in
            for digest in digests.map(\.digest) {
                guard let (token, record) = try TokenTable(connection).find(digest) else { continue }
                guard token.state.isActive, token.expiresAt.map({ $0 > now }) ?? false, !record.hasEnded(at: now),
                    token.allows(from: address),
                    let member = try AccountTable(connection).find(token.owner, in: token.organization),
                    member.membership.mayAct
                else { return nil }
                return (try Self.actor(member.membership, token: token.id, session: nil, connection), digest)
            }
            return nil
        }
        guard let (actor, digest) = found else {
            // It may have moved to a master key that came meanwhile.
            guard desk.keys.generation == keyGeneration else { return try await self.actor(presenting: text, from: address) }
            throw OperationError.unauthenticated
        }
        let newer = digest == digests.first?.digest ? nil : digests.first
        noteUse(of: digest, newer: newer, by: actor, from: address, at: now)
        return actor
    }

    /// Finds the actor of a session.
    ///
    /// - Parameter csrf: what a request that changes something has to carry, ``Started/csrfToken``; `nil` for one that only reads.
    /// - Throws: ``OperationError/unauthenticated`` whatever the reason.
    package func actor(session text: String, csrf: CSRFProof) async throws -> Actor {
        guard let secret = Secret(text.utf8), secret.kind == .session else { throw OperationError.unauthenticated }
        if case .given(let token) = csrf, !Self.areEqual(token, Self.csrfToken(secret)) { throw OperationError.unauthenticated }
        let keyGeneration = desk.keys.generation
        let digests = desk.keys.digests(of: secret)
        let now = desk.clock.now()
        let found = try await desk.read { connection -> (Actor, Session)? in
            for digest in digests.map(\.digest) {
                guard let session = try SessionTable(connection).find(digest) else { continue }
                guard session.endsAt > now,
                    let member = try AccountTable(connection).find(session.account, in: session.organization),
                    member.membership.mayAct
                else { return nil }
                return (try Self.actor(member.membership, token: nil, session: session.id, connection), session)
            }
            return nil
        }
        guard let (actor, session) = found else {
            guard desk.keys.generation == keyGeneration else { return try await self.actor(session: text, csrf: csrf) }
            throw OperationError.unauthenticated
        }
        noteUse(of: session, newer: session.digest == digests.first?.digest ? nil : digests.first, at: now)
        return actor
    }

    /// What a request in a session brings along against forgery by other sites.
    package enum CSRFProof: Sendable {
        /// The request only reads.
        case notNeeded
        case given(String)
    }

    private static func actor(
        _ membership: Membership, token: ID<Token>?, session: ID<Session>?, _ connection: any Connection
    ) throws -> Actor {
        Actor(
            organization: membership.organization, account: membership.account, role: membership.role, token: token,
            session: session,
            isAtHome: try InstallationTable(connection).homeOrganization() == membership.organization)
    }

    // MARK: Signing in

    /// What a person presents.
    package struct Attempt: Sendable {
        package var login: String
        package var password: String
        /// Of the authenticator app, or a recovery code.
        package var code: String?
        /// The organization to act in; by default the one of the last sign-in, else the one that the person has been in longest.
        package var organization: String?
        /// What the browser kept of an earlier sign-in.
        package var device: String?
        package var address: String
        package var userAgent: String?

        package init(
            login: String, password: String, code: String?, organization: String?, device: String?, address: String,
            userAgent: String?
        ) {
            self.login = login
            self.password = password
            self.code = code
            self.organization = organization
            self.device = device
            self.address = address
            self.userAgent = userAgent
        }
    }

    /// A session that was made; its secrets are for the browser alone.
    package struct Started: Sendable {
        package let session: Session
        package let role: Role
        package let secret: String
        package let csrfToken: String
        /// By which the browser is known the next time.
        package let device: String?
    }

    /// Starts a session.
    ///
    /// - Throws: ``OperationError/signInFailed(code:_:)``: `sign_in_failed` for a wrong login or password alike,
    ///   `second_factor_required` when a code is missing or wrong, `sign_in_blocked`, `account_inactive`;
    ///   ``OperationError/tooManyAttempts(seconds:)``.
    package func start(_ attempt: Attempt) async throws -> Started {
        // No login is longer, and what is counted under it must not fill the memory.
        let login = attempt.login.utf8.count <= 100 ? attempt.login.lowercased() : ""
        let now = desk.clock.now()
        let (account, proof, device) = try await lookUp(login, attempt.device)
        let keys = Throttle.keys(who: account?.id.text ?? login, address: attempt.address, device: device)
        try throttle.begin(keys, now: now)
        guard
            try await desk.passwords.matches(attempt.password, hash: proof?.passwordHash, isKnown: device != nil),
            let account, let proof
        else { throw OperationError.signInFailed(code: "sign_in_failed", "Login or password is wrong.") }
        let knownDevice = device.flatMap { _ in attempt.device }
        let factorKeys = proof.secondFactor == nil || attempt.code == nil ? [] : Throttle.keys(secondFactorOf: account.id)
        try throttle.begin(factorKeys, now: now)
        do {
            let started = try await desk.write { [self] transaction in
                try checkSecondFactor(attempt.code, proof, of: account.id, now, transaction.connection)
                return try begin(account, attempt, knownDevice: knownDevice, now, transaction)
            }
            throttle.succeed(keys + factorKeys)
            return started
        } catch OperationError.signInFailed(let code, let words) {
            if !factorKeys.isEmpty, code == "second_factor_required" { try await noteWrongCode(account.id, attempt, now) }
            throw OperationError.signInFailed(code: code, words)
        }
    }

    // Whoever gets this far has the password, so the person should learn of it.
    private func noteWrongCode(_ account: ID<Account>, _ attempt: Attempt, _ now: Timestamp) async throws {
        try await desk.write { [desk] transaction in
            for membership in try AccountTable(transaction.connection).memberships(of: account) {
                try desk.record(
                    .sessionSecondFactorFailed, account.text, ["address": attempt.address], in: membership.organization,
                    by: account, with: nil, at: now, transaction.connection)
            }
        }
    }

    private func lookUp(
        _ login: String, _ device: String?
    ) async throws -> (Account?, CredentialTable.Proof?, device: SecretDigest?) {
        let secret = device.flatMap { Secret($0.utf8) }
        let digests = secret.map { $0.kind == .device ? desk.keys.digests(of: $0).map(\.digest) : [] } ?? []
        return try await desk.read { connection in
            guard let account = try AccountTable(connection).find(login: login) else { return (nil, nil, nil) }
            let table = CredentialTable(connection)
            let known = try digests.first { try table.isKnownDevice($0, of: account.id) }
            return (account, try table.proof(of: account.id), known)
        }
    }

    private func checkSecondFactor(
        _ code: String?, _ proof: CredentialTable.Proof, of account: ID<Account>, _ now: Timestamp,
        _ connection: any Connection
    ) throws {
        guard let sealed = proof.secondFactor else { return }
        let table = CredentialTable(connection)
        if let code {
            let secret = desk.keys.ring.open(sealed, for: PersonOperations.secondFactorPurpose(account))
                .flatMap(TimeCodeSecret.init(bytes:))
            if let step = secret?.matchingStep(code, at: now, after: proof.secondFactorStep),
                try table.useStep(step, of: account)
            {
                return
            }
            if try table.useRecoveryCode(of: account, digest: PersonOperations.digest(recoveryCode: code, of: account)) {
                return
            }
        }
        throw OperationError.signInFailed(
            code: "second_factor_required", "Send the code of your authenticator app, or a recovery code, as `code`.")
    }

    private func begin(
        _ account: Account, _ attempt: Attempt, knownDevice: String?, _ now: Timestamp, _ transaction: Transaction
    ) throws -> Started {
        let connection = transaction.connection
        let membership = try membership(of: account.id, wanted: attempt.organization, connection)
        let started = try open(
            membership, address: attempt.address, userAgent: attempt.userAgent, device: knownDevice ?? newDevice(), now,
            connection)
        if let device = (started.device.flatMap { Secret($0.utf8) }) {
            // Under the digest it is known by already, if it is.
            let digests = desk.keys.digests(of: device).map(\.digest)
            let table = CredentialTable(connection)
            let known = try digests.first { try table.isKnownDevice($0, of: account.id) }
            if let digest = known ?? digests.first { try table.noteDevice(digest, of: account.id, at: now) }
        }
        return started
    }

    private func newDevice() -> String {
        Secret.random(.device).revealed()
    }

    private func membership(
        of account: ID<Account>, wanted: String?, _ connection: any Connection
    ) throws -> Membership {
        let all = try AccountTable(connection).memberships(of: account)
        let candidates = wanted.map { wanted in all.filter { $0.organization.text == wanted } } ?? all
        let open = candidates.filter(\.mayAct)
        let lastUsed = open.filter { $0.lastSignInAt != nil }.max {
            ($0.lastSignInAt ?? $0.activeSince) < ($1.lastSignInAt ?? $1.activeSince)
        }
        if let membership = lastUsed ?? open.min(by: { $0.activeSince < $1.activeSince }) { return membership }
        if candidates.contains(where: { $0.signInBlockedAt != nil }) {
            throw OperationError.signInFailed(
                code: "sign_in_blocked", "An administrator has blocked your access. Your tokens go on working.")
        }
        throw OperationError.signInFailed(
            code: "account_inactive",
            "Your account is inactive there. Ask somebody with user management to reactivate it.")
    }

    /// Starts another session of the same person in another organization; the one that asks ends.
    package func switchOrganization(
        to organization: String, address: String, userAgent: String?, _ actor: Actor
    ) async throws -> Started {
        guard let current = actor.session else {
            throw OperationError.conflict(
                code: "no_session", "A management token belongs to one organization. Use one of the other organization.")
        }
        let now = desk.clock.now()
        return try await desk.write { [self] transaction in
            let connection = transaction.connection
            guard
                try AccountTable(connection).memberships(of: actor.account).contains(where: {
                    $0.organization.text == organization
                })
            else { throw OperationError.notFound("organization") }
            guard organization != actor.organization.text else {
                throw OperationError.conflict(code: "same_organization", "You act in that organization already.")
            }
            let membership = try membership(of: actor.account, wanted: organization, connection)
            guard let old = try SessionTable(connection).find(current), old.endsAt > now,
                try SessionTable(connection).end(current, of: actor.account)
            else { throw OperationError.unauthenticated }
            try desk.record(
                .sessionEnd, current.text, ["for": "session.start"], in: actor.organization, by: actor.account, with: nil,
                at: now, connection)
            // Twelve hours after the password was given it is asked for again, whatever happened in between.
            return try open(
                membership, address: address, userAgent: userAgent, device: nil, createdAt: old.createdAt, now, connection)
        }
    }

    private func open(
        _ membership: Membership, address: String, userAgent: String?, device: String?, createdAt: Timestamp? = nil,
        _ now: Timestamp, _ connection: any Connection
    ) throws -> Started {
        let secret = Secret.random(.session)
        let keyed = desk.keys.digest(of: secret)
        let session = Session(
            id: .random(), account: membership.account, organization: membership.organization, digest: keyed.digest,
            keyNumber: keyed.keyNumber, createdAt: createdAt ?? now, lastUsedAt: now, remoteAddress: address,
            userAgent: userAgent.map { String($0.prefix(200)) })
        try SessionTable(connection).insert(session)
        try AccountTable(connection).noteSignIn(of: membership.account, in: membership.organization, at: now)
        try desk.record(
            .sessionStart, session.id.text, ["address": address], in: membership.organization, by: membership.account,
            with: nil, at: now, connection)
        return Started(
            session: session, role: membership.role, secret: secret.revealed(), csrfToken: Self.csrfToken(secret),
            device: device)
    }

    /// What a page of a session has to carry in its forms; `nil` for a text that is no session's secret.
    package static func csrfToken(ofSession text: String) -> String? {
        guard let secret = Secret(text.utf8), secret.kind == .session else { return nil }
        return csrfToken(secret)
    }

    // Byte by byte, in a time that tells nothing of where they differ.
    private static func areEqual(_ given: String, _ wanted: String) -> Bool {
        guard given.utf8.count == wanted.utf8.count else { return false }
        return zip(given.utf8, wanted.utf8).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private static func csrfToken(_ secret: Secret) -> String {
        secret.derived(for: "inlet/csrf/v1")
    }

    // MARK: Notes of use

    // Without waiting for the disk: who only reads must be served also when the writer is busy or the disk full.
    private func noteUse(
        of digest: SecretDigest, newer: KeyedDigest?, by actor: Actor, from address: String, at now: Timestamp
    ) {
        // What stands under an old master key moves at once, so that the key can be given up.
        guard newer != nil || isDue(digest, now) else { return }
        desk.store.enqueueWrite { transaction in
            let table = TokenTable(transaction.connection)
            try table.noteUse(of: digest, or: newer?.digest, at: now, from: address, count: 1)
            if let newer { _ = try table.rekey(digest, to: newer) }
            try AccountTable(transaction.connection).noteTokenUse(by: actor.account, in: actor.organization, at: now)
        } done: { [self] result in
            forget(digest, if: result)
        }
    }

    private func noteUse(of session: Session, newer: KeyedDigest?, at now: Timestamp) {
        let isDue = now.since(session.lastUsedAt).magnitude >= .seconds(60) && isDue(session.digest, now)
        guard newer != nil || isDue else { return }
        desk.store.enqueueWrite { transaction in
            let table = SessionTable(transaction.connection)
            try table.noteUse(of: session.id, at: now)
            if let newer { try table.rekey(session.id, to: newer) }
        } done: { [self] result in
            forget(session.digest, if: result)
        }
    }

    private func isDue(_ digest: SecretDigest, _ now: Timestamp) -> Bool {
        noted.withLock { noted in
            if let last = noted[digest], now.since(last).magnitude < .seconds(60) { return false }
            // What has not been used for long need not be remembered.
            if noted.count > 10_000 { noted = noted.filter { now.since($0.value).magnitude < .seconds(60) } }
            noted[digest] = now
            return true
        }
    }

    // What was not written down is due again with the next request.
    private func forget(_ digest: SecretDigest, if result: Result<Void, any Error>) {
        if case .failure = result { noted.withLock { $0[digest] = nil } }
    }
}
