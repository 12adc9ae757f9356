import Domain
import Foundation
import Storage

/// Events and calls of the actor's organization.
package struct EventOperations: Sendable {
    private let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// A call, kept or refused, with the name of its token.
    package enum Call: Sendable {
        case accepted(Event, tokenName: Label?)
        case refused(RefusedCall, tokenName: Label?)

        /// The number that orders calls of both kinds by the time they came.
        var number: Int64 {
            switch self {
            case .accepted(let event, _): event.id.number
            case .refused(let call, _): call.id.number
            }
        }
    }

    package enum Outcome: String, Sendable, CaseIterable {
        case accepted, refused
    }

    /// The exact bytes of a body.
    package struct Body: Sendable {
        package let contentType: String?
        package let bytes: Data
    }

    /// Events that match, newest first. A page that looked through much may be short, or empty, though there is a next one.
    package func list(
        _ query: EventQuery = EventQuery(), after: String?, limit: Int?, _ actor: Actor
    ) async throws -> Page<Event> {
        let limit = try Limits.page(limit)
        let search = try EventSearch(query)
        let before: OrderedID<Event>? = try Cursor.orderedID(after)
        return try await desk.look(actor, .readEvents) { connection in
            let (events, next) = try search.page(before: before, limit: limit, in: actor.organization, connection)
            return Page(items: events, position: next?.text)
        }
    }

    /// An event with its exact body.
    package struct Whole: Sendable {
        package let event: Event
        package let body: Data
    }

    /// The next events of an export with their bodies, as many as may be in memory at once. Goes on like a page.
    package func export(_ query: EventQuery, after: String?, _ actor: Actor) async throws -> Page<Whole> {
        let search = try EventSearch(query)
        let before: OrderedID<Event>? = try Cursor.orderedID(after)
        return try await desk.look(actor, .readEvents) { connection in
            let table = EventTable(connection)
            let page = try search.page(
                before: before, limit: Limits.pageItems.upperBound, in: actor.organization, connection)
            // At least one, however large it is.
            var bytes = page.events.first?.bodyBytes ?? 0
            let end = page.events.dropFirst().firstIndex { event in
                bytes += event.bodyBytes
                return bytes > Self.exportedBytesPerStep
            }
            let events = page.events[..<(end ?? page.events.endIndex)]
            let bodies = try table.bodies(of: events.map(\.id), in: actor.organization)
            let whole = events.compactMap { event in bodies[event.id].map { Whole(event: event, body: $0) } }
            return Page(items: whole, position: end == nil ? page.next?.text : events.last?.id.text)
        }
    }

    private static let exportedBytesPerStep: Int64 = 8 << 20

    /// Events newer than one, oldest first, for those who follow along. `next` is not used: ask again from the last one.
    ///
    /// - Parameter waitSeconds: how long to wait for one, ``Limits/waitSeconds``. A task that is cancelled waits no longer.
    package func newer(
        than id: String, webhook: String?, limit: Int?, waitSeconds: Int? = nil, _ actor: Actor
    ) async throws -> Page<Event> {
        let limit = try Limits.page(limit)
        guard let id = OrderedID<Event>(id) else {
            throw OperationError.invalid(field: "since", "must be the id of an event, `evt_…`.")
        }
        let end = ContinuousClock.now + .seconds(try Limits.wait(waitSeconds))
        var place = id
        do {
            while true {
                let found = try await newer(than: place, webhook: webhook, limit: limit, actor)
                let left = ContinuousClock.now.duration(to: end)
                if !found.events.isEmpty || left <= .zero { return Page(found.events, limit: limit) { $0.id.text } }
                // Up to there nothing is asked for, so it need not be looked at again.
                if found.last > place.number { place = OrderedID(number: found.last) }
                try await Task.sleep(for: min(left, Limits.waitStep))
            }
        } catch is CancellationError {
            return Page([], limit: limit) { (event: Event) in event.id.text }
        }
    }

    // With the number of the newest event there is, whatever its webhook.
    private func newer(
        than id: OrderedID<Event>, webhook: String?, limit: Int, _ actor: Actor
    ) async throws -> (events: [Event], last: Int64) {
        // Asked for first, in a look of its own: what is committed after it is newer than it.
        let end = try await desk.settledEvents()
        return try await desk.look(actor, .readEvents) { connection in
            let webhook = try webhook.map { try WebhookOperations.find($0, in: actor.organization, connection).id }
            let table = EventTable(connection)
            let events = try table.list(in: actor.organization, webhook: webhook, newerThan: id, before: end, limit: limit)
            return (events, min(try table.lastNumber(), end.number - 1))
        }
    }

    package func show(_ id: String, _ actor: Actor) async throws -> Event {
        try await desk.look(actor, .readEvents) { connection in
            guard let id = OrderedID<Event>(id), let event = try EventTable(connection).find(id, in: actor.organization)
            else { throw OperationError.notFound("event") }
            return event
        }
    }

    /// The exact bytes that the caller sent.
    package func body(of id: String, _ actor: Actor) async throws -> Body {
        try await desk.look(actor, .readEvents) { connection in
            guard let id = OrderedID<Event>(id),
                let body = try EventTable(connection).body(of: id, in: actor.organization)
            else { throw OperationError.notFound("event") }
            return Body(contentType: body.contentType, bytes: body.bytes)
        }
    }

    /// Which calls to list; all where `nil`.
    package struct CallQuery: Sendable {
        package var outcome: Outcome?
        /// Id, or a name that only one has; or what a caller wrote that is none.
        package var webhook: String?
        package var token: String?
        /// A cause of refusal.
        package var cause: String?
        package var from: Timestamp?
        package var to: Timestamp?

        package init(
            outcome: Outcome? = nil, webhook: String? = nil, token: String? = nil, cause: String? = nil,
            from: Timestamp? = nil, to: Timestamp? = nil
        ) {
            self.outcome = outcome
            self.webhook = webhook
            self.token = token
            self.cause = cause
            self.from = from
            self.to = to
        }
    }

    /// Calls newest first; both kinds unless one is asked for (N2).
    package func calls(
        _ query: CallQuery, after: String?, limit: Int?, _ actor: Actor
    ) async throws -> Page<Call> {
        let limit = try Limits.page(limit)
        let before = try Self.callCursor(after)
        let outcome = query.cause == nil ? query.outcome : .refused
        if let cause = query.cause, !Rejection.causes.contains(cause) {
            throw OperationError.invalid(
                field: "cause", "must be one of: \(Rejection.causes.joined(separator: ", ")).")
        }
        if query.cause != nil, query.outcome == .accepted {
            throw OperationError.invalid(field: "cause", "belongs to refused calls alone.")
        }
        return try await desk.look(actor, .readCalls) { connection in
            let filter = try Self.filter(query, in: actor.organization, connection)
            var calls: [Call] = []
            if outcome != .refused {
                var accepted = filter
                // What an app token was accepted with stands in one range.
                if accepted.webhook == nil, let token = filter.token {
                    accepted.webhook = try TokenOperations.webhook(of: token, in: actor.organization, connection)?.text
                }
                let events = try EventTable(connection).list(
                    in: actor.organization, accepted, before: before, limit: limit + 1)
                let names = try TokenTable(connection).names(of: Set(events.map(\.token)), in: actor.organization)
                calls += events.map { .accepted($0, tokenName: names[$0.token]) }
            }
            if outcome != .accepted {
                let refused = try CallTable(connection).list(
                    in: actor.organization, filter, before: before, limit: limit + 1)
                let names = try TokenTable(connection).names(
                    of: Set(refused.compactMap(\.token)), in: actor.organization)
                let others = try IntegrationTable(connection).names(
                    of: Set(refused.compactMap(\.integrationToken)), in: actor.organization)
                calls += refused.map { call in
                    let name = call.token.flatMap { names[$0] } ?? call.integrationToken.flatMap { others[$0] }
                    return .refused(call, tokenName: name)
                }
            }
            calls.sort { $0.number > $1.number }
            return Page(calls, limit: limit) { OrderedID<RefusedCall>(number: $0.number).text }
        }
    }

    /// A refused call by its id, with the name of its token.
    package func refused(_ id: String, _ actor: Actor) async throws -> (call: RefusedCall, tokenName: Label?) {
        guard let id = OrderedID<RefusedCall>(id), id.number < .max else { throw OperationError.notFound("call") }
        return try await desk.look(actor, .readCalls) { connection in
            let newest = try CallTable(connection).list(
                in: actor.organization, CallFilter(), before: id.number + 1, limit: 1
            ).first
            guard let call = newest, call.id == id else { throw OperationError.notFound("call") }
            let name = try call.token.flatMap { try TokenTable(connection).names(of: [$0], in: actor.organization)[$0] }
            let other = try call.integrationToken.flatMap {
                try IntegrationTable(connection).names(of: [$0], in: actor.organization)[$0]
            }
            return (call, name ?? other)
        }
    }

    /// How often calls were accepted and refused under one key.
    package struct Count: Sendable {
        package let total: CallCountTable.Total
        /// Of the webhook or token, if the key is one's.
        package let name: Label?
    }

    /// Counts of the last days by webhook, token or cause, the largest first, at most 500 (N2).
    package func counts(by grouping: CallCountTable.Grouping, days: Int?, _ actor: Actor) async throws -> [Count] {
        let days = days ?? Int(Limits.usageDays)
        guard (1...Int(Limits.usageDays)).contains(days) else {
            throw OperationError.invalid(field: "days", "must be 1 to \(Limits.usageDays).")
        }
        let since = desk.clock.now().day - Int64(days) + 1
        return try await desk.look(actor, .readCalls) { connection in
            let totals = try CallCountTable(connection).totals(
                by: grouping, in: actor.organization, since: since, limit: Limits.pageItems.upperBound)
            return try totals.map { total in
                Count(total: total, name: try Self.name(of: total.key, grouping, in: actor.organization, connection))
            }
        }
    }

    /// How many calls came in one minute.
    package struct Minute: Sendable {
        /// Its first moment.
        package let start: Timestamp
        package let accepted: Int64
        package let refused: Int64
    }

    /// How many calls were accepted and refused in each of the last minutes, oldest first; the last one is still running (N2).
    ///
    /// Goes by when a call was written down: a held call counts as refused, and once more when it is released.
    ///
    /// - Parameter minutes: ``Limits/rateMinutes``; 60 when `nil`.
    package func perMinute(minutes: Int? = nil, _ actor: Actor) async throws -> [Minute] {
        let minutes = minutes ?? 60
        guard Limits.rateMinutes.contains(minutes) else {
            throw OperationError.invalid(
                field: "minutes", "must be \(Limits.rateMinutes.lowerBound) to \(Limits.rateMinutes.upperBound).")
        }
        let last = CallRateTable.minute(of: desk.clock.now())
        let range = (last - Int64(minutes) + 1)...last
        return try await desk.look(actor, .readCalls) { connection in
            let table = CallRateTable(connection)
            let accepted = try table.accepted(in: actor.organization, range)
            let refused = try table.refused(in: actor.organization, range)
            return range.map { minute in
                Minute(
                    start: Timestamp(seconds: minute * 60), accepted: accepted[minute] ?? 0, refused: refused[minute] ?? 0)
            }
        }
    }

    private static func name(
        of key: String, _ grouping: CallCountTable.Grouping, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> Label? {
        switch grouping {
        case .webhook: try ID<Webhook>(key).flatMap { try WebhookTable(connection).find($0, in: organization)?.name }
        case .token:
            if let id = ID<IntegrationToken>(key) {
                try IntegrationTable(connection).names(of: [id], in: organization)[id]
            } else {
                try ID<Token>(key).flatMap { try TokenTable(connection).names(of: [$0], in: organization)[$0] }
            }
        case .cause: nil
        }
    }

    // A webhook that callers ask for need not exist, so what is no webhook is looked for as it was written.
    private static func filter(
        _ query: CallQuery, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> CallFilter {
        let webhook = try query.webhook.map { reference in
            do {
                return try WebhookOperations.find(reference, in: organization, connection).id.text
            } catch OperationError.notFound {
                return reference
            }
        }
        let token = try query.token.map { try TokenOperations.id($0) }
        return CallFilter(webhook: webhook, token: token, cause: query.cause, from: query.from, to: query.to)
    }

    private static func callCursor(_ cursor: String?) throws(OperationError) -> Int64? {
        let id: OrderedID<RefusedCall>? = try Cursor.orderedID(cursor)
        return id?.number
    }
}
