import ArgumentParser
import Client
import Contract
import Foundation

/// `inlet flow …`
struct FlowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flow", abstract: "Flows, which send the events of a webhook to destinations.",
        subcommands: [
            List.self, Show.self, Create.self, Edit.self, Pause.self, Resume.self, Archive.self, DryRun.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List flows.")
        @Option(help: "Only of this webhook: id, or a name that only one has.") var webhook: String?
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().flows(webhook: webhook, after: page.after, limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["ID", "NAME", "STATE", "WEBHOOK", "FILTER", "TEMPLATE", "DESTINATIONS"],
                    page.items.map {
                        [
                            $0.id, $0.name, $0.state, $0.webhook, $0.filter == nil ? "-" : "yes",
                            $0.template == nil ? "-" : "yes", $0.destinations.joined(separator: ","),
                        ]
                    })
                try self.page.more(page.next)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a flow.")
        @Argument(help: "Its id or name.") var flow: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown { try FlowCommand.show(try await options.client().flow(flow), options) }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a flow; events that come from now on go by it.")
        @Argument(help: "Its name, 1 to 100 characters.") var name: String
        @Option(help: "At most 500 characters.") var description: String?
        @Option(help: "Whose events it takes: id, or a name that only one has.") var webhook: String
        @Option(help: ArgumentHelp("Where they go: id or name; can be given again.", valueName: "destination"))
        var to: [String]
        @Option(help: Help.filter) var filter: JSONText?
        @Option(help: Help.template) var template: JSONText?
        @OptionGroup var options: ServerOptions

        func validate() throws {
            guard !to.isEmpty else { throw ValidationError("A flow needs at least one destination; name it with --to.") }
        }

        func run() async throws {
            try await Failures.shown {
                let asked = NewFlow(
                    name: name, description: description, webhook: webhook, filter: try filter?.value(),
                    template: try template?.value(), destinations: to)
                try FlowCommand.show(try await options.client().createFlow(asked), options)
            }
        }
    }

    struct Edit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Change a flow.")
        @Argument(help: "Its id or name.") var flow: String
        @Option(help: "The new name.") var name: String?
        @Option(help: "The new description.") var description: String?
        @Option(help: ArgumentHelp("All its destinations: id or name; can be given again.", valueName: "destination"))
        var to: [String] = []
        @Option(help: Help.filter) var filter: JSONText?
        @Flag(help: "Send every event.") var noFilter = false
        @Option(help: Help.template) var template: JSONText?
        @Flag(help: "Send the caller's exact bytes.") var noTemplate = false
        @OptionGroup var options: ServerOptions

        func validate() throws {
            guard !(noFilter && filter != nil), !(noTemplate && template != nil) else {
                throw ValidationError("What is given cannot be taken away at once.")
            }
        }

        func run() async throws {
            try await Failures.shown {
                let edit = FlowEdit(
                    name: name, description: description, filter: Change(try filter?.value(), isLifted: noFilter),
                    template: Change(try template?.value(), isLifted: noTemplate), destinations: to.isEmpty ? nil : to)
                try FlowCommand.show(try await options.client().editFlow(flow, edit), options)
            }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let its events wait until it is resumed.")
        @Argument(help: "Its id or name.") var flow: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown { try FlowCommand.show(try await options.client().pauseFlow(flow), options) }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a paused flow send again, what waited too.")
        @Argument(help: "Its id or name.") var flow: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown { try FlowCommand.show(try await options.client().resumeFlow(flow), options) }
        }
    }

    struct Archive: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a flow for good: it takes no more events, and what waits is cancelled.")
        @Argument(help: "Its id or name.") var flow: String
        @OptionGroup var consent: Consent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                try await consent.ask("end flow \(flow) for good, and cancel what waits") { try await figures(client) }
                try FlowCommand.show(try await client.archiveFlow(flow), options)
            }
        }

        private func figures(_ client: InletClient) async throws -> String {
            let found = try await client.flow(flow)
            let waiting = try await client.deliveries(flow: found.id, state: "waiting", limit: 500)
            let due = try await client.deliveries(flow: found.id, state: "due", limit: 500)
            let more = waiting.next == nil && due.next == nil ? "" : " or more"
            let count = waiting.items.count + due.items.count
            return "\(found.id) (\(Output.printable(found.name))), \(found.state): deliveries not sent yet: \(count)\(more)."
        }
    }

    struct DryRun: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what would be sent of a kept event; nothing is.",
            discussion: "Secret variables stand in it as {{NAME}}, and signatures are made with a secret drawn for the occasion.")
        @Argument(help: "Id or name of the flow.") var flow: String
        @Argument(help: "The event's id, evt_….") var event: String
        @Option(help: Help.filter) var filter: JSONText?
        @Option(help: Help.template) var template: JSONText?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let request = DryRunRequest(
                    event: event, filter: try filter?.value(), template: try template?.value())
                let shown = try await options.client().dryRunFlow(flow, request)
                if options.json { return try Output.json(shown) }
                try Output.fields([("let through", shown.isLetThrough ? "yes" : "no"), ("why", shown.why)])
                for message in shown.messages { try message.show() }
            }
        }
    }

    /// What the options for JSON say of themselves.
    private enum Help {
        static let filter = ArgumentHelp("Which events are sent: JSON, or @ and a file that holds it.", valueName: "json")
        static let template = ArgumentHelp("What is sent of them: JSON, or @ and a file that holds it.", valueName: "json")
    }

    private static func show(_ flow: FlowView, _ options: ServerOptions) throws {
        if options.json { return try Output.json(flow) }
        try Output.fields([
            ("id", flow.id), ("name", flow.name), ("description", flow.description.isEmpty ? nil : flow.description),
            ("state", flow.state), ("webhook", flow.webhook), ("destinations", flow.destinations.joined(separator: ", ")),
            ("created", flow.createdAt),
        ])
        for (name, value) in [("filter", flow.filter), ("template", flow.template)] {
            guard let value else { continue }
            try Output.text("\n\(name)\n")
            try Output.lines(value.shown)
        }
    }
}

extension JSONValue {
    /// As JSON for a person's eyes; a text that holds JSON as it is.
    var shown: String {
        get throws {
            if case .text(let text) = self { return text }
            return String(decoding: try Wire.encode(self, pretty: true), as: UTF8.self)
        }
    }
}

extension DryRunMessageView {
    /// As it would go over the wire.
    fileprivate func show() throws {
        try Output.text("\n" + Output.printable("\(destination) (\(kind))"))
        if let fault { return try Output.text(Output.printable("nothing can be sent: \(fault)")) }
        let line = [method, url].compactMap(\.self).joined(separator: " ")
        if !line.isEmpty { try Output.text(Output.printable(line)) }
        for header in headers ?? [] { try Output.text(Output.printable(header.joined(separator: ": "))) }
        try Output.text("")
        if let body {
            try Output.lines(body)
        } else if let bytes = bodyBase64.flatMap({ Data(base64Encoded: $0) }) {
            try Output.text("\(bytes.count) bytes that are no text; --json shows them in Base64")
        }
    }
}
