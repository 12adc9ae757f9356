import Synchronization

/// A digest, and the number of the master key it was made under. The two travel together: under a wrong number a digest would end
/// with a key that it does not need.
package struct KeyedDigest: Hashable, Sendable {
    package let digest: SecretDigest
    package let keyNumber: Int

    package init(digest: SecretDigest, keyNumber: Int) {
        self.digest = digest
        self.keyNumber = keyNumber
    }
}

/// The master keys in use, for all who work with them; exchanged while the server runs.
package final class KeyCabinet: Sendable {
    private let state: Mutex<State>
    // Beside the state, because every call asks for it.
    private let exchanges = Atomic<Int>(0)

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
    }

    /// The keys as they are now.
    package var ring: KeyRing {
        state.withLock { $0.ring }
    }

    /// Counts exchanges of the keys. As long as it stands still, what was derived from them holds.
    package var generation: Int {
        exchanges.load(ordering: .acquiring)
    }

    /// Has everybody use that ring from now on.
    package func replace(with ring: KeyRing) {
        let fresh = State(ring)
        state.withLock { $0 = fresh }
        exchanges.add(1, ordering: .releasing)
    }

    /// A secret's digests under every key, the newest first: how it is looked up.
    package func digests(of secret: Secret) -> [KeyedDigest] {
        state.withLock { $0.digestKeys }.map { KeyedDigest(digest: secret.digest(under: $0.key), keyNumber: $0.number) }
    }

    /// The digest that a new secret is kept under.
    package func digest(of secret: Secret) -> KeyedDigest {
        let key = ring.current
        return KeyedDigest(digest: secret.digest(under: key.digestKey), keyNumber: key.number)
    }
}
