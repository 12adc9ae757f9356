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
