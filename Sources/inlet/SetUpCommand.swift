import ArgumentParser
import Client
import Contract

/// `inlet set-up`: the owner of a new installation gets a password.
struct SetUpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-up",
        abstract: "Choose the owner's password by the set-up link of a new installation, and names.",
        discussion: """
            The same as opening the link in a browser. Without a terminal the password is the line of standard input. What is left \
            out stays as it is.
            """)
    @OptionGroup var address: ServerAddress
    @Option(help: "The code of the set-up link, behind its #.") var code: String
    @Option(help: "The owner's name, 1 to 100 characters.") var name: String?
    @Option(help: "What the owner signs in with, 3 to 100 characters.") var login: String?
    @Option(help: "The organization's name, 1 to 100 characters.") var organizationName: String?
    @Option(help: ArgumentHelp("The organization's language: en, nl or pt-BR.", valueName: "tag")) var language: String?
    @Flag(help: "Print one JSON object.") var json = false

    func run() async throws {
        try await Failures.shown {
            let asked = NewSetUp(
                code: code, password: try Terminal.newPassword(), name: name, login: login,
                organizationName: organizationName, language: language)
            try await address.client().setUp(asked)
            if json { return try Output.json(["set_up": "done"]) }
            try Output.text("Inlet is set up. Sign in with: inlet sign-in --login \(Output.printable(login ?? "owner"))")
        }
    }
}
