import ArgumentParser
import Client
import Contract

/// `inlet webhook …`
struct WebhookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhook", abstract: "Webhooks: list, create, show, edit, fields, callers, pause, resume.",
        subcommands: [List.self, Create.self, Show.self, Edit.self, Fields.self, Callers.self, Pause.self, Resume.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List webhooks.")
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().webhooks(after: page.after, limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["ID", "NAME", "STATE", "ACCEPTS", "URL"],
                    page.items.map { [$0.id, $0.name, $0.state, $0.accepts.joined(separator: ","), $0.url] })
                try self.page.more(page.next)
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a webhook.")
        @Argument(help: "Its name, 1 to 100 characters.") var name: String
        @Option(help: "At most 500 characters.") var description: String?
        @Option(help: ArgumentHelp("How callers may prove themselves: bearer, basic (default: both).", valueName: "method"))
        var accepts: [String] = []
        @Flag(help: "Answer calls with their body.") var echoBody = false
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let asked = NewWebhook(
                    name: name, description: description, accepts: accepts.isEmpty ? nil : accepts,
                    echoBody: echoBody ? true : nil)
                try WebhookCommand.show(try await options.client().createWebhook(asked), options)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a webhook.")
        @Argument(help: "Its id, or a name that only one has.") var webhook: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try WebhookCommand.show(try await options.client().webhook(webhook), options)
            }
        }
    }

    struct Edit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a webhook: its name, how callers prove themselves, and how long its events are kept.",
            discussion: "Events that are kept no longer are dropped within the hour, with their bodies, for good.")
        @Argument(help: "Its id, or a name that only one has.") var webhook: String
        @Option(help: "The new name.") var name: String?
        @Option(help: "The new description.") var description: String?
        @Option(help: ArgumentHelp("How callers may prove themselves from now on: bearer, basic.", valueName: "method"))
        var accepts: [String] = []
        @Option(help: ArgumentHelp("How many days its events are kept, 1 to 3650.", valueName: "days"))
        var retentionDays: Int?
        @Flag(help: "Keep them as long as the server's setting says.") var defaultRetentionDays = false
        @Option(help: ArgumentHelp("How many bytes of bodies are kept, the newest ones.", valueName: "bytes"))
        var retentionBytes: Int64?
        @Flag(help: "Keep any number of bytes.") var noRetentionBytes = false
        @Flag(inversion: .prefixedNo, help: "Answer calls with their body.") var echoBody: Bool?
        @OptionGroup var options: ServerOptions

        func validate() throws {
            guard !(defaultRetentionDays && retentionDays != nil), !(noRetentionBytes && retentionBytes != nil) else {
                throw ValidationError("A limit cannot be set and lifted at once.")
            }
        }

        func run() async throws {
            try await Failures.shown {
                let edit = WebhookEdit(
                    name: name, description: description, accepts: accepts.isEmpty ? nil : accepts,
                    retentionDays: Change(retentionDays, isLifted: defaultRetentionDays),
                    retentionBytes: Change(retentionBytes, isLifted: noRetentionBytes), echoBody: echoBody)
                try WebhookCommand.show(try await options.client().editWebhook(webhook, edit), options)
            }
        }
    }

    struct Fields: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the fields that the bodies of its events have had, and how templates name them.")
        @Argument(help: "Its id, or a name that only one has.") var webhook: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let found = try await options.client().webhookFields(webhook)
                if options.json { return try Output.json(found) }
                try Output.table(
                    ["PATH", "KINDS", "MERGE FIELD"],
                    found.items.map { [$0.path, $0.kinds.joined(separator: ", "), $0.mergeField ?? "-"] })
                try Output.text("\nLearned from \(found.learnedEvents) events.")
            }
        }
    }

    struct Callers: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show which tokens opened a webhook in the last 30 days, the latest first.")
        @Argument(help: "Its id, or a name that only one has.") var webhook: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let callers = try await options.client().webhookCallers(webhook)
                if options.json { return try Output.json(callers) }
                try Output.table(
                    ["TOKEN", "NAME", "CALLS", "LAST"],
                    callers.items.map { [$0.token, $0.name, "\($0.count)", $0.lastAt] })
            }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Answer callers 404 until it is resumed.")
        @Argument(help: "Its id, or a name that only one has.") var webhook: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try WebhookCommand.show(try await options.client().pauseWebhook(webhook), options)
            }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a paused webhook take calls again.")
        @Argument(help: "Its id, or a name that only one has.") var webhook: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try WebhookCommand.show(try await options.client().resumeWebhook(webhook), options)
            }
        }
    }

    private static func keeping(_ webhook: WebhookView) -> String {
        let days = webhook.retentionDays.map { "\($0) days" } ?? "as long as the server's setting says"
        return webhook.retentionBytes.map { "\(days), at most \($0) bytes of bodies" } ?? days
    }

    private static func show(_ webhook: WebhookView, _ options: ServerOptions) throws {
        if options.json { return try Output.json(webhook) }
        try Output.fields([
            ("id", webhook.id), ("name", webhook.name),
            ("description", webhook.description.isEmpty ? nil : webhook.description), ("url", webhook.url),
            ("accepts", webhook.accepts.joined(separator: ", ")), ("state", webhook.state), ("owner", webhook.owner),
            ("created", webhook.createdAt), ("keeps", keeping(webhook)),
            ("echoes", webhook.echoBody ? "the body of each call" : nil),
        ])
    }
}

/// Which part of a listing to show.
struct PageOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How many, 1 to 500 (default: 50).", valueName: "count")) var limit: Int?
    @Option(help: ArgumentHelp("Go on where a listing ended.", valueName: "cursor")) var after: String?

    /// Says how to go on, if there is more.
    func more(_ next: String?) throws {
        if let next { try Output.text("\nMore with: --after \(next)") }
    }
}
