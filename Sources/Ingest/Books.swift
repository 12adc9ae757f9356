import Domain
import Storage
import Synchronization

/// Uses of tokens since they were last written down (D8). Written once a second, however many calls there were.
package final class ActivityBook: Sendable {
    private let pending = Mutex<[SecretDigest: Use]>([:])

    private struct Use {
        let organization: ID<Organization>
        let owner: ID<Account>
        let at: Timestamp
        var count: Int64

        func joined(with older: Use?) -> Use {
            var sum = self
            sum.count += older?.count ?? 0
            return sum
        }
    }

    package init() {}

    /// Counts the calls that were kept, or were kept before. A refused call is no activity.
    func note(_ calls: some Sequence<(PendingCall, IngestAnswer)>, at now: Timestamp) {
        pending.withLock { pending in
            for (call, answer) in calls {
                if case .refused = answer { continue }
                let admission = call.admission
                let use = Use(organization: admission.organization, owner: admission.owner, at: now, count: 1)
                pending[admission.digest] = use.joined(with: pending[admission.digest])
            }
        }
    }

    /// Writes down what has gathered. Safe to repeat; what cannot be written stays for the next time.
    package func flush(to store: Store) async throws {
        let uses = pending.withLock { pending in
            defer { pending = [:] }
            return pending
        }
        if uses.isEmpty { return }
        do {
            try await store.write { transaction in
                for (digest, use) in uses {
                    try TokenTable(transaction.connection).noteUse(of: digest, at: use.at, count: use.count)
                    try AccountTable(transaction.connection)
                        .noteTokenUse(by: use.owner, in: use.organization, at: use.at)
                }
            }
        } catch {
            pending.withLock { pending in
                pending.merge(uses) { newer, older in newer.joined(with: older) }
            }
            throw error
        }
    }
}

/// How many calls each organization had accepted today, kept at hand.
///
/// Where a quota hangs on the count the appender writes it with the calls themselves. Elsewhere it is written once a second, so
/// that a call need not touch one more page of the database.
package final class QuotaBook: Sendable {
    private let state: Mutex<State>

    private struct State {
        var day: Int64
        var counts: [ID<Organization>: Int64]
        var unwritten: [Entry: Int64] = [:]
    }

    private struct Entry: Hashable {
        let organization: ID<Organization>
        let day: Int64
    }

    package init(day: Int64, counts: [ID<Organization>: Int64]) {
        state = Mutex(State(day: day, counts: counts))
    }

    func accepted(in organization: ID<Organization>, on day: Int64) -> Int64 {
        state.withLock { $0.day == day ? $0.counts[organization, default: 0] : 0 }
    }

    func add(_ calls: some Sequence<(PendingCall, IngestAnswer)>, on day: Int64) {
        state.withLock { state in
            if state.day != day { (state.day, state.counts) = (day, [:]) }
            for (call, answer) in calls {
                guard case .accepted = answer else { continue }
                let organization = call.admission.organization
                state.counts[organization, default: 0] += 1
                if call.admission.dailyQuota == nil {
                    state.unwritten[Entry(organization: organization, day: day), default: 0] += 1
                }
            }
        }
    }

    /// Writes down what has gathered. Safe to repeat; what cannot be written stays for the next time.
    package func flush(to store: Store) async throws {
        let taken = state.withLock { state in
            defer { state.unwritten = [:] }
            return state.unwritten
        }
        if taken.isEmpty { return }
        do {
            try await store.write { transaction in
                for (entry, count) in taken {
                    try UsageTable(transaction.connection).add(count, on: entry.day, in: entry.organization)
                }
            }
        } catch {
            state.withLock { $0.unwritten.merge(taken, uniquingKeysWith: +) }
            throw error
        }
    }
}
