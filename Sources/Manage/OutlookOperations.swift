import Domain
import Storage
import Synchronization

/// What will stop by itself, and the warnings about it (N4).
package final class OutlookOperations: Sendable {
    private let desk: Desk
    private let ids: Mutex<OrderedIDSource>
    private static let daysDefault = 30

    package init(_ desk: Desk) async throws {
        self.desk = desk
        let last = try await desk.read { try WarningTable($0).lastNumber() }
        ids = Mutex(OrderedIDSource(node: desk.store.place.node.number, after: last))
    }

    /// What will stop within that many days, the soonest first.
    package func list(days: Int?, _ actor: Actor) async throws -> (items: [OutlookItem], now: Timestamp) {
        let days = days ?? Self.daysDefault
        guard Limits.outlookDays.contains(days) else {
            throw OperationError.invalid(
                field: "days", "must be \(Limits.outlookDays.lowerBound) to \(Limits.outlookDays.upperBound).")
        }
        let now = desk.clock.now()
        let end = now.adding(.days(Int64(days)))
        return try await desk.look(actor, .readAccounts) { connection in
            guard let organization = try OrganizationTable(connection).find(actor.organization) else {
                throw OperationError.notFound("organization")
            }
            return (try Self.items(of: organization, now: now, until: end, connection), now)
        }
    }

    /// Warnings that were given, newest first.
    package func warnings(after: String?, limit: Int?, _ actor: Actor) async throws -> Page<Warning> {
        let limit = try Limits.page(limit)
        let before: OrderedID<Warning>? = try Cursor.orderedID(after)
        return try await desk.look(actor, .readAccounts) { connection in
            let read = try WarningTable(connection).list(in: actor.organization, before: before, limit: limit + 1)
            return Page(read, limit: limit) { $0.id.text }
        }
    }

    /// Gives the warnings that are due now, in all organizations. Safe to repeat: none is given twice.
    ///
    /// - Returns: the new ones.
    package func warn() async throws -> [Warning] {
        let now = desk.clock.now()
        // Looked for beside the writer, so that callers need not wait for it.
        let due = try await desk.read { connection in
            try OrganizationTable(connection).all().map { organization in
                let items = try Self.items(of: organization, now: now, until: now.adding(.days(15)), connection)
                return (organization.id, items.filter { $0.warningMark(at: now) != nil })
            }
        }
        guard due.contains(where: { !$0.1.isEmpty }) else { return [] }
        return try await desk.write { [self] transaction in
            try due.flatMap { organization, items -> [Warning] in
                try items.compactMap { item in
                    guard let mark = item.warningMark(at: now) else { return nil }
                    let warning = Warning(
                        id: ids.withLock { $0.next(at: now) }, organization: organization, at: now, kind: item.kind,
                        subject: item.subject, name: item.name, dueAt: item.at, mark: mark)
                    return try WarningTable(transaction.connection).insert(warning) ? warning : nil
                }
            }
        }
    }

    /// Gives a warning of something that has happened, inside the transaction in which it does.
    func warn(
        of kind: OutlookItem.Kind, _ subject: String, _ name: Label, in organization: ID<Organization>, at now: Timestamp,
        _ connection: any Connection
    ) throws {
        let warning = Warning(
            id: ids.withLock { $0.next(at: now) }, organization: organization, at: now, kind: kind, subject: subject, name: name,
            dueAt: now, mark: 0)
        _ = try WarningTable(connection).insert(warning)
    }

    /// Warnings of the last week that nobody took yet, of each organization so many, oldest first.
    package func undelivered(ofEach limit: Int) async throws -> [ID<Organization>: [Warning]] {
        let oldest = OrderedID<Warning>.first(at: desk.clock.now().adding(.days(-7)))
        return try await desk.read { try WarningTable($0).undelivered(since: oldest, ofEach: limit) }
    }

    package func noteDelivery(of warning: Warning) async throws {
        let now = desk.clock.now()
        try await desk.write { try WarningTable($0.connection).noteDelivery(of: warning.id, at: now) }
    }

    /// Where the warnings of an organization go, with its secret variables filled in; to be used at once and thrown away.
    package struct Address: Sendable {
        package let url: String
        package let headers: [String: String]
        /// Takes the values out of whatever is to be logged.
        package let redactor: Redactor
    }

    /// The address of an organization's own; `nil` if it has none.
    ///
    /// - Throws: ``SecretTemplateError/missing(_:)`` if a variable is not there.
    package func address(of organization: ID<Organization>) async throws -> Address? {
        try await desk.read { [desk] connection in
            guard let notification = try OrganizationTable(connection).find(organization)?.notification else { return nil }
            let values = try SecretVariableOperations.values(
                of: notification.names, in: organization, desk.keys.ring, connection)
            return Address(
                url: try notification.url.resolved { values[$0] },
                headers: try notification.headers.mapValues { try $0.resolved { values[$0] } },
                redactor: Redactor(Array(values.values)))
        }
    }

    private static func items(
        of organization: Organization, now: Timestamp, until end: Timestamp, _ connection: any Connection
    ) throws -> [OutlookItem] {
        let tokens = try TokenTable(connection).list(in: organization.id, after: nil, limit: .max)
        let members = try AccountTable(connection).list(in: organization.id, after: nil, limit: .max)
        let items =
            try lapses(of: members, tokens, organization.inactivity)
            + tokens.flatMap { expiry(of: $0.token) + overlaps(of: $0, now) }
            + activations(of: organization.id, now: now, until: end, connection)
        return items.filter { $0.at > now && $0.at <= end }
            .sorted { ($0.at, $0.subject, $0.kind.rawValue) < ($1.at, $1.subject, $1.kind.rawValue) }
    }

    private static func lapses(
        of members: [AccountTable.Member], _ tokens: [TokenTable.Entry], _ rule: InactivityRule
    ) -> [OutlookItem] {
        let active = tokens.map(\.token).filter(\.state.isActive)
        let byOwner = Dictionary(grouping: active, by: \.owner)
        return members.compactMap { member in
            guard member.membership.state.isActive,
                let at = rule.lapse(afterActivityAt: member.membership.lastActivityAt)
            else { return nil }
            return OutlookItem(
                at: at, kind: .accountLapses, subject: member.account.id.text, name: member.account.name,
                owner: member.account.id, tokens: byOwner[member.account.id, default: []].map(\.id),
                activeAt: member.membership.lastActivityAt)
        }
    }

    private static func expiry(of token: Token) -> [OutlookItem] {
        guard token.state.isActive, let at = token.expiresAt else { return [] }
        return [
            OutlookItem(
                at: at, kind: .tokenExpires, subject: token.id.text, name: token.name, owner: token.owner, tokens: [token.id])
        ]
    }

    private static func activations(
        of organization: ID<Organization>, now: Timestamp, until end: Timestamp, _ connection: any Connection
    ) throws -> [OutlookItem] {
        let table = IntegrationTable(connection)
        return try table.expiring(in: organization, from: now, to: end).compactMap { token in
            guard let at = token.expiresAt, let credential = try table.find(token.credential, in: organization) else {
                return nil
            }
            return OutlookItem(
                at: at, kind: .activationExpires, subject: token.id.text, name: credential.name, owner: nil, tokens: [],
                activeAt: token.createdAt)
        }
    }

    private static func overlaps(of entry: TokenTable.Entry, _ now: Timestamp) -> [OutlookItem] {
        let token = entry.token
        guard token.state.isActive, let at = entry.secrets.compactMap(\.endsAt).filter({ $0 > now }).min() else { return [] }
        return [
            OutlookItem(
                at: at, kind: .overlapEnds, subject: token.id.text, name: token.name, owner: token.owner, tokens: [token.id])
        ]
    }
}
