import Domain
import Foundation
import Manage
import Storage

/// An installation as `inlet init` and the set-up link leave it, to be copied for each test.
package struct TestInstallation: Sendable {
    package let keyRing: KeyRing
    package let made: Installation.Made
    package let store: StoreTemplate

    /// The password of the first owner.
    package static let ownersPassword = "four quiet green boats"

    /// The one of this process.
    ///
    /// - Parameters:
    ///   - isEmbedded: whether it is one of the embedded database.
    ///   - isDurable: where it is not, whether the PostgreSQL keeps what it acknowledged.
    package static func template(isEmbedded: Bool = TestDatabase.isEmbedded, isDurable: Bool) async throws -> TestInstallation {
        try await made.value(isEmbedded: isEmbedded, isDurable: isDurable)
    }

    private static let made = OncePerDatabase { try await make(isEmbedded: $0, isDurable: $1) }

    private static func make(isEmbedded: Bool, isDurable: Bool) async throws -> TestInstallation {
        let keyRing = KeyRing.random()
        var made: Installation.Made?
        let store = try await StoreTemplate(isEmbedded: isEmbedded, isDurable: isDurable) { store in
            let desk = try await Desk(
                store: store, clock: HandClock(), keys: KeyCabinet(keyRing), ingestURL: "http://127.0.0.1:1",
                passwordCost: .least)
            let installation = try await Installation(desk).make()
            try await PersonOperations(desk).setUp(.init(password: ownersPassword), by: installation.setUp.code)
            made = installation
        }
        guard let made else { throw Installation.Failure.missing }
        return TestInstallation(keyRing: keyRing, made: made, store: store)
    }
}
