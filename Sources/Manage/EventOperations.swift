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

    /// Events newest first.
    package func list(
        webhook: String?, after: String?, limit: Int?, _ actor: Actor
    ) async throws -> Page<Event> {
        let limit = try Limits.page(limit)
        let before: OrderedID<Event>? = try Cursor.orderedID(after)
        return try await desk.look(actor, .readEvents) { connection in
            let webhook = try webhook.map { try WebhookOperations.find($0, in: actor.organization, connection).id }
            let read = try EventTable(connection).list(
                in: actor.organization, webhook: webhook, before: before, limit: limit + 1)
            return Page(read, limit: limit) { $0.id.text }
        }
    }

    /// Events newer than one, oldest first, for those who follow along. `next` is not used: ask again from the last one.
    package func newer(
        than id: String, webhook: String?, limit: Int?, _ actor: Actor
    ) async throws -> Page<Event> {
        let limit = try Limits.page(limit)
        guard let id = OrderedID<Event>(id) else {
            throw OperationError.invalid(field: "since", "must be the id of an event, `evt_…`.")
        }
        return try await desk.look(actor, .readEvents) { connection in
            let webhook = try webhook.map { try WebhookOperations.find($0, in: actor.organization, connection).id }
            let read = try EventTable(connection).list(
                in: actor.organization, webhook: webhook, newerThan: id, limit: limit)
            return Page(read, limit: limit) { $0.id.text }
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

    /// Calls newest first; both kinds unless one is asked for (N2).
    package func calls(
        outcome: Outcome?, after: String?, limit: Int?, _ actor: Actor
    ) async throws -> Page<Call> {
        let limit = try Limits.page(limit)
        let before = try Self.callCursor(after)
        return try await desk.look(actor, .readCalls) { connection in
            var calls: [Call] = []
            if outcome != .refused {
                let events = try EventTable(connection).list(
                    in: actor.organization, webhook: nil, before: before.map(OrderedID.init(number:)), limit: limit + 1)
                let names = try TokenTable(connection).names(of: Set(events.map(\.token)), in: actor.organization)
                calls += events.map { .accepted($0, tokenName: names[$0.token]) }
            }
            if outcome != .accepted {
                let refused = try CallTable(connection).list(
                    in: actor.organization, before: before.map(OrderedID.init(number:)), limit: limit + 1)
                let names = try TokenTable(connection).names(
                    of: Set(refused.compactMap(\.token)), in: actor.organization)
                calls += refused.map { call in .refused(call, tokenName: call.token.flatMap { names[$0] }) }
            }
            calls.sort { $0.number > $1.number }
            return Page(calls, limit: limit) { OrderedID<RefusedCall>(number: $0.number).text }
        }
    }

    private static func callCursor(_ cursor: String?) throws(OperationError) -> Int64? {
        let id: OrderedID<RefusedCall>? = try Cursor.orderedID(cursor)
        return id?.number
    }
}
