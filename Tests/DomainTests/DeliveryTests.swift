import Domain
import Foundation
import Testing

@Suite struct DeliveryTests {
    let now = Timestamp(seconds: 1_800_000_000)
    let lease = Interval.seconds(60)

    func delivery(_ state: DeliveryState = .due) -> Delivery {
        Delivery(
            id: OrderedID(number: 1), organization: .random(), webhook: .random(), event: OrderedID(number: 2), flow: .random(),
            destination: .random(), state: state, dueAt: now, createdAt: now, settledAt: state.isSettled ? now : nil,
            orderKey: "customer 7")
    }

    func after(_ seconds: Int64) -> Timestamp { now.adding(.seconds(seconds)) }

    @Test func `Flow delivery that is taken at once has one attempt`() throws {
        let running = try delivery().claimed(at: now, lease: lease)
        #expect(running.state == .running && running.attempts == 1 && running.leaseUntil == after(60))
        #expect(running.settledAt == nil)

        let delivered = try running.settled(attempt: 1, as: .delivered, at: after(2))
        #expect(delivered.state == .delivered && delivered.settledAt == after(2))
        #expect(delivered.leaseUntil == nil && delivered.reason == nil && delivered.attempts == 1)
    }

    @Test func `Flow delivery that failed is due again, and not before`() throws {
        let due = try delivery().claimed(at: now, lease: lease).settled(attempt: 1, as: .retry(at: after(7)), at: after(2))
        #expect(due.state == .due && due.dueAt == after(7) && due.leaseUntil == nil && due.settledAt == nil)
        #expect(throws: DeliveryError.notDue(until: after(7))) { try due.claimed(at: after(6), lease: lease) }
        #expect(try due.claimed(at: after(7), lease: lease).attempts == 2)
    }

    @Test func `Flow delivery dies of its last failure and of a destination that is gone`() throws {
        let running = try delivery().claimed(at: now, lease: lease)

        let usedUp = try running.settled(attempt: 1, as: .dead(.attemptsUsedUp), at: after(1))
        let gone = try running.settled(attempt: 1, as: .disable(.gone), at: after(1))

        #expect(usedUp.state == .dead && usedUp.reason == .attemptsUsedUp && usedUp.settledAt == after(1))
        #expect(gone.state == .dead && gone.reason == .gone && gone.settledAt == after(1))
    }

    @Test func `Flow delivery is settled by the attempt that holds the lease and by no other`() throws {
        let first = try delivery().claimed(at: now, lease: lease)
        for other in [Int.min, -1, 0, 2, Int.max] {
            #expect(throws: DeliveryError.fenced(attempts: 1)) { try first.settled(attempt: other, as: .delivered, at: now) }
        }
        #expect(throws: DeliveryError.leased(until: after(60))) { try first.reclaimed(as: .retry(at: now), at: after(59)) }

        let second = try first.reclaimed(as: .retry(at: after(60)), at: after(60)).claimed(at: after(60), lease: lease)
        #expect(second.attempts == 2)
        #expect(throws: DeliveryError.fenced(attempts: 2)) { try second.settled(attempt: 1, as: .delivered, at: after(61)) }
        let settled = try second.settled(attempt: 2, as: .delivered, at: after(62))
        #expect(throws: DeliveryError.fenced(attempts: 2)) { try settled.settled(attempt: 2, as: .delivered, at: after(63)) }
    }

    @Test func `Flow delivery whose lease is over still takes the word of its attempt while no other has begun`() throws {
        let running = try delivery().claimed(at: now, lease: lease)

        #expect(try running.settled(attempt: 1, as: .delivered, at: after(600)).state == .delivered)
    }

    @Test func `Flow delivery waits while its flow is paused, and is due again from the moment it had`() throws {
        let held = try delivery().held()
        #expect(held.state == .waiting && held.dueAt == now)
        #expect(throws: DeliveryError.wrongState(.waiting)) { try held.claimed(at: now, lease: lease) }
        #expect(try held.held() == held)

        let released = try held.released()
        #expect(released == delivery().replacingIDs(of: released))
        #expect(try released.released() == released)
    }

    @Test func `Flow delivery that the filter does not let through takes its attempt back`() throws {
        let running = try delivery().claimed(at: now, lease: lease)
        #expect(throws: DeliveryError.fenced(attempts: 1)) { try running.filtered(attempt: 0, at: now) }

        let filtered = try running.filtered(attempt: 1, at: after(1))
        #expect(filtered.state == .filtered && filtered.attempts == 0 && filtered.settledAt == after(1))
        #expect(filtered.leaseUntil == nil && filtered.reason == nil)
        #expect(throws: DeliveryError.fenced(attempts: 0)) { try filtered.filtered(attempt: 0, at: now) }
    }

    @Test(arguments: [DeliveryState.waiting, .due])
    func `Flow delivery can be cancelled before it is sent`(state: DeliveryState) throws {
        let cancelled = try delivery(state).cancelled(.byHand, at: after(1))

        #expect(cancelled.state == .cancelled && cancelled.reason == .byHand && cancelled.settledAt == after(1))
    }

    @Test(
        arguments: [
            (true, .active, true, .due), (true, .active, false, .waiting), (true, .paused, true, .waiting),
            (true, .paused, false, .waiting), (false, .active, true, .filtered), (false, .active, false, .filtered),
            (false, .paused, true, .filtered), (true, .archived, true, nil), (false, .archived, false, nil),
        ] as [(Bool, FlowState, Bool, DeliveryState?)])
    func `Flow delivery begins as filter, flow and destination have it`(
        isLetThrough: Bool, flow: FlowState, isActive: Bool, first: DeliveryState?
    ) {
        let destination = isActive ? DestinationState.active : .disabled(since: now, reason: .failing)

        #expect(DeliveryState.first(isLetThrough: isLetThrough, flow: flow, destination: destination) == first)
    }

    @Test(arguments: DeliveryState.allCases)
    func `N10 a delivery that is settled is sent again as a new one, and no other`(state: DeliveryState) throws {
        let old = delivery(state)
        let schedule = try RetrySchedule("10s,20s")
        func replay(_ flow: FlowState, isLetThrough: Bool = true) throws(DeliveryError) -> Delivery {
            try old.replayed(
                as: OrderedID(number: 9), isLetThrough: isLetThrough, flow: flow, destination: .active,
                schedule: schedule, at: after(100))
        }
        guard state.isSettled else {
            #expect(throws: DeliveryError.wrongState(state)) { try replay(.active) }
            return
        }

        let new = try replay(.active)

        #expect(new.id != old.id && new.event == old.event && new.flow == old.flow && new.destination == old.destination)
        #expect(new.organization == old.organization && new.webhook == old.webhook && new.orderKey == old.orderKey)
        #expect(new.state == .due && new.isReplay && new.attempts == 0)
        #expect(new.dueAt == after(110) && new.createdAt == after(100) && new.settledAt == nil && new.reason == nil)
        #expect(try replay(.paused).state == .waiting)
        let filtered = try replay(.active, isLetThrough: false)
        #expect(filtered.state == .filtered && filtered.settledAt == after(100))
        #expect(throws: DeliveryError.flowArchived) { try replay(.archived) }
    }

    @Test func `Flow delivery at the ends of time and numbers does not trap`() throws {
        let full = Delivery(
            id: OrderedID(number: 1), organization: .random(), webhook: .random(), event: OrderedID(number: 2), flow: .random(),
            destination: .random(), state: .due, attempts: .max, dueAt: Timestamp(microseconds: .min), createdAt: now)
        #expect(throws: DeliveryError.fenced(attempts: .max)) { try full.claimed(at: now, lease: lease) }

        let end = try delivery().claimed(at: Timestamp(microseconds: .max), lease: .days(.max))
        #expect(end.leaseUntil == Timestamp(microseconds: .max))
        #expect(try end.reclaimed(as: .dead(.attemptsUsedUp), at: Timestamp(microseconds: .max)).state == .dead)
    }
}

extension Delivery {
    fileprivate func replacingIDs(of other: Delivery) -> Delivery {
        Delivery(
            id: id, organization: other.organization, webhook: other.webhook, event: event, flow: other.flow,
            destination: other.destination, state: state, attempts: attempts, dueAt: dueAt, leaseUntil: leaseUntil,
            createdAt: createdAt, settledAt: settledAt, reason: reason, isReplay: isReplay, orderKey: orderKey)
    }
}

/// Random steps beside a table of what may follow on what.
@Suite struct DeliveryWalkTests {
    private static let seeds = FlowDice.seeds(for: "DeliveryWalkTests")

    private enum Step: CaseIterable {
        case hold, release, claim, settle, reclaim, filter, cancel
    }

    private static let legal: [DeliveryState: Set<Step>] = [
        .waiting: [.hold, .release, .cancel], .due: [.hold, .release, .claim, .cancel], .running: [.settle, .reclaim, .filter],
    ]

    private func decision(at now: Timestamp, using dice: inout FlowDice) -> RetryDecision {
        switch Int.random(in: 0..<8, using: &dice) {
        case 0: .delivered
        case 1: .dead(.attemptsUsedUp)
        case 2: .disable(.gone)
        default: .retry(at: now.adding(.seconds(Int64.random(in: 0...30, using: &dice))))
        }
    }

    private func take(
        _ step: Step, of delivery: Delivery, attempt: Int, decision: RetryDecision, at now: Timestamp
    ) throws(DeliveryError) -> Delivery {
        switch step {
        case .hold: try delivery.held()
        case .release: try delivery.released()
        case .claim: try delivery.claimed(at: now, lease: .seconds(20))
        case .settle: try delivery.settled(attempt: attempt, as: decision, at: now)
        case .reclaim: try delivery.reclaimed(as: decision, at: now)
        case .filter: try delivery.filtered(attempt: attempt, at: now)
        case .cancel: try delivery.cancelled(.byHand, at: now)
        }
    }

    // What refuses a step besides the state.
    private func isInTime(_ step: Step, of delivery: Delivery, attempt: Int, at now: Timestamp) -> Bool {
        switch step {
        case .claim: delivery.dueAt <= now
        case .settle, .filter: attempt == delivery.attempts
        case .reclaim: delivery.leaseUntil.map { $0 <= now } ?? false
        case .hold, .release, .cancel: true
        }
    }

    private func expectWhole(_ delivery: Delivery, after step: Step, seed: UInt64) {
        #expect((delivery.leaseUntil != nil) == (delivery.state == .running), "seed \(seed), after \(step)")
        #expect((delivery.settledAt != nil) == delivery.state.isSettled, "seed \(seed), after \(step)")
        #expect((delivery.reason != nil) == [.dead, .cancelled].contains(delivery.state), "seed \(seed), after \(step)")
    }

    @Test(arguments: seeds)
    func `Flow delivery takes the steps that the table has and no others, and each attempt settles once`(seed: UInt64) {
        var dice = FlowDice(seed: seed)
        var ends: [DeliveryState: Int] = [:]
        for number in 1...300 {
            var now = Timestamp(seconds: 1_800_000_000)
            var delivery = Delivery(
                id: OrderedID(number: Int64(number)), organization: .random(using: &dice), webhook: .random(using: &dice),
                event: OrderedID(number: 7), flow: .random(using: &dice), destination: .random(using: &dice),
                state: Bool.random(using: &dice) ? .due : .waiting, dueAt: now, createdAt: now)
            var claims = 0
            for _ in 0..<60 {
                now = now.adding(.seconds(Int64.random(in: 0...10, using: &dice)))
                guard let step = Step.allCases.randomElement(using: &dice) else { continue }
                // What ends a walk at once is rare, or none would get far.
                if step == .cancel || step == .filter, Int.random(in: 0..<10, using: &dice) > 0 { continue }
                let attempt = delivery.attempts + Int.random(in: -1...1, using: &dice)
                let decision = decision(at: now, using: &dice)
                let isLegal =
                    Self.legal[delivery.state]?.contains(step) == true
                    && isInTime(step, of: delivery, attempt: attempt, at: now)
                let after = try? take(step, of: delivery, attempt: attempt, decision: decision, at: now)

                #expect((after != nil) == isLegal, "seed \(seed), \(step) from \(delivery.state)")
                guard let after else { continue }
                if step == .claim { claims += 1 }
                if step == .filter { claims -= 1 }
                #expect(after.attempts == claims, "seed \(seed), \(step)")
                expectWhole(after, after: step, seed: seed)
                delivery = after
            }
            ends[delivery.state, default: 0] += 1
        }
        // What is always walked alike must lead somewhere.
        guard seed <= 8 else { return }
        for state in [DeliveryState.delivered, .dead, .filtered, .cancelled] { #expect(ends[state, default: 0] > 3) }
    }
}

@Suite struct AttemptTests {
    let now = Timestamp(seconds: 1_800_000_000)

    func begun() throws -> Attempt {
        let delivery = Delivery(
            id: OrderedID(number: 1), organization: .random(), webhook: .random(), event: OrderedID(number: 2), flow: .random(),
            destination: .random(), state: .due, attempts: 2, dueAt: now, createdAt: now)
        return Attempt(of: try delivery.claimed(at: now, lease: .seconds(60)), startedAt: now)
    }

    @Test func `Flow attempt is written down before anything is sent`() throws {
        let attempt = try begun()

        #expect(attempt.delivery == OrderedID(number: 1) && attempt.number == 3 && attempt.outcome == .running)
        #expect(attempt.finishedAt == nil && attempt.status == nil && attempt.milliseconds == nil && attempt.answer.isEmpty)
    }

    @Test func `Flow attempt keeps status, duration and the first 16 KiB of the answer`() throws {
        let body = Data((0..<20_000).map { UInt8(truncatingIfNeeded: $0) })

        let attempt = try begun().finished(
            .answered(status: 503), at: now.adding(.seconds(2)), milliseconds: -3, answer: body.dropFirst(1),
            errorText: String(repeating: "é", count: 1_001))

        #expect(attempt.outcome == .refused && attempt.status == 503 && attempt.finishedAt == now.adding(.seconds(2)))
        #expect(attempt.milliseconds == 0)
        #expect(attempt.answer == body.dropFirst(1).prefix(16_384) && attempt.answer.startIndex == 0)
        #expect(attempt.errorText == String(repeating: "é", count: 1_000))
    }

    @Test(
        arguments: [
            (.answered(status: 200), .delivered, true), (.answered(status: 204), .delivered, true),
            (.answered(status: 299), .delivered, true), (.answered(status: 199), .refused, false),
            (.answered(status: 301), .refused, false), (.answered(status: 404), .refused, false),
            (.answered(status: 410), .refused, false), (.answered(status: 500), .refused, false),
            (.timedOut, .timedOut, false), (.connectionFailed, .connectionFailed, false), (.tlsFailed, .tlsFailed, false),
            (.egressRefused, .egressRefused, false), (.notBuilt, .notBuilt, nil), (.interrupted, .interrupted, nil),
        ] as [(AttemptOutcome, AttemptWord, Bool?)])
    func `Flow attempt has one word for how it ended, and says what it tells of the destination`(
        outcome: AttemptOutcome, word: AttemptWord, success: Bool?
    ) {
        #expect(outcome.word == word)
        #expect(outcome.success == success)
    }
}
