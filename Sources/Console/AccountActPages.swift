import Domain
import HTTPTypes
import Manage
import Storage
import WebSupport

/// What is done to an account, each after a page that says what it means (N5).
enum AccountActPages {
    static let list: [PageRoute] = acts.flatMap { routes(of: $0) } + links.flatMap { routes(of: $0) } + deletion

    /// One act with its words: `account.NAME_title`, `_text`, `_button`, and `done.account_NAME`.
    private struct Act: Sendable {
        let path: String
        let name: String
        var isDanger = false
        /// Whether callers may notice it, so that it is shown what they do.
        var concernsCallers = false
        let work: @Sendable (PageRequest) async throws -> Void
    }

    /// An act that gives a one-time link.
    private struct LinkAct: Sendable {
        let path: String
        let name: String
        let work: @Sendable (PageRequest) async throws -> AccountOperations.Invitation
    }

    private static let acts = [
        Act(path: "deactivate", name: "deactivate", isDanger: true, concernsCallers: true) {
            _ = try await $0.operations.accounts.deactivate($0.id, $0.actor)
        },
        Act(path: "activate", name: "activate", concernsCallers: true) {
            _ = try await $0.operations.accounts.activate($0.id, $0.actor)
        },
        Act(path: "block-sign-in", name: "block", isDanger: true, concernsCallers: true) {
            _ = try await $0.operations.accounts.blockSignIn($0.id, $0.actor)
        },
        Act(path: "allow-sign-in", name: "allow") {
            _ = try await $0.operations.accounts.allowSignIn($0.id, $0.actor)
        },
        Act(path: "end-sessions", name: "end_sessions", isDanger: true) {
            try await $0.operations.accounts.endSessions($0.id, $0.actor)
        },
        Act(path: "remove-second-factor", name: "remove_factor", isDanger: true) {
            try await $0.operations.accounts.removeSecondFactor($0.id, $0.actor)
        },
    ]

    private static let links = [
        LinkAct(path: "reset-password", name: "reset") {
            try await $0.operations.accounts.resetPassword($0.id, $0.actor)
        },
        LinkAct(path: "invite", name: "reinvite") { try await $0.operations.accounts.invite($0.id, $0.actor) },
    ]

    private static func routes(of act: Act) -> [PageRoute] {
        [
            PageRoute(.get, "/accounts/:id/\(act.path)", .changeAccounts) { request in try await ask(act, request, fault: nil) },
            PageRoute(.post, "/accounts/:id/\(act.path)", .changeAccounts) { request in
                try await request.attempt {
                    let account = try await request.operations.accounts.show(request.id, request.actor).member.account
                    try await act.work(request)
                    return .go(to: "/accounts/\(account.id.text)", done: "account_\(act.name)")
                } orShow: { fault in
                    try await ask(act, request, fault: fault)
                }
            },
        ]
    }

    private static func routes(of act: LinkAct) -> [PageRoute] {
        let asked = Act(path: act.path, name: act.name, isDanger: act.name == "reset") { _ in }
        return [
            PageRoute(.get, "/accounts/:id/\(act.path)", .changeAccounts) { request in
                try await ask(asked, request, fault: nil)
            },
            PageRoute(.post, "/accounts/:id/\(act.path)", .changeAccounts) { request in
                try await request.attempt {
                    let account = try await request.operations.accounts.show(request.id, request.actor).member.account
                    let link = try await act.work(request)
                    return try linkPage(
                        link, title: request.words("account.\(act.name)_done_title", ["name": account.name.text]),
                        text: request.words["account.\(act.name)_done_text"], back: "/accounts/\(account.id.text)", request)
                } orShow: { fault in
                    try await ask(asked, request, fault: fault)
                }
            },
        ]
    }

    private static func ask(_ act: Act, _ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let account = try await request.operations.accounts.show(request.id, request.actor).member.account
        let path = "/accounts/\(account.id.text)"
        let impact =
            act.concernsCallers ? try await request.operations.accounts.impact(account.id.text, request.actor) : nil
        return try request.confirm(
            Confirmation(
                title: request.words("account.\(act.name)_title", ["name": account.name.text]),
                text: request.words["account.\(act.name)_text"], action: "\(path)/\(act.path)",
                button: request.words["account.\(act.name)_button"], back: path, isDanger: act.isDanger, impact: impact),
            in: .accounts, crumbs: [request.crumb(.accounts), .init(path, account.name.text)], fault: fault)
    }

    /// Shows a one-time link, this once.
    static func linkPage(
        _ link: AccountOperations.Invitation, title: String, text: String, back: String, _ request: PageRequest
    ) throws -> PageAnswer {
        try request.page(
            "account-link", title: title, in: .accounts, crumbs: [request.crumb(.accounts)],
            [
                "text": text, "code": request.input.code("link", "account.link", link.url, isSecret: true),
                "ends": request.words("account.link_text", ["moment": request.words.moment(link.expiresAt)]), "back": back,
            ])
    }

    // MARK: Deleting (D9)

    private static let deletion = [
        PageRoute(.get, "/accounts/:id/delete", .changeAccounts) { request in try await askDeletion(request, fault: nil) },
        PageRoute(.post, "/accounts/:id/delete", .changeAccounts) { request in
            try await request.attempt {
                try await request.operations.accounts.delete(request.id, request.actor)
                return .go(to: "/accounts", done: "account_delete")
            } orShow: { fault in
                try await askDeletion(request, fault: fault)
            }
        },
    ]

    private static func askDeletion(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let account = try await request.operations.accounts.show(request.id, request.actor).member.account
        let impact = try await request.operations.accounts.impact(account.id.text, request.actor)
        let path = "/accounts/\(account.id.text)"
        let tokens = fault?.tokens ?? []
        return try request.page(
            "account-delete", title: request.words("account.delete_title", ["name": account.name.text]), in: .accounts,
            crumbs: [request.crumb(.accounts), .init(path, account.name.text)],
            [
                "path": path, "errors": request.input.errors(fault), "hasTokens": !tokens.isEmpty,
                "tokens": tokens.map { ["href": "/tokens/\($0.id)", "name": $0.name] as Model },
                "tokenCount": request.words("account.delete_tokens", ["n": tokens.count]), "impact": request.input.impact(impact),
                "mayMove": request.may(.changeAllTokens),
            ], status: tokens.isEmpty ? 200 : 409)
    }
}
