import Domain
import FoundationEssentials

/// Basic authentication, RFC 7617: the password is the token (D2, P2). The token as user with an empty password works too.
package struct BasicMethod: AuthMethod {
    package let name = AuthMethodName.basic
    package let scheme = "Basic"
    package let challenge = #"Basic realm="inlet", charset="UTF-8""#

    package init() {}

    package func read(_ credentials: Substring) -> PresentedCredential? {
        guard let pair = Data(base64Encoded: String(credentials)), let colon = pair.firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        let user = pair[..<colon]
        let password = pair[pair.index(after: colon)...]
        if password.isEmpty {
            return Secret(user).map { PresentedCredential(method: name, secret: $0, user: nil) }
        }
        return Secret(password).map {
            PresentedCredential(method: name, secret: $0, user: Self.recordable(user))
        }
    }

    package func header(presenting secret: Secret) -> String {
        "Basic " + encoded(secret)
    }

    /// The base64 text behind `Basic`, with `inlet` as the user.
    package func encoded(_ secret: Secret) -> String {
        Data("inlet:\(secret.revealed())".utf8).base64EncodedString()
    }

    // Somebody may put a secret into the user part as well; that must not reach the database.
    private static func recordable(_ user: Data) -> String? {
        guard !user.isEmpty, Secret(user) == nil else { return nil }
        let printable = String(decoding: user.prefix(400), as: UTF8.self).unicodeScalars.filter {
            $0.properties.generalCategory != .control
        }
        return String(String(String.UnicodeScalarView(printable)).prefix(100))
    }
}
