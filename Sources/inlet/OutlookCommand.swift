import ArgumentParser
import Client
import Contract

/// `inlet outlook …`
struct OutlookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outlook", abstract: "What will stop by itself, and the warnings given about it.",
        subcommands: [Show.self, Warnings.self], defaultSubcommand: Show.self)

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List what will stop by itself, soonest first.")
        @Option(help: "How many days ahead, 1 to 365 (default: 30).") var days: Int?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let outlook = try await options.client().outlook(days: days)
                if options.json { return try Output.json(outlook) }
                try Output.table(
                    ["AT", "DAYS LEFT", "WHAT", "SUBJECT", "NAME", "OWNER", "TOKENS"],
                    outlook.items.map {
                        [
                            $0.at, "\($0.daysLeft)", $0.kind, $0.subject, $0.name, $0.owner ?? "-",
                            $0.tokens.isEmpty ? "-" : $0.tokens.joined(separator: ","),
                        ]
                    })
            }
        }
    }

    struct Warnings: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the warnings that were given.")
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().warnings(after: page.after, limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["AT", "WHAT", "SUBJECT", "NAME", "DUE", "DAYS LEFT", "DELIVERED"],
                    page.items.map {
                        [$0.at, $0.kind, $0.subject, $0.name, $0.dueAt, "\($0.daysLeft)", $0.deliveredAt ?? "-"]
                    })
                try self.page.more(page.next)
            }
        }
    }
}
