import Domain
import Testing

@Suite struct CircuitBreakerTests {
    let start = Timestamp(seconds: 1_800_000_000)

    func after(_ seconds: Int64) -> Timestamp { start.adding(.seconds(seconds)) }

    /// One that five failures have opened.
    func opened() -> CircuitBreaker {
        var breaker = CircuitBreaker()
        for _ in 1...5 { breaker.note(success: false, at: start) }
        return breaker
    }

    @Test func `Flow breaker opens at the fifth failure in a row`() {
        var breaker = CircuitBreaker()
        for failures in 1...4 {
            breaker.note(success: false, at: start)
            #expect(breaker.state == .closed(failures: failures) && breaker.passage(at: start) == .any)
        }
        breaker.note(success: false, at: start)

        #expect(breaker.state == .open(until: after(30), wait: .seconds(30)))
        #expect(!breaker.mayTry(at: after(29)))
        #expect(breaker.passage(at: after(30)) == .one)
    }

    @Test func `Flow breaker begins to count anew after a success`() {
        var breaker = CircuitBreaker()
        let outcomes = [false, false, false, false, true, false, false, false, false]
        for success in outcomes { breaker.note(success: success, at: start) }

        #expect(breaker.state == .closed(failures: 4))
    }

    @Test func `Flow breaker lets one attempt through, and closes when it does well`() {
        var breaker = opened()
        breaker.begin(at: after(30))
        #expect(breaker.state == .halfOpen(since: after(30), wait: .seconds(30)))
        #expect(!breaker.mayTry(at: after(31)))

        breaker.note(success: true, at: after(32))
        #expect(breaker == CircuitBreaker())
        #expect(breaker.passage(at: after(32)) == .any)
    }

    @Test func `Flow breaker stays open twice as long each time, up to ten minutes`() {
        var breaker = opened()
        var now = start
        var waits: [Int64] = []
        for _ in 1...8 {
            guard case .open(let until, let wait) = breaker.state else { break }
            waits.append(wait.microseconds / 1_000_000)
            #expect(until == now.adding(wait) && !breaker.mayTry(at: until.adding(Interval(microseconds: -1))))
            now = until
            breaker.begin(at: now)
            breaker.note(success: false, at: now)
        }
        #expect(waits == [30, 60, 120, 240, 480, 600, 600, 600])

        breaker.note(success: true, at: now)
        for _ in 1...5 { breaker.note(success: false, at: now) }
        #expect(breaker.state == .open(until: now.adding(.seconds(30)), wait: .seconds(30)))
    }

    @Test func `Flow breaker takes late news: a failure from before changes nothing, a success closes`() {
        var breaker = opened()
        let before = breaker

        breaker.note(success: false, at: after(10))
        #expect(breaker == before)
        breaker.note(success: true, at: after(11))
        #expect(breaker == CircuitBreaker())
    }

    @Test func `Flow breaker lets another attempt through when the one told nothing`() {
        var breaker = opened()
        breaker.begin(at: after(30))
        breaker.forget(at: after(40))
        #expect(breaker.passage(at: after(40)) == .one)

        breaker.begin(at: after(40))
        breaker.note(success: false, at: after(41))
        #expect(breaker.state == .open(until: after(101), wait: .seconds(60)))

        var closed = CircuitBreaker()
        closed.forget(at: start)
        #expect(closed == CircuitBreaker())
    }

    @Test func `Flow breaker shuts nothing off for good, whatever the clock does`() {
        var breaker = opened()
        #expect(breaker.mayTry(at: after(-1)))
        #expect(breaker.mayTry(at: Timestamp(microseconds: .min)))
        #expect(breaker.mayTry(at: Timestamp(microseconds: .max)))
        #expect(!breaker.mayTry(at: start))

        breaker.begin(at: after(30))
        #expect(!breaker.mayTry(at: after(629)))
        #expect(breaker.passage(at: after(630)) == .one)
        #expect(breaker.passage(at: after(-600)) == .one)
        #expect(breaker.mayTry(at: Timestamp(microseconds: .min)))

        breaker.begin(at: Timestamp(microseconds: .max))
        breaker.note(success: false, at: Timestamp(microseconds: .max))
        #expect(breaker.mayTry(at: Timestamp(microseconds: .max)))
    }

    @Test func `Flow breaker takes no note of a beginning it has not allowed`() {
        var breaker = opened()
        let before = breaker
        breaker.begin(at: after(29))
        #expect(breaker == before)

        var closed = CircuitBreaker()
        closed.begin(at: start)
        #expect(closed == CircuitBreaker())
    }

    @Test(arguments: FlowDice.seeds(for: "CircuitBreakerTests"))
    func `Flow breaker lets one attempt through at a time until a success, and none for longer than ten minutes`(seed: UInt64) {
        var dice = FlowDice(seed: seed)
        var breaker = CircuitBreaker()
        var now = start
        var failures = 0
        for _ in 0..<5000 {
            now = now.adding(.seconds(Int64.random(in: 0...400, using: &dice)))
            guard breaker.mayTry(at: now) else {
                #expect(failures >= 5, "seed \(seed)")
                #expect(breaker.mayTry(at: now.adding(.seconds(600))), "seed \(seed)")
                continue
            }
            breaker.begin(at: now)
            #expect(breaker.mayTry(at: now) == (failures < 5), "seed \(seed)")
            let success = Int.random(in: 0..<4, using: &dice) == 0
            failures = success ? 0 : failures + 1
            breaker.note(success: success, at: now)
        }
    }
}

@Suite struct FailureRunTests {
    let start = Timestamp(seconds: 1_800_000_000)

    func run(_ failures: Int, over length: Interval) -> FailureRun {
        var run = FailureRun()
        for index in 0..<failures {
            let share = Interval(microseconds: length.microseconds / Int64(max(1, failures - 1)) * Int64(index))
            run.note(success: false, at: index == failures - 1 ? start.adding(length) : start.adding(share))
        }
        return run
    }

    @Test(
        arguments: [
            (10, 5 * 86_400, true), (10, 5 * 86_400 - 1, false), (9, 5 * 86_400, false), (9, 50 * 86_400, false),
            (1000, 4 * 86_400, false), (1000, 6 * 86_400, true), (1, 0, false), (10, -5 * 86_400, false),
        ] as [(Int, Int64, Bool)])
    func `Flow destination has failed for too long after ten failures and five days`(failures: Int, seconds: Int64, tooLong: Bool)
    {
        #expect(run(failures, over: .seconds(seconds)).isTooLong == tooLong)
    }

    @Test func `Flow destination that takes one delivery begins anew`() {
        var run = run(100, over: .days(4))
        #expect(run.since == start && run.last == start.adding(.days(4)) && run.failures == 100)

        run.note(success: true, at: start.adding(.days(5)))
        #expect(run == FailureRun() && run.since == nil)
        run.note(success: false, at: start.adding(.days(6)))
        #expect(run.since == start.adding(.days(6)) && run.failures == 1 && !run.isTooLong)
    }

    @Test func `Flow run comes back from what is kept, and stops at the largest number there is`() {
        let kept = run(12, over: .days(5))
        #expect(FailureRun(since: kept.since, last: kept.last, failures: kept.failures) == kept)
        #expect(FailureRun(since: nil, last: nil, failures: -1) == FailureRun())

        var full = FailureRun(since: Timestamp(microseconds: .min), last: start, failures: .max)
        full.note(success: false, at: Timestamp(microseconds: .max))
        #expect(full.failures == .max && full.isTooLong)
    }
}
