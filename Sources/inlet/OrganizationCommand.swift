import ArgumentParser
import Client
import Contract

/// `inlet org …`
struct OrganizationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "org", abstract: "Organizations: list, show, edit, create.",
        subcommands: [List.self, Show.self, Edit.self, Create.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the organizations you are a member of.")
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().organizations()
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["ID", "NAME", "ROLE", "STATE"], page.items.map { [$0.id, $0.name, $0.role, $0.state] })
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the organization you act in.")
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try OrganizationCommand.show(try await options.client().organization(), options)
            }
        }
    }

    struct Edit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Change the organization you act in.")
        @Option(help: "The new name, 1 to 100 characters.") var name: String?
        @Option(
            help: ArgumentHelp(
                "Days without activity after which an account becomes inactive, or never.", valueName: "days"))
        var inactivityDays: LimitWord?
        @Option(help: ArgumentHelp("Accepted calls a UTC day, or none for no quota.", valueName: "calls"))
        var dailyQuota: LimitWord?
        @Option(help: ArgumentHelp("Whether calls with lapsed tokens are kept aside.", valueName: "on|off"))
        var holdCalls: OnOff?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let edit = OrganizationEdit(
                    name: name, inactivityDays: Change(inactivityDays), dailyQuota: Change(dailyQuota),
                    holdCalls: holdCalls.map { $0 == .on })
                try OrganizationCommand.show(try await options.client().editOrganization(edit), options)
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make another organization on this server, which you own, and show its management token, this once.")
        @Argument(help: "Its name, 1 to 100 characters.") var name: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let made = try await options.client().createOrganization(NewOrganization(name: name))
                if options.json { return try Output.json(made) }
                try Output.fields([("id", made.id), ("name", made.name)])
                try Output.text("\nShown this once:\n")
                try Output.fields([("management token", made.managementToken)])
            }
        }
    }

    private static func show(_ organization: OrganizationView, _ options: ServerOptions) throws {
        if options.json { return try Output.json(organization) }
        try Output.fields([
            ("id", organization.id), ("name", organization.name),
            ("inactivity", organization.inactivityDays.map { "after \($0) days" } ?? "never"),
            ("daily quota", organization.dailyQuota.map { "\($0) calls" } ?? "none"),
            ("hold calls", organization.holdCalls ? "on" : "off"), ("created", organization.createdAt),
        ])
    }
}
