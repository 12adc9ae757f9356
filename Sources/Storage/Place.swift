import Domain
import Synchronization

/// This server's place among those that share the database.
package final class Place: Sendable {
    package let node: Node
    private let isShared: Bool
    private let state: Mutex<State>

    /// How long a place is held without a word, by the database's time.
    static let lease = Interval.seconds(10)
    // Gives up before the others take over: their time and ours may run a little apart.
    private static let trust = Duration.seconds(8)

    private struct State {
        var living: [Node]
        /// When the last renewal was asked for; what came back may be that old.
        var renewedAt: ContinuousClock.Instant
        var ahead = Interval(microseconds: 0)
        var revision = 0
    }

    init(_ node: Node, living: [Node], isShared: Bool) {
        self.node = node
        self.isShared = isShared
        state = Mutex(State(living: living, renewedAt: .now))
    }

    /// Whether this server is the one that does what is to be done once.
    package var isLeader: Bool {
        !isShared || living.map { Node.leader(among: $0) == node } ?? false
    }

    /// Whether this server sends to a destination.
    package func sends(to destination: ID<Destination>) -> Bool {
        !isShared || living.map { Node.sender(to: destination, among: $0) == node } ?? false
    }

    /// Raised whenever other servers live than before.
    package var revision: Int {
        state.withLock { $0.revision }
    }

    /// How many servers share the database, this one among them.
    package var servers: Int {
        state.withLock { max(1, $0.living.count) }
    }

    /// Whether other servers share the database.
    package var hasOthers: Bool { servers > 1 }

    /// By how much the database's time is ahead of this machine's.
    package var ahead: Interval {
        state.withLock { $0.ahead }
    }

    // Nobody, if this server has not been heard of for so long that others may have taken its place.
    private var living: [Node]? {
        state.withLock { $0.renewedAt.duration(to: .now) < Self.trust ? $0.living : nil }
    }

    /// What time the database said it was.
    struct Sounding: Sendable {
        let askedAt: ContinuousClock.Instant
        /// By how much that is ahead of what the machine's clock said when it was asked.
        let ahead: Interval
        /// Until the answer came; the database looked at its clock somewhere in between.
        let took: Duration
    }

    /// Takes in what a renewal brought.
    func note(living: [Node], _ sounding: Sounding) {
        let (seconds, attoseconds) = (sounding.took / 2).components
        let half = Interval(microseconds: seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
        let ahead = sounding.ahead.microseconds - half.microseconds
        state.withLock { state in
            if state.living != living { state.revision += 1 }
            (state.living, state.renewedAt) = (living, sounding.askedAt)
            // What the way there and back may have taken is no difference of the clocks.
            if abs(ahead - state.ahead.microseconds) > half.microseconds + 10_000 {
                state.ahead = Interval(microseconds: ahead)
            }
        }
    }
}
