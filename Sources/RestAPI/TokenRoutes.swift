import Contract
import Domain
import Foundation
import HTTPTypes
import Manage
import Storage
import WebSupport

enum TokenRoutes {
    static let list: [Route] = records + acts

    private static let records: [Route] = [
        Route(.get, "tokens", .readTokens, query: ["owner", "after", "limit"]) { request, operations in
            let page = try await operations.tokens.list(
                owner: request.query["owner"], after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map { TokenView($0, now: operations.now) }, next: page.next))
        },
        Route(.post, "tokens", .changeOwnTokens) { request, operations in
            let asked = try request.decode(
                NewToken.self,
                fields: [
                    "kind", "webhook", "owner", "name", "description", "expires_at", "networks", "rate_limit_per_minute",
                    "scopes", "password",
                ])
            let created = try await operations.tokens.create(draft(asked), request.actor)
            return try .secret(TokenView(created, now: operations.now))
        },
        Route(.get, "tokens/:id", .readTokens) { request, operations in
            try .json(TokenView(try await operations.tokens.show(request.id, request.actor), now: operations.now))
        },
        Route(.patch, "tokens/:id", .changeOwnTokens) { request, operations in
            let asked = try request.decode(
                TokenEdit.self, fields: ["name", "description", "expires_at", "networks", "rate_limit_per_minute"])
            return try .json(
                TokenView(try await operations.tokens.edit(request.id, edit(asked), request.actor), now: operations.now))
        },
        Route(.delete, "tokens/:id", .changeOwnTokens) { request, operations in
            try await operations.tokens.delete(request.id, request.actor)
            return .nothing
        },
        Route(.get, "tokens/:id/impact", .readTokens) { request, operations in
            try .json(ImpactView(try await operations.tokens.impact(request.id, request.actor), withTokens: false))
        },
    ]

    private static let acts: [Route] = [
        Route(.post, "tokens/:id/deactivate", .changeOwnTokens) { request, operations in
            try .json(TokenView(try await operations.tokens.deactivate(request.id, request.actor), now: operations.now))
        },
        Route(.post, "tokens/:id/activate", .changeOwnTokens) { request, operations in
            try .json(TokenView(try await operations.tokens.activate(request.id, request.actor), now: operations.now))
        },
        Route(.post, "tokens/:id/rotate", .changeOwnTokens) { request, operations in
            let asked = try request.decode(RotateToken.self, fields: ["overlap_seconds", "password"], mayBeEmpty: true)
            let created = try await operations.tokens.rotate(
                request.id, overlap: asked.overlapSeconds.map { .seconds($0) }, password: asked.password, request.actor)
            return try .secret(TokenView(created, now: operations.now))
        },
        Route(.post, "tokens/:id/end-overlap", .changeOwnTokens) { request, operations in
            try .json(TokenView(try await operations.tokens.endOverlap(request.id, request.actor), now: operations.now))
        },
        Route(.post, "tokens/:id/transfer", .changeAllTokens) { request, operations in
            let asked = try request.decode(TransferToken.self, fields: ["to"])
            return try .json(
                TokenView(try await operations.tokens.transfer(request.id, to: asked.to, request.actor), now: operations.now))
        },
    ]

    private static func draft(_ asked: NewToken) throws(OperationError) -> TokenOperations.Draft {
        TokenOperations.Draft(
            kind: try word(asked.kind, field: "kind"), webhook: asked.webhook, owner: asked.owner, name: asked.name,
            description: asked.description, expiresAt: try moment(asked.expiresAt, field: "expires_at"),
            networks: asked.networks, rateLimitPerMinute: asked.rateLimitPerMinute,
            mayReveal: try mayReveal(asked.scopes ?? []), password: asked.password)
    }

    private static func mayReveal(_ scopes: [String]) throws(OperationError) -> Bool {
        guard scopes.allSatisfy({ $0 == TokenView.revealScope }) else {
            throw .invalid(field: "scopes", "may hold: \(TokenView.revealScope).")
        }
        return !scopes.isEmpty
    }

    private static func edit(_ asked: TokenEdit) throws(OperationError) -> TokenOperations.Edit {
        let expiresAt: Timestamp?? = try asked.expiresAt.wanted.map { text throws(OperationError) in
            try moment(text, field: "expires_at")
        }
        return TokenOperations.Edit(
            name: asked.name, description: asked.description, expiresAt: expiresAt,
            networks: asked.networks.wanted.map { $0 ?? [] }, rateLimitPerMinute: asked.rateLimitPerMinute.wanted)
    }
}

extension TokenView {
    /// - Parameter now: what tells a secret that has ended from one that will.
    init(_ entry: TokenTable.Entry, now: Timestamp) {
        let token = entry.token
        let state = StateWords(token.state)
        let webhook: String? = if case .app(let webhook) = token.scope { webhook.text } else { nil }
        let lastUsed = entry.secrets.filter { $0.lastUsedAt != nil }.max {
            $0.lastUsedAt ?? $0.createdAt < $1.lastUsedAt ?? $1.createdAt
        }
        self.init(
            id: token.id.text, kind: token.scope.name, webhook: webhook, owner: token.owner.text, name: token.name.text,
            description: token.description.text, state: state.state, inactiveSince: state.since,
            inactiveReason: state.reason, hint: entry.secrets.first?.hint ?? "", createdAt: token.createdAt.text,
            expiresAt: token.expiresAt?.text, networks: token.networks.map(\.text),
            rateLimitPerMinute: token.rateLimitPerMinute, lastUsedAt: lastUsed?.lastUsedAt?.text,
            lastAddress: lastUsed?.lastAddress, useCount: entry.secrets.reduce(0) { $0 + $1.useCount },
            secrets: entry.secrets.map { SecretView($0, now: now) },
            scopes: token.mayReveal ? [Self.revealScope] : [])
    }

    /// The one scope there is.
    static let revealScope = "reveal"

    /// The one answer that shows the secret.
    init(_ created: TokenOperations.Created, now: Timestamp) {
        self.init(created.entry, now: now)
        secret = created.secret
        header = created.header
        // The REST API takes no Basic authentication.
        basic = created.entry.token.scope == .management ? nil : created.basic
        curl = created.curl
    }
}

extension SecretView {
    init(_ secret: SecretRecord, now: Timestamp) {
        self.init(
            hint: secret.hint, state: secret.endsAt == nil ? "current" : secret.hasEnded(at: now) ? "ended" : "ending",
            createdAt: secret.createdAt.text,
            endsAt: secret.endsAt?.text, lastUsedAt: secret.lastUsedAt?.text, lastAddress: secret.lastAddress,
            useCount: secret.useCount)
    }
}
