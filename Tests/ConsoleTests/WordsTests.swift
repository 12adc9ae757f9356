import Console
import ConsoleFiles
import Domain
import EmbeddedFiles
import Foundation
import Testing

/// The words of the console are whole: each in all three languages, none missing, none left over (D13).
@Suite struct WordsTests {
    private let english = Words(.english)
    private let all = Language.allCases.map { Words($0) }

    // MARK: The catalogues among themselves

    @Test func `D13 every catalogue has the same keys`() {
        #expect(!english.keys.isEmpty)
        for words in all {
            #expect(words.keys.subtracting(english.keys) == [], "only in \(words.language)")
            #expect(english.keys.subtracting(words.keys) == [], "not in \(words.language)")
        }
    }

    @Test func `D13 a text has the same places in every language, and says something`() {
        for key in english.keys.sorted() {
            let places = Self.places(english.forms(key))
            for words in all {
                let own = Self.places(words.forms(key))
                // What an operation says may name a field of the API, which a person need not hear.
                let isWhole = key.hasPrefix("says.") ? own.isSubset(of: places) : own == places
                #expect(isWhole, "\(key) in \(words.language)")
                #expect(words.forms(key).allSatisfy { !$0.isEmpty }, "\(key) in \(words.language)")
            }
        }
    }

    @Test func `No key stands in the way of others, and each has a section`() {
        let keys = english.keys.filter { !$0.hasPrefix("says.") }
        for key in keys.sorted() {
            #expect(key.split(separator: ".").count == 2, "\(key)")
            #expect(!keys.contains { $0.hasPrefix("\(key).") }, "\(key)")
        }
    }

    private static func places(_ forms: [String]) -> Set<String> {
        Set(forms.flatMap { form in form.matches(of: /\{(\w+)\}/).map { String($0.output.1) } })
    }

    // MARK: Who asks for words

    private static var templateKey: Regex<(Substring, Substring)> { /\bt\.([a-z_]+\.[A-Za-z0-9_-]+)/ }

    @Test func `Every word that a template asks for is there`() throws {
        for (name, text) in try Self.templates() {
            for found in text.matches(of: Self.templateKey) {
                #expect(english.keys.contains(String(found.output.1)), "\(name)")
            }
        }
    }

    @Test func `Every word that a page asks for is there`() throws {
        for (name, text) in try SwiftText.files("Sources/Console") {
            for literal in SwiftText(text).literals {
                for asked in Self.keys(asked: literal) where asked.whole != "" {
                    #expect(english.keys.contains { asked.fits($0) }, "\(name) asks for \(asked.pieces.joined(separator: "…"))")
                }
            }
        }
    }

    // The keys that a text of a source file is, by what stands before it.
    private static func keys(asked literal: SwiftText.Literal) -> [SwiftText.Literal] {
        let before = literal.before
        if before.hasSuffix("done: ") {
            return [.init(pieces: ["done.\(literal.pieces.first ?? "")"] + literal.pieces.dropFirst(), before: before)]
        }
        let isInBrackets =
            before.range(of: "words[", options: .backwards).map { !before[$0.upperBound...].contains("]") } ?? false
        let isDirect = ["words(", "words[", "badge(", "key: "].contains { before.hasSuffix($0) }
        let isLabel = before.contains(#/\bcode\("[a-z-]*", $/#)
        // Among other texts in brackets only those that look like keys are.
        let looksLikeKey = literal.pieces.joined(separator: "x").wholeMatch(of: /[a-z_]+\.[A-Za-z0-9_-]+/) != nil
        return isDirect || isLabel || (isInBrackets && looksLikeKey) ? [literal] : []
    }

    @Test func `There is no word that nobody asks for`() throws {
        let literals = try SwiftText.files("Sources/Console").flatMap { SwiftText($0.text).literals }
        let texts = Set(literals.compactMap(\.whole))
        // A gap alone, or one behind a mere dot, would fit everything.
        let open = literals.filter { literal in
            literal.pieces.count > 1 && literal.pieces.contains { $0.contains(/[a-z]+\./) || $0.contains(/\.[a-z]+/) }
                && literal.pieces != ["done.", ""] && literal.pieces != ["conflict.", ""]
        }
        let done = literals.filter { $0.before.hasSuffix("done: ") && $0.pieces.count > 1 }
        let inTemplates = Set(
            try Self.templates().flatMap { $0.text.matches(of: Self.templateKey).map { String($0.output.1) } })
        let codes = try Self.conflictCodes()
        func isAsked(_ key: String) -> Bool {
            if key.hasPrefix("conflict.") { return codes.contains(String(key.dropFirst(9))) }
            if key.hasPrefix("done.") {
                let rest = String(key.dropFirst(5))
                return texts.contains(rest) || done.contains { $0.fits(rest) }
            }
            return texts.contains(key) || inTemplates.contains(key) || open.contains { $0.fits(key) }
                || (key.hasSuffix("_hint") && isAsked(String(key.dropLast(5))))
        }
        let unused = english.keys.filter { !$0.hasPrefix("says.") && !isAsked($0) }
        #expect(unused.sorted() == [])
    }

    private static func templates() throws -> [(name: String, text: String)] {
        let folder = SwiftText.repository.appending(path: "Sources/ConsoleFiles/Templates")
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil).map {
            ($0.lastPathComponent, try String(contentsOf: $0, encoding: .utf8))
        }
    }

    // MARK: What operations say

    private static let operations = ["Manage", "Domain", "Destinations", "Deliver"].map { "Sources/\($0)" }

    private static func conflictCodes() throws -> Set<String> {
        let literals = try operations.flatMap { try SwiftText.files($0) }.flatMap { SwiftText($0.text).literals }
        var codes = Set(literals.filter { $0.before.hasSuffix("code: ") }.compactMap(\.whole))
        // `noun_active`: of tokens alone, for an account is deleted whatever its state.
        codes.insert("token_active")
        return codes
    }

    @Test func `D13 every conflict has words of its own in every language`() throws {
        let codes = try Self.conflictCodes()
        #expect(codes.count > 30)
        for words in all {
            #expect(codes.filter { words.text("conflict.\($0)") == nil }.sorted() == [], "\(words.language)")
        }
    }

    // What only a program can get wrong: a page has no such field, or offers the right ones to choose from.
    private static let saidToPrograms = [
        "must be one of: ", "is unknown; there are: ", "`` is unknown; there are: ", "lies before ",
        "must name at least one of: ",
        // Of an attempt to send, and never of a form.
        "cannot be written to.", "cannot be made: ",
    ]

    @Test func `D13 what is expected of a field is said in every language`() throws {
        let files = try SwiftText.files("Sources/Console") + Self.operations.flatMap { try SwiftText.files($0) }
        for (name, text) in files {
            for literal in SwiftText(text).literals where Self.isExpectation(literal, in: name) {
                let plain = literal.pieces.joined()
                // Half of a text that goes on in another literal ends in a blank.
                if plain.hasSuffix(" ") || Self.saidToPrograms.contains(where: { plain.hasPrefix($0) }) { continue }
                // Whatever is filled in is a number, or stands between backticks.
                let said = literal.pieces.joined(separator: "7")
                for words in all where words.language != .english {
                    let heard = words.expectation(said)
                    #expect(heard.dropFirst() != said.dropFirst(), "\(name): “\(said)” in \(words.language)")
                    #expect(!heard.contains(/\{\w+\}(?!\})/) || said.contains("{{"), "\(heard)")
                }
            }
        }
    }

    private static func isExpectation(_ literal: SwiftText.Literal, in file: String) -> Bool {
        let before = literal.before
        let isOwn = before.contains(/\.invalid\( ?field: [^,]*, $/) || before.contains(/DestinationFault\( ?"[a-z_]+", $/)
        let isOfFlow = file == "FlowFaults.swift" && before.contains(/case \.[^:]*: $/)
        let isOfAudit = file == "AuditChain.swift" && before.hasSuffix("words: ")
        return isOwn || isOfFlow || isOfAudit
    }

    // MARK: Closed lists that pages show

    @Test func `Everything that is in a closed list has a word`() {
        var keys = AuditEntry.Action.allCases.map { "audit.action_\($0.rawValue.replacing(".", with: "_"))" }
        keys += Role.allCases.flatMap { ["role.\($0.rawValue)", "account.role_\($0.rawValue)"] }
        keys += Account.Kind.allCases.flatMap { ["account.kind_\($0.rawValue)", "account.kind_\($0.rawValue)_text"] }
        keys += InactiveReason.allCases.flatMap { ["account.stopped_\($0.rawValue)", "token.stopped_\($0.rawValue)"] }
        keys += OutlookItem.Kind.allCases.flatMap { ["outlook.\($0.rawValue)", "outlook.\($0.rawValue)_text"] }
        keys += DisabledReason.allCases.flatMap { ["home.disabled_\($0.rawValue)", "destination.disabled_\($0.rawValue)"] }
        keys += [SweepGuard.Reason.clockJumped, .tooManyAtOnce].map { "account.sweep_\($0.rawValue)" }
        keys += DeliveryState.allCases.flatMap { ["delivery.state_\($0.rawValue)", "delivery.state_\($0.rawValue)_text"] }
        keys += Rejection.causes.flatMap { ["cause.\($0)", "cause.\($0)_text"] }
        keys += ["app", "api", "management"].flatMap { ["account.token_\($0)", "token.kind_\($0)"] }
        keys += Language.allCases.map { "language.\($0.rawValue)" }
        #expect(keys.filter { !english.keys.contains($0) } == [])
    }

    // MARK: Files

    @Test func `The list of the console's files names every file and no other`() throws {
        let folder = SwiftText.repository.appending(path: "Sources/ConsoleFiles")
        let files = try ["Assets", "Templates", "Words"].flatMap {
            try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: $0).path(percentEncoded: false))
        }
        #expect(
            EmbeddedFiles.all.keys.sorted() == (files + ["openapi.yaml"]).sorted(), "scripts/embedded-files.py writes the list")
        for (kind, name) in [("Words", "en.json"), ("Assets", "console.css")] {
            #expect(
                EmbeddedFiles.all[name] == FileManager.default.contents(atPath: folder.appending(path: "\(kind)/\(name)").path))
        }
        #expect(
            ConsoleFiles.templates().keys.sorted()
                == files.filter { $0.hasSuffix(".mustache") }.map { String($0.dropLast(9)) }.sorted())
    }
}
