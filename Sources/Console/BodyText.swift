import Domain
import Foundation

/// The bytes of a body as people read them. What is shown is text alone: nothing of it is ever markup.
enum BodyText {
    /// How much of a body stands on a page; the rest is for the file.
    static let shownBytesMax = 65_536
    private static let bytesPerLine = 16

    /// A text, and what is to be known about it.
    struct Shown {
        let text: String
        /// Whether there is more than is shown.
        let isCut: Bool
        /// Whether something in it that cannot be seen is written as a sign.
        var hasSigns = false
    }

    /// The bytes as UTF-8; `nil` if they are none.
    static func text(_ bytes: Data) -> Shown? {
        guard let whole = String(validating: bytes, as: UTF8.self) else { return nil }
        guard bytes.count > shownBytesMax else { return seen(whole, isCut: false) }
        // No character is cut in two.
        var end = bytes.startIndex + shownBytesMax
        while end > bytes.startIndex, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return seen(String(decoding: bytes[bytes.startIndex..<end], as: UTF8.self), isCut: true)
    }

    /// Signs for what would steer the page that shows it: control characters, and those that turn the direction of a line.
    static func seen(_ text: String, isCut: Bool = false) -> Shown {
        var shown = String.UnicodeScalarView()
        var hasSigns = false
        var previousWasReturn = false
        for scalar in text.unicodeScalars {
            if previousWasReturn, scalar != "\n" {
                shown.append("\u{240D}")
                hasSigns = true
            }
            previousWasReturn = scalar == "\r"
            if previousWasReturn { continue }
            if let sign = sign(of: scalar) {
                shown.append(contentsOf: sign.unicodeScalars)
                hasSigns = true
            } else {
                shown.append(scalar)
            }
        }
        if previousWasReturn { shown.append("\u{240D}") }
        return Shown(text: String(shown), isCut: isCut, hasSigns: hasSigns || previousWasReturn)
    }

    private static func sign(of scalar: Unicode.Scalar) -> String? {
        switch scalar.value {
        case 0x09, 0x0A: nil
        case ..<0x20: Unicode.Scalar(0x2400 + scalar.value).map(String.init)
        case 0x7F: "\u{2421}"
        case 0xFDD0...0xFDEF: code(scalar)
        case let value where value & 0xFFFE == 0xFFFE: code(scalar)
        default: scalar.isUnseen ? code(scalar) : nil
        }
    }

    private static func code(_ scalar: Unicode.Scalar) -> String {
        "‹U+\(String(scalar.value, radix: 16, uppercase: true))›"
    }

    /// JSON with one value a line, numbers and names as they came; `nil` if it is none.
    static func pretty(_ bytes: Data) -> Shown? {
        guard let node = try? JSONNode(bytes) else { return nil }
        var output: [UInt8] = []
        write(node, indent: 0, to: &output)
        return text(Data(output))
    }

    // As deep as the value is, which its reader bounds.
    private static func write(_ node: JSONNode, indent: Int, to output: inout [UInt8]) {
        guard output.count <= shownBytesMax else { return }
        switch node {
        case .array(let elements) where !elements.isEmpty:
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                line(index == 0, indent + 1, to: &output)
                write(element, indent: indent + 1, to: &output)
            }
            close("]", indent, to: &output)
        case .object(let object) where !object.members.isEmpty:
            output.append(UInt8(ascii: "{"))
            for (index, member) in object.members.enumerated() {
                line(index == 0, indent + 1, to: &output)
                output += JSONNode.text(member.name).bytes
                output += ": ".utf8
                write(member.value, indent: indent + 1, to: &output)
            }
            close("}", indent, to: &output)
        default: node.write(to: &output)
        }
    }

    private static func line(_ isFirst: Bool, _ indent: Int, to output: inout [UInt8]) {
        if !isFirst { output.append(UInt8(ascii: ",")) }
        output.append(UInt8(ascii: "\n"))
        output += Array(repeating: UInt8(ascii: " "), count: indent * 2)
    }

    private static func close(_ bracket: String, _ indent: Int, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\n"))
        output += Array(repeating: UInt8(ascii: " "), count: indent * 2)
        output += bracket.utf8
    }

    /// Lines of an offset, sixteen bytes in hexadecimal, and those of them that are ASCII.
    static func hex(_ bytes: Data) -> Shown {
        let digits = Array("0123456789abcdef".utf8)
        let shown = bytes.prefix(shownBytesMax)
        var output: [UInt8] = []
        output.reserveCapacity(shown.count * 5)
        var offset = 0
        var rest = shown[...]
        while !rest.isEmpty {
            let line = rest.prefix(bytesPerLine)
            for shift in stride(from: 28, through: 0, by: -4) { output.append(digits[(offset >> shift) & 15]) }
            output += "  ".utf8
            for (place, byte) in line.enumerated() {
                if place == bytesPerLine / 2 { output.append(UInt8(ascii: " ")) }
                output += [digits[Int(byte >> 4)], digits[Int(byte & 15)], UInt8(ascii: " ")]
            }
            let missing = bytesPerLine - line.count
            output += Array(
                repeating: UInt8(ascii: " "), count: missing * 3 + (line.count <= bytesPerLine / 2 ? 1 : 0) + 1)
            output += line.map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: ".") }
            output.append(UInt8(ascii: "\n"))
            offset += line.count
            rest = rest.dropFirst(line.count)
        }
        return Shown(text: String(decoding: output, as: UTF8.self), isCut: bytes.count > shownBytesMax)
    }
}
