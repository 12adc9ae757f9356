import Contract
import Domain
import HTTPTypes
import Manage
import Storage

enum AccountRoutes {
    static let list: [Route] = [
        Route(.get, "accounts", .readAccounts, query: ["after", "limit"]) { request, operations in
            let page = try await operations.accounts.list(after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map { AccountView($0) }, next: page.next))
        },
        Route(.post, "accounts", .changeAccounts) { request, operations in
            let asked = try request.decode(NewAccount.self, fields: ["kind", "name", "login", "role", "with_token"])
            let created = try await operations.accounts.create(draft(asked), request.actor)
            return try .secret(AccountView(created.member, token: created.token.map { TokenView($0) }))
        },
        Route(.post, "accounts/sweep", .changeAccounts) { request, operations in
            let report = try await operations.accounts.confirmSweep(request.actor)
            return try .json(SweepView(deactivated: report.deactivated.map(\.text)))
        },
        Route(.get, "accounts/:id", .readAccounts) { request, operations in
            try .json(AccountView(try await operations.accounts.show(request.id, request.actor)))
        },
        Route(.post, "accounts/:id/deactivate", .changeAccounts) { request, operations in
            try .json(AccountView(try await operations.accounts.deactivate(request.id, request.actor)))
        },
        Route(.post, "accounts/:id/activate", .changeAccounts) { request, operations in
            try .json(AccountView(try await operations.accounts.activate(request.id, request.actor)))
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
    init(_ member: AccountTable.Member, token: TokenView? = nil) {
        let state = StateWords(member.membership.state)
        self.init(
            id: member.account.id.text, kind: member.account.kind.rawValue, name: member.account.name.text,
            login: member.account.login, role: member.membership.role.rawValue, state: state.state,
            inactiveSince: state.since, inactiveReason: state.reason, createdAt: member.account.createdAt.text,
            lastSignInAt: member.membership.lastSignInAt?.text,
            lastTokenUseAt: member.membership.lastTokenUseAt?.text, token: token)
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
