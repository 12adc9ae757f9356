import Contract
import Domain
import Foundation
import HTTPTypes
import Manage
import Storage

enum TokenRoutes {
    static let list: [Route] = [
        Route(.get, "tokens", .readTokens, query: ["after", "limit"]) { request, operations in
            let page = try await operations.tokens.list(after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map { TokenView($0) }, next: page.next))
        },
        Route(.post, "tokens", .changeOwnTokens) { request, operations in
            let asked = try request.decode(
                NewToken.self, fields: ["kind", "webhook", "owner", "name", "description", "expires_at"])
            let created = try await operations.tokens.create(draft(asked), request.actor)
            return try .secret(TokenView(created))
        },
        Route(.get, "tokens/:id", .readTokens) { request, operations in
            try .json(TokenView(try await operations.tokens.show(request.id, request.actor)))
        },
        Route(.patch, "tokens/:id", .changeOwnTokens) { request, operations in
            let edit = try request.decode(TokenEdit.self, fields: ["name", "description"])
            let entry = try await operations.tokens.edit(
                request.id, name: edit.name, description: edit.description, request.actor)
            return try .json(TokenView(entry))
        },
        Route(.post, "tokens/:id/deactivate", .changeOwnTokens) { request, operations in
            try .json(TokenView(try await operations.tokens.deactivate(request.id, request.actor)))
        },
        Route(.post, "tokens/:id/activate", .changeOwnTokens) { request, operations in
            try .json(TokenView(try await operations.tokens.activate(request.id, request.actor)))
        },
        Route(.delete, "tokens/:id", .changeOwnTokens) { request, operations in
            try await operations.tokens.delete(request.id, request.actor)
            return .nothing
        },
    ]

    private static func draft(_ asked: NewToken) throws(OperationError) -> TokenOperations.Draft {
        TokenOperations.Draft(
            kind: try word(asked.kind, field: "kind"), webhook: asked.webhook, owner: asked.owner, name: asked.name,
            description: asked.description, expiresAt: try moment(asked.expiresAt))
    }

    private static func moment(_ text: String?) throws(OperationError) -> Timestamp? {
        guard let text else { return nil }
        for hasFraction in [false, true] {
            let format = Date.ISO8601FormatStyle(includingFractionalSeconds: hasFraction)
            if let date = try? format.parse(text), let seconds = Int64(exactly: date.timeIntervalSince1970.rounded(.down)) {
                return Timestamp(seconds: seconds)
            }
        }
        throw .invalid(field: "expires_at", "must be a moment as in RFC 3339, 2027-01-31T12:00:00Z for example.")
    }
}

extension TokenView {
    init(_ entry: TokenTable.Entry) {
        let token = entry.token
        let state = StateWords(token.state)
        let webhook: String? = if case .app(let webhook) = token.scope { webhook.text } else { nil }
        self.init(
            id: token.id.text, kind: token.scope.name, webhook: webhook, owner: token.owner.text, name: token.name.text,
            description: token.description.text, state: state.state, inactiveSince: state.since,
            inactiveReason: state.reason, hint: entry.secret.hint, createdAt: token.createdAt.text,
            expiresAt: token.expiresAt?.text, lastUsedAt: entry.secret.lastUsedAt?.text, useCount: entry.secret.useCount)
    }

    /// The one answer that shows the secret.
    init(_ created: TokenOperations.Created) {
        self.init(created.entry)
        secret = created.secret
        header = created.header
        // The REST API takes no Basic authentication.
        basic = created.entry.token.scope == .management ? nil : created.basic
        curl = created.curl
    }
}
