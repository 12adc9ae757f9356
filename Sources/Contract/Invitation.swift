/// Invites a person of another organization of this server: `POST /api/v1/invitations`.
public struct NewInvitation: Codable, Sendable {
    /// What the person signs in with.
    public var login: String
    /// `owner`, `admin`, `member` or `viewer`; `member` when absent.
    public var role: String?

    public init(login: String, role: String? = nil) {
        self.login = login
        self.role = role
    }
}

/// Takes an invitation: `POST /api/v1/invitations/accept`.
public struct AcceptInvitation: Codable, Sendable {
    /// From the one-time link.
    public var code: String

    public init(code: String) {
        self.code = code
    }
}

/// What the signed-in person became a member of.
public struct AcceptedView: Codable, Hashable, Sendable {
    /// Its id.
    public var organization: String
    public var role: String

    public init(organization: String, role: String) {
        self.organization = organization
        self.role = role
    }
}

/// A link that works once: to choose a password, or to join an organization. Shown this once.
public struct OneTimeLinkView: Codable, Hashable, Sendable {
    /// The secret in the link.
    public var code: String
    /// The link itself.
    public var url: String
    public var expiresAt: String

    public init(code: String, url: String, expiresAt: String) {
        self.code = code
        self.url = url
        self.expiresAt = expiresAt
    }
}
