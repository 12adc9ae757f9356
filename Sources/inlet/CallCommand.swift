import ArgumentParser
import Client
import Contract

/// `inlet call …`
struct CallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call", abstract: "The ledger of calls, accepted and refused: list, counts, rate, export.",
        subcommands: [List.self, Counts.self, Rate.self, Export.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List calls, newest first, with the true cause of a refusal.")
        @OptionGroup var ledger: LedgerOptions
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().calls(
                    outcome: ledger.outcome, webhook: ledger.webhook, token: ledger.tokenId, cause: ledger.cause,
                    from: ledger.from, to: ledger.to, after: page.after, limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["ID", "RECEIVED", "STATUS", "CAUSE", "TOKEN", "WEBHOOK", "FROM", "COUNT", "HELD"],
                    page.items.map {
                        [
                            $0.id, $0.receivedAt, "\($0.status)", $0.cause ?? "-",
                            $0.tokenName ?? $0.integrationToken ?? "-",
                            $0.webhook ?? "-", $0.remoteAddress, "\($0.count)", $0.held ?? "-",
                        ]
                    })
                try self.page.more(page.next)
            }
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Write the ledger as JSON lines or CSV, newest first.")
        @OptionGroup var ledger: LedgerOptions
        @OptionGroup var target: ExportOptions
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try await target.write(json: options.json) {
                    try await options.client().exportCalls(
                        outcome: ledger.outcome, webhook: ledger.webhook, token: ledger.tokenId, cause: ledger.cause,
                        from: ledger.from, to: ledger.to, format: target.format)
                }
            }
        }
    }

    struct Rate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show how many calls came in each of the last minutes.")
        @Option(help: "How many minutes back, 1 to 180 (default: 60).") var minutes: Int?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let rate = try await options.client().callRate(minutes: minutes)
                if options.json { return try Output.json(rate) }
                try Output.table(
                    ["MINUTE", "ACCEPTED", "REFUSED"], rate.items.map { [$0.start, "\($0.accepted)", "\($0.refused)"] })
            }
        }
    }

    struct Counts: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Count calls, accepted and refused.")
        @Option(help: ArgumentHelp("What to count by: webhook, token or cause.", valueName: "noun")) var by: String
        @Option(help: "How many days back, 1 to 30 (default: 30).") var days: Int?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let counts = try await options.client().callCounts(by: by, days: days)
                if options.json { return try Output.json(counts) }
                try Output.table(
                    [by.uppercased(), "NAME", "ACCEPTED", "REFUSED", "LAST"],
                    counts.items.map { [$0.key, $0.name ?? "-", "\($0.accepted)", "\($0.refused)", $0.lastAt ?? "-"] })
            }
        }
    }
}

/// Which entries of the ledger are meant.
struct LedgerOptions: ParsableArguments {
    @Option(help: "accepted or refused (default: both).") var outcome: String?
    @Option(help: "Only to this webhook: id, or a name that only one has.") var webhook: String?
    @Option(help: ArgumentHelp("Only with this token: its id, tok_….", valueName: "id")) var tokenId: String?
    @Option(help: "Only refused for this cause, token_expired for example.") var cause: String?
    @Option(help: ArgumentHelp("Only from then on, 2027-01-31T12:00:00Z for example.", valueName: "moment"))
    var from: String?
    @Option(help: ArgumentHelp("Only before then.", valueName: "moment")) var to: String?
}
