import Foundation

/// How the wire types stand in JSON: snake_case keys, RFC 3339 texts for moments.
public enum Wire {
    /// Writes a value; keys are sorted so that answers read alike.
    public static func encode(_ value: some Encodable, pretty: Bool = false) throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting =
            pretty ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }

    /// Reads a value; unknown keys are passed over.
    public static func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: data)
    }
}

/// Any JSON value.
public enum JSONValue: Codable, Hashable, Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    case array([JSONValue])
    case object([String: JSONValue])

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        // Containers first: a failed attempt costs the more the deeper it stands, and only what is flat should pay for attempts.
        if let value = try? container.decode([String: JSONValue].self) {
            self = .object(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if container.decodeNil() {
            self = .null
        } else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no JSON value")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    /// Why a JSON text is not read: it would take too long.
    public enum Excess: Sendable {
        /// Lists and objects stand deeper in each other than ``depthMax``.
        case depth
        /// The name of a field is longer than ``keyBytesMax``, or not plain ASCII where that is asked for. None of ours is; and names are
        /// looked up, for which marks in great number on one letter are put in order first, in a time that grows with the square of
        /// their number.
        case key
    }

    /// What in a JSON text would take too long to read; looked for without parsing, so that it need not be.
    ///
    /// - Parameter hasPlainNames: whether names must be plain ASCII, as all of ours are.
    public static func excess(of text: some Sequence<UInt8>, hasPlainNames: Bool = true) -> Excess? {
        var depth = 0
        var isInText = false
        var isEscaped = false
        // Of the text that ended last: its bytes, and whether they are plain.
        var length = 0
        var isPlain = true
        for byte in text {
            if isInText {
                if isEscaped {
                    isEscaped = false
                    if byte == UInt8(ascii: "u") { isPlain = false }
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInText = false
                } else if byte >= 0x80 {
                    isPlain = false
                }
                length += 1
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): (isInText, length, isPlain) = (true, 0, true)
            case UInt8(ascii: ":"):
                if length > keyBytesMax || (hasPlainNames && !isPlain) { return .key }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                if depth > depthMax { return .depth }
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
        }
        return nil
    }

    /// Deeper than this nothing is read as JSON.
    public static let depthMax = 32
    /// Longer than this no name of a field is read.
    public static let keyBytesMax = 128
}
