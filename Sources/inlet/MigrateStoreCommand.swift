import ArgumentParser
import Domain
import Foundation
import Manage
import Storage
import Synchronization

/// `inlet migrate-store`: from the embedded database to PostgreSQL, without a server.
struct MigrateStoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate-store",
        abstract: "Carry everything over from the embedded database to PostgreSQL.",
        discussion: """
            No server may run in the folder meanwhile. The folder stays as it is. If it is interrupted, the same command goes on where it \
            was. In the end both are compared, row by row; only then can a server start on the new database, with the same master keys.
            """)
    @Option(help: ArgumentHelp("The data folder to move from.", valueName: "folder")) var from: String
    @Option(help: ArgumentHelp(Setting.database.meaning, valueName: "url")) var to: String?
    @Option(help: ArgumentHelp(Setting.masterKeyFile.meaning, valueName: "file")) var masterKeyFile: String?
    @Flag(help: "Print one JSON object.") var json = false

    private struct Printed: Encodable {
        let rows: [String: Int]
    }

    func run() async throws {
        try await Failures.shown {
            let settings = try await Settings(
                flags: [.data: from, .database: to, .masterKeyFile: masterKeyFile].compactMapValues { $0 },
                environment: ProcessInfo.processInfo.environment, file: nil)
            let moved = try await StoreMove.run(settings) { step in
                if !json { FileHandle.standardError.write(Data("\(step.table): \(step.rows) rows\n".utf8)) }
            }
            if json {
                return try Output.json(Printed(rows: Dictionary(moved.map { ($0.table, $0.rows) }) { first, _ in first }))
            }
            try Output.text(
                """
                Moved and compared: \(moved.map { "\($0.table) \($0.rows)" }.joined(separator: ", ")).
                Start the server on that database with the same master keys: inlet serve --data '\(settings.data.path)' --database …
                """)
        }
    }
}

/// The move of a data folder's database to PostgreSQL.
enum StoreMove {
    /// Carries everything over; goes on where an earlier run was stopped.
    ///
    /// - Parameter settings: the folder to move from, the database to move to, and the master keys of both.
    /// - Throws: ``Installation/Failure`` if nothing is installed in the folder, or the keys are others.
    static func run(
        _ settings: Settings, progress: @escaping @Sendable (StoreMover.Moved) throws -> Void
    ) async throws -> [StoreMover.Moved] {
        guard let conninfo = settings.database else {
            throw SettingsError(description: "--to or INLET_DATABASE says where to move to.")
        }
        guard SQLiteEngine.isPresent(in: settings.data) else { throw Installation.Failure.missing }
        let keyRing = try KeyFile.read(settings.masterKeyFile)
        let clock = SystemClock()
        let source = try SQLiteEngine(folder: settings.data)
        // Both are brought up to the schema of this program first.
        let old = try await House.openStore(on: source, clock: clock, progress: { _ in })
        do {
            try await Installation.check(old, keyRing)
            let target = try PostgresEngine(conninfo: conninfo)
            let new = try await House.openStore(on: target, clock: clock, progress: { _ in })
            do {
                let moved = try await StoreMover(from: source, to: target).run(progress: progress)
                try await Installation.check(new, keyRing)
                try await new.close()
                try await old.close()
                return moved
            } catch {
                try? await new.close()
                throw error
            }
        } catch {
            try? await old.close()
            throw error
        }
    }
}
