/// A master key; never the key itself.
public struct KeyView: Codable, Hashable, Sendable {
    public var number: Int
    /// `current` or `old`.
    public var state: String
    public var addedAt: String
    /// How many secrets are checked with it.
    public var secrets: Int64
    /// How many other things are sealed under it.
    public var sealed: Int64

    public init(number: Int, state: String, addedAt: String, secrets: Int64, sealed: Int64) {
        self.number = number
        self.state = state
        self.addedAt = addedAt
        self.secrets = secrets
        self.sealed = sealed
    }
}

/// Drops an old master key: `POST /api/v1/keys/{number}/retire`.
public struct RetireKey: Codable, Sendable {
    /// Also if secrets are under it; those end.
    public var force: Bool?

    public init(force: Bool? = nil) {
        self.force = force
    }
}
