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
        @Option(help: ArgumentHelp("Whether a new name for a credential asks for a new secret too.", valueName: "yes|no"))
        var renameRegenerates: YesNo?
        @Option(
            help: ArgumentHelp("Where warnings are sent to; {{NAME}} stands for a secret variable.", valueName: "url"))
        var notificationUrl: String?
        @Flag(help: "Take the address for warnings away.") var noNotificationUrl = false
        @Option(
            help: ArgumentHelp(
                "A header field sent with each warning, \"Authorization: Bearer {{NAME}}\" for example; can be given several "
                    + "times, and replaces all there are.", valueName: "field"))
        var notificationHeader: [HeaderField] = []
        @Flag(help: "Send no header fields of your own with warnings.") var noNotificationHeaders = false
        @Option(
            help: ArgumentHelp(
                "The language of members who have not chosen one: en, nl or pt-BR.", valueName: "tag"))
        var language: String?
        @OptionGroup var options: ServerOptions

        func validate() throws {
            guard !(noNotificationUrl && notificationUrl != nil), !(noNotificationHeaders && !notificationHeader.isEmpty)
            else { throw ValidationError("A setting cannot be set and lifted at once.") }
            guard Set(notificationHeader.map { $0.name.lowercased() }).count == notificationHeader.count else {
                throw ValidationError("Each header field can be given once.")
            }
        }

        func run() async throws {
            try await Failures.shown {
                let edit = OrganizationEdit(
                    name: name, inactivityDays: Change(inactivityDays), dailyQuota: Change(dailyQuota),
                    holdCalls: holdCalls.map { $0 == .on }, renameRegenerates: renameRegenerates.map { $0 == .yes },
                    notificationUrl: Change(notificationUrl, isLifted: noNotificationUrl),
                    notificationHeaders: notificationHeaders, language: language)
                try OrganizationCommand.show(try await options.client().editOrganization(edit), options)
            }
        }

        private var notificationHeaders: [String: String]? {
            if noNotificationHeaders { return [:] }
            guard !notificationHeader.isEmpty else { return nil }
            return Dictionary(notificationHeader.map { ($0.name, $0.value) }, uniquingKeysWith: { _, last in last })
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
        let headers = organization.notificationHeaders.sorted { $0.key < $1.key }
        let settings: [(String, String?)] = [
            ("id", organization.id), ("name", organization.name),
            ("inactivity", organization.inactivityDays.map { "after \($0) days" } ?? "never"),
            ("daily quota", organization.dailyQuota.map { "\($0) calls" } ?? "none"),
            ("hold calls", organization.holdCalls ? "on" : "off"),
            ("rename regenerates", organization.renameRegenerates ? "yes" : "no"),
            ("language", organization.language), ("notification url", organization.notificationUrl),
        ]
        try Output.fields(
            settings + headers.map { ("notification header", "\($0.key): \($0.value)") }
                + [("created", organization.createdAt)])
    }
}
