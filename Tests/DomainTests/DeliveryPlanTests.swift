import Domain
import Testing

@Suite struct DeliveryPlanTests {
    static let names = (0..<30).map { number in
        ID<Destination>(stored: "dst_" + String(repeating: "0", count: number < 10 ? 19 : 18) + String(number))
    }

    func load(
        _ number: Int, _ passage: CircuitBreaker.Passage = .any, running: Int = 0, concurrency: Int = 4, tokens: Int? = nil,
        first: Int = 0, repeats: Int = 0
    ) -> DestinationLoad {
        DestinationLoad(
            destination: Self.names[number], passage: passage, running: running, concurrency: concurrency, rateTokens: tokens,
            firstAttemptsDue: first, repeatsDue: repeats)
    }

    func claim(_ number: Int, _ firstAttempts: Int, _ repeats: Int) -> DeliveryClaim {
        DeliveryClaim(destination: Self.names[number], firstAttempts: firstAttempts, repeats: repeats)
    }

    @Test func `Flow plan of nothing is nothing`() {
        #expect(DeliveryPlan(loads: [], budget: 10).claims.isEmpty)
        #expect(DeliveryPlan(loads: [load(0)], budget: 10).claims.isEmpty)
        for budget in [0, -1, Int.min] { #expect(DeliveryPlan(loads: [load(0, first: 5)], budget: budget).claims.isEmpty) }
    }

    @Test(
        arguments: [
            (.any, 0, 4, nil, 4), (.any, 3, 4, nil, 1), (.any, 4, 4, nil, 0), (.any, 9, 4, nil, 0), (.any, 0, 4, 2, 2),
            (.any, 0, 4, 9, 4), (.any, 0, 4, 0, 0), (.any, 0, 4, -1, 0), (.one, 0, 4, nil, 1), (.one, 3, 4, nil, 1),
            (.one, 4, 4, nil, 0), (.one, 0, 4, 0, 0), (.shut, 0, 4, nil, 0), (.any, 0, 64, nil, 64), (.any, 0, 1000, nil, 64),
            (.any, 0, 0, nil, 0), (.any, 0, -1, nil, 0), (.any, -5, 4, nil, 4), (.any, .min, .max, .max, 64),
            (.any, .max, .min, .min, 0),
        ] as [(CircuitBreaker.Passage, Int, Int, Int?, Int)])
    func `Flow destination has room as its breaker, its attempts at once and its rate leave it`(
        passage: CircuitBreaker.Passage, running: Int, concurrency: Int, tokens: Int?, room: Int
    ) {
        let load = load(0, passage, running: running, concurrency: concurrency, tokens: tokens, first: .max, repeats: .max)

        #expect(load.room == room)
        #expect(DeliveryPlan(loads: [load], budget: .max).claims == (room > 0 ? [claim(0, room, 0)] : []))
    }

    @Test func `Flow plan has first attempts before repeated ones, of all destinations`() {
        let loads = [load(0, first: 1, repeats: 9), load(1, first: 3, repeats: 1), load(2, repeats: 9)]

        #expect(DeliveryPlan(loads: loads, budget: 4).claims == [claim(0, 1, 0), claim(1, 3, 0)])
        #expect(DeliveryPlan(loads: loads, budget: 6).claims == [claim(0, 1, 1), claim(1, 3, 1)])
        #expect(DeliveryPlan(loads: loads, budget: 7).claims == [claim(0, 1, 1), claim(1, 3, 1), claim(2, 0, 1)])
        #expect(DeliveryPlan(loads: loads, budget: 99).claims == [claim(0, 1, 3), claim(1, 3, 1), claim(2, 0, 4)])
    }

    @Test func `Flow plan deals in turns, so that a long queue takes nothing from a short one`() {
        let loads = [load(0, concurrency: 64, first: 1_000_000), load(1, first: 2), load(2, first: 1)]

        #expect(DeliveryPlan(loads: loads, budget: 6).claims == [claim(0, 3, 0), claim(1, 2, 0), claim(2, 1, 0)])
    }

    @Test func `Flow plan goes on where the one before ended`() {
        let loads = [load(0, first: 9), load(1, first: 9), load(2, first: 9)]
        var turn = DeliveryTurn()
        var served: [DeliveryClaim] = []
        for _ in 1...5 {
            let plan = DeliveryPlan(loads: loads, budget: 2, turn: turn)
            turn = plan.turn
            served += plan.claims
        }
        #expect(
            served == [
                claim(0, 1, 0), claim(1, 1, 0), claim(0, 1, 0), claim(2, 1, 0), claim(1, 1, 0), claim(2, 1, 0), claim(0, 1, 0),
                claim(1, 1, 0), claim(0, 1, 0), claim(2, 1, 0),
            ])
    }

    @Test func `Flow plan keeps the turns of first and repeated attempts apart`() {
        let loads = [load(0, first: 1), load(1, repeats: 1), load(2, repeats: 1), load(3, repeats: 1)]

        let one = DeliveryPlan(loads: loads, budget: 2)
        let two = DeliveryPlan(loads: loads, budget: 2, turn: one.turn)
        let none = DeliveryPlan(loads: [], budget: 2, turn: two.turn)

        #expect(one.claims == [claim(0, 1, 0), claim(1, 0, 1)])
        #expect(two.claims == [claim(0, 1, 0), claim(2, 0, 1)])
        #expect(two.turn == DeliveryTurn(firstAttempt: Self.names[0], repeated: Self.names[2]))
        #expect(none.turn == two.turn)
    }

    @Test func `Flow destination that is named twice counts as it is named first`() {
        let loads = [load(1, concurrency: 2, first: 9), load(1, concurrency: 64, first: 9)]

        #expect(DeliveryPlan(loads: loads, budget: 99).claims == [claim(1, 2, 0)])
    }

    private func drawn(using dice: inout FlowDice) -> [DestinationLoad] {
        (0..<Int.random(in: 0...30, using: &dice)).map { number in
            load(
                number, [.any, .any, .any, .one, .shut].randomElement(using: &dice) ?? .any,
                running: Int.random(in: -1...6, using: &dice), concurrency: Int.random(in: 0...8, using: &dice),
                tokens: Bool.random(using: &dice) ? Int.random(in: -1...6, using: &dice) : nil,
                first: Int.random(in: -1...9, using: &dice), repeats: Int.random(in: -1...9, using: &dice))
        }
    }

    private func expectFair(_ plan: DeliveryPlan, _ loads: [DestinationLoad], budget: Int, _ note: Comment) {
        let claims = Dictionary(uniqueKeysWithValues: plan.claims.map { ($0.destination, $0) })
        let parts = loads.map { load in
            let claim = claims[load.destination]
            let (first, repeats) = (claim?.firstAttempts ?? 0, claim?.repeats ?? 0)
            let firstMost = min(load.room, max(0, load.firstAttemptsDue))
            return (first, firstMost, repeats, repeatsMost: min(load.room - first, max(0, load.repeatsDue)), load.room)
        }
        let total = plan.claims.map { $0.firstAttempts + $0.repeats }.reduce(0, +)
        #expect(total <= budget, note)
        #expect(plan.claims.allSatisfy { $0.firstAttempts + $0.repeats > 0 }, note)
        for (first, firstMost, repeats, repeatsMost, room) in parts {
            #expect(first <= firstMost && repeats <= repeatsMost && first + repeats <= room, note)
            // Nothing is left lying while there is budget, and no repeated attempt goes before anybody's first one.
            if total < budget { #expect(first == firstMost && repeats == repeatsMost, note) }
            if parts.contains(where: { $0.2 > 0 }) { #expect(first == firstMost, note) }
        }
        // Nobody gets two more than another who could have taken one.
        for one in parts {
            for other in parts {
                #expect(one.0 + 1 >= min(one.1, other.0), note)
                #expect(one.2 + 1 >= min(one.3, other.2), note)
            }
        }
    }

    @Test(arguments: FlowDice.seeds(for: "DeliveryPlanTests"))
    func `Flow plan keeps to every bound, leaves nothing lying and favours nobody`(seed: UInt64) {
        var dice = FlowDice(seed: seed)
        for _ in 0..<300 {
            let loads = drawn(using: &dice)
            let budget = Int.random(in: 0...80, using: &dice)
            let turn = DeliveryTurn(
                firstAttempt: Self.names.randomElement(using: &dice), repeated: Self.names.randomElement(using: &dice))
            let plan = DeliveryPlan(loads: loads, budget: budget, turn: turn)

            expectFair(plan, loads, budget: budget, "seed \(seed)")
            #expect(DeliveryPlan(loads: loads.shuffled(using: &dice), budget: budget, turn: turn) == plan, "seed \(seed)")
        }
    }

    @Test(arguments: FlowDice.seeds(for: "DeliveryPlanTests, alone"))
    func `Flow destination gets with others what it gets alone, as long as there is budget`(seed: UInt64) {
        var dice = FlowDice(seed: seed)
        for _ in 0..<300 {
            let loads = drawn(using: &dice)
            let alone = loads.flatMap { DeliveryPlan(loads: [$0], budget: 1000).claims }

            #expect(DeliveryPlan(loads: loads, budget: 1000).claims == alone, "seed \(seed)")
        }
    }

    @Test(arguments: 1...7)
    func `Flow destinations are all served in turn, however small the budget`(budget: Int) {
        let loads = (0..<20).map { load($0, concurrency: 64, first: 1000) }
        var turn = DeliveryTurn()
        var served: [ID<Destination>: Int] = [:]
        for _ in 0..<20 {
            let plan = DeliveryPlan(loads: loads, budget: budget, turn: turn)
            turn = plan.turn
            for claim in plan.claims { served[claim.destination, default: 0] += claim.firstAttempts }
        }
        #expect(loads.allSatisfy { served[$0.destination] == budget })
    }
}
