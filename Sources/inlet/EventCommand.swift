import ArgumentParser
import Client
import Contract
import Foundation

/// `inlet event …`
struct EventCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "event", abstract: "Events: list, show, body, tail.",
        subcommands: [List.self, Show.self, Body.self, Tail.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List events, newest first.")
        @Option(help: "Only of this webhook: id, or a name that only one has.") var webhook: String?
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().events(webhook: webhook, after: page.after, limit: page.limit)
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

    struct Tail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print events as they come, until Ctrl-C; with --json one object a line.")
        @Option(help: "Only of this webhook: id, or a name that only one has.") var webhook: String?
        @Option(name: .shortAndLong, help: "Events that are there already to begin with, 0 to 500.") var lines = 10
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                let newest = try await client.events(webhook: webhook, limit: min(max(1, lines), 500)).items
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

    private static func line(_ event: EventView) -> [String] {
        [event.id, event.receivedAt, event.webhook, "\(event.bodyBytes)", event.contentType ?? "-"]
    }
}
