import ArgumentParser
import Client
import Contract
import Domain

/// `inlet secret …`
struct SecretVariableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret", abstract: "Secret variables, which stand in the notification address and its header fields.",
        subcommands: [List.self, Set.self, Delete.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List secret variables; never their values.")
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().secretVariables(after: page.after, limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["NAME", "CREATED", "UPDATED", "USED IN"],
                    page.items.map { [$0.name, $0.createdAt, $0.updatedAt, $0.usesText ?? "-"] })
                try self.page.more(page.next)
            }
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a secret variable, or give one a new value.",
            discussion: "Asks for the value. Without a terminal it is all of standard input, but for a line break at the end.")
        @Argument(help: "Its name: A to Z, 0 to 9 and _, beginning with a letter.") var name: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                let value = try Terminal.hiddenValue(bytesMax: Limits.variableBytes.upperBound)
                let variable = try await client.setSecretVariable(name, NewSecretVariable(value: value))
                if options.json { return try Output.json(variable) }
                try Output.fields([
                    ("name", variable.name), ("created", variable.createdAt), ("updated", variable.updatedAt),
                    ("used in", variable.usesText),
                ])
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete a secret variable that is not used any more.")
        @Argument(help: "Its name.") var name: String
        @OptionGroup var consent: Consent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                try await consent.ask("delete secret variable \(name) for good") { try await figures(client) }
                try await client.deleteSecretVariable(name)
                if options.json { return try Output.json(["deleted": name]) }
                try Output.text("Deleted \(Output.printable(name)).")
            }
        }

        // Where it is used; there is no address for a single one.
        private func figures(_ client: InletClient) async throws -> String {
            var after: String?
            repeat {
                let page = try await client.secretVariables(after: after)
                if let found = page.items.first(where: { $0.name == name }) {
                    let uses = found.usesText.map { "used in \($0)" } ?? "used nowhere"
                    return Output.printable("\(found.name): \(uses), last set at \(found.updatedAt).")
                }
                after = page.next
            } while after != nil
            return "There is no secret variable \(Output.printable(name))."
        }
    }
}

extension SecretVariableView {
    /// Where it is used; `nil` if nowhere.
    fileprivate var usesText: String? { uses.isEmpty ? nil : uses.joined(separator: ", ") }
}
