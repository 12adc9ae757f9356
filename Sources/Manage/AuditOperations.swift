import Domain
import Foundation
import Storage

/// The audit log of the actor's organization (N8).
package struct AuditOperations: Sendable {
    private let desk: Desk
    private static let entriesPerStep = 1000

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// Which entries to list; all where `nil`.
    package struct Filter: Sendable {
        /// Account id or login.
        package var actor: String?
        package var action: AuditEntry.Action?
        package var subject: String?
        package var from: Timestamp?
        package var to: Timestamp?

        package init(
            actor: String? = nil, action: AuditEntry.Action? = nil, subject: String? = nil, from: Timestamp? = nil,
            to: Timestamp? = nil
        ) {
            self.actor = actor
            self.action = action
            self.subject = subject
            self.from = from
            self.to = to
        }
    }

    /// Entries newest first.
    package func list(
        _ filter: Filter = Filter(), after: String?, limit: Int?, _ actor: Actor
    ) async throws -> Page<AuditTable.Entry> {
        let limit = try Limits.page(limit)
        let before: OrderedID<AuditEntry>? = try Cursor.orderedID(after)
        return try await desk.look(actor, .readAudit) { connection in
            // Who left stands in the log all the same, so an id need not be a member's.
            let who = try filter.actor.map {
                try ID<Account>($0)
                    ?? AccountOperations.find($0, in: actor.organization, connection, field: "actor").account.id
            }
            let read = try AuditTable(connection).list(
                in: actor.organization,
                AuditTable.Filter(
                    actor: who, action: filter.action, subject: filter.subject, from: filter.from, to: filter.to),
                before: before, limit: limit + 1)
            return Page(read, limit: limit) { $0.entry.id.text }
        }
    }

    /// All entries as lines of an export, oldest first, and the line that closes it. Read step by step as it is consumed.
    package func export(_ actor: Actor) async throws -> AsyncThrowingStream<Data, any Error> {
        try actor.require(.readAudit)
        let place = Place()
        return AsyncThrowingStream { [desk] in
            guard !place.isAtEnd else { return nil }
            let behind = place.sequence
            let (entries, trailer) = try await desk.look(actor, .readAudit) { connection in
                let entries = try AuditTable(connection).chain(
                    of: actor.organization, behind: behind, limit: Self.entriesPerStep)
                guard entries.isEmpty else { return (entries, Data()) }
                let head = try AuditTable(connection).head(of: actor.organization)
                let key = try desk.auditKey(of: actor.organization, connection)
                return (
                    entries, AuditChain.trailer(actor.organization, entries: head.sequence, hash: head.hash, key: key)
                )
            }
            guard let last = entries.last else {
                place.isAtEnd = true
                return trailer + Data("\n".utf8)
            }
            place.sequence = last.link.sequence
            return entries.reduce(into: Data()) { $0 += AuditChain.line($1.entry, $1.link) + Data("\n".utf8) }
        }
    }

    // Used by one consumer, one step after the other.
    private final class Place: @unchecked Sendable {
        var sequence: Int64 = 0
        var isAtEnd = false
    }

    /// Checks the whole chain against the key.
    package func verify(_ actor: Actor) async throws -> AuditChain.Verdict {
        let key = try await desk.look(actor, .readAudit) { [desk] in
            try desk.auditKey(of: actor.organization, $0).bytes
        }
        var verifier = AuditChain.Verifier(key: key)
        var place: Int64 = 0
        while true {
            let behind = place
            let (entries, head) = try await desk.look(actor, .readAudit) { connection in
                let table = AuditTable(connection)
                return (
                    try table.chain(of: actor.organization, behind: behind, limit: Self.entriesPerStep),
                    try table.head(of: actor.organization)
                )
            }
            for entry in entries where verifier.take(entry.entry, entry.link) != nil { return verifier.finish() }
            guard let last = entries.last else {
                verifier.close(entries: head.sequence, hash: head.hash)
                return verifier.finish()
            }
            place = last.link.sequence
        }
    }

    /// The key that checks an export elsewhere, 32 bytes. That it was read stands in the log.
    package func key(_ actor: Actor) async throws -> Data {
        try await desk.act(actor, .readAuditKey) { act in
            try act.record(.auditKeyRead, act.organization.text)
            return try act.desk.auditKey(of: act.organization, act.connection).bytes
        }
    }
}
