/// A part of a listing.
public struct PageView<Item: Codable & Sendable>: Codable, Sendable {
    public var items: [Item]
    /// To be handed in as `after` for the next part; absent at the end.
    public var next: String?

    public init(items: [Item], next: String?) {
        self.items = items
        self.next = next
    }
}
