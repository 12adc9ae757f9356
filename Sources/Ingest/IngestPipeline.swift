import AuthMethods
import Domain
import Foundation
import Storage

/// What is known of a call when its head is in.
package struct CallHead: Sendable {
    package let webhook: String
    package let query: String?
    package let headers: CallHeaders
    package let remoteAddress: String
    package let receivedAt: Timestamp

    package init(
        webhook: String, query: String?, headers: CallHeaders, remoteAddress: String, receivedAt: Timestamp
    ) {
        self.webhook = webhook
        self.query = query
        self.headers = headers
        self.remoteAddress = remoteAddress
        self.receivedAt = receivedAt
    }
}

/// Whose `Authorization` value a connection sent last, so that the next call with the same one need not be digested again.
///
/// Remembers who is calling, never whether they may.
package struct AuthorizationMemo: Sendable {
    fileprivate let value: String
    fileprivate let identity: Identity
    /// After which exchange of the master keys it was made.
    fileprivate let keyGeneration: Int

    fileprivate struct Identity: Sendable {
        let method: AuthMethodName
        let digest: SecretDigest
        /// The digest under the newest master key, if the secret is still kept under an older one.
        let newer: KeyedDigest?
        let user: String?
    }
}

/// A call that may be kept: who it is from, and what its header says about it.
package struct Admission: Sendable {
    let token: ID<Token>
    let digest: SecretDigest
    /// The digest it is kept under from now on, if that is to change.
    let newer: KeyedDigest?
    let owner: ID<Account>
    let organization: ID<Organization>
    let webhook: ID<Webhook>
    let dailyQuota: Int64?
    let basicUser: String?
    let contentType: String?
    let context: String?
    let dedupeKey: String?
    /// The roster's generation when the verdict was made.
    let generation: Int
    /// See ``Store/basis``.
    let basis: Int64?
    /// Why the call is refused all the same and only kept aside (N3); `nil` for a good call.
    let lapse: Rejection?
    /// Whether the answer holds the body (D12).
    let echoesBody: Bool
}

/// Why a call is refused, and whose call it was as far as that is known; for the ledger.
package struct Refusal: Error, Sendable {
    package let rejection: Rejection
    var organization: ID<Organization>?
    var token: ID<Token>?
    var basicUser: String?
    var held: OrderedID<HeldCall>?
    var integrationToken: ID<IntegrationToken>?

    init(_ rejection: Rejection) {
        self.rejection = rejection
    }

    init(_ rejection: Rejection, by token: Token, user: String?) {
        self.rejection = rejection
        organization = token.organization
        self.token = token.id
        basicUser = user
    }
}

/// What becomes of a call.
package enum IngestAnswer: Hashable, Sendable {
    /// It is on disk under that id.
    case accepted(OrderedID<Event>)
    /// Its dedupe key stands for an event that is on disk already.
    case duplicate(OrderedID<Event>)
    /// Refused, and kept aside under that id (N3).
    case held(Rejection, OrderedID<HeldCall>)
    case refused(Rejection)
    /// A report is on disk; `isNew` is false if it was there before.
    // Out of line, as they are seldom and large.
    indirect case reported(ReportReceipt)
    /// An integration token was exchanged (E4).
    indirect case activated(Activation)
}

/// What the sender of a report gets.
package struct ReportReceipt: Hashable, Sendable {
    package let id: String
    /// Whether it was not there before.
    package let isNew: Bool
    /// How many objects it held; `nil` where there can be but one.
    package let reports: Int?
}

/// The way of one call: find, authenticate, admit, append, answer.
package struct IngestPipeline: Sendable {
    let roster: Roster
    let keys: KeyCabinet
    let appender: Appender
    private let ledger: Ledger
    let load: IngestLoad
    let rates: RateBook
    private let bodyBytesMax: Int
    let activate: Activate

    /// Exchanges an integration token, in a transaction of its own (E4). Throws a ``Rejection`` if it may not be.
    package typealias Activate =
        @Sendable (ID<IntegrationToken>, _ newer: KeyedDigest?, _ from: String) async throws -> Activation

    package init(
        roster: Roster, keys: KeyCabinet, appender: Appender, ledger: Ledger, load: IngestLoad, bodyBytesMax: Int,
        activate: @escaping Activate
    ) {
        self.roster = roster
        self.keys = keys
        rates = RateBook()
        self.appender = appender
        self.ledger = ledger
        self.load = load
        self.bodyBytesMax = bodyBytesMax
        self.activate = activate
    }

    /// Takes a whole call and returns once it is on disk, or refused. Needs no server.
    package func receive(_ call: InboundCall) async -> IngestAnswer {
        let head = CallHead(
            webhook: call.webhook, query: call.query, headers: call.headers, remoteAddress: call.remoteAddress,
            receivedAt: call.receivedAt)
        var memo: AuthorizationMemo?
        do throws(Refusal) {
            guard load.reserve(bytes: call.body.count) else { throw Refusal(load.obstacle ?? .overloaded) }
            defer { load.release(bytes: call.body.count) }
            let admission = try admit(head, bodyBytes: call.body.count, memo: &memo)
            let pending = PendingCall(admission, head: head, body: call.body)
            let outcome = await withCheckedContinuation { continuation in
                appender.submit(PendingBatch([.call(pending)]) { continuation.resume(returning: $0.first) })
            }
            let answer = outcome ?? .refused(.storageUnavailable)
            switch answer {
            case .accepted, .duplicate, .reported, .activated: return answer
            case .held(let rejection, let id): noteRefused(rejection, pending, held: id)
            case .refused(let rejection): noteRefused(rejection, pending)
            }
            return answer
        } catch {
            note(error, head)
            return .refused(error.rejection)
        }
    }

    /// Judges a call by its head: who is calling, may they, is it a call we take.
    ///
    /// - Parameters:
    ///   - bodyBytes: the length of the body as far as it is known.
    ///   - memo: what the connection's last call left behind, for the next one.
    ///   - again: when it is judged for a second time, because something changed while its body came in; it counts against the
    ///     token's rate already.
    package func admit(
        _ head: CallHead, bodyBytes: Int, memo: inout AuthorizationMemo?, again: Timestamp? = nil
    ) throws(Refusal) -> Admission {
        // Both before anything is looked for: what changes meanwhile must not seem to be known.
        let generation = roster.generation
        let basis = appender.basis
        let signals = try Signals(head.headers)
        if let query = head.query, Self.holdsToken(query) { throw Refusal(.tokenInQuery) }

        let webhook = roster.webhook(head.webhook)
        let (identity, standing) = try identify(signals.authorization, memo: &memo, at: webhook)
        let token = standing.token
        guard let webhook else { throw Refusal(.unknownWebhook, by: token, user: identity.user) }
        let now = again ?? head.receivedAt
        let lapse = Self.lapse(of: token, standing, now: now)
        if let fault = Self.fault(in: token, standing, at: webhook, by: identity.method, head, now: now) {
            // Who may not call at all learns no more than that.
            throw Refusal(fault.status == 401 ? fault : lapse ?? fault, by: token, user: identity.user)
        }
        if let lapse {
            guard standing.holdsCalls, bodyBytes <= bodyBytesMax, load.obstacle == nil else {
                throw Refusal(lapse, by: token, user: identity.user)
            }
        } else {
            if bodyBytes > bodyBytesMax { throw Refusal(.bodyTooLarge, by: token, user: identity.user) }
            if let obstacle = load.obstacle { throw Refusal(obstacle, by: token, user: identity.user) }
            if let limit = token.rateLimitPerMinute, again == nil,
                let refusal = rates.refusal(of: token.id.text, perMinute: limit, at: head.receivedAt)
            {
                throw Refusal(refusal, by: token, user: identity.user)
            }
        }
        return Admission(
            token: token.id, digest: identity.digest, newer: identity.newer, owner: token.owner,
            organization: token.organization,
            webhook: webhook.id, dailyQuota: standing.dailyQuota, basicUser: identity.user,
            contentType: signals.contentType, context: signals.context, dedupeKey: signals.dedupeKey,
            generation: generation, basis: basis, lapse: lapse, echoesBody: webhook.echoesBody)
    }

    /// Whether a verdict still holds: nothing that it rests on has changed since.
    package func isCurrent(_ admission: Admission) -> Bool {
        admission.generation == roster.generation
    }

    /// Hands a tick's calls to the writer.
    package func submit(_ batch: PendingBatch) {
        appender.submit(batch)
    }

    /// Has a refused call listed with its true cause (N2).
    package func note(_ refusal: Refusal, _ head: CallHead) {
        ledger.note(refusal, webhook: head.webhook, remoteAddress: head.remoteAddress, at: head.receivedAt)
    }

    /// Has a call listed that was refused before it had a readable head.
    package func note(_ rejection: Rejection, remoteAddress: String, at moment: Timestamp) {
        ledger.note(Refusal(rejection), webhook: nil, remoteAddress: remoteAddress, at: moment)
    }

    /// Has a call listed that was admitted and then could not be kept.
    ///
    /// - Parameter held: under which id it is kept aside, if it is.
    package func noteRefused(_ rejection: Rejection, _ call: PendingCall, held: OrderedID<HeldCall>? = nil) {
        var refusal = refusal(rejection, of: call)
        refusal.held = held
        note(refusal, call.head)
    }

    private func refusal(_ rejection: Rejection, of call: PendingCall) -> Refusal {
        var refusal = Refusal(rejection)
        refusal.organization = call.admission.organization
        refusal.token = call.admission.token
        refusal.basicUser = call.admission.basicUser
        return refusal
    }

    private func identify(
        _ authorization: String?, memo: inout AuthorizationMemo?, at webhook: Webhook?
    ) throws(Refusal) -> (AuthorizationMemo.Identity, Roster.Standing) {
        guard let authorization else { throw unattributed(.noCredential, webhook) }
        let keyGeneration = keys.generation
        // What is remembered no longer holds once the secret was taken away, or there are other master keys.
        if let memo, memo.value == authorization, memo.keyGeneration == keyGeneration,
            let standing = roster.standing(of: memo.identity.digest)
        {
            return (memo.identity, standing)
        }
        guard let presented = AllMethods.read(authorization: authorization) else {
            throw unattributed(.malformedCredential, webhook)
        }
        let digests = keys.digests(of: presented.secret)
        if let (keyed, standing) = roster.standing(ofAny: digests) {
            let identity = AuthorizationMemo.Identity(
                method: presented.method, digest: keyed.digest, newer: keyed == digests.first ? nil : digests.first,
                user: presented.user)
            memo = AuthorizationMemo(value: authorization, identity: identity, keyGeneration: keyGeneration)
            return (identity, standing)
        }
        // It may have moved to a master key that came meanwhile.
        guard keys.generation == keyGeneration else { return try identify(authorization, memo: &memo, at: webhook) }
        let opensIngest = presented.secret.kind == .app || presented.secret.kind == .api
        throw unattributed(opensIngest ? .unknownToken : .wrongKindOfToken, webhook)
    }

    private func unattributed(_ rejection: Rejection, _ webhook: Webhook?) -> Refusal {
        var refusal = Refusal(webhook == nil ? .unknownWebhook : rejection)
        refusal.organization = webhook?.organization
        return refusal
    }

    /// What somebody can put right later: the token or its owner is switched off, or the token has expired.
    private static func lapse(of token: Token, _ standing: Roster.Standing, now: Timestamp) -> Rejection? {
        if case .inactive(let since, _) = token.state { return .tokenInactive(since: since) }
        if let end = token.expiresAt, end <= now { return .tokenExpired(at: end) }
        switch standing.owner {
        case .active: return nil
        case .inactive(let since, _): return .ownerInactive(since: since)
        case .deleted(let at): return .ownerInactive(since: at)
        }
    }

    /// What is wrong with a call apart from a lapse.
    private static func fault(
        in token: Token, _ standing: Roster.Standing, at webhook: Webhook, by method: AuthMethodName, _ head: CallHead,
        now: Timestamp
    ) -> Rejection? {
        if case .deleted = token.state { return .unknownToken }
        if let end = standing.secretEndsAt, end <= now { return .secretEnded(at: end) }
        guard token.allows(from: head.remoteAddress) else { return .networkNotAllowed }
        guard webhook.accepts.contains(method) else { return .methodNotAccepted }
        guard webhook.organization == token.organization else { return .webhookOfAnotherOrganization }
        if case .app(let own) = token.scope, own != webhook.id { return .tokenOfAnotherWebhook }
        return webhook.state == .paused ? .webhookPaused : nil
    }

    /// Whether a query holds a token, or names one.
    // Addresses end up in logs of proxies and browsers, so a token there has leaked, whatever else is right about the call.
    static func holdsToken(_ query: String) -> Bool {
        // Bytes, for characters of many marks take long to tell apart.
        query.utf8.split(whereSeparator: { $0 == UInt8(ascii: "&") || $0 == UInt8(ascii: ";") }).contains { parameter in
            let pair = parameter.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = pair.map { Self.percentDecoded($0) }
            return decoded.first?.elementsEqual("access_token".utf8) ?? false || decoded.contains { Secret($0) != nil }
        }
    }

    // Sequences that are none stay as they are.
    private static func percentDecoded(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var decoded: [UInt8] = []
        var rest = Array(bytes)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16),
                rest.count >= 2, rest.first != UInt8(ascii: "+")
            {
                decoded.append(value)
                rest = rest.dropFirst(2)
            } else {
                decoded.append(byte)
            }
        }
        return decoded
    }
}

/// The header fields that say something to us.
struct Signals {
    var authorization: String?
    var contentType: String?
    var context: String?
    var dedupeKey: String?

    init(_ headers: CallHeaders) throws(Refusal) {
        var contextAlias: String?
        for (name, value) in headers.fields {
            // Lengths first: most fields are none of these.
            switch name.utf8.count {
            case 13 where name.equalsIgnoringCase("authorization"):
                guard authorization == nil else { throw Refusal(.severalCredentials) }
                authorization = value
            case 12 where name.equalsIgnoringCase("content-type"):
                contentType = contentType ?? value
            case 13 where name.equalsIgnoringCase("inlet-context"):
                guard context == nil else { throw Refusal(.badContext) }
                context = value
            case 24 where name.equalsIgnoringCase("x-pendula-custom-context"):
                contextAlias = value
            case 15 where name.equalsIgnoringCase("idempotency-key"), 10 where name.equalsIgnoringCase("webhook-id"):
                guard dedupeKey == nil || dedupeKey == value, (1...Limits.dedupeKeyBytesMax).contains(value.utf8.count)
                else { throw Refusal(.badDedupeKey) }
                dedupeKey = value
            default:
                break
            }
        }
        context = context ?? contextAlias
        if let context, context.utf8.count > Limits.contextBytesMax { throw Refusal(.badContext) }
        if let authorization, Self.holdsSeveral(authorization) { throw Refusal(.severalCredentials) }
    }

    // Two credentials folded into one field, as some proxies do: "Bearer a, Basic b". Neither scheme's credentials hold a comma.
    private static func holdsSeveral(_ authorization: String) -> Bool {
        authorization.utf8.contains(UInt8(ascii: ","))
    }
}
