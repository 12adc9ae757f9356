import Domain
import Synchronization

/// How fast tokens with a limit are calling (N7). In memory alone: a restart gives everybody a fresh minute.
package final class RateBook: Sendable {
    // By token, the moment up to which its calls are paid for: the generic cell rate algorithm.
    private let paidUntil = Mutex<[String: Timestamp]>([:])
    private static let minute = Interval.seconds(60)

    package init() {}

    /// Counts a call in, if the token may make one now.
    ///
    /// - Returns: `nil` if it may; else the refusal, with the seconds until it may again. A whole minute's calls may come at once.
    func refusal(of token: String, perMinute limit: Int64, at now: Timestamp) -> Rejection? {
        let cost = Interval(microseconds: Self.minute.microseconds / max(1, limit))
        return paidUntil.withLock { paidUntil in
            var paid = max(paidUntil[token] ?? now, now)
            // A clock that was set back must not lock anybody out.
            if paid.since(now) > Self.minute { paid = now }
            let next = paid.adding(cost)
            let ahead = next.since(now)
            guard ahead <= Self.minute else {
                let wait = ahead.microseconds - Self.minute.microseconds
                return .rateLimited(perMinute: limit, seconds: max(1, (wait + 999_999) / 1_000_000))
            }
            paidUntil[token] = next
            return nil
        }
    }
}
