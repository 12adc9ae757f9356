import Domain

/// A way to prove who is calling with an `Authorization` header. A new one is one file, and one line in ``AllMethods``.
package protocol AuthMethod: Sendable {
    var name: AuthMethodName { get }
    /// The scheme in front of the credential, as RFC 9110 writes it; matched without regard to case.
    var scheme: String { get }
    /// What `WWW-Authenticate` says about it.
    var challenge: String { get }
    /// Reads what stands behind the scheme; `nil` if it is malformed.
    func read(_ credentials: Substring) -> PresentedCredential?
    /// The value of the `Authorization` header that presents that secret.
    func header(presenting secret: Secret) -> String
}

/// What a caller presented, before anything is known about it.
package struct PresentedCredential: Sendable {
    package let method: AuthMethodName
    package let secret: Secret
    /// The user part of Basic, at most 100 characters, printable; never a secret.
    package let user: String?

    package init(method: AuthMethodName, secret: Secret, user: String?) {
        self.method = method
        self.secret = secret
        self.user = user
    }
}

/// Every way there is.
package enum AllMethods {
    package static let list: [any AuthMethod] = [BearerMethod(), BasicMethod()]

    // A token has 43; the rest is for the user part of Basic.
    private static let bytesMax = 2_048

    /// Reads the value of an `Authorization` header; `nil` if the scheme is unknown or the rest malformed.
    package static func read(authorization: String) -> PresentedCredential? {
        // Bytes, and few of them: characters of many marks take long to tell apart, and no credential has any.
        guard authorization.utf8.count <= bytesMax, authorization.utf8.allSatisfy({ $0 < 0x80 }),
            let space = authorization.utf8.firstIndex(of: UInt8(ascii: " "))
        else { return nil }
        let scheme = String(authorization[..<space])
        let rest = authorization.utf8[authorization.utf8.index(after: space)...].drop { $0 == UInt8(ascii: " ") }
        let credentials = authorization[rest.startIndex...]
        return list.first { $0.scheme.equalsIgnoringCase(scheme) }?.read(credentials)
    }
}
