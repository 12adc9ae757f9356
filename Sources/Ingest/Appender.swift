import Crypto
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

/// Calls that were handed over together, and whom to tell what became of each.
package struct PendingBatch: Sendable {
    let calls: [PendingCall]
    /// Called once, on the writer's thread, with an answer for each call in order. Must be quick.
    let done: @Sendable ([IngestAnswer]) -> Void

    package init(calls: [PendingCall], done: @escaping @Sendable ([IngestAnswer]) -> Void) {
        self.calls = calls
        self.done = done
    }
}

/// Keeps calls: those that wait together share one transaction and one flush to disk.
///
/// There is no waiting window. What is queued when the writer becomes free is committed at once; while it commits, the next
/// group gathers. So a single call waits for one flush, and a thousand calls for two at most.
package final class Appender: Sendable {
    private let store: Store
    private let clock: any WallClock
    private let logger: Logger
    private let callsQueuedMax: Int
    private let activity: ActivityBook
    private let quota: QuotaBook
    private let queue = Mutex(Queue())
    private let ids: Mutex<OrderedIDSource>

    private struct Queue {
        var batches: [PendingBatch] = []
        var callCount = 0
        var isWriterAsked = false
        var isOpen = true
    }

    // One transaction takes at most this much, so that a flood cannot hold up people's changes.
    private static let groupCallsMax = 1024
    private static let groupBytesMax = 64 << 20

    package init(
        store: Store, clock: any WallClock, activity: ActivityBook, quota: QuotaBook, callsQueuedMax: Int, lastID: Int64,
        logger: Logger
    ) {
        self.store = store
        self.clock = clock
        self.activity = activity
        self.quota = quota
        self.callsQueuedMax = callsQueuedMax
        self.logger = logger
        ids = Mutex(OrderedIDSource(after: lastID))
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
            batch.done(batch.calls.map { _ in .refused(verdict) })
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
        let isAlreadyAsked = queue.withLock { queue in
            defer { queue.isWriterAsked = true }
            return queue.isWriterAsked || queue.batches.isEmpty
        }
        if isAlreadyAsked { return }
        let group = Mutex<[PendingBatch]?>(nil)
        store.enqueueWrite { [self] transaction in
            let batches = takeGroup()
            group.withLock { $0 = batches }
            return try keep(batches.flatMap(\.calls), transaction.connection)
        } done: { [self] result in
            // Without a transaction nothing was taken yet; those who wait must hear of it all the same.
            settle(group.withLock { $0 } ?? takeGroup(), result)
        }
    }

    private func takeGroup() -> [PendingBatch] {
        queue.withLock { queue in
            var calls = 0
            var bytes = 0
            let end = queue.batches.firstIndex { batch in
                defer {
                    calls += batch.calls.count
                    bytes += batch.calls.reduce(0) { $0 + $1.body.count }
                }
                return calls >= Self.groupCallsMax || bytes >= Self.groupBytesMax
            }
            let group = Array(queue.batches[..<(end ?? queue.batches.endIndex)])
            queue.batches.removeFirst(group.count)
            return group
        }
    }

    private func keep(_ calls: [PendingCall], _ connection: any Connection) throws -> [IngestAnswer] {
        let now = clock.now()
        let dedupe = DedupeTable(connection)
        var kept: [(event: Event, body: Data)] = []
        var counts: [ID<Organization>: Int64] = [:]
        kept.reserveCapacity(calls.count)
        let answers: [IngestAnswer] = try calls.map { call in
            let admission = call.admission
            let organization = admission.organization
            let id: OrderedID<Event> = ids.withLock { $0.next(at: now) }
            if let key = admission.dedupeKey {
                let holder = try dedupe.claim(key, of: admission.webhook, for: id, now: now)
                if holder != id { return .duplicate(holder) }
            }
            if let dailyQuota = admission.dailyQuota {
                let used = quota.accepted(in: organization, on: now.day) + counts[organization, default: 0]
                guard used < dailyQuota else {
                    return try refuseForQuota(call, claimedBy: id, dedupe)
                }
            }
            counts[organization, default: 0] += 1
            kept.append((call.event(id), call.body))
            return .accepted(id)
        }
        try EventTable(connection).insert(kept)
        for (organization, count) in counts {
            try UsageTable(connection).add(count, on: now.day, in: organization)
        }
        return answers
    }

    private func refuseForQuota(
        _ call: PendingCall, claimedBy id: OrderedID<Event>, _ dedupe: DedupeTable
    ) throws -> IngestAnswer {
        if let key = call.admission.dedupeKey { try dedupe.release(key, of: call.admission.webhook, from: id) }
        return .refused(.quotaUsedUp)
    }

    private func settle(_ group: [PendingBatch], _ result: Result<[IngestAnswer], any Error>) {
        let calls = group.reduce(0) { $0 + $1.calls.count }
        switch result {
        case .success(let answers):
            let now = clock.now()
            quota.add(zip(group.lazy.flatMap(\.calls), answers), on: now.day)
            activity.note(zip(group.lazy.flatMap(\.calls), answers), at: now)
            var rest = answers[...]
            for batch in group {
                batch.done(Array(rest.prefix(batch.calls.count)))
                rest = rest.dropFirst(batch.calls.count)
            }
        case .failure(let error):
            // Nothing of this group is on disk, so nobody is told that it is.
            logger.error("calls could not be kept", metadata: ["calls": "\(calls)", "error": "\(error)"])
            let rejection: Rejection = (error as? StorageError) == .full ? .diskNearlyFull : .storageUnavailable
            for batch in group { batch.done(batch.calls.map { _ in .refused(rejection) }) }
        }
        let isMoreWaiting = queue.withLock { queue in
            queue.callCount -= calls
            queue.isWriterAsked = false
            return !queue.batches.isEmpty
        }
        if isMoreWaiting { askWriter() }
    }
}

extension PendingCall {
    fileprivate func event(_ id: OrderedID<Event>) -> Event {
        Event(
            id: id, organization: admission.organization, webhook: admission.webhook, token: admission.token,
            receivedAt: head.receivedAt, remoteAddress: head.remoteAddress, query: head.query,
            contentType: admission.contentType, headersText: head.headers.keptText, context: admission.context,
            basicUser: admission.basicUser, bodyBytes: Int64(body.count), bodySHA256: bodySHA256)
    }
}
