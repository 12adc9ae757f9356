/// Keeps attempts away from a destination that fails, and lets one through now and then to see whether it is back
/// (docs/flows.md, "Attempts"). One per destination, in memory.
package struct CircuitBreaker: Hashable, Sendable {
    /// How many failures in a row open it.
    package static let failuresMax = 5
    /// How long it stays open the first time; each time after, twice as long.
    package static let waitFirst = Interval.seconds(30)
    /// How long it stays open at most.
    package static let waitMax = Interval.seconds(600)

    /// Where it stands.
    package enum State: Hashable, Sendable {
        /// Attempts go through; so many failed in a row.
        case closed(failures: Int)
        /// None goes through before that moment. `wait` is how long it stays open in all.
        case open(until: Timestamp, wait: Interval)
        /// The one attempt is under way since that moment. `wait` is how long it had been open.
        case halfOpen(since: Timestamp, wait: Interval)
    }

    /// How many attempts it lets through.
    package enum Passage: Hashable, Sendable {
        case any
        /// One, to see whether the destination is back.
        case one
        case shut
    }

    package private(set) var state: State

    /// A closed one, which nothing is known about.
    package init() {
        state = .closed(failures: 0)
    }

    /// Says how many attempts may begin now.
    ///
    /// When the clock was set back, and when nothing is heard of the one attempt for as long as it stays open at most, one more is
    /// let through: an error of ours must not shut a destination off for good.
    package func passage(at now: Timestamp) -> Passage {
        switch state {
        case .closed: .any
        case .open(let until, let wait): until <= now || until.since(now) > wait ? .one : .shut
        case .halfOpen(let since, _): now.since(since).magnitude >= Self.waitMax ? .one : .shut
        }
    }

    /// Whether an attempt may begin now.
    package func mayTry(at now: Timestamp) -> Bool {
        passage(at: now) != .shut
    }

    /// Takes note that an attempt begins; the first one after an open time is the one attempt. Ask ``mayTry(at:)`` before.
    package mutating func begin(at now: Timestamp) {
        guard passage(at: now) == .one else { return }
        switch state {
        case .closed: break
        case .open(_, let wait), .halfOpen(_, let wait): state = .halfOpen(since: now, wait: wait)
        }
    }

    /// Takes note of how an attempt ended. A success closes, whichever attempt it was; a failure while it is open, of an attempt
    /// from before, changes nothing.
    package mutating func note(success: Bool, at now: Timestamp) {
        if success {
            state = .closed(failures: 0)
            return
        }
        switch state {
        case .closed(let failures) where failures + 1 < Self.failuresMax: state = .closed(failures: failures + 1)
        case .closed: open(for: Self.waitFirst, at: now)
        case .open: break
        case .halfOpen(_, let wait): open(for: min(Interval(microseconds: wait.microseconds * 2), Self.waitMax), at: now)
        }
    }

    /// Takes note that an attempt ended without telling anything of the destination: if it was the one attempt, another may try.
    package mutating func forget(at now: Timestamp) {
        if case .halfOpen(_, let wait) = state { state = .open(until: now, wait: wait) }
    }

    private mutating func open(for wait: Interval, at now: Timestamp) {
        state = .open(until: now.adding(wait), wait: wait)
    }
}

/// Since when a destination has done nothing but fail (docs/flows.md, "Attempts"). One per destination, kept with it.
package struct FailureRun: Hashable, Sendable {
    /// How long nothing but failures may come before the destination is disabled.
    package static let lengthMax = Interval.days(5)
    /// With fewer failures nothing is concluded.
    package static let failuresMin = 10

    /// When the first failure since the last success came; `nil` if none did.
    package private(set) var since: Timestamp?
    /// When the last one came; `nil` if none did.
    package private(set) var last: Timestamp?
    /// How many came; stops at the largest number there is.
    package private(set) var failures: Int

    /// No failure.
    package init() {
        self.init(since: nil, last: nil, failures: 0)
    }

    /// Takes what our own database holds.
    package init(since: Timestamp?, last: Timestamp?, failures: Int) {
        self.since = since
        self.last = last
        self.failures = max(0, failures)
    }

    /// Takes note of how an attempt ended; a success ends the run.
    package mutating func note(success: Bool, at now: Timestamp) {
        if success {
            self = FailureRun()
        } else {
            since = since ?? now
            last = now
            failures = failures == .max ? .max : failures + 1
        }
    }

    /// Whether the destination is to be disabled, ``DisabledReason/failing``: from first to last failure 5 days or more, and at
    /// least 10 of them. Silence after the last one does not count, for nothing was tried.
    package var isTooLong: Bool {
        guard let since, let last else { return false }
        return failures >= Self.failuresMin && last.since(since) >= Self.lengthMax
    }
}
