import Domain
import Foundation
import Storage

/// The fields of bodies, for those who write templates and filters (D12).
package struct FieldOperations: Sendable {
    private let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// What the bodies of a webhook have had.
    package struct OfWebhook: Sendable {
        /// In the order they were learned; a parent stands before its children.
        package let fields: [FieldTree.Field]
        /// How many bodies they were learned from.
        package let events: Int64
        /// The newest event that was looked at.
        package let lastEvent: OrderedID<Event>?
    }

    /// What the body of an event has.
    package struct OfEvent: Sendable {
        package let fields: [(field: FieldTree.Field, isNew: Bool)]
        /// What bodies before it had and this one lacks.
        package let missing: [FieldPath]
    }

    /// The fields that were learned of a webhook.
    package func fields(ofWebhook reference: String, _ actor: Actor) async throws -> OfWebhook {
        try await desk.look(actor, .readWebhooks) { connection in
            let webhook = try WebhookOperations.find(reference, in: actor.organization, connection)
            let learned = try WebhookFieldTable(connection).find(webhook.id)
            return OfWebhook(
                fields: learned.tree.fields, events: learned.events,
                lastEvent: learned.lastEvent.number > 0 ? learned.lastEvent : nil)
        }
    }

    /// The fields of one event's body beside those known from events before it; none if it is no JSON that is read.
    package func fields(ofEvent id: String, _ actor: Actor) async throws -> OfEvent {
        try await desk.look(actor, .readEvents) { connection in
            guard let id = OrderedID<Event>(id), let event = try EventTable(connection).find(id, in: actor.organization)
            else { throw OperationError.notFound("event") }
            // A longer one is not read as JSON, so it need not be read at all.
            guard event.bodyBytes <= JSONNode.bytesMax,
                let body = try EventTable(connection).body(of: id, in: actor.organization)?.bytes,
                let node = try? JSONNode(body)
            else { return OfEvent(fields: [], missing: []) }
            return Self.compare(node, of: id, with: try WebhookFieldTable(connection).find(event.webhook))
        }
    }

    private static func compare(
        _ body: JSONNode, of id: OrderedID<Event>, with learned: WebhookFieldTable.Learned
    ) -> OfEvent {
        var firstEvents: [FieldPath: Int64] = [:]
        for (field, event) in zip(learned.tree.fields, learned.firstEvents) { firstEvents[field.path] = event }
        var own = FieldTree()
        _ = own.learn(body)
        let fields = own.fields.map { field in
            // A tree that is full learns no more, so nobody knows whether what it lacks is new.
            (field: field, isNew: firstEvents[field.path].map { $0 >= id.number } ?? !learned.tree.isFull)
        }
        var known = learned.tree
        let missing = known.learn(body).missing.filter { path in firstEvents[path].map { $0 < id.number } ?? false }
        return OfEvent(fields: fields, missing: missing)
    }
}
