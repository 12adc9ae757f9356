import Foundation
import WebSupport

/// The fields of a form or a query, as a browser sends them (WHATWG URL, application/x-www-form-urlencoded).
struct Form: Sendable {
    private var values: [String: [String]] = [:]
    /// All of it, in the order it came.
    private(set) var pairs: [(name: String, value: String)] = []

    init() {}

    /// Whether nothing of it holds U+0000, or a letter under so many marks that comparing it takes long.
    private(set) var isSane = true

    /// Of a form that is not sane no value is there to be asked for.
    ///
    /// - Parameter text: URL-encoded pairs; what cannot be read is left out.
    init(_ text: String) {
        for pair in text.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first.flatMap(Self.decoded), name.utf8.count <= 100 else { continue }
            pairs.append((name, parts.count == 2 ? Self.decoded(parts[1]) ?? "" : ""))
        }
        isSane = pairs.allSatisfy { Self.isSane($0.name) && Self.isSane($0.value) }
        guard isSane else { return }
        for (name, value) in pairs { values[name, default: []].append(value) }
    }

    /// A name or value as it stands in a query.
    static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }

    // RFC 3986, section 2.3.
    private static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

    private static func decoded(_ bytes: Substring.UTF8View) -> String? {
        // A plus is a blank in forms alone.
        String(decoding: bytes.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }, as: UTF8.self).removingPercentEncoding
    }

    /// The first value of a field, without line ends of Windows; `nil` if the field is missing or empty.
    subscript(_ name: String) -> String? {
        guard let text = values[name]?.first, !text.isEmpty else { return nil }
        return Self.withPlainLineEnds(text)
    }

    // Bytes, for characters of many marks take long to tell apart.
    private static func withPlainLineEnds(_ text: String) -> String {
        let bytes = Array(text.utf8)
        guard bytes.contains(0x0d) else { return text }
        let plain = zip(bytes, bytes.dropFirst() + [0]).filter { $0 != 0x0d || $1 != 0x0a }.map(\.0)
        return String(decoding: plain, as: UTF8.self)
    }

    /// All values of a field, those of ticked boxes for example.
    func all(_ name: String) -> [String] { values[name] ?? [] }

    /// Whether the field was sent, empty or not.
    func has(_ name: String) -> Bool { values[name] != nil }

    /// Whether a box was ticked.
    func isTicked(_ name: String) -> Bool { values[name]?.contains { !$0.isEmpty } ?? false }

    /// A field that may be empty.
    func text(_ name: String) -> String { self[name] ?? "" }

    static func isSane(_ text: String) -> Bool { !text.utf8.contains(0) && text.isStreamSafe }
}
