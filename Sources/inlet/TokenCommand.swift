import ArgumentParser
import Client
import Contract

/// `inlet token …`
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Tokens: their life, their secrets, and what would stop with them.",
        subcommands: [
            List.self, Create.self, Show.self, Edit.self, Deactivate.self, Activate.self, Delete.self, Rotate.self,
            EndOverlap.self, Transfer.self, Impact.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List tokens; never their secrets.")
        @Option(help: "Only of this account: id or login.") var owner: String?
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().tokens(owner: owner, after: page.after, limit: page.limit)
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
        @Option(help: LimitHelp.network) var network: [String] = []
        @Option(help: LimitHelp.rate) var rateLimit: Int64?
        @Option(
            help: ArgumentHelp(
                "What a management token may do besides: reveal, to look at secrets. Needs the same scope of your own.",
                valueName: "scope"))
        var scope: [String] = []
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let asked = NewToken(
                    kind: kind, webhook: webhook, owner: owner, name: name, description: description,
                    expiresAt: expiresAt, networks: network.isEmpty ? nil : network, rateLimitPerMinute: rateLimit,
                    scopes: scope.isEmpty ? nil : scope)
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
        static let configuration = CommandConfiguration(abstract: "Change a token; the secret stays.")
        @Argument(help: "Its id, tok_….") var token: String
        @Option(help: "The new name.") var name: String?
        @Option(help: "The new description.") var description: String?
        @Option(help: ArgumentHelp("When it ends, 2027-01-31T12:00:00Z for example.", valueName: "moment"))
        var expiresAt: String?
        @Flag(help: "Let it end never.") var noExpiry = false
        @Option(help: LimitHelp.network) var network: [String] = []
        @Flag(help: "Let calls come from anywhere.") var noNetworks = false
        @Option(help: LimitHelp.rate) var rateLimit: Int64?
        @Flag(help: "Let it make any number of calls.") var noRateLimit = false
        @OptionGroup var options: ServerOptions

        func validate() throws {
            guard !(noExpiry && expiresAt != nil), !(noNetworks && !network.isEmpty), !(noRateLimit && rateLimit != nil)
            else { throw ValidationError("A limit cannot be set and lifted at once.") }
        }

        func run() async throws {
            try await Failures.shown {
                let edit = TokenEdit(
                    name: name, description: description, expiresAt: Change(expiresAt, isLifted: noExpiry),
                    networks: Change(network.isEmpty ? nil : network, isLifted: noNetworks),
                    rateLimitPerMinute: Change(rateLimit, isLifted: noRateLimit))
                try TokenCommand.show(try await options.client().editToken(token, edit), options)
            }
        }
    }

    struct Deactivate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Switch a token off: no call that starts after this is accepted.")
        @Argument(help: "Its id, tok_….") var token: String
        @OptionGroup var consent: Consent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                try await consent.ask("switch off token \(token)") { try await client.tokenImpact(token) }
                try TokenCommand.show(try await client.deactivateToken(token), options)
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
        @OptionGroup var consent: Consent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                try await consent.ask("delete token \(token) for good") { try await client.tokenImpact(token) }
                try await client.deleteToken(token)
                if options.json { return try Output.json(["deleted": token]) }
                try Output.text("Deleted \(token).")
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a token a new secret and show it, this once; the old one goes on working for a while.")
        @Argument(help: "Its id, tok_….") var token: String
        @Option(
            help: ArgumentHelp(
                "How long the old secret works too: 0, 90s, 30m, 24h; at most 7d (default: 24h).", valueName: "time"))
        var overlap: TimeSpan?
        @OptionGroup var consent: Consent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                let end = overlap?.seconds == 0 ? "end the old one at once" : "end the old one when the overlap is over"
                try await consent.ask("make a new secret for token \(token) and \(end)") {
                    try await client.tokenImpact(token)
                }
                let rotation = RotateToken(overlapSeconds: overlap?.seconds)
                try TokenCommand.show(try await client.rotateToken(token, rotation), options)
            }
        }
    }

    struct EndOverlap: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End all secrets of a token but the newest, at once.")
        @Argument(help: "Its id, tok_….") var token: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try TokenCommand.show(try await options.client().endOverlap(token), options)
            }
        }
    }

    struct Transfer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give a token to another account; the secret stays.")
        @Argument(help: "Its id, tok_….") var token: String
        @Option(help: ArgumentHelp("The new owner: id or login.", valueName: "account")) var to: String
        @OptionGroup var consent: Consent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                try await consent.ask("give token \(token) to \(to)") { try await client.tokenImpact(token) }
                try TokenCommand.show(try await client.transferToken(token, TransferToken(to: to)), options)
            }
        }
    }

    struct Impact: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show what was called with a token, and from where.")
        @Argument(help: "Its id, tok_….") var token: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let impact = try await options.client().tokenImpact(token)
                if options.json { return try Output.json(impact) }
                try Output.text(impact.text)
            }
        }
    }

    /// What the options that limit a token say of themselves.
    private enum LimitHelp {
        static let network = ArgumentHelp(
            "Where calls may come from, 203.0.113.0/24 for example; can be given several times.", valueName: "network")
        static let rate = ArgumentHelp("How many calls a minute it may make.", valueName: "calls")
    }

    /// A token, and its secret if the answer has it.
    static func show(_ token: TokenView, _ options: ServerOptions) throws {
        if options.json { return try Output.json(token) }
        try Output.fields([
            ("id", token.id), ("kind", token.kind), ("name", token.name),
            ("description", token.description.isEmpty ? nil : token.description), ("webhook", token.webhook),
            ("owner", token.owner),
            ("state", token.inactiveSince.map { "\(token.state) since \($0)" } ?? token.state), ("hint", token.hint + "…"),
            ("created", token.createdAt), ("expires", token.expiresAt),
            ("networks", token.networks.isEmpty ? nil : token.networks.joined(separator: ", ")),
            ("scopes", token.scopes.isEmpty ? nil : token.scopes.joined(separator: ", ")),
            ("calls a minute", token.rateLimitPerMinute.map { "at most \($0)" }),
            ("last used", token.lastUsedAt ?? "never"), ("last from", token.lastAddress), ("uses", "\(token.useCount)"),
        ])
        if token.secrets.count > 1 {
            try Output.text("")
            try Output.table(
                ["SECRET", "STATE", "CREATED", "ENDS", "LAST USED", "FROM", "USES"],
                token.secrets.map {
                    [
                        $0.hint + "…", $0.state, $0.createdAt, $0.endsAt ?? "-", $0.lastUsedAt ?? "never",
                        $0.lastAddress ?? "-", "\($0.useCount)",
                    ]
                })
        }
        guard let secret = token.secret else { return }
        try Output.text("\nShown this once:\n")
        try Output.fields([
            ("secret", secret), ("header", token.header), ("basic", token.basic.map { "Authorization: Basic \($0)" }),
            ("curl", token.curl),
        ])
    }
}
