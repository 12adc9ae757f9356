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

    /// Reads a moment as RFC 3339 writes it, `2027-01-31T12:00:00.5+01:00`; `nil` unless shape and day are right.
    ///
    /// What is finer than a microsecond is cut off.
    package init?(rfc3339 text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 40, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            bytes[10] | 0x20 == UInt8(ascii: "t"), bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            let year = Self.number(bytes[0..<4]), let month = Self.number(bytes[5..<7]), let day = Self.number(bytes[8..<10]),
            let hour = Self.number(bytes[11..<13]), let minute = Self.number(bytes[14..<16]),
            let second = Self.number(bytes[17..<19]),
            let days = Self.days(year: year, month: month, day: day), hour < 24, minute < 60, second < 60
        else { return nil }
        var rest = bytes[19...]
        var fraction: Int64 = 0
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { (0x30...0x39).contains($0) }
            guard (1...9).contains(digits.count) else { return nil }
            let padded = Array(digits.prefix(6)) + Array(repeating: UInt8(ascii: "0"), count: max(0, 6 - digits.count))
            fraction = Self.number(padded[...]) ?? 0
            rest = rest.dropFirst(1 + digits.count)
        }
        guard let offset = Self.offset(Array(rest)) else { return nil }
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
        self.init(microseconds: seconds * 1_000_000 + fraction)
    }

    // Seconds east of UTC.
    private static func offset(_ bytes: [UInt8]) -> Int64? {
        if bytes.count == 1, bytes[0] | 0x20 == UInt8(ascii: "z") { return 0 }
        guard bytes.count == 6, bytes[0] == UInt8(ascii: "+") || bytes[0] == UInt8(ascii: "-"), bytes[3] == UInt8(ascii: ":"),
            let hours = number(bytes[1..<3]), let minutes = number(bytes[4..<6]), hours < 24, minutes < 60
        else { return nil }
        return (hours * 3600 + minutes * 60) * (bytes[0] == UInt8(ascii: "-") ? -1 : 1)
    }

    // At most six digits, so nothing here can overflow.
    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        var number: Int64 = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            number = number * 10 + Int64(digit - 0x30)
        }
        return number
    }

    // Days since the epoch in the Gregorian calendar; `nil` for a day that does not exist. Years begin in March here, so that the leap
    // day is the last of a year.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64? {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard year >= 1, (1...12).contains(month), (1...lengths[Int(month) - 1]).contains(day) else { return nil }
        let shifted = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
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
