import ArgumentParser
import Client
import Contract
import Foundation

/// Asks before something stops that others rely on. Row N5.
struct Consent: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Do it without being asked.") var yes = false

    /// Shows what was called until now, and asks whether to go on. Returns only if so.
    ///
    /// - Parameter deed: what would be done, in words that follow `This would`.
    func ask(_ deed: String, impact: () async throws -> ImpactView) async throws {
        try await ask(deed) { try await impact().text }
    }

    /// Shows what was sent until now, and asks whether to go on. Returns only if so.
    ///
    /// - Parameters:
    ///   - deed: what would be done, in words that follow `This would`.
    ///   - figures: what to show, in words.
    func ask(_ deed: String, figures: () async throws -> String) async throws {
        if yes {
            // Scripts want silence, and in an emergency nothing may stand in the way, so this is not waited for if it fails.
            if isatty(STDERR_FILENO) == 1, let figures = try? await figures() { Terminal.note(figures) }
            return
        }
        let deed = Output.printable(deed)
        guard Terminal.isThere else {
            throw SettingsError(description: "This would \(deed); pass --yes to do it without being asked.")
        }
        Terminal.note(try await figures())
        Terminal.note("\nThis would \(deed).")
        let answer = try Terminal.line("Go on? [y/N] ").lowercased()
        guard answer == "y" || answer == "yes" else {
            Terminal.note("Nothing was changed.")
            throw ExitCode(1)
        }
    }
}

/// Asks for the name of what is to be deleted for good, so that nothing else goes by mistake. Row N5.
struct NamedConsent: ParsableArguments {
    @Option(help: ArgumentHelp("Its name, to delete it without being asked.", valueName: "name")) var confirmName: String?

    /// Shows what was sent until now, and asks for the name. The server compares it.
    ///
    /// - Parameters:
    ///   - deed: what would be done, in words that follow `This would`.
    ///   - figures: what to show, in words.
    func ask(_ deed: String, figures: () async throws -> String) async throws -> ConfirmDeletion {
        if let confirmName {
            if isatty(STDERR_FILENO) == 1, let figures = try? await figures() { Terminal.note(figures) }
            return ConfirmDeletion(confirmName: confirmName)
        }
        let deed = Output.printable(deed)
        guard Terminal.isThere else {
            throw SettingsError(
                description: "This would \(deed); pass its name as --confirm-name to do it without being asked.")
        }
        Terminal.note(try await figures())
        Terminal.note("\nThis would \(deed).")
        let name = try Terminal.line("Type its name to go on: ")
        guard !name.isEmpty else {
            Terminal.note("Nothing was changed.")
            throw ExitCode(1)
        }
        return ConfirmDeletion(confirmName: name)
    }
}

extension ImpactView {
    /// For a person's eyes.
    var text: String {
        guard let lastCallAt, count > 0 else {
            return "Nothing was called with \(Output.printable(subject)) in the last \(days) days."
        }
        let calls = count == 1 ? "one call" : "\(count) calls"
        var parts = ["\(Output.printable(subject)): \(calls) in the last \(days) days, the last at \(lastCallAt)."]
        if !webhooks.isEmpty {
            parts.append(
                Output.columns(
                    ["WEBHOOK", "NAME", "CALLS", "LAST CALL", "FROM"],
                    webhooks.map {
                        [$0.webhook, $0.name ?? "-", "\($0.count)", $0.lastCallAt, $0.addresses.joined(separator: ", ")]
                    }))
        }
        if let tokens, !tokens.isEmpty {
            parts.append(
                Output.columns(
                    ["TOKEN", "NAME", "CALLS", "LAST CALL"],
                    tokens.map { [$0.token, $0.name, "\($0.count)", $0.lastCallAt ?? "never"] }))
        }
        return parts.joined(separator: "\n\n")
    }
}
