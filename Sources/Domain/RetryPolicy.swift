/// How long is waited before each attempt: the first step before the first one, the second before the second.
package struct RetrySchedule: Hashable, Sendable {
    /// How many attempts a schedule may have.
    package static let stepCount = 1...20
    /// How long may be waited before an attempt.
    package static let stepMax = Interval.days(7)

    /// Whole seconds each, 0 to ``stepMax``.
    package let steps: [Interval]

    /// Ten attempts over three days, as Standard Webhooks 1.0.0 advises ("Deliverability and reliability").
    package static let standard = RetrySchedule(
        checked: [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400].map(Interval.seconds))

    /// Takes 1–20 steps of whole seconds.
    package init(steps: [Interval]) throws(RetryScheduleError) {
        guard Self.stepCount.contains(steps.count) else { throw .stepCount(Self.stepCount) }
        let range = Interval.seconds(0)...Self.stepMax
        for (index, step) in steps.enumerated() {
            guard range.contains(step), step.microseconds.isMultiple(of: Self.second) else { throw .badStep(number: index + 1) }
        }
        self.init(checked: steps)
    }

    /// Reads `0,5s,5m,2h,1d`: steps in seconds, minutes, hours or days, those without a letter in seconds; blanks around a step
    /// mean nothing.
    package init(_ text: String) throws(RetryScheduleError) {
        // Twenty steps with blanks take less; what is longer is not looked at.
        guard text.utf8.count <= Self.textBytesMax else { throw .stepCount(Self.stepCount) }
        var steps: [Interval] = []
        for (index, part) in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).enumerated() {
            guard let step = Self.step(Array(part)) else { throw .badStep(number: index + 1) }
            steps.append(step)
        }
        try self.init(steps: steps)
    }

    /// The text that reads back as the same schedule, each step in the largest unit that it is a whole number of; a day is `24h`.
    package var text: String {
        steps.map(Self.text).joined(separator: ",")
    }

    /// How long is waited after that many attempts; `nil` when they are used up, or below zero.
    package func delay(afterAttempts attempts: Int) -> Interval? {
        steps.indices.contains(attempts) ? steps[attempts] : nil
    }

    private static let textBytesMax = 400
    private static let second: Int64 = 1_000_000

    private init(checked steps: [Interval]) {
        self.steps = steps
    }

    private static func step(_ bytes: [UInt8]) -> Interval? {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let trimmed = bytes.drop(while: isBlank).reversed().drop(while: isBlank).reversed()
        let unit: Int64? =
            switch trimmed.last {
            case UInt8(ascii: "s"): 1
            case UInt8(ascii: "m"): 60
            case UInt8(ascii: "h"): 3600
            case UInt8(ascii: "d"): 86_400
            default: nil
            }
        let digits = trimmed.dropLast(unit == nil ? 0 : 1)
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let count = Int64(String(decoding: digits, as: UTF8.self))
        else { return nil }
        let (seconds, overflow) = count.multipliedReportingOverflow(by: unit ?? 1)
        return overflow ? nil : .seconds(seconds)
    }

    private static func text(of step: Interval) -> String {
        let seconds = step.microseconds / second
        if seconds == 0 { return "0" }
        if seconds > 86_400, seconds.isMultiple(of: 86_400) { return "\(seconds / 86_400)d" }
        if seconds.isMultiple(of: 3600) { return "\(seconds / 3600)h" }
        return seconds.isMultiple(of: 60) ? "\(seconds / 60)m" : "\(seconds)s"
    }
}

/// Why a list or text is no schedule.
package enum RetryScheduleError: Error, Hashable {
    /// There are to be so many steps.
    case stepCount(ClosedRange<Int>)
    /// The step is no whole number of seconds from 0 to 7 days; the first one is 1.
    case badStep(number: Int)
}

/// What becomes of a delivery after an attempt (docs/flows.md, "Attempts").
package enum RetryPolicy {
    /// How far a wait is drawn to either side, so that what failed together does not come back together.
    package static let jitterShare = 0.2

    /// Decides by how the attempt ended.
    ///
    /// 2xx is delivered, and 410 disables the destination. All else is tried again while the schedule has steps: redirects are
    /// not followed, and even an address that is refused may be mended in the DNS.
    ///
    /// - Parameters:
    ///   - attempts: how many attempts were made, this one among them.
    ///   - now: when the attempt ended; the wait begins then.
    ///   - jitter: a number drawn from 0..<1; what lies beside it is taken as the nearer end.
    package static func next(
        after outcome: AttemptOutcome, attempts: Int, now: Timestamp, schedule: RetrySchedule, jitter: Double
    ) -> RetryDecision {
        var asked: Interval?
        if case .answered(let status, let retryAfter) = outcome {
            if (200...299).contains(status) { return .delivered }
            if status == 410 { return .disable(.gone) }
            asked = retryAfter
        }
        // No attempt at all cannot fail; read as one, so that the first step is never waited for twice.
        guard let step = schedule.delay(afterAttempts: max(1, attempts)) else { return .dead(.attemptsUsedUp) }
        let wait = max(jittered(step, by: jitter), min(asked ?? .seconds(0), RetryAfter.intervalMax))
        return .retry(at: now.adding(wait))
    }

    // At most 7 days and a fifth, far from the ends of what a whole number holds.
    private static func jittered(_ step: Interval, by jitter: Double) -> Interval {
        // What is no number is not above zero.
        let drawn = jitter > 0 ? min(jitter, 1) : 0
        let factor = 1 - jitterShare + 2 * jitterShare * drawn
        return Interval(microseconds: Int64((Double(step.microseconds) * factor).rounded()))
    }
}

/// What becomes of a delivery.
package enum RetryDecision: Hashable, Sendable {
    case delivered
    case retry(at: Timestamp)
    case dead(DeliveryReason)
    /// It is dead, and its destination is to be disabled for that reason.
    case disable(DisabledReason)
}

/// The field `Retry-After` of an answer (RFC 9110, section 10.2.3).
package enum RetryAfter {
    /// How far ahead an answer may ask for; more is read as that.
    package static let intervalMax = Interval.days(1)

    /// Reads seconds or any of the three forms of a date (RFC 9110, section 5.6.7), without regard to case; `nil` for anything
    /// else, and for a moment that has passed.
    ///
    /// The day of the week is not compared with the date. A leap second is none of ours and reads as garbage.
    package static func read(_ header: String, now: Timestamp) -> Interval? {
        guard header.utf8.count <= headerBytesMax, header.utf8.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 })
        else { return nil }
        let parts = header.lowercased().split { $0 == " " || $0 == "\t" }
        if parts.count == 1, let first = parts.first { return seconds(first) }
        guard let moment = moment(parts, now: now), moment >= now else { return nil }
        return min(moment.since(now), intervalMax)
    }

    // The longest date has 33 bytes.
    private static let headerBytesMax = 64
    private static let weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    private static let months = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]

    private static func seconds(_ text: Substring) -> Interval? {
        guard isDigits(text) else { return nil }
        // Only what is too long for a number fails to be one.
        return min(Int64(text).map(Interval.seconds) ?? intervalMax, intervalMax)
    }

    private static func moment(_ parts: [Substring], now: Timestamp) -> Timestamp? {
        switch parts.count {
        case 6: fixedDate(parts)
        case 5: asctimeDate(parts)
        case 4: rfc850Date(parts, now: now)
        default: nil
        }
    }

    // sun, 06 nov 1994 08:49:37 gmt
    private static func fixedDate(_ parts: [Substring]) -> Timestamp? {
        guard parts.count == 6, isShortWeekday(parts[0].dropLast()), parts[0].last == ",", parts[5] == "gmt",
            isDigits(parts[3], count: 4), let year = Int(parts[3])
        else { return nil }
        return date(year: year, month: parts[2], day: parts[1], time: parts[4])
    }

    // sun nov  6 08:49:37 1994
    private static func asctimeDate(_ parts: [Substring]) -> Timestamp? {
        guard parts.count == 5, isShortWeekday(parts[0]), isDigits(parts[4], count: 4), let year = Int(parts[4])
        else { return nil }
        let day = parts[2].utf8.count == 1 ? "0" + parts[2] : parts[2]
        return date(year: year, month: parts[1], day: day, time: parts[3])
    }

    // sunday, 06-nov-94 08:49:37 gmt
    private static func rfc850Date(_ parts: [Substring], now: Timestamp) -> Timestamp? {
        guard parts.count == 4, parts[0].last == ",", weekdays.contains(String(parts[0].dropLast())), parts[3] == "gmt"
        else { return nil }
        let fields = parts[1].split(separator: "-", omittingEmptySubsequences: false)
        guard fields.count == 3, isDigits(fields[2], count: 2), let year = Int(fields[2]) else { return nil }
        // The latest of all centuries that is not more than 50 years ahead; these have 18,263 days at most.
        let latest = now.adding(.days(18_263))
        return stride(from: 9900, through: 1900, by: -100).lazy
            .compactMap { date(year: $0 + year, month: fields[1], day: fields[0], time: parts[2]) }
            .first { $0 <= latest }
    }

    private static func date(year: Int, month: Substring, day: Substring, time: Substring) -> Timestamp? {
        guard let month = months.firstIndex(of: String(month)), isDigits(day, count: 2), time.utf8.count == 8 else { return nil }
        return Timestamp(rfc3339: "\(padded(year, 4))-\(padded(month + 1, 2))-\(day)T\(time)Z")
    }

    private static func isShortWeekday(_ text: Substring) -> Bool {
        text.utf8.count == 3 && weekdays.contains { $0.hasPrefix(text) }
    }

    private static func isDigits(_ text: Substring, count: Int? = nil) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) } && (count ?? text.utf8.count) == text.utf8.count
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
