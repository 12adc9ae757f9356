import Client
import Contract
import Domain
import Foundation
import Synchronization

/// Hands events to a program on this machine as they come, one at a time and in order: the loop of `inlet listen`.
struct ListenLoop: Sendable {
    /// Where events are taken from.
    enum Source: Sendable {
        /// Those of a webhook that come from now on; nothing is noted at the server.
        case webhook(String)
        /// The deliveries of a destination that is pulled; what becomes of each is noted at the server.
        case destination(String)
    }

    let client: InletClient
    let program: LocalProgram
    let source: Source
    let clock: any WallClock
    /// How far it is; kept by who started it, to say how to go on.
    let place: ListenPlace
    /// How long the server is left alone after it did not answer: at first, and at most.
    var pauses = (first: Duration.milliseconds(500), most: Duration.seconds(10))
    /// Is told what happens.
    let say: @Sendable (ListenNews) throws -> Void

    private static let waitSeconds = 25
    private static let leaseSeconds = 60
    private static let eventsAtOnce = 100
    private static let lastWordTime = Duration.seconds(3)

    /// Goes on until the task is cancelled.
    ///
    /// - Throws: ``ClientError`` for what does not pass by itself; a server that is away is waited for, but not the first time.
    func run() async throws {
        do {
            switch source {
            case .webhook(let webhook): try await follow(webhook)
            case .destination(let destination): try await drain(destination)
            }
        } catch {
            // Whatever breaks off when it is cancelled does so for that reason.
            guard Task.isCancelled else { throw error }
        }
    }

    /// Hands over once more what was handed over last.
    func repeatLast() async throws {
        guard let last = place.last else { return try say(.nothingYet) }
        let message = last.again(at: clock.now())
        try say(.handedOver(message, await program.take(message), isReplay: true))
    }

    // MARK: The events of a webhook

    /// Finds out where to begin; what comes after this is handed over.
    func takePlace() async throws {
        guard case .webhook(let webhook) = source, place.since == nil else { return }
        let newest = try await client.events(webhook: webhook, limit: 1).items.first
        // Ids ascend, so the first one there can be stands before all.
        place.since = newest?.id ?? "evt_0000000000000"
    }

    private func follow(_ webhook: String) async throws {
        try await takePlace()
        var isFirst = true
        while let since = place.since {
            let start = ContinuousClock.now
            let ask = {
                try await client.events(
                    since: since, webhook: webhook, waitSeconds: Self.waitSeconds, limit: Self.eventsAtOnce)
            }
            let events = try await (isFirst ? ask() : reached(ask)).items
            isFirst = false
            for event in events { try await handOver(event) }
            if events.isEmpty { try await pauseIfHurried(since: start) }
        }
    }

    private func handOver(_ event: EventView) async throws {
        guard let body = try await reached({ try await body(of: event) }) else {
            place.since = event.id
            return try say(.gone(event: event.id))
        }
        let message = try LocalMessage(event, body: body, at: clock.now())
        let answer = await program.take(message)
        try Task.checkCancellation()
        // Only now: what is broken off in the middle comes again.
        place.since = event.id
        place.last = message
        try say(.handedOver(message, answer, isReplay: false))
    }

    // Without one it is kept no longer.
    private func body(of event: EventView) async throws -> Data? {
        do {
            return try await client.eventBody(event.id)
        } catch ClientError.problem(let problem) where problem.code == "not_found" {
            return nil
        }
    }

    // MARK: The deliveries of a destination

    private func drain(_ destination: String) async throws {
        // One at a time, for the lease of a second one would run while the first is with the program.
        let request = ClaimRequest(limit: 1, leaseSeconds: Self.leaseSeconds, waitSeconds: Self.waitSeconds)
        var isFirst = true
        while true {
            let start = ContinuousClock.now
            let ask = { try await client.claimDeliveries(of: destination, request) }
            let claims = try await isFirst ? ask() : reached(ask)
            isFirst = false
            for claim in claims { try await handOver(claim) }
            if claims.isEmpty { try await pauseIfHurried(since: start) }
        }
    }

    private func handOver(_ claim: ClaimView) async throws {
        let message = LocalMessage(claim)
        let answer = await program.take(message)
        if Task.isCancelled {
            if case .fault = answer.result {
                await sayLastWord(claim, SettleClaim(error: "inlet listen was ended before there was an answer"))
            } else {
                await sayLastWord(claim, answer.settlement)
            }
            throw CancellationError()
        }
        place.last = message
        try say(.handedOver(message, answer, isReplay: false))
        do {
            _ = try await reached { try await client.settleClaim(claim.delivery, attempt: claim.attempt, answer.settlement) }
        } catch ClientError.problem(let problem) where problem.code == "claim_over" || problem.code == "not_found" {
            try say(.leaseOver(delivery: claim.delivery))
        }
    }

    // Outside the task that is cancelled, but not for long: without it the lease runs out by itself.
    private func sayLastWord(_ claim: ClaimView, _ result: SettleClaim) async {
        await Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { _ = try? await client.settleClaim(claim.delivery, attempt: claim.attempt, result) }
                group.addTask { try? await Task.sleep(for: Self.lastWordTime) }
                await group.next()
                group.cancelAll()
            }
        }.value
    }

    // MARK: A server that is away

    private func reached<Answer>(_ ask: () async throws -> Answer) async throws -> Answer {
        var pause = pauses.first
        var isAway = false
        while true {
            do {
                let answer = try await ask()
                if isAway { try say(.back) }
                return answer
            } catch let error as ClientError where error.mayPass {
                try Task.checkCancellation()
                if !isAway { try say(.away) }
                isAway = true
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, pauses.most)
        }
    }

    // A server that stops does not let anybody wait.
    private func pauseIfHurried(since start: ContinuousClock.Instant) async throws {
        if start.duration(to: .now) < pauses.first { try await Task.sleep(for: pauses.first) }
    }
}

/// How far a loop is.
final class ListenPlace: Sendable {
    private let state: Mutex<(since: String?, last: LocalMessage?)>

    init(since: String? = nil) {
        state = Mutex((since, nil))
    }

    /// The event that was handed over last, or after which to begin.
    var since: String? {
        get { state.withLock { $0.since } }
        set { state.withLock { $0.since = newValue } }
    }

    /// What was handed over last.
    var last: LocalMessage? {
        get { state.withLock { $0.last } }
        set { state.withLock { $0.last = newValue } }
    }
}

/// What happens while listening.
enum ListenNews: Sendable {
    case handedOver(LocalMessage, LocalAnswer, isReplay: Bool)
    /// The event is kept no longer.
    case gone(event: String)
    /// The lease was over before the server was told; the delivery comes again.
    case leaseOver(delivery: String)
    /// The server does not answer.
    case away
    /// It does again.
    case back
    /// There is nothing that could be handed over once more.
    case nothingYet
}

extension LocalAnswer {
    /// For the server. What its texts may not hold is left out.
    fileprivate var settlement: SettleClaim {
        switch result {
        case .status(let status, let answer):
            SettleClaim(
                status: status, answer: answer.isEmpty ? nil : String(decoding: answer.filter { $0 != 0 }, as: UTF8.self),
                milliseconds: milliseconds)
        case .fault(let words): SettleClaim(error: words, milliseconds: milliseconds)
        }
    }
}

extension ClientError {
    /// Whether it may go by itself, as a restart of the server or of a proxy before it does.
    fileprivate var mayPass: Bool {
        switch self {
        case .unreachable, .unreadable: true
        case .problem(let problem): problem.status >= 500 || problem.status == 429 || problem.status == 408
        }
    }
}
