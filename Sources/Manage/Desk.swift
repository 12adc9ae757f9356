import Domain
import Foundation
import Storage
import Synchronization

/// What every operation works with: the store, the clock, the keys, and the audit log.
package final class Desk: Sendable {
    package let store: Store
    package let clock: any WallClock
    package let keyRing: KeyRing
    /// Where callers reach ingest, without a slash at the end: `http://127.0.0.1:8080`.
    package let ingestURL: String
    private let auditIDs: Mutex<OrderedIDSource>

    package init(store: Store, clock: any WallClock, keyRing: KeyRing, ingestURL: String) async throws {
        self.store = store
        self.clock = clock
        self.keyRing = keyRing
        self.ingestURL = ingestURL
        let last = try await store.read { try AuditTable($0).lastNumber() }
        auditIDs = Mutex(OrderedIDSource(after: last))
    }

    /// Does one act: checks the permission, then runs one transaction that also writes the audit entry.
    ///
    /// - Throws: ``OperationError``; nothing is changed then.
    func act<Answer: Sendable>(
        _ actor: Actor, _ permission: Permission,
        _ work: @escaping @Sendable (Act) throws -> Answer
    ) async throws -> Answer {
        try actor.require(permission)
        return try await reportingOurErrors {
            try await store.write { transaction in
                try work(Act(desk: self, actor: actor, transaction: transaction, now: self.clock.now()))
            }
        }
    }

    /// Reads for an actor, after checking the permission.
    func look<Answer: Sendable>(
        _ actor: Actor, _ permission: Permission,
        _ work: @escaping @Sendable (any Connection) throws -> Answer
    ) async throws -> Answer {
        try actor.require(permission)
        return try await reportingOurErrors { try await store.read(work) }
    }

    /// The address callers post to.
    func url(of webhook: ID<Webhook>) -> String {
        "\(ingestURL)/in/\(webhook.text)"
    }

    func nextAuditID(at now: Timestamp) -> OrderedID<AuditEntry> {
        auditIDs.withLock { $0.next(at: now) }
    }

    private func reportingOurErrors<Answer>(_ body: () async throws -> Answer) async throws -> Answer {
        do {
            return try await body()
        } catch let error as StorageError {
            switch error {
            case .full, .unavailable, .closed, .locked: throw OperationError.unavailable("\(error)")
            case .conflict, .unreadable, .statement, .schema: throw OperationError.defect("\(error)")
            }
        }
    }
}

/// Who acts, where, and with what rights.
package struct Actor: Sendable {
    package let organization: ID<Organization>
    package let account: ID<Account>
    package let role: Role
    /// The management token that speaks for the account; `nil` for Inlet's own rules.
    package let token: ID<Token>?

    package init(organization: ID<Organization>, account: ID<Account>, role: Role, token: ID<Token>?) {
        self.organization = organization
        self.account = account
        self.role = role
        self.token = token
    }

    /// Whether the role allows it.
    package func may(_ permission: Permission) -> Bool {
        role.allows(permission)
    }

    func require(_ permission: Permission) throws(OperationError) {
        guard may(permission) else { throw .forbidden(permission) }
    }
}

/// One act under way: its transaction, its moment, and its entry in the audit log.
struct Act {
    let desk: Desk
    let actor: Actor
    let transaction: Transaction
    let now: Timestamp

    var connection: any Connection { transaction.connection }
    var organization: ID<Organization> { actor.organization }

    /// Writes the audit entry of this act (N8).
    func record(_ action: AuditEntry.Action, _ subject: String, _ details: [String: String] = [:]) throws {
        try AuditTable(connection).insert(
            AuditEntry(
                id: desk.nextAuditID(at: now), organization: organization, at: now, actor: actor.account,
                actorToken: actor.token, action: action, subject: subject, details: details))
    }
}

/// Why an operation did not happen; for the person or program that asked.
package enum OperationError: Error, Hashable, Sendable {
    /// No management token, or one that opens nothing.
    case unauthenticated
    /// The actor's role lacks that permission.
    case forbidden(Permission)
    /// There is no such thing in the actor's organization.
    case notFound(String)
    /// A field of the request is wrong; says which and what is expected.
    case invalid(field: String, String)
    /// The thing is not in a state that allows it; stable code and words.
    case conflict(code: String, String)
    /// The database does not answer. Trying again may help.
    case unavailable(String)
    /// A defect of this program; details are for its log.
    case defect(String)
}

/// A part of a listing.
package struct Page<Item: Sendable>: Sendable {
    package let items: [Item]
    /// What to hand in for the next part; `nil` at the end.
    package let next: String?

    /// Cuts a listing that was read with one item more than asked for.
    init(_ read: [Item], limit: Int, position: (Item) -> String) {
        items = Array(read.prefix(limit))
        next = read.count > limit ? items.last.map { Cursor.encode(position($0)) } : nil
    }
}

/// The opaque text of a place in a listing.
enum Cursor {
    static func encode(_ position: String) -> String {
        Data(position.utf8).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    static func decode(_ cursor: String?) throws(OperationError) -> String? {
        guard let cursor else { return nil }
        let padded = cursor.replacing("-", with: "+").replacing("_", with: "/")
        let padding = String(repeating: "=", count: (4 - padded.utf8.count % 4) % 4)
        guard cursor.utf8.count <= 200, let data = Data(base64Encoded: padded + padding) else {
            throw .invalid(field: "after", "is no cursor of this listing; hand in the `next` of the page before.")
        }
        return String(decoding: data, as: UTF8.self)
    }

    /// Reads a cursor that names an ordered id.
    static func orderedID<Subject>(_ cursor: String?) throws(OperationError) -> OrderedID<Subject>? {
        guard let position = try decode(cursor) else { return nil }
        guard let id = OrderedID<Subject>(position) else {
            throw .invalid(field: "after", "is no cursor of this listing; hand in the `next` of the page before.")
        }
        return id
    }

    /// Reads a cursor that names a public id.
    static func id<Subject>(_ cursor: String?) throws(OperationError) -> ID<Subject>? {
        guard let position = try decode(cursor) else { return nil }
        guard let id = ID<Subject>(position) else {
            throw .invalid(field: "after", "is no cursor of this listing; hand in the `next` of the page before.")
        }
        return id
    }
}

/// How long a page is when nobody says.
package let pageItemsDefault = 50

extension Limits {
    /// Checks how many items a page is to have.
    static func page(_ limit: Int?) throws(OperationError) -> Int {
        guard let limit else { return pageItemsDefault }
        guard pageItems.contains(limit) else {
            throw .invalid(field: "limit", "must be \(pageItems.lowerBound) to \(pageItems.upperBound).")
        }
        return limit
    }
}

extension Label {
    /// Reads a name from a request.
    static func name(_ text: String) throws(OperationError) -> Label {
        do {
            return try Label(name: text)
        } catch {
            throw error.operationError(field: "name")
        }
    }

    /// Reads a description from a request; none is empty.
    static func description(_ text: String?) throws(OperationError) -> Label {
        do {
            return try text.map { text throws(LabelError) in try Label(description: text) } ?? .empty
        } catch {
            throw error.operationError(field: "description")
        }
    }
}

extension LabelError {
    fileprivate func operationError(field: String) -> OperationError {
        switch self {
        case .length(let range):
            .invalid(field: field, "must have \(range.lowerBound) to \(range.upperBound) characters.")
        case .controlCharacter:
            .invalid(field: field, "must not hold control characters.")
        }
    }
}

extension LifecycleError {
    /// What the refused step of a life means to the one who asked for it.
    func operationError(_ noun: String) -> OperationError {
        switch self {
        case .isActive:
            .conflict(code: "\(noun)_active", "An active \(noun) can't be deleted. Deactivate it first.")
        case .isDeleted:
            .notFound(noun)
        }
    }
}
