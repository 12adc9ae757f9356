import ArgumentParser
import Client
import Contract

/// `inlet webhook …`
struct WebhookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhook", abstract: "Webhooks: list, create, show, pause, resume.",
        subcommands: [List.self, Create.self, Show.self, Pause.self, Resume.self])

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
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let asked = NewWebhook(
                    name: name, description: description, accepts: accepts.isEmpty ? nil : accepts)
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

    private static func show(_ webhook: WebhookView, _ options: ServerOptions) throws {
        if options.json { return try Output.json(webhook) }
        try Output.fields([
            ("id", webhook.id), ("name", webhook.name),
            ("description", webhook.description.isEmpty ? nil : webhook.description), ("url", webhook.url),
            ("accepts", webhook.accepts.joined(separator: ", ")), ("state", webhook.state), ("owner", webhook.owner),
            ("created", webhook.createdAt),
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
