import AuthMethods
import Dispatch
import Domain
import Foundation
import Storage

/// A report that may be kept: whose it is, and what its header says about it.
package struct ReportAdmission: Sendable {
    let path: ReportPath
    let token: IntegrationToken
    /// The digest the token is kept under from now on, if that is to change.
    let newer: KeyedDigest?
    let dailyQuota: Int64?
    let basicUser: String?
    let dedupeKey: String?
    /// The roster's generation when the verdict was made.
    let generation: Int
    /// See ``Store/basis``.
    let basis: Int64?
}

/// A report that was read and waits to be kept.
package struct PendingReport: Sendable {
    let admission: ReportAdmission
    let head: CallHead
    let content: ReportBody
    let bodyBytes: Int
}

/// The way of a report: authenticate, read, append, answer. Rows E4–E6.
extension IngestPipeline {
    /// Judges a report by its head.
    ///
    /// - Parameters:
    ///   - bodyBytes: the length of the body as far as it is known.
    ///   - now: when it is judged for a second time, because something changed while its body came in.
    package func admit(
        _ path: ReportPath, _ head: CallHead, bodyBytes: Int, again now: Timestamp? = nil
    ) throws(Refusal) -> ReportAdmission {
        let generation = roster.generation
        let basis = appender.basis
        let signals = try Signals(head.headers)
        if let query = head.query, Self.holdsToken(query) { throw Refusal(.tokenInQuery) }
        guard let authorization = signals.authorization else { throw Refusal(.noCredential) }
        guard let presented = AllMethods.read(authorization: authorization) else { throw Refusal(.malformedCredential) }
        let (keyed, newest, standing) = try find(presented.secret)
        let token = standing.token
        func refusal(_ rejection: Rejection) -> Refusal { Refusal(rejection, by: token, user: presented.user) }
        guard token.purpose.secretKind == path.secretKind else { throw refusal(.wrongKindOfToken) }
        if let end = token.endedAt { throw refusal(.secretEnded(at: end)) }
        if let end = token.expiresAt, end <= now ?? head.receivedAt { throw refusal(.tokenExpired(at: end)) }
        if bodyBytes > path.bodyBytesMax { throw refusal(.bodyTooLarge) }
        if let obstacle = load.obstacle { throw refusal(obstacle) }
        if now == nil, path == .deploys,
            let tooMany = rates.refusal(of: token.id.text, perMinute: Limits.deploysPerMinute, at: head.receivedAt)
        {
            throw refusal(tooMany)
        }
        return ReportAdmission(
            path: path, token: token, newer: keyed == newest ? nil : newest, dailyQuota: standing.dailyQuota,
            basicUser: presented.user, dedupeKey: signals.dedupeKey, generation: generation, basis: basis)
    }

    /// Whether a verdict still holds: nothing that it rests on has changed since.
    package func isCurrent(_ admission: ReportAdmission) -> Bool {
        admission.generation == roster.generation
    }

    /// Takes a whole report and returns once what it says is on disk, or it is refused.
    package func receive(_ admission: ReportAdmission, _ head: CallHead, body: Data) async -> IngestAnswer {
        if admission.path == .activations { return await exchange(admission, head) }
        let content: ReportBody
        switch await Self.read(body, admission.path, receivedAt: head.receivedAt) {
        case .success(let read): content = read
        case .failure(let fault): return .refused(.badReport(field: fault.field, expectation: fault.expectation))
        }
        var admission = admission
        do throws(Refusal) {
            // Reading takes a moment, and no report may outlive its token.
            if !isCurrent(admission) {
                admission = try admit(admission.path, head, bodyBytes: body.count, again: head.receivedAt)
            }
        } catch {
            return .refused(error.rejection)
        }
        let pending = PendingReport(admission: admission, head: head, content: content, bodyBytes: body.count)
        let outcome = await withCheckedContinuation { continuation in
            appender.submit(PendingBatch([.report(pending)]) { continuation.resume(returning: $0.first) })
        }
        return outcome ?? .refused(.storageUnavailable)
    }

    /// Has a report listed that was admitted and then could not be kept.
    package func noteRefused(_ rejection: Rejection, _ admission: ReportAdmission, _ head: CallHead) {
        note(Refusal(rejection, by: admission.token, user: admission.basicUser), head)
    }

    // One after the other, beside everything else: however many reports come, people and calls go on.
    private static let readers = DispatchQueue(label: "inlet.reports")

    private static func read(
        _ body: Data, _ path: ReportPath, receivedAt: Timestamp
    ) async -> Result<ReportBody, ReportFault> {
        await withCheckedContinuation { continuation in
            readers.async {
                continuation.resume(
                    returning: Result { () throws(ReportFault) in
                        path == .hits
                            ? .hits(try ReportBody.hits(in: body, receivedAt: receivedAt))
                            : .deploy(try ReportBody.deploy(in: body, receivedAt: receivedAt))
                    })
            }
        }
    }

    private func exchange(_ admission: ReportAdmission, _ head: CallHead) async -> IngestAnswer {
        do {
            return .activated(try await activate(admission.token.id, admission.newer, head.remoteAddress))
        } catch let rejection as Rejection {
            return .refused(rejection)
        } catch {
            return .refused(.storageUnavailable)
        }
    }

    private func find(
        _ secret: Secret
    ) throws(Refusal) -> (KeyedDigest, newest: KeyedDigest?, Roster.IntegrationStanding) {
        guard ReportPath.allCases.contains(where: { $0.secretKind == secret.kind }) else { throw Refusal(.wrongKindOfToken) }
        let generation = keys.generation
        let digests = keys.digests(of: secret)
        if let (keyed, standing) = roster.integrationStanding(ofAny: digests) { return (keyed, digests.first, standing) }
        // It may have moved to a master key that came meanwhile.
        guard keys.generation == generation else { return try find(secret) }
        throw Refusal(.unknownToken)
    }
}

extension Refusal {
    fileprivate init(_ rejection: Rejection, by token: IntegrationToken, user: String?) {
        self.init(rejection)
        organization = token.organization
        integrationToken = token.id
        basicUser = user
    }
}

/// The sources of ids for what reports make.
package struct ReportIDs: Sendable {
    let receipts: OrderedIDs<HitsRequest>
    let deploys: OrderedIDs<Deploy>
    let resources: OrderedIDs<Resource>

    /// - Parameters:
    ///   - node: which of the servers that share the database this is.
    ///   - lastDeploy: the largest id of a deploy handed out before.
    ///   - lastResource: the largest id of a resource handed out before.
    package init(node: Node, lastDeploy: Int64, lastResource: Int64) {
        receipts = OrderedIDs(node: node, after: 0)
        deploys = OrderedIDs(node: node, after: lastDeploy)
        resources = OrderedIDs(node: node, after: lastResource)
    }
}

/// Keeps the reports of one group: what they add to the same bucket is added once, at the end.
struct ReportKeeper {
    private let transaction: Transaction
    private let ids: ReportIDs
    private let now: Timestamp
    private var resources: [ResourceKey: OrderedID<Resource>] = [:]
    private var sums: [ResourceTable.BucketKey: HitSum] = [:]
    private var uses: [ID<IntegrationToken>: Use] = [:]

    private struct ResourceKey: Hashable {
        let organization: ID<Organization>
        let name: Label

        // As the database tells them apart: by their bytes, for two spellings of one letter are equal texts.
        static func == (left: ResourceKey, right: ResourceKey) -> Bool {
            left.organization == right.organization && left.name.text.utf8.elementsEqual(right.name.text.utf8)
        }
    }

    private struct Use {
        let address: String
        let newer: KeyedDigest?
        var count: Int64
    }

    init(_ transaction: Transaction, ids: ReportIDs, now: Timestamp) {
        self.transaction = transaction
        self.ids = ids
        self.now = now
    }

    /// Keeps one report. Whatever is wrong with it is found before anything is written, for others share the transaction.
    mutating func keep(_ report: PendingReport) throws -> IngestAnswer {
        // Names of resources are looked for before they are made.
        try transaction.steer()
        let answer: IngestAnswer
        switch report.content {
        case .hits(let hits): answer = try keep(hits, report)
        case .deploy(let deploy): answer = try keep(deploy, report)
        }
        if case .reported = answer {
            let token = report.admission.token.id
            let count = (uses[token]?.count ?? 0) + 1
            uses[token] = Use(address: report.head.remoteAddress, newer: report.admission.newer, count: count)
        }
        return answer
    }

    /// Writes down what has gathered.
    func finish() throws {
        let table = ResourceTable(transaction.connection)
        for (key, sum) in sums { try table.add(sum, to: key) }
        for (token, use) in uses {
            let hasMoved = try IntegrationTable(transaction.connection).noteUse(
                of: token, at: now, from: use.address, count: use.count, newer: use.newer)
            if hasMoved { transaction.announce(.integrationToken(token)) }
        }
    }

    private mutating func keep(_ hits: [HitsReport], _ report: PendingReport) throws -> IngestAnswer {
        let organization = report.admission.token.organization
        let table = ResourceTable(transaction.connection)
        var unknown: Set<ResourceKey> = []
        for hit in hits {
            let key = ResourceKey(organization: organization, name: hit.resource)
            if resources[key] != nil || unknown.contains(key) { continue }
            if let found = try table.find(name: key.name.text, in: organization) {
                resources[key] = found.id
            } else {
                unknown.insert(key)
            }
        }
        if !unknown.isEmpty, try table.count(in: organization) + Int64(unknown.count) > Limits.resourcesMax {
            return .refused(.tooManyResources)
        }
        let id: OrderedID<HitsRequest> = ids.receipts.next(at: now)
        if let key = report.admission.dedupeKey {
            let earlier = try DedupeTable(transaction.connection).claim(
                key, of: report.admission.token.credential, for: id, now: now)
            if let earlier {
                return .reported(ReportReceipt(id: earlier.text, isNew: false, reports: hits.count))
            }
        }
        for key in unknown.sorted(by: { $0.name.text < $1.name.text }) {
            let resource = Resource(
                id: ids.resources.next(at: now), organization: organization, name: key.name, objective: .standard,
                createdAt: now)
            try table.insert(resource)
            resources[key] = resource.id
        }
        for hit in hits {
            guard let resource = resources[ResourceKey(organization: organization, name: hit.resource)] else { continue }
            for step in BucketStep.allCases {
                let key = ResourceTable.BucketKey(of: resource, step, at: hit.at)
                sums[key, default: HitSum()].add(HitSum(hits: hit.hits, failures: hit.failures))
            }
        }
        return .reported(ReportReceipt(id: id.text, isNew: true, reports: hits.count))
    }

    private func keep(_ deploy: DeployReport, _ report: PendingReport) throws -> IngestAnswer {
        guard case .reportDeploys(let application) = report.admission.token.purpose else {
            return .refused(.wrongKindOfToken)
        }
        let new = Deploy(
            id: ids.deploys.next(at: now), application: application, version: deploy.version,
            environment: deploy.environment, status: deploy.status, commit: deploy.commit, url: deploy.url,
            startedAt: deploy.startedAt, finishedAt: deploy.finishedAt, committedAt: deploy.committedAt,
            receivedAt: report.head.receivedAt, remoteAddress: report.head.remoteAddress)
        // It may have been deleted while the report was on its way.
        guard try ApplicationTable(transaction.connection).find(application, in: report.admission.token.organization) != nil
        else { return .refused(.unknownToken) }
        let kept = try DeployTable(transaction.connection).insert(new)
        return .reported(ReportReceipt(id: kept.text, isNew: kept == new.id, reports: nil))
    }
}
