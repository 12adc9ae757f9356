import AuthMethods
import Domain
import FoundationEssentials
import Storage

/// Hits/Failure and Deploy credentials of the actor's organization, and what they are exchanged for. Rows E1–E4, E7–E10.
package struct IntegrationOperations: Sendable {
    private let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// A new credential, as it is asked for.
    package struct Draft: Sendable {
        package var kind: IntegrationCredential.Kind
        package var name: String
        package var description: String?
        /// Only for Hits/Failure; `nil` for no end.
        package var activationLifetimeSeconds: Int64?

        package init(
            kind: IntegrationCredential.Kind, name: String, description: String?, activationLifetimeSeconds: Int64?
        ) {
            self.kind = kind
            self.name = name
            self.description = description
            self.activationLifetimeSeconds = activationLifetimeSeconds
        }
    }

    /// What to change; `nil` leaves it as it is, an inner `nil` lifts the lifetime.
    package struct Edit: Sendable {
        package var name: String?
        package var description: String?
        package var activationLifetimeSeconds: Int64??
        /// Whether a new secret is made in the same act (E9).
        package var regenerates: Bool

        package init(
            name: String?, description: String?, activationLifetimeSeconds: Int64??, regenerates: Bool
        ) {
            self.name = name
            self.description = description
            self.activationLifetimeSeconds = activationLifetimeSeconds
            self.regenerates = regenerates
        }
    }

    /// A credential, and what stands under it.
    package struct Shown: Sendable {
        package let credential: IntegrationCredential
        /// The integration token; a Deploy credential has none.
        package let token: IntegrationToken?
        /// Activation tokens that work.
        package let activationCount: Int
        package let applicationCount: Int
        /// The secret, if one was made in this act.
        package let revealed: Revealed?
    }

    /// An activation token, and whether it has run out.
    package struct ShownActivation: Sendable {
        package let token: IntegrationToken
        package let isExpired: Bool
    }

    package func list(after: String?, limit: Int?, _ actor: Actor) async throws -> Page<Shown> {
        let limit = try Limits.page(limit)
        let after: ID<IntegrationCredential>? = try Cursor.id(after)
        let now = desk.clock.now()
        return try await desk.look(actor, .readIntegrations) { connection in
            let read = try IntegrationTable(connection).list(in: actor.organization, after: after, limit: limit + 1)
            return try Page(read.map { try Self.shown($0, now: now, connection) }, limit: limit) { $0.credential.id.text }
        }
    }

    /// - Parameter reference: id or name.
    package func show(_ reference: String, _ actor: Actor) async throws -> Shown {
        let now = desk.clock.now()
        return try await desk.look(actor, .readIntegrations) { connection in
            try Self.shown(try Self.find(reference, in: actor.organization, connection), now: now, connection)
        }
    }

    /// Makes a credential (E2). A Deploy credential takes all applications that wait for one.
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `name_taken`.
    package func create(_ draft: Draft, _ actor: Actor) async throws -> Shown {
        let name = try Label.name(draft.name)
        let description = try Label.description(draft.description)
        let lifetime = try Self.lifetime(draft.activationLifetimeSeconds, of: draft.kind)
        return try await desk.act(actor, .changeIntegrations) { act in
            let table = IntegrationTable(act.connection)
            try Self.requireFree(name, act)
            let known = try table.list(in: act.organization, after: nil, limit: Limits.credentialsMax)
            guard known.count < Limits.credentialsMax else {
                throw OperationError.conflict(
                    code: "too_many", "An organization has at most \(Limits.credentialsMax) credentials. Delete one first.")
            }
            let credential = IntegrationCredential(
                id: .random(), organization: act.organization, kind: draft.kind, name: name, description: description,
                activationLifetime: lifetime, createdAt: act.now)
            try table.insert(credential)
            var details = ["type": credential.kind.rawValue, "name": name.text]
            let revealed: Revealed?
            switch credential.kind {
            case .hitsFailure:
                let issued = try Self.issue(.activate, under: credential.id, act)
                details["hint"] = issued.token.hint
                revealed = Self.revealed(issued.secret, act.desk)
            case .deploy:
                revealed = nil
                for application in try ApplicationTable(act.connection).waiting(in: act.organization) {
                    try ApplicationOperations.attach(application, to: credential.id, act)
                }
            }
            try act.record(.credentialCreate, credential.id.text, details)
            return try Self.shown(credential, now: act.now, act.connection, revealed: revealed)
        }
    }

    /// Changes name, description or lifetime, and makes a new secret if that is asked for (E9).
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `rename_regenerates` if the organization's rule wants a new secret with a new name
    ///   and the request did not say so; `name_taken`.
    package func edit(_ reference: String, _ edit: Edit, _ actor: Actor) async throws -> Shown {
        let name = try edit.name.map { try Label.name($0) }
        let description = try edit.description.map { try Label.description($0) }
        return try await desk.act(actor, .changeIntegrations) { act in
            let before = try Self.find(reference, in: act.organization, act.connection)
            var credential = before
            credential.name = name ?? before.name
            credential.description = description ?? before.description
            if let seconds = edit.activationLifetimeSeconds {
                credential.activationLifetime = try Self.lifetime(seconds, of: before.kind)
            }
            if credential.name != before.name {
                try Self.requireFree(credential.name, act)
                if !edit.regenerates { try Self.requireNoRule(before, act) }
            }
            if credential != before {
                try IntegrationTable(act.connection).update(credential)
                try act.record(.credentialEdit, credential.id.text, ["name": credential.name.text])
            }
            let revealed = edit.regenerates ? try Self.regenerate(credential, act) : nil
            return try Self.shown(credential, now: act.now, act.connection, revealed: revealed)
        }
    }

    /// Makes a new secret; the old one and all that was exchanged for it, or made under it, opens nothing from now on (E8).
    package func regenerate(_ reference: String, _ actor: Actor) async throws -> Shown {
        try await desk.act(actor, .changeIntegrations) { act in
            let credential = try Self.find(reference, in: act.organization, act.connection)
            let revealed = try Self.regenerate(credential, act)
            return try Self.shown(credential, now: act.now, act.connection, revealed: revealed)
        }
    }

    /// Shows the integration token again (E7).
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `no_secret` for a Deploy credential.
    package func reveal(_ reference: String, password: String?, _ actor: Actor) async throws -> Revealed {
        let credential = try await desk.look(actor, .readIntegrations) {
            try Self.find(reference, in: actor.organization, $0)
        }
        guard credential.kind == .hitsFailure else {
            throw OperationError.conflict(
                code: "no_secret", "A Deploy credential has no token of its own. Look at the token of an application.")
        }
        let token = try await Reveal(desk)(
            .credentialReveal, subject: credential.id.text, password: password, actor
        ) { act in
            guard let token = try IntegrationTable(act.connection).integrationToken(of: credential.id) else {
                throw OperationError.notFound("credential")
            }
            return (token, ["name": credential.name.text, "hint": token.hint])
        }
        return try Self.open(token, desk)
    }

    /// Writes down that somebody without the permission asked for a look at a secret, if there is such a credential in the
    /// organization.
    package func noteRefusedLook(at reference: String, _ actor: Actor) async throws {
        let found = try await desk.read { try? Self.find(reference, in: actor.organization, $0) }
        guard let found else { return }
        try await Reveal(desk).noteRefusal(of: found.id.text, "permission", actor)
    }

    /// Deletes a credential (E10); all tokens made by it open nothing from now on.
    ///
    /// - Parameter confirmedName: its name, as whoever asks typed it.
    package func delete(_ reference: String, confirmedName: String, _ actor: Actor) async throws {
        try await desk.act(actor, .changeIntegrations) { act in
            let credential = try Self.find(reference, in: act.organization, act.connection)
            try Self.requireTyped(confirmedName, credential.name)
            let ended = try Self.endAll(of: credential.id, act)
            for var application in try ApplicationTable(act.connection).list(of: credential.id) {
                application.credential = nil
                try ApplicationTable(act.connection).update(application)
            }
            try IntegrationTable(act.connection).delete(credential.id)
            try act.record(
                .credentialDelete, credential.id.text, ["name": credential.name.text, "ended_tokens": "\(ended)"])
        }
    }

    /// A first report of hits as a line for the shell (E5); `ACTIVATION_TOKEN` stands where the token goes.
    package var exampleOfHits: String {
        CurlLine.text(.hits, token: "ACTIVATION_TOKEN", to: desk.ingestURL)
    }

    // MARK: Activation tokens

    /// Activation tokens that were not taken away, those that ran out lately too.
    package func activations(
        of reference: String, after: String?, limit: Int?, _ actor: Actor
    ) async throws -> Page<ShownActivation> {
        let limit = try Limits.page(limit)
        let after: ID<IntegrationToken>? = try Cursor.id(after)
        let now = desk.clock.now()
        return try await desk.look(actor, .readIntegrations) { connection in
            let credential = try Self.find(reference, in: actor.organization, connection)
            let read = try IntegrationTable(connection).activations(of: credential.id, after: after, limit: limit + 1)
            return Page(read.map { ShownActivation(token: $0, isExpired: $0.isOver(at: now)) }, limit: limit) {
                $0.token.id.text
            }
        }
    }

    /// Takes an activation token away; no report that starts after this returns is accepted.
    package func revoke(_ id: String, of reference: String, _ actor: Actor) async throws {
        try await desk.act(actor, .changeIntegrations) { act in
            let credential = try Self.find(reference, in: act.organization, act.connection)
            guard let id = ID<IntegrationToken>(id), let token = try IntegrationTable(act.connection).findAnywhere(id),
                token.credential == credential.id, token.organization == act.organization, token.purpose == .reportHits,
                token.endedAt == nil
            else { throw OperationError.notFound("activation token") }
            try Self.end([token], act)
            try act.record(
                .activationRevoke, token.id.text, ["credential": credential.name.text, "hint": token.hint])
        }
    }

    /// Exchanges an integration token for an activation token (E4), for whoever holds it.
    ///
    /// - Parameters:
    ///   - newer: what the integration token is kept under from now on, if that is to change.
    ///   - address: where it was asked from.
    /// - Throws: ``Rejection`` if it opens nothing any more, or there are too many activation tokens.
    package func activate(
        _ id: ID<IntegrationToken>, newer: KeyedDigest?, from address: String
    ) async throws -> Activation {
        try await desk.write { [desk] transaction in
            let now = desk.clock.now()
            let table = IntegrationTable(transaction.connection)
            guard let token = try table.findAnywhere(id),
                let credential = try table.find(token.credential, in: token.organization)
            else { throw Rejection.unknownToken }
            if let end = token.endedAt { throw Rejection.secretEnded(at: end) }
            guard try table.livingActivations(of: credential.id, at: now) < Limits.activationsMax else {
                throw Rejection.tooManyActivations
            }
            // Short-lived ones end by themselves, and could be made without end.
            let minute = now.adding(.seconds(-60))
            guard try table.activationsMade(of: credential.id, since: minute) < Limits.activationsPerMinute else {
                throw Rejection.rateLimited(perMinute: Limits.activationsPerMinute, seconds: 60)
            }
            if try table.noteUse(of: id, at: now, from: address, count: 1, newer: newer) {
                transaction.announce(.integrationToken(id))
            }
            let secret = Secret.random(.activation)
            let activation = IntegrationToken(
                id: .random(), organization: token.organization, credential: credential.id, purpose: .reportHits,
                digest: desk.keys.digest(of: secret), hint: secret.hint, createdAt: now, createdAddress: address,
                expiresAt: credential.activationLifetime.map { now.adding($0) })
            try table.insert(activation)
            transaction.announce(.integrationToken(activation.id))
            try desk.record(
                .activationCreate, activation.id.text,
                ["credential": credential.name.text, "hint": secret.hint, "from": address], in: token.organization, by: nil,
                with: nil, at: now, transaction.connection)
            return Activation(
                token: secret.revealed(), expiresAt: activation.expiresAt, organization: token.organization,
                hitsURL: desk.ingestURL + ReportPath.hits.rawValue)
        }
    }

    // MARK: Inside an act

    static func find(
        _ reference: String, in organization: ID<Organization>, _ connection: any Connection, field: String? = nil
    ) throws -> IntegrationCredential {
        let table = IntegrationTable(connection)
        if let id = ID<IntegrationCredential>(reference), let found = try table.find(id, in: organization) { return found }
        if let found = try table.find(name: reference, in: organization) { return found }
        if let field { throw OperationError.invalid(field: field, "names no credential of the organization.") }
        throw OperationError.notFound("credential")
    }

    /// Makes a token whose secret can be looked at again.
    static func issue(
        _ purpose: IntegrationToken.Purpose, under credential: ID<IntegrationCredential>, _ act: Act
    ) throws -> (token: IntegrationToken, secret: Secret) {
        let secret = Secret.random(purpose.secretKind)
        let id = ID<IntegrationToken>.random()
        let sealed = try act.desk.keys.ring.seal(
            Data(secret.revealed().utf8), for: IntegrationToken.sealingPurpose(of: id, in: act.organization))
        let token = IntegrationToken(
            id: id, organization: act.organization, credential: credential, purpose: purpose,
            digest: act.desk.keys.digest(of: secret), hint: secret.hint, sealed: sealed, createdAt: act.now)
        try IntegrationTable(act.connection).insert(token)
        act.transaction.announce(.integrationToken(id))
        return (token, secret)
    }

    /// Takes tokens away; the roster knows before the act is answered.
    static func end(_ tokens: [IntegrationToken], _ act: Act) throws {
        try IntegrationTable(act.connection).end(tokens, at: act.now)
        for token in tokens { act.transaction.announce(.integrationToken(token.id)) }
    }

    /// Opens the sealed secret of a token.
    static func open(_ token: IntegrationToken, _ desk: Desk) throws -> Revealed {
        let purpose = IntegrationToken.sealingPurpose(of: token.id, in: token.organization)
        guard let sealed = token.sealed, let plain = desk.keys.ring.open(sealed, for: purpose), let secret = Secret(plain)
        else { throw OperationError.defect("the secret of \(token.id.text) cannot be opened") }
        return revealed(secret, desk)
    }

    static func revealed(_ secret: Secret, _ desk: Desk) -> Revealed {
        Revealed(
            secret: secret.revealed(), header: "Authorization: " + BearerMethod().header(presenting: secret),
            curl: CurlLine.text(reporting: secret, to: desk.ingestURL))
    }

    static func requireTyped(_ typed: String, _ name: Label) throws(OperationError) {
        guard typed == name.text else {
            throw .invalid(field: "confirm_name", "must be the name of what is to be deleted, as it is written.")
        }
    }

    private static func regenerate(_ credential: IntegrationCredential, _ act: Act) throws -> Revealed? {
        let ended = try endAll(of: credential.id, act)
        var details = ["name": credential.name.text, "ended_tokens": "\(ended)"]
        let revealed: Revealed?
        switch credential.kind {
        case .hitsFailure:
            let issued = try issue(.activate, under: credential.id, act)
            details["hint"] = issued.token.hint
            revealed = Self.revealed(issued.secret, act.desk)
        case .deploy:
            revealed = nil
            for application in try ApplicationTable(act.connection).list(of: credential.id) {
                _ = try issue(.reportDeploys(application.id), under: credential.id, act)
            }
        }
        try act.record(.credentialRegenerate, credential.id.text, details)
        return revealed
    }

    private static func endAll(of credential: ID<IntegrationCredential>, _ act: Act) throws -> Int {
        let tokens = try IntegrationTable(act.connection).living(of: credential, at: act.now)
        try end(tokens, act)
        return tokens.count
    }

    private static func shown(
        _ credential: IntegrationCredential, now: Timestamp, _ connection: any Connection, revealed: Revealed? = nil
    ) throws -> Shown {
        let table = IntegrationTable(connection)
        return Shown(
            credential: credential, token: try table.integrationToken(of: credential.id),
            activationCount: Int(clamping: try table.livingActivations(of: credential.id, at: now)),
            applicationCount: try ApplicationTable(connection).list(of: credential.id).count, revealed: revealed)
    }

    private static func requireFree(_ name: Label, _ act: Act) throws {
        guard try IntegrationTable(act.connection).find(name: name.text, in: act.organization) == nil else {
            throw OperationError.conflict(code: "name_taken", "Another credential has that name. Choose another.")
        }
    }

    // Said before it happens (E9): whoever only wants another name must not lose a secret by it.
    private static func requireNoRule(_ credential: IntegrationCredential, _ act: Act) throws {
        guard try OrganizationTable(act.connection).find(act.organization)?.renameRegenerates ?? false else { return }
        let count = try IntegrationTable(act.connection).living(of: credential.id, at: act.now).count
        throw OperationError.conflict(
            code: "rename_regenerates",
            "It is a rule of this organization that a credential gets a new token with a new name. The old token and all that were "
                + "made by it, \(count) in all, would stop at once. If that is meant, send `regenerate` as true too.")
    }

    private static func lifetime(
        _ seconds: Int64?, of kind: IntegrationCredential.Kind
    ) throws(OperationError) -> Interval? {
        guard let seconds else { return nil }
        guard kind == .hitsFailure else {
            throw .invalid(field: "activation_lifetime_seconds", "is for Hits/Failure credentials; leave it out.")
        }
        guard Limits.activationLifetimeSeconds.contains(seconds) else {
            throw .invalid(field: "activation_lifetime_seconds", "must be 60 to 31536000, or null for no end.")
        }
        return .seconds(seconds)
    }
}
