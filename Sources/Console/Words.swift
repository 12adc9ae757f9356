import ConsoleFiles
import Domain
import Foundation

/// What the console says in one language: every word stands in that language's catalogue (D13).
///
/// A catalogue is a JSON object of keys such as `webhook.name`. A text may have places like `{name}`; one that depends on a number
/// is an object of the plural forms `one` and `other` (Unicode CLDR), chosen by `{n}`.
package struct Words: Sendable {
    package let language: Language
    private let texts: [String: Text]
    /// The same as a tree, as templates look words up: `t.webhook.name`.
    let tree: [String: any Sendable]

    enum Text: Sendable, Decodable {
        case plain(String)
        case plural(one: String, other: String)

        private enum Forms: String, CodingKey { case one, other }

        init(from decoder: any Decoder) throws {
            if let text = try? decoder.singleValueContainer().decode(String.self) {
                self = .plain(text)
            } else {
                let forms = try decoder.container(keyedBy: Forms.self)
                self = .plural(
                    one: try forms.decode(String.self, forKey: .one), other: try forms.decode(String.self, forKey: .other))
            }
        }
    }

    /// Reads a language's catalogue; one that cannot be read has no words, which tests do not let pass.
    package init(_ language: Language) {
        self.language = language
        texts = (try? JSONDecoder().decode([String: Text].self, from: ConsoleFiles.words(language.rawValue))) ?? [:]
        tree = Self.tree(texts)
    }

    /// A language's words; read once, unless somebody is writing them.
    static func of(_ language: Language) -> Words {
        if ConsoleFiles.areInDevelopment { return Words(language) }
        return all[language] ?? Words(language)
    }

    private static let all = Dictionary(uniqueKeysWithValues: Language.allCases.map { ($0, Words($0)) })

    /// All keys there are.
    package var keys: Set<String> { Set(texts.keys) }

    /// The forms of a text; for those who compare catalogues.
    package func forms(_ key: String) -> [String] {
        switch texts[key] {
        case .plain(let text): [text]
        case .plural(let one, let other): [one, other]
        case nil: []
        }
    }

    /// The text of a key; the key itself in brackets if there is none, which tests look for.
    package subscript(_ key: String) -> String { text(key) ?? "⟦\(key)⟧" }

    /// The text of a key if there is one.
    package func text(_ key: String) -> String? {
        switch texts[key] {
        case .plain(let text): text
        case .plural(_, let other): other
        case nil: nil
        }
    }

    /// The text of a key with its places filled in. Numbers are written as the language does.
    package func callAsFunction(_ key: String, _ values: [String: any Sendable]) -> String {
        var text: String
        switch texts[key] {
        case .plain(let plain): text = plain
        case .plural(let one, let other): text = isOne(values["n"]) ? one : other
        case nil: return "⟦\(key)⟧"
        }
        // From the text's own places alone, so that what is filled in is not looked through again.
        var filled = ""
        while let open = text.firstIndex(of: "{"), let close = text[open...].firstIndex(of: "}") {
            let name = String(text[text.index(after: open)..<close])
            filled += text[..<open]
            filled += values[name].map(written) ?? "{\(name)}"
            text = String(text[text.index(after: close)...])
        }
        return filled + text
    }

    private func written(_ value: any Sendable) -> String {
        switch value {
        case let number as Int: self.number(Int64(number))
        case let number as Int64: self.number(number)
        case let number as Double: decimal(number)
        default: "\(value)"
        }
    }

    // The plural rules of the three languages (CLDR): Portuguese counts nothing as one.
    private func isOne(_ value: (any Sendable)?) -> Bool {
        guard let count = (value as? Int).map(Int64.init) ?? value as? Int64 else { return false }
        return count == 1 || (count == 0 && language == .brazilianPortuguese)
    }

    private static func tree(_ texts: [String: Text]) -> [String: any Sendable] {
        var branches: [String: [String: Text]] = [:]
        var tree: [String: any Sendable] = [:]
        for (key, text) in texts where !key.hasPrefix("says.") {
            let parts = key.split(separator: ".", maxSplits: 1).map(String.init)
            if parts.count == 2 {
                branches[parts[0], default: [:]][parts[1]] = text
            } else {
                switch text {
                case .plain(let plain): tree[key] = plain
                case .plural(_, let other): tree[key] = other
                }
            }
        }
        for (name, branch) in branches { tree[name] = self.tree(branch) }
        return tree
    }
}

// MARK: Numbers and moments

extension Words {
    private var locale: Locale { Locale(identifier: language == .english ? "en-GB" : language == .dutch ? "nl-NL" : "pt-BR") }

    package func number(_ value: Int64) -> String {
        value.formatted(.number.locale(locale))
    }

    /// - Parameter digits: how many stand behind the point at most.
    package func decimal(_ value: Double, digits: Int = 2) -> String {
        value.formatted(.number.precision(.fractionLength(0...digits)).locale(locale))
    }

    /// A share of one, as a percentage.
    package func percent(_ share: Double, digits: Int = 2) -> String {
        share.formatted(.percent.precision(.fractionLength(0...digits)).locale(locale))
    }

    /// A number of bytes in B, kB, MB or GB, of a thousand each.
    package func bytes(_ count: Int64) -> String {
        let units = ["B", "kB", "MB", "GB", "TB"]
        var value = Double(count)
        var unit = 0
        while value >= 1000, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return "\(decimal(value, digits: value < 10 && unit > 0 ? 1 : 0)) \(units[unit])"
    }

    /// A moment to the second, in UTC.
    package func moment(_ moment: Timestamp) -> String {
        "\(date(moment)) \(clock(moment)) UTC"
    }

    package func date(_ moment: Timestamp) -> String {
        moment.foundation.formatted(style.day().month(.abbreviated).year())
    }

    /// The time of day to the second, in UTC.
    package func clock(_ moment: Timestamp) -> String {
        moment.foundation.formatted(
            style.hour(.twoDigits(amPM: .omitted)).minute(.twoDigits).second(.twoDigits).locale(Locale(identifier: "en-GB")))
    }

    private var style: Date.FormatStyle {
        Date.FormatStyle(locale: locale, calendar: Calendar(identifier: .gregorian), timeZone: .gmt)
    }

    /// How long ago a moment was, or how soon it will be, in the largest unit that fits.
    package func distance(_ moment: Timestamp, now: Timestamp) -> String {
        let seconds = now.since(moment).microseconds / 1_000_000
        let (count, unit) = Self.largest(seconds.magnitude)
        if count == 0 { return self["time.now"] }
        return self(seconds >= 0 ? "time.ago_\(unit)" : "time.in_\(unit)", ["n": count])
    }

    /// A length of time in the largest unit that fits.
    package func length(_ interval: Interval) -> String {
        let (count, unit) = Self.largest((interval.microseconds / 1_000_000).magnitude)
        return self("time.length_\(unit)", ["n": count])
    }

    private static func largest(_ seconds: UInt64) -> (count: Int64, unit: String) {
        switch seconds {
        case ..<60: (Int64(clamping: seconds), "seconds")
        case ..<3600: (Int64(clamping: seconds / 60), "minutes")
        case ..<86_400: (Int64(clamping: seconds / 3600), "hours")
        default: (Int64(clamping: seconds / 86_400), "days")
        }
    }
}

extension Timestamp {
    fileprivate var foundation: Date { Date(timeIntervalSince1970: Double(microseconds) / 1_000_000) }
}
