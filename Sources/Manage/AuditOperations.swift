import Domain
import Storage

/// The audit log of the actor's organization (N8).
package struct AuditOperations: Sendable {
    private let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// Entries newest first.
    package func list(after: String?, limit: Int?, _ actor: Actor) async throws -> Page<AuditEntry> {
        let limit = try Limits.page(limit)
        let before: OrderedID<AuditEntry>? = try Cursor.orderedID(after)
        return try await desk.look(actor, .readAudit) { connection in
            let read = try AuditTable(connection).list(in: actor.organization, before: before, limit: limit + 1)
            return Page(read, limit: limit) { $0.id.text }
        }
    }
}
