import Domain
import HTTPTypes
import Manage
import Storage
import WebSupport

/// Tokens of an account, and moving them to another one (D9).
enum AccountTokenPages {
    static let list: [PageRoute] = [
        PageRoute(.get, "/accounts/:id/move", .changeAllTokens) { request in try await form(request, fault: nil) },
        PageRoute(.post, "/accounts/:id/move", .changeAllTokens) { request in
            try await request.attempt {
                let account = try await request.operations.accounts.show(request.id, request.actor).member.account
                let tokens = request.form.all("tokens").filter { !$0.isEmpty }
                guard !tokens.isEmpty else { throw OperationError.invalid(field: "tokens", "must be chosen.") }
                let target = request.form.text("to")
                let transfer = try await request.operations.accounts.transferTokens(
                    of: account.id.text, to: target, tokens: tokens, request.actor)
                let query = "moved=\(transfer.moved.count)&left=\(transfer.left.count)&to=\(Form.encoded(target))"
                return .go(to: "/accounts/\(account.id.text)?\(query)")
            } orShow: { fault in
                try await form(request, fault: fault)
            }
        },
    ]

    private static func form(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let account = try await request.operations.accounts.show(request.id, request.actor).member.account
        let path = "/accounts/\(account.id.text)"
        let tokens = try await tokens(of: account.id, request)
        let movable = tokens.filter { $0.scope != .management }
        let others = try await others(than: account.id, request)
        let fields = [
            Field("to", .choice([.init("", request.words["account.choose"])] + others), key: "account.move_to", isRequired: true),
            Field(
                "tokens",
                .boxes(
                    movable.map {
                        Field.Option(
                            $0.id.text, $0.name.text,
                            hint: request.words["account.token_\($0.scope.name)"] + ", "
                                + request.words[TokenPages.mark($0, request).key].lowercased())
                    }), key: "account.move_tokens", isRequired: true),
        ]
        let chosen = request.query["token"] ?? movable.map(\.id.text).joined(separator: ",")
        let impact = try await request.operations.accounts.impact(account.id.text, request.actor)
        return try request.page(
            "account-move", title: request.words("account.move_title", ["name": account.name.text]), in: .accounts,
            crumbs: [request.crumb(.accounts), .init(path, account.name.text)],
            [
                "path": path, "errors": request.input.errors(fault), "canMove": !movable.isEmpty && !others.isEmpty,
                "isAlone": others.isEmpty, "impact": request.input.impact(impact),
                "fields": request.input.fields(fields, ["tokens": chosen], fault: fault),
                "left": movable.count == tokens.count
                    ? false : request.words("account.move_left", ["n": tokens.count - movable.count]) as Any,
            ])
    }

    private static func tokens(of account: ID<Account>, _ request: PageRequest) async throws -> [Token] {
        try await PageRequest.all {
            try await request.operations.tokens.list(
                owner: account.text, after: $0, limit: Limits.pageItems.upperBound, request.actor)
        }.map(\.token)
    }

    // Active ones alone: with an inactive owner callers would be refused.
    private static func others(than account: ID<Account>, _ request: PageRequest) async throws -> [Field.Option] {
        let members = try await request.allAccounts().map(\.member)
        return members.filter { $0.account.id != account && $0.membership.state.isActive }.map {
            Field.Option(
                $0.account.id.text, [$0.account.name.text, $0.account.login].compactMap(\.self).joined(separator: ", "))
        }.sorted { $0.label < $1.label }
    }

    /// A token in the list of its owner's.
    static func row(_ token: Token, _ request: PageRequest) -> Model {
        [
            "name": token.name.text, "href": "/tokens/\(token.id.text)",
            "kind": request.words["account.token_\(token.scope.name)"],
            "state": TokenPages.state(token, request),
            "created": request.input.time(token.createdAt), "expires": request.input.time(token.expiresAt),
        ]
    }
}
