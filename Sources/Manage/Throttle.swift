import Domain
import Synchronization

/// Slows down who guesses passwords, and nobody else.
///
/// Attempts are counted by login and network, and by network. A browser in which the person signed in before is counted by itself
/// alone, so that no stranger can lock the person out, not even from the same network or through the same proxy.
final class Throttle: Sendable {
    private let buckets = Mutex<[String: Bucket]>([:])
    // More would be an attack on our memory; then those that are quiet longest are forgotten.
    private static let bucketsMax = 20_000
    private static let forgottenAfter = Interval.seconds(3600)

    private struct Bucket {
        var attempts = 0
        var last: Timestamp
        var openAt: Timestamp
    }

    /// One thing that is counted.
    struct Key: Hashable {
        let name: String
        /// Attempts that cost nothing.
        let free: Int
        let waitSecondsMax: Int64
        /// Whether one right attempt clears the count, or is merely not counted itself.
        var isClearedByOne = true
    }

    /// What an attempt is counted under.
    ///
    /// - Parameter who: the account's id, or what was given as login if there is none.
    static func keys(who: String, address: String, device: SecretDigest?) -> [Key] {
        if let device { return [Key(name: "device \(Hex.text(device.bytes))", free: 5, waitSecondsMax: 900)] }
        let network = IPAddress(address)?.throttleKey ?? address
        return [
            Key(name: "login \(who) \(network)", free: 5, waitSecondsMax: 900),
            // The own account of one who guesses at others must not wipe the slate.
            Key(name: "network \(network)", free: 50, waitSecondsMax: 60, isClearedByOne: false),
        ]
    }

    /// What a code of a second factor is counted under, wherever it comes from: only who has the password gets this far.
    static func keys(secondFactorOf account: ID<Account>) -> [Key] {
        [Key(name: "factor \(account.text)", free: 5, waitSecondsMax: 900)]
    }

    /// Counts an attempt before it is judged, so that many at once are no way around.
    ///
    /// - Throws: ``OperationError/tooManyAttempts(seconds:)`` if it comes too soon; then it is not counted.
    func begin(_ keys: [Key], now: Timestamp) throws(OperationError) {
        let wait: Int64? = buckets.withLock { buckets in
            let openAt = keys.compactMap { buckets[$0.name]?.openAt }.max() ?? now
            // A clock that was set back must not lock anybody out for long.
            if openAt > now, openAt.since(now) <= .seconds(900) {
                return (openAt.since(now).microseconds + 999_999) / 1_000_000
            }
            for key in keys { Self.count(key, now, &buckets) }
            return nil
        }
        if let wait { throw .tooManyAttempts(seconds: wait) }
    }

    /// Forgets the attempts after one that was right.
    func succeed(_ keys: [Key]) {
        buckets.withLock { buckets in
            for key in keys {
                if key.isClearedByOne {
                    buckets[key.name] = nil
                } else {
                    buckets[key.name]?.attempts -= 1
                }
            }
        }
    }

    private static func count(_ key: Key, _ now: Timestamp, _ buckets: inout [String: Bucket]) {
        if buckets[key.name] == nil, buckets.count >= bucketsMax { forgetQuiet(now, &buckets) }
        var bucket = buckets[key.name] ?? Bucket(last: now, openAt: now)
        if now.since(bucket.last) > forgottenAfter { bucket.attempts = 0 }
        bucket.attempts += 1
        bucket.last = now
        let beyond = bucket.attempts - key.free
        if beyond > 0 { bucket.openAt = now.adding(.seconds(min(key.waitSecondsMax, 1 << min(beyond, 20)))) }
        buckets[key.name] = bucket
    }

    private static func forgetQuiet(_ now: Timestamp, _ buckets: inout [String: Bucket]) {
        buckets = buckets.filter { now.since($0.value.last) <= .seconds(900) }
        if buckets.count < bucketsMax { return }
        let quietest = buckets.sorted { $0.value.last < $1.value.last }.prefix(bucketsMax / 4)
        for (name, _) in quietest { buckets[name] = nil }
    }
}
