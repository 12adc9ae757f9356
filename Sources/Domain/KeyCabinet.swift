import Synchronization

/// The master keys in use, for all who work with them; exchanged while the server runs.
package final class KeyCabinet: Sendable {
    private let state: Mutex<State>
    // Beside the state, because every call asks for it.
    private let number: Atomic<Int>

    private struct State {
        let ring: KeyRing
        /// Newest first. Deriving them takes longer than using them, so they are kept.
        let digestKeys: [(number: Int, key: DigestKey)]

        init(_ ring: KeyRing) {
            self.ring = ring
            digestKeys = ring.keys.reversed().map { ($0.number, $0.digestKey) }
        }
    }

    package init(_ ring: KeyRing) {
        state = Mutex(State(ring))
        number = Atomic(ring.current.number)
    }

    /// The keys as they are now.
    package var ring: KeyRing {
        state.withLock { $0.ring }
    }

    /// The number of the key that new secrets are kept under.
    package var currentNumber: Int {
        number.load(ordering: .acquiring)
    }

    /// Has everybody use that ring from now on.
    package func replace(with ring: KeyRing) {
        let fresh = State(ring)
        state.withLock { $0 = fresh }
        number.store(ring.current.number, ordering: .releasing)
    }

    /// A secret's digests under every key, the newest first: how it is looked up.
    package func digests(of secret: Secret) -> [SecretDigest] {
        state.withLock { $0.digestKeys }.map { secret.digest(under: $0.key) }
    }

    /// The digest that a new secret is kept under, and the number of its key.
    package func digest(of secret: Secret) -> (digest: SecretDigest, keyNumber: Int) {
        let ring = ring
        return (secret.digest(under: ring.current.digestKey), ring.current.number)
    }
}
