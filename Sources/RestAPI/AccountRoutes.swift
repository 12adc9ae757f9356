import Contract
import Domain
import HTTPTypes
import Manage
import Storage
import WebSupport

enum AccountRoutes {
    static let list: [Route] = records + acts + links

    private static let records: [Route] = [
        Route(.get, "accounts", .readAccounts, query: ["after", "limit"]) { request, operations in
            let page = try await operations.accounts.list(after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map { AccountView($0) }, next: page.next))
        },
        Route(.post, "accounts", .changeAccounts) { request, operations in
            let asked = try request.decode(NewAccount.self, fields: ["kind", "name", "login", "role", "with_token"])
            let created = try await operations.accounts.create(draft(asked), request.actor)
            return try .secret(AccountView(created, now: operations.now))
        },
        Route(.post, "accounts/sweep", .changeAccounts) { request, operations in
            let report = try await operations.accounts.confirmSweep(request.actor)
            return try .json(SweepView(deactivated: report.deactivated.map(\.text)))
        },
        Route(.get, "accounts/:id", .readAccounts) { request, operations in
            try .json(AccountView(try await operations.accounts.show(request.id, request.actor)))
        },
        Route(.patch, "accounts/:id", .changeAccounts) { request, operations in
            let edit = try request.decode(AccountEdit.self, fields: ["name", "role"])
            let role: Role? = try edit.role.map { text throws(OperationError) in try word(text, field: "role") }
            return try .json(
                AccountView(
                    try await operations.accounts.edit(request.id, name: edit.name, role: role, request.actor)))
        },
        Route(.delete, "accounts/:id", .changeAccounts) { request, operations in
            try await operations.accounts.delete(request.id, request.actor)
            return .nothing
        },
        Route(.get, "accounts/:id/impact", .readAccounts) { request, operations in
            try .json(ImpactView(try await operations.accounts.impact(request.id, request.actor), withTokens: true))
        },
    ]

    private static let acts: [Route] = [
        Route(.post, "accounts/:id/deactivate", .changeAccounts) { request, operations in
            try .json(AccountView(try await operations.accounts.deactivate(request.id, request.actor)))
        },
        Route(.post, "accounts/:id/activate", .changeAccounts) { request, operations in
            try .json(AccountView(try await operations.accounts.activate(request.id, request.actor)))
        },
        Route(.post, "accounts/:id/block-sign-in", .changeAccounts) { request, operations in
            try .json(AccountView(try await operations.accounts.blockSignIn(request.id, request.actor)))
        },
        Route(.post, "accounts/:id/allow-sign-in", .changeAccounts) { request, operations in
            try .json(AccountView(try await operations.accounts.allowSignIn(request.id, request.actor)))
        },
        Route(.post, "accounts/:id/end-sessions", .changeAccounts) { request, operations in
            try await operations.accounts.endSessions(request.id, request.actor)
            return .nothing
        },
        Route(.post, "accounts/:id/remove-second-factor", .changeAccounts) { request, operations in
            try await operations.accounts.removeSecondFactor(request.id, request.actor)
            return .nothing
        },
        Route(.post, "accounts/:id/transfer-tokens", .changeAllTokens) { request, operations in
            let asked = try request.decode(TransferTokens.self, fields: ["to", "tokens"])
            let transfer = try await operations.accounts.transferTokens(
                of: request.id, to: asked.to, tokens: asked.tokens, request.actor)
            return try .json(TransferView(moved: transfer.moved.map(\.text), left: transfer.left.map(\.text)))
        },
    ]

    private static let links: [Route] = [
        Route(.post, "accounts/:id/password-reset", .changeAccounts) { request, operations in
            try .secret(OneTimeLinkView(try await operations.accounts.resetPassword(request.id, request.actor)))
        },
        Route(.post, "accounts/:id/invite", .changeAccounts) { request, operations in
            try .secret(OneTimeLinkView(try await operations.accounts.invite(request.id, request.actor)))
        },
        Route(.post, "invitations", .changeAccounts) { request, operations in
            let asked = try request.decode(NewInvitation.self, fields: ["login", "role"])
            let role: Role = try word(asked.role ?? Role.member.rawValue, field: "role")
            return try .secret(
                OneTimeLinkView(try await operations.accounts.invite(login: asked.login, role: role, request.actor)))
        },
        Route(.post, "invitations/accept", .useOwnAccount) { request, operations in
            let asked = try request.decode(AcceptInvitation.self, fields: ["code"])
            let membership = try await operations.person.acceptInvitation(code: asked.code, request.actor)
            return try .json(
                AcceptedView(organization: membership.organization.text, role: membership.role.rawValue))
        },
    ]

    private static func draft(_ asked: NewAccount) throws(OperationError) -> AccountOperations.Draft {
        AccountOperations.Draft(
            kind: try word(asked.kind, field: "kind"), name: asked.name, login: asked.login,
            role: try word(asked.role ?? Role.member.rawValue, field: "role"), withToken: asked.withToken ?? false)
    }
}

/// Reads a word of a closed list from a request.
func word<Word: RawRepresentable<String> & CaseIterable>(
    _ text: String, field: String
) throws(OperationError) -> Word {
    guard let word = Word(rawValue: text) else {
        let known = Word.allCases.map(\.rawValue).joined(separator: ", ")
        throw .invalid(field: field, "must be one of: \(known).")
    }
    return word
}

extension AccountView {
    init(_ created: AccountOperations.Created, now: Timestamp) {
        self.init(created.member, lapsesAt: nil)
        token = created.token.map { TokenView($0, now: now) }
        invitation = created.invitation.map(OneTimeLinkView.init)
    }

    init(_ shown: AccountOperations.Shown) {
        self.init(shown.member, lapsesAt: shown.lapsesAt)
    }

    init(_ member: AccountTable.Member, lapsesAt: Timestamp?) {
        let (account, membership) = (member.account, member.membership)
        let state = StateWords(membership.state)
        let signIn = account.kind == .service ? "never" : membership.signInBlockedAt == nil ? "allowed" : "blocked"
        self.init(
            id: account.id.text, kind: account.kind.rawValue, name: account.name.text, login: account.login,
            role: membership.role.rawValue, state: state.state, inactiveSince: state.since,
            inactiveReason: state.reason, lapsesAt: lapsesAt?.text, signIn: signIn,
            signInBlockedSince: membership.signInBlockedAt?.text, hasPassword: account.hasPassword,
            hasSecondFactor: account.hasSecondFactor, createdAt: account.createdAt.text,
            language: account.language?.rawValue, lastSignInAt: membership.lastSignInAt?.text,
            lastTokenUseAt: membership.lastTokenUseAt?.text)
    }
}

extension OneTimeLinkView {
    init(_ invitation: AccountOperations.Invitation) {
        self.init(code: invitation.code, url: invitation.url, expiresAt: invitation.expiresAt.text)
    }
}

extension ImpactView {
    /// - Parameter withTokens: whether each token's own figures are shown too.
    init(_ impact: Impact, withTokens: Bool) {
        self.init(
            subject: impact.subject, days: Limits.usageDays, count: impact.count, lastCallAt: impact.lastAt?.text,
            webhooks: impact.webhooks.map {
                ImpactWebhookView(
                    webhook: $0.webhook.text, name: $0.name?.text, count: $0.count, lastCallAt: $0.lastAt.text,
                    addresses: $0.addresses)
            },
            tokens: withTokens
                ? impact.tokens.map {
                    ImpactTokenView(
                        token: $0.token.text, name: $0.name.text, count: $0.count, lastCallAt: $0.lastAt?.text)
                } : nil)
    }
}

/// A life's state as the wire says it.
struct StateWords {
    let state: String
    let since: String?
    let reason: String?

    init(_ lifecycle: Lifecycle) {
        switch lifecycle {
        case .active: (state, since, reason) = ("active", nil, nil)
        case .inactive(let at, let why): (state, since, reason) = ("inactive", at.text, why.rawValue)
        case .deleted(let at): (state, since, reason) = ("deleted", at.text, nil)
        }
    }
}
