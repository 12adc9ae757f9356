import Domain
import Testing

@Suite struct RetryScheduleTests {
    @Test func `Flow schedule is that of Standard Webhooks unless a destination has its own`() {
        #expect(RetrySchedule.standard.text == "0,5s,5m,30m,2h,5h,10h,14h,20h,24h")
        // 75:35:05 after the start, as the table of the specification ends.
        #expect(RetrySchedule.standard.steps.map(\.microseconds).reduce(0, +) == 272_105_000_000)
    }

    @Test(
        arguments: [
            ("0", [0], "0"), ("5", [5], "5s"), (" 0 ,\t90s, 120 ", [0, 90, 120], "0,90s,2m"), ("60m", [3600], "1h"),
            ("1d,24h,48h,25h", [86_400, 86_400, 172_800, 90_000], "24h,24h,2d,25h"), ("7d", [604_800], "7d"), ("007s", [7], "7s"),
            ("0s,0m,0h,0d", [0, 0, 0, 0], "0,0,0,0"),
        ] as [(String, [Int64], String)])
    func `Flow schedule reads seconds, minutes, hours and days, and writes the largest unit that fits`(
        text: String, seconds: [Int64], written: String
    ) throws {
        let schedule = try RetrySchedule(text)

        #expect(schedule.steps == seconds.map(Interval.seconds))
        #expect(schedule.text == written)
        #expect(try RetrySchedule(written) == schedule)
    }

    @Test(
        arguments: [
            ("", 1), (",", 1), ("0,", 2), ("0,,5s", 2), ("0,x", 2), ("-5s", 1), ("+5s", 1), ("1.5h", 1), ("5 s", 1), ("5S", 1),
            ("1w", 1), ("1h30m", 1), ("0,5s,8d", 3), ("0,604801", 2), ("٥s", 1), ("5s\u{301}", 1), ("s", 1), ("5s\0", 1),
            ("9223372036854775807d", 1), ("9223372036854775808", 1), ("0;5s", 1), ("0\n,5s", 1),
        ] as [(String, Int)])
    func `Flow schedule that cannot be read names the step`(text: String, number: Int) {
        #expect(throws: RetryScheduleError.badStep(number: number)) { try RetrySchedule(text) }
    }

    @Test func `Flow schedule has 1 to 20 steps of whole seconds up to 7 days`() throws {
        let twenty = Array(repeating: Interval.days(7), count: 20)
        #expect(try RetrySchedule(steps: twenty).steps == twenty)
        #expect(throws: RetryScheduleError.stepCount(1...20)) { try RetrySchedule(steps: twenty + [.seconds(1)]) }
        #expect(throws: RetryScheduleError.stepCount(1...20)) { try RetrySchedule(steps: []) }
        #expect(throws: RetryScheduleError.stepCount(1...20)) { try RetrySchedule(String(repeating: "1s,", count: 20) + "1s") }
        #expect(throws: RetryScheduleError.stepCount(1...20)) { try RetrySchedule(String(repeating: ",", count: 10_000_000)) }
        for bad in [Interval.seconds(-1), .milliseconds(1500), Interval(microseconds: .max), Interval(microseconds: .min)] {
            #expect(throws: RetryScheduleError.badStep(number: 2)) { try RetrySchedule(steps: [.seconds(0), bad]) }
        }
    }

    @Test(arguments: FlowDice.seeds(for: "RetryScheduleTests"))
    func `Flow schedule comes back from its text`(seed: UInt64) throws {
        var dice = FlowDice(seed: seed)
        for _ in 0..<500 {
            let units: [Int64] = [1, 60, 3600, 86_400]
            let steps = (0..<Int.random(in: 1...20, using: &dice)).map { _ in
                let unit = units.randomElement(using: &dice) ?? 1
                return Interval.seconds(Int64.random(in: 0...604_800 / unit, using: &dice) * unit)
            }
            let schedule = try RetrySchedule(steps: steps)
            #expect(try RetrySchedule(schedule.text) == schedule, "seed \(seed), \(schedule.text)")
        }
    }

    @Test func `Flow schedule has a wait before each attempt and none after the last`() throws {
        let schedule = try RetrySchedule("0,5s")
        let waits = [-1, 0, 1, 2, Int.max, Int.min].map { schedule.delay(afterAttempts: $0) }

        #expect(waits == [nil, .seconds(0), .seconds(5), nil, nil, nil])
    }
}

@Suite struct RetryPolicyTests {
    let now = Timestamp(seconds: 1_800_000_000)

    func next(
        _ outcome: AttemptOutcome, attempts: Int = 1, schedule: RetrySchedule = .standard, jitter: Double = 0.5
    ) -> RetryDecision {
        RetryPolicy.next(after: outcome, attempts: attempts, now: now, schedule: schedule, jitter: jitter)
    }

    func retry(_ seconds: Int64) -> RetryDecision { .retry(at: now.adding(.seconds(seconds))) }

    @Test(arguments: [200, 201, 202, 204, 299])
    func `Flow attempt that is answered 2xx is delivered, whichever it was`(status: Int) {
        #expect(next(.answered(status: status)) == .delivered)
        #expect(next(.answered(status: status, retryAfter: .seconds(9)), attempts: 10) == .delivered)
        #expect(next(.answered(status: status), attempts: .max) == .delivered)
    }

    @Test func `Flow attempt that is answered 410 disables the destination, whichever it was`() {
        #expect(next(.answered(status: 410)) == .disable(.gone))
        #expect(next(.answered(status: 410, retryAfter: .seconds(9)), attempts: 10) == .disable(.gone))
    }

    static let failures: [AttemptOutcome] =
        [.min, -1, 0, 100, 199, 300, 301, 302, 307, 308, 400, 401, 403, 404, 409, 411, 429, 500, 502, 503, 504, 599, 600, .max]
        .map { .answered(status: $0) } + [.timedOut, .connectionFailed, .tlsFailed, .egressRefused, .notBuilt, .interrupted]

    @Test(arguments: failures)
    func `Flow attempt that failed in any other way is tried again by the schedule, and after the last step it is dead`(
        outcome: AttemptOutcome
    ) {
        let waits: [Int64] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
        for (index, wait) in waits.enumerated() { #expect(next(outcome, attempts: index + 1) == retry(wait)) }
        for attempts in [10, 11, Int.max] { #expect(next(outcome, attempts: attempts) == .dead(.attemptsUsedUp)) }
        for attempts in [0, -1, Int.min] { #expect(next(outcome, attempts: attempts) == retry(5)) }
    }

    @Test func `Flow schedule of one step has no second attempt`() throws {
        #expect(next(.timedOut, schedule: try RetrySchedule("0")) == .dead(.attemptsUsedUp))
        #expect(next(.answered(status: 503, retryAfter: .seconds(1)), attempts: 10) == .dead(.attemptsUsedUp))
    }

    // 300 s: 240 s at the least, 360 s at the most.
    @Test(
        arguments: [
            (0, 240), (0.25, 270), (0.5, 300), (0.75, 330), (1, 360), (-1, 240), (2, 360), (.nan, 240), (.infinity, 360),
            (-.infinity, 240),
        ] as [(Double, Int64)])
    func `Flow wait is drawn from a fifth less to a fifth more`(jitter: Double, seconds: Int64) {
        #expect(next(.timedOut, attempts: 2, jitter: jitter) == retry(seconds))
    }

    @Test(arguments: FlowDice.seeds(for: "RetryPolicyTests"))
    func `Flow wait never leaves its bounds, grows with what was drawn, and fills them`(seed: UInt64) throws {
        var dice = FlowDice(seed: seed)
        for attempts in 1...9 {
            let step = try #require(RetrySchedule.standard.delay(afterAttempts: attempts)).microseconds
            let draws = (0..<1000).map { _ in Double.random(in: 0..<1, using: &dice) }.sorted()
            let waits = draws.compactMap { draw -> Int64? in
                guard case .retry(let moment) = next(.timedOut, attempts: attempts, jitter: draw) else { return nil }
                return moment.since(now).microseconds
            }
            #expect(waits.count == draws.count && waits == waits.sorted(), "seed \(seed)")
            #expect(waits.allSatisfy { $0 >= step / 10 * 8 && $0 <= step / 10 * 12 }, "seed \(seed)")
            #expect((waits.first ?? 0) < step / 100 * 82 && (waits.last ?? 0) > step / 100 * 118, "seed \(seed)")
        }
    }

    @Test(
        arguments: [
            (429, 1, 3600, 3600), (503, 1, 3600, 3600), (500, 1, 6, 6), (302, 1, 60, 60), (404, 1, 60, 60), (429, 1, 4, 5),
            (429, 1, 0, 5), (429, 1, -60, 5), (429, 2, 299, 300), (429, 9, 86_399, 86_400), (429, 1, 86_400, 86_400),
            (429, 1, 86_401, 86_400), (429, 1, .max, 86_400), (429, 1, .min, 5),
        ] as [(Int, Int, Int64, Int64)])
    func `Flow attempt whose answer asks for a later one is heard, up to a day`(
        status: Int, attempts: Int, asked: Int64, seconds: Int64
    ) {
        #expect(next(.answered(status: status, retryAfter: .seconds(asked)), attempts: attempts) == retry(seconds))
    }

    @Test func `Flow wait that an answer asks for is not made shorter by what is drawn`() {
        let asked = AttemptOutcome.answered(status: 503, retryAfter: .seconds(300))

        #expect(next(asked, attempts: 2, jitter: 0) == retry(300))
        #expect(next(asked, attempts: 2, jitter: 1) == retry(360))
    }

    @Test func `Flow wait at the end of time does not trap`() {
        let end = Timestamp(microseconds: .max)
        let decision = RetryPolicy.next(after: .timedOut, attempts: 9, now: end, schedule: .standard, jitter: 1)

        #expect(decision == .retry(at: end))
    }
}

@Suite struct RetryAfterTests {
    // Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
    let example = Timestamp(seconds: 784_111_777)

    @Test(
        arguments: [
            ("0", 0), ("1", 1), ("120", 120), ("  120\t", 120), ("00120", 120), ("86400", 86_400), ("86401", 86_400),
            ("9223372036854775807", 86_400), ("9223372036854775808", 86_400), ("99999999999999999999999999999999", 86_400),
        ] as [(String, Int64)])
    func `Flow answer asks for seconds, up to a day`(header: String, seconds: Int64) {
        #expect(RetryAfter.read(header, now: example) == .seconds(seconds))
    }

    @Test(
        arguments: [
            "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
            "sun, 06 nov 1994 08:49:37 gmt", "Sun Nov 06 08:49:37 1994", " Sun, 06 Nov 1994 08:49:37 GMT ",
        ])
    func `Flow answer asks for a moment in any of the three forms`(header: String) {
        for (before, seconds) in [(0, 0), (1, 1), (3600, 3600), (86_400, 86_400), (86_401, 86_400), (900_000, 86_400)] {
            let now = example.adding(.seconds(Int64(-before)))
            #expect(RetryAfter.read(header, now: now) == .seconds(Int64(seconds)), "\(before) s before")
        }
        #expect(RetryAfter.read(header, now: example.adding(Interval(microseconds: -1))) == Interval(microseconds: 1))
        #expect(RetryAfter.read(header, now: example.adding(Interval(microseconds: 1))) == nil)
        #expect(RetryAfter.read(header, now: Timestamp(microseconds: .max)) == nil)
        #expect(RetryAfter.read(header, now: Timestamp(seconds: 0)) == .days(1))
    }

    @Test(
        arguments: [
            // 2027-01-15T08:00:00Z is 1_800_000_000.
            ("Friday, 15-Jan-27 08:00:10 GMT", 1_800_000_000, 10),
            // A year that would be more than 50 years ahead is one of the century before.
            ("Friday, 15-Jan-77 08:00:00 GMT", 1_800_000_000, 86_400), ("Friday, 15-Jan-78 08:00:00 GMT", 1_800_000_000, nil),
            ("Friday, 15-Jan-99 08:00:00 GMT", 1_800_000_000, nil), ("Friday, 15-Jan-26 08:00:00 GMT", 1_800_000_000, nil),
            // 2099-12-31T23:59:50Z, ten seconds before the next century.
            ("Friday, 01-Jan-00 00:00:00 GMT", 4_102_444_790, 10), ("Friday, 31-Dec-99 23:59:55 GMT", 4_102_444_790, 5),
            ("Tuesday, 29-Feb-28 00:00:00 GMT", 1_835_395_195, 5),
        ] as [(String, Int64, Int64?)])
    func `Flow answer with a year of two digits means the nearest century`(header: String, now: Int64, seconds: Int64?) {
        #expect(RetryAfter.read(header, now: Timestamp(seconds: now)) == seconds.map(Interval.seconds))
    }

    @Test(arguments: [
        "", " ", "-1", "+1", "1.5", "1e3", "0x10", "12 s", "12s", "١٢", "1\u{301}", "soon", "12\0", "12\r\n", "1,2", "1;2",
        "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 +0000",
        "Son, 06 Nov 1994 08:49:37 GMT", "Sun 06 Nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 November 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1993 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 06 Nov 1994 8:49:37 GMT", "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 06 Nov 1994 08:49:60 GMT", "Sun, 06 Nov +994 08:49:37 GMT", "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 -8:49:37 GMT", "Sun, 06 Nov 1994 08:49:37Z GMT",
        ", 06 Nov 1994 08:49:37 GMT", "Sun,, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT GMT",
        "Sun, 06-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT", "Sunday, 06-Nov 08:49:37 GMT",
        "Sunday, 06--94 08:49:37 GMT", "Sunday 06-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-9x 08:49:37 GMT",
        "Sunday, 6-Nov-94 08:49:37 GMT", "Sun Nov 6 08:49:37 94", "Sunday Nov  6 08:49:37 1994", "Sun Nov 06 08:49:37 1994 GMT",
        "Sun Nov x 08:49:37 1994", "1994-11-06T08:49:37Z", String(repeating: "1", count: 65),
        String(repeating: " ", count: 10_000_000) + "1",
    ])
    func `Flow answer that asks in no form there is, is not heard`(header: String) {
        #expect(RetryAfter.read(header, now: example.adding(.days(-1))) == nil)
    }

    @Test(arguments: FlowDice.seeds(for: "RetryAfterTests"))
    func `Flow answer of any bytes does not trap, and never asks for less than nothing or more than a day`(seed: UInt64) {
        var dice = FlowDice(seed: seed)
        let words = [
            "Sun,", "Sunday,", "Sun", "06", "6", "Nov", "1994", "06-Nov-94", "08:49:37", "GMT", "-", ",", ":", "99", "\u{0}", "é",
            "99:99:99", "9999", "--", "31-Feb-00",
        ]
        for _ in 0..<5000 {
            let text = (0..<Int.random(in: 0...7, using: &dice))
                .map { _ in words.randomElement(using: &dice) ?? "" }.joined(separator: " ")
            let now = Timestamp(microseconds: .random(in: .min ... .max, using: &dice))
            let asked = RetryAfter.read(text, now: now)
            #expect(asked.map { (Interval.seconds(0)...Interval.days(1)).contains($0) } ?? true, "seed \(seed), \(text)")
        }
    }
}
