/// What services report hits and failures of, `checkout` for example. Its first report makes it. Row E5.
package struct Resource: Identified, Hashable, Sendable {
    package static let idPrefix = "res"

    package let id: OrderedID<Resource>
    package let organization: ID<Organization>
    /// No other resource of the organization has it.
    package let name: Label
    package var objective: Objective
    package let createdAt: Timestamp

    package init(
        id: OrderedID<Resource>, organization: ID<Organization>, name: Label, objective: Objective, createdAt: Timestamp
    ) {
        self.id = id
        self.organization = organization
        self.name = name
        self.objective = objective
        self.createdAt = createdAt
    }
}

/// The share of hits that are to succeed: 50 to 99.999 %, in steps of 0.001 %.
package struct Objective: Hashable, Sendable {
    /// A whole number, so that a rate exactly at the objective is told apart from one above it.
    package let partsPerMillion: Int64

    /// Takes 500,000 to 999,990 parts per million in steps of 10; `nil` for anything else.
    package init?(partsPerMillion: Int64) {
        guard (500_000...999_990).contains(partsPerMillion), partsPerMillion.isMultiple(of: 10) else { return nil }
        self.init(checked: partsPerMillion)
    }

    /// Takes 50 to 99.999, rounded to three decimals; `nil` for anything else.
    package init?(percent: Double) {
        // No number that is none lies in a range.
        guard (50...99.999).contains(percent) else { return nil }
        self.init(checked: Int64((percent * 1000).rounded()) * 10)
    }

    /// 99.9 %, what a new resource has.
    package static let standard = Objective(checked: 999_000)

    package var percent: Double {
        Double(partsPerMillion) / 10_000
    }

    /// 0.5 to 0.99999.
    package var ratio: Double {
        Double(partsPerMillion) / 1_000_000
    }

    private init(checked partsPerMillion: Int64) {
        self.partsPerMillion = partsPerMillion
    }
}

/// Hits, and those among them that failed.
package struct HitSum: Hashable, Sendable {
    package var hits: Int64
    package var failures: Int64

    package init(hits: Int64 = 0, failures: Int64 = 0) {
        self.hits = hits
        self.failures = failures
    }

    /// Adds both; saturates.
    package mutating func add(_ other: HitSum) {
        hits = hits.addingClamped(other.hits)
        failures = failures.addingClamped(other.failures)
    }

    /// The share of hits that succeeded, 0 to 1; `nil` without hits.
    package var availability: Double? {
        guard hits > 0 else { return nil }
        return (Double(hits) - Double(failures)) / Double(hits)
    }

    /// The share of the failures an objective allows that is not used up: 1 of nothing used, below 0 if overdrawn; `nil` without
    /// hits.
    package func errorBudgetLeft(_ objective: Objective) -> Double? {
        burnRate(objective).map { 1 - $0 }
    }

    /// The share of failures as a multiple of what an objective allows: 1 is just as many; `nil` without hits.
    package func burnRate(_ objective: Objective) -> Double? {
        guard hits > 0 else { return nil }
        // Whole numbers up to the one division, so that just as many is 1 and not a little beside it.
        return Double(failures) * 1_000_000 / (Double(hits) * Double(1_000_000 - objective.partsPerMillion))
    }
}

/// One object of a report of hits.
package struct HitsReport: Hashable, Sendable {
    package let resource: Label
    /// All of them, those that failed included.
    package let hits: Int64
    package let failures: Int64
    /// When they happened.
    package let at: Timestamp

    package init(resource: Label, hits: Int64, failures: Int64, at: Timestamp) {
        self.resource = resource
        self.hits = hits
        self.failures = failures
        self.at = at
    }
}

/// How long the spans are by which hits are kept; the raw value is their length in seconds.
package enum BucketStep: Int64, Sendable, CaseIterable {
    case minute = 60
    case hour = 3600
    case day = 86_400

    /// When the bucket begins that a moment falls into, in seconds since the epoch; negative before 1970.
    package func start(of moment: Timestamp) -> Int64 {
        // Far from overflow: the quotient of a million and more, times less than a million.
        let (quotient, remainder) = moment.microseconds.quotientAndRemainder(dividingBy: rawValue * 1_000_000)
        return (remainder < 0 ? quotient - 1 : quotient) * rawValue
    }

    /// How long buckets of this length are kept.
    package var keep: Interval {
        switch self {
        case .minute: .days(31)
        case .hour: .days(400)
        case .day: .days(3650)
        }
    }
}

/// How long one point of an availability stands for: whole minutes, 1 minute to 31 days.
package struct AvailabilityStep: Hashable, Sendable {
    package let seconds: Int64

    /// Reads `60`, `300s`, `5m`, `1h` or `1d`; `nil` for anything else.
    package init?(_ text: String) {
        let unit: Int64? =
            switch text.utf8.last {
            case UInt8(ascii: "s"): 1
            case UInt8(ascii: "m"): 60
            case UInt8(ascii: "h"): 3600
            case UInt8(ascii: "d"): 86_400
            default: nil
            }
        let digits = text.utf8.dropLast(unit == nil ? 0 : 1)
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let count = Int64(String(decoding: digits, as: UTF8.self))
        else { return nil }
        let (seconds, overflow) = count.multipliedReportingOverflow(by: unit ?? 1)
        guard !overflow, (60...31 * 86_400).contains(seconds), seconds.isMultiple(of: 60) else { return nil }
        self.seconds = seconds
    }

    /// The longest buckets of which the step is a whole number.
    package var bucket: BucketStep {
        if seconds.isMultiple(of: BucketStep.day.rawValue) { return .day }
        return seconds.isMultiple(of: BucketStep.hour.rawValue) ? .hour : .minute
    }
}

/// How often a resource usually reports, seen from the last minutes that hold a report.
package struct Heartbeat: Hashable, Sendable {
    /// The median of the gaps between those minutes; `nil` with fewer than four of them.
    package let usualInterval: Interval?

    /// - Parameter minutes: when the minutes began, in seconds since the epoch, newest first. No more than 61 are looked at.
    package init(minutes: [Int64]) {
        let minutes = Set(minutes.prefix(Self.minutesMax)).sorted(by: >)
        guard minutes.count >= Self.minutesMin else {
            usualInterval = nil
            return
        }
        let gaps = zip(minutes, minutes.dropFirst())
            .map { Timestamp(seconds: $0).since(Timestamp(seconds: $1)).microseconds }
            .sorted()
        let (lower, upper) = (gaps[(gaps.count - 1) / 2], gaps[gaps.count / 2])
        usualInterval = Interval(microseconds: lower + (upper - lower) / 2)
    }

    /// How many minutes are looked at.
    package static let minutesMax = 61
    private static let minutesMin = 4
    // Without a usual interval.
    private static let silenceMax = Interval.days(1)

    /// Whether no report has come for longer than usual: half as long again, and at least a minute more; without a usual
    /// interval, longer than a day.
    ///
    /// - Parameter lastMinute: when the last minute with a report began, in seconds since the epoch; `nil` if none is kept.
    package func isSilent(lastMinute: Int64?, now: Timestamp) -> Bool {
        guard let lastMinute else { return true }
        let quiet = now.since(Timestamp(seconds: lastMinute).adding(.seconds(BucketStep.minute.rawValue)))
        guard let usualInterval else { return quiet > Self.silenceMax }
        let usual = usualInterval.microseconds
        let grace = max(usual / 2, Interval.seconds(60).microseconds)
        return quiet > Interval(microseconds: usual.addingClamped(grace))
    }
}

/// How a resource is doing; the word on the wire.
package enum ResourceState: String, Sendable, CaseIterable {
    /// It has reported too rarely to know how often it does.
    case learning
    case healthy
    /// Its last hour had more failures than its objective allows.
    case failing
    /// It reports no more, or less often than it used to.
    case silent

    /// Says how a resource is doing. Silence goes before all else, for old figures say nothing.
    ///
    /// - Parameters:
    ///   - lastMinute: when the last minute with a report began, in seconds since the epoch; `nil` if none is kept.
    ///   - lastHour: what was reported of the last hour.
    package static func of(
        heartbeat: Heartbeat, lastMinute: Int64?, lastHour: HitSum, objective: Objective, now: Timestamp
    ) -> ResourceState {
        if heartbeat.isSilent(lastMinute: lastMinute, now: now) { return .silent }
        if heartbeat.usualInterval == nil { return .learning }
        return (lastHour.burnRate(objective) ?? 0) > 1 ? .failing : .healthy
    }
}

extension Int64 {
    fileprivate func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}
