/// How many deliveries to claim now, of which destination: first attempts before repeated ones, and in turns, so that no
/// destination delays another (docs/flows.md, "Attempts").
package struct DeliveryPlan: Hashable, Sendable {
    /// What to claim, by id of the destination; only where there is something.
    package let claims: [DeliveryClaim]
    /// Whose turn comes next time.
    package let turn: DeliveryTurn

    /// Deals the budget out, one delivery a destination and round: first attempts until none is left that may begin, then
    /// repeated ones.
    ///
    /// What a destination has room for is bounded by its breaker, by the attempts it takes at once and by its rate. Numbers below
    /// zero count as zero; a destination that is named twice counts as it is named first.
    ///
    /// - Parameters:
    ///   - budget: how many attempts may begin in all.
    ///   - turn: what the plan before said, so that with a small budget too everyone's turn comes.
    package init(loads: [DestinationLoad], budget: Int, turn: DeliveryTurn = DeliveryTurn()) {
        var deal = Deal(loads: loads, budget: budget)
        let firstTurn = deal.firstAttempts(after: turn.firstAttempt)
        let repeatTurn = deal.repeats(after: turn.repeated)
        claims = deal.claims
        self.turn = DeliveryTurn(firstAttempt: firstTurn ?? turn.firstAttempt, repeated: repeatTurn ?? turn.repeated)
    }
}

/// What a destination has to do and may do.
package struct DestinationLoad: Hashable, Sendable {
    package let destination: ID<Destination>
    /// What its ``CircuitBreaker`` lets through.
    package var passage: CircuitBreaker.Passage
    /// Attempts under way.
    package var running: Int
    /// Attempts that may be under way at once; more than ``Destination/concurrencyRange`` allows counts as its end.
    package var concurrency: Int
    /// How many attempts its rate still allows now; `nil` if it has none.
    package var rateTokens: Int?
    /// Deliveries that are due for their first attempt and need not wait for another one of their order.
    package var firstAttemptsDue: Int
    /// Deliveries that are due for a further attempt and need not wait for another one of their order.
    package var repeatsDue: Int

    package init(
        destination: ID<Destination>, passage: CircuitBreaker.Passage, running: Int, concurrency: Int, rateTokens: Int?,
        firstAttemptsDue: Int, repeatsDue: Int
    ) {
        self.destination = destination
        self.passage = passage
        self.running = running
        self.concurrency = concurrency
        self.rateTokens = rateTokens
        self.firstAttemptsDue = firstAttemptsDue
        self.repeatsDue = repeatsDue
    }

    /// How many attempts may begin there now, whatever is due.
    package var room: Int {
        let most = min(max(0, concurrency), Destination.concurrencyRange.upperBound)
        let free = max(0, most - max(0, running))
        let allowed = min(free, max(0, rateTokens ?? free))
        return switch passage {
        case .any: allowed
        case .one: min(1, allowed)
        case .shut: 0
        }
    }
}

/// How many deliveries to claim of a destination.
package struct DeliveryClaim: Hashable, Sendable {
    package let destination: ID<Destination>
    /// Of those that are due for their first attempt.
    package var firstAttempts: Int
    /// Of those that are due for a further one.
    package var repeats: Int

    package init(destination: ID<Destination>, firstAttempts: Int, repeats: Int) {
        self.destination = destination
        self.firstAttempts = firstAttempts
        self.repeats = repeats
    }
}

/// Who was served last, so that the next plan begins behind it.
package struct DeliveryTurn: Hashable, Sendable {
    /// Who got the last first attempt; `nil` if nobody did.
    package let firstAttempt: ID<Destination>?
    /// Who got the last repeated one; `nil` if nobody did.
    package let repeated: ID<Destination>?

    /// Nobody was served yet, unless it says so.
    package init(firstAttempt: ID<Destination>? = nil, repeated: ID<Destination>? = nil) {
        self.firstAttempt = firstAttempt
        self.repeated = repeated
    }
}

/// The dealing out, as it goes on.
private struct Deal {
    private struct Seat {
        let destination: ID<Destination>
        var room: Int
        var firstAttemptsDue: Int
        var repeatsDue: Int
        var firstAttempts = 0
        var repeats = 0
    }

    private var seats: [Seat]
    private var budget: Int

    init(loads: [DestinationLoad], budget: Int) {
        var seen: Set<ID<Destination>> = []
        seats = loads.filter { seen.insert($0.destination).inserted }
            .map {
                Seat(
                    destination: $0.destination, room: $0.room, firstAttemptsDue: $0.firstAttemptsDue,
                    repeatsDue: $0.repeatsDue)
            }
            .sorted { $0.destination < $1.destination }
        self.budget = max(0, budget)
    }

    var claims: [DeliveryClaim] {
        seats.filter { $0.firstAttempts > 0 || $0.repeats > 0 }
            .map { DeliveryClaim(destination: $0.destination, firstAttempts: $0.firstAttempts, repeats: $0.repeats) }
    }

    mutating func firstAttempts(after last: ID<Destination>?) -> ID<Destination>? {
        deal(after: last) { seat in
            guard seat.room > 0, seat.firstAttempts < seat.firstAttemptsDue else { return false }
            seat.room -= 1
            seat.firstAttempts += 1
            return true
        }
    }

    mutating func repeats(after last: ID<Destination>?) -> ID<Destination>? {
        deal(after: last) { seat in
            guard seat.room > 0, seat.repeats < seat.repeatsDue else { return false }
            seat.room -= 1
            seat.repeats += 1
            return true
        }
    }

    // Goes round until the budget is used up or nobody takes any more; says who took last. Room is bounded, and so are the rounds.
    private mutating func deal(after last: ID<Destination>?, take: (inout Seat) -> Bool) -> ID<Destination>? {
        let start = last.flatMap { last in seats.firstIndex { $0.destination > last } } ?? seats.startIndex
        var round = Array(seats[start...].indices) + Array(seats[..<start].indices)
        var served: ID<Destination>?
        while budget > 0, !round.isEmpty {
            round = round.filter { index in
                guard budget > 0, take(&seats[index]) else { return false }
                budget -= 1
                served = seats[index].destination
                return true
            }
        }
        return served
    }
}
