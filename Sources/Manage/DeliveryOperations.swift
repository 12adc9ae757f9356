import Deliver
import Destinations
import Domain
import Foundation
import Storage

/// Where the events of the actor's organization went, attempt by attempt; stopping them, and sending them again (N10).
package struct DeliveryOperations: Sendable {
    private let desk: Desk
    private let claims: Claims

    package init(_ desk: Desk, claims: Claims) {
        self.desk = desk
        self.claims = claims
    }

    /// Which deliveries to list; all where `nil`.
    package struct Query: Sendable {
        package var event: String?
        package var flow: String?
        package var destination: String?
        package var state: DeliveryState?

        package init(event: String? = nil, flow: String? = nil, destination: String? = nil, state: DeliveryState? = nil) {
            self.event = event
            self.flow = flow
            self.destination = destination
            self.state = state
        }
    }

    /// Deliveries newest first.
    package func list(_ query: Query, after: String?, limit: Int?, _ actor: Actor) async throws -> Page<Delivery> {
        let limit = try Limits.page(limit)
        let before: OrderedID<Delivery>? = try Cursor.orderedID(after)
        return try await desk.look(actor, .readFlows) { connection in
            let filter = DeliveryTable.Filter(
                event: try query.event.map { text throws(OperationError) in
                    guard let id = OrderedID<Event>(text) else {
                        throw .invalid(field: "event", "must be the id of an event, `evt_…`.")
                    }
                    return id
                },
                flow: try query.flow.map { try FlowOperations.find($0, in: actor.organization, connection).id },
                destination: try query.destination.map {
                    try DestinationOperations.find($0, in: actor.organization, connection, field: "destination").id
                },
                state: query.state)
            let read = try DeliveryTable(connection).list(in: actor.organization, filter, before: before, limit: limit + 1)
            return Page(read, limit: limit) { $0.id.text }
        }
    }

    /// A delivery with all its attempts.
    package func show(_ id: String, _ actor: Actor) async throws -> (delivery: Delivery, attempts: [Attempt]) {
        try await desk.look(actor, .readFlows) { connection in
            let delivery = try Self.find(id, in: actor.organization, connection)
            return (delivery, try DeliveryTable(connection).attempts(of: delivery.id))
        }
    }

    /// Sends a settled delivery again, as a new delivery that is marked as a replay.
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `not_settled`, `flow_archived`, `destination_gone`, `event_gone`.
    package func retry(_ id: String, _ actor: Actor) async throws -> Delivery {
        let new = try await desk.act(actor, .changeFlows) { act in
            let delivery = try Self.find(id, in: act.organization, act.connection)
            let new = try Self.replayed(delivery, act)
            try DeliveryTable(act.connection).insert([new])
            try act.record(.deliveryRetry, delivery.id.text, ["as": new.id.text])
            return new
        }
        desk.bell.ring(for: [new.destination])
        return new
    }

    /// Stops a delivery that waits or is due.
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `not_open`.
    package func cancel(_ id: String, _ actor: Actor) async throws -> Delivery {
        let cancelled = try await desk.act(actor, .changeFlows) { act in
            let delivery = try Self.find(id, in: act.organization, act.connection)
            guard let cancelled = try? delivery.cancelled(.byHand, at: act.now) else {
                throw OperationError.conflict(
                    code: "not_open", "This delivery is \(delivery.state.rawValue); only what waits or is due can be stopped.")
            }
            try DeliveryTable(act.connection).update(cancelled)
            try act.record(.deliveryCancel, delivery.id.text)
            return cancelled
        }
        // In order, the next of its key may go.
        desk.bell.ring(for: [cancelled.destination])
        return cancelled
    }

    /// Says what became of a claim: either a status or an error.
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `claim_over` if its lease ended and another took it, or it is settled.
    package func settle(
        _ id: String, attempt: String, status: Int?, error: String?, answer: String?, milliseconds: Int64?, _ actor: Actor
    ) async throws -> Delivery {
        guard (status == nil) != (error == nil) else {
            throw OperationError.invalid(field: "status", "or `error` must be given, and not both.")
        }
        if let status, !(100...599).contains(status) {
            throw OperationError.invalid(field: "status", "must be 100 to 599.")
        }
        if let error, !(1...Attempt.errorScalarsMax).contains(error.unicodeScalars.count) {
            throw OperationError.invalid(field: "error", "must have 1 to 1000 characters.")
        }
        let delivery = try await desk.look(actor, .changeFlows) { connection in
            let delivery = try Self.find(id, in: actor.organization, connection)
            let destination = try DestinationTable(connection).find(delivery.destination, in: actor.organization)
            // What Inlet sends itself, nobody else settles.
            guard let destination, AllKinds.kind(named: destination.kind)?.isPulled ?? false else { throw Self.claimOver }
            return delivery
        }
        guard let number = Int(attempt), (1...delivery.attempts + 1).contains(number) else {
            throw OperationError.notFound("attempt")
        }
        let settled = try await desk.reporting {
            try await claims.settle(
                delivery, attempt: number, as: status.map { .answered(status: $0) } ?? .connectionFailed,
                answer: Data((answer ?? "").utf8), errorText: error, milliseconds: milliseconds)
        }
        guard let settled else { throw Self.claimOver }
        return settled
    }

    private static let claimOver = OperationError.conflict(
        code: "claim_over", "This claim is over: it was settled, or its lease ended. Claim again.")

    /// Sends one event again by all flows of its webhook that are there now (N10).
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `no_flow`.
    package func replay(event id: String, _ actor: Actor) async throws -> [Delivery] {
        let deliveries = try await desk.act(actor, .changeFlows) { act in
            guard let id = OrderedID<Event>(id), let event = try EventTable(act.connection).find(id, in: act.organization) else {
                throw OperationError.notFound("event")
            }
            let source = OrderSource(event) { try EventTable(act.connection).body(of: id, in: act.organization)?.bytes }
            let deliveries = try FlowRoute.read(event.webhook, act.connection).map {
                $0.delivery(of: source, id: act.desk.deliveryIDs.next(at: act.now), at: act.now, isReplay: true)
            }
            guard !deliveries.isEmpty else { throw ReplayOperations.noFlow }
            try DeliveryTable(act.connection).insert(deliveries)
            try act.record(.eventReplay, event.id.text, ["deliveries": "\(deliveries.count)"])
            return deliveries
        }
        desk.bell.ring(for: deliveries.map(\.destination))
        return deliveries
    }

    private static func replayed(_ delivery: Delivery, _ act: Act) throws -> Delivery {
        guard try EventTable(act.connection).find(delivery.event, in: act.organization) != nil else {
            throw OperationError.conflict(code: "event_gone", "The event was dropped by age or size, so it cannot be sent again.")
        }
        guard let flow = try FlowTable(act.connection).findAnywhere(delivery.flow),
            let destination = try DestinationTable(act.connection).find(delivery.destination, in: act.organization),
            flow.state == .archived || flow.destinations.contains(destination.id)
        else {
            throw OperationError.conflict(
                code: "destination_gone", "The flow does not send to this destination any more.")
        }
        do {
            return try delivery.replayed(
                as: act.desk.deliveryIDs.next(at: act.now), isLetThrough: true, flow: flow.state, destination: destination.state,
                schedule: destination.schedule, isInOrder: destination.orderedBy != nil, at: act.now)
        } catch {
            switch error {
            case .flowArchived: throw OperationError.conflict(code: "flow_archived", "This flow is archived, for good.")
            default: throw OperationError.conflict(code: "not_settled", "This delivery is still on its way.")
            }
        }
    }

    private static func find(
        _ id: String, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> Delivery {
        guard let id = OrderedID<Delivery>(id), let found = try DeliveryTable(connection).find(id, in: organization) else {
            throw OperationError.notFound("delivery")
        }
        return found
    }
}
