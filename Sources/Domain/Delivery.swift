import FoundationEssentials

/// One event on its way to one destination (docs/flows.md). What is done to it are steps, each a new value.
///
/// The number of the attempt is the fence: each claim raises it, and only who holds the last one may settle.
package struct Delivery: Identified, Hashable, Sendable {
    package static let idPrefix = "dlv"

    package let id: OrderedID<Delivery>
    package let organization: ID<Organization>
    package let webhook: ID<Webhook>
    package let event: OrderedID<Event>
    package let flow: ID<Flow>
    package let destination: ID<Destination>
    package private(set) var state: DeliveryState
    /// How many attempts have begun; the number of the last one.
    package private(set) var attempts: Int
    /// When the next attempt may begin; of no meaning once it is settled.
    package private(set) var dueAt: Timestamp
    /// Until when the attempt under way has it to itself; `nil` unless it is running.
    package private(set) var leaseUntil: Timestamp?
    package let createdAt: Timestamp
    /// When it came to its end; `nil` before.
    package private(set) var settledAt: Timestamp?
    /// Why it is dead or cancelled; `nil` otherwise.
    package private(set) var reason: DeliveryReason?
    /// Whether somebody asked for the event to be sent again (N10).
    package let isReplay: Bool
    /// The replay of a selection that it belongs to; `nil` if it was asked for by itself, or not at all.
    package let replay: OrderedID<Replay>?
    /// What it shares with deliveries it must not overtake, ``Destination/orderedBy``; `nil` if it may overtake all.
    package let orderKey: String?

    /// Takes what a new delivery is, or what our own database holds.
    package init(
        id: OrderedID<Delivery>, organization: ID<Organization>, webhook: ID<Webhook>, event: OrderedID<Event>,
        flow: ID<Flow>, destination: ID<Destination>, state: DeliveryState, attempts: Int = 0, dueAt: Timestamp,
        leaseUntil: Timestamp? = nil, createdAt: Timestamp, settledAt: Timestamp? = nil, reason: DeliveryReason? = nil,
        isReplay: Bool = false, replay: OrderedID<Replay>? = nil, orderKey: String? = nil
    ) {
        self.id = id
        self.organization = organization
        self.webhook = webhook
        self.event = event
        self.flow = flow
        self.destination = destination
        self.state = state
        self.attempts = attempts
        self.dueAt = dueAt
        self.leaseUntil = leaseUntil
        self.createdAt = createdAt
        self.settledAt = settledAt
        self.reason = reason
        self.isReplay = isReplay
        self.replay = replay
        self.orderKey = orderKey
    }
}

/// Where a delivery stands; the word on the wire.
package enum DeliveryState: String, Sendable, CaseIterable {
    /// Its flow is paused, or its destination disabled.
    case waiting
    /// An attempt may begin from ``Delivery/dueAt`` on.
    case due
    /// An attempt is under way.
    case running
    /// The destination took it.
    case delivered
    /// It will not be tried again by itself.
    case dead
    /// The flow's filter does not let the event through; nothing was sent.
    case filtered
    /// Somebody stopped it.
    case cancelled

    /// Whether it is at its end.
    package var isSettled: Bool {
        switch self {
        case .waiting, .due, .running: false
        case .delivered, .dead, .filtered, .cancelled: true
        }
    }

    /// What a new delivery begins as; `nil` if none is made, for its flow is archived.
    ///
    /// - Parameter isLetThrough: what the flow's filter says of the event.
    package static func first(
        isLetThrough: Bool, flow: FlowState, destination: DestinationState
    ) -> DeliveryState? {
        switch flow {
        case .archived: nil
        case .active, .paused:
            if !isLetThrough { .filtered } else if flow == .active && destination.isActive { .due } else { .waiting }
        }
    }
}

/// Why a delivery is dead or cancelled; the word on the wire.
package enum DeliveryReason: String, Sendable, CaseIterable {
    /// Dead: the last attempt of the schedule failed too.
    case attemptsUsedUp = "attempts_used_up"
    /// Dead: the destination answered 410, and is disabled.
    case gone
    /// Cancelled: a person or program did.
    case byHand = "by_hand"
    /// Cancelled: its flow was archived, or does not send to its destination any more, before it was delivered.
    case flowArchived = "flow_archived"
    /// Cancelled: its event was dropped by age or size before it was delivered.
    case eventExpired = "event_expired"
}

/// Why a step of a delivery is refused.
package enum DeliveryError: Error, Hashable {
    /// No such step leads on from where it stands.
    case wrongState(DeliveryState)
    /// Its next attempt may begin then.
    case notDue(until: Timestamp)
    /// The attempt holds the lease no more; that is the number of the last attempt.
    case fenced(attempts: Int)
    /// The attempt under way has it to itself until then.
    case leased(until: Timestamp)
    /// Its flow is archived, which is for good.
    case flowArchived
}

extension Delivery {
    /// The delivery after its flow was paused or its destination disabled: due → waiting. Safe to repeat.
    package func held() throws(DeliveryError) -> Delivery {
        switch state {
        case .due, .waiting: changed { $0.state = .waiting }
        case .running, .delivered, .dead, .filtered, .cancelled: throw .wrongState(state)
        }
    }

    /// The delivery after its flow goes on and its destination is enabled: waiting → due, from the moment it had. Safe to repeat.
    package func released() throws(DeliveryError) -> Delivery {
        switch state {
        case .due, .waiting: changed { $0.state = .due }
        case .running, .delivered, .dead, .filtered, .cancelled: throw .wrongState(state)
        }
    }

    /// The delivery with its next attempt under way: due → running. ``attempts`` is the number of that attempt, the fence.
    ///
    /// - Parameter lease: how long the attempt has it to itself; longer than an attempt can take.
    /// - Throws: ``DeliveryError/notDue(until:)`` before its time.
    package func claimed(at now: Timestamp, lease: Interval) throws(DeliveryError) -> Delivery {
        guard state == .due else { throw .wrongState(state) }
        guard dueAt <= now else { throw .notDue(until: dueAt) }
        // No schedule comes near the largest number; there the claim is refused, for two attempts must not share one.
        let (number, overflow) = attempts.addingReportingOverflow(1)
        guard !overflow else { throw .fenced(attempts: attempts) }
        return changed {
            $0.state = .running
            $0.attempts = number
            $0.leaseUntil = now.adding(lease)
        }
    }

    /// The delivery after that attempt ended: running → delivered, due or dead.
    ///
    /// The number decides, not the clock: an attempt whose lease is over still counts as long as no other took its place.
    ///
    /// - Throws: ``DeliveryError/fenced(attempts:)`` if another attempt has begun or it is not running any more.
    package func settled(
        attempt: Int, as decision: RetryDecision, at now: Timestamp
    ) throws(DeliveryError) -> Delivery {
        guard state == .running, attempt == attempts else { throw .fenced(attempts: attempts) }
        return changed {
            $0.leaseUntil = nil
            switch decision {
            case .delivered: $0.end(.delivered, reason: nil, at: now)
            case .retry(let moment):
                $0.state = .due
                $0.dueAt = moment
            case .dead(let reason): $0.end(.dead, reason: reason, at: now)
            case .disable: $0.end(.dead, reason: .gone, at: now)
            }
        }
    }

    /// The delivery after its attempt was given up for lost, as that decision has it: running → due or dead.
    ///
    /// - Parameter decision: what ``RetryPolicy`` says after ``AttemptOutcome/interrupted``.
    /// - Throws: ``DeliveryError/leased(until:)`` while the lease holds. The exact moment of its end counts as over.
    package func reclaimed(as decision: RetryDecision, at now: Timestamp) throws(DeliveryError) -> Delivery {
        guard state == .running else { throw .wrongState(state) }
        if let leaseUntil, now < leaseUntil { throw .leased(until: leaseUntil) }
        return try settled(attempt: attempts, as: decision, at: now)
    }

    /// The delivery after the filter, looked at while the attempt was under way, lets its event not through: running → filtered.
    /// The attempt is taken back, for nothing was sent.
    ///
    /// - Throws: ``DeliveryError/fenced(attempts:)`` as ``settled(attempt:as:at:)`` does.
    package func filtered(attempt: Int, at now: Timestamp) throws(DeliveryError) -> Delivery {
        guard state == .running, attempt == attempts else { throw .fenced(attempts: attempts) }
        return changed {
            $0.leaseUntil = nil
            $0.attempts = max(0, attempt - 1)
            $0.end(.filtered, reason: nil, at: now)
        }
    }

    /// The delivery after its attempt found no room: running → due, from that moment on. The attempt is taken back, for nothing was sent.
    ///
    /// - Throws: ``DeliveryError/fenced(attempts:)`` as ``settled(attempt:as:at:)`` does.
    package func postponed(attempt: Int, until moment: Timestamp) throws(DeliveryError) -> Delivery {
        guard state == .running, attempt == attempts else { throw .fenced(attempts: attempts) }
        return changed {
            $0.leaseUntil = nil
            $0.attempts = max(0, attempt - 1)
            $0.state = .due
            $0.dueAt = moment
        }
    }

    /// The delivery after somebody stopped it: waiting or due → cancelled. What is running cannot be stopped: nobody could say
    /// whether the destination has it.
    package func cancelled(_ reason: DeliveryReason, at now: Timestamp) throws(DeliveryError) -> Delivery {
        switch state {
        case .waiting, .due: changed { $0.end(.cancelled, reason: reason, at: now) }
        case .running, .delivered, .dead, .filtered, .cancelled: throw .wrongState(state)
        }
    }

    /// The delivery as it is to stand where its flow and destination stand so: what is open waits, is due, or is cancelled because it
    /// has no way any more. What is running or settled stays as it is.
    ///
    /// - Parameter flow: `nil` if the flow is archived, or sends to this destination no more.
    package func placed(flow: FlowState?, destination: DestinationState?, at now: Timestamp) -> Delivery {
        guard state == .waiting || state == .due else { return self }
        guard let flow, let destination, flow != .archived else {
            return changed { $0.end(.cancelled, reason: .flowArchived, at: now) }
        }
        return changed { $0.state = flow == .active && destination.isActive ? .due : .waiting }
    }

    /// A new delivery of the same event on the same way (N10), from the first attempt on. Only what is settled is sent again.
    ///
    /// - Parameters:
    ///   - isLetThrough: what the flow's filter, as it is now, says of the event.
    ///   - schedule: whose first step is waited for.
    ///   - isInOrder: whether its destination still takes deliveries in order.
    package func replayed(
        as id: OrderedID<Delivery>, isLetThrough: Bool, flow: FlowState, destination: DestinationState,
        schedule: RetrySchedule, isInOrder: Bool = true, at now: Timestamp
    ) throws(DeliveryError) -> Delivery {
        guard state.isSettled else { throw .wrongState(state) }
        let first = DeliveryState.first(isLetThrough: isLetThrough, flow: flow, destination: destination)
        guard let first else { throw .flowArchived }
        return Delivery(
            id: id, organization: organization, webhook: webhook, event: event, flow: self.flow,
            destination: self.destination, state: first, dueAt: now.adding(schedule.delay(afterAttempts: 0) ?? .seconds(0)),
            createdAt: now, settledAt: first.isSettled ? now : nil, isReplay: true, orderKey: isInOrder ? orderKey : nil)
    }

    private mutating func end(_ state: DeliveryState, reason: DeliveryReason?, at now: Timestamp) {
        self.state = state
        self.reason = reason
        settledAt = now
    }

    private func changed(_ change: (inout Delivery) -> Void) -> Delivery {
        var delivery = self
        change(&delivery)
        return delivery
    }
}

/// One try of a delivery. It is written down before anything is sent, and once more when it is over.
package struct Attempt: Hashable, Sendable {
    /// How much of an answer's body is kept.
    package static let answerBytesMax = 16_384
    /// How much of an error is kept, in Unicode scalars.
    package static let errorScalarsMax = 1_000

    package let delivery: OrderedID<Delivery>
    /// From 1 on.
    package let number: Int
    package let startedAt: Timestamp
    /// `nil` while it is under way.
    package private(set) var finishedAt: Timestamp?
    package private(set) var outcome: AttemptWord
    /// The HTTP status; `nil` without an answer.
    package private(set) var status: Int?
    /// How long it took by a clock that nobody can set; `nil` while it is under way, and if nobody saw its end.
    package private(set) var milliseconds: Int64?
    /// The first bytes of the answer's body, at most ``answerBytesMax``.
    package private(set) var answer: Data
    /// What went wrong, for a person; holds no secret. At most ``errorScalarsMax``.
    package private(set) var errorText: String?

    /// Takes what our own database holds.
    package init(
        delivery: OrderedID<Delivery>, number: Int, startedAt: Timestamp, finishedAt: Timestamp?, outcome: AttemptWord,
        status: Int?, milliseconds: Int64?, answer: Data, errorText: String?
    ) {
        self.delivery = delivery
        self.number = number
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.outcome = outcome
        self.status = status
        self.milliseconds = milliseconds
        self.answer = answer
        self.errorText = errorText
    }

    /// The attempt that a claim has just begun.
    package init(of claimed: Delivery, startedAt: Timestamp) {
        self.init(
            delivery: claimed.id, number: claimed.attempts, startedAt: startedAt, finishedAt: nil, outcome: .running,
            status: nil, milliseconds: nil, answer: Data(), errorText: nil)
    }

    /// The attempt after it is over. Answer and error are cut to what is kept.
    ///
    /// - Parameters:
    ///   - milliseconds: how long it took; below zero counts as zero.
    ///   - errorText: secrets must have been taken out of it.
    package func finished(
        _ outcome: AttemptOutcome, at now: Timestamp, milliseconds: Int64?, answer: Data = Data(), errorText: String? = nil
    ) -> Attempt {
        var attempt = self
        attempt.finishedAt = now
        attempt.outcome = outcome.word
        if case .answered(let status, _) = outcome { attempt.status = status }
        attempt.milliseconds = milliseconds.map { max(0, $0) }
        attempt.answer = Data(answer.prefix(Self.answerBytesMax))
        attempt.errorText = errorText.map { String(String.UnicodeScalarView($0.unicodeScalars.prefix(Self.errorScalarsMax))) }
        return attempt
    }
}

/// How an attempt ended, with what the next step is decided by.
package enum AttemptOutcome: Hashable, Sendable {
    /// The destination answered.
    ///
    /// - Parameter retryAfter: what ``RetryAfter`` read from its answer.
    case answered(status: Int, retryAfter: Interval? = nil)
    /// It did not answer in time.
    case timedOut
    /// No connection, or it broke off; a name without an address too.
    case connectionFailed
    /// It did not prove who it is.
    case tlsFailed
    /// Its name led to an address that the server may not speak to.
    case egressRefused
    /// There was nothing to send: a template that cannot be filled in, or a secret variable that is not there.
    case notBuilt
    /// The server stopped before it knew; the destination may have it.
    case interrupted

    /// The word that is kept of it.
    package var word: AttemptWord {
        switch self {
        case .answered(let status, _): (200...299).contains(status) ? .delivered : .refused
        case .timedOut: .timedOut
        case .connectionFailed: .connectionFailed
        case .tlsFailed: .tlsFailed
        case .egressRefused: .egressRefused
        case .notBuilt: .notBuilt
        case .interrupted: .interrupted
        }
    }

    /// Whether the destination did well, for ``CircuitBreaker`` and ``FailureRun``; `nil` if it tells nothing of the destination.
    package var success: Bool? {
        switch word {
        case .delivered: true
        case .refused, .timedOut, .connectionFailed, .tlsFailed, .egressRefused: false
        case .running, .notBuilt, .interrupted: nil
        }
    }
}

/// How an attempt stands, in one word; the word on the wire.
package enum AttemptWord: String, Sendable, CaseIterable {
    case running
    /// 2xx.
    case delivered
    /// Any other status.
    case refused
    case timedOut = "timed_out"
    case connectionFailed = "connection_failed"
    case tlsFailed = "tls_failed"
    case egressRefused = "egress_refused"
    case notBuilt = "not_built"
    case interrupted
}
