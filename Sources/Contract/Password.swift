/// Chooses a password by a one-time link: `POST /api/v1/passwords`.
public struct NewPassword: Codable, Sendable {
    /// From the link.
    public var code: String
    public var password: String

    public init(code: String, password: String) {
        self.code = code
        self.password = password
    }
}

/// Sets up a new installation by the one-time link of its first start: `POST /api/v1/set-up`. What is absent stays.
public struct NewSetUp: Codable, Sendable {
    /// From the link.
    public var code: String
    /// The owner's.
    public var password: String
    /// The owner's, 1 to 100 characters.
    public var name: String?
    /// What the owner signs in with.
    public var login: String?
    /// 1 to 100 characters.
    public var organizationName: String?
    /// Of the organization: `en`, `nl` or `pt-BR`.
    public var language: String?

    public init(
        code: String, password: String, name: String? = nil, login: String? = nil, organizationName: String? = nil,
        language: String? = nil
    ) {
        self.code = code
        self.password = password
        self.name = name
        self.login = login
        self.organizationName = organizationName
        self.language = language
    }
}

/// Changes one's own password: `POST /api/v1/me/password`. The other sessions end.
public struct PasswordChange: Codable, Sendable {
    /// The one in force.
    public var password: String
    public var newPassword: String

    public init(password: String, newPassword: String) {
        self.password = password
        self.newPassword = newPassword
    }
}

/// Proves that who asks is still the person who signed in.
public struct PasswordProof: Codable, Sendable {
    public var password: String

    public init(password: String) {
        self.password = password
    }
}
