import Domain
import Storage
import Synchronization

/// Tells from a management token who acts.
package final class SignIn: Sendable {
    private let desk: Desk
    private let noted = Mutex<[SecretDigest: Timestamp]>([:])

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// Finds the actor that a management secret speaks for.
    ///
    /// Asks the database each time, so a revoked token opens nothing from the next request on. A use counts as activity of the
    /// owner (D8) and is written down at most once a minute.
    ///
    /// - Throws: ``OperationError/unauthenticated`` whatever the reason.
    package func actor(presenting text: String) async throws -> Actor {
        guard let secret = Secret(text.utf8), secret.kind == .management else { throw OperationError.unauthenticated }
        let digests = desk.keyRing.keys.reversed().map { secret.digest(under: $0.digestKey) }
        let now = desk.clock.now()
        let found = try await desk.store.read { connection -> (Actor, SecretDigest)? in
            for digest in digests {
                guard let entry = try TokenTable(connection).find(digest) else { continue }
                let token = entry.token
                guard token.state.isActive, token.expiresAt.map({ $0 > now }) ?? false,
                    let member = try AccountTable(connection).find(token.owner, in: token.organization),
                    member.membership.state.isActive
                else { return nil }
                let actor = Actor(
                    organization: token.organization, account: token.owner, role: member.membership.role, token: token.id)
                return (actor, digest)
            }
            return nil
        }
        guard let (actor, digest) = found else { throw OperationError.unauthenticated }
        noteUse(of: digest, by: actor, at: now)
        return actor
    }

    // Without waiting for the disk: who only reads must be served also when the writer is busy or the disk full.
    private func noteUse(of digest: SecretDigest, by actor: Actor, at now: Timestamp) {
        let isDue = noted.withLock { noted in
            if let last = noted[digest], now.since(last).magnitude < .seconds(60) { return false }
            noted[digest] = now
            return true
        }
        guard isDue else { return }
        desk.store.enqueueWrite { transaction in
            try TokenTable(transaction.connection).noteUse(of: digest, at: now, count: 1)
            try AccountTable(transaction.connection).noteTokenUse(by: actor.account, in: actor.organization, at: now)
        } done: { [self] result in
            // What was not written down is due again with the next request.
            if case .failure = result { noted.withLock { $0[digest] = nil } }
        }
    }
}
