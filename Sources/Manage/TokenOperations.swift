import AuthMethods
import Domain
import Storage

/// Tokens of the actor's organization.
package struct TokenOperations: Sendable {
    private let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    package enum Kind: String, Sendable, CaseIterable {
        case app, api, management
    }

    /// A new token, as it is asked for.
    package struct Draft: Sendable {
        package var kind: Kind
        /// The webhook that an app token opens; for no other kind.
        package var webhook: String?
        /// Account id or login; by default the webhook's creator for an app token (D2), else the actor.
        package var owner: String?
        package var name: String
        package var description: String?
        /// By default never; for a management token after a year.
        package var expiresAt: Timestamp?

        package init(
            kind: Kind, webhook: String? = nil, owner: String? = nil, name: String, description: String? = nil,
            expiresAt: Timestamp? = nil
        ) {
            self.kind = kind
            self.webhook = webhook
            self.owner = owner
            self.name = name
            self.description = description
            self.expiresAt = expiresAt
        }
    }

    /// A new token and its secret, which is shown this once (P3).
    package struct Created: Sendable {
        package let entry: TokenTable.Entry
        /// The 43 characters.
        package let secret: String
        /// The `Authorization` header with the secret as Bearer token.
        package let header: String
        /// What stands behind `Basic` in that header.
        package let basic: String
        /// A line for the shell that calls with it; `nil` for a management token, or if there is no webhook yet.
        package let curl: String?
    }

    package func list(after: String?, limit: Int?, _ actor: Actor) async throws -> Page<TokenTable.Entry> {
        let limit = try Limits.page(limit)
        let after: ID<Token>? = try Cursor.id(after)
        return try await desk.look(actor, .readTokens) { connection in
            let read = try TokenTable(connection).list(in: actor.organization, after: after, limit: limit + 1)
            return Page(read, limit: limit) { $0.token.id.text }
        }
    }

    package func show(_ id: String, _ actor: Actor) async throws -> TokenTable.Entry {
        try await desk.look(actor, .readTokens) { try Self.find(id, in: actor.organization, $0) }
    }

    /// Makes a token (D2, D4, P1, P2). It works when this returns.
    package func create(_ draft: Draft, _ actor: Actor) async throws -> Created {
        let name = try Label.name(draft.name)
        let description = try Label.description(draft.description)
        let expiresAt = try expiry(draft)
        return try await desk.act(actor, .changeOwnTokens) { act in
            let (scope, defaultOwner) = try Self.scope(draft, act)
            let owner = try draft.owner.map {
                try AccountOperations.find($0, in: act.organization, act.connection).account.id
            }
            let created = try Self.issue(
                scope, owner: owner ?? defaultOwner, name: name, description: description, expiresAt: expiresAt, act)
            return created
        }
    }

    /// Changes name and description; the secret stays (P4). `nil` leaves one as it is.
    package func edit(
        _ id: String, name: String?, description: String?, _ actor: Actor
    ) async throws -> TokenTable.Entry {
        let name = try name.map { try Label.name($0) }
        let description = try description.map { try Label.description($0) }
        return try await change(id, .tokenEdit, actor) { token, _ in
            token.name = name ?? token.name
            token.description = description ?? token.description
        }
    }

    /// Switches a token off (P5): no call that starts after this returns is accepted. Safe to repeat.
    package func deactivate(_ id: String, _ actor: Actor) async throws -> TokenTable.Entry {
        try await change(id, .tokenDeactivate, actor) { token, now throws(OperationError) in
            token.state = try Self.step { () throws(LifecycleError) in
                try token.state.deactivated(at: now, reason: .byHand)
            }
        }
    }

    /// Switches a token on again, as fast (P6). Safe to repeat.
    package func activate(_ id: String, _ actor: Actor) async throws -> TokenTable.Entry {
        try await change(id, .tokenActivate, actor) { token, _ throws(OperationError) in
            token.state = try Self.step { () throws(LifecycleError) in try token.state.activated() }
        }
    }

    /// Deletes an inactive token for good (P7); the record stays as a tombstone.
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `token_active` unless it is inactive.
    package func delete(_ id: String, _ actor: Actor) async throws {
        _ = try await change(id, .tokenDelete, actor) { token, now throws(OperationError) in
            token.state = try Self.step { () throws(LifecycleError) in try token.state.deleted(at: now) }
        }
    }

    /// Makes a token inside an act that checked the rest.
    static func issue(
        _ scope: Token.Scope, owner: ID<Account>, name: Label, description: Label, expiresAt: Timestamp?, _ act: Act
    ) throws -> Created {
        if owner != act.actor.account || scope == .api { try act.actor.require(.changeAllTokens) }
        if scope == .management, owner != act.actor.account {
            // A management token acts with its owner's rights, so making one for somebody else would be becoming them.
            throw OperationError.conflict(
                code: "management_token_of_another", "A management token can only be made by its owner.")
        }
        let token = Token(
            id: .random(), organization: act.organization, scope: scope, owner: owner, name: name,
            description: description, state: .active, createdAt: act.now, expiresAt: expiresAt)
        let secret = Secret.random(scope.secretKind)
        let record = SecretRecord(
            digest: secret.digest(under: act.desk.keyRing.current.digestKey), token: token.id, hint: secret.hint,
            createdAt: act.now)
        try TokenTable(act.connection).insert(token, with: record)
        act.transaction.announce(.token(token.id))
        try act.record(
            .tokenCreate, token.id.text,
            ["kind": scope.name, "name": name.text, "owner": owner.text, "hint": secret.hint])
        let webhook = try sampleWebhook(scope, act)
        return Created(
            entry: TokenTable.Entry(token: token, secret: record), secret: secret.revealed(),
            header: "Authorization: " + BearerMethod().header(presenting: secret), basic: BasicMethod().encoded(secret),
            curl: webhook.map { CurlLine.text(url: act.desk.url(of: $0), secret: secret.revealed()) })
    }

    // A webhook that the token opens, for the line that tries it out.
    private static func sampleWebhook(_ scope: Token.Scope, _ act: Act) throws -> ID<Webhook>? {
        switch scope {
        case .app(let webhook): webhook
        case .api: try WebhookTable(act.connection).list(in: act.organization, after: nil, limit: 1).first?.id
        case .management: nil
        }
    }

    private static func scope(_ draft: Draft, _ act: Act) throws -> (Token.Scope, owner: ID<Account>) {
        switch (draft.kind, draft.webhook) {
        case (.app, let reference?):
            let webhook = try WebhookOperations.find(reference, in: act.organization, act.connection)
            return (.app(webhook.id), act.actor.may(.changeAllTokens) ? webhook.owner : act.actor.account)
        case (.app, nil):
            throw OperationError.invalid(field: "webhook", "an app token opens one webhook; say which.")
        case (.api, nil):
            return (.api, act.actor.account)
        case (.management, nil):
            return (.management, act.actor.account)
        case (.api, _), (.management, _):
            throw OperationError.invalid(field: "webhook", "only an app token is bound to a webhook; leave it out.")
        }
    }

    private func expiry(_ draft: Draft) throws(OperationError) -> Timestamp? {
        let now = desk.clock.now()
        if let expiresAt = draft.expiresAt, expiresAt <= now {
            throw .invalid(field: "expires_at", "must lie in the future.")
        }
        guard draft.kind == .management else { return draft.expiresAt }
        let latest = now.adding(Limits.managementTokenLifetimeMax)
        if let expiresAt = draft.expiresAt, expiresAt > latest {
            throw .invalid(field: "expires_at", "a management token lives at most 365 days.")
        }
        return draft.expiresAt ?? latest
    }

    private func change(
        _ id: String, _ action: AuditEntry.Action, _ actor: Actor,
        _ edit: @escaping @Sendable (inout Token, Timestamp) throws(OperationError) -> Void
    ) async throws -> TokenTable.Entry {
        try await desk.act(actor, .changeOwnTokens) { act in
            let entry = try Self.find(id, in: act.organization, act.connection)
            if entry.token.owner != act.actor.account { try act.actor.require(.changeAllTokens) }
            var token = entry.token
            try edit(&token, act.now)
            guard token != entry.token else { return entry }
            try TokenTable(act.connection).update(token)
            act.transaction.announce(.token(token.id))
            try act.record(action, token.id.text, ["name": token.name.text, "hint": entry.secret.hint])
            return TokenTable.Entry(token: token, secret: entry.secret)
        }
    }

    private static func find(
        _ id: String, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> TokenTable.Entry {
        guard let id = ID<Token>(id), let entry = try TokenTable(connection).find(id, in: organization) else {
            throw OperationError.notFound("token")
        }
        return entry
    }

    private static func step(_ next: () throws(LifecycleError) -> Lifecycle) throws(OperationError) -> Lifecycle {
        do throws(LifecycleError) {
            return try next()
        } catch {
            throw error.operationError("token")
        }
    }
}
