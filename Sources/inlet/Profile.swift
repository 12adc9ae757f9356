import ArgumentParser
import Client
import Foundation

/// Where the command line finds its server and token when nobody says: a 0600 file under the home folder.
struct Profile: Codable {
    var server: String
    var token: String

    /// `INLET_PROFILE`, or `inlet/profile.json` in the folder for settings of the user.
    static var file: URL {
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["INLET_PROFILE"], !path.isEmpty { return URL(fileURLWithPath: path) }
        let home = environment["HOME"].map { URL(fileURLWithPath: $0) } ?? FileManager.default.homeDirectoryForCurrentUser
        let folder =
            environment["XDG_CONFIG_HOME"].flatMap { $0.isEmpty ? nil : URL(fileURLWithPath: $0) }
            ?? home.appendingPathComponent(".config")
        return folder.appendingPathComponent("inlet/profile.json")
    }

    /// Reads the profile; `nil` if there is none.
    static func read() throws -> Profile? {
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        do {
            return try JSONDecoder().decode(Profile.self, from: Data(contentsOf: file))
        } catch {
            throw SettingsError(description: "The profile \(file.path) cannot be understood. Mend it, or delete it.")
        }
    }

    /// Writes the profile; one that is there already is kept beside it.
    ///
    /// - Returns: what was done, in words.
    func writeReplacingOlder() throws -> String {
        if let older = try Self.read() {
            try PrivateFile.write(older.text, to: Self.file.appendingPathExtension("previous"))
        }
        try PrivateFile.write(text, to: Self.file)
        return "The command line finds this server by the profile \(Self.file.path)."
    }

    /// Writes the profile. One for another server stays in force; one for the same server is kept beside it.
    ///
    /// - Returns: what was done, in words.
    func writeKeepingOlder() throws -> String {
        let path = Self.file.path
        if let older = try Self.read(), older.server != server {
            return "The profile \(path) is for \(older.server) and was left alone. "
                + "For this server pass --server \(server) and --token."
        }
        return try writeReplacingOlder()
    }

    private var text: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
        }
    }
}

/// Which server to speak to.
struct ServerAddress: ParsableArguments {
    @Option(help: ArgumentHelp("Where the server's admin listener is (variable: INLET_SERVER).", valueName: "url"))
    var server: String?

    /// An option goes before a variable, a variable before the profile.
    func url() throws -> String {
        let profile = try Profile.read()
        return server ?? ProcessInfo.processInfo.environment["INLET_SERVER"] ?? profile?.server ?? "http://127.0.0.1:8081"
    }

    /// Makes a client for what can be asked before anybody is known.
    func client() throws -> InletClient {
        InletClient(server: try url(), token: "")
    }
}

/// Which server to speak to, and as whom. Every command takes these that speaks to a server as somebody.
struct ServerOptions: ParsableArguments {
    @OptionGroup var address: ServerAddress

    @Option(
        help: ArgumentHelp(
            "A management token (variable: INLET_TOKEN, which does not show in the list of processes).",
            valueName: "token"))
    var token: String?

    @Flag(help: "Print the JSON that the server answered.")
    var json = false

    /// Makes a client: an option goes before a variable, a variable before the profile.
    func client() throws -> InletClient {
        let token = try token ?? ProcessInfo.processInfo.environment["INLET_TOKEN"] ?? Profile.read()?.token ?? ""
        guard !token.isEmpty else {
            throw SettingsError(
                description: "No management token. Pass --token, set INLET_TOKEN, or have `inlet sign-in` write a profile.")
        }
        return InletClient(server: try address.url(), token: token)
    }
}
