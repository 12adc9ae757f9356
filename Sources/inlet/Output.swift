import ArgumentParser
import Client
import Contract
import Domain
import Foundation
import Manage
import Storage

/// What commands print.
enum Output {
    /// One JSON value on standard output.
    static func json(_ value: some Encodable) throws {
        try write(Wire.encode(value, pretty: true) + Data("\n".utf8))
    }

    /// Lines on standard output, at once, also when it is a pipe.
    static func text(_ text: String) throws {
        try write(Data((text + "\n").utf8))
    }

    /// Text of several lines that came from outside.
    static func lines(_ text: String) throws {
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        try self.text(lines.map { printable(String(Substring($0))) }.joined(separator: "\n"))
    }

    /// Bytes as they are on standard output.
    static func write(_ bytes: Data) throws {
        do {
            try FileHandle.standardOutput.write(contentsOf: bytes)
        } catch {
            throw SettingsError(description: "Standard output does not take what is to be printed.")
        }
    }

    /// A table with a heading on standard output.
    static func table(_ heading: [String], _ rows: [[String]]) throws {
        try text(columns(heading, rows))
    }

    /// A table with a heading; columns are as wide as their widest entry.
    static func columns(_ heading: [String], _ rows: [[String]]) -> String {
        let cells = [heading] + rows.map { $0.map(printable) }
        let widths = heading.indices.map { column in
            cells.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
        }
        return cells.map { row in
            zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: max(0, width - cell.count))
            }.joined(separator: "  ").replacing(#/\s+$/#, with: "")
        }.joined(separator: "\n")
    }

    /// Names and values, one a line; those without a value are left out.
    static func fields(_ fields: [(String, String?)]) throws {
        let width = fields.map(\.0.count).max() ?? 0
        let lines = fields.compactMap { name, value in
            value.map { name + String(repeating: " ", count: width - name.count + 2) + printable($0) }
        }
        try text(lines.joined(separator: "\n"))
    }

    /// A ratio of 0 to 1 in percent.
    static func percent(_ ratio: Double) -> String {
        String(format: "%.6g %%", ratio * 100)
    }

    /// A length of time in its two largest units, `1d 2h` for example.
    static func span(seconds: Int64) -> String {
        let units: [(name: String, seconds: Int64)] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]
        var rest = max(0, seconds)
        var parts: [String] = []
        for unit in units where rest >= unit.seconds {
            parts.append("\(rest / unit.seconds)\(unit.name)")
            rest %= unit.seconds
        }
        return parts.isEmpty ? "0s" : parts.prefix(2).joined(separator: " ")
    }

    /// How often something was used and when last, as a sentence without a subject.
    static func uses(_ count: Int64, lastAt: String?, from address: String?) -> String {
        guard let lastAt, count > 0 else { return "never used." }
        let from = address.map { " from \(printable($0))" } ?? ""
        return "used \(count == 1 ? "once" : "\(count) times"), the last time at \(printable(lastAt))\(from)."
    }

    /// Text that came from outside, without what a terminal would obey.
    static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    scalar.isUnseen && scalar != "\t" ? "\u{FFFD}" : scalar
                }))
    }
}

/// Turns errors into one line on standard error and an exit code.
enum Failures {
    static func shown(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let exit as ExitCode {
            throw exit
        } catch {
            FileHandle.standardError.write(Data("inlet: \(sentence(error))\n".utf8))
            throw ExitCode(1)
        }
    }

    private static func sentence(_ error: any Error) -> String {
        switch error {
        case let error as SettingsError: error.description
        case let error as StorageError: error.description
        case ClientError.problem(let problem): sentence(problem)
        case ClientError.unreachable(let server, let detail):
            "No answer from \(server): is `inlet serve` running there? (\(detail))"
        case ClientError.unreadable(let sentence): sentence
        case let error as ListenError: error.description
        case Installation.Failure.exists:
            "There is an installation already. Start it with `inlet serve`, or name another folder or database."
        case Installation.Failure.missing:
            "Nothing is installed there. Run `inlet init` first, or start with --quickstart."
        case Installation.Failure.wrongKey:
            "The master key is not the one this database was made with. Put the right key file back."
        default: "\(error)"
        }
    }

    private static func sentence(_ problem: Problem) -> String {
        if problem.code == "unauthorized" { return "\(problem.detail) \(hint)" }
        if let uses = problem.uses, !uses.isEmpty {
            return Output.printable("\(problem.detail) It is used in: \(uses.joined(separator: ", ")).")
        }
        guard let tokens = problem.tokens, !tokens.isEmpty else { return Output.printable(problem.detail) }
        let names = tokens.map { "\($0.id) (\($0.name))" }.joined(separator: ", ")
        return Output.printable("\(problem.detail) They are: \(names).")
    }

    private static let hint = "The one in use may have ended; see `--token`, INLET_TOKEN and the profile."
}
