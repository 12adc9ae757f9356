import ArgumentParser
import Client
import Contract

/// `inlet second-factor …`
struct SecondFactorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "second-factor", abstract: "Your own second factor, an authenticator app: enable, confirm, remove.",
        subcommands: [Enable.self, Confirm.self, Remove.self])

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Get a secret for an authenticator app; it counts once it is confirmed.")
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                let factor = try await client.addSecondFactor(PasswordProof(password: try Terminal.secret("Password: ")))
                if options.json { return try Output.json(factor) }
                try Output.fields([("secret", factor.secret), ("uri", factor.uri)])
                try Output.text("\nEnter the secret in the app, then: inlet second-factor confirm")
            }
        }
    }

    struct Confirm: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prove that the app works; from then on signing in asks for it.")
        @Argument(help: "The six digits that the app shows (default: they are asked for).") var code: String?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                let code = try code ?? Terminal.line("Code of the authenticator app: ")
                let codes = try await client.confirmSecondFactor(SecondFactorCode(code: code))
                if options.json { return try Output.json(codes) }
                try Output.text("Each of these stands in for the app once. They are shown this once; keep them safe:\n")
                for code in codes.recoveryCodes { try Output.text("  \(code)") }
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Sign in with the password alone again.")
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                try await client.removeSecondFactor(PasswordProof(password: try Terminal.secret("Password: ")))
                if options.json { return try Output.json(["second_factor": "removed"]) }
                try Output.text("The second factor is removed.")
            }
        }
    }
}
