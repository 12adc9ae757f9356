import ArgumentParser
import Client
import Contract
import Foundation

/// `inlet event …`
struct EventCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "event", abstract: "Events: list, show, body, fields, tail, export, replay.",
        subcommands: [List.self, Show.self, Body.self, Fields.self, Tail.self, Export.self, Replay.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List events, newest first.",
            discussion: "A page that looked through much may be short, or empty, though there is more.")
        @OptionGroup var search: SearchOptions
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().events(search.search, after: page.after, limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(["ID", "RECEIVED", "WEBHOOK", "BYTES", "CONTENT TYPE"], page.items.map(EventCommand.line))
                try self.page.more(page.next)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show an event: where from, header fields, exact body.")
        @Argument(help: "Its id, evt_….") var event: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                let event = try await client.event(event)
                if options.json { return try Output.json(event) }
                try Output.fields([
                    ("id", event.id), ("received", event.receivedAt), ("released", event.releasedAt),
                    ("webhook", event.webhook), ("token", event.token),
                    ("from", event.remoteAddress), ("user", event.basicUser), ("query", event.query),
                    ("context", try event.context.map { String(decoding: try Wire.encode($0), as: UTF8.self) }),
                    ("body", "\(event.bodyBytes) bytes, SHA-256 \(event.bodySha256)"),
                ])
                try Output.text("")
                for header in event.headers { try Output.text(Output.printable(header.joined(separator: ": "))) }
                try Output.text("")
                try Output.write(try await client.eventBody(event.id))
                if isatty(STDOUT_FILENO) == 1 { try Output.text("") }
            }
        }
    }

    struct Body: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the exact bytes of an event's body to standard output.")
        @Argument(help: "Its id, evt_….") var event: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let body = try await options.client().eventBody(event)
                if options.json {
                    return try Output.json(["id": event, "body_base64": body.base64EncodedString()])
                }
                try Output.write(body)
            }
        }
    }

    struct Fields: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the fields of an event's body: which are new, and which known ones it lacks.")
        @Argument(help: "Its id, evt_….") var event: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let found = try await options.client().eventFields(event)
                if options.json { return try Output.json(found) }
                let lines = found.items.map {
                    [$0.path, $0.kinds.joined(separator: ", "), $0.mergeField ?? "-", $0.isNew ? "new" : ""]
                }
                try Output.table(
                    ["PATH", "KINDS", "MERGE FIELD", "NOTE"], lines + found.missing.map { [$0, "-", "-", "missing"] })
            }
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write events with their bodies as JSON lines or CSV, newest first.")
        @OptionGroup var search: SearchOptions
        @OptionGroup var target: ExportOptions
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try await target.write(json: options.json) {
                    try await options.client().exportEvents(search.search, format: target.format)
                }
            }
        }
    }

    struct Tail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print events as they come, until Ctrl-C; with --json one object a line.")
        @Option(help: "Only of this webhook: id, or a name that only one has.") var webhook: String?
        @Option(name: .shortAndLong, help: "Events that are there already to begin with, 0 to 500.") var lines = 10
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                let newest = try await client.events(
                    EventSearch(webhook: webhook), limit: min(max(1, lines), 500)
                ).items
                for event in newest.prefix(lines).reversed() { try show(event) }
                // Ids ascend, so the first one there can be stands before all.
                var last = newest.first?.id ?? "evt_0000000000000"
                while !Task.isCancelled {
                    let page = try await client.events(since: last, webhook: webhook, limit: 500).items
                    for event in page { try show(event) }
                    last = page.last?.id ?? last
                    if page.count < 500 { try await Task.sleep(for: .milliseconds(500)) }
                }
            }
        }

        private func show(_ event: EventView) throws {
            if options.json {
                try Output.write(try Wire.encode(event) + Data("\n".utf8))
            } else {
                let line = EventCommand.line(event).map(Output.printable).joined(separator: "  ")
                try Output.write(Data((line + "\n").utf8))
            }
        }
    }

    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send an event again by the flows its webhook has now.")
        @Argument(help: "Its id, evt_….") var event: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let deliveries = try await options.client().replayEvent(event)
                if options.json { return try Output.json(PageView(items: deliveries, next: nil)) }
                try DeliveryCommand.table(deliveries)
            }
        }
    }

    private static func line(_ event: EventView) -> [String] {
        [event.id, event.receivedAt, event.webhook, "\(event.bodyBytes)", event.contentType ?? "-"]
    }
}

/// Which events are meant.
struct SearchOptions: ParsableArguments {
    @Option(help: "Only of this webhook: id, or a name that only one has.") var webhook: String?
    @Option(help: ArgumentHelp("Only with this token: its id, tok_….", valueName: "id")) var tokenId: String?
    @Option(help: ArgumentHelp("Only from then on, 2027-01-31T12:00:00Z for example.", valueName: "moment"))
    var from: String?
    @Option(help: ArgumentHelp("Only before then.", valueName: "moment")) var to: String?
    @Option(
        help: ArgumentHelp(
            "Only with this header field: Name, or 'Name: value' for a value that holds that one.",
            valueName: "field"))
    var header: String?
    @Option(help: ArgumentHelp("Only if the body has this JSON path, $.order.id for example.", valueName: "path"))
    var path: String?
    @Option(help: "Only if this stands there: JSON, or else a text; goes with --path.") var value: String?
    @Option(help: "Only if the body or the context holds this text.") var text: String?
    @Option(help: ArgumentHelp("Only what a flow's filter lets through, as JSON.", valueName: "json"))
    var filter: String?

    var search: EventSearch {
        EventSearch(
            webhook: webhook, token: tokenId, from: from, to: to, header: header, path: path, value: value, text: text,
            filter: filter)
    }
}

/// How and where an export is written.
struct ExportOptions: ParsableArguments {
    @Option(help: "jsonl or csv.") var format = "jsonl"
    @Option(help: ArgumentHelp("A new file (default: standard output).", valueName: "file")) var output: String?

    /// Writes an export as it comes.
    ///
    /// - Parameter json: whether what was written to the file is said as JSON.
    func write(json: Bool, _ export: () async throws -> Download) async throws {
        let file = output.map { URL(fileURLWithPath: $0) }
        if let file { try WholeFile.checkAbsence(of: file) }
        let download = try await export()
        guard let file else {
            for try await piece in download { try Output.write(piece) }
            return
        }
        let written = try await WholeFile.write(download, to: file)
        if json { return try Output.json(written) }
        try Output.text("Wrote \(written.bytes) bytes to \(written.file).")
    }
}
