/// What a change does to a setting that can also be without a value. In JSON: absent, a value, or null.
public enum Change<Value: Codable & Hashable & Sendable>: Codable, Hashable, Sendable {
    /// The setting stays.
    case keep
    case set(Value)
    /// The setting is without a value from now on.
    case lift

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        self = container.decodeNil() ? .lift : .set(try container.decode(Value.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .keep, .lift: try container.encodeNil()
        case .set(let value): try container.encode(value)
        }
    }
}

// Only the container knows whether a key is there at all. The `Codable` code that the compiler writes calls these for every field
// of type `Change`, because they are more special than those of the standard library.

extension KeyedEncodingContainer {
    mutating func encode<Value>(_ change: Change<Value>, forKey key: Key) throws {
        switch change {
        case .keep: break
        case .set(let value): try encode(value, forKey: key)
        case .lift: try encodeNil(forKey: key)
        }
    }
}

extension KeyedDecodingContainer {
    func decode<Value>(_ type: Change<Value>.Type, forKey key: Key) throws -> Change<Value> {
        guard contains(key) else { return .keep }
        return try decodeNil(forKey: key) ? .lift : .set(decode(Value.self, forKey: key))
    }
}
