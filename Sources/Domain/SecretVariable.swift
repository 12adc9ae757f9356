import FoundationEssentials

/// The name of a secret variable: a capital letter, then at most 63 capital letters, digits and underscores. Row E11.
package struct SecretVariableName: Hashable, Comparable, Sendable {
    package let text: String

    /// Reads a name; `nil` if it is none.
    package init?(_ text: String) {
        let bytes = text.utf8
        guard bytes.count <= Self.bytesMax, let first = bytes.first, Self.isCapital(first),
            bytes.allSatisfy({ Self.isCapital($0) || Self.isDigit($0) || $0 == UInt8(ascii: "_") })
        else { return nil }
        self.text = text
    }

    package static func < (left: SecretVariableName, right: SecretVariableName) -> Bool {
        left.text < right.text
    }

    private static let bytesMax = 64

    private static func isCapital(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

/// A text in which `{{NAME}}` stands for the value of a secret variable. It holds no value, so it may be shown.
package struct SecretTemplate: Hashable, Sendable {
    /// The text as it was written.
    package let text: String
    private let parts: [Part]

    private enum Part: Hashable {
        case plain(String)
        case variable(SecretVariableName)
    }

    /// Reads a text. Spaces and tabs around a name are allowed; `}}` without `{{` before it is plain text.
    package init(_ text: String) throws(SecretTemplateError) {
        self.text = text
        var parts: [Part] = []
        // Bytes, for a mark that combines with a brace would hide it among characters.
        var rest = Array(text.utf8)[...]
        while let opening = rest.firstPair(of: UInt8(ascii: "{")) {
            parts.append(.plain(String(decoding: rest[..<opening], as: UTF8.self)))
            rest = rest[opening...].dropFirst(2)
            guard let closing = rest.firstPair(of: UInt8(ascii: "}")) else { throw .badName(Self.shown(rest)) }
            let inner = rest[..<closing]
            guard let name = SecretVariableName(String(decoding: inner.withoutBlanksAround, as: UTF8.self)) else {
                throw .badName(Self.shown(inner))
            }
            parts.append(.variable(name))
            rest = rest[closing...].dropFirst(2)
        }
        parts.append(.plain(String(decoding: rest, as: UTF8.self)))
        self.parts = parts
    }

    /// The secret variables it uses.
    package var names: Set<SecretVariableName> {
        parts.reduce(into: []) { names, part in
            if case .variable(let name) = part { names.insert(name) }
        }
    }

    /// Puts the values in. What a value holds is plain text, `{{NAME}}` too.
    package func resolved(_ value: (SecretVariableName) -> String?) throws(SecretTemplateError) -> String {
        var resolved = ""
        for part in parts {
            switch part {
            case .plain(let text): resolved += text
            case .variable(let name):
                guard let value = value(name) else { throw .missing(name) }
                resolved += value
            }
        }
        return resolved
    }

    private static func shown(_ bytes: ArraySlice<UInt8>) -> String {
        String(String.UnicodeScalarView(String(decoding: bytes, as: UTF8.self).unicodeScalars.prefix(shownScalarsMax)))
    }

    private static let shownScalarsMax = 60
}

/// Why a text is no template, or cannot be filled in.
package enum SecretTemplateError: Error, Hashable {
    /// What stands behind `{{` is no name with `}}` after it; the beginning of it.
    case badName(String)
    /// There is no variable of that name.
    case missing(SecretVariableName)
}

/// Takes secrets out of a text that is to be logged or shown.
package struct Redactor: Sendable {
    // In each of these forms a secret is looked for.
    private let forms: [[UInt8]]

    /// - Parameter secrets: what to take out; empty texts are left aside.
    package init(_ secrets: [String]) {
        forms = Set(secrets.filter { !$0.isEmpty }).flatMap(Self.forms)
    }

    /// The text with `[redacted]` for each secret, written as it is, percent-encoded in any way, or alone in base64. Secrets that
    /// overlap in the text go as one, so no end of one stays. In time linear to the text and to the secrets.
    package func redacted(_ text: String) -> String {
        guard !forms.isEmpty else { return text }
        let plain = Plain(Array(text.utf8))
        // How far a secret reaches that begins there.
        var ends: [Int: Int] = [:]
        for form in forms {
            for (start, end) in plain.places(of: form) { ends[start] = max(ends[start] ?? end, end) }
        }
        guard !ends.isEmpty else { return text }
        var output: [UInt8] = []
        var kept = 0
        var hidden = 0
        for start in ends.keys.sorted() {
            guard let end = ends[start] else { continue }
            if start >= hidden, start >= kept {
                output += plain.bytes[kept..<start]
                output += Self.mark
            }
            hidden = max(hidden, end)
            kept = hidden
        }
        output += plain.bytes[kept...]
        return String(decoding: output, as: UTF8.self)
    }

    private static let mark = Array("[redacted]".utf8)

    private static func forms(of secret: String) -> [[UInt8]] {
        let base64 = Data(secret.utf8).base64EncodedString()
        let safeBase64 = base64.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            default: byte
            }
        }
        // Without padding too, which is as good as with any other.
        let encoded = [Array(base64.utf8), safeBase64].flatMap { form in [form, form.filter { $0 != UInt8(ascii: "=") }] }
        return Array(Set([Array(secret.utf8)] + encoded))
    }

    /// A text as it is, and with everything that is percent-encoded read.
    private struct Plain {
        let bytes: [UInt8]
        private var read: [UInt8] = []
        // Where each read byte begins in the text; one more for the end.
        private var starts: [Int] = []

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
            var position = 0
            while position < bytes.count {
                starts.append(position)
                let byte: UInt8
                if bytes[position] == UInt8(ascii: "%"), position + 2 < bytes.count, let high = Self.digit(bytes[position + 1]),
                    let low = Self.digit(bytes[position + 2])
                {
                    byte = high << 4 | low
                    position += 3
                } else {
                    byte = bytes[position]
                    position += 1
                }
                // In a form a blank is written as a plus, so the two are one here.
                read.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
            starts.append(bytes.count)
        }

        /// Where a secret begins and ends.
        func places(of form: [UInt8]) -> [(start: Int, end: Int)] {
            let blank = form.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }
            return Self.matches(of: form, in: bytes).map { ($0, $0 + form.count) }
                + Self.matches(of: blank, in: read).map { (starts[$0], starts[$0 + form.count]) }
        }

        private static func digit(_ byte: UInt8) -> UInt8? {
            switch byte {
            case 0x30...0x39: byte - 0x30
            case 0x41...0x46, 0x61...0x66: (byte | 0x20) - 0x57
            default: nil
            }
        }

        // All beginnings, by Knuth, Morris and Pratt: who answers must not choose how long this takes.
        private static func matches(of pattern: [UInt8], in bytes: [UInt8]) -> [Int] {
            guard !pattern.isEmpty, pattern.count <= bytes.count else { return [] }
            var borders = [0]
            borders.reserveCapacity(pattern.count)
            for position in pattern.indices.dropFirst() {
                var length = borders[position - 1]
                while length > 0, pattern[position] != pattern[length] { length = borders[length - 1] }
                borders.append(pattern[position] == pattern[length] ? length + 1 : 0)
            }
            var found: [Int] = []
            var length = 0
            for (position, byte) in bytes.enumerated() {
                while length > 0, byte != pattern[length] { length = borders[length - 1] }
                if byte == pattern[length] { length += 1 }
                if length == pattern.count {
                    found.append(position + 1 - length)
                    length = borders[length - 1]
                }
            }
            return found
        }
    }
}

extension ArraySlice<UInt8> {
    // Where that byte stands twice in a row for the first time.
    func firstPair(of byte: UInt8) -> Int? {
        zip(indices, zip(self, dropFirst())).first { $1 == (byte, byte) }?.0
    }

    // Without spaces and tabs at both ends.
    var withoutBlanksAround: ArraySlice<UInt8> {
        func isBlank(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
        }
        let head = drop(while: isBlank)
        return head.dropLast(head.reversed().prefix(while: isBlank).count)
    }
}
