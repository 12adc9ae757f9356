import Domain
import Storage
import Synchronization

/// The master keys of the installation: which there are, a new one, and giving an old one up.
///
/// A secret can only be digested anew when its holder shows it. So after a rotation secrets move to the new key as they are used, and
/// the old key is given up when nothing stands under it any more.
package final class KeyOperations: Sendable {
    private let desk: Desk
    private let isAtWork = Mutex(false)
    /// Writes the file of the keys; returns when it is on disk.
    private let persist: @Sendable (KeyRing) throws -> Void

    package init(_ desk: Desk, persist: @escaping @Sendable (KeyRing) throws -> Void) {
        self.desk = desk
        self.persist = persist
    }

    /// A key, and what stands under it.
    package struct Shown: Sendable {
        package let number: Int
        package let isCurrent: Bool
        package let addedAt: Timestamp
        /// Secrets of tokens of all kinds, which open nothing without it.
        package let secrets: Int64
        /// Sealed values: second factors, secrets that can be looked at again or sign, secret variables, and the root of the audit
        /// keys.
        package let sealed: Int64
    }

    package func list(_ actor: Actor) async throws -> [Shown] {
        try await desk.look(actor, .manageInstallation) { [desk] in try Self.shown(desk, $0) }
    }

    /// Makes a new key: what is new is kept under it from now on, and sealed values are wrapped anew.
    ///
    /// The file is written first. A kill at any moment leaves keys that open everything; the next start finishes the rest.
    ///
    /// - Returns: the new key.
    package func rotate(_ actor: Actor) async throws -> Shown {
        try actor.require(.manageInstallation)
        try begin()
        defer { end() }
        // The file comes before the transaction that looks again who acts, so that is done here too.
        try await desk.look(actor, .manageInstallation) { _ in }
        let ring = desk.keys.ring
        let key = MasterKey.random(number: (ring.keys.last?.number ?? 0) + 1)
        let grown = ring.adding(key)
        try reportingFile { try persist(grown) }
        try await desk.act(actor, .manageInstallation) { act in
            try MasterKeyTable(act.connection).insert(key, at: act.now)
            try act.record(.keyRotate, "key \(key.number)")
        }
        desk.keys.replace(with: grown)
        try await rewrap()
        guard let new = try await list(actor).first(where: \.isCurrent) else {
            throw OperationError.defect("the new key is not listed")
        }
        return new
    }

    /// Gives an old key up. What still stands under it ends, which has to be forced.
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `key_current`, `key_in_use`, `several_servers`.
    package func retire(_ number: Int, force: Bool, _ actor: Actor) async throws {
        try actor.require(.manageInstallation)
        try begin()
        defer { end() }
        let ring = desk.keys.ring
        guard ring.keys.contains(where: { $0.number == number }) else { throw OperationError.notFound("key") }
        guard let shrunk = ring.removing(number) else {
            throw OperationError.conflict(code: "key_current", "This is the key in use. Make a new one first.")
        }
        try await desk.act(actor, .manageInstallation) { act in
            try Self.rewrap(under: ring, act.transaction)
            let left = try Self.secretCounts(act.connection)[number, default: 0]
            let sessions = try SessionTable(act.connection).list(underKey: number).filter { $0.endsAt > act.now }.count
            let links = try CredentialTable(act.connection).openLinks(underKey: number, now: act.now)
            guard force || (left == 0 && sessions == 0 && links == 0) else {
                throw OperationError.conflict(
                    code: "key_in_use",
                    "\(left) secrets, \(sessions) sessions and \(links) one-time links were not used since the key was replaced "
                        + "and would end. Rotate those tokens and wait for the rest, or force it.")
            }
            try SessionTable(act.connection).endAll(underKey: number)
            try CredentialTable(act.connection).dropLinks(underKey: number)
            for token in Set(try TokenTable(act.connection).dropSecrets(underKey: number)) {
                act.transaction.announce(.token(token))
            }
            for token in try IntegrationTable(act.connection).drop(underKey: number) {
                act.transaction.announce(.integrationToken(token))
            }
            try MasterKeyTable(act.connection).retire(number, at: act.now)
            try act.record(.keyRetire, "key \(number)", ["ended_secrets": "\(left)"])
        }
        // In this order: a kill in between leaves a key in the file that the next start takes out.
        desk.keys.replace(with: shrunk)
        do {
            try persist(shrunk)
        } catch {
            throw OperationError.conflict(
                code: "key_file",
                "The key is given up, but its file could not be written; the next start takes it out. (\(error))")
        }
    }

    /// Finishes at the start of the server what a kill interrupted.
    package func resume() async throws {
        let ring = desk.keys.ring
        let known = try await desk.read { try MasterKeyTable($0).all() }
        let retired = Set(known.filter { $0.retiredAt != nil }.map(\.number))
        var wanted = ring
        for number in retired { wanted = wanted.removing(number) ?? wanted }
        if wanted.keys.count != ring.keys.count {
            desk.keys.replace(with: wanted)
            try persist(wanted)
        }
        let news = wanted.keys.filter { key in !known.contains { $0.number == key.number } }
        if !news.isEmpty {
            let now = desk.clock.now()
            try await desk.write { transaction in
                for key in news { try MasterKeyTable(transaction.connection).insert(key, at: now) }
            }
        }
        try await rewrap()
    }

    // Two at once would write two files, and one of the keys would be lost. Other servers have files of their own, and could not check
    // what moves to a key that they have not.
    private func begin() throws(OperationError) {
        guard !desk.store.place.hasOthers else {
            throw .conflict(
                code: "several_servers",
                "\(desk.store.place.servers) servers share the database. Stop the others, change the keys, give them the new key file, and start "
                    + "them again.")
        }
        let isFree = isAtWork.withLock { isAtWork in
            defer { isAtWork = true }
            return !isAtWork
        }
        guard isFree else {
            throw .conflict(code: "keys_busy", "The master keys are being changed right now. Try again in a moment.")
        }
    }

    private func end() {
        isAtWork.withLock { $0 = false }
    }

    // Sealed values are few beside what calls bring: one for each person with a second factor, each integration token, each secret
    // variable and each signing secret, and one more.
    private func rewrap() async throws {
        let ring = desk.keys.ring
        try await desk.write { try Self.rewrap(under: ring, $0) }
    }

    private static func rewrap(under ring: KeyRing, _ transaction: Transaction) throws {
        let connection = transaction.connection
        let installation = InstallationTable(connection)
        if let bytes = try installation.value(.auditRoot) {
            let sealed = SealedText(bytes: bytes)
            if sealed.keyNumber != ring.current.number, let new = ring.rewrapped(sealed, for: Desk.auditRootPurpose) {
                try installation.set(.auditRoot, new.bytes)
            }
        }
        let people = CredentialTable(connection)
        for (account, sealed) in try people.sealedFactors() where sealed.keyNumber != ring.current.number {
            if let new = ring.rewrapped(sealed, for: PersonOperations.secondFactorPurpose(account)) {
                try people.rewrap(new, of: account)
            }
        }
        let variables = SecretVariableTable(connection)
        for entry in try variables.all() where entry.sealed.keyNumber != ring.current.number {
            let purpose = SecretVariableTable.Entry.sealingPurpose(of: entry.name, in: entry.organization)
            if let new = ring.rewrapped(entry.sealed, for: purpose) { try variables.rewrap(entry, to: new) }
        }
        let destinations = DestinationTable(connection)
        for entry in try destinations.allSecrets() where entry.sealed.keyNumber != ring.current.number {
            let purpose = DestinationTable.SigningEntry.sealingPurpose(of: entry.id, destination: entry.destination)
            if let new = ring.rewrapped(entry.sealed, for: purpose) { try destinations.rewrap(entry.id, to: new) }
        }
        try rekey(under: ring, transaction)
    }

    // What can be opened need not wait to be shown: it is digested under the new key at once.
    private static func rekey(under ring: KeyRing, _ transaction: Transaction) throws {
        let table = IntegrationTable(transaction.connection)
        for token in try table.sealed() {
            let purpose = IntegrationToken.sealingPurpose(of: token.id, in: token.organization)
            guard let sealed = token.sealed,
                sealed.keyNumber != ring.current.number || token.digest.keyNumber != ring.current.number,
                let plain = ring.open(sealed, for: purpose), let secret = Secret(plain),
                let new = ring.rewrapped(sealed, for: purpose)
            else { continue }
            let digest = KeyedDigest(
                digest: secret.digest(under: ring.current.digestKey), keyNumber: ring.current.number)
            try table.rekey(token.id, to: digest, sealed: new)
            transaction.announce(.integrationToken(token.id))
        }
    }

    private static func secretCounts(_ connection: any Connection) throws -> [Int: Int64] {
        try TokenTable(connection).countsByKey().merging(IntegrationTable(connection).countsByKey(), uniquingKeysWith: +)
    }

    private static func shown(_ desk: Desk, _ connection: any Connection) throws -> [Shown] {
        let ring = desk.keys.ring
        let secrets = try secretCounts(connection)
        var sealed: [Int: Int64] = [:]
        let values =
            try CredentialTable(connection).sealedFactors().map(\.sealed)
            + IntegrationTable(connection).sealed().compactMap(\.sealed)
            + SecretVariableTable(connection).all().map(\.sealed)
            + DestinationTable(connection).allSecrets().map(\.sealed)
            + [try InstallationTable(connection).value(.auditRoot)].compactMap { $0.map(SealedText.init(bytes:)) }
        for value in values { sealed[value.keyNumber ?? 0, default: 0] += 1 }
        return try MasterKeyTable(connection).all().filter { $0.retiredAt == nil }.map { entry in
            Shown(
                number: entry.number, isCurrent: entry.number == ring.current.number, addedAt: entry.addedAt,
                secrets: secrets[entry.number, default: 0], sealed: sealed[entry.number, default: 0])
        }
    }

    private func reportingFile(_ work: () throws -> Void) throws {
        do {
            try work()
        } catch {
            throw OperationError.conflict(
                code: "key_file", "The file of the master keys cannot be written; nothing was changed. (\(error))")
        }
    }
}
