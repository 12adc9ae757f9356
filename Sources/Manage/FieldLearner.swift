import Domain
import Storage

/// Learns which fields the bodies of each webhook have (D12), a few of the newest events at a time.
package struct FieldLearner: Sendable {
    private let desk: Desk
    // Enough to know the fields, and cheap however many calls come in.
    private static let eventsPerWebhook = 20
    private static let bodyBytesMax = 262_144
    private static let bytesPerRound = 8 << 20

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// Learns from what came since the last round; goes on with the other webhooks in the next one if there was much.
    ///
    /// - Returns: how many bodies were learned from.
    @discardableResult
    package func round() async throws -> Int {
        var bodies = 0
        var bytes = 0
        for waiting in try await desk.read({ try WebhookFieldTable($0).waiting() }) {
            guard bytes < Self.bytesPerRound, !Task.isCancelled else { break }
            let (before, events) = try await desk.read { connection in
                let known = try WebhookFieldTable(connection).find(waiting.webhook)
                let events = try EventTable(connection).newest(
                    of: waiting.webhook, behind: known.lastEvent, limit: Self.eventsPerWebhook, bodyBytesMax: Self.bodyBytesMax)
                return (known, events)
            }
            var learned = before
            for (id, body) in events {
                bytes += body.count
                guard let node = try? JSONNode(body, bytesMax: Self.bodyBytesMax) else { continue }
                let new = learned.tree.learn(node).new
                learned.firstEvents += Array(repeating: id.number, count: new.count)
                learned.events += 1
                bodies += 1
            }
            learned.lastEvent = max(waiting.newest, events.last?.id ?? waiting.newest)
            try await desk.write { [learned] transaction in
                try WebhookFieldTable(transaction.connection).save(learned, of: waiting.webhook, behind: before.lastEvent)
            }
        }
        return bodies
    }
}
