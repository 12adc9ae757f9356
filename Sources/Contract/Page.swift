/// A part of a listing.
public struct PageView<Item: Codable & Sendable>: Codable, Sendable {
    public var items: [Item]
    /// To be handed in as `after` for the next part; null at the end.
    public var next: String?

    public init(items: [Item], next: String?) {
        self.items = items
        self.next = next
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(items, forKey: .items)
        try container.encode(next, forKey: .next)
    }
}
