import ArgumentParser
import Client
import Contract
import Foundation

/// `inlet backup FILE`: the database of a running server as one file.
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Write the whole database of a running server to a new file.",
        discussion:
            "The master keys are not in it. Keep a copy of the master key file elsewhere; without it a backup is of no use.")
    @Argument(help: "A new file; only you may read it.") var file: String
    @OptionGroup var options: ServerOptions

    func run() async throws {
        try await Failures.shown {
            let target = URL(fileURLWithPath: file)
            try WholeFile.checkAbsence(of: target)
            let backup = try await options.client().backup()
            guard let sha256 = backup.sha256 else {
                throw ClientError.unreadable("The server did not say the SHA-256 of the backup; nothing was written.")
            }
            let written = try await WholeFile.write(backup, to: target, sha256: sha256)
            if options.json { return try Output.json(written) }
            try Output.text("Wrote \(written.bytes) bytes to \(written.file), SHA-256 \(written.sha256).")
        }
    }
}

/// `inlet restore FILE`: a backup becomes a data folder, without a server.
struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make a data folder of a backup; the server must not be running in it.")
    @Argument(help: "A file that `inlet backup` wrote.") var file: String
    @Option(help: ArgumentHelp(Setting.data.meaning, valueName: "folder")) var data: String
    @Option(help: ArgumentHelp(Setting.masterKeyFile.meaning, valueName: "file")) var masterKeyFile: String?
    @Flag(help: "Print one JSON object.") var json = false

    func run() async throws {
        try await Failures.shown {
            let flags: [Setting: String?] = [.data: data, .masterKeyFile: masterKeyFile]
            let settings = try await Settings(
                flags: flags.compactMapValues { $0 }, environment: ProcessInfo.processInfo.environment, file: nil)
            let report = try await Backup.restore(from: URL(fileURLWithPath: file), to: settings)
            if json { return try Output.json(report) }
            try Output.text(report.text)
        }
    }
}
