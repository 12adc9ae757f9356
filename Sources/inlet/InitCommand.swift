import ArgumentParser
import Domain
import Foundation
import Logging
import Manage
import Storage

/// `inlet init`: an empty folder becomes an installation.
struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make an installation: master key, first organization, owner, webhook and tokens.",
        discussion: """
            Prints a link by which the owner chooses a password, once, within three days, and the secrets of the tokens; none of \
            them can be shown again. Writes a profile for the command line, so that other commands find the server. Refuses a \
            folder that holds an installation.
            """)

    @Option(help: ArgumentHelp(Setting.data.meaning, valueName: "folder"))
    var data: String?

    @Option(help: ArgumentHelp(Setting.database.meaning, valueName: "url"))
    var database: String?

    @Option(help: ArgumentHelp("Address that the ingest listener will have.", valueName: "host:port"))
    var ingest: String?

    @Option(help: ArgumentHelp("Address that the admin listener will have.", valueName: "host:port"))
    var admin: String?

    @Option(help: ArgumentHelp(Setting.ingestURL.meaning, valueName: "url"))
    var ingestUrl: String?

    @Option(help: ArgumentHelp(Setting.adminURL.meaning, valueName: "url"))
    var adminUrl: String?

    @Option(help: ArgumentHelp(Setting.masterKeyFile.meaning, valueName: "file"))
    var masterKeyFile: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        try await Failures.shown {
            let settings = try await Settings(
                flags: [
                    .data: data, .database: database, .ingest: ingest, .admin: admin, .ingestURL: ingestUrl, .adminURL: adminUrl,
                    .masterKeyFile: masterKeyFile,
                ].compactMapValues { $0 },
                environment: ProcessInfo.processInfo.environment, file: nil)
            let store = try await House.openStore(settings, clock: SystemClock(), progress: { _ in })
            let first = try await FirstStep.make(in: store, settings)
            try await store.close()
            let profile = first.writeProfile(settings)
            if json {
                try Output.json(first.printed)
            } else {
                try Output.text(first.text)
                try Output.text("\n\(profile)\nStart the server with: inlet serve --data '\(settings.data.path)'")
                try Output.text("Then open the set-up link in a browser, and make a first call:\n\n  \(first.printed.curl)")
            }
        }
    }
}

/// What the first step made, and how it is shown.
struct FirstStep {
    struct Printed: Encodable {
        let organization: String
        let owner: String
        let setUpCode: String
        let setUpUrl: String
        let setUpExpiresAt: String
        let webhook: String
        let ingestUrl: String
        let apiToken: String
        let managementToken: String
        let curl: String
    }

    let printed: Printed

    /// Makes the installation in an open store.
    static func make(in store: Store, _ settings: Settings) async throws -> FirstStep {
        if try await Installation.exists(in: store) { throw Installation.Failure.exists }
        let keyRing = try KeyFile.readOrMake(settings.masterKeyFile)
        let ingestURL = settings.ingestURL ?? settings.ingest.url
        let desk = try await Desk(
            store: store, clock: SystemClock(), keys: KeyCabinet(keyRing), ingestURL: ingestURL,
            adminURL: settings.adminURL ?? settings.admin.url)
        let made = try await Installation(desk).make()
        let url = "\(ingestURL)/in/\(made.webhook.text)"
        return FirstStep(
            printed: Printed(
                organization: made.organization.text, owner: made.login, setUpCode: made.setUp.code,
                setUpUrl: made.setUp.url, setUpExpiresAt: made.setUp.expiresAt.text, webhook: made.webhook.text, ingestUrl: url,
                apiToken: made.apiToken,
                managementToken: made.managementToken, curl: CurlLine.text(url: url, secret: made.apiToken)))
    }

    /// For a person's eyes.
    var text: String {
        """
        Inlet is installed. What follows is shown this once:

          owner             \(printed.owner)
          set-up link       \(printed.setUpUrl)
                            opens once, within three days, to choose the owner's password
          API token         \(printed.apiToken)
          management token  \(printed.managementToken)

          webhook `example` \(printed.ingestUrl)
        """
    }

    /// Lets the command line find this server from now on.
    ///
    /// - Returns: what was done, in words.
    func writeProfile(_ settings: Settings) -> String {
        let profile = Profile(server: settings.admin.url, token: printed.managementToken)
        do {
            return try profile.writeKeepingOlder()
        } catch {
            return "No profile was written (\(error)). Pass --server and --token to other commands."
        }
    }
}
