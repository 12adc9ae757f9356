import ArgumentParser
import Client
import Contract
import Foundation

/// `inlet resource …`
struct ResourceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resource", abstract: "Resources, which services report hits and failures of: how available they are.",
        subcommands: [List.self, Show.self, Edit.self, Delete.self, Availability.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List resources and how they are.")
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().resources(after: page.after, limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["ID", "NAME", "STATE", "OBJECTIVE", "AVAILABILITY", "BUDGET LEFT", "HITS", "FAILURES", "LAST REPORT"],
                    page.items.map {
                        [
                            $0.id, $0.name, $0.state, Output.percent($0.objective / 100),
                            $0.availability.map(Output.percent) ?? "-", $0.errorBudgetLeft.map(Output.percent) ?? "-",
                            "\($0.hits)", "\($0.failures)", $0.lastReportAt ?? "never",
                        ]
                    })
                try self.page.more(page.next)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a resource.")
        @Argument(help: "Its name or id.") var resource: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try ResourceCommand.show(try await options.client().resource(resource), options)
            }
        }
    }

    struct Edit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Change how much is aimed at.")
        @Argument(help: "Its name or id.") var resource: String
        @Option(help: ArgumentHelp("The share of hits that are to succeed, 50 to 99.999.", valueName: "percent"))
        var objective: Double
        @OptionGroup var options: ServerOptions

        func validate() throws {
            guard objective.isFinite else { throw ValidationError("The objective is a number, 99.5 for example.") }
        }

        func run() async throws {
            try await Failures.shown {
                let edit = ResourceEdit(objective: objective)
                try ResourceCommand.show(try await options.client().editResource(resource, edit), options)
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a resource and its figures; the next report makes it anew.")
        @Argument(help: "Its name or id.") var resource: String
        @OptionGroup var consent: Consent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                try await consent.ask("delete resource \(resource) and all its figures") {
                    try await client.resource(resource).figures
                }
                try await client.deleteResource(resource)
                if options.json { return try Output.json(["deleted": resource]) }
                try Output.text("Deleted \(Output.printable(resource)).")
            }
        }
    }

    struct Availability: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show how available a resource was, step by step.")
        @Argument(help: "Its name or id.") var resource: String
        @Option(help: ArgumentHelp("From when, 2027-01-31T12:00:00Z for example (default: a day ago).", valueName: "moment"))
        var from: String?
        @Option(help: ArgumentHelp("Until when (default: now).", valueName: "moment")) var to: String?
        @Option(help: ArgumentHelp("How long a step is: 60, 5m, 1h, 1d; whole minutes.", valueName: "time"))
        var step: String?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let shown = try await options.client().availability(of: resource, from: from, to: to, step: step)
                if options.json { return try Output.json(shown) }
                try Output.fields([
                    ("resource", shown.resource), ("name", shown.name), ("from", shown.from), ("to", shown.to),
                    ("step", Output.span(seconds: shown.stepSeconds)),
                    ("objective", Output.percent(shown.objective / 100)), ("hits", "\(shown.hits)"),
                    ("failures", "\(shown.failures)"), ("availability", shown.availability.map(Output.percent)),
                    ("error budget left", shown.errorBudgetLeft.map(Output.percent)),
                    ("burn rate", shown.burnRate.map(ResourceCommand.rate)),
                ])
                try Output.text("")
                try Output.table(
                    ["AT", "HITS", "FAILURES", "AVAILABILITY"],
                    shown.points.map {
                        [$0.at, "\($0.hits)", "\($0.failures)", $0.availability.map(Output.percent) ?? "-"]
                    })
            }
        }
    }

    private static func show(_ resource: ResourceView, _ options: ServerOptions) throws {
        if options.json { return try Output.json(resource) }
        try Output.fields([
            ("id", resource.id), ("name", resource.name), ("state", resource.state),
            ("objective", Output.percent(resource.objective / 100)), ("created", resource.createdAt),
            ("last report", resource.lastReportAt ?? "never"),
            ("usually every", resource.usualIntervalSeconds.map { Output.span(seconds: $0) }),
            ("days", "\(resource.days)"), ("hits", "\(resource.hits)"), ("failures", "\(resource.failures)"),
            ("availability", resource.availability.map(Output.percent)),
            ("error budget left", resource.errorBudgetLeft.map(Output.percent)),
            ("burn rate, last hour", resource.burnRateHour.map(rate)),
            ("burn rate, last day", resource.burnRateDay.map(rate)),
        ])
    }

    private static func rate(_ rate: Double) -> String { String(format: "%.2f", rate) }
}

extension ResourceView {
    /// What would go with it, for a person's eyes.
    var figures: String {
        let name = Output.printable(name)
        guard let lastReportAt else { return "\(name): nothing was reported." }
        return "\(name): \(hits) hits and \(failures) failures in the last \(days) days, the last report at \(lastReportAt)."
    }
}
