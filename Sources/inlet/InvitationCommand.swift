import ArgumentParser
import Client
import Contract

/// `inlet invitation …`
struct InvitationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invitation", abstract: "Invitations for people of other organizations of this server: create, accept.",
        subcommands: [Create.self, Accept.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a one-time link with which a person joins the organization.")
        @Argument(help: "What the person signs in with.") var login: String
        @Option(help: "owner, admin, member or viewer (default: member).") var role: String?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let asked = NewInvitation(login: login, role: role)
                try AccountCommand.show(try await options.client().invite(asked), options)
            }
        }
    }

    struct Accept: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Join the organization that invites you.")
        @Argument(help: "The code of the one-time link.") var code: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let accepted = try await options.client().acceptInvitation(AcceptInvitation(code: code))
                if options.json { return try Output.json(accepted) }
                try Output.text("You are \(accepted.role) in \(accepted.organization).")
            }
        }
    }
}
