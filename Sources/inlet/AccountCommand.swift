import ArgumentParser
import Client
import Contract

/// `inlet account …`
struct AccountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account",
        abstract: "Accounts: people and services, their sign-in, and what would stop with them.",
        subcommands: [
            List.self, Show.self, Create.self, Edit.self, Delete.self, Deactivate.self, Activate.self, BlockSignIn.self,
            AllowSignIn.self, PasswordReset.self, Invite.self, EndSessions.self, RemoveSecondFactor.self, Transfer.self,
            Impact.self, Sweep.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List accounts.")
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().accounts(after: page.after, limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["ID", "KIND", "NAME", "LOGIN", "ROLE", "STATE", "SIGN-IN", "LAPSES"],
                    page.items.map {
                        [$0.id, $0.kind, $0.name, $0.login ?? "-", $0.role, $0.state, $0.signIn, $0.lapsesAt ?? "-"]
                    })
                try self.page.more(page.next)
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an account, and show its token and a person's invitation, this once.")
        @Option(help: ArgumentHelp("person or service.", valueName: "kind")) var kind: String
        @Option(help: "Its name, 1 to 100 characters.") var name: String
        @Option(help: "What a person signs in with.") var login: String?
        @Option(help: "owner, admin, member or viewer (default: member).") var role: String?
        @Flag(help: "Make an API token for it too.") var withToken = false
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let asked = NewAccount(
                    kind: kind, name: name, login: login, role: role, withToken: withToken ? true : nil)
                try AccountCommand.show(try await options.client().createAccount(asked), options)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show an account.")
        @Argument(help: "Its id or login.") var account: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try AccountCommand.show(try await options.client().account(account), options)
            }
        }
    }

    struct Edit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Change name or role.")
        @Argument(help: "Its id or login.") var account: String
        @Option(help: "The new name.") var name: String?
        @Option(help: "owner, admin, member or viewer.") var role: String?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let edit = AccountEdit(name: name, role: role)
                try AccountCommand.show(try await options.client().editAccount(account, edit), options)
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete an account that has no tokens any more.")
        @Argument(help: "Its id or login.") var account: String
        @OptionGroup var consent: Consent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                try await consent.ask("delete account \(account) for good") { try await client.accountImpact(account) }
                try await client.deleteAccount(account)
                if options.json { return try Output.json(["deleted": account]) }
                try Output.text("Deleted \(Output.printable(account)).")
            }
        }
    }

    struct Deactivate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Switch an account off: all its tokens stop at once.")
        @Argument(help: "Its id or login.") var account: String
        @OptionGroup var consent: Consent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                try await consent.ask("switch off account \(account) and all its tokens") {
                    try await client.accountImpact(account)
                }
                try AccountCommand.show(try await client.deactivateAccount(account), options)
            }
        }
    }

    struct Activate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Switch an account on again, and its tokens with it.")
        @Argument(help: "Its id or login.") var account: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try AccountCommand.show(try await options.client().activateAccount(account), options)
            }
        }
    }

    struct BlockSignIn: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a person's access, sessions and management tokens; tokens of callers go on.")
        @Argument(help: "Its id or login.") var account: String
        @OptionGroup var consent: Consent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                try await consent.ask(
                    "end the access of account \(account), with its sessions and management tokens; tokens of callers go on"
                ) { try await client.accountImpact(account) }
                try AccountCommand.show(try await client.blockSignIn(account), options)
            }
        }
    }

    struct AllowSignIn: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give a person access again.")
        @Argument(help: "Its id or login.") var account: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try AccountCommand.show(try await options.client().allowSignIn(account), options)
            }
        }
    }

    struct PasswordReset: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a one-time link to choose a new password with; sessions end, tokens go on.")
        @Argument(help: "Its id or login.") var account: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try AccountCommand.show(try await options.client().resetPassword(account), options)
            }
        }
    }

    struct Invite: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a new one-time link for a person who has no password yet.")
        @Argument(help: "Its id or login.") var account: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try AccountCommand.show(try await options.client().inviteAgain(account), options)
            }
        }
    }

    struct EndSessions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End all sessions of a person.")
        @Argument(help: "Its id or login.") var account: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try await options.client().endSessions(of: account)
                if options.json { return try Output.json(["sessions_ended": account]) }
                try Output.text("Ended all sessions of \(Output.printable(account)).")
            }
        }
    }

    struct RemoveSecondFactor: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take the second factor from a person who lost it.")
        @Argument(help: "Its id or login.") var account: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try await options.client().removeSecondFactor(of: account)
                if options.json { return try Output.json(["second_factor_removed": account]) }
                try Output.text("\(Output.printable(account)) signs in with the password alone.")
            }
        }
    }

    struct Transfer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "transfer-tokens", abstract: "Give tokens of callers to another account; their secrets stay.")
        @Argument(help: "Its id or login.") var account: String
        @Option(help: ArgumentHelp("The new owner: id or login.", valueName: "account")) var to: String
        @Option(help: ArgumentHelp("Only this token: its id, tok_…; can be given several times.", valueName: "id"))
        var tokenId: [String] = []
        @OptionGroup var consent: Consent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                try await consent.ask(
                    "give \(tokenId.isEmpty ? "all tokens of callers" : "tokens") of account \(account) to \(to)"
                ) { try await client.accountImpact(account) }
                let asked = TransferTokens(to: to, tokens: tokenId.isEmpty ? nil : tokenId)
                let done = try await client.transferTokens(of: account, asked)
                if options.json { return try Output.json(done) }
                for token in done.moved { try Output.text("moved  \(token)") }
                for token in done.left { try Output.text("left   \(token)") }
                if done.moved.isEmpty, done.left.isEmpty { try Output.text("There was no token to give.") }
            }
        }
    }

    struct Impact: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show what was called with its tokens, and from where.")
        @Argument(help: "Its id or login.") var account: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let impact = try await options.client().accountImpact(account)
                if options.json { return try Output.json(impact) }
                try Output.text(impact.text)
            }
        }
    }

    struct Sweep: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a sweep for idle accounts go on that held back; `inlet status` says whether one did.")
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let done = try await options.client().confirmSweep()
                if options.json { return try Output.json(done) }
                for account in done.deactivated { try Output.text("inactive  \(account)") }
                if done.deactivated.isEmpty { try Output.text("No account became inactive.") }
            }
        }
    }

    private static func show(_ account: AccountView, _ options: ServerOptions) throws {
        if options.json { return try Output.json(account) }
        try Output.fields([
            ("id", account.id), ("kind", account.kind), ("name", account.name), ("login", account.login),
            ("role", account.role),
            ("state", account.inactiveSince.map { "\(account.state) since \($0)" } ?? account.state),
            ("because", account.inactiveReason), ("lapses", account.lapsesAt),
            ("sign-in", account.signInBlockedSince.map { "\(account.signIn) since \($0)" } ?? account.signIn),
            ("password", account.hasPassword ? "yes" : "no"),
            ("second factor", account.hasSecondFactor ? "yes" : "no"), ("created", account.createdAt),
            ("last sign-in", account.lastSignInAt ?? "never"), ("last use of a token", account.lastTokenUseAt ?? "never"),
        ])
        if let token = account.token {
            try Output.text("")
            try TokenCommand.show(token, options)
        }
        if let invitation = account.invitation {
            try Output.text("")
            try show(invitation, options)
        }
    }

    /// A one-time link, for the person to whom it is to be handed.
    static func show(_ link: OneTimeLinkView, _ options: ServerOptions) throws {
        if options.json { return try Output.json(link) }
        try Output.text("A link that works once, shown this once:\n")
        try Output.fields([("link", link.url), ("code", link.code), ("ends", link.expiresAt)])
    }
}
