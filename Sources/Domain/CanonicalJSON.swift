import FoundationEssentials

/// JSON in the one form RFC 8785 gives it, so that equal content has equal bytes, fit for a digest or a signature.
///
/// Equality is Swift's: two texts that look alike are equal though their bytes differ (`é` in one scalar or two). Compare
/// ``bytes`` where that matters.
package enum CanonicalJSON: Hashable, Sendable {
    case null
    /// Written in decimal. Callers keep within ±(2⁵³ − 1): readers of JSON need not tell larger ones apart.
    case integer(Int64)
    case text(String)
    case bool(Bool)
    case array([CanonicalJSON])
    case object([String: CanonicalJSON])

    /// The canonical text: no blanks, keys in the order of their UTF-16 code units.
    package var text: String {
        String(decoding: written, as: UTF8.self)
    }

    /// The canonical text in UTF-8.
    package var bytes: Data {
        Data(written)
    }

    private var written: [UInt8] {
        var output: [UInt8] = []
        write(to: &output)
        return output
    }

    private func write(to output: inout [UInt8]) {
        switch self {
        case .null: output += "null".utf8
        case .integer(let number): output += String(number).utf8
        case .text(let text): Self.write(text, to: &output)
        case .bool(let flag): output += (flag ? "true" : "false").utf8
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                element.write(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let members):
            let sorted = members.sorted { $0.key.utf16.lexicographicallyPrecedes($1.key.utf16) }
            output.append(UInt8(ascii: "{"))
            for (index, member) in sorted.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                Self.write(member.key, to: &output)
                output.append(UInt8(ascii: ":"))
                member.value.write(to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }

    // Also what ``JSONNode`` writes its texts with.
    static func write(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        escape(text.utf8, to: &output)
        output.append(UInt8(ascii: "\""))
    }

    // What stands between the quotation marks.
    static func escape(_ text: some Sequence<UInt8>, to output: inout [UInt8]) {
        for byte in text {
            switch byte {
            case 0x08: output += #"\b"#.utf8
            case 0x09: output += #"\t"#.utf8
            case 0x0A: output += #"\n"#.utf8
            case 0x0C: output += #"\f"#.utf8
            case 0x0D: output += #"\r"#.utf8
            case 0x00..<0x20: output += (#"\u00"# + Hex.text([byte])).utf8
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
            default: output.append(byte)
            }
        }
    }
}
