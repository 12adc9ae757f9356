import Domain
import Storage

/// Looks for deliveries that may go now. It reads beside the writer, so that no call waits for it; ``Claiming`` looks at each once more.
struct DueLook: Sendable {
    var load: DestinationLoad
    /// Whether there may be deliveries that go in order.
    let mayHaveKeys: Bool
    /// The look begins behind this key.
    let lastKey: String

    /// How many keys of a destination that goes in order are looked at at once.
    var keysPerLook = 1_000

    // How soon the next keys are looked at, if nothing was due among these.
    private static let pause = Interval.seconds(1)

    /// What is due at one destination.
    struct Found: Sendable {
        var first: [Delivery] = []
        var again: [Delivery] = []
        /// When to look again, if what was found is all begun; `nil` if there is nothing.
        var nextDue: Timestamp?
        /// Behind which key the next look begins; `nil` if it stays.
        var lastKey: String?
        /// Whether nothing that goes in order is open.
        var isKeyless = false

        var count: Int { first.count + again.count }
    }

    /// Looks for as many as there is room for.
    func find(at now: Timestamp, room: Int, _ connection: any Connection) throws -> Found {
        let id = load.destination
        let table = DeliveryTable(connection)
        var found = Found()
        found.first = try table.due(of: id, isRetry: false, now: now, limit: room)
        if found.first.count < room { found.again = try table.due(of: id, isRetry: true, now: now, limit: room) }
        found.nextDue = found.count < room ? try table.nextDue(of: id) : now
        if mayHaveKeys { try findInOrder(at: now, room, table, &found) }
        return found
    }

    // Of each key only the oldest may go; and the next look begins with other keys, so that each gets its turn.
    private func findInOrder(at now: Timestamp, _ room: Int, _ table: DeliveryTable, _ found: inout Found) throws {
        var heads = try table.heads(of: load.destination, behind: lastKey, limit: keysPerLook)
        if heads.count < keysPerLook, !lastKey.isEmpty {
            let seen = Set(heads.map(\.id))
            heads += try table.heads(of: load.destination, behind: "", limit: keysPerLook - heads.count)
                .filter { !seen.contains($0.id) }
        }
        let isRound = heads.count < keysPerLook
        found.isKeyless = heads.isEmpty
        let due = heads.filter { $0.state == .due }
        let ready = due.filter { $0.dueAt <= now }
        let next = due.lazy.filter { $0.dueAt > now }.map(\.dueAt).min()
        if let next { found.nextDue = min(found.nextDue ?? next, next) }
        // Beside what goes in no order, each in its turn.
        let before = found.count
        found.first = Self.oldest(found.first + ready.filter { $0.attempts == 0 }, room)
        found.again = Self.oldest(found.again + ready.filter { $0.attempts > 0 }, room)
        if found.count < before + ready.count { found.nextDue = now }
        let chosen = Set((found.first + found.again).map(\.id))
        found.lastKey = ready.last { chosen.contains($0.id) }?.orderKey
        guard !isRound else { return }
        // There are more keys than one look takes; the others come soon.
        found.lastKey = found.lastKey ?? heads.last?.orderKey
        let soon = now.adding(found.count == 0 ? Self.pause : Interval(microseconds: 1_000))
        found.nextDue = min(found.nextDue ?? soon, soon)
    }

    private static func oldest(_ deliveries: [Delivery], _ count: Int) -> [Delivery] {
        Array(deliveries.sorted { ($0.dueAt, $0.id) < ($1.dueAt, $1.id) }.prefix(count))
    }
}

/// Begins attempts, inside a transaction.
struct Claiming {
    private let roster: DeliveryRoster
    private let table: DeliveryTable
    private let now: Timestamp
    private let node: ID<Node>?

    /// - Parameter node: the server that makes the attempts; `nil` if somebody comes for the deliveries.
    init(_ roster: DeliveryRoster, _ transaction: Transaction, at now: Timestamp, by node: ID<Node>?) {
        self.roster = roster
        self.now = now
        self.node = node
        table = DeliveryTable(transaction.connection)
    }

    /// Begins the next attempt of deliveries that were due when they were looked for. What is not to go any more, for its flow or
    /// destination changed, is put in its place instead.
    ///
    /// - Returns: those that go now.
    func begin(_ deliveries: some Sequence<Delivery>, lease: Interval) throws -> [ClaimedDelivery] {
        var steps: [(changed: Delivery, dueAfter: Int, isClaim: Bool)] = []
        for delivery in deliveries {
            let placed = roster.placed(delivery, at: now)
            if placed.state != .due {
                steps.append((placed, delivery.attempts, false))
            } else if let running = try? placed.claimed(at: now, lease: lease) {
                steps.append((running, delivery.attempts, true))
            }
        }
        let isDone = try table.update(steps.map { ($0.changed, dueAfter: $0.dueAfter, claimedBy: $0.isClaim ? node : nil) })
        let claims = zip(steps, isDone).filter { $0.isClaim && $1 }.map { step, _ in
            ClaimedDelivery(delivery: step.changed, attempt: Attempt(of: step.changed, startedAt: now))
        }
        try table.insert(claims.map(\.attempt))
        return claims
    }
}
