import Domain
import Foundation
import HTTPTypes
import Manage
import Storage
import WebSupport

/// A token: what it opens, its secrets, its limits and its state (N5–N7, P5–P7).
enum TokenPages {
    static let list: [PageRoute] =
        [
            PageRoute(.get, "/tokens/:id", .readTokens) { try await one($0) },
            PageRoute(.post, "/tokens/:id/saved", .readTokens) { try await saved($0) },
        ] + TokenForms.list + TokenActs.list

    // MARK: Shared by pages of tokens

    /// The part of the navigation that a token belongs to.
    static func section(of token: Token, _ request: PageRequest) -> Section {
        switch token.scope {
        case .app: .webhooks
        case .api: .integrations
        case .management: token.owner == request.actor.account ? .own : .accounts
        }
    }

    /// The pages above a token's.
    static func crumbs(above token: Token, _ webhook: Webhook?, _ request: PageRequest) -> [PageRequest.Crumb] {
        let section = section(of: token, request)
        var crumbs = [request.crumb(section)]
        if case .app = token.scope, let webhook {
            crumbs.append(.init("/webhooks/\(webhook.id.text)", webhook.name.text))
        }
        if section == .accounts { crumbs.append(.init("/accounts/\(token.owner.text)", request.words["token.owner"])) }
        return crumbs
    }

    /// The pages above one of a token's own pages.
    static func crumbs(_ token: Token, _ request: PageRequest) async throws -> [PageRequest.Crumb] {
        try await crumbs(above: token, webhook(of: token, request), request) + [.init(path(token), token.name.text)]
    }

    static func path(_ token: Token) -> String { "/tokens/\(token.id.text)" }

    /// The webhook that an app token opens; `nil` for other tokens, or if it is gone.
    static func webhook(of token: Token, _ request: PageRequest) async throws -> Webhook? {
        guard case .app(let id) = token.scope else { return nil }
        return try? await request.operations.webhooks.show(id.text, request.actor)
    }

    private static func hasExpired(_ token: Token, _ request: PageRequest) -> Bool {
        token.expiresAt.map { $0 <= request.now } ?? false
    }

    /// Whether calls with it are let in, as a badge.
    static func state(_ token: Token, _ request: PageRequest) -> Model {
        let (key, tone) = mark(token, request)
        return request.input.badge(key, tone)
    }

    /// The word of its state, and how good that is.
    static func mark(_ token: Token, _ request: PageRequest) -> (key: String, tone: OpenPageRequest.Tone) {
        switch token.state {
        case .active where hasExpired(token, request): ("token.state_expired", .bad)
        case .active: ("token.state_active", .good)
        case .inactive: ("token.state_inactive", .quiet)
        case .deleted: ("token.state_deleted", .quiet)
        }
    }

    /// The secret that was used last.
    static func lastUse(_ entry: TokenTable.Entry) -> SecretRecord? {
        entry.secrets.filter { $0.lastUsedAt != nil }.max {
            ($0.lastUsedAt ?? $0.createdAt) < ($1.lastUsedAt ?? $1.createdAt)
        }
    }

    /// Whether the reader may change it, as operations decide it.
    static func mayChange(_ token: Token, _ request: PageRequest) -> Bool {
        guard request.may(.changeOwnTokens) else { return false }
        return request.may(.changeAllTokens) || (token.owner == request.actor.account && token.scope != .api)
    }

    /// Whether the reader may have its secret: a person's management token speaks for that person alone.
    static func mayRotate(_ token: Token, _ owner: AccountOperations.Shown?, _ request: PageRequest) -> Bool {
        guard mayChange(token, request) else { return false }
        guard token.scope == .management, token.owner != request.actor.account else { return true }
        return owner?.member.account.kind == .service
    }

    // MARK: The page

    private static func one(_ request: PageRequest) async throws -> PageAnswer {
        let entry = try await request.operations.tokens.show(request.id, request.actor)
        let token = entry.token
        let webhook = try await webhook(of: token, request)
        let owners = try await Owners([token.owner], request)
        let owner = try? await request.operations.accounts.show(token.owner.text, request.actor)
        var model = facts(entry, owners, request)
        model["opens"] = opens(token, webhook, request)
        model["secrets"] = secrets(entry, request)
        model["hasOverlap"] = entry.secrets.contains { isEnding($0, request) }
        model["canRotate"] = token.state.isActive && mayRotate(token, owner, request)
        model["impact"] = request.input.impact(try await request.operations.tokens.impact(token.id.text, request.actor))
        return try request.page(
            "token", title: token.name.text, in: section(of: token, request), crumbs: crumbs(above: token, webhook, request),
            model)
    }

    private static func facts(_ entry: TokenTable.Entry, _ owners: Owners, _ request: PageRequest) -> Model {
        let token = entry.token
        let words = request.words
        let last = lastUse(entry)
        let mayChange = mayChange(token, request)
        return [
            "path": path(token), "id": token.id.text, "kind": words["token.kind_\(token.scope.name)"],
            "state": state(token, request), "isActive": token.state.isActive, "stopped": stopped(token, owners, request),
            "description": token.description.text.orFalseIfEmpty,
            "owner": owners.model(token.owner, request), "createdAt": request.input.time(token.createdAt),
            "expiresAt": request.input.time(token.expiresAt),
            "networks": token.networks.isEmpty ? false : token.networks.map { ["text": $0.text] as Model } as Any,
            "rate": token.rateLimitPerMinute.map { words("token.rate_per_minute", ["n": $0]) as Any } ?? false,
            "isManagement": token.scope == .management, "mayReveal": token.mayReveal,
            "lastAt": request.input.time(last?.lastUsedAt), "lastAddress": last?.lastAddress ?? false,
            "uses": words.number(entry.secrets.reduce(0) { $0 + $1.useCount }),
            "mayChange": mayChange, "mayTransfer": request.may(.changeAllTokens) && token.scope != .management,
            "edit": words[token.scope == .api ? "integration.update" : "token.edit"],
        ]
    }

    // Why callers are refused now, and what to do about it; false if they are not.
    private static func stopped(_ token: Token, _ owners: Owners, _ request: PageRequest) -> Any {
        let words = request.words
        if case .inactive(let since, let reason) = token.state {
            return words("token.stopped_\(reason.rawValue)", ["since": words.moment(since)])
        }
        if let expiresAt = token.expiresAt, expiresAt <= request.now {
            return words("token.stopped_expired", ["since": words.moment(expiresAt)])
        }
        guard owners.isInactive(token.owner) else { return false }
        return words("token.stopped_owner", ["name": owners.name(token.owner, words)])
    }

    private static func opens(_ token: Token, _ webhook: Webhook?, _ request: PageRequest) -> Model {
        switch token.scope {
        case .app(let id):
            [
                "text": false, "href": webhook == nil ? false : "/webhooks/\(id.text)" as Any,
                "name": webhook?.name.text ?? id.text,
            ]
        case .api: ["text": request.words["token.opens_all"], "href": false, "name": false]
        case .management:
            [
                "text": request.words[token.mayReveal ? "token.opens_rest_reveal" : "token.opens_rest"],
                "href": false, "name": false,
            ]
        }
    }

    private static func isEnding(_ secret: SecretRecord, _ request: PageRequest) -> Bool {
        secret.endsAt != nil && !secret.hasEnded(at: request.now)
    }

    // N6: each secret with its last use, so that the old one's end can be decided by looking.
    private static func secrets(_ entry: TokenTable.Entry, _ request: PageRequest) -> [Model] {
        entry.secrets.map { secret in
            let state: Model =
                if let endsAt = secret.endsAt {
                    [
                        "text": secret.hasEnded(at: request.now)
                            ? request.words["token.secret_ended"]
                            : request.words("token.secret_ends", ["when": request.words.distance(endsAt, now: request.now)]),
                        "tone": secret.hasEnded(at: request.now) ? "quiet" : "warn",
                    ]
                } else {
                    request.input.badge("token.secret_current", .good)
                }
            return [
                "hint": "\(secret.hint)…", "state": state, "endsAt": request.input.time(secret.endsAt),
                "createdAt": request.input.time(secret.createdAt), "uses": request.words.number(secret.useCount),
                "lastAt": request.input.time(secret.lastUsedAt), "lastAddress": secret.lastAddress ?? false,
            ]
        }
    }

    // MARK: After a secret was shown

    private static func saved(_ request: PageRequest) async throws -> PageAnswer {
        let token = try await request.operations.tokens.show(request.id, request.actor).token
        let next = request.form["next"] == "list" ? "list" : "token"
        guard !request.form.isTicked("saved"), let secret = PresentedSecret(request.form.text("secret")) else {
            return .go(to: next == "list" ? place(of: token) : path(token), done: "token_saved")
        }
        var answer = try await request.secretPage(
            secret, of: token, title: token.name.text, text: request.words["token.secret_text"], next: next,
            fault: request.unsaved)
        answer.status = 422
        return answer
    }

    /// Where tokens of its kind are listed.
    static func place(of token: Token) -> String {
        switch token.scope {
        case .app(let webhook): "/webhooks/\(webhook.text)"
        case .api: "/integrations"
        case .management: path(token)
        }
    }
}
