/// How long an account may show no activity before it becomes inactive. Rows D6–D8.
package enum InactivityRule: Hashable, Sendable {
    case never
    case after(days: Int)

    /// Says when an account falls inactive if nothing more happens; `nil` for never.
    package func lapse(afterActivityAt last: Timestamp) -> Timestamp? {
        switch self {
        case .never: nil
        case .after(let days): last.adding(.days(Int64(days)))
        }
    }

    /// Whether an account with that last activity has been idle too long. The exact moment of the lapse counts as too long.
    package func hasLapsed(lastActivityAt last: Timestamp, now: Timestamp) -> Bool {
        lapse(afterActivityAt: last).map { $0 <= now } ?? false
    }
}

/// Keeps the sweep from switching many accounts off for a wrong reason: a jumping clock, or a silence that hit everyone.
package enum SweepGuard {
    /// What the sweep may do this time.
    package enum Verdict: Hashable, Sendable {
        case proceed
        case hold(Reason)
    }

    package enum Reason: String, Sendable {
        case clockJumped = "clock_jumped"
        case tooManyAtOnce = "too_many_at_once"
    }

    /// Decides from what the clocks say and how many would fall.
    ///
    /// - Parameters:
    ///   - active: memberships that are active now.
    ///   - due: those of them that would become inactive.
    ///   - wallElapsed: what the time of day moved since the last look.
    ///   - steadyElapsed: what a clock that nobody can set moved since then.
    /// - Returns: `.hold` when the clocks differ by more than 15 minutes, or when more than 5 and more than 10 % would fall.
    package static func verdict(active: Int, due: Int, wallElapsed: Interval, steadyElapsed: Interval) -> Verdict {
        let drift = Interval(microseconds: wallElapsed.microseconds.subtractingSaturated(steadyElapsed.microseconds))
        if drift.magnitude > .seconds(15 * 60) { return .hold(.clockJumped) }
        if due > 5, due > active / 10 { return .hold(.tooManyAtOnce) }
        return .proceed
    }
}

extension Int64 {
    fileprivate func subtractingSaturated(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (self < 0 ? .min : .max) : difference
    }
}
