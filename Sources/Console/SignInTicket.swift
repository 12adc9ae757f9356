import Crypto
import Domain
import Foundation

/// What a browser carries from the password to the code of the second factor: sealed, so that no page holds a password in clear.
enum SignInTicket {
    private struct Content: Codable {
        let login: String
        let password: String
        let endsAtMicroseconds: Int64
    }

    // Of this process alone: a restart asks for the password again.
    private static let key = SymmetricKey(size: .bits256)
    private static let purpose = Data("inlet/sign-in/second-step".utf8)
    private static let lifetime = Interval.seconds(300)

    /// - Parameter endsAt: of the ticket that came, so that wrong codes do not make it last; five minutes from now by default.
    static func seal(login: String, password: String, endsAt: Timestamp? = nil, now: Timestamp) throws -> String {
        let end = endsAt ?? now.adding(lifetime)
        let content = Content(login: login, password: password, endsAtMicroseconds: end.microseconds)
        let box = try AES.GCM.seal(try JSONEncoder().encode(content), using: key, authenticating: purpose)
        return (box.combined ?? Data()).base64EncodedString()
    }

    /// - Returns: `nil` for a ticket that is too old, or none of this process.
    static func open(_ text: String, now: Timestamp) -> (login: String, password: String, endsAt: Timestamp)? {
        guard let sealed = Data(base64Encoded: text), let box = try? AES.GCM.SealedBox(combined: sealed),
            let plain = try? AES.GCM.open(box, using: key, authenticating: purpose),
            let content = try? JSONDecoder().decode(Content.self, from: plain)
        else { return nil }
        let endsAt = Timestamp(microseconds: content.endsAtMicroseconds)
        return now < endsAt ? (content.login, content.password, endsAt) : nil
    }
}
