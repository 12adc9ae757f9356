import ArgumentParser
import Client
import Contract

/// `inlet keys …`
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Master keys: status, rotate, retire.",
        subcommands: [Status.self, Rotate.self, Retire.self])

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the master keys and what is under them.")
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let keys = try await options.client().keys()
                if options.json { return try Output.json(keys) }
                try Output.table(
                    ["NUMBER", "STATE", "ADDED", "SECRETS", "SEALED"],
                    keys.items.map { ["\($0.number)", $0.state, $0.addedAt, "\($0.secrets)", "\($0.sealed)"] })
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a new master key; secrets move to it as they are used.")
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let key = try await options.client().rotateKeys()
                if options.json { return try Output.json(key) }
                try Output.text("Key \(key.number) is in use. Keep a copy of the master key file apart from the backups.")
            }
        }
    }

    struct Retire: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Drop an old master key that nothing is under any more.")
        @Argument(help: "Its number.") var number: Int
        @Flag(help: "Also if secrets are under it; they stop working for good.") var force = false
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try await options.client().retireKey(number, RetireKey(force: force ? true : nil))
                if options.json { return try Output.json(["retired": number]) }
                try Output.text("Key \(number) is dropped.")
            }
        }
    }
}
