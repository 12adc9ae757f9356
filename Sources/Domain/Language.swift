/// A language that Inlet speaks to people (D13); the raw value is its tag (BCP 47).
package enum Language: String, Hashable, Sendable, CaseIterable {
    case english = "en"
    case dutch = "nl"
    case brazilianPortuguese = "pt-BR"

    /// Picks the language that an `Accept-Language` header likes best (RFC 9110, section 12.5.4).
    ///
    /// A range names a language by its first part, so `nl-BE` is Dutch and `pt` is Brazilian Portuguese. Of ranges liked equally the
    /// first one counts. No more than the first 30 ranges in 1,000 bytes are read; what is no range is passed over.
    ///
    /// - Returns: `nil` if the header asks for none of ours.
    package static func preferred(in header: String) -> Language? {
        let ranges = header.utf8.prefix(headerBytesMax).split(separator: UInt8(ascii: ",")).prefix(rangesMax)
        var best: (language: Language, quality: Double)?
        var named: Set<Language> = []
        var qualityOfAny = 0.0
        for (range, quality) in ranges.compactMap(weighed) {
            if range == "*" { qualityOfAny = max(qualityOfAny, quality) }
            guard let language = language(of: range) else { continue }
            named.insert(language)
            if quality > best?.quality ?? 0 { best = (language, quality) }
        }
        // The star stands for all that no other range names.
        let other = qualityOfAny > best?.quality ?? 0 ? allCases.first { !named.contains($0) } : nil
        return other ?? best?.language
    }

    private static let headerBytesMax = 1000
    private static let rangesMax = 30

    private static func language(of range: String) -> Language? {
        allCases.first { $0.rawValue.prefix { $0 != "-" } == range.prefix { $0 != "-" } }
    }

    // A range in lower case and how much it is liked, 0 to 1; `nil` for what is not written as it should be.
    private static func weighed(_ text: Substring.UTF8View) -> (range: String, quality: Double)? {
        let parts = text.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false).map(plain)
        guard let range = parts.first, !range.isEmpty, range.utf8.allSatisfy(isOfRange) else { return nil }
        guard let weight = parts.dropFirst().first else { return (range, 1) }
        let digits = weight.dropFirst(2)
        // Never longer than "0.123", and without the forms that numbers have elsewhere.
        guard parts.count == 2, weight.hasPrefix("q="), digits.utf8.count <= 5,
            digits.utf8.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: ".") }),
            let quality = Double(digits), quality <= 1
        else { return nil }
        return (range, quality)
    }

    // In lower case, without blanks around it.
    private static func plain(_ text: Substring.UTF8View) -> String {
        let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let head = text.drop(while: isBlank)
        let bytes = head.dropLast(head.reversed().prefix(while: isBlank).count)
        let capitals = UInt8(ascii: "A")...UInt8(ascii: "Z")
        return String(decoding: bytes.map { capitals.contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    private static func isOfRange(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || isDigit(byte) || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "*")
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
