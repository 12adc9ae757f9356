import Deliver
import Domain
import Foundation
import Storage
import Synchronization

/// What every operation works with: the store, the clock, the keys, and the audit log.
package final class Desk: Sendable {
    package let store: Store
    package let clock: any WallClock
    package let keys: KeyCabinet
    /// Where callers reach ingest, without a slash at the end: `http://127.0.0.1:8080`.
    package let ingestURL: String
    /// Where people reach the admin listener, without a slash at the end.
    package let adminURL: String
    /// Shared with ingest: who follows along goes by the order of events, whichever way they came.
    package let eventIDs: OrderedIDs<Event>
    /// Shared with ingest and replays.
    package let deliveryIDs: OrderedIDs<Delivery>
    /// Rings when something is due.
    package let bell = DeliveryBell()
    let passwords: Passwords
    /// Wrong passwords of people who are signed in already and are asked once more, by account.
    let passwordProofs = Throttle()
    /// Refused looks at secrets, by account: the audit log must not grow as fast as somebody can ask.
    let refusedLooks = Throttle()
    let replayIDs: OrderedIDs<Replay>
    private let auditIDs: Mutex<OrderedIDSource>
    private let auditRoot = Mutex<Data?>(nil)
    private let settling = Mutex<(@Sendable () async -> Void)?>(nil)

    /// Hands over how uses that are still in memory are written down.
    package func onSettle(_ work: @escaping @Sendable () async -> Void) {
        settling.withLock { $0 = work }
    }

    /// - Parameter passwordCost: what people's passwords are hashed with; only a test gives another than the standard one.
    package init(
        store: Store, clock: any WallClock, keys: KeyCabinet, ingestURL: String,
        adminURL: String = "http://127.0.0.1:8081", passwordCost: Passwords.Cost = .standard
    ) async throws {
        self.store = store
        self.clock = clock
        self.keys = keys
        self.ingestURL = ingestURL
        self.adminURL = adminURL
        passwords = Passwords(cost: passwordCost)
        let (lastEntry, lastEvent) = try await store.read {
            (try AuditTable($0).lastNumber(), try EventTable($0).lastNumber())
        }
        let (lastDelivery, lastReplay) = try await store.read {
            (try DeliveryTable($0).lastNumber(), try ReplayTable($0).lastNumber())
        }
        let node = store.place.node
        auditIDs = Mutex(OrderedIDSource(node: node.number, after: lastEntry))
        eventIDs = OrderedIDs(node: node, after: lastEvent)
        deliveryIDs = OrderedIDs(node: node, after: lastDelivery)
        replayIDs = OrderedIDs(node: node, after: lastReplay)
    }

    /// Does one act: checks the permission, then runs one transaction that also writes the audit entry.
    ///
    /// - Throws: ``OperationError``; nothing is changed then.
    func act<Answer: Sendable>(
        _ actor: Actor, _ permission: Permission,
        _ work: @escaping @Sendable (Act) throws -> Answer
    ) async throws -> Answer {
        try actor.require(permission)
        return try await write { transaction in
            let now = self.clock.now()
            let actor = try actor.lookedAtAgain(now, transaction.connection)
            try actor.require(permission)
            return try work(Act(desk: self, actor: actor, transaction: transaction, now: now))
        }
    }

    /// Reads for an actor who is about to judge by what was used (N5): uses that are still in memory are written down first.
    func lookAtUses<Answer: Sendable>(
        _ actor: Actor, _ permission: Permission,
        _ work: @escaping @Sendable (any Connection) throws -> Answer
    ) async throws -> Answer {
        try actor.require(permission)
        await settling.withLock { $0 }?()
        return try await look(actor, permission, work)
    }

    /// Reads for an actor, after checking the permission.
    func look<Answer: Sendable>(
        _ actor: Actor, _ permission: Permission,
        _ work: @escaping @Sendable (any Connection) throws -> Answer
    ) async throws -> Answer {
        try actor.require(permission)
        return try await read { connection in
            try actor.lookedAtAgain(self.clock.now(), connection).require(permission)
            return try work(connection)
        }
    }

    /// Runs a transaction in which nobody acts who is known yet.
    func write<Answer: Sendable>(_ work: @escaping @Sendable (Transaction) throws -> Answer) async throws -> Answer {
        try await reporting { try await store.write(work) }
    }

    /// Reads without an actor.
    func read<Answer: Sendable>(_ work: @escaping @Sendable (any Connection) throws -> Answer) async throws -> Answer {
        try await reporting { try await store.read(work) }
    }

    /// Before which id no event appears any more: servers that share a database commit in another order than they draw ids.
    func settledEvents() async throws -> OrderedID<Event> {
        let longest = try await read { try EventTable($0).longestUnsettled() }
        let others = store.place.hasOthers ? Self.clocksApart : nil
        guard longest != nil || others != nil else { return OrderedID(number: .max) }
        let span = Interval(microseconds: (longest?.microseconds ?? 0) + (others?.microseconds ?? 0))
        return .first(at: clock.now().adding(span.negated))
    }

    /// Drops a part of a table; in vain if somebody reads there for long, and then the next sweep tries again.
    func hasDropped(_ part: PartTable.Part) async throws -> Bool {
        do {
            try await write { try PartTable($0.connection).drop(part) }
            return true
        } catch OperationError.unavailable {
            return false
        }
    }

    // By how much the clocks of servers that share a database are apart at most; each goes by the database's.
    private static let clocksApart = Interval(microseconds: 250_000)

    /// The address callers post to.
    func url(of webhook: ID<Webhook>) -> String {
        "\(ingestURL)/in/\(webhook.text)"
    }

    /// Writes an entry behind the last one of its organization's audit log (N8), inside the transaction of the act.
    func record(
        _ action: AuditEntry.Action, _ subject: String, _ details: [String: String], in organization: ID<Organization>,
        by actor: ID<Account>?, with token: ID<Token>?, at now: Timestamp, _ connection: any Connection
    ) throws {
        let entry = AuditEntry(
            id: auditIDs.withLock { $0.next(at: now) }, organization: organization, at: now, actor: actor,
            actorToken: token, action: action, subject: subject, details: details)
        try AuditTable(connection).append(entry, key: auditKey(of: organization, connection))
    }

    /// The key that an organization's audit log is written under.
    func auditKey(of organization: ID<Organization>, _ connection: any Connection) throws -> AuditKey {
        AuditKey(root: try auditRoot(connection), organization: organization)
    }

    /// Links entries that were written before there was a chain; does nothing from the second start on.
    package func adoptAuditLog() async throws {
        while try await store.write({ [self] transaction in
            try AuditTable(transaction.connection).adopt(limit: 1000) { organization throws(StorageError) in
                do {
                    return try auditKey(of: organization, transaction.connection)
                } catch {
                    throw (error as? StorageError) ?? .unreadable("\(error)")
                }
            }
        }) > 0 {}
    }

    static let auditRootPurpose = "installation/audit-root"

    private func auditRoot(_ connection: any Connection) throws -> Data {
        if let root = auditRoot.withLock({ $0 }) { return root }
        let table = InstallationTable(connection)
        let root: Data
        if let sealed = try table.value(.auditRoot) {
            guard let opened = keys.ring.open(SealedText(bytes: sealed), for: Self.auditRootPurpose) else {
                throw StorageError.unreadable("the audit key cannot be opened with these master keys")
            }
            root = opened
        } else {
            root = MasterKey.random(number: 1).bytes
            try table.set(.auditRoot, try keys.ring.seal(root, for: Self.auditRootPurpose).bytes)
            // Not kept at hand yet: the transaction may still be rolled back.
            return root
        }
        auditRoot.withLock { $0 = root }
        return root
    }

    /// Says what an error of the store means to who asked.
    func reporting<Answer>(_ body: () async throws -> Answer) async throws -> Answer {
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
    /// The management token that speaks for the account; `nil` in a session and for Inlet's own rules.
    package let token: ID<Token>?
    package let session: ID<Session>?
    /// Whether the organization is the one that was made first, whose owners steer the whole server.
    package let isAtHome: Bool

    package init(
        organization: ID<Organization>, account: ID<Account>, role: Role, token: ID<Token>?, session: ID<Session>? = nil,
        isAtHome: Bool = false
    ) {
        self.organization = organization
        self.account = account
        self.role = role
        self.token = token
        self.session = session
        self.isAtHome = isAtHome
    }

    /// Whether the role allows it.
    package func may(_ permission: Permission) -> Bool {
        role.allows(permission) && (permission != .manageInstallation || isAtHome)
    }

    /// What the role allows, in the order of the list.
    package var permissions: [Permission] {
        Permission.allCases.filter { may($0) }
    }

    /// - Throws: ``OperationError/forbidden(_:)`` unless the role allows it.
    package func require(_ permission: Permission) throws(OperationError) {
        guard may(permission) else { throw .forbidden(permission) }
    }
}

extension Actor {
    /// The actor as of now, inside the transaction that acts: a request takes time to come in, and meanwhile its sender may have been
    /// demoted, blocked or removed, or the token or session ended.
    ///
    /// - Throws: ``OperationError/unauthenticated`` if nobody speaks for the account any more.
    fileprivate func lookedAtAgain(_ now: Timestamp, _ connection: any Connection) throws -> Actor {
        if let token {
            guard let found = try TokenTable(connection).find(token, in: organization)?.token, found.state.isActive,
                found.expiresAt.map({ $0 > now }) ?? false
            else { throw OperationError.unauthenticated }
        } else if let session {
            guard let found = try SessionTable(connection).find(session), found.endsAt > now else {
                throw OperationError.unauthenticated
            }
        } else {
            // Inlet itself, at its installation.
            return self
        }
        guard let membership = try AccountTable(connection).find(account, in: organization)?.membership, membership.mayAct
        else { throw OperationError.unauthenticated }
        return Actor(
            organization: organization, account: account, role: membership.role, token: token, session: session,
            isAtHome: isAtHome)
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
        try desk.record(
            action, subject, details, in: organization, by: actor.account, with: actor.token, at: now, connection)
    }
}

/// Why an operation did not happen; for the person or program that asked.
package enum OperationError: Error, Sendable {
    /// No management token, or one that opens nothing.
    case unauthenticated
    /// The actor's role lacks that permission.
    case forbidden(Permission)
    /// A management token is no proof that a person looks; it lacks the scope `reveal` (E7).
    case lacksScope
    /// There is no such thing in the actor's organization.
    case notFound(String)
    /// A field of the request is wrong; says which and what is expected.
    case invalid(field: String, String)
    /// The thing is not in a state that allows it; stable code and words.
    case conflict(code: String, String)
    /// The account has tokens (D9).
    case accountHasTokens([TokenTable.Entry])
    /// The secret variable is used; says where (E11).
    case variableInUse([String])
    /// The login, the password or the code is wrong; stable code.
    case signInFailed(code: String, String)
    /// Too many attempts; seconds until the next one counts.
    case tooManyAttempts(seconds: Int64)
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

    /// How long a request may wait for something to come.
    static let waitSeconds = 0...25
    /// How often is looked whether it is there.
    static let waitStep = Duration.milliseconds(200)

    /// Checks how long a request is to wait; not at all when nobody says.
    static func wait(_ seconds: Int?) throws(OperationError) -> Int {
        guard let seconds else { return waitSeconds.lowerBound }
        guard waitSeconds.contains(seconds) else {
            throw .invalid(field: "wait_seconds", "must be \(waitSeconds.lowerBound) to \(waitSeconds.upperBound).")
        }
        return seconds
    }
}

extension Label {
    /// Reads a name from a request.
    static func name(_ text: String, field: String = "name") throws(OperationError) -> Label {
        do {
            return try Label(name: text)
        } catch {
            throw error.operationError(field: field)
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
