import Client
import Contract
import Domain
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import ServerSupport
import Synchronization
import TestSupport
import Testing

/// How fast a credential stops and works again, judged call by call under load.
@Suite(.tags(.store)) struct RevocationTests {
    @Test func `P5 no call that starts after a deactivation is accepted, P6 none after a reactivation is refused, 1,000 times`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "flip"))
            let secret = try #require(token.secret)

            let tally = try await house.underLoad(secret, lines: 3) { referee, probe async throws in
                try await referee.alternate(1000, probe, secret) {
                    _ = try await house.client().deactivateToken(token.id)
                } on: {
                    _ = try await house.client().activateToken(token.id)
                }
            }

            #expect(tally.faults.isEmpty)
            #expect(tally.accepted >= 300 && tally.refused >= 300)
        }
    }

    @Test func `D7 an account that is switched off and on stops and frees its callers as fast`() async throws {
        try await TestHouse.open { house async throws in
            let account = try await house.client().createAccount(
                NewAccount(kind: "service", name: "flip", withToken: true))
            let secret = try #require(account.token?.secret)

            let tally = try await house.underLoad(secret, lines: 4) { referee, probe async throws in
                try await referee.alternate(100, probe, secret) {
                    _ = try await house.client().deactivateAccount(account.id)
                } on: {
                    _ = try await house.client().activateAccount(account.id)
                }
            }

            #expect(tally.faults.isEmpty)
            #expect(tally.accepted >= 40 && tally.refused >= 40)
        }
    }

    @Test func `N6 a rotation stops nobody, and from the end of the overlap on the old secret opens nothing`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "turn"))
            let first = try #require(token.secret)

            let tally = try await house.underLoad(first, lines: 4) { referee, probe async throws in
                var old = first
                for _ in 0..<60 {
                    let new = try #require(
                        try await house.client().rotateToken(token.id, RotateToken(overlapSeconds: 3600)).secret)
                    #expect(try await probe.post(new) == 202)
                    referee.rule(.either)
                    house.clock.advance(by: .seconds(1))
                    _ = try await house.client().endOverlap(token.id)
                    referee.rule(.refused)
                    #expect(try await probe.post(old) == 401)
                    await referee.allHaveCalled()
                    referee.rule(.accepted, secret: new)
                    #expect(try await probe.post(new) == 202)
                    await referee.allHaveCalled()
                    old = new
                }
            }

            #expect(tally.faults.isEmpty)
            #expect(tally.accepted >= 40 && tally.refused >= 40)
        }
    }

    @Test func `N6 who has gone over to the new secret notices neither the rotation nor the end of the overlap`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "turn"))
            let secret = try #require(token.secret)

            let tally = try await house.underLoad(secret, lines: 4) { referee, _ async throws in
                for _ in 0..<60 {
                    let new = try #require(try await house.client().rotateToken(token.id).secret)
                    referee.rule(.accepted, secret: new)
                    await referee.allHaveCalled()
                    _ = try await house.client().endOverlap(token.id)
                }
            }

            #expect(tally.faults.isEmpty)
            #expect(tally.accepted >= 240 && tally.refused == 0)
        }
    }

    @Test func `D9 a transfer, of one token or of all, interrupts not a single call`() async throws {
        try await TestHouse.open { house async throws in
            let accounts = try await [
                house.client().createAccount(NewAccount(kind: "service", name: "a", withToken: true)),
                house.client().createAccount(NewAccount(kind: "service", name: "b")),
            ]
            let token = try #require(accounts[0].token)
            let secret = try #require(token.secret)

            let tally = try await house.underLoad(secret, lines: 4) { referee, _ async throws in
                for round in 0..<100 {
                    let (from, to) = (accounts[round % 2].id, accounts[(round + 1) % 2].id)
                    if round % 3 == 0 {
                        _ = try await house.client().transferTokens(of: from, TransferTokens(to: to))
                    } else {
                        _ = try await house.client().transferToken(token.id, TransferToken(to: to))
                    }
                    await referee.allHaveCalled()
                }
            }

            #expect(tally.faults.isEmpty)
            #expect(tally.accepted >= 400)
        }
    }

    @Test func `P5 P6 hold while everything else changes all the time, and no bystander is stopped by it`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "flip"))
            let secret = try #require(token.secret)
            let bell = Bell()

            let tallies = try await withThrowingTaskGroup(of: Tally?.self) { group in
                group.addTask {
                    var round = 0
                    while !bell.hasRung {
                        round += 1
                        try await house.changeSomethingElse(round)
                    }
                    return nil
                }
                group.addTask {
                    try await house.underLoad(house.made.apiToken, lines: 2) { _, probe async throws in
                        while !bell.hasRung {
                            let status = try await probe.post(house.made.apiToken)
                            #expect(status == 202)
                        }
                    }
                }
                group.addTask {
                    defer { bell.ring() }
                    return try await house.underLoad(secret, lines: 2) { referee, probe async throws in
                        try await referee.alternate(100, probe, secret) {
                            _ = try await house.client().deactivateToken(token.id)
                        } on: {
                            _ = try await house.client().activateToken(token.id)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }.compactMap { $0 }
            }

            #expect(tallies.count == 2)
            #expect(tallies.flatMap(\.faults).isEmpty)
            #expect(tallies.allSatisfy { $0.accepted >= 20 })
        }
    }

    @Test func `P5 a connection whose first call races the revocation is refused from the answer on`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "race"))
            let secret = try #require(token.secret)

            for _ in 0..<30 {
                let lines = try await house.lines(6)
                let first = Task {
                    try await withThrowingTaskGroup(of: Int.self) { group in
                        for line in lines { group.addTask { try await line.post(secret) } }
                        return try await group.reduce(into: []) { $0.append($1) }
                    }
                }
                _ = try await house.client().deactivateToken(token.id)
                let second = try await house.lines(1)[0].post(secret)
                #expect(try await first.value.allSatisfy { $0 == 202 || $0 == 401 })
                var third: [Int] = []
                for line in lines { third.append(try await line.post(secret)) }
                _ = try await house.client().activateToken(token.id)
                var fourth: [Int] = []
                for line in lines { fourth.append(try await line.post(secret)) }

                #expect(second == 401)
                #expect(third.allSatisfy { $0 == 401 })
                #expect(fourth.allSatisfy { $0 == 202 })
                for line in lines { await line.close() }
            }
        }
    }

    @Test(arguments: Revocation.allCases)
    func `P5 a body still coming in when the credential is revoked is refused, on a connection that was let in before`(
        revocation: Revocation
    ) async throws {
        try await TestHouse.open { house async throws in
            let stage = try await LateBodies(house)
            try await stage.warm()
            try await stage.begin()

            house.clock.advance(by: .seconds(1))
            try await revocation.carryOut(on: stage)
            let statuses = try await stage.finish()

            #expect(statuses.allSatisfy { $0 == revocation.status })
            #expect(try await house.causes().allSatisfy { $0 == revocation.cause })
            #expect(try await house.client().events(limit: 500).items.count == stage.lines.count)
            let held = try await house.client().heldCalls(limit: 500).items
            #expect(held.count == (revocation.isLapse ? stage.lines.count : 0))
            #expect(held.allSatisfy { $0.bodyBytes == LateBodies.bodyBytes })
        }
    }

    @Test(arguments: Bystanding.allCases)
    func `A body still coming in when something else changes is kept, and counts once against the token's rate`(
        change: Bystanding
    ) async throws {
        try await TestHouse.open { house async throws in
            // One call to warm each connection, one with the late body, and not one more.
            let stage = try await LateBodies(house, rateLimitPerMinute: Int64(2 * LateBodies.count))
            try await stage.warm()
            try await stage.begin()

            try await change.carryOut(on: stage)
            let statuses = try await stage.finish()

            #expect(statuses.allSatisfy { $0 == 202 })
            #expect(try await stage.lines[0].post(stage.secret) == 429)
        }
    }
}

/// What ends a credential.
enum Revocation: CaseIterable {
    case tokenDeactivated, accountDeactivated, tokenDeleted, overlapEnded, rotatedWithoutOverlap, networksNarrowed
    case webhookPaused

    var status: Int { self == .webhookPaused ? 404 : 401 }

    var cause: String {
        switch self {
        case .tokenDeactivated: "token_inactive"
        case .accountDeactivated: "owner_inactive"
        case .tokenDeleted: "unknown_token"
        case .overlapEnded, .rotatedWithoutOverlap: "secret_ended"
        case .networksNarrowed: "network_not_allowed"
        case .webhookPaused: "webhook_paused"
        }
    }

    /// Whether calls are kept aside for it (N3).
    var isLapse: Bool { self == .tokenDeactivated || self == .accountDeactivated }

    fileprivate func carryOut(on stage: LateBodies) async throws {
        let client = stage.house.client()
        switch self {
        case .tokenDeactivated: _ = try await client.deactivateToken(stage.token)
        case .accountDeactivated: _ = try await client.deactivateAccount(stage.account)
        case .tokenDeleted:
            _ = try await client.deactivateToken(stage.token)
            try await client.deleteToken(stage.token)
        case .overlapEnded:
            _ = try await client.rotateToken(stage.token)
            stage.house.clock.advance(by: .seconds(1))
            _ = try await client.endOverlap(stage.token)
        case .rotatedWithoutOverlap: _ = try await client.rotateToken(stage.token, RotateToken(overlapSeconds: 0))
        case .networksNarrowed: _ = try await client.editToken(stage.token, TokenEdit(networks: .set(["192.0.2.0/24"])))
        case .webhookPaused: _ = try await client.pauseWebhook(stage.house.made.webhook.text)
        }
    }
}

/// What changes beside a call and must not touch it.
enum Bystanding: CaseIterable {
    case nothing, anotherToken, anotherWebhook, transfer, rotation, newName

    fileprivate func carryOut(on stage: LateBodies) async throws {
        let client = stage.house.client()
        switch self {
        case .nothing: break
        case .anotherToken:
            let other = try await client.createToken(NewToken(kind: "api", name: "other"))
            _ = try await client.deactivateToken(other.id)
        case .anotherWebhook: _ = try await client.createWebhook(NewWebhook(name: "other"))
        case .transfer: _ = try await client.transferToken(stage.token, TransferToken(to: stage.house.made.owner.text))
        case .rotation: _ = try await client.rotateToken(stage.token, RotateToken(overlapSeconds: 60))
        case .newName: _ = try await client.editToken(stage.token, TokenEdit(name: "renamed"))
        }
    }
}

/// Connections that were let in before, each with half a body on the wire.
private struct LateBodies: Sendable {
    static let count = 9
    static let bodyBytes = 2000

    let house: TestHouse
    let account: String
    let token: String
    let secret: String
    let lines: [Line]

    init(_ house: TestHouse, rateLimitPerMinute: Int64? = nil) async throws {
        self.house = house
        account = try await house.client().createAccount(NewAccount(kind: "service", name: "late")).id
        let made = try await house.client().createToken(
            NewToken(kind: "api", owner: account, name: "late", rateLimitPerMinute: rateLimitPerMinute))
        token = made.id
        secret = try #require(made.secret)
        lines = try await house.lines(Self.count)
    }

    /// Lets every connection learn whose credential it is.
    func warm() async throws {
        for line in lines { #expect(try await line.post(secret) == 202) }
    }

    /// Sends heads and half the bodies, and returns when the server has judged all heads.
    func begin() async throws {
        var bytes = 0
        for (number, line) in lines.enumerated() {
            let manner = Line.Manner.allCases[number % Line.Manner.allCases.count]
            try await line.begin(secret, bodyBytes: Self.bodyBytes, manner)
            // Room is taken for as much as is known to come.
            bytes += manner == .chunked ? Self.bodyBytes / 2 : Self.bodyBytes
        }
        while try await house.client().status().bytesInFlight < bytes { await Task.yield() }
    }

    /// Sends the rest.
    func finish() async throws -> [Int] {
        var statuses: [Int] = []
        for line in lines { statuses.append(try await line.finish(bodyBytes: Self.bodyBytes)) }
        return statuses
    }
}

// MARK: Load

/// What is due to a call that starts now, and a count of what came of it.
///
/// A call is judged if what is due was the same from before its first byte until after its answer.
private final class Referee: Sendable {
    enum Due { case accepted, refused, either }

    struct Rule {
        /// Grows with each change.
        let step: Int
        let due: Due
        let secret: String
    }

    private struct State {
        var rule: Rule
        var tally = Tally()
        /// The step in which each sender began the call that it finished last.
        var finished: [Int]
        var isOver = false
        /// Who waits until all have called under the rule as it is now.
        var waiting: CheckedContinuation<Void, Never>?

        mutating func takeWaiting() -> CheckedContinuation<Void, Never>? {
            guard isOver || finished.allSatisfy({ $0 >= rule.step }) else { return nil }
            defer { waiting = nil }
            return waiting
        }
    }

    private let state: Mutex<State>

    init(secret: String, senders: Int) {
        state = Mutex(
            State(
                rule: Rule(step: 0, due: .accepted, secret: secret), finished: [Int](repeating: -1, count: senders)))
    }

    /// What is due to a call that starts now; `nil` when no more are to start.
    var now: Rule? {
        state.withLock { $0.isOver ? nil : $0.rule }
    }

    var tally: Tally { state.withLock { $0.tally } }

    /// Says what is due from now on.
    func rule(_ due: Due, secret: String? = nil) {
        state.withLock { state in
            state.rule = Rule(step: state.rule.step + 1, due: due, secret: secret ?? state.rule.secret)
        }
    }

    func end() {
        let waiting = state.withLock { state in
            state.isOver = true
            return state.takeWaiting()
        }
        waiting?.resume()
    }

    /// Takes down what came of a call that began under a rule.
    func judge(_ status: Int, by sender: Int, under rule: Rule) {
        let waiting = state.withLock { state in
            state.finished[sender] = rule.step
            let isSettled = state.rule.step == rule.step
            switch (status, rule.due) {
            case (202, .refused) where isSettled, (401, .accepted) where isSettled:
                state.tally.faults.append("\(status) in step \(rule.step)")
            case (202, .accepted) where isSettled: state.tally.accepted += 1
            case (401, .refused) where isSettled: state.tally.refused += 1
            case (202, _), (401, _): break
            default: state.tally.faults.append("\(status) in step \(rule.step)")
            }
            return state.takeWaiting()
        }
        waiting?.resume()
    }

    /// Switches a credential off and on, and after each answer makes a call at once.
    func alternate(
        _ times: Int, _ probe: Line, _ secret: String, off: () async throws -> Void, on: () async throws -> Void
    ) async throws {
        for time in 0..<times {
            rule(.either)
            try await off()
            rule(.refused)
            #expect(try await probe.post(secret) == 401)
            if time.isMultiple(of: 10) { await allHaveCalled() }
            rule(.either)
            try await on()
            rule(.accepted)
            #expect(try await probe.post(secret) == 202)
            if time.isMultiple(of: 10) { await allHaveCalled() }
        }
    }

    /// Returns when every sender has finished a call that began from now on.
    func allHaveCalled() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.isOver { return true }
                state.rule = Rule(step: state.rule.step + 1, due: state.rule.due, secret: state.rule.secret)
                state.waiting = continuation
                return false
            }
            if isOver { continuation.resume() }
        }
    }
}

/// Tells tasks that go on until something else is done.
private final class Bell: Sendable {
    private let state = Mutex(false)

    var hasRung: Bool { state.withLock { $0 } }

    func ring() {
        state.withLock { $0 = true }
    }
}

/// Calls that were judged.
private struct Tally: Sendable {
    var accepted = 0
    var refused = 0
    var faults: [String] = []
}

extension TestHouse {
    /// Calls as fast as the lines allow for as long as the body runs.
    fileprivate func underLoad(
        _ secret: String, lines count: Int, _ body: (Referee, Line) async throws -> Void
    ) async throws -> Tally {
        let referee = Referee(secret: secret, senders: count)
        let lines = try await lines(count + 1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (sender, line) in lines.dropLast().enumerated() {
                group.addTask {
                    defer { referee.end() }
                    while let rule = referee.now {
                        referee.judge(try await line.post(rule.secret), by: sender, under: rule)
                    }
                }
            }
            defer { referee.end() }
            try await body(referee, lines[count])
            referee.end()
            try await group.waitForAll()
        }
        for line in lines { await line.close() }
        return referee.tally
    }

    fileprivate func lines(_ count: Int) async throws -> [Line] {
        var lines: [Line] = []
        for _ in 0..<count { lines.append(try await Line.open(port: ingestPort, webhook: made.webhook.text)) }
        return lines
    }

    /// Changes credentials that nobody calls with.
    fileprivate func changeSomethingElse(_ round: Int) async throws {
        let account = try await client().createAccount(
            NewAccount(kind: "service", name: "bystander \(round)", withToken: true))
        let token = account.token?.id ?? ""
        _ = try await client().rotateToken(token, RotateToken(overlapSeconds: 60))
        _ = try await client().deactivateToken(token)
        _ = try await client().deactivateAccount(account.id)
        _ = try await client().createWebhook(NewWebhook(name: "bystander \(round)"))
        _ = try await client().editOrganization(OrganizationEdit(holdCalls: round % 2 == 0))
        try await client().deleteToken(token)
        try await client().deleteAccount(account.id)
    }
}

// MARK: One connection

/// A kept connection to the ingest listener, on which a test decides what is sent when.
private final class Line: Sendable {
    /// How a body is announced.
    enum Manner: CaseIterable { case length, chunked, expecting }

    /// The connection ended without an answer.
    struct Cut: Error {}

    private let channel: any Channel
    private let path: String
    private let statuses: AsyncStream<Int>

    private init(channel: any Channel, path: String, statuses: AsyncStream<Int>) {
        self.channel = channel
        self.path = path
        self.statuses = statuses
    }

    static func open(port: Int, webhook: String) async throws -> Line {
        let (statuses, found) = AsyncStream.makeStream(of: Int.self)
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let decoder = HTTPResponseDecoder(
                        leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .forward)
                    try channel.pipeline.syncOperations.addHandlers(
                        HTTPRequestEncoder(), ByteToMessageHandler(decoder), StatusReader(found))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return Line(channel: channel, path: "/in/\(webhook)", statuses: statuses)
    }

    /// Makes a whole call.
    func post(_ secret: String) async throws -> Int {
        let body = ByteBuffer(string: "{}")
        channel.write(HTTPClientRequestPart.head(head(secret, [("Content-Length", "\(body.readableBytes)")])), promise: nil)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil)
        try await channel.writeAndFlush(HTTPClientRequestPart.end(nil))
        return try await nextStatus()
    }

    /// Sends the head of a call and half its body, after "100 Continue" where that is asked for.
    func begin(_ secret: String, bodyBytes: Int, _ manner: Manner) async throws {
        var fields =
            manner == .chunked ? [("Transfer-Encoding", "chunked")] : [("Content-Length", "\(bodyBytes)")]
        if manner == .expecting { fields.append(("Expect", "100-continue")) }
        try await channel.writeAndFlush(HTTPClientRequestPart.head(head(secret, fields)))
        if manner == .expecting, try await nextStatus() != 100 { throw Cut() }
        let half = ByteBuffer(repeating: 0x78, count: bodyBytes / 2)
        try await channel.writeAndFlush(HTTPClientRequestPart.body(.byteBuffer(half)))
    }

    /// Sends the other half.
    func finish(bodyBytes: Int) async throws -> Int {
        let rest = ByteBuffer(repeating: 0x79, count: bodyBytes - bodyBytes / 2)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(rest)), promise: nil)
        try await channel.writeAndFlush(HTTPClientRequestPart.end(nil))
        return try await nextStatus()
    }

    func close() async {
        try? await channel.close()
    }

    private func head(_ secret: String, _ fields: [(String, String)]) -> HTTPRequestHead {
        let common = [("Host", "127.0.0.1"), ("Authorization", "Bearer \(secret)")]
        return HTTPRequestHead(version: .http1_1, method: .POST, uri: path, headers: HTTPHeaders(common + fields))
    }

    private func nextStatus() async throws -> Int {
        for await status in statuses { return status }
        throw Cut()
    }
}

/// Hands on the status of each answer once the whole answer is in.
private final class StatusReader: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let found: AsyncStream<Int>.Continuation
    private var status = 0

    init(_ found: AsyncStream<Int>.Continuation) {
        self.found = found
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            status = Int(head.status.code)
            // Nothing follows it.
            if status < 200 { found.yield(status) }
        case .body: break
        case .end: found.yield(status)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        found.finish()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
