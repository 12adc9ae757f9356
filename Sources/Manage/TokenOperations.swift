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
        /// Networks it may be used from, as CIDR; none is everywhere (N7).
        package var networks: [String]?
        package var rateLimitPerMinute: Int64?
        /// Whether sealed secrets may be looked at with it (E7); only for a management token.
        package var mayReveal: Bool
        /// The actor's own, in a session, where it may.
        package var password: String?

        package init(
            kind: Kind, webhook: String? = nil, owner: String? = nil, name: String, description: String? = nil,
            expiresAt: Timestamp? = nil, networks: [String]? = nil, rateLimitPerMinute: Int64? = nil,
            mayReveal: Bool = false, password: String? = nil
        ) {
            self.kind = kind
            self.webhook = webhook
            self.owner = owner
            self.name = name
            self.description = description
            self.expiresAt = expiresAt
            self.networks = networks
            self.rateLimitPerMinute = rateLimitPerMinute
            self.mayReveal = mayReveal
            self.password = password
        }
    }

    /// What to change; `nil` leaves it as it is, an inner `nil` lifts a limit.
    package struct Edit: Sendable {
        package var name: String?
        package var description: String?
        package var expiresAt: Timestamp??
        package var networks: [String]?
        package var rateLimitPerMinute: Int64??

        package init(
            name: String? = nil, description: String? = nil, expiresAt: Timestamp?? = nil, networks: [String]? = nil,
            rateLimitPerMinute: Int64?? = nil
        ) {
            self.name = name
            self.description = description
            self.expiresAt = expiresAt
            self.networks = networks
            self.rateLimitPerMinute = rateLimitPerMinute
        }
    }

    /// What a token is made with, checked.
    struct Terms: Sendable {
        var name: Label
        var description = Label.empty
        var expiresAt: Timestamp?
        var networks: [IPNetwork] = []
        var rateLimitPerMinute: Int64?
        var mayReveal = false
    }

    /// A token with a new secret, which is shown this once (P3, N6).
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

    /// - Parameter owner: account id or login; all when `nil`.
    package func list(
        owner: String? = nil, after: String?, limit: Int?, _ actor: Actor
    ) async throws -> Page<TokenTable.Entry> {
        let limit = try Limits.page(limit)
        let after: ID<Token>? = try Cursor.id(after)
        return try await desk.look(actor, .readTokens) { connection in
            let owner = try owner.map {
                try AccountOperations.find($0, in: actor.organization, connection, field: "owner").account.id
            }
            let read = try TokenTable(connection).list(
                in: actor.organization, owner: owner, after: after, limit: limit + 1)
            return Page(read, limit: limit) { $0.token.id.text }
        }
    }

    /// Tokens of one kind (P1).
    package func list(_ kind: Kind, after: String?, limit: Int?, _ actor: Actor) async throws -> Page<TokenTable.Entry> {
        let limit = try Limits.page(limit)
        let after: ID<Token>? = try Cursor.id(after)
        return try await desk.look(actor, .readTokens) { connection in
            let read = try TokenTable(connection).list(
                in: actor.organization, kind: kind.rawValue, after: after, limit: limit + 1)
            return Page(read, limit: limit) { $0.token.id.text }
        }
    }

    /// The app tokens of a webhook, at most 500 (D3).
    package func list(ofWebhook reference: String, _ actor: Actor) async throws -> [TokenTable.Entry] {
        try await desk.look(actor, .readTokens) { connection in
            let webhook = try WebhookOperations.find(reference, in: actor.organization, connection)
            return try TokenTable(connection).list(
                in: actor.organization, kind: Kind.app.rawValue, webhook: webhook.id, after: nil,
                limit: Limits.pageItems.upperBound)
        }
    }

    package func show(_ id: String, _ actor: Actor) async throws -> TokenTable.Entry {
        try await desk.look(actor, .readTokens) { try Self.find(id, in: actor.organization, $0) }
    }

    /// Makes a token (D2, D4, P1, P2). It works when this returns.
    package func create(_ draft: Draft, _ actor: Actor) async throws -> Created {
        let terms = Terms(
            name: try Label.name(draft.name), description: try Label.description(draft.description),
            expiresAt: try Self.expiry(draft.expiresAt, isManagement: draft.kind == .management, now: desk.clock.now()),
            networks: try Self.networks(draft.networks ?? []),
            rateLimitPerMinute: try Self.rate(draft.rateLimitPerMinute, isManagement: draft.kind == .management),
            mayReveal: draft.mayReveal)
        if draft.mayReveal {
            guard draft.kind == .management else {
                throw OperationError.invalid(field: "scopes", "are for management tokens; leave them out.")
            }
            try await Reveal(desk).prove(draft.password, before: "tokens", actor)
        }
        return try await desk.act(actor, .changeOwnTokens) { act in
            let (scope, defaultOwner) = try Self.scope(draft, act)
            let owner = try draft.owner.map {
                try AccountOperations.find($0, in: act.organization, act.connection, field: "owner").account.id
            }
            return try Self.issue(scope, owner: owner ?? defaultOwner, terms, act)
        }
    }

    /// Changes what can be changed without a new secret (P4, N7).
    package func edit(_ id: String, _ edit: Edit, _ actor: Actor) async throws -> TokenTable.Entry {
        let name = try edit.name.map { try Label.name($0) }
        let description = try edit.description.map { try Label.description($0) }
        let networks = try edit.networks.map { try Self.networks($0) }
        return try await change(id, .tokenEdit, actor) { token, now throws(OperationError) in
            let isManagement = token.scope == .management
            token.name = name ?? token.name
            token.description = description ?? token.description
            token.networks = networks ?? token.networks
            if let rate = edit.rateLimitPerMinute {
                token.rateLimitPerMinute = try Self.rate(rate, isManagement: isManagement)
            }
            if let expiresAt = edit.expiresAt, expiresAt != token.expiresAt {
                guard expiresAt != nil || !isManagement else {
                    throw .invalid(field: "expires_at", "a management token always ends; name a moment.")
                }
                token.expiresAt = try expiresAt.flatMap { moment throws(OperationError) in
                    try Self.expiry(moment, isManagement: isManagement, now: now)
                }
            }
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

    /// Gives a token a new secret; those before go on working for the overlap, or end at once without one (N6).
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `too_many_secrets` if too many work at the same time already,
    ///   `token_inactive` for a token that is switched off.
    package func rotate(
        _ id: String, overlap: Interval?, password: String? = nil, _ actor: Actor
    ) async throws -> Created {
        let overlap = overlap ?? Overlap.standard
        guard overlap >= Interval(microseconds: 0), overlap <= Overlap.longest else {
            throw OperationError.invalid(field: "overlap_seconds", "must be 0 to 604800, seven days.")
        }
        // Its new secret opens what is sealed, so getting it is like a look at that.
        let token = try await show(id, actor).token
        if token.mayReveal { try await Reveal(desk).prove(password, before: token.id.text, actor) }
        return try await desk.act(actor, .changeOwnTokens) { act in
            let entry = try Self.findOwn(id, act)
            try Self.requireSpeaking(for: entry.token.owner, entry.token.scope, act)
            guard entry.token.state.isActive else {
                throw OperationError.conflict(
                    code: "token_inactive", "An inactive token gets no new secret. Activate it first.")
            }
            let living = entry.secrets.filter { !$0.hasEnded(at: act.now) }
            guard overlap == Interval(microseconds: 0) || living.count < Overlap.secretsMax else {
                throw OperationError.conflict(
                    code: "too_many_secrets",
                    "\(living.count) secrets of this token work already. End the overlap first, or rotate without one.")
            }
            for var secret in living {
                secret.endsAt = Overlap.end(of: secret, rotatedAt: act.now, overlap: overlap)
                try TokenTable(act.connection).update(secret)
            }
            let secret = Secret.random(entry.token.scope.secretKind)
            try TokenTable(act.connection).insert(Self.record(secret, of: entry.token.id, act))
            try TokenTable(act.connection).dropEnded(
                of: entry.token.id, now: act.now, keeping: Overlap.endedSecretsMax)
            act.transaction.announce(.token(entry.token.id))
            try act.record(
                .tokenRotate, entry.token.id.text,
                [
                    "name": entry.token.name.text, "hint": secret.hint,
                    "overlap_seconds": "\(overlap.microseconds / 1_000_000)",
                ])
            return try Self.shown(secret, try Self.find(id, in: act.organization, act.connection), act)
        }
    }

    /// Ends every secret but the newest, now (N6). Safe to repeat.
    package func endOverlap(_ id: String, _ actor: Actor) async throws -> TokenTable.Entry {
        try await desk.act(actor, .changeOwnTokens) { act in
            let entry = try Self.findOwn(id, act)
            let ending = entry.secrets.filter { $0.endsAt != nil && !$0.hasEnded(at: act.now) }
            guard !ending.isEmpty else { return entry }
            for var secret in ending {
                secret.endsAt = act.now
                try TokenTable(act.connection).update(secret)
            }
            act.transaction.announce(.token(entry.token.id))
            try act.record(
                .tokenEndOverlap, entry.token.id.text,
                ["name": entry.token.name.text, "ended": ending.map(\.hint).joined(separator: " ")])
            return try Self.find(id, in: act.organization, act.connection)
        }
    }

    /// Makes another account the owner; the secret does not change and callers notice nothing (D9).
    package func transfer(_ id: String, to target: String, _ actor: Actor) async throws -> TokenTable.Entry {
        try await desk.act(actor, .changeAllTokens) { act in
            let entry = try Self.find(id, in: act.organization, act.connection)
            let owner = try AccountOperations.find(target, in: act.organization, act.connection, field: "to")
            guard entry.token.scope != .management else {
                throw OperationError.conflict(
                    code: "management_token", "A management token speaks for its owner alone. Make a new one instead.")
            }
            if entry.token.owner != owner.account.id { try Self.transfer(entry, to: owner, act) }
            return try Self.find(id, in: act.organization, act.connection)
        }
    }

    /// What was called with a token, to look at before something is done to it (N5).
    package func impact(_ id: String, _ actor: Actor) async throws -> Impact {
        let today = desk.clock.now().day
        return try await desk.lookAtUses(actor, .readTokens) { connection in
            let entry = try Self.find(id, in: actor.organization, connection)
            return try Impact.of(
                [entry.token], subject: entry.token.id.text, in: actor.organization, today: today, connection)
        }
    }

    /// Reads the id by which a listing is narrowed to one token; it need not exist any more.
    static func id(_ text: String) throws(OperationError) -> ID<Token> {
        guard let id = ID<Token>(text) else { throw .invalid(field: "token", "must be the id of a token, `tok_…`.") }
        return id
    }

    /// The one webhook that a token opens; `nil` if it opens all, or is gone.
    static func webhook(
        of token: ID<Token>, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> ID<Webhook>? {
        guard case .app(let webhook)? = try TokenTable(connection).find(token, in: organization)?.token.scope else {
            return nil
        }
        return webhook
    }

    // MARK: Inside an act

    /// Makes a token inside an act that checked the rest.
    static func issue(_ scope: Token.Scope, owner: ID<Account>, _ terms: Terms, _ act: Act) throws -> Created {
        if owner != act.actor.account || scope == .api { try act.actor.require(.changeAllTokens) }
        try requireSpeaking(for: owner, scope, act)
        let token = Token(
            id: .random(), organization: act.organization, scope: scope, owner: owner, name: terms.name,
            description: terms.description, state: .active, createdAt: act.now, expiresAt: terms.expiresAt,
            networks: terms.networks, rateLimitPerMinute: terms.rateLimitPerMinute, mayReveal: terms.mayReveal)
        let secret = Secret.random(scope.secretKind)
        let record = record(secret, of: token.id, act)
        try TokenTable(act.connection).insert(token, with: record)
        act.transaction.announce(.token(token.id))
        try act.record(
            .tokenCreate, token.id.text,
            ["kind": scope.name, "name": terms.name.text, "owner": owner.text, "hint": secret.hint])
        return try shown(secret, TokenTable.Entry(token: token, secrets: [record]), act)
    }

    /// Moves a token inside an act that checked the rest.
    static func transfer(_ entry: TokenTable.Entry, to owner: AccountTable.Member, _ act: Act) throws {
        guard owner.membership.state.isActive else {
            throw OperationError.conflict(
                code: "owner_inactive", "That account is inactive, so callers would be refused. Reactivate it first.")
        }
        var token = entry.token
        token.owner = owner.account.id
        try TokenTable(act.connection).update(token)
        act.transaction.announce(.token(token.id))
        try act.record(
            .tokenTransfer, token.id.text,
            ["name": token.name.text, "from": entry.token.owner.text, "to": owner.account.id.text])
    }

    // A management token acts with its owner's rights, so having the secret of a person's would be becoming that person. A service
    // account has nobody who could make its own.
    private static func requireSpeaking(for owner: ID<Account>, _ scope: Token.Scope, _ act: Act) throws {
        guard scope == .management, owner != act.actor.account else { return }
        let member = try AccountOperations.find(owner.text, in: act.organization, act.connection, field: "owner")
        guard member.account.kind == .service else {
            throw OperationError.conflict(
                code: "management_token_of_another", "A person's management token can only be made by that person.")
        }
        try act.requireManaging(member.membership.role)
    }

    private static func record(_ secret: Secret, of token: ID<Token>, _ act: Act) -> SecretRecord {
        let keyed = act.desk.keys.digest(of: secret)
        return SecretRecord(
            digest: keyed.digest, token: token, hint: secret.hint, keyNumber: keyed.keyNumber, createdAt: act.now)
    }

    private static func shown(_ secret: Secret, _ entry: TokenTable.Entry, _ act: Act) throws -> Created {
        let webhook = try sampleWebhook(entry.token.scope, in: act.organization, act.connection)
        let presented = PresentedSecret(secret)
        return Created(
            entry: entry, secret: presented.text, header: presented.bearerHeader, basic: presented.basic,
            curl: webhook.map { CurlLine.text(url: act.desk.url(of: $0.id), presented, accepts: $0.accepts) })
    }

    /// A webhook that a token opens, for the line that tries it out; one that takes calls, if there is any.
    package func sampleWebhook(_ scope: Token.Scope, _ actor: Actor) async throws -> Webhook? {
        try await desk.look(actor, .readWebhooks) { try Self.sampleWebhook(scope, in: actor.organization, $0) }
    }

    private static func sampleWebhook(
        _ scope: Token.Scope, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> Webhook? {
        let table = WebhookTable(connection)
        switch scope {
        case .app(let webhook): return try table.find(webhook, in: organization)
        case .api:
            let webhooks = try table.list(in: organization, after: nil, limit: 50)
            return webhooks.first { $0.state == .active } ?? webhooks.first
        case .management: return nil
        }
    }

    private static func scope(_ draft: Draft, _ act: Act) throws -> (Token.Scope, owner: ID<Account>) {
        switch (draft.kind, draft.webhook) {
        case (.app, let reference?):
            let webhook = try WebhookOperations.find(reference, in: act.organization, act.connection)
            return (.app(webhook.id), try appOwner(webhook, act))
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

    // The account that made the webhook (D2), unless it has left or the actor may make tokens for nobody else.
    private static func appOwner(_ webhook: Webhook, _ act: Act) throws -> ID<Account> {
        guard act.actor.may(.changeAllTokens),
            let maker = try AccountTable(act.connection).find(webhook.owner, in: act.organization),
            !maker.membership.state.isDeleted
        else { return act.actor.account }
        return webhook.owner
    }

    private static func expiry(
        _ wanted: Timestamp?, isManagement: Bool, now: Timestamp
    ) throws(OperationError) -> Timestamp? {
        if let wanted, wanted <= now { throw .invalid(field: "expires_at", "must lie in the future.") }
        guard isManagement else { return wanted }
        let latest = now.adding(Limits.managementTokenLifetimeMax)
        if let wanted, wanted > latest {
            throw .invalid(field: "expires_at", "a management token lives at most 365 days.")
        }
        return wanted ?? latest
    }

    private static func networks(_ texts: [String]) throws(OperationError) -> [IPNetwork] {
        guard texts.count <= Limits.networksPerTokenMax else {
            throw .invalid(field: "networks", "takes at most \(Limits.networksPerTokenMax).")
        }
        return try texts.map { text throws(OperationError) in
            guard let network = IPNetwork(text) else {
                throw .invalid(
                    field: "networks",
                    "`\(text.prefix(60))` is no network; write 192.0.2.0/24 or 2001:db8::/32, or one address.")
            }
            return network
        }
    }

    private static func rate(_ limit: Int64?, isManagement: Bool) throws(OperationError) -> Int64? {
        guard let limit else { return nil }
        guard !isManagement else {
            throw .invalid(field: "rate_limit_per_minute", "is for tokens of callers; leave it out.")
        }
        guard Limits.rateLimitPerMinute.contains(limit) else {
            throw .invalid(field: "rate_limit_per_minute", "must be 1 to 1000000, or null for no limit.")
        }
        return limit
    }

    private func change(
        _ id: String, _ action: AuditEntry.Action, _ actor: Actor,
        _ edit: @escaping @Sendable (inout Token, Timestamp) throws(OperationError) -> Void
    ) async throws -> TokenTable.Entry {
        try await desk.act(actor, .changeOwnTokens) { act in
            let entry = try Self.findOwn(id, act)
            var token = entry.token
            try edit(&token, act.now)
            guard token != entry.token else { return entry }
            try TokenTable(act.connection).update(token)
            act.transaction.announce(.token(token.id))
            try act.record(action, token.id.text, ["name": token.name.text, "hint": entry.secrets.first?.hint ?? ""])
            return TokenTable.Entry(token: token, secrets: entry.secrets)
        }
    }

    // An app or management token of the actor; or anybody's, and those that open all webhooks, for who may change them all. Through its management tokens nobody touches an account that
    // is above the own role.
    private static func findOwn(_ id: String, _ act: Act) throws -> TokenTable.Entry {
        let entry = try find(id, in: act.organization, act.connection)
        let owner = entry.token.owner
        if owner == act.actor.account, entry.token.scope != .api { return entry }
        try act.actor.require(.changeAllTokens)
        if owner == act.actor.account { return entry }
        if entry.token.scope == .management, let member = try AccountTable(act.connection).find(owner, in: act.organization) {
            try act.requireManaging(member.membership.role)
        }
        return entry
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
