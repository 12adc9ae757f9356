import Contract
import Domain
import Foundation
import NIOHTTP1
import Testing

/// The app on a person's telephone.
package struct Authenticator: Sendable {
    private let secret: TimeCodeSecret

    /// Takes what a person types who cannot scan.
    package init(_ base32: String) throws {
        var bytes = Data()
        var (pending, bits) = (0, 0)
        for character in base32 {
            let value = try #require(Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567").firstIndex(of: character))
            pending = (pending << 5 | value) & 0xFFFF
            bits += 5
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: pending >> bits))
            }
        }
        secret = try #require(TimeCodeSecret(bytes: bytes))
    }

    package func code(at now: Timestamp) -> String {
        secret.code(at: TimeCodeSecret.step(at: now))
    }
}

extension TestHouse {
    /// Puts a second factor in force for who is signed in.
    package func addSecondFactor(to person: Person, in browser: Browser) async throws -> (
        app: Authenticator, recoveryCodes: [String]
    ) {
        let offered = try await browser.request(.POST, "me/second-factor", #"{"password":"\#(person.password)"}"#)
        let app = try Authenticator(Wire.decode(SecondFactorView.self, from: offered.body).secret)
        let confirmed = try await browser.request(
            .POST, "me/second-factor/confirm", #"{"code":"\#(app.code(at: clock.now()))"}"#)
        return (app, try Wire.decode(RecoveryCodesView.self, from: confirmed.body).recoveryCodes)
    }
}
