import Deliver
import Domain
import Storage

/// Calls kept aside because a known token or its owner had lapsed (N3).
package struct HeldOperations: Sendable {
    private let desk: Desk
    /// How long a call is kept aside.
    package let keep: Interval
    // How much all held calls of an organization may weigh; `nil` if nobody says.
    private let weightMax: Int64?
    // One transaction moves at most this much, so that callers need not wait long behind it.
    private static let callsPerStep = 100
    private static let bytesPerStep: Int64 = 32 << 20
    private static let idsMax = 500

    /// - Parameter weightMax: how much room held calls may take in each organization, in bytes.
    package init(_ desk: Desk, keep: Interval, weightMax: Int64? = nil) {
        self.desk = desk
        self.keep = keep
        self.weightMax = weightMax
    }

    /// How much room the held calls of the organization take, and may take, in bytes.
    package func room(_ actor: Actor) async throws -> (used: Int64, max: Int64?) {
        try await desk.look(actor, .readCalls) { [weightMax] connection in
            (try HeldTable(connection).weight(in: actor.organization), weightMax)
        }
    }

    /// A held call, and what is to be known about it.
    package struct Shown: Sendable {
        package let call: HeldCall
        package let tokenName: Label?
        /// When it is dropped if nobody releases it.
        package let dropsAt: Timestamp
        /// Whether what it was refused for has been put right.
        package let canRelease: Bool
    }

    /// Which calls to release.
    package enum Selection: Sendable {
        case ids([String])
        case all(webhook: String?, token: String?)
    }

    /// What a release did.
    package struct Report: Sendable {
        package var released = 0
        /// Calls whose dedupe key stands for an event that is there already; they are dropped.
        package var duplicates = 0
        /// Calls that stay, for what they were refused for has not been put right.
        package var stillLapsed = 0
        /// The new events, at most 500 of them.
        package var events: [OrderedID<Event>] = []
    }

    /// Held calls, oldest first.
    package func list(
        webhook: String?, token: String?, after: String?, limit: Int?, _ actor: Actor
    ) async throws -> Page<Shown> {
        let limit = try Limits.page(limit)
        let after: OrderedID<HeldCall>? = try Cursor.orderedID(after)
        let now = desk.clock.now()
        return try await desk.look(actor, .readCalls) { [keep] connection in
            let filter = try Self.filter(webhook: webhook, token: token, in: actor.organization, connection)
            let read = try HeldTable(connection).list(in: actor.organization, filter, after: after, limit: limit + 1)
            let names = try TokenTable(connection).names(of: Set(read.map(\.token)), in: actor.organization)
            let shown = try read.map { call in
                Shown(
                    call: call, tokenName: names[call.token], dropsAt: call.receivedAt.adding(keep),
                    canRelease: try Self.isPutRight(call, now, connection))
            }
            return Page(shown, limit: limit) { $0.call.id.text }
        }
    }

    /// Makes held calls events, with their original receive time.
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `still_lapsed` if a call named by its id can't be released yet; then none is.
    package func release(_ selection: Selection, _ actor: Actor) async throws -> Report {
        defer { desk.bell.ring() }
        switch selection {
        case .ids(let ids):
            guard (1...Self.idsMax).contains(ids.count) else {
                throw OperationError.invalid(field: "ids", "must name 1 to \(Self.idsMax) held calls.")
            }
            return try await desk.act(actor, .releaseCalls) { act in
                let calls = try Set(ids).sorted().map { id in
                    guard let id = OrderedID<HeldCall>(id),
                        let call = try HeldTable(act.connection).find(id, in: act.organization)
                    else { throw OperationError.notFound("held call") }
                    return call
                }
                for call in calls where try !Self.isPutRight(call, act.now, act.connection) {
                    throw OperationError.conflict(
                        code: "still_lapsed",
                        "\(call.id.text) was refused for \(call.cause), and that still holds. Put it right first.")
                }
                return try Self.release(calls, act)
            }
        case .all(let webhook, let token):
            return try await releaseAll(webhook: webhook, token: token, actor)
        }
    }

    private func releaseAll(webhook: String?, token: String?, _ actor: Actor) async throws -> Report {
        var sum = Report()
        var position: OrderedID<HeldCall>? = nil
        var isAtEnd = false
        while !isAtEnd {
            let start = position
            let (report, last) = try await desk.act(actor, .releaseCalls) { act in
                let filter = try Self.filter(webhook: webhook, token: token, in: act.organization, act.connection)
                let found = try HeldTable(act.connection).list(
                    in: act.organization, filter, after: start, limit: Self.callsPerStep)
                let calls = Self.step(found)
                let ready = try calls.filter { try Self.isPutRight($0, act.now, act.connection) }
                var report = try Self.release(ready, act)
                report.stillLapsed = calls.count - ready.count
                return (report, calls.last?.id)
            }
            sum.released += report.released
            sum.duplicates += report.duplicates
            sum.stillLapsed += report.stillLapsed
            sum.events += report.events.prefix(Self.idsMax - sum.events.count)
            position = last
            isAtEnd = last == nil
        }
        return sum
    }

    // As many as fit into one step, and one at least.
    private static func step(_ found: [HeldCall]) -> [HeldCall] {
        var bytes: Int64 = 0
        let end = found.firstIndex { call in
            bytes += call.bodyBytes
            return bytes > bytesPerStep
        }
        return Array(found.prefix(max(1, end ?? found.count)))
    }

    private static func release(_ calls: [HeldCall], _ act: Act) throws -> Report {
        var report = Report()
        let table = HeldTable(act.connection)
        try EventTable(act.connection).noteKeeping()
        for call in calls {
            let id = act.desk.eventIDs.next(at: act.now)
            let isNew = try call.dedupeKey.map {
                try DedupeTable(act.connection).claim($0, of: call.webhook, for: id, now: act.now) == id
            }
            if isNew ?? true {
                try EventTable(act.connection).insert(id, released: call.id, at: act.now)
                try send(id, act)
                report.released += 1
                report.events.append(id)
            } else {
                report.duplicates += 1
            }
            try table.drop(call)
        }
        guard !calls.isEmpty else { return report }
        try UsageTable(act.connection).add(Int64(report.released), on: act.now.day, in: act.organization)
        try act.record(
            .heldRelease, calls.count == 1 ? calls[0].id.text : act.organization.text,
            ["released": "\(report.released)", "duplicates": "\(report.duplicates)"])
        return report
    }

    // Released calls go the way of all events.
    private static func send(_ id: OrderedID<Event>, _ act: Act) throws {
        guard let event = try EventTable(act.connection).find(id, in: act.organization) else { return }
        let source = OrderSource(event) { try EventTable(act.connection).body(of: id, in: act.organization)?.bytes }
        let deliveries = try FlowRoute.read(event.webhook, act.connection).map {
            $0.delivery(of: source, id: act.desk.deliveryIDs.next(at: act.now), at: act.now)
        }
        try DeliveryTable(act.connection).insert(deliveries)
    }

    /// Whether a call would be taken now: its token and the owner it has now are active, and the token has not expired.
    private static func isPutRight(_ call: HeldCall, _ now: Timestamp, _ connection: any Connection) throws -> Bool {
        guard let token = try TokenTable(connection).find(call.token, in: call.organization)?.token, token.state.isActive,
            token.expiresAt.map({ $0 > now }) ?? true,
            let owner = try AccountTable(connection).find(token.owner, in: call.organization)
        else { return false }
        return owner.membership.state.isActive
    }

    private static func filter(
        webhook: String?, token: String?, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> HeldTable.Filter {
        HeldTable.Filter(
            webhook: try webhook.map { try WebhookOperations.find($0, in: organization, connection).id },
            token: try token.map { try TokenOperations.id($0) })
    }
}
