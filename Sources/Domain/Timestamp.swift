import FoundationEssentials

/// A moment, in whole microseconds since 1970-01-01T00:00:00Z.
///
/// The same integer stands in the database. Arithmetic saturates at the ends of the range, so no date from outside can trap.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Microseconds since the epoch; negative before 1970.
    package let microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// Makes the moment that many whole seconds after the epoch; saturates.
    package init(seconds: Int64) {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        microseconds = overflow ? (seconds < 0 ? .min : .max) : product
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }

    /// Says which moment lies that far after (or, if negative, before) this one; saturates.
    package func adding(_ interval: Interval) -> Timestamp {
        let (sum, overflow) = microseconds.addingReportingOverflow(interval.microseconds)
        return Timestamp(microseconds: overflow ? (interval.microseconds < 0 ? .min : .max) : sum)
    }

    /// Says how much later this moment is than `earlier`; negative if it is before it; saturates.
    package func since(_ earlier: Timestamp) -> Interval {
        let (difference, overflow) = microseconds.subtractingReportingOverflow(earlier.microseconds)
        return Interval(microseconds: overflow ? (microseconds < 0 ? .min : .max) : difference)
    }

    /// The UTC day this moment falls in, as days since the epoch.
    package var day: Int64 {
        microseconds.quotientRoundedDown(by: 86_400_000_000)
    }

    /// The text of RFC 3339 in UTC with milliseconds, as the REST API and the CLI show it.
    package var text: String {
        // Years outside 0001–9999 have no RFC 3339 text; no record of ours holds one.
        let shown = min(max(microseconds, -62_135_596_800_000_000), 253_402_300_799_999_000)
        // In the middle of its millisecond, so that the formatter, which cuts, cannot cut one too many.
        let date = Date(timeIntervalSince1970: (Double(shown.quotientRoundedDown(by: 1000)) + 0.5) / 1000)
        return date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}

/// A span of time in whole microseconds; may be negative.
package struct Interval: Hashable, Comparable, Sendable {
    package let microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package static func seconds(_ count: Int64) -> Interval { scaled(count, 1_000_000) }
    package static func milliseconds(_ count: Int64) -> Interval { scaled(count, 1000) }
    package static func days(_ count: Int64) -> Interval { scaled(count, 86_400_000_000) }

    package static func < (left: Interval, right: Interval) -> Bool {
        left.microseconds < right.microseconds
    }

    /// The span of the same length the other way; saturates.
    package var negated: Interval {
        Interval(microseconds: microseconds == .min ? .max : -microseconds)
    }

    /// The same span without its sign; saturates.
    package var magnitude: Interval {
        microseconds == .min ? Interval(microseconds: .max) : Interval(microseconds: abs(microseconds))
    }

    private static func scaled(_ count: Int64, _ unit: Int64) -> Interval {
        let (product, overflow) = count.multipliedReportingOverflow(by: unit)
        return Interval(microseconds: overflow ? (count < 0 ? .min : .max) : product)
    }
}

/// Where the program reads the time of day; handed in, so that tests move it by hand.
package protocol WallClock: Sendable {
    func now() -> Timestamp
}

extension Int64 {
    fileprivate func quotientRoundedDown(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
