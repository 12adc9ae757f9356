import Domain
import Manage
import Storage

/// Why something did not happen, in the words of the person who asked.
struct Fault: Sendable {
    /// What stands above the form.
    let summary: String
    /// The form's field that is wrong, and what is expected of it.
    let field: (name: String, words: String)?
    /// The tokens that keep an account from being deleted (D9).
    var tokens: [(id: String, name: String)] = []
    /// Where a secret variable is used (E11).
    var uses: [String] = []

    /// - Returns: `nil` for an error that no other input would mend.
    init?(_ error: OperationError, _ words: Words) {
        switch error {
        case .invalid(let name, let expectation):
            let says = words.expectation(expectation)
            field = (name, says)
            summary = words["fault.invalid"]
        case .conflict(let code, let english):
            field = nil
            summary = words.text("conflict.\(code)") ?? english
        case .accountHasTokens(let entries):
            field = nil
            summary = words["fault.account_has_tokens"]
            tokens = entries.map { ($0.token.id.text, $0.token.name.text) }
        case .variableInUse(let places):
            field = nil
            summary = words["fault.variable_in_use"]
            uses = places
        case .signInFailed(let code, let english):
            field = nil
            summary = words.text("conflict.\(code)") ?? english
        case .tooManyAttempts(let seconds):
            field = nil
            summary = words("fault.too_many_attempts", ["n": seconds])
        case .unauthenticated, .forbidden, .lacksScope, .notFound, .unavailable, .defect:
            return nil
        }
    }

    /// A fault found by a page itself.
    init(summary: String, field: (name: String, words: String)? = nil) {
        self.summary = summary
        self.field = field
    }

    /// What is expected of a field; `nil` if that field is right.
    func words(of name: String) -> String? {
        guard let field else { return nil }
        return field.name == name || field.name.hasPrefix("\(name).") ? field.words : nil
    }
}

extension Words {
    /// What operations say in English of a wrong value, in this language, as far as its catalogue knows it.
    ///
    /// The catalogue's key is the English text with its numbers and quoted parts taken out: `must have {1} to {2} characters.`
    package func expectation(_ english: String) -> String {
        guard language != .english else { return english.capitalizedFirst }
        var pattern = ""
        var parts: [String: any Sendable] = [:]
        var rest = Substring(english)
        while let first = rest.first {
            let part: Substring
            if first.isASCII, first.isNumber {
                part = rest.prefix { $0.isASCII && ($0.isNumber || $0 == "." || $0 == ",") }.trimmingEnd
            } else if first == "`", let end = rest.dropFirst().firstIndex(of: "`") {
                part = rest[...end]
            } else {
                pattern.append(first)
                rest.removeFirst()
                continue
            }
            let name = "\(parts.count + 1)"
            parts[name] = String(part)
            pattern += "{\(name)}"
            rest = rest.dropFirst(part.count)
        }
        let key = "says.\(pattern)"
        return text(key) == nil ? english.capitalizedFirst : self(key, parts).capitalizedFirst
    }
}

extension StringProtocol {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}

extension Substring {
    // A full stop behind a number ends the sentence.
    fileprivate var trimmingEnd: Substring {
        var text = self
        while let last = text.last, last == "." || last == "," { text.removeLast() }
        return text
    }
}
