import ArgumentParser
import Domain
import Foundation
import Manage
import Storage

/// `inlet recover`: a way in for whoever runs the machine, while the server is stopped.
struct RecoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Let the first owner in again: reactivates the account, makes a token and a link for a new password.",
        discussion: """
            For the case that nobody can sign in any more. Needs the data folder and the master keys, and a stopped server. The \
            token ends in a day. It stands in the audit log.
            """)

    @Option(help: ArgumentHelp(Setting.data.meaning, valueName: "folder")) var data: String?
    @Option(help: ArgumentHelp(Setting.database.meaning, valueName: "url")) var database: String?
    @Option(help: ArgumentHelp(Setting.masterKeyFile.meaning, valueName: "file")) var masterKeyFile: String?
    @Option(help: ArgumentHelp(Setting.adminURL.meaning, valueName: "url")) var adminUrl: String?
    @Flag(help: "Print one JSON object.") var json = false

    private struct Printed: Encodable {
        let login: String?
        let managementToken: String
        let code: String?
        let url: String?
    }

    func run() async throws {
        try await Failures.shown {
            let settings = try await Settings(
                flags: [.data: data, .database: database, .masterKeyFile: masterKeyFile, .adminURL: adminUrl].compactMapValues {
                    $0
                },
                environment: ProcessInfo.processInfo.environment, file: nil)
            guard House.hasStore(settings) else { throw Installation.Failure.missing }
            let store = try await House.openStore(settings, clock: SystemClock(), progress: { _ in })
            do {
                let recovered = try await recover(store, settings)
                try await store.close()
                try show(recovered)
            } catch {
                try? await store.close()
                throw error
            }
        }
    }

    private func recover(_ store: Store, _ settings: Settings) async throws -> Installation.Recovered {
        let keyRing = try KeyFile.read(settings.masterKeyFile)
        try await Installation.check(store, keyRing)
        let desk = try await Desk(
            store: store, clock: SystemClock(), keys: KeyCabinet(keyRing),
            ingestURL: settings.ingestURL ?? settings.ingest.url, adminURL: settings.adminURL ?? settings.admin.url)
        try await desk.adoptAuditLog()
        return try await Installation(desk).recover()
    }

    private func show(_ recovered: Installation.Recovered) throws {
        if json {
            return try Output.json(
                Printed(
                    login: recovered.login, managementToken: recovered.managementToken, code: recovered.link?.code,
                    url: recovered.link?.url))
        }
        try Output.text("The account is active. What follows is shown this once:\n")
        try Output.fields([
            ("login", recovered.login), ("management token", recovered.managementToken), ("code", recovered.link?.code),
            ("link", recovered.link?.url),
        ])
        try Output.text("\nStart the server, then choose a new password: inlet password set --code …")
    }
}
