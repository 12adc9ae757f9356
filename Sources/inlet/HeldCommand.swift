import ArgumentParser
import Client
import Contract

/// `inlet held …`
struct HeldCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "held", abstract: "Calls kept aside because a token or its owner had lapsed: list, release.",
        subcommands: [List.self, Release.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List calls kept aside.")
        @OptionGroup var narrowing: Narrowing
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().heldCalls(
                    webhook: narrowing.webhook, token: narrowing.tokenId, after: page.after, limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["ID", "RECEIVED", "WEBHOOK", "TOKEN", "CAUSE", "BYTES", "FROM", "DROPS", "CAN BE RELEASED"],
                    page.items.map {
                        [
                            $0.id, $0.receivedAt, $0.webhook, $0.tokenName ?? $0.token, $0.cause, "\($0.bodyBytes)",
                            $0.remoteAddress, $0.dropsAt, $0.canRelease ? "yes" : "no",
                        ]
                    })
                try self.page.more(page.next)
            }
        }
    }

    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Turn calls kept aside into events, with the time they came.")
        @Argument(help: "Their ids, held_….") var calls: [String] = []
        @Flag(help: "All that can be released.") var all = false
        @OptionGroup var narrowing: Narrowing
        @OptionGroup var options: ServerOptions

        func validate() throws {
            guard calls.isEmpty == all else { throw ValidationError("Name the calls, or pass --all.") }
            guard all || (narrowing.webhook == nil && narrowing.tokenId == nil) else {
                throw ValidationError("--webhook and --token-id go with --all.")
            }
        }

        func run() async throws {
            try await Failures.shown {
                let asked = ReleaseHeld(
                    ids: all ? nil : calls, all: all ? true : nil, webhook: narrowing.webhook, token: narrowing.tokenId)
                let done = try await options.client().releaseHeldCalls(asked)
                if options.json { return try Output.json(done) }
                try Output.fields([
                    ("released", "\(done.released)"), ("were there already", "\(done.duplicates)"),
                    ("still lapsed", "\(done.stillLapsed)"),
                ])
                for event in done.events { try Output.text(event) }
            }
        }
    }

    /// Which calls kept aside are meant.
    struct Narrowing: ParsableArguments {
        @Option(help: "Only to this webhook: id, or a name that only one has.") var webhook: String?
        @Option(help: ArgumentHelp("Only with this token: its id, tok_….", valueName: "id")) var tokenId: String?
    }
}
