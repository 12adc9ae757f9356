import Domain
import HTTPTypes
import Manage
import Storage
import WebSupport

/// API tokens as connections of other systems (P1–P7, D4).
enum IntegrationPages {
    static let list: [PageRoute] = [
        PageRoute(.get, "/integrations", .readIntegrations) { try await all($0) },
        PageRoute(.get, "/integrations/new", .changeOwnTokens) { try choose($0) },
        PageRoute(.get, "/integrations/new/api-token", .changeAllTokens) { try await ask($0, fault: nil) },
        PageRoute(.post, "/integrations/new/api-token", .changeAllTokens) { request in
            try await request.attempt {
                try await TokenForms.make(
                    TokenForms.draft(.api, request.form), request, text: request.words["integration.made"])
            } orShow: { fault in
                try await ask(request, fault: fault)
            }
        },
    ]

    private static func all(_ request: PageRequest) async throws -> PageAnswer {
        let found = try await request.operations.tokens.list(.api, after: request.query["after"], limit: 50, request.actor)
        let owners = try await Owners(found.items.map(\.token.owner), request)
        let maySetUp = request.may(.changeAllTokens)
        return try request.page(
            "integration-list", title: request.words["nav.integrations"], in: .integrations,
            [
                "tokens": found.items.map { row($0, owners, request) }, "isEmpty": found.items.isEmpty, "maySetUp": maySetUp,
                "pager": request.input.pager(found.next),
                "empty": [
                    "title": request.words["integration.empty_title"], "text": request.words["integration.empty_text"],
                    "href": maySetUp ? "/integrations/new" as Any : false, "action": request.words["integration.set_up"],
                ] as Model,
            ])
    }

    private static func row(_ entry: TokenTable.Entry, _ owners: Owners, _ request: PageRequest) -> Model {
        let token = entry.token
        let last = TokenPages.lastUse(entry)
        return [
            "name": token.name.text, "path": TokenPages.path(token), "isActive": token.state.isActive,
            "description": token.description.text.orFalseIfEmpty,
            "state": TokenPages.state(token, request), "owner": owners.model(token.owner, request),
            "lastAt": request.input.time(last?.lastUsedAt), "createdAt": request.input.time(token.createdAt),
            "mayChange": TokenPages.mayChange(token, request),
        ]
    }

    // P1: what can be set up, and what each is for.
    private static func choose(_ request: PageRequest) throws -> PageAnswer {
        try request.page(
            "integration-choose", title: request.words["integration.set_up"], in: .integrations,
            crumbs: [request.crumb(.integrations)],
            [
                "mayMakeAPIToken": request.may(.changeAllTokens), "mayInstall": request.may(.changeWebhooks),
                "mayMakeCredential": request.may(.changeIntegrations),
            ])
    }

    private static func ask(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let owners = try await request.accountOptions()
        return try TokenForms.page(
            request, title: request.words["integration.new_title"], text: request.words["integration.new_text"],
            in: .integrations,
            crumbs: [request.crumb(.integrations), .init("/integrations/new", request.words["integration.set_up"])],
            action: "/integrations/new/api-token", button: request.words["integration.generate"], back: "/integrations",
            [TokenForms.name, TokenForms.description, TokenForms.owner(owners)],
            ["owner": request.query["owner"] ?? request.actor.account.text], fault: fault)
    }
}
