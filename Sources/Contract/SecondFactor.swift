/// What an authenticator app needs; not asked for until it is confirmed.
public struct SecondFactorView: Codable, Hashable, Sendable {
    /// Base32, to be typed in.
    public var secret: String
    /// `otpauth://…`, to be shown as a picture.
    public var uri: String

    public init(secret: String, uri: String) {
        self.secret = secret
        self.uri = uri
    }
}

/// Confirms a second factor: `POST /api/v1/me/second-factor/confirm`.
public struct SecondFactorCode: Codable, Sendable {
    /// The six digits that the app shows.
    public var code: String

    public init(code: String) {
        self.code = code
    }
}

/// Codes that stand in for the authenticator app, once each. Shown this once.
public struct RecoveryCodesView: Codable, Hashable, Sendable {
    public var recoveryCodes: [String]

    public init(recoveryCodes: [String]) {
        self.recoveryCodes = recoveryCodes
    }
}
