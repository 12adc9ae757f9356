/// Sets a secret variable: `PUT /api/v1/secret-variables/{name}`.
public struct NewSecretVariable: Codable, Sendable {
    /// 1 to 8,192 bytes; shown never again.
    public var value: String

    public init(value: String) {
        self.value = value
    }
}

/// A secret variable of the organization; never its value. `{{NAME}}` stands for the value where it is used.
public struct SecretVariableView: Codable, Hashable, Sendable {
    public var name: String
    public var createdAt: String
    /// When the value was last set.
    public var updatedAt: String
    /// Where it is used.
    public var uses: [String]

    public init(name: String, createdAt: String, updatedAt: String, uses: [String]) {
        self.name = name
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.uses = uses
    }
}
