import Domain
import Storage
import Synchronization

/// Uses of tokens since they were last written down (D8, N5). Written once a second, however many calls there were.
package final class ActivityBook: Sendable {
    private let pending = Mutex<[Key: Use]>([:])
    // Beyond this many different ones a second, addresses are not told apart.
    private static let keysMax = 5_000

    private struct Key: Hashable {
        let digest: SecretDigest
        /// A token can change its owner between two calls, and each call is its owner's activity.
        let owner: ID<Account>
        let webhook: ID<Webhook>
        var address: String
    }

    private struct Use {
        let organization: ID<Organization>
        let token: ID<Token>
        /// What the secret is to be kept under from now on.
        let newer: KeyedDigest?
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
    func note(_ calls: some Sequence<(Pending, IngestAnswer)>, at now: Timestamp) {
        pending.withLock { pending in
            for (waiting, answer) in calls {
                // A report's use is written with the report.
                guard case .call(let call) = waiting else { continue }
                switch answer {
                case .accepted, .duplicate: break
                case .held, .refused, .reported, .activated: continue
                }
                let admission = call.admission
                var key = Key(
                    digest: admission.digest, owner: admission.owner, webhook: admission.webhook,
                    address: call.head.remoteAddress)
                if pending.count >= Self.keysMax, pending[key] == nil { key.address = "" }
                let use = Use(
                    organization: admission.organization, token: admission.token, newer: admission.newer,
                    at: now, count: 1)
                pending[key] = use.joined(with: pending[key])
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
                // Oldest first: of several uses of one secret the last one is to stand.
                for (key, use) in uses.sorted(by: { $0.value.at < $1.value.at }) { try Self.write(key, use, transaction) }
                try Self.rekey(uses, transaction)
            }
        } catch {
            pending.withLock { pending in
                pending.merge(uses) { newer, older in newer.joined(with: older) }
            }
            throw error
        }
    }

    private static func write(_ key: Key, _ use: Use, _ transaction: Transaction) throws {
        let connection = transaction.connection
        let address = key.address.isEmpty ? nil : key.address
        // A call may have come in just before its secret moved to a newer master key.
        try TokenTable(connection).noteUse(
            of: key.digest, or: use.newer?.digest, at: use.at, from: address, count: use.count)
        try AccountTable(connection).noteTokenUse(by: key.owner, in: use.organization, at: use.at)
        try CallCountTable(connection).add(
            use.count,
            to: CallCountTable.Key(
                organization: use.organization, token: use.token.text, webhook: key.webhook.text, cause: "",
                day: use.at.day, address: key.address), at: use.at)
    }

    // A digest can only be made anew when the caller shows the secret, so secrets move to a new master key as they are used.
    private static func rekey(_ uses: [Key: Use], _ transaction: Transaction) throws {
        var moves: [SecretDigest: KeyedDigest] = [:]
        for (key, use) in uses { moves[key.digest] = use.newer }
        for (old, new) in moves {
            if let token = try TokenTable(transaction.connection).rekey(old, to: new) {
                transaction.announce(.token(token))
            }
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

    func add(_ calls: some Sequence<(Pending, IngestAnswer)>, on day: Int64) {
        state.withLock { state in
            if state.day != day { (state.day, state.counts) = (day, [:]) }
            for (call, answer) in calls {
                switch answer {
                case .accepted: break
                case .reported(let receipt) where receipt.isNew: break
                case .reported, .duplicate, .held, .refused, .activated: continue
                }
                let organization = call.organization
                state.counts[organization, default: 0] += 1
                if call.dailyQuota == nil {
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
