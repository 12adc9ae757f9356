import Contract
import Domain
import Foundation
import Manage
import Storage

/// Makes a data folder of a backup.
enum Backup {
    /// What was restored.
    struct Report: Encodable {
        let data: String
        let organizations: Int
        let webhooks: Int
        let tokens: Int

        var text: String {
            """
            Restored into \(data): \(organizations) organizations, \(webhooks) webhooks, \(tokens) tokens of callers.
            Start the server with: inlet serve --data '\(data)'
            """
        }
    }

    /// Checks a backup and puts it in place, so that it is there whole or not at all.
    ///
    /// - Throws: ``SettingsError`` if the folder holds a database or the file is none; ``Installation/Failure/wrongKey`` if the
    ///   master keys are not those it was made with.
    static func restore(from file: URL, to settings: Settings) async throws -> Report {
        guard !SQLiteEngine.isPresent(in: settings.data) else {
            throw SettingsError(
                description: "\(settings.data.path) holds a database already. Name an empty folder, or move that one away.")
        }
        guard FileManager.default.isReadableFile(atPath: file.path) else {
            throw SettingsError(description: "\(file.path) cannot be read.")
        }
        let keyRing = try KeyFile.read(settings.masterKeyFile)
        try SQLiteEngine.check(file.path)
        let draft = settings.data.appendingPathComponent(".restore-\(UUID().uuidString)", isDirectory: true)
        defer { try? FileManager.default.removeItem(at: draft) }
        try FileManager.default.createDirectory(
            at: draft, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let name = "inlet.db"
        try FileManager.default.copyItem(at: file, to: draft.appendingPathComponent(name))
        let report = try await checked(settings, in: draft, keyRing)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o600], ofItemAtPath: draft.appendingPathComponent(name).path)
        guard !SQLiteEngine.isPresent(in: settings.data),
            rename(draft.appendingPathComponent(name).path, settings.data.appendingPathComponent(name).path) == 0
        else { throw SettingsError(description: "\(settings.data.path) does not take the database.") }
        return report
    }

    // Opened once where it does not count yet, which also brings an older schema up to date.
    private static func checked(_ settings: Settings, in draft: URL, _ keyRing: KeyRing) async throws -> Report {
        var settings = settings
        let data = settings.data
        settings.data = draft
        // A backup is one of the embedded database, wherever the server keeps its own.
        settings.database = nil
        let store = try await House.openStore(settings, clock: SystemClock(), progress: { _ in })
        do {
            try await Installation.check(store, keyRing)
            let counts = try await store.read { connection in
                (
                    try OrganizationTable(connection).all().count, try WebhookTable(connection).all().count,
                    try TokenTable(connection).allForIngest().count
                )
            }
            try await store.close()
            return Report(data: data.path, organizations: counts.0, webhooks: counts.1, tokens: counts.2)
        } catch {
            try? await store.close()
            throw error
        }
    }
}
