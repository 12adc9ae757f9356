import ArgumentParser
import Client
import Contract
import Domain
import Foundation

/// `inlet audit …`
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "The log of what was done: list, export, verify, key.",
        subcommands: [List.self, Export.self, Verify.self, Key.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List acts, newest first.")
        @Option(help: "Only by this account: id or login.") var actor: String?
        @Option(help: "Only of this kind, token.deactivate for example.") var action: String?
        @Option(help: "Only on this thing: its id.") var subject: String?
        @Option(help: ArgumentHelp("Only from then on, 2027-01-31T12:00:00Z for example.", valueName: "moment"))
        var from: String?
        @Option(help: ArgumentHelp("Only before then.", valueName: "moment")) var to: String?
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().auditEntries(
                    actor: actor, action: action, subject: subject, from: from, to: to, after: page.after,
                    limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["SEQUENCE", "AT", "ACTOR", "ACTION", "SUBJECT", "DETAILS"],
                    page.items.map { entry in
                        let details = entry.details.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                        return [
                            "\(entry.sequence)", entry.at, entry.actor ?? "inlet", entry.action, entry.subject,
                            details.joined(separator: " "),
                        ]
                    })
                try self.page.more(page.next)
            }
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the whole log as JSON lines, oldest first.",
            discussion: "Check the file with `inlet audit verify FILE`, here or on a machine that the server cannot reach.")
        @Argument(help: "A new file (default: standard output).") var file: String?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let target = file.map { URL(fileURLWithPath: $0) }
                if let target { try WholeFile.checkAbsence(of: target) }
                let export = try await options.client().auditExport()
                guard let target else {
                    for try await piece in export { try Output.write(piece) }
                    return
                }
                let written = try await WholeFile.write(export, to: target)
                if options.json { return try Output.json(written) }
                try Output.text("Wrote \(written.bytes) bytes to \(written.file).")
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check that the log is as it was written; ends with 1 if it is not.",
            discussion: """
                With a file, that export is checked here, without asking any server. Give the key of `inlet audit key` to check \
                also that it was written by the server, and not by somebody who made up a whole log.
                """)
        @Argument(help: "An export (default: the server checks its own log).") var file: String?
        @Option(help: ArgumentHelp("The key of `inlet audit key`, 64 hexadecimal digits.", valueName: "hex"))
        var key: String?
        @OptionGroup var options: ServerOptions

        func validate() throws {
            guard file != nil || key == nil else {
                throw ValidationError("--key goes with a file; the server has its own key.")
            }
        }

        func run() async throws {
            try await Failures.shown {
                let verdict: AuditVerdictView
                if let file {
                    verdict = try AuditCommand.verdict(on: URL(fileURLWithPath: file), key: try keyBytes())
                } else {
                    verdict = try await options.client().verifyAudit()
                }
                if options.json {
                    try Output.json(verdict)
                } else {
                    try show(verdict)
                }
                if !verdict.isIntact { throw ExitCode(1) }
            }
        }

        private func keyBytes() throws -> Data? {
            guard let key else { return nil }
            guard let bytes = Hex.bytes(key), bytes.count == 32 else {
                throw SettingsError(description: "--key must be 64 hexadecimal digits.")
            }
            return bytes
        }

        private func show(_ verdict: AuditVerdictView) throws {
            let isKeyMissing = file != nil && key == nil
            try Output.fields([
                ("log", verdict.isIntact ? "intact" : "NOT INTACT"), ("good entries", "\(verdict.entries)"),
                ("head", verdict.head), ("fault", verdict.fault.map { "entry \($0.sequence): \($0.words)" }),
                ("faulty entry", verdict.fault?.id),
                ("note", isKeyMissing ? "Only the chain was checked, not who wrote it; pass --key for that." : nil),
            ])
        }
    }

    struct Key: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the key that checks the codes of an export.",
            discussion: "Who has it and the database could forge entries: keep it where the server cannot be reached from.")
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let key = try await options.client().auditKey()
                if options.json { return try Output.json(key) }
                try Output.text(key.key)
            }
        }
    }

    // A longer line is no entry, and must not fill the memory.
    private static let lineBytesMax = 1 << 20
    private static let pieceBytes = 1 << 16

    /// Checks an export, line by line; stops at the first fault.
    private static func verdict(on file: URL, key: Data?) throws -> AuditVerdictView {
        guard let handle = try? FileHandle(forReadingFrom: file) else {
            throw SettingsError(description: "\(file.path) cannot be read.")
        }
        defer { try? handle.close() }
        var verifier = AuditChain.Verifier(key: key)
        var rest = Data()
        var isAtEnd = false
        var fault: AuditChain.Fault?
        while !isAtEnd, fault == nil {
            let piece = try readPiece(handle, file)
            isAtEnd = piece.isEmpty
            rest.append(piece)
            var lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            rest = lines.popLast().map { Data($0) } ?? Data()
            for line in lines where fault == nil { fault = verifier.take(line: Data(line)) }
            // What is behind the last line end is a line cut short, which the chain then finds a fault in.
            if fault == nil, !rest.isEmpty, isAtEnd || rest.count > lineBytesMax { fault = verifier.take(line: rest) }
        }
        let verdict = verifier.finish()
        return AuditVerdictView(
            isIntact: verdict.fault == nil, entries: verdict.entries, head: verdict.head,
            fault: verdict.fault.map { AuditFaultView(sequence: $0.sequence, id: $0.id, words: $0.words) })
    }

    private static func readPiece(_ handle: FileHandle, _ file: URL) throws -> Data {
        do {
            return try handle.read(upToCount: pieceBytes) ?? Data()
        } catch {
            throw SettingsError(description: "\(file.path) cannot be read: \(error.localizedDescription)")
        }
    }
}
