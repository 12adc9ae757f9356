import Domain
import Testing

@Suite struct ObjectiveTests {
    @Test(
        arguments: [
            (50.0, 500_000), (99, 990_000), (99.9, 999_000), (99.95, 999_500), (99.99, 999_900), (99.999, 999_990),
            (66.6664, 666_660), (66.6666, 666_670),
        ] as [(Double, Int64)])
    func `E5 an objective is kept to three decimals of a percent`(percent: Double, partsPerMillion: Int64) throws {
        let objective = try #require(Objective(percent: percent))

        #expect(objective.partsPerMillion == partsPerMillion)
        #expect(objective.percent == Double(partsPerMillion) / 10_000)
        #expect(objective.ratio == Double(partsPerMillion) / 1_000_000)
        #expect(Objective(percent: objective.percent) == objective)
        #expect(Objective(partsPerMillion: partsPerMillion) == objective)
    }

    @Test(arguments: [49.999, 99.9991, 99.9996, 100, 0, -99, 1e300, .infinity, -.infinity, .nan, .signalingNaN])
    func `E5 an objective outside 50 to 99.999 percent is refused`(percent: Double) {
        #expect(Objective(percent: percent) == nil)
    }

    @Test(arguments: [499_990, 1_000_000, 999_991, 999_995, 0, -999_000, .max, .min] as [Int64])
    func `E5 parts that no percentage has are refused`(partsPerMillion: Int64) {
        #expect(Objective(partsPerMillion: partsPerMillion) == nil)
    }

    @Test func `E5 a new resource is to have 99.9 percent`() {
        #expect(Objective.standard == Objective(percent: 99.9))
    }
}

@Suite struct HitSumTests {
    let objective = Objective.standard

    @Test func `E5 without hits nothing can be said`() {
        let none = HitSum()

        #expect(none.availability == nil)
        #expect(none.errorBudgetLeft(objective) == nil)
        #expect(none.burnRate(objective) == nil)
    }

    // 99.9 % of a million allows a thousand failures.
    @Test(
        arguments: [
            (0, 1, 1, 0), (250, 0.99975, 0.75, 0.25), (1000, 0.999, 0, 1), (3000, 0.997, -2, 3), (1_000_000, 0, -999, 1000),
        ] as [(Int64, Double, Double, Double)])
    func `E5 the error budget and how fast it burns follow from the failures`(
        failures: Int64, availability: Double, left: Double, rate: Double
    ) {
        let sum = HitSum(hits: 1_000_000, failures: failures)

        #expect(sum.availability == availability)
        #expect(sum.errorBudgetLeft(objective) == left)
        #expect(sum.burnRate(objective) == rate)
    }

    @Test(
        arguments: [(99.9, 1000, 1), (99.99, 10_000, 1), (99.999, 100_000, 1), (66.667, 100_000, 33_333), (50, 2, 1)]
            as [(Double, Int64, Int64)])
    func `E5 just as many failures as allowed burn at 1, not a little beside it`(
        percent: Double, hits: Int64, failures: Int64
    ) throws {
        let objective = try #require(Objective(percent: percent))

        #expect(HitSum(hits: hits, failures: failures).burnRate(objective) == 1)
        #expect(HitSum(hits: hits, failures: failures).errorBudgetLeft(objective) == 0)
    }

    @Test func `E5 sums add up, and stop at the largest number there is`() {
        var sum = HitSum(hits: 5, failures: 1)
        sum.add(HitSum(hits: 7, failures: 2))
        #expect(sum == HitSum(hits: 12, failures: 3))

        sum.add(HitSum(hits: .max, failures: .max))
        sum.add(HitSum(hits: .max, failures: .max))
        #expect(sum == HitSum(hits: .max, failures: .max))
        #expect(sum.availability == 0)

        var below = HitSum(hits: -5, failures: -5)
        below.add(HitSum(hits: .min, failures: .min))
        #expect(below == HitSum(hits: .min, failures: .min))
        #expect(below.availability == nil)
    }
}

@Suite struct BucketStepTests {
    @Test(
        arguments: [
            (0, 0, 0, 0), (59, 0, 0, 0), (60, 60, 0, 0), (3_599, 3_540, 0, 0), (3_600, 3_600, 3_600, 0),
            (86_399, 86_340, 82_800, 0), (86_400, 86_400, 86_400, 86_400), (-1, -60, -3_600, -86_400),
            (-60, -60, -3_600, -86_400), (-61, -120, -3_600, -86_400), (-86_400, -86_400, -86_400, -86_400),
        ] as [(Int64, Int64, Int64, Int64)])
    func `E5 a moment falls into the minute, hour and day that began last, also before 1970`(
        seconds: Int64, minute: Int64, hour: Int64, day: Int64
    ) {
        let moment = Timestamp(seconds: seconds)

        #expect(BucketStep.minute.start(of: moment) == minute)
        #expect(BucketStep.hour.start(of: moment) == hour)
        #expect(BucketStep.day.start(of: moment) == day)
    }

    @Test func `E5 a microsecond decides into which minute a moment falls`() {
        #expect(BucketStep.minute.start(of: Timestamp(microseconds: 59_999_999)) == 0)
        #expect(BucketStep.minute.start(of: Timestamp(microseconds: 60_000_000)) == 60)
        #expect(BucketStep.minute.start(of: Timestamp(microseconds: -1)) == -60)
    }

    @Test(arguments: BucketStep.allCases) func `E5 the ends of time have buckets too`(step: BucketStep) {
        let last = step.start(of: Timestamp(microseconds: .max))
        let first = step.start(of: Timestamp(microseconds: .min))

        #expect(last.isMultiple(of: step.rawValue) && last <= .max / 1_000_000)
        #expect(first.isMultiple(of: step.rawValue) && first <= .min / 1_000_000)
    }

    @Test func `E5 the longer a bucket, the longer it is kept`() {
        let kept = BucketStep.allCases.map(\.keep)

        #expect(kept == [.days(31), .days(400), .days(3650)])
    }
}

@Suite struct AvailabilityStepTests {
    @Test(
        arguments: [
            ("60", 60, .minute), ("300s", 300, .minute), ("5m", 300, .minute), ("90m", 5_400, .minute), ("1h", 3_600, .hour),
            ("60m", 3_600, .hour), ("25h", 90_000, .hour), ("24h", 86_400, .day), ("1d", 86_400, .day),
            ("31d", 2_678_400, .day), ("2678400", 2_678_400, .day), ("060", 60, .minute),
        ] as [(String, Int64, BucketStep)])
    func `E5 a step is a number of seconds, minutes, hours or days`(text: String, seconds: Int64, bucket: BucketStep) throws {
        let step = try #require(AvailabilityStep(text))

        #expect(step.seconds == seconds)
        #expect(step.bucket == bucket)
    }

    @Test(arguments: [
        "", "s", "m", "d", "0", "0m", "59", "61", "90s", "-60", "+60", "-5m", "+5m", "5 m", " 60", "60 ", "5M", "1w", "1.5h",
        "1h30m", "6_0", "0x3c", "٦٠", "60\u{301}", "60m\u{301}", "32d", "2678460", "9223372036854775807",
        "9223372036854775807d", "9223372036854775808", "99999999999999999999999999", "60\0",
    ])
    func `E5 what is no whole number of minutes up to 31 days is refused`(text: String) {
        #expect(AvailabilityStep(text) == nil)
    }
}

@Suite struct HeartbeatTests {
    let now = Timestamp(seconds: 1_800_000_000)

    /// Minutes with those gaps between them, newest first; the newest ends as long before now as is said.
    func minutes(endedAgo: Int64 = 0, gaps: [Int64]) -> [Int64] {
        gaps.reduce(into: [1_800_000_000 - 60 - endedAgo]) { $0.append(($0.last ?? 0) - $1) }
    }

    @Test(
        arguments: [
            ([], nil), ([60, 60], nil), ([60, 60, 60], 60), ([300, 300, 300, 300], 300), ([60, 300, 86_400], 300),
            ([60, 120, 240, 480], 180), ([60, 120, 300, 600], 210),
        ] as [([Int64], Int64?)])
    func `E5 what is usual is the median of the gaps, from four minutes on`(gaps: [Int64], usual: Int64?) {
        let heartbeat = Heartbeat(minutes: minutes(gaps: gaps))

        #expect(heartbeat.usualInterval == usual.map(Interval.seconds))
    }

    @Test func `E5 no minute at all is nothing usual`() {
        #expect(Heartbeat(minutes: []).usualInterval == nil)
    }

    @Test func `E5 only the last 61 minutes are looked at`() {
        let changed = minutes(gaps: Array(repeating: 60, count: 60) + Array(repeating: 3_600, count: 1_000))

        #expect(Heartbeat(minutes: changed).usualInterval == .seconds(60))
    }

    @Test func `E5 minutes out of order, twice or at the ends of time do not trap`() {
        let usual = Heartbeat(minutes: [240, 0, 120, 120, 360]).usualInterval
        let twice = Heartbeat(minutes: [60, 60, 60, 60]).usualInterval
        let ends = Heartbeat(minutes: [.max, .max - 1, 0, .min + 1, .min])

        #expect(usual == .seconds(120))
        #expect(twice == nil)
        #expect(ends.usualInterval != nil)
        #expect(ends.isSilent(lastMinute: .min, now: Timestamp(microseconds: .max)))
        #expect(!ends.isSilent(lastMinute: .max, now: Timestamp(microseconds: .min)))
    }

    // Every minute: a minute more than usual. Every ten: half as long again. Every two: both are the same.
    @Test(arguments: [(60, 120), (120, 180), (600, 900)] as [(Int64, Int64)])
    func `E5 a resource is silent when it has been quiet for longer than usual, to the microsecond`(gap: Int64, quiet: Int64) {
        let minutes = minutes(endedAgo: quiet, gaps: Array(repeating: gap, count: 5))
        let heartbeat = Heartbeat(minutes: minutes)

        #expect(!heartbeat.isSilent(lastMinute: minutes.first, now: now))
        #expect(heartbeat.isSilent(lastMinute: minutes.first, now: now.adding(Interval(microseconds: 1))))
    }

    @Test func `E5 without a usual interval a resource is silent after a day, or if no report is kept`() {
        let minutes = minutes(endedAgo: 86_400, gaps: [60, 60])
        let heartbeat = Heartbeat(minutes: minutes)

        #expect(!heartbeat.isSilent(lastMinute: minutes.first, now: now))
        #expect(heartbeat.isSilent(lastMinute: minutes.first, now: now.adding(Interval(microseconds: 1))))
        #expect(heartbeat.isSilent(lastMinute: nil, now: now))
    }

    @Test func `E5 a report from a clock that is ahead is not silence`() {
        let minutes = minutes(endedAgo: -300, gaps: [60, 60, 60, 60])

        #expect(!Heartbeat(minutes: minutes).isSilent(lastMinute: minutes.first, now: now))
    }
}

@Suite struct ResourceStateTests {
    let now = Timestamp(seconds: 1_800_000_000)
    let often: [Int64] = (1...10).map { 1_800_000_000 - 60 * $0 }
    let allowed = HitSum(hits: 1000, failures: 1)
    let tooMany = HitSum(hits: 1000, failures: 2)

    func state(_ minutes: [Int64], lastHour: HitSum, after interval: Interval = .seconds(0)) -> ResourceState {
        .of(
            heartbeat: Heartbeat(minutes: minutes), lastMinute: minutes.first, lastHour: lastHour, objective: .standard,
            now: now.adding(interval))
    }

    @Test func `E5 a resource is healthy up to what its objective allows, and failing above`() {
        #expect(state(often, lastHour: HitSum(hits: 1000)) == .healthy)
        #expect(state(often, lastHour: allowed) == .healthy)
        #expect(state(often, lastHour: tooMany) == .failing)
        #expect(state(often, lastHour: HitSum()) == .healthy)
    }

    @Test func `E5 silence goes before failures, for old figures say nothing`() {
        #expect(state(often, lastHour: tooMany, after: .seconds(120)) == .failing)
        #expect(state(often, lastHour: tooMany, after: .seconds(121)) == .silent)
        #expect(state([], lastHour: tooMany) == .silent)
    }

    @Test func `E5 with few reports a resource is learned, until it falls silent`() {
        let few = Array(often.prefix(3))

        #expect(state(few, lastHour: tooMany) == .learning)
        #expect(state(few, lastHour: tooMany, after: .days(1)) == .learning)
        #expect(state(few, lastHour: tooMany, after: .seconds(86_401)) == .silent)
    }
}
