import Domain

/// Bearer tokens, RFC 6750 section 2.1.
package struct BearerMethod: AuthMethod {
    package let name = AuthMethodName.bearer
    package let scheme = "Bearer"
    package let challenge = #"Bearer realm="inlet""#

    package init() {}

    package func read(_ credentials: Substring) -> PresentedCredential? {
        Secret(credentials.utf8).map { PresentedCredential(method: name, secret: $0, user: nil) }
    }

    package func header(presenting secret: Secret) -> String {
        "Bearer " + secret.revealed()
    }
}
