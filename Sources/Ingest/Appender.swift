import Crypto
import Dispatch
import Domain
import Foundation
import Logging
import Storage
import Synchronization

/// A call that was admitted and waits to be kept.
package struct PendingCall: Sendable {
    let admission: Admission
    let head: CallHead
    let body: Data
    /// SHA-256 of the body, 32 bytes.
    let bodySHA256: Data

    package init(_ admission: Admission, head: CallHead, body: Data, bodySHA256: Data) {
        self.admission = admission
        self.head = head
        self.body = body
        self.bodySHA256 = bodySHA256
    }

    package init(_ admission: Admission, head: CallHead, body: Data) {
        self.init(admission, head: head, body: body, bodySHA256: Data(SHA256.hash(data: body)))
    }
}

/// What waits to be kept: a call of a webhook, or a report.
package enum Pending: Sendable {
    case call(PendingCall)
    // Out of line: it is larger, and calls, of which there are far more, would all be moved about at its size.
    indirect case report(PendingReport)

    var bodyBytes: Int {
        switch self {
        case .call(let call): call.body.count
        case .report(let report): report.bodyBytes
        }
    }

    var organization: ID<Organization> {
        switch self {
        case .call(let call): call.admission.organization
        case .report(let report): report.admission.token.organization
        }
    }

    fileprivate var isReport: Bool {
        if case .report = self { true } else { false }
    }

    fileprivate var hasQuota: Bool {
        switch self {
        case .call(let call): call.admission.dailyQuota != nil
        case .report(let report): report.admission.dailyQuota != nil
        }
    }

    /// See ``Store/basis``.
    fileprivate var basis: Int64? {
        switch self {
        case .call(let call): call.admission.basis
        case .report(let report): report.admission.basis
        }
    }

    var dailyQuota: Int64? {
        switch self {
        case .call(let call): call.admission.dailyQuota
        case .report(let report): report.admission.dailyQuota
        }
    }

    /// How it is refused whatever is in the way.
    fileprivate var lapse: Rejection? {
        if case .call(let call) = self { call.admission.lapse } else { nil }
    }
}

/// Calls that were handed over together, and whom to tell what became of each.
package struct PendingBatch: Sendable {
    let calls: [Pending]
    /// Called once, on the writer's thread, with an answer for each call in order. Must be quick.
    let done: @Sendable ([IngestAnswer]) -> Void

    package init(_ calls: [Pending], done: @escaping @Sendable ([IngestAnswer]) -> Void) {
        self.calls = calls
        self.done = done
    }
}

/// Keeps calls: those that wait together share one transaction and one flush to disk.
///
/// What is queued when the writer becomes free is committed at once; while it commits, the next group gathers. So a single call
/// waits for one flush, and a thousand calls for two at most. Only where the disk is slow does the writer wait a little for the
/// callers it has just answered, see ``Gathering``.
package final class Appender: Sendable {
    private let store: Store
    private let clock: any WallClock
    private let logger: Logger
    private let callsQueuedMax: Int
    private let activity: ActivityBook
    private let quota: QuotaBook
    private let queue = Mutex(Queue())
    private let heldWeightMax: Int64
    private let ids: OrderedIDs<Event>
    private let heldIDs: Mutex<OrderedIDSource>
    private let reportIDs: ReportIDs
    private let roster: Roster
    private let deliveryIDs: OrderedIDs<Delivery>
    private let onDue: @Sendable (Set<ID<Destination>>) -> Void

    private struct Queue {
        var batches: [PendingBatch] = []
        var callCount = 0
        var isWriterAsked = false
        var isOpen = true
        var gathering: Gathering?
        var gatherings = 0
        // Whether the last group could not be kept, which is said once.
        var isFailing = false

        /// Whether the writer should begin now.
        var isDue: Bool {
            !batches.isEmpty && !isWriterAsked && callCount >= gathering?.callsWanted ?? 0
        }
    }

    /// A short wait for a fuller group, worth it only where a flush costs more than all else.
    ///
    /// Callers who send their next call when they have the answer to the last fall into two groups that take turns, and each
    /// flush then serves half of them. Waiting until as many calls are there as were in play lets one flush serve all; the wait
    /// ends at half the time that the last flush took.
    struct Gathering {
        let number: Int
        let callsWanted: Int
        let timeMax: Duration

        /// - Parameters:
        ///   - kept: calls in the group that was just kept.
        ///   - waiting: calls that queued up meanwhile.
        ///   - times: how long the writer took for the group.
        /// - Returns: `nil` if waiting would not pay.
        init?(number: Int, kept: Int, waiting: Int, times: ThreadTimes) {
            guard kept >= 8, times.blocked >= .milliseconds(1), times.blocked >= times.busy else { return nil }
            self.number = number
            callsWanted = min(kept + waiting, Appender.groupCallsMax)
            timeMax = times.blocked / 2
        }
    }

    // One transaction takes at most this much, so that a flood cannot hold up people's changes.
    private static let groupCallsMax = 1024
    private static let groupBytesMax = 64 << 20

    package init(
        store: Store, clock: any WallClock, activity: ActivityBook, quota: QuotaBook, callsQueuedMax: Int,
        heldWeightMax: Int64, ids: OrderedIDs<Event>, lastHeldID: Int64, reportIDs: ReportIDs, roster: Roster,
        deliveryIDs: OrderedIDs<Delivery>, onDue: @escaping @Sendable (Set<ID<Destination>>) -> Void, logger: Logger
    ) {
        self.store = store
        self.clock = clock
        self.activity = activity
        self.quota = quota
        self.callsQueuedMax = callsQueuedMax
        self.logger = logger
        self.heldWeightMax = heldWeightMax
        self.ids = ids
        heldIDs = Mutex(OrderedIDSource(node: store.place.node.number, after: lastHeldID))
        self.reportIDs = reportIDs
        self.roster = roster
        self.deliveryIDs = deliveryIDs
        self.onDue = onDue
    }

    /// Queues calls. Their answers come after the commit; at once, if there is no room in the queue.
    package func submit(_ batch: PendingBatch) {
        let verdict: Rejection? = queue.withLock { queue in
            guard queue.isOpen else { return .stopping }
            guard queue.callCount + batch.calls.count <= callsQueuedMax else { return .overloaded }
            queue.batches.append(batch)
            queue.callCount += batch.calls.count
            return nil
        }
        if let verdict {
            batch.done(batch.calls.map { .refused($0.lapse ?? verdict) })
            return
        }
        askWriter()
    }

    /// Calls that wait or are being written.
    package var callsQueued: Int {
        queue.withLock { $0.callCount }
    }

    /// Takes no more calls; those queued are still kept and answered.
    package func close() {
        queue.withLock { $0.isOpen = false }
    }

    private func askWriter() {
        let isDue = queue.withLock { queue in
            guard queue.isDue else { return false }
            queue.isWriterAsked = true
            queue.gathering = nil
            return true
        }
        guard isDue else { return }
        let taken = Mutex<Group?>(nil)
        store.enqueueWrite(in: .calls) { [self] transaction in
            // The same calls again, if the database had the transaction rolled back for the sake of another.
            let group = taken.withLock { $0 } ?? Group(batches: takeGroup(), start: .now())
            taken.withLock { $0 = group }
            return try keep(group.batches.flatMap { $0.calls }, transaction)
        } done: { [self] result in
            // Without a transaction nothing was taken yet; those who wait must hear of it all the same.
            settle(taken.withLock { $0 } ?? Group(batches: takeGroup(), start: .now()), result)
        }
    }

    /// What one transaction takes.
    private struct Group {
        let batches: [PendingBatch]
        /// Where the writer's thread stood when it took them.
        let start: ThreadTimes
    }

    private func takeGroup() -> [PendingBatch] {
        queue.withLock { queue in
            var calls = 0
            var bytes = 0
            let end = queue.batches.firstIndex { batch in
                defer {
                    calls += batch.calls.count
                    for call in batch.calls { bytes += call.bodyBytes }
                }
                return calls >= Self.groupCallsMax || bytes >= Self.groupBytesMax
            }
            let group = Array(queue.batches[..<(end ?? queue.batches.endIndex)])
            queue.batches.removeFirst(group.count)
            return group
        }
    }

    /// What a transaction made of its calls.
    private struct Kept: Sendable {
        let answers: [IngestAnswer]
        /// Where something is due now.
        let due: Set<ID<Destination>>
    }

    /// What verdicts rest on that are made now.
    var basis: Int64? { store.basis }

    // Verdicts that rest on too old a memory hold if nothing has changed since (P5). The caller may try again when more is known.
    private func keep(_ calls: [Pending], _ transaction: Transaction) throws -> Kept {
        guard let oldest = calls.lazy.compactMap(\.basis).min() else { return try keepAll(calls, transaction) }
        let last = try store.lastChange(transaction.connection)
        guard oldest < last else { return try keepAll(calls, transaction) }
        let holds = calls.map { $0.basis.map { $0 >= last } ?? true }
        let kept = try keepAll(zip(calls, holds).filter(\.1).map(\.0), transaction)
        var answers = kept.answers[...]
        return Kept(
            answers: holds.map { $0 ? answers.popFirst() ?? .refused(.storageUnavailable) : .refused(.storageUnavailable) },
            due: kept.due)
    }

    private func keepAll(_ calls: [Pending], _ transaction: Transaction) throws -> Kept {
        let connection = transaction.connection
        let now = clock.now()
        let dedupe = DedupeTable(connection)
        var kept: [(event: Event, body: Data)] = []
        var counts: [ID<Organization>: Int64] = [:]
        var before: [ID<Organization>: Int64] = [:]
        kept.reserveCapacity(calls.count)
        var keeper = ReportKeeper(transaction, ids: reportIDs, now: now)
        // Another server may keep calls of the same organizations: all take what they share in the same order.
        if calls.contains(where: \.isReport) { try transaction.steer() }
        if store.dialect.isShared {
            for organization in Set(calls.lazy.filter(\.hasQuota).map(\.organization)).sorted(by: { $0.text < $1.text }) {
                _ = try accepted(in: organization, on: now.day, &before, connection)
            }
        }
        let claims = try claimKeys(of: calls, now, dedupe)
        var refused: Set<OrderedID<Event>> = []
        let answers: [IngestAnswer] = try calls.enumerated().map { place, pending in
            let call: PendingCall
            switch pending {
            case .call(let waiting): call = waiting
            case .report(let report):
                // Counted as calls are; the quota of the day is asked before, so that a refused report leaves nothing behind.
                let organization = pending.organization
                if let dailyQuota = report.admission.dailyQuota {
                    let used = try accepted(in: organization, on: now.day, &before, connection) + counts[organization, default: 0]
                    guard used < dailyQuota else { return .refused(.quotaUsedUp) }
                }
                let answer = try keeper.keep(report)
                if report.admission.dailyQuota != nil, case .reported(let receipt) = answer, receipt.isNew {
                    counts[organization, default: 0] += 1
                }
                return answer
            }
            let admission = call.admission
            if let lapse = admission.lapse { return try keepAside(call, lapse, now, connection) }
            let organization = admission.organization
            let claim = claims[place]
            let id = claim?.id ?? ids.next(at: now)
            if let claim, claim.holder != id {
                // It would be the repeat of a call that was just refused.
                return refused.contains(claim.holder) ? .refused(.quotaUsedUp) : .duplicate(claim.holder)
            }
            // Counted to the call, and in the same transaction, where a quota hangs on it; elsewhere the book catches up.
            if let dailyQuota = admission.dailyQuota {
                let used = try accepted(in: organization, on: now.day, &before, connection) + counts[organization, default: 0]
                guard used < dailyQuota else {
                    refused.insert(id)
                    return try refuseForQuota(call, claimedBy: id, dedupe)
                }
                counts[organization, default: 0] += 1
            }
            kept.append((call.event(id), call.body))
            return .accepted(id)
        }
        try EventTable(connection).insert(kept)
        // In the same transaction: an event without its deliveries would never go anywhere.
        let deliveries = deliveries(of: kept, now)
        if !deliveries.isEmpty { try DeliveryTable(connection).insert(deliveries) }
        try keeper.finish()
        for (organization, count) in counts {
            try UsageTable(connection).add(count, on: now.day, in: organization)
        }
        return Kept(answers: answers, due: Set(deliveries.lazy.filter { $0.state == .due }.map(\.destination)))
    }

    // Where other servers count as well, the database says how many there were, and they wait until this group is counted.
    private func accepted(
        in organization: ID<Organization>, on day: Int64, _ asked: inout [ID<Organization>: Int64], _ connection: any Connection
    ) throws -> Int64 {
        guard store.dialect.isShared else { return quota.accepted(in: organization, on: day) }
        if let known = asked[organization] { return known }
        let count = try UsageTable(connection).hold(on: day, in: organization)
        asked[organization] = count
        return count
    }

    // All of a group at once, in the order of the calls.
    private func claimKeys(
        of calls: [Pending], _ now: Timestamp, _ dedupe: DedupeTable
    ) throws -> [Int: (id: OrderedID<Event>, holder: OrderedID<Event>)] {
        var places: [Int] = []
        var claims: [DedupeTable.Claim] = []
        var drawn: [OrderedID<Event>] = []
        for (place, pending) in calls.enumerated() {
            guard case .call(let call) = pending, call.admission.lapse == nil, let key = call.admission.dedupeKey else {
                continue
            }
            let id = ids.next(at: now)
            places.append(place)
            drawn.append(id)
            claims.append(DedupeTable.Claim(key, of: call.admission.webhook, for: id))
        }
        if claims.isEmpty { return [:] }
        let holders = try dedupe.claim(claims, now: now)
        return Dictionary(zip(places, zip(drawn, holders).map { (id: $0, holder: $1) })) { first, _ in first }
    }

    private func deliveries(of kept: [(event: Event, body: Data)], _ now: Timestamp) -> [Delivery] {
        guard roster.hasRoutes else { return [] }
        return kept.flatMap { event, body in
            let source = OrderSource(event) { body }
            return roster.routes(of: event.webhook).map { $0.delivery(of: source, id: deliveryIDs.next(at: now), at: now) }
        }
    }

    private func keepAside(
        _ call: PendingCall, _ lapse: Rejection, _ now: Timestamp, _ connection: any Connection
    ) throws -> IngestAnswer {
        let id: OrderedID<HeldCall> = heldIDs.withLock { $0.next(at: now) }
        let isKept = try HeldTable(connection).insert(
            call.heldCall(id, lapse), body: call.body, weightMax: heldWeightMax)
        return isKept ? .held(lapse, id) : .refused(lapse)
    }

    private func refuseForQuota(
        _ call: PendingCall, claimedBy id: OrderedID<Event>, _ dedupe: DedupeTable
    ) throws -> IngestAnswer {
        if let key = call.admission.dedupeKey { try dedupe.release(key, of: call.admission.webhook, from: id) }
        return .refused(.quotaUsedUp)
    }

    private func settle(_ group: Group, _ result: Result<Kept, any Error>) {
        let times = ThreadTimes.now().since(group.start)
        let calls = group.batches.flatMap { $0.calls }
        switch result {
        case .success(let kept):
            if hasTurned(failing: false) { logger.notice("calls are kept again") }
            let now = clock.now()
            let answers = kept.answers
            if !kept.due.isEmpty { onDue(kept.due) }
            quota.add(zip(calls, answers), on: now.day)
            activity.note(zip(calls, answers), at: now)
            var rest = answers[...]
            for batch in group.batches {
                batch.done(Array(rest.prefix(batch.calls.count)))
                rest = rest.dropFirst(batch.calls.count)
            }
        case .failure(let error):
            // Nothing of this group is on disk, so nobody is told that it is.
            if hasTurned(failing: true) {
                logger.error("calls cannot be kept", metadata: ["calls": "\(calls.count)", "error": "\(error)"])
            }
            let rejection: Rejection = (error as? StorageError) == .full ? .diskNearlyFull : .storageUnavailable
            for batch in group.batches { batch.done(batch.calls.map { .refused($0.lapse ?? rejection) }) }
        }
        let gathering = queue.withLock { queue in
            queue.callCount -= calls.count
            queue.isWriterAsked = false
            queue.gatherings += 1
            queue.gathering = Gathering(
                number: queue.gatherings, kept: calls.count, waiting: queue.callCount, times: times)
            return queue.gathering
        }
        if let gathering { end(gathering) }
        askWriter()
    }

    // Whether it was otherwise before.
    private func hasTurned(failing: Bool) -> Bool {
        queue.withLock { queue in
            defer { queue.isFailing = failing }
            return queue.isFailing != failing
        }
    }

    private func end(_ gathering: Gathering) {
        let (seconds, attoseconds) = gathering.timeMax.components
        let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(Int(clamping: nanoseconds))) { [self] in
            queue.withLock { queue in
                if queue.gathering?.number == gathering.number { queue.gathering = nil }
            }
            askWriter()
        }
    }
}

/// The time of a thread: how long it was busy, how long it stood still.
struct ThreadTimes {
    let busy: Duration
    let blocked: Duration

    /// Where the clocks of the calling thread stand.
    static func now() -> ThreadTimes {
        let wall = read(CLOCK_MONOTONIC)
        let busy = read(CLOCK_THREAD_CPUTIME_ID)
        return ThreadTimes(busy: busy, blocked: wall - busy)
    }

    /// What passed on the same thread since then.
    func since(_ earlier: ThreadTimes) -> ThreadTimes {
        ThreadTimes(busy: busy - earlier.busy, blocked: blocked - earlier.blocked)
    }

    private static func read(_ clock: clockid_t) -> Duration {
        var time = timespec()
        clock_gettime(clock, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}

extension PendingCall {
    fileprivate func heldCall(_ id: OrderedID<HeldCall>, _ lapse: Rejection) -> HeldCall {
        HeldCall(
            id: id, organization: admission.organization, webhook: admission.webhook, token: admission.token,
            owner: admission.owner, receivedAt: head.receivedAt, cause: lapse.cause, causeAt: lapse.causeAt,
            remoteAddress: head.remoteAddress, query: head.query, contentType: admission.contentType,
            headersText: head.headers.keptText, context: admission.context, basicUser: admission.basicUser,
            dedupeKey: admission.dedupeKey, bodyBytes: Int64(body.count), bodySHA256: bodySHA256)
    }

    fileprivate func event(_ id: OrderedID<Event>) -> Event {
        Event(
            id: id, organization: admission.organization, webhook: admission.webhook, token: admission.token,
            receivedAt: head.receivedAt, remoteAddress: head.remoteAddress, query: head.query,
            contentType: admission.contentType, headersText: head.headers.keptText, context: admission.context,
            basicUser: admission.basicUser, bodyBytes: Int64(body.count), bodySHA256: bodySHA256)
    }
}
