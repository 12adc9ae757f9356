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

/// `inlet me`: who you are to the server.
struct MeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "me", abstract: "Show who you are, where you act, and what you may do.")
    @OptionGroup var options: ServerOptions

    func run() async throws {
        try await Failures.shown {
            let me = try await options.client().me()
            if options.json { return try Output.json(me) }
            try Output.fields([
                ("account", me.account.id), ("name", me.account.name), ("login", me.account.login),
                ("role", me.account.role), ("organization", "\(me.organization.name) (\(me.organization.id))"),
                ("may", me.permissions.joined(separator: ", ")),
                ("second factor", me.account.hasSecondFactor ? "yes" : "no"),
                ("member of", me.organizations.map { "\($0.name) (\($0.id))" }.joined(separator: ", ")),
            ])
        }
    }
}
