import AuthMethods
import Domain

/// A secret in the forms in which callers present it (D1, P2). It is shown once and never kept.
package struct PresentedSecret: Sendable {
    /// The 43 characters.
    package let text: String
    /// The value of an `Authorization` header with the secret as Bearer token.
    package let bearer: String
    /// What stands behind `Basic` in that header.
    package let basic: String

    init(_ secret: Secret) {
        text = secret.revealed()
        bearer = BearerMethod().header(presenting: secret)
        basic = BasicMethod().encoded(secret)
    }

    /// Reads a secret that a page carries from one step to the next; `nil` for anything else.
    package init?(_ text: String) {
        guard let secret = Secret(text.utf8) else { return nil }
        self.init(secret)
    }

    /// The whole header with the secret as Bearer token.
    package var bearerHeader: String { "Authorization: \(bearer)" }
    /// The whole header with the secret as password of Basic authentication.
    package var basicHeader: String { "Authorization: Basic \(basic)" }

    /// The value of an `Authorization` header that a webhook with those methods takes: as Bearer token if it may be.
    package func authorization(accepts: Set<AuthMethodName>) -> String {
        accepts.contains(.bearer) ? bearer : "Basic \(basic)"
    }
}
