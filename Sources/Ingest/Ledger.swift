import Domain
import Storage
import Synchronization

/// Refused calls on their way to the database (N2): bounded, and off the path of calls that are kept.
///
/// Each is listed singly up to a bound per flush. What comes faster is counted by cause, webhook and token, so that a flood of
/// refused calls leaves a true count and cannot fill the disk or crowd out callers.
package final class Ledger: Sendable {
    private let roster: Roster
    private let ids: Mutex<OrderedIDSource>
    private let waiting = Mutex(Waiting())

    private struct Waiting {
        var singles: [RefusedCall] = []
        var repeated: [Key: RefusedCall] = [:]
    }

    private struct Key: Hashable {
        let cause: String
        let webhook: String?
        let token: ID<Token>?
        let integrationToken: ID<IntegrationToken>?
    }

    private static let singlesMax = 500
    private static let keysMax = 200

    package init(roster: Roster, node: Node, lastID: Int64) {
        self.roster = roster
        ids = Mutex(OrderedIDSource(node: node.number, after: lastID))
    }

    func note(_ refusal: Refusal, webhook: String?, remoteAddress: String, at now: Timestamp) {
        let rejection = refusal.rejection
        var call = RefusedCall(
            id: ids.withLock { $0.next(at: now) }, organization: refusal.organization ?? roster.home, receivedAt: now,
            webhook: webhook.map { String($0.prefix(64)) }, token: refusal.token, cause: rejection.cause,
            causeAt: rejection.causeAt, status: rejection.status, remoteAddress: remoteAddress,
            basicUser: refusal.basicUser, count: 1, held: refusal.held,
            integrationToken: refusal.integrationToken)
        waiting.withLock { waiting in
            if waiting.singles.count < Self.singlesMax {
                waiting.singles.append(call)
                return
            }
            var key = Key(
                cause: call.cause, webhook: call.webhook, token: call.token, integrationToken: call.integrationToken)
            if waiting.repeated[key] == nil, waiting.repeated.count >= Self.keysMax {
                // Too many different ones: only the cause and the organization are told apart.
                key = Key(cause: call.cause, webhook: nil, token: nil, integrationToken: nil)
                (call.webhook, call.token, call.basicUser, call.held) = (nil, nil, nil, nil)
                call.integrationToken = nil
                call.organization = roster.home
            }
            call.count += waiting.repeated[key]?.count ?? 0
            waiting.repeated[key] = call
        }
    }

    /// Writes down what has gathered. Safe to repeat; what cannot be written stays, within the same bounds.
    package func flush(to store: Store) async throws {
        let taken = waiting.withLock { waiting in
            defer { waiting = Waiting() }
            return waiting
        }
        let calls = taken.singles + taken.repeated.values
        if calls.isEmpty { return }
        do {
            let counts = counts(calls)
            try await store.write { transaction in
                try CallTable(transaction.connection).insert(calls)
                for (key, count) in counts {
                    try CallCountTable(transaction.connection).add(count.calls, to: key, at: count.lastAt)
                }
            }
        } catch {
            waiting.withLock { waiting in
                waiting.singles = Array((taken.singles + waiting.singles).prefix(Self.singlesMax))
                waiting.repeated.merge(taken.repeated) { newer, older in
                    var sum = newer
                    sum.count += older.count
                    return sum
                }
            }
            throw error
        }
    }

    // Webhooks are counted by name only if there is one of that name: what callers make up must not fill the table.
    private func counts(_ calls: [RefusedCall]) -> [CallCountTable.Key: (calls: Int64, lastAt: Timestamp)] {
        var counts: [CallCountTable.Key: (calls: Int64, lastAt: Timestamp)] = [:]
        for call in calls {
            guard let organization = call.organization else { continue }
            let webhook = call.webhook.flatMap { roster.webhook($0) }
            let key = CallCountTable.Key(
                organization: organization, token: call.token?.text ?? call.integrationToken?.text ?? "",
                webhook: webhook?.id.text ?? "",
                cause: call.cause, day: call.receivedAt.day, address: "")
            let before = counts[key]
            counts[key] = ((before?.calls ?? 0) + call.count, max(before?.lastAt ?? call.receivedAt, call.receivedAt))
        }
        return counts
    }
}
