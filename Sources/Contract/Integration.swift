/// Asks for a new credential by which services report: `POST /api/v1/credentials`.
public struct NewCredential: Codable, Sendable {
    /// `hits_failure` or `deploy`.
    public var type: String
    /// 1 to 100 characters; no other credential of the organization has it.
    public var name: String
    /// At most 500 characters.
    public var description: String?
    /// How long activation tokens live, 60 to 31536000; as long as the credential when absent.
    public var activationLifetimeSeconds: Int64?

    public init(type: String, name: String, description: String? = nil, activationLifetimeSeconds: Int64? = nil) {
        self.type = type
        self.name = name
        self.description = description
        self.activationLifetimeSeconds = activationLifetimeSeconds
    }
}

/// Changes a credential: `PATCH /api/v1/credentials/{id}`. What is absent stays.
public struct CredentialEdit: Codable, Sendable {
    public var name: String?
    public var description: String?
    /// Of activation tokens that are made from now on. Lifted means that they live as long as the credential.
    public var activationLifetimeSeconds: Change<Int64>
    /// Also makes a new secret; the old one and all tokens made by it end at once.
    public var regenerate: Bool?

    public init(
        name: String? = nil, description: String? = nil, activationLifetimeSeconds: Change<Int64> = .keep,
        regenerate: Bool? = nil
    ) {
        self.name = name
        self.description = description
        self.activationLifetimeSeconds = activationLifetimeSeconds
        self.regenerate = regenerate
    }
}

/// A credential of the organization, by which its services report. `secret`, `header` and `curl` are present in the answer that
/// makes the secret.
public struct CredentialView: Codable, Hashable, Sendable {
    public var id: String
    /// `hits_failure` or `deploy`.
    public var type: String
    public var name: String
    public var description: String
    public var createdAt: String
    /// How long activation tokens live; absent for as long as the credential.
    public var activationLifetimeSeconds: Int64?
    /// The first characters of the secret, to recognise it by; absent for Deploy, which has none of its own.
    public var hint: String?
    /// When the secret was last made anew.
    public var regeneratedAt: String?
    public var lastUsedAt: String?
    /// Where it was last used from.
    public var lastAddress: String?
    /// How often it was exchanged for an activation token.
    public var useCount: Int64
    /// Activation tokens made by it that work.
    public var activationCount: Int64
    /// Applications whose deploy tokens belong to it.
    public var applicationCount: Int64
    public var secret: String?
    /// The whole header line, `Authorization: Bearer …`.
    public var header: String?
    /// A line for the shell that makes a first exchange.
    public var curl: String?

    public init(
        id: String, type: String, name: String, description: String, createdAt: String,
        activationLifetimeSeconds: Int64? = nil, hint: String? = nil, regeneratedAt: String? = nil,
        lastUsedAt: String? = nil, lastAddress: String? = nil, useCount: Int64, activationCount: Int64,
        applicationCount: Int64, secret: String? = nil, header: String? = nil, curl: String? = nil
    ) {
        self.id = id
        self.type = type
        self.name = name
        self.description = description
        self.createdAt = createdAt
        self.activationLifetimeSeconds = activationLifetimeSeconds
        self.hint = hint
        self.regeneratedAt = regeneratedAt
        self.lastUsedAt = lastUsedAt
        self.lastAddress = lastAddress
        self.useCount = useCount
        self.activationCount = activationCount
        self.applicationCount = applicationCount
        self.secret = secret
        self.header = header
        self.curl = curl
    }
}

/// A token that a service got in exchange for an integration token; never its secret.
public struct ActivationView: Codable, Hashable, Sendable {
    public var id: String
    /// Its first characters.
    public var hint: String
    public var createdAt: String
    /// Where the exchange came from.
    public var createdAddress: String?
    /// Absent for as long as the credential lives.
    public var expiresAt: String?
    /// `active` or `expired`.
    public var state: String
    public var lastUsedAt: String?
    /// Where it was last used from.
    public var lastAddress: String?
    public var useCount: Int64

    public init(
        id: String, hint: String, createdAt: String, createdAddress: String? = nil, expiresAt: String? = nil, state: String,
        lastUsedAt: String? = nil, lastAddress: String? = nil, useCount: Int64
    ) {
        self.id = id
        self.hint = hint
        self.createdAt = createdAt
        self.createdAddress = createdAddress
        self.expiresAt = expiresAt
        self.state = state
        self.lastUsedAt = lastUsedAt
        self.lastAddress = lastAddress
        self.useCount = useCount
    }
}

/// Asks to look at a sealed secret: `POST /api/v1/credentials/{id}/reveal`, `POST /api/v1/applications/{id}/token/reveal`.
public struct RevealSecret: Codable, Sendable {
    /// The actor's own, in a session; a management token needs its scope `reveal` instead.
    public var password: String?

    public init(password: String? = nil) {
        self.password = password
    }
}

/// A secret, and how to send it.
public struct RevealedView: Codable, Hashable, Sendable {
    public var secret: String
    /// The whole header line, `Authorization: Bearer …`.
    public var header: String
    /// A line for the shell that makes a first request.
    public var curl: String

    public init(secret: String, header: String, curl: String) {
        self.secret = secret
        self.header = header
        self.curl = curl
    }
}

/// Deletes a credential or an application: `DELETE /api/v1/credentials/{id}`, `DELETE /api/v1/applications/{id}`.
public struct ConfirmDeletion: Codable, Sendable {
    /// The name of what is to go, so that nothing else goes by mistake.
    public var confirmName: String

    public init(confirmName: String) {
        self.confirmName = confirmName
    }
}
