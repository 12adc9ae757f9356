import ArgumentParser
import Client
import Contract
import Foundation

/// `inlet application …`
struct ApplicationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "application",
        abstract: "Applications: their deploy tokens, their deploys, and how well they are delivered.",
        subcommands: [
            List.self, Create.self, Show.self, Edit.self, Delete.self, Reveal.self, Regenerate.self, Deploys.self,
            Measures.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List applications; never their secrets.")
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().applications(after: page.after, limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["ID", "NAME", "CREDENTIAL", "HINT", "LAST USED", "USES"],
                    page.items.map {
                        [
                            $0.id, $0.name, $0.credential ?? "-", $0.hint.map { $0 + "…" } ?? "-",
                            $0.lastUsedAt ?? "never", "\($0.useCount)",
                        ]
                    })
                try self.page.more(page.next)
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an application, and show its deploy token if there is a Deploy credential.")
        @Argument(help: "Its name, 1 to 100 characters.") var name: String
        @Option(help: "At most 500 characters.") var description: String?
        @Option(help: "The Deploy credential it belongs to: id or name (default: the oldest).") var credential: String?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let asked = NewApplication(name: name, description: description, credential: credential)
                try ApplicationCommand.show(try await options.client().createApplication(asked), options)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show an application; never its secret.")
        @Argument(help: "Its id or name.") var application: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try ApplicationCommand.show(try await options.client().application(application), options)
            }
        }
    }

    struct Edit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Change an application; its deploy token stays.")
        @Argument(help: "Its id or name.") var application: String
        @Option(help: "The new name.") var name: String?
        @Option(help: "The new description.") var description: String?
        @Option(help: "Another Deploy credential, id or name, which takes the token along.") var credential: String?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let edit = ApplicationEdit(name: name, description: description, credential: credential)
                try ApplicationCommand.show(try await options.client().editApplication(application, edit), options)
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete an application for good; its token ends and its history goes.")
        @Argument(help: "Its id or name.") var application: String
        @OptionGroup var consent: NamedConsent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                let confirmation = try await consent.ask(
                    "delete application \(application) for good, with its token and all its deploys"
                ) { try await client.application(application).figures }
                try await client.deleteApplication(application, confirmation)
                if options.json { return try Output.json(["deleted": application]) }
                try Output.text("Deleted \(Output.printable(application)).")
            }
        }
    }

    struct Reveal: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look at the deploy token; each look is in the audit log.", discussion: RevealedView.discussion)
        @Argument(help: "Its id or name.") var application: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try await options.client().revealDeployToken(of: application).show(options)
            }
        }
    }

    struct Regenerate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a new deploy token and show it; the old one ends at once.")
        @Argument(help: "Its id or name.") var application: String
        @OptionGroup var consent: Consent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                try await consent.ask(
                    "make a new deploy token for application \(application), and end the old one at once"
                ) { try await client.application(application).figures }
                try await client.regenerateDeployToken(of: application).show(options)
            }
        }
    }

    struct Deploys: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List reports of deploys, newest first.")
        @Argument(help: "Id or name of the application.") var application: String
        @Option(help: "Only in this environment, production for example.") var environment: String?
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().deploys(
                    of: application, environment: environment, after: page.after, limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["ID", "AT", "VERSION", "COMMIT", "ENVIRONMENT", "STATUS", "FROM", "URL"],
                    page.items.map {
                        [
                            $0.id, $0.at, $0.version, $0.commit ?? "-", $0.environment, $0.status, $0.remoteAddress,
                            $0.url ?? "-",
                        ]
                    })
                try self.page.more(page.next)
            }
        }
    }

    struct Measures: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the four DORA measures of an application.")
        @Argument(help: "Its id or name.") var application: String
        @Option(help: "Of which environment (default: production).") var environment: String?
        @Option(help: "How many days back, 1 to 365 (default: 30).") var days: Int?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let measures = try await options.client().measures(of: application, environment: environment, days: days)
                if options.json { return try Output.json(measures) }
                try Output.fields([
                    ("application", measures.application), ("environment", measures.environment),
                    ("days", "\(measures.days)"), ("from", measures.from), ("to", measures.to),
                ])
                try Output.text("")
                let rows = [
                    ("deployment frequency", measures.deploymentFrequency), ("lead time", measures.leadTime),
                    ("change failure rate", measures.changeFailureRate), ("time to restore", measures.timeToRestore),
                ]
                try Output.table(
                    ["MEASURE", "VALUE", "COUNT", "DEFINITION"],
                    rows.map { [$0, $1.text, "\($1.count)", $1.definition] })
            }
        }
    }

    /// An application, and its secret if the answer has it.
    private static func show(_ application: ApplicationView, _ options: ServerOptions) throws {
        if options.json { return try Output.json(application) }
        try Output.fields([
            ("id", application.id), ("name", application.name),
            ("description", application.description.isEmpty ? nil : application.description),
            ("credential", application.credential ?? "none yet"), ("created", application.createdAt),
            ("hint", application.hint.map { $0 + "…" }), ("token made", application.tokenCreatedAt),
            ("last used", application.lastUsedAt ?? "never"), ("last from", application.lastAddress),
            ("uses", "\(application.useCount)"),
        ])
        guard let secret = application.secret else { return }
        try Output.text("\nKeep it safe; `inlet application reveal` shows it again:\n")
        try Output.fields([("secret", secret), ("header", application.header), ("curl", application.curl)])
    }
}

extension ApplicationView {
    /// What would stop with it, for a person's eyes.
    var figures: String {
        "\(Output.printable(id)) (\(Output.printable(name))): "
            + Output.uses(useCount, lastAt: lastUsedAt, from: lastAddress)
    }
}

extension MeasureView {
    /// The value with its unit, or why there is none.
    var text: String {
        guard let value else { return note ?? "-" }
        return switch unit {
        case "per_day": String(format: "%.2f a day", value)
        case "ratio": Output.percent(value)
        case "seconds": Int64(exactly: value.rounded()).map { Output.span(seconds: $0) } ?? "\(value) s"
        default: "\(value) \(unit)"
        }
    }
}
