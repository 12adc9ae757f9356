import ArgumentParser
import Client
import Contract

/// `inlet password …`
struct PasswordCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "password", abstract: "Your own password: set, change.", subcommands: [Set.self, Change.self])

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Choose a password by a one-time link.",
            discussion: "Without a terminal the password is the line of standard input.")
        @OptionGroup var address: ServerAddress
        @Option(help: "The code of the one-time link.") var code: String
        @Flag(help: "Print one JSON object.") var json = false

        func run() async throws {
            try await Failures.shown {
                let asked = NewPassword(code: code, password: try Terminal.newPassword())
                try await address.client().setPassword(asked)
                if json { return try Output.json(["password": "set"]) }
                try Output.text("The password is set. Sign in with: inlet sign-in --login …")
            }
        }
    }

    struct Change: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change your password; your other sessions end.",
            discussion: "Without a terminal the old and the new password are the lines of standard input.")
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                let password = try Terminal.secret("Password: ")
                try await client.changePassword(
                    PasswordChange(password: password, newPassword: try Terminal.newPassword()))
                if options.json { return try Output.json(["password": "changed"]) }
                try Output.text("The password is changed.")
            }
        }
    }
}
