import ArgumentParser
import Client
import Contract
import Foundation

/// `inlet replay …`
struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Replays: a selection of events that is sent again.",
        subcommands: [List.self, Show.self, Start.self, Cancel.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List replays, newest first.")
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().replays(after: page.after, limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["ID", "CREATED", "STATE", "WEBHOOK", "LOOKED AT", "OF", "SENT", "BY"],
                    page.items.map {
                        [
                            $0.id, $0.createdAt, $0.state, $0.webhook, "\($0.eventsLookedAt)", "\($0.eventsTotal)",
                            "\($0.eventsSent)", $0.createdBy,
                        ]
                    })
                try self.page.more(page.next)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show how far a replay is.")
        @Argument(help: "Its id.") var replay: String
        @Flag(help: Help.follow) var follow = false
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                let replay = try await client.replay(replay)
                try ReplayCommand.show(follow ? try await ReplayCommand.follow(replay, client) : replay, options)
            }
        }
    }

    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send events again, oldest first; the server goes on by itself.")
        @Option(help: "Whose events: id, or a name that only one has.") var webhook: String
        @Option(help: ArgumentHelp("Only received from then on, 2027-01-31T12:00:00Z for example.", valueName: "moment"))
        var from: String?
        @Option(help: ArgumentHelp("Only received before then.", valueName: "moment")) var to: String?
        @Option(help: "Only events with a delivery in this state, dead for example.") var state: String?
        @Option(help: "Of whose deliveries --state speaks: id or name.") var destination: String?
        @Option(
            help: ArgumentHelp("Only what matches: JSON as a flow's filter, or @ and a file that holds it.", valueName: "json"))
        var filter: JSONText?
        @Option(help: "The flow that sends them: id or name (default: all of the webhook).") var flow: String?
        @Option(help: ArgumentHelp("Events a second, 1 to 1000 (default: 50).", valueName: "count")) var rate: Int?
        @Flag(help: "Only count how many events it would send.") var dryRun = false
        @Flag(help: Help.follow) var follow = false
        @OptionGroup var options: ServerOptions

        func validate() throws {
            guard !(dryRun && follow) else { throw ValidationError("A dry run has nothing to follow.") }
        }

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                let asked = NewReplay(
                    webhook: webhook, from: from, to: to, state: state, destination: destination,
                    filter: try filter?.value(), flow: flow, ratePerSecond: rate)
                guard dryRun else {
                    let replay = try await client.startReplay(asked)
                    return try ReplayCommand.show(
                        follow ? try await ReplayCommand.follow(replay, client) : replay, options)
                }
                let count = try await client.countReplay(asked)
                if options.json { return try Output.json(count) }
                try Output.text("It would send \(count.isComplete ? "" : "at least ")\(count.events) events.")
            }
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a replay; what it has not sent by now it does not send.")
        @Argument(help: "Its id.") var replay: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try ReplayCommand.show(try await options.client().cancelReplay(replay), options)
            }
        }
    }

    private enum Help {
        static let follow: ArgumentHelp = "Show how far it is until it is done; Ctrl-C stops only the showing."
    }

    private static let pause = Duration.milliseconds(500)

    // The replay is the server's, so nothing ends with this program.
    private static func follow(_ replay: ReplayView, _ client: InletClient) async throws -> ReplayView {
        var replay = replay
        Terminal.note("\(Output.printable(replay.id)) goes on by itself; Ctrl-C stops only the showing.")
        var shown: String?
        while true {
            let line = "\(replay.eventsLookedAt) of \(replay.eventsTotal) events looked at, \(replay.eventsSent) sent"
            if line != shown { Terminal.note(line) }
            shown = line
            guard replay.state == "running" else { return replay }
            try await Task.sleep(for: pause)
            replay = try await client.replay(replay.id)
        }
    }

    private static func show(_ replay: ReplayView, _ options: ServerOptions) throws {
        if options.json { return try Output.json(replay) }
        let selection = replay.selection
        try Output.fields([
            ("id", replay.id), ("webhook", replay.webhook), ("state", replay.state), ("from", selection.from),
            ("to", selection.to), ("with deliveries", selection.state), ("to destination", selection.destination),
            ("filter", try selection.filter.map { String(decoding: try Wire.encode($0), as: UTF8.self) }),
            ("flow", replay.flow ?? "all of the webhook"), ("events a second", "\(replay.ratePerSecond)"),
            ("looked at", "\(replay.eventsLookedAt) of \(replay.eventsTotal)"), ("sent", "\(replay.eventsSent)"),
            ("created", replay.createdAt), ("by", replay.createdBy), ("ended", replay.endedAt),
        ])
    }
}
