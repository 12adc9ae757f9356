import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import Manage
import NIOHTTP1
import ServerSupport
import TestSupport
import Testing

/// Random acts on the real server, beside a small picture of what the rules say they do.
///
/// One seed of each run is drawn anew and printed; `MODEL_SEED=… swift test --filter ModelTests` walks it again.
@Suite(.tags(.store)) struct ModelTests {
    private static let steps = 600
    private static let fixedSeeds: ClosedRange<UInt64> = 1...8
    private static let seeds: [UInt64] = {
        let wanted = ProcessInfo.processInfo.environment["MODEL_SEED"].flatMap { UInt64($0) }
        let last = wanted ?? UInt64.random(in: 1000 ... .max)
        print("ModelTests: the last seed is \(last)")
        return wanted.map { [$0] } ?? fixedSeeds + [last]
    }()

    @Test(arguments: seeds)
    func `D4–D11 P5–P8 N2 N3 N6 whatever is done in whatever order, each answer and each list is what the rules say`(
        seed: UInt64
    ) async throws {
        // Events are counted at the end, and the walk goes on for years.
        try await TestHouse.open([.eventsDays: "3650"]) { house async throws in
            var walk = try await Walk(house, seed: seed)

            for _ in 0..<Self.steps { try await walk.step() }
            try await walk.compareLists()
            try await walk.compareEvents()

            // What is always walked alike must lead somewhere.
            if Self.fixedSeeds.contains(seed) {
                #expect(walk.callsAccepted > 30)
                #expect(walk.causesSeen.isSuperset(of: ["token_inactive", "owner_inactive", "secret_ended"]))
            }
        }
    }
}

// MARK: What the rules say

/// Accounts, tokens and calls as the rules have them: plain records and no code of Inlet's. Moments are whole seconds.
private struct Picture {
    struct Account {
        let id: String
        let isPerson: Bool
        var isActive = true
        var isBlocked = false
        var isDeleted = false
        /// When the days of inactivity began: made or reactivated (D7).
        var activeSince: Int
        /// The last successful call with one of its tokens (D8).
        var lastUse: Int?
    }

    struct Webhook {
        let id: String
        var isPaused = false
        /// When an event took each dedupe key.
        var keys: [String: Int] = [:]
    }

    struct Secret {
        let text: String
        var endsAt: Int?
        var useCount = 0
        var lastUse: Int?
        /// Whether it ended so long ago that it is told from an unknown one no longer.
        var isForgotten = false
    }

    struct Token {
        let id: String
        /// The one webhook that it opens; `nil` for all (D4).
        let webhook: Int?
        var owner: Int
        var isActive = true
        var isDeleted = false
        var expiresAt: Int?
        /// Oldest first.
        var secrets: [Secret]
    }

    struct HeldCall {
        let token: Int
        let webhook: Int
        let key: String?
        let receivedAt: Int
        let cause: String
    }

    /// How an act ends.
    struct Outcome: Equatable {
        let status: Int
        var code: String?

        init(_ status: Int, _ code: String? = nil) {
            self.status = status
            self.code = code
        }

        static let notFound = Outcome(404, "not_found")
        static let invalid = Outcome(400, "invalid")
    }

    /// What a call presents, and where.
    enum Credential: Equatable {
        case none, unknown, foreign
        case own(token: Int, secret: Int)
    }

    enum Place: Equatable {
        case own(Int)
        case foreign, missing
    }

    struct Verdict {
        let status: Int
        var cause: String?
        /// Whether the other organization's ledger lists it.
        var isForeign = false
        var isHeld = false
    }

    static let day = 86_400
    static let livingSecretsMax = 4

    var now: Int
    var accounts: [Account]
    var webhooks: [Webhook]
    var tokens: [Token]
    var held: [HeldCall] = []
    var holdsCalls = true
    var inactivityDays: Int? = 60
    var eventCount = 0

    // MARK: Calls

    mutating func call(_ credential: Credential, _ place: Place, key: String?) -> Verdict {
        switch (credential, place) {
        case (.none, .missing), (.unknown, .missing):
            return Verdict(status: 401, cause: "unknown_webhook")
        case (.none, _):
            return Verdict(status: 401, cause: "no_credential", isForeign: place == .foreign)
        case (.unknown, _):
            return Verdict(status: 401, cause: "unknown_token", isForeign: place == .foreign)
        case (.foreign, .missing):
            return Verdict(status: 401, cause: "unknown_webhook", isForeign: true)
        case (.foreign, .own):
            return Verdict(status: 404, cause: "webhook_of_another_organization", isForeign: true)
        case (.foreign, .foreign):
            return Verdict(status: 202)
        case (.own(let token, let secret), _):
            let verdict = call(tokens[token], token, tokens[token].secrets[secret], place, key)
            if verdict.status < 300 {
                tokens[token].secrets[secret].useCount += 1
                tokens[token].secrets[secret].lastUse = now
                accounts[tokens[token].owner].lastUse = now
            }
            return verdict
        }
    }

    private mutating func call(
        _ token: Token, _ number: Int, _ secret: Secret, _ place: Place, _ key: String?
    ) -> Verdict {
        if token.isDeleted || secret.isForgotten { return call(.unknown, place, key: nil) }
        if place == .missing { return Verdict(status: 401, cause: "unknown_webhook") }
        if hasEnded(secret) { return Verdict(status: 401, cause: "secret_ended") }
        let fault = fault(token, place)
        if let lapse = lapse(token) {
            guard fault == nil, holdsCalls, case .own(let webhook) = place else { return Verdict(status: 401, cause: lapse) }
            held.append(HeldCall(token: number, webhook: webhook, key: key, receivedAt: now, cause: lapse))
            return Verdict(status: 401, cause: lapse, isHeld: true)
        }
        if let fault { return fault }
        guard case .own(let webhook) = place else { return Verdict(status: 202) }
        guard claim(key, webhook) else { return Verdict(status: 200) }
        eventCount += 1
        return Verdict(status: 202)
    }

    /// What somebody can put right later; calls refused for that alone are held (N3).
    func lapse(_ token: Token) -> String? {
        if !token.isActive { return "token_inactive" }
        if let end = token.expiresAt, end <= now { return "token_expired" }
        return accounts[token.owner].isActive ? nil : "owner_inactive"
    }

    private func fault(_ token: Token, _ place: Place) -> Verdict? {
        guard case .own(let webhook) = place else {
            return Verdict(status: 404, cause: "webhook_of_another_organization")
        }
        if let own = token.webhook, own != webhook { return Verdict(status: 403, cause: "token_of_another_webhook") }
        return webhooks[webhook].isPaused ? Verdict(status: 404, cause: "webhook_paused") : nil
    }

    func hasEnded(_ secret: Secret) -> Bool {
        secret.endsAt.map { $0 <= now } ?? false
    }

    /// Takes a dedupe key for a new event, unless it was taken in the last seven days.
    private mutating func claim(_ key: String?, _ webhook: Int) -> Bool {
        guard let key else { return true }
        if let taken = webhooks[webhook].keys[key], now - taken < 7 * Self.day { return false }
        webhooks[webhook].keys[key] = now
        return true
    }

    // MARK: Accounts

    /// Those that have a living token.
    func tokens(of account: Int) -> [Int] {
        tokens.indices.filter { tokens[$0].owner == account && !tokens[$0].isDeleted }
    }

    mutating func deactivate(account: Int) -> Outcome {
        if accounts[account].isDeleted { return .notFound }
        if account == 0 { return Outcome(409, "own_account") }
        accounts[account].isActive = false
        return Outcome(200)
    }

    mutating func activate(account: Int) -> Outcome {
        if accounts[account].isDeleted { return .notFound }
        if !accounts[account].isActive { accounts[account].activeSince = now }
        accounts[account].isActive = true
        return Outcome(200)
    }

    mutating func delete(account: Int) -> Outcome {
        if accounts[account].isDeleted { return .notFound }
        if account == 0 { return Outcome(409, "own_account") }
        if !tokens(of: account).isEmpty { return Outcome(409, "account_has_tokens") }
        accounts[account].isDeleted = true
        return Outcome(204)
    }

    mutating func setBlock(_ isBlocked: Bool, account: Int) -> Outcome {
        if accounts[account].isDeleted { return .notFound }
        if !accounts[account].isPerson { return Outcome(409, "service_account") }
        if account == 0, isBlocked { return Outcome(409, "own_account") }
        accounts[account].isBlocked = isBlocked
        return Outcome(200)
    }

    // MARK: Tokens

    mutating func add(_ token: Token) -> Outcome {
        if accounts[token.owner].isDeleted { return .invalid }
        tokens.append(token)
        return Outcome(201)
    }

    mutating func setActive(_ isActive: Bool, token: Int) -> Outcome {
        if tokens[token].isDeleted { return .notFound }
        tokens[token].isActive = isActive
        return Outcome(200)
    }

    mutating func delete(token: Int) -> Outcome {
        if tokens[token].isDeleted { return .notFound }
        if tokens[token].isActive { return Outcome(409, "token_active") }
        tokens[token].isDeleted = true
        return Outcome(204)
    }

    mutating func rotate(token: Int, overlap: Int, to new: String?) -> Outcome {
        if tokens[token].isDeleted { return .notFound }
        if !tokens[token].isActive { return Outcome(409, "token_inactive") }
        let living = tokens[token].secrets.indices.filter { !hasEnded(tokens[token].secrets[$0]) }
        if overlap > 0, living.count >= Self.livingSecretsMax { return Outcome(409, "too_many_secrets") }
        for index in living {
            let end = now + overlap
            tokens[token].secrets[index].endsAt = min(tokens[token].secrets[index].endsAt ?? end, end)
        }
        tokens[token].secrets.append(Secret(text: new ?? ""))
        return Outcome(201)
    }

    mutating func endOverlap(token: Int) -> Outcome {
        if tokens[token].isDeleted { return .notFound }
        for index in tokens[token].secrets.indices where !hasEnded(tokens[token].secrets[index]) {
            if tokens[token].secrets[index].endsAt != nil { tokens[token].secrets[index].endsAt = now }
        }
        return Outcome(200)
    }

    mutating func setExpiry(token: Int, to moment: Int?) -> Outcome {
        if tokens[token].isDeleted { return .notFound }
        // The same moment again is no change, also when it is over.
        if let moment, moment <= now, moment != tokens[token].expiresAt { return .invalid }
        tokens[token].expiresAt = moment
        return Outcome(200)
    }

    mutating func transfer(token: Int, to account: Int) -> Outcome {
        if tokens[token].isDeleted { return .notFound }
        if accounts[account].isDeleted { return .invalid }
        if tokens[token].owner != account, !accounts[account].isActive { return Outcome(409, "owner_inactive") }
        tokens[token].owner = account
        return Outcome(200)
    }

    mutating func transferAll(from: Int, to: Int) -> Outcome {
        if accounts[from].isDeleted { return .notFound }
        if accounts[to].isDeleted || from == to { return .invalid }
        let moved = tokens(of: from)
        if !moved.isEmpty, !accounts[to].isActive { return Outcome(409, "owner_inactive") }
        for token in moved { tokens[token].owner = to }
        return Outcome(200)
    }

    // MARK: Held calls

    /// Whether what a held call was refused for is put right.
    func canRelease(_ call: HeldCall) -> Bool {
        let token = tokens[call.token]
        return !token.isDeleted && lapse(token) == nil
    }

    /// - Returns: how many became events, and how many were there already.
    mutating func release(_ wanted: (HeldCall) -> Bool) -> (released: Int, duplicates: Int, stillLapsed: Int) {
        var report = (released: 0, duplicates: 0, stillLapsed: 0)
        var rest: [HeldCall] = []
        for call in held {
            if !wanted(call) {
                rest.append(call)
            } else if !canRelease(call) {
                report.stillLapsed += 1
                rest.append(call)
            } else if claim(call.key, call.webhook) {
                report.released += 1
                eventCount += 1
            } else {
                report.duplicates += 1
            }
        }
        held = rest
        return report
    }

    // MARK: Time

    /// When an account falls inactive if nothing more happens; `nil` for never.
    func lapseMoment(of account: Account) -> Int? {
        inactivityDays.map { max(account.activeSince, account.lastUse ?? 0) + $0 * Self.day }
    }

    /// Accounts that have been idle too long (D6). The actor's own is not: it acts.
    var due: [Int] {
        accounts.indices.dropFirst().filter { index in
            let account = accounts[index]
            return account.isActive && !account.isDeleted && lapseMoment(of: account).map { $0 <= now } ?? false
        }
    }

    mutating func lapse(_ due: [Int]) {
        for account in due { accounts[account].isActive = false }
    }

    /// What is kept for a time only: held calls seven days, secrets that ended thirty.
    mutating func dropOld() {
        held.removeAll { now - $0.receivedAt > 7 * Self.day }
        for index in tokens.indices {
            for position in tokens[index].secrets.indices {
                guard let end = tokens[index].secrets[position].endsAt, now - end > 30 * Self.day else { continue }
                tokens[index].secrets[position].isForgotten = true
            }
        }
    }
}

// MARK: The walk

/// SplitMix64: the same numbers for the same seed, everywhere.
private struct SplitMix64 {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 to one below the bound.
    mutating func below(_ bound: Int) -> Int {
        Int(next() % UInt64(max(1, bound)))
    }

    mutating func isHit(percent: Int) -> Bool {
        below(100) < percent
    }

    mutating func pick<Item>(_ items: [Item]) -> Item {
        items[below(items.count)]
    }
}

/// One walk through random acts, each done on the server and in the picture.
private struct Walk {
    private let house: TestHouse
    private let foreigner: Actor
    private let foreignWebhook: String
    private let foreignSecret: String
    private let events: EventOperations
    private let seed: UInt64
    private var dice: SplitMix64
    private var picture: Picture
    private var steps = 0
    private var log: [String] = []
    private var managementToken: String
    private var managementTokenMadeAt: Int
    private var keyRotations = 0
    private var lastToken = 0
    private var lastRefused: [Bool: String] = [:]
    private(set) var callsAccepted = 0
    private(set) var causesSeen: Set<String> = []

    /// Where server and rules part.
    struct Mismatch: Error, CustomStringConvertible {
        let description: String
    }

    init(_ house: TestHouse, seed: UInt64) async throws {
        self.house = house
        self.seed = seed
        dice = SplitMix64(seed: seed)
        events = EventOperations(house.house.desk)
        foreigner = try await house.stranger()
        let webhook = try await WebhookOperations(house.house.desk).create(.init(name: "there"), foreigner)
        let token = try await TokenOperations(house.house.desk).create(.init(kind: .api, name: "there"), foreigner)
        foreignWebhook = webhook.id.text
        foreignSecret = token.secret
        managementToken = house.made.managementToken
        let now = Int(house.clock.now().microseconds / 1_000_000)
        managementTokenMadeAt = now
        let first = try await house.client().tokens().items.first { $0.kind == "api" }
        picture = Picture(
            now: now,
            accounts: [Picture.Account(id: house.made.owner.text, isPerson: true, activeSince: now)],
            webhooks: [Picture.Webhook(id: house.made.webhook.text)],
            tokens: [
                Picture.Token(
                    id: try #require(first?.id), webhook: nil, owner: 0, secrets: [Picture.Secret(text: house.made.apiToken)])
            ])
        for _ in 0..<4 { try await addAccount() }
        for _ in 0..<3 { try await addToken() }
    }

    /// Does one thing.
    mutating func step() async throws {
        steps += 1
        pass(seconds: 1 + (dice.isHit(percent: 10) ? dice.below(20_000) : dice.below(30)))
        switch dice.below(1000) {
        case ..<480: try await call()
        case ..<600: try await changeAccount()
        case ..<830: try await changeToken()
        case ..<870: try await changeWebhook()
        case ..<920: try await release()
        case ..<940: try await changeSettings()
        case ..<965: try await letDaysPass()
        case ..<970: try await rotateKey()
        default: try await compareLists()
        }
    }

    private mutating func pass(seconds: Int) {
        picture.now += seconds
        house.clock.advance(by: .seconds(Int64(seconds)))
    }

    // Often the one of the step before, so that acts and calls on one token follow each other closely.
    private mutating func pickToken() -> Int {
        if !dice.isHit(percent: 40) { lastToken = dice.below(picture.tokens.count) }
        return lastToken
    }

    // MARK: Calls

    private mutating func call() async throws {
        let credential = pickCredential()
        let place = pickPlace(credential)
        let key = place != .foreign && dice.isHit(percent: 15) ? "key \(dice.below(4))" : nil
        let isBasic = dice.isHit(percent: 30)

        let secret = secret(credential)
        let answer = try await house.call(
            path(place), bearer: isBasic ? nil : secret, basic: isBasic ? secret.map { ("user", $0) } : nil,
            headers: key.map { [("Idempotency-Key", $0)] } ?? [])
        let verdict = picture.call(credential, place, key: key)

        note("call \(words(credential)) at \(place)\(key.map { " with \($0)" } ?? "") → \(answer.status)")
        guard answer.status == verdict.status else {
            throw mismatch("the call gave \(answer.status) and not \(verdict.status) \(verdict.cause ?? "")")
        }
        if verdict.status < 300 { callsAccepted += 1 }
        if let cause = verdict.cause { try await compareCause(cause, verdict) }
    }

    private mutating func pickCredential() -> Picture.Credential {
        switch dice.below(20) {
        case 0: return .none
        case 1: return .unknown
        case 2: return .foreign
        default:
            let token = pickToken()
            let count = picture.tokens[token].secrets.count
            return .own(token: token, secret: dice.isHit(percent: 60) ? count - 1 : dice.below(count))
        }
    }

    private mutating func pickPlace(_ credential: Picture.Credential) -> Picture.Place {
        switch dice.below(20) {
        case 0: return .missing
        case 1: return .foreign
        default:
            // Mostly where it opens.
            if case .own(let token, _) = credential, let own = picture.tokens[token].webhook, dice.isHit(percent: 85) {
                return .own(own)
            }
            return credential == .foreign && dice.isHit(percent: 50) ? .foreign : .own(dice.below(picture.webhooks.count))
        }
    }

    private func secret(_ credential: Picture.Credential) -> String? {
        switch credential {
        case .none: nil
        case .unknown: Secret.random(.api).revealed()
        case .foreign: foreignSecret
        case .own(let token, let secret): picture.tokens[token].secrets[secret].text
        }
    }

    private func path(_ place: Picture.Place) -> String {
        switch place {
        case .own(let webhook): picture.webhooks[webhook].id
        case .foreign: foreignWebhook
        case .missing: "whk_00000000000000000000"
        }
    }

    // The ledger's newest entry, once one has been written that was not there before.
    private mutating func compareCause(_ cause: String, _ verdict: Picture.Verdict) async throws {
        causesSeen.insert(cause)
        for _ in 0..<300 {
            await house.house.housekeeper.flush()
            let page = try await events.calls(
                .init(outcome: .refused), after: nil, limit: 1, verdict.isForeign ? foreigner : house.owner)
            guard case .refused(let entry, _) = page.items.first, entry.id.text != lastRefused[verdict.isForeign] else {
                await Task.yield()
                continue
            }
            lastRefused[verdict.isForeign] = entry.id.text
            guard entry.cause == cause, entry.status == verdict.status, (entry.held != nil) == verdict.isHeld else {
                throw mismatch(
                    "the ledger says \(entry.cause) \(entry.status)\(entry.held == nil ? "" : " held") and not \(cause)"
                        + " \(verdict.status)\(verdict.isHeld ? " held" : "")")
            }
            return
        }
        throw mismatch("the ledger has no entry for \(cause)")
    }

    // MARK: Acts

    private mutating func changeAccount() async throws {
        let account = dice.below(picture.accounts.count)
        let path = "accounts/\(picture.accounts[account].id)"
        switch dice.below(10) {
        case 0:
            if picture.accounts.filter({ !$0.isDeleted }).count < 12 { try await addAccount() }
        case 1...2:
            try await act("deactivate a\(account)", .POST, path + "/deactivate") { $0.deactivate(account: account) }
        case 3...5:
            // Of those that are inactive, or the walk would be among them soon.
            let inactive = picture.accounts.indices.filter { !picture.accounts[$0].isActive }
            let chosen = inactive.isEmpty ? account : dice.pick(inactive)
            try await act("activate a\(chosen)", .POST, "accounts/\(picture.accounts[chosen].id)/activate") {
                $0.activate(account: chosen)
            }
        case 6:
            try await deleteAccount(account)
        case 7:
            try await act("block a\(account)", .POST, path + "/block-sign-in") { $0.setBlock(true, account: account) }
        case 8:
            try await act("allow a\(account)", .POST, path + "/allow-sign-in") { $0.setBlock(false, account: account) }
        default:
            let target = dice.below(picture.accounts.count)
            let json = #"{"to":"\#(picture.accounts[target].id)"}"#
            try await act("transfer all of a\(account) to a\(target)", .POST, path + "/transfer-tokens", json) {
                $0.transferAll(from: account, to: target)
            }
        }
    }

    private mutating func addAccount() async throws {
        let isPerson = dice.isHit(percent: 40)
        let json =
            isPerson
            ? #"{"kind":"person","name":"P","login":"person-\#(picture.accounts.count)"}"#
            : #"{"kind":"service","name":"S","with_token":true}"#
        let number = picture.accounts.count
        let answer = try await send("make a\(number)", .POST, "accounts", json)
        let made = try Wire.decode(AccountView.self, from: answer.body)
        picture.accounts.append(Picture.Account(id: made.id, isPerson: isPerson, activeSince: picture.now))
        if let token = made.token {
            let secrets = [Picture.Secret(text: token.secret ?? "")]
            _ = picture.add(Picture.Token(id: token.id, webhook: nil, owner: number, secrets: secrets))
        }
    }

    private mutating func deleteAccount(_ account: Int) async throws {
        let tokens = picture.tokens(of: account).map { picture.tokens[$0].id }
        let answer = try await act("delete a\(account)", .DELETE, "accounts/\(picture.accounts[account].id)") {
            $0.delete(account: account)
        }
        if answer.status == 409, answer.problem?.code == "account_has_tokens" {
            guard answer.problem?.tokens?.map(\.id).sorted() == tokens.sorted() else {
                throw mismatch("the refusal lists other tokens")
            }
        }
    }

    private mutating func changeToken() async throws {
        let token = pickToken()
        let path = "tokens/\(picture.tokens[token].id)"
        switch dice.below(20) {
        case 0...2:
            if picture.tokens.filter({ !$0.isDeleted }).count < 20 { try await addToken() }
        case 3...5:
            try await act("deactivate t\(token)", .POST, path + "/deactivate") { $0.setActive(false, token: token) }
        case 6...8:
            let inactive = picture.tokens.indices.filter { !picture.tokens[$0].isActive && !picture.tokens[$0].isDeleted }
            let chosen = inactive.isEmpty ? token : dice.pick(inactive)
            try await act("activate t\(chosen)", .POST, "tokens/\(picture.tokens[chosen].id)/activate") {
                $0.setActive(true, token: chosen)
            }
        case 9:
            try await act("delete t\(token)", .DELETE, path) { $0.delete(token: token) }
        case 10...12:
            // Now and then again and again, until there are too many.
            for _ in 0..<(dice.isHit(percent: 20) ? 5 : 1) {
                pass(seconds: 1)
                try await rotate(token)
            }
        case 13...14:
            try await act("end overlap of t\(token)", .POST, path + "/end-overlap") { $0.endOverlap(token: token) }
        case 15...16:
            try await editExpiry(of: token)
        default:
            let target = dice.below(picture.accounts.count)
            let json = #"{"to":"\#(picture.accounts[target].id)"}"#
            try await act("transfer t\(token) to a\(target)", .POST, path + "/transfer", json) {
                $0.transfer(token: token, to: target)
            }
        }
    }

    private mutating func addToken() async throws {
        let owner = dice.below(picture.accounts.count)
        let webhook = dice.isHit(percent: 60) ? dice.below(picture.webhooks.count) : nil
        let expiresAt = dice.isHit(percent: 25) ? picture.now + 3600 + dice.below(20 * Picture.day) : nil
        var fields = [#""kind":"\#(webhook == nil ? "api" : "app")""#, #""name":"T""#]
        fields.append(#""owner":"\#(picture.accounts[owner].id)""#)
        if let webhook { fields.append(#""webhook":"\#(picture.webhooks[webhook].id)""#) }
        if let expiresAt { fields.append(#""expires_at":"\#(text(expiresAt))""#) }
        let answer = try await send(
            "make t\(picture.tokens.count) of a\(owner)", .POST, "tokens", "{\(fields.joined(separator: ","))}")
        let made = try? Wire.decode(TokenView.self, from: answer.body)
        try compare(
            answer,
            picture.add(
                Picture.Token(
                    id: made?.id ?? "", webhook: webhook, owner: owner, expiresAt: expiresAt,
                    secrets: [Picture.Secret(text: made?.secret ?? "")])))
    }

    private mutating func rotate(_ token: Int) async throws {
        let overlap = dice.pick([0, 600, 3600, Picture.day, 3 * Picture.day, 7 * Picture.day])
        let answer = try await send(
            "rotate t\(token) with \(overlap) s", .POST, "tokens/\(picture.tokens[token].id)/rotate",
            #"{"overlap_seconds":\#(overlap)}"#)
        let secret = (try? Wire.decode(TokenView.self, from: answer.body))?.secret
        try compare(answer, picture.rotate(token: token, overlap: overlap, to: secret))
    }

    private mutating func editExpiry(of token: Int) async throws {
        let moment: Int? = dice.pick([nil, picture.now - 60, picture.now + 60 + dice.below(10 * Picture.day)])
        let json = moment.map { #"{"expires_at":"\#(text($0))"}"# } ?? #"{"expires_at":null}"#
        let words = "let t\(token) expire \(moment.map { "in \($0 - picture.now) s" } ?? "never")"
        try await act(words, .PATCH, "tokens/\(picture.tokens[token].id)", json) {
            $0.setExpiry(token: token, to: moment)
        }
    }

    private mutating func changeWebhook() async throws {
        if picture.webhooks.count < 4, dice.isHit(percent: 30) {
            let answer = try await send("make w\(picture.webhooks.count)", .POST, "webhooks", #"{"name":"W"}"#)
            picture.webhooks.append(Picture.Webhook(id: try Wire.decode(WebhookView.self, from: answer.body).id))
            return
        }
        let webhook = dice.below(picture.webhooks.count)
        let isPaused = dice.isHit(percent: 25)
        let path = "webhooks/\(picture.webhooks[webhook].id)/\(isPaused ? "pause" : "resume")"
        try await act("\(isPaused ? "pause" : "resume") w\(webhook)", .POST, path) {
            $0.webhooks[webhook].isPaused = isPaused
            return Picture.Outcome(200)
        }
    }

    private mutating func changeSettings() async throws {
        if dice.isHit(percent: 50) {
            let holdsCalls = dice.isHit(percent: 80)
            try await act("hold calls: \(holdsCalls)", .PATCH, "organization", #"{"hold_calls":\#(holdsCalls)}"#) {
                $0.holdsCalls = holdsCalls
                return Picture.Outcome(200)
            }
        } else {
            let days: Int? = dice.pick([60, 60, 90, nil])
            let json = #"{"inactivity_days":\#(days.map(String.init) ?? "null")}"#
            try await act("inactive after \(days ?? 0) days", .PATCH, "organization", json) {
                $0.inactivityDays = days
                return Picture.Outcome(200)
            }
        }
    }

    // Nothing of it may be noticed.
    private mutating func rotateKey() async throws {
        keyRotations += 1
        guard keyRotations <= 3 else { return }
        try await act("rotate the master key", .POST, "keys/rotate") { _ in Picture.Outcome(201) }
    }

    private mutating func release() async throws {
        let kind = dice.below(4)
        if kind == 3, !picture.held.isEmpty { return try await releaseOne() }
        let token = kind == 1 ? dice.below(picture.tokens.count) : nil
        let webhook = kind == 2 ? dice.below(picture.webhooks.count) : nil
        var fields = [#""all":true"#]
        if let token { fields.append(#""token":"\#(picture.tokens[token].id)""#) }
        if let webhook { fields.append(#""webhook":"\#(picture.webhooks[webhook].id)""#) }
        let words = "release all\(token.map { " of t\($0)" } ?? "")\(webhook.map { " at w\($0)" } ?? "")"
        let answer = try await send(words, .POST, "held/release", "{\(fields.joined(separator: ","))}")
        let report = picture.release { call in
            (token == nil || call.token == token) && (webhook == nil || call.webhook == webhook)
        }
        try compare(answer, report)
    }

    private mutating func releaseOne() async throws {
        let listed = try await house.client(managementToken).heldCalls(limit: 500).items
        let index = dice.below(picture.held.count)
        guard listed.count == picture.held.count else { throw mismatch("\(listed.count) calls are held") }
        let isReady = picture.canRelease(picture.held[index])
        let answer = try await send("release h\(index)", .POST, "held/release", #"{"ids":["\#(listed[index].id)"]}"#)
        guard isReady else { return try compare(answer, Picture.Outcome(409, "still_lapsed")) }
        var position = -1
        let report = picture.release { _ in
            position += 1
            return position == index
        }
        try compare(answer, report)
    }

    private mutating func compare(
        _ answer: TestHouse.Answer, _ report: (released: Int, duplicates: Int, stillLapsed: Int)
    ) throws {
        try compare(answer, Picture.Outcome(200))
        let view = try Wire.decode(ReleaseView.self, from: answer.body)
        guard (Int(view.released), Int(view.duplicates), Int(view.stillLapsed)) == report else {
            throw mismatch("the release did \(view) and not \(report)")
        }
    }

    // MARK: Time

    private mutating func letDaysPass() async throws {
        try await compareLists()
        let days = dice.pick([1, 2, 5, 10, 20, 30, 40, 58])
        // Never a whole day, so that nothing falls on the very moment of a bound.
        pass(seconds: days * Picture.day + 1 + dice.below(3600))
        let elapsed = Interval.days(Int64(days))
        let report = try await house.house.sweep.run(wallElapsed: elapsed, steadyElapsed: elapsed)
        picture.dropOld()
        let due = picture.due
        let isHeldBack = due.count > 5
        note("\(days) days pass; due: \(due.map { "a\($0)" })\(isHeldBack ? ", held back" : "")")
        let expected = isHeldBack ? [] : due.map { picture.accounts[$0].id }.sorted()
        guard report.accounts.deactivated.map(\.text).sorted() == expected else {
            throw mismatch("the sweep deactivated \(report.accounts.deactivated.count) accounts")
        }
        if !isHeldBack { picture.lapse(due) }
        try await renewManagementToken()
        if isHeldBack, dice.isHit(percent: 70) { try await confirmSweep(due) }
        try await compareLists()
    }

    private mutating func confirmSweep(_ due: [Int]) async throws {
        let answer = try await send("confirm the sweep", .POST, "accounts/sweep")
        let deactivated = try Wire.decode(SweepView.self, from: answer.body).deactivated
        guard deactivated.sorted() == due.map({ picture.accounts[$0].id }).sorted() else {
            throw mismatch("the confirmed sweep deactivated \(deactivated.count) accounts")
        }
        picture.lapse(due)
    }

    // A management token lives a year at most.
    private mutating func renewManagementToken() async throws {
        guard picture.now - managementTokenMadeAt > 250 * Picture.day else { return }
        let made = try await house.client(managementToken).createToken(NewToken(kind: "management", name: "M"))
        managementToken = made.secret ?? ""
        managementTokenMadeAt = picture.now
    }

    // MARK: Lists

    /// Compares everything that is listed.
    func compareLists() async throws {
        await house.house.housekeeper.flush()
        let client = house.client(managementToken)
        // What is written once a second may be on its way to the disk just now.
        var looks = 0
        while try await accountWords(client) != expectedAccountWords, looks < 300 {
            looks += 1
            await Task.yield()
        }
        try compare("accounts", try await accountWords(client), expectedAccountWords)
        let tokens = try await client.tokens(limit: 500).items.filter { $0.kind != "management" }.map(words)
        try compare("tokens", tokens.sorted(), expectedTokenWords)
        let held = try await client.heldCalls(limit: 500).items.map { call in
            "\(call.token) \(call.webhook) \(call.cause) \(call.receivedAt)\(call.canRelease ? " ready" : "")"
        }
        let expectedHeld = picture.held.map { call in
            let (token, webhook) = (picture.tokens[call.token].id, picture.webhooks[call.webhook].id)
            return "\(token) \(webhook) \(call.cause) \(text(call.receivedAt))\(picture.canRelease(call) ? " ready" : "")"
        }
        try compare("held calls", held, expectedHeld)
    }

    /// Compares how many calls became events.
    func compareEvents() async throws {
        var count = 0
        var after: String?
        repeat {
            let page = try await house.client(managementToken).events(after: after, limit: 500)
            count += page.items.count
            after = page.next
        } while after != nil
        guard count == picture.eventCount else { throw mismatch("\(count) events and not \(picture.eventCount)") }
    }

    private func compare(_ what: String, _ found: [String], _ expected: [String]) throws {
        if found == expected { return }
        let (extra, missing) = (Set(found).subtracting(expected), Set(expected).subtracting(found))
        throw mismatch("the \(what) are\n  \(extra.sorted())\nand not\n  \(missing.sorted())")
    }

    private func accountWords(_ client: InletClient) async throws -> [String] {
        try await client.accounts(limit: 500).items.map { account in
            let isActor = account.id == house.made.owner.text
            let times = isActor ? "" : " \(account.lastTokenUseAt ?? "-") \(account.lapsesAt ?? "-")"
            return "\(account.id) \(account.state) \(account.signIn)\(times)"
        }.sorted()
    }

    private var expectedAccountWords: [String] {
        picture.accounts.enumerated().filter { !$0.element.isDeleted }.map { index, account in
            let signIn = !account.isPerson ? "never" : account.isBlocked ? "blocked" : "allowed"
            let lapse = account.isActive ? picture.lapseMoment(of: account).map(text) : nil
            let times = index == 0 ? "" : " \(account.lastUse.map(text) ?? "-") \(lapse ?? "-")"
            return "\(account.id) \(account.isActive ? "active" : "inactive") \(signIn)\(times)"
        }.sorted()
    }

    private func words(_ token: TokenView) -> String {
        let living = token.secrets.filter { $0.state != "ended" }
        let secrets = living.map { "\($0.hint) \($0.endsAt ?? "-") \($0.useCount) \($0.lastUsedAt ?? "-")" }.sorted()
        return "\(token.id) \(token.webhook ?? "all") \(token.owner) \(token.state) \(token.expiresAt ?? "-") \(secrets)"
    }

    private var expectedTokenWords: [String] {
        picture.tokens.filter { !$0.isDeleted }.map { token in
            let living = token.secrets.filter { !picture.hasEnded($0) }
            let secrets = living.map { secret in
                let lastUse = secret.lastUse.map(text) ?? "-"
                return "\(secret.text.prefix(9)) \(secret.endsAt.map(text) ?? "-") \(secret.useCount) \(lastUse)"
            }.sorted()
            let webhook = token.webhook.map { picture.webhooks[$0].id } ?? "all"
            let state = token.isActive ? "active" : "inactive"
            return "\(token.id) \(webhook) \(picture.accounts[token.owner].id) \(state) "
                + "\(token.expiresAt.map(text) ?? "-") \(secrets)"
        }.sorted()
    }

    // MARK: Words

    /// Does an act on the server and in the picture, and compares how it ended.
    @discardableResult
    private mutating func act(
        _ words: String, _ method: HTTPMethod, _ path: String, _ json: String? = nil,
        _ inPicture: (inout Picture) -> Picture.Outcome
    ) async throws -> TestHouse.Answer {
        let answer = try await send(words, method, path, json)
        try compare(answer, inPicture(&picture))
        return answer
    }

    private mutating func send(
        _ words: String, _ method: HTTPMethod, _ path: String, _ json: String? = nil
    ) async throws -> TestHouse.Answer {
        let answer = try await house.api(method, path, json, token: managementToken)
        note("\(words) → \(answer.status) \(answer.problem?.code ?? "")")
        return answer
    }

    private func compare(_ answer: TestHouse.Answer, _ expected: Picture.Outcome) throws {
        let found = Picture.Outcome(answer.status, answer.problem?.code)
        if found != expected { throw mismatch("the act gave \(found) and not \(expected)") }
    }

    private mutating func note(_ words: String) {
        log.append("\(steps) at \(picture.now): \(words)")
    }

    private func words(_ credential: Picture.Credential) -> String {
        guard case .own(let token, let secret) = credential else { return "\(credential)" }
        return "t\(token) secret \(secret + 1) of \(picture.tokens[token].secrets.count)"
    }

    private func text(_ moment: Int) -> String {
        Timestamp(seconds: Int64(moment)).text
    }

    private func mismatch(_ words: String) -> Mismatch {
        Mismatch(description: "seed \(seed): \(words)\n" + log.suffix(20).joined(separator: "\n"))
    }
}
