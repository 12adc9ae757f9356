import ArgumentParser
import Client
import Contract

/// `inlet session …`
struct SessionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "session", abstract: "Your own sessions: list, end.", subcommands: [List.self, End.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List your own sessions.")
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().sessions()
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["ID", "ORGANIZATION", "CREATED", "LAST USED", "EXPIRES", "FROM", "BROWSER"],
                    page.items.map {
                        [
                            $0.id, $0.organization, $0.createdAt, $0.lastUsedAt, $0.expiresAt, $0.remoteAddress,
                            $0.userAgent ?? "-",
                        ]
                    })
            }
        }
    }

    struct End: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End one of your sessions.")
        @Argument(help: "Its id, ses_….") var session: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try await options.client().endSession(session)
                if options.json { return try Output.json(["ended": session]) }
                try Output.text("Ended \(Output.printable(session)).")
            }
        }
    }
}

/// `inlet me`
struct MeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "me", abstract: "Yourself: show, edit.", subcommands: [Show.self, Edit.self], defaultSubcommand: Show.self)

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show who you are, where you act, and what you may do.")
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try MeCommand.show(try await options.client().me(), options)
            }
        }
    }

    struct Edit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Change your own name or language.")
        @Option(help: "The new name, 1 to 100 characters; it holds in all your organizations.") var name: String?
        @Option(
            help: ArgumentHelp(
                "The language you read: en, nl or pt-BR, or none for that of the organization.", valueName: "tag"))
        var language: String?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let isLifted = language == "none"
                let edit = MeEdit(name: name, language: Change(language, isLifted: isLifted))
                try MeCommand.show(try await options.client().editMe(edit), options)
            }
        }
    }

    private static func show(_ me: MeView, _ options: ServerOptions) throws {
        if options.json { return try Output.json(me) }
        try Output.fields([
            ("account", me.account.id), ("name", me.account.name), ("login", me.account.login),
            ("role", me.account.role), ("organization", "\(me.organization.name) (\(me.organization.id))"),
            ("may", me.permissions.joined(separator: ", ")),
            ("second factor", me.account.hasSecondFactor ? "yes" : "no"),
            ("language", me.language + (me.account.language == nil ? ", as the organization" : "")),
            ("member of", me.organizations.map { "\($0.name) (\($0.id))" }.joined(separator: ", ")),
        ])
    }
}
