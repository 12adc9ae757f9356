import ArgumentParser
import Client
import Contract

/// `inlet token …`
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Tokens: list, create, show, edit, deactivate, activate, delete.",
        subcommands: [
            List.self, Create.self, Show.self, Edit.self, Deactivate.self, Activate.self, Delete.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List tokens; never their secrets.")
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().tokens(after: page.after, limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["ID", "KIND", "NAME", "STATE", "HINT", "LAST USED", "USES"],
                    page.items.map {
                        [$0.id, $0.kind, $0.name, $0.state, $0.hint + "…", $0.lastUsedAt ?? "never", "\($0.useCount)"]
                    })
                try self.page.more(page.next)
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token and show its secret, this once.")
        @Option(help: ArgumentHelp("app (one webhook), api (all webhooks) or management (the REST API).", valueName: "kind"))
        var kind: String
        @Option(help: "Its name, 1 to 100 characters.") var name: String
        @Option(help: "The webhook that an app token opens: id, or a name that only one has.") var webhook: String?
        @Option(help: "The account it belongs to: id or login (default: you; for an app token the webhook's maker).")
        var owner: String?
        @Option(help: "At most 500 characters.") var description: String?
        @Option(help: ArgumentHelp("When it ends, 2027-01-31T12:00:00Z for example.", valueName: "moment"))
        var expiresAt: String?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let asked = NewToken(
                    kind: kind, webhook: webhook, owner: owner, name: name, description: description,
                    expiresAt: expiresAt)
                try TokenCommand.show(try await options.client().createToken(asked), options)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a token; never its secret.")
        @Argument(help: "Its id, tok_….") var token: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown { try TokenCommand.show(try await options.client().token(token), options) }
        }
    }

    struct Edit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Change name or description; the secret stays.")
        @Argument(help: "Its id, tok_….") var token: String
        @Option(help: "The new name.") var name: String?
        @Option(help: "The new description.") var description: String?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let edit = TokenEdit(name: name, description: description)
                try TokenCommand.show(try await options.client().editToken(token, edit), options)
            }
        }
    }

    struct Deactivate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Switch a token off: no call that starts after this is accepted.")
        @Argument(help: "Its id, tok_….") var token: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try TokenCommand.show(try await options.client().deactivateToken(token), options)
            }
        }
    }

    struct Activate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Switch a token on again.")
        @Argument(help: "Its id, tok_….") var token: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try TokenCommand.show(try await options.client().activateToken(token), options)
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete an inactive token for good.")
        @Argument(help: "Its id, tok_….") var token: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try await options.client().deleteToken(token)
                if options.json { return try Output.json(["deleted": token]) }
                try Output.text("Deleted \(token).")
            }
        }
    }

    private static func show(_ token: TokenView, _ options: ServerOptions) throws {
        if options.json { return try Output.json(token) }
        try Output.fields([
            ("id", token.id), ("kind", token.kind), ("name", token.name),
            ("description", token.description.isEmpty ? nil : token.description), ("webhook", token.webhook),
            ("owner", token.owner),
            ("state", token.inactiveSince.map { "\(token.state) since \($0)" } ?? token.state), ("hint", token.hint + "…"),
            ("created", token.createdAt), ("expires", token.expiresAt), ("last used", token.lastUsedAt ?? "never"),
            ("uses", "\(token.useCount)"),
        ])
        guard let secret = token.secret else { return }
        try Output.text("\nShown this once:\n")
        try Output.fields([
            ("secret", secret), ("header", token.header), ("basic", token.basic.map { "Authorization: Basic \($0)" }),
            ("curl", token.curl),
        ])
    }
}
