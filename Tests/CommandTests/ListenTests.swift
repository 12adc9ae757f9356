import ArgumentParser
import Client
import Contract
import Domain
import Foundation
import Manage
import NIOCore
import NIOPosix
import ServerSupport
import Synchronization
import TestSupport
import Testing

@testable import inlet

/// `inlet listen`, and the wait for events that it rests on.
@Suite(.tags(.store)) struct ListenTests {
    // MARK: The wait

    @Test func `Who waits for events is answered as soon as one comes`() async throws {
        try await TestHouse.open { house async throws in
            let first = try #require(try await house.call(bearer: house.made.apiToken).event)
            let start = ContinuousClock.now
            async let waited = house.client().events(since: first, waitSeconds: 25)
            let second = try #require(try await house.call(bearer: house.made.apiToken).event)

            #expect(try await waited.items.map(\.id) == [second])
            #expect(start.duration(to: .now) < .seconds(20))
        }
    }

    @Test func `An event of another webhook does not end the wait`() async throws {
        try await TestHouse.open { house async throws in
            let other = try await house.client().createWebhook(NewWebhook(name: "other"))
            let first = try #require(try await house.call(bearer: house.made.apiToken).event)
            async let waited = house.client().events(since: "evt_0000000000000", webhook: other.id, waitSeconds: 1)
            _ = try await house.call(bearer: house.made.apiToken)

            #expect(try await waited.items.isEmpty)
            #expect(try await house.client().events(since: first).items.count == 1)
        }
    }

    @Test func `A wait that is broken off ends at once`() async throws {
        try await TestHouse.open { house async throws in
            let start = ContinuousClock.now
            let waiting = Task {
                try await EventOperations(house.house.desk).newer(
                    than: "evt_0000000000000", webhook: nil, limit: nil, waitSeconds: 25, house.owner)
            }
            waiting.cancel()

            #expect(try await waiting.value.items.isEmpty)
            #expect(start.duration(to: .now) < .seconds(20))
        }
    }

    @Test func `Whoever loses the right to look while waiting is refused`() async throws {
        try await TestHouse.open { house async throws in
            let viewer = try await house.member(.viewer)
            let client = house.client(viewer.managementToken)
            let waiting = Task { try await client.events(since: "evt_0000000000000", waitSeconds: 25) }
            _ = try await house.client().deactivateAccount(viewer.account.text)

            await #expect { _ = try await waiting.value } throws: { error in
                guard case ClientError.problem(let problem) = error else { return false }
                return problem.code == "unauthorized"
            }
        }
    }

    @Test func `A wait that is too long, or for nothing, is refused`() async throws {
        let cases: [String] = [
            "since=evt_0000000000000&wait_seconds=26", "since=evt_0000000000000&wait_seconds=-1", "wait_seconds=1",
        ]
        try await TestHouse.open { house async throws in
            for query in cases {
                let answer = try await house.api(.GET, "events?\(query)")

                #expect(answer.status == 400 && answer.problem?.field == "wait_seconds", "\(query)")
            }
        }
    }

    // MARK: The loop

    @Test func `Events are handed over in order, each with its exact body and the fields a flow sends`() async throws {
        try await TestHouse.open { house async throws in
            try await Receiver.open { receiver in
                receiver.status = 500
                let earlier = try #require(try await house.call(bearer: house.made.apiToken).event)
                let bodies = (0..<5).map { Data("{ \"n\" :\($0)}".utf8) }
                let (news, events) = try await Self.listen(house.client(), receiver, house, until: bodies.count) {
                    try await bodies.asyncMap { body in
                        try #require(
                            try await house.call(
                                bearer: house.made.apiToken,
                                headers: [
                                    ("Content-Type", "application/json"), ("X-Shop", "nl"), ("Inlet-Context", "order 7"),
                                    ("Inlet-Replay", "forged"),
                                ], body: body
                            ).event)
                    }
                }

                #expect(receiver.posts.map(\.body) == bodies)
                #expect(news.handedOver == events && !events.contains(earlier))
                let headers = try #require(receiver.posts.first?.headers)
                #expect(headers["webhook-id"] == events.first && headers["inlet-event"] == events.first)
                #expect(headers["inlet-webhook"] == house.made.webhook.text && headers["inlet-attempt"] == "1")
                #expect(headers["webhook-timestamp"] == "1800000000" && headers["inlet-context"] == "order 7")
                #expect(headers["content-type"] == "application/json" && headers["x-shop"] == "nl")
                #expect(headers["authorization"] == nil && headers["inlet-replay"] == nil)
            }
        }
    }

    @Test func `It begins after the event that it is told`() async throws {
        try await TestHouse.open { house async throws in
            try await Receiver.open { receiver in
                let events = try await (0..<3).asyncMap { _ in
                    try #require(try await house.call(bearer: house.made.apiToken).event)
                }
                let (news, _) = try await Self.listen(house.client(), receiver, house, since: events[0], until: 2) {}

                #expect(news.handedOver == Array(events.dropFirst()))
            }
        }
    }

    @Test func `What comes while the server is away is handed over once it is back, in order and once`() async throws {
        let port = try await Self.freePort()
        try await Receiver.open { receiver in
            let news = NewsBox()
            let running = Mutex<Task<Void, any Error>?>(nil)
            let expected = Mutex<[String]>([])
            try await TestHouse.openTwice([.admin: "127.0.0.1:\(port)"]) { house in
                let first = try #require(try await house.call(bearer: house.made.apiToken).event)
                let loop = try Self.loop(house.client(), receiver, house, since: "evt_0000000000000", news)
                running.withLock { $0 = Task { try await loop.run() } }
                try await news.wait { $0.handedOver == [first] }
                expected.withLock { $0 = [first] }
            } keys: { _, keyRing in
                try await news.wait { $0.awayCount == 1 }
                return keyRing
            } second: { house in
                for _ in 0..<3 {
                    let event = try #require(try await house.call(bearer: house.made.apiToken).event)
                    expected.withLock { $0.append(event) }
                }
                try await news.wait { $0.handedOver.count >= 4 }
                running.withLock { $0?.cancel() }
                try await running.withLock { $0 }?.value
            }

            #expect(news.handedOver == expected.withLock { $0 })
            #expect(news.awayCount == 1 && news.backCount == 1)
            #expect(receiver.posts.compactMap { $0.headers["webhook-id"] } == news.handedOver)
        }
    }

    @Test func `An event is done when it was handed over, though nobody listens there`() async throws {
        let port = try await Self.freePort()
        try await TestHouse.open { house async throws in
            let news = NewsBox()
            let event = try #require(try await house.call(bearer: house.made.apiToken).event)
            let loop = ListenLoop(
                client: house.client(), program: try LocalProgram(url: "http://127.0.0.1:\(port)/"),
                source: .webhook(house.made.webhook.text), clock: house.clock, place: ListenPlace(since: "evt_0000000000000"),
                say: { news.take($0) })
            let running = Task { try await loop.run() }
            try await news.wait { $0.handedOver == [event] }
            running.cancel()
            try await running.value

            #expect(news.faults == ["nobody listens there"] && loop.place.since == event)
        }
    }

    @Test func `The last event is handed over again with a mark`() async throws {
        try await TestHouse.open { house async throws in
            try await Receiver.open { receiver in
                let news = NewsBox()
                let event = try #require(try await house.call(bearer: house.made.apiToken).event)
                let loop = try Self.loop(house.client(), receiver, house, since: "evt_0000000000000", news)
                try await loop.repeatLast()
                #expect(receiver.posts.isEmpty)
                let running = Task { try await loop.run() }
                try await news.wait { $0.handedOver == [event] }
                try await loop.repeatLast()
                running.cancel()
                try await running.value

                #expect(receiver.posts.map { $0.headers["inlet-replay"] } == [nil, "true"])
                #expect(receiver.posts.map { $0.headers["webhook-id"] } == [event, event])
            }
        }
    }

    @Test func `A webhook that does not exist ends it at once`() async throws {
        try await TestHouse.open { house async throws in
            let loop = ListenLoop(
                client: house.client(), program: try LocalProgram(url: "http://127.0.0.1:9/"), source: .webhook("none"),
                clock: house.clock, place: ListenPlace(), say: { _ in })

            await #expect(throws: ClientError.self) { try await loop.run() }
        }
    }

    // MARK: Messages

    @Test func `What belongs to the caller's connection, and what Inlet says itself, is not passed on`() throws {
        let names = [
            "Host", "Content-Length", "Connection", "X-Hop", "Transfer-Encoding", "Cookie", "Authorization",
            "Inlet-Attempt", "Webhook-Id", "X-Kept",
        ]
        let event = EventView(
            id: "evt_1", webhook: "wh_1", token: "tok_1", receivedAt: "", remoteAddress: "", query: nil, contentType: nil,
            headers: names.map { [$0, $0 == "Connection" ? "close, x-hop" : "theirs"] },
            context: .object(["order": .number(7)]), basicUser: nil, bodyBytes: 0, bodySha256: "")
        let message = try LocalMessage(event, body: Data(), at: Timestamp(seconds: 5))

        #expect(message.headers.filter { $0.value == "theirs" }.map(\.name) == ["X-Kept"])
        #expect(message.headers.first { $0.name == "Inlet-Context" }?.value == #"{"order":7}"#)
        #expect(message.headers.first { $0.name == "webhook-timestamp" }?.value == "5")
    }

    @Test func `A claim is sent with exactly its own fields`() {
        let claim = ClaimView(
            delivery: "dlv_1", attempt: 2, event: "evt_1", webhook: "wh_1", leaseUntil: "",
            headers: [["webhook-id", "evt_1"], ["X-Twice", "a"], ["X-Twice", "b"]], bodyBase64: "/w==")
        let message = LocalMessage(claim)

        #expect(message.headers.map { [$0.name, $0.value] } == claim.headers)
        #expect(message.body == Data([0xFF]) && message.delivery == "dlv_1")
    }

    // MARK: What is typed

    @Test(arguments: [
        "--forward http://localhost:3000", "--webhook a --destination b --forward http://localhost:3000",
        "--destination b --since evt_1 --forward http://localhost:3000", "--webhook a --forward ftp://localhost",
        "--webhook a --forward localhost:3000", "--webhook a --forward http://localhost:70000", "--webhook a",
    ])
    func `What cannot be listened to is refused before anything is asked`(line: String) {
        #expect(throws: (any Error).self) { try ListenCommand.parse(line.split(separator: " ").map(String.init)) }
    }

    @Test(arguments: [
        "--webhook a --forward http://localhost:3000/hook --since evt_1", "--destination b --forward https://[::1]:3000",
    ])
    func `One source and one program are enough`(line: String) throws {
        _ = try ListenCommand.parse(line.split(separator: " ").map(String.init))
    }

    // MARK: Tools

    private static func loop(
        _ client: InletClient, _ receiver: Receiver, _ house: TestHouse, since: String?, _ news: NewsBox
    ) throws -> ListenLoop {
        ListenLoop(
            client: client, program: try LocalProgram(url: receiver.url), source: .webhook(house.made.webhook.text),
            clock: house.clock, place: ListenPlace(since: since), pauses: (.milliseconds(10), .milliseconds(50)),
            say: { news.take($0) })
    }

    /// Listens from before the body until so many events were handed over.
    private static func listen<Value>(
        _ client: InletClient, _ receiver: Receiver, _ house: TestHouse, since: String? = nil, until count: Int,
        body: () async throws -> Value
    ) async throws -> (NewsBox, Value) {
        let news = NewsBox()
        let loop = try loop(client, receiver, house, since: since, news)
        let running = Task { try await loop.run() }
        try await news.wait { _ in loop.place.since != nil }
        let value = try await body()
        try await news.wait { $0.handedOver.count >= count }
        running.cancel()
        try await running.value
        return (news, value)
    }

    private static func freePort() async throws -> Int {
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(channel.localAddress?.port)
        try await channel.close()
        return port
    }
}

/// What a loop says, in order.
private final class NewsBox: Sendable {
    private let news = Mutex<[ListenNews]>([])

    func take(_ item: ListenNews) {
        news.withLock { $0.append(item) }
    }

    /// Events that were handed over, but for those that were asked for again.
    var handedOver: [String] {
        all.compactMap { if case .handedOver(let message, _, isReplay: false) = $0 { message.event } else { nil } }
    }

    var faults: [String] {
        all.compactMap {
            if case .handedOver(_, let answer, _) = $0, case .fault(let words) = answer.result { words } else { nil }
        }
    }

    var awayCount: Int { all.count { if case .away = $0 { true } else { false } } }
    var backCount: Int { all.count { if case .back = $0 { true } else { false } } }

    private var all: [ListenNews] { news.withLock { $0 } }

    /// Looks again and again until it is so, and gives up after a while.
    func wait(until isSo: (NewsBox) -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while !isSo(self) {
            try #require(ContinuousClock.now < end, "it never came to that")
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
