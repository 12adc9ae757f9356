import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import Manage
import NIOHTTP1
import ServerSupport
import Storage
import TestSupport
import Testing

/// Deliveries: what a destination gets, when it is tried again, and what is on record. Rows N1 and N10, docs/flows.md.
@Suite(.tags(.store)) struct DeliveryTests {
    // MARK: What is sent

    @Test func `N10 a destination gets the caller's exact bytes and type, our fields, its own, and none of the caller's`()
        async throws
    {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                try await house.destination(at: receiver, settings: ["headers": "X-One: 1\nx-two: a: b", "method": "PUT"])
                try await house.flow()
                let body = Data((0...255).map { UInt8($0) }) + Data("\r\n\0é".utf8)
                let sent = [
                    ("Content-Type", "application/x-odd; charset=none"), ("Inlet-Context", "order 7"), ("X-Caller", "private"),
                    ("Cookie", "c=1"), ("Proxy-Authorization", "Basic eA=="),
                ]

                let event = try #require(
                    try await house.call(bearer: house.made.apiToken, headers: sent, body: body).event)

                try await house.delivery(of: event, "delivered")
                let post = try #require(receiver.posts.first)
                #expect(post.body == body && post.method == "PUT" && post.target == "/hook/far")
                #expect(
                    Set(post.names)
                        == [
                            "content-length", "content-type", "inlet-attempt", "inlet-context", "inlet-event", "inlet-webhook",
                            "user-agent", "webhook-id", "webhook-timestamp", "x-one", "x-two",
                        ], "\(post.names)")
                #expect(Set(post.names).count == post.names.count)
                let seconds = house.clock.now().microseconds / 1_000_000
                for (name, value) in [
                    "content-type": "application/x-odd; charset=none", "inlet-attempt": "1", "inlet-context": "order 7",
                    "inlet-event": event, "inlet-webhook": house.made.webhook.text, "webhook-id": event,
                    "webhook-timestamp": "\(seconds)", "x-one": "1", "x-two": "a: b", "content-length": "\(body.count)",
                ] { #expect(post.headers[name] == value, "\(name)") }
                #expect(post.headers["user-agent"]?.hasPrefix("Inlet/") ?? false, "\(post.headers["user-agent"] ?? "")")
            }
        }
    }

    @Test func `N10 an empty body goes as an empty body, and a large one whole`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                try await house.destination(at: receiver)
                try await house.flow()
                let large = Data((0..<900_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })

                for body in [Data(), large] {
                    let event = try #require(try await house.call(bearer: house.made.apiToken, body: body).event)
                    try await house.delivery(of: event, "delivered")
                    #expect(receiver.posts.last?.body == body)
                }
            }
        }
    }

    // MARK: Attempts

    @Test func `N1 a delivery is tried by its schedule, each time on record, until the attempts are used up`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                receiver.status = 503
                receiver.text = "not today"
                let destination = try await house.destination(at: receiver)
                #expect(destination.schedule == "0,5s,5m,30m,2h,5h,10h,14h,20h,24h")
                try await house.flow()

                let event = try await house.event()

                let steps: [Int64] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
                for (number, step) in steps.enumerated() {
                    let failed = try await house.delivery(of: event, "due", attempts: number + 1)
                    let wait = try house.wait(until: failed.dueAt)
                    #expect(wait.microseconds >= step * 800_000 && wait.microseconds <= step * 1_200_000, "\(number)")
                    // An answer tells milliseconds, and leaves out what is beyond.
                    house.clock.advance(by: Interval(microseconds: wait.microseconds - 1))
                    try await house.round()
                    #expect(try await house.deliveryNow(of: event).attempts == number + 1)
                    try await house.pass(Interval(microseconds: 1001))
                }
                let dead = try await house.delivery(of: event, "dead", attempts: 10)
                #expect(dead.reason == "attempts_used_up" && dead.dueAt == nil && dead.settledAt == house.clock.now().text)
                let attempts = try #require(dead.attemptList)
                #expect(attempts.map(\.number) == Array(1...10))
                #expect(
                    attempts.allSatisfy {
                        $0.outcome == "refused" && $0.status == 503 && $0.answer == "not today" && $0.milliseconds != nil
                            && $0.finishedAt != nil
                    })
                #expect(receiver.posts.map { $0.headers["inlet-attempt"] } == (1...10).map { "\($0)" })
                #expect(Set(receiver.posts.map { $0.headers["webhook-id"] }) == [event])
                let moments = receiver.posts.compactMap { $0.headers["webhook-timestamp"].flatMap { Int64($0) } }
                #expect(moments.count == 10 && moments == moments.sorted() && Set(moments).count == 10)
                try await house.pass(.days(30))
                #expect(receiver.posts.count == 10)
            }
        }
    }

    @Test func `N10 what is dead or delivered is sent again as a new delivery, marked as a replay; what is open is not`()
        async throws
    {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                receiver.status = 500
                try await house.destination(at: receiver, schedule: "0,5s")
                try await house.flow()
                let event = try await house.event()
                let due = try await house.delivery(of: event, "due", attempts: 1)
                let early = try await house.api(.POST, "deliveries/\(due.id)/retry")
                #expect(early.status == 409 && early.problem?.code == "not_settled")
                try await house.pass(.seconds(6))
                let dead = try await house.delivery(of: event, "dead")
                receiver.status = 200

                let again = try await house.client().retryDelivery(dead.id)

                #expect(again.id != dead.id && again.isReplay && again.replay == nil && again.event == event)
                try await house.delivery(of: event, "delivered", attempts: 1)
                let third = try await house.client().retryDelivery(again.id)
                try await house.until("the third") { try await house.client().delivery(third.id).state == "delivered" }
                #expect(receiver.posts.map { $0.headers["inlet-replay"] } == [nil, nil, "true", "true"])
                #expect(receiver.posts.map { $0.headers["inlet-attempt"] } == ["1", "2", "1", "1"])
                #expect(try await house.client().delivery(dead.id).state == "dead")
                #expect(try await house.client().deliveries(event: event).items.map(\.id) == [third.id, again.id, dead.id])
                let acts = try await house.client().auditEntries(action: "delivery.retry").items
                #expect(acts.map { $0.details["as"] } == [third.id, again.id])
            }
        }
    }

    @Test func `N10 what waits or is due can be stopped, and nothing else`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                receiver.status = 500
                try await house.destination(at: receiver)
                try await house.flow()
                let event = try await house.event()
                let due = try await house.delivery(of: event, "due", attempts: 1)

                let cancelled = try await house.client().cancelDelivery(due.id)

                #expect(cancelled.state == "cancelled" && cancelled.reason == "by_hand")
                receiver.hold()
                let running = try await house.delivery(of: try await house.event(), "running")
                for id in [due.id, running.id] {
                    let refused = try await house.api(.POST, "deliveries/\(id)/cancel")
                    #expect(refused.status == 409 && refused.problem?.code == "not_open")
                }
                try await house.pass(.days(1))
                #expect(receiver.posts.count == 2)
                receiver.release()
                try await house.delivery(of: running.event, "due", attempts: 1)
            }
        }
    }

    @Test func `N1 Retry-After is honoured in seconds and as a date, up to 24 hours, and never makes a wait shorter`()
        async throws
    {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                receiver.status = 429
                try await house.destination(at: receiver, schedule: "0,100s")
                try await house.flow()
                // The clock of the tests stands at 2027-01-15 08:00:00.
                for (field, least, most) in [
                    ("3600", 3600, 3600), ("Fri, 15 Jan 2027 09:00:00 GMT", 3600, 3600), ("99999999999999999999", 86_400, 86_400),
                    ("Sat, 15 Jan 2028 08:00:00 GMT", 86_400, 86_400), ("1", 80, 120), ("soon", 80, 120),
                    ("Thu, 14 Jan 2027 08:00:00 GMT", 80, 120),
                ] as [(String, Int64, Int64)] {
                    receiver.headers = [("Retry-After", field)]
                    // So that the failures make no row.
                    _ = try await house.client().editDestination("far", DestinationEdit(schedule: .set("0,100s")))
                    let event = try await house.event()
                    let failed = try await house.delivery(of: event, "due", attempts: 1)
                    let wait = try house.wait(until: failed.dueAt).microseconds
                    #expect(wait >= least * 1_000_000 && wait <= most * 1_000_000, "\(field): \(wait)")
                    receiver.judge { $0.text == "good" ? 204 : nil }
                    try await house.delivery(of: try await house.event("good"), "delivered")
                }
            }
        }
    }

    @Test(arguments: [301, 302, 307, 400, 404, 418, 503])
    func `N1 whatever is no success is tried again, and no redirect is followed`(status: Int) async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                receiver.status = status
                receiver.headers = [("Location", "\(receiver.base)/hook/elsewhere")]
                try await house.destination(at: receiver)
                try await house.flow()

                let event = try await house.event()

                let failed = try await house.delivery(of: event, "due", attempts: 1)
                #expect(failed.attemptList?.map(\.outcome) == ["refused"] && failed.attemptList?.map(\.status) == [status])
                #expect(receiver.posts.map(\.target) == ["/hook/far"])
                receiver.status = 299
                try await house.pass(.seconds(7))
                try await house.delivery(of: event, "delivered", attempts: 2)
            }
        }
    }

    @Test func `N1 what does not answer in time, and where nobody listens, is on record as such`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                receiver.hold()
                try await house.destination("slow", at: receiver, settings: ["timeout_seconds": "1"])
                try await house.destination("nobody", at: receiver, settings: ["url": "http://127.0.0.1:1/hook"])
                try await house.flow(to: ["slow", "nobody"])

                let event = try await house.event()

                let slow = try await house.delivery(of: event, "due", attempts: 1, to: "slow")
                #expect(slow.attemptList?.map(\.outcome) == ["timed_out"])
                let nobody = try await house.delivery(of: event, "due", attempts: 1, to: "nobody")
                #expect(nobody.attemptList?.map(\.outcome) == ["connection_failed"])
                for one in [slow, nobody] {
                    #expect(one.attemptList?.first?.error != nil && one.attemptList?.first?.status == nil)
                }
                receiver.release()
            }
        }
    }

    @Test func `N10 an address that is not public is not reached unless the server allows it`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open { house async throws in
                try await house.destination(at: receiver)
                try await house.flow()

                let event = try await house.event()

                let refused = try await house.delivery(of: event, "due", attempts: 1)
                #expect(refused.attemptList?.map(\.outcome) == ["egress_refused"])
                #expect(refused.attemptList?.first?.error?.contains("127.0.0.1") ?? false)
                #expect(receiver.posts.isEmpty)
            }
        }
    }

    // MARK: When a destination is gone or fails

    @Test func `N10 410 disables the destination with a warning and an entry, and what is open waits for it`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                receiver.status = 500
                let destination = try await house.destination(at: receiver)
                try await house.flow()
                let earlier = try await house.event("earlier")
                try await house.delivery(of: earlier, "due", attempts: 1)
                receiver.status = 410

                let event = try await house.event("gone")

                let dead = try await house.delivery(of: event, "dead")
                #expect(dead.reason == "gone" && dead.attempts == 1)
                let disabled = try await house.client().destination("far")
                #expect(disabled.state == "disabled" && disabled.disabledReason == "gone")
                #expect(disabled.disabledSince == house.clock.now().text)
                try await house.delivery(of: earlier, "waiting", attempts: 1)
                let late = try await house.event("late")
                try await house.delivery(of: late, "waiting")
                let entry = try #require(try await house.client().auditEntries(action: "destination.disable").items.first)
                #expect(entry.subject == destination.id && entry.actor == nil && entry.details["reason"] == "gone")
                let warning = try #require(try await house.client().warnings().items.first)
                #expect(warning.kind == "destination_disabled" && warning.subject == destination.id)
                receiver.status = 204
                try await house.pass(.days(1))
                #expect(receiver.posts.count == 2)
                #expect(try await house.client().enableDestination("far").disabledReason == nil)
                for event in [earlier, late] { try await house.delivery(of: event, "delivered") }
                #expect(try await house.deliveryNow(of: event).state == "dead")
            }
        }
    }

    @Test func `N10 five days of nothing but failures disable a destination; once enabled it has as long again`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                receiver.status = 500
                try await house.destination(at: receiver, schedule: "0")
                try await house.flow()
                for number in 1...11 {
                    #expect(try await house.client().destination("far").state == "active", "\(number)")
                    try await house.delivery(of: try await house.event(), "dead")
                    if number == 1 {
                        #expect(try await house.client().destination("far").failingSince == house.clock.now().text)
                    }
                    house.clock.advance(by: .seconds(43_200))
                }

                let disabled = try await house.client().destination("far")

                #expect(disabled.state == "disabled" && disabled.disabledReason == "failing")
                #expect(try await house.client().warnings().items.contains { $0.kind == "destination_disabled" })
                let enabled = try await house.client().enableDestination("far")
                #expect(enabled.state == "active" && enabled.failingSince == nil)
                try await house.delivery(of: try await house.event(), "dead")
                try await house.round()
                #expect(try await house.client().destination("far").state == "active")
                #expect(try await house.client().destination("far").failingSince == house.clock.now().text)
                receiver.status = 204
                try await house.delivery(of: try await house.event(), "delivered")
                #expect(try await house.client().destination("far").failingSince == nil)
            }
        }
    }

    @Test func `N1 after five failures in a row a destination is left alone for 30 s, then one attempt tries it`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                receiver.status = 500
                try await house.destination(at: receiver, schedule: "0")
                try await house.flow()
                for _ in 0..<5 { try await house.delivery(of: try await house.event(), "dead") }

                let events = try await (0..<6).asyncMap { try await house.event("\($0)") }
                try await house.round()

                #expect(receiver.posts.count == 5)
                try await house.pass(Interval(microseconds: 29_999_999))
                #expect(receiver.posts.count == 5)
                receiver.hold()
                try await house.pass(Interval(microseconds: 1))
                try await house.until("the one attempt") { receiver.posts.count == 6 }
                try await house.round()
                #expect(try await house.client().deliveries(destination: "far", state: "running").items.count == 1)
                receiver.release()
                try await house.until("its failure") {
                    try await house.client().deliveries(destination: "far", state: "dead").items.count == 6
                }
                // Then for twice as long.
                try await house.pass(.seconds(59))
                #expect(receiver.posts.count == 6)
                receiver.status = 204
                try await house.pass(.seconds(1))
                for event in events.dropFirst() { try await house.delivery(of: event, "delivered") }
                #expect(receiver.posts.count == 11)
            }
        }
    }

    // MARK: How many at once

    @Test func `N1 a destination never has more attempts at once than it says, 4 unless it says so`() async throws {
        for (concurrency, most) in [(nil, 4), (1, 1), (7, 7)] {
            try await Receiver.open { receiver async throws in
                try await TestHouse.open(TestHouse.near) { house async throws in
                    receiver.hold()
                    try await house.destination(at: receiver, concurrency: concurrency)
                    try await house.flow()

                    let events = try await (0..<12).asyncMap { try await house.event("\($0)") }

                    try await house.until("as many as may be") { receiver.underWay == most }
                    try await house.round()
                    #expect(receiver.underWay == most)
                    #expect(try await house.client().deliveries(destination: "far", state: "running").items.count == most)
                    receiver.release()
                    for event in events { try await house.delivery(of: event, "delivered", attempts: 1) }
                    #expect(receiver.underWayMost == most && receiver.posts.count == 12)
                }
            }
        }
    }

    @Test func `N1 a rate lets so many begin in a second, and a pause is no licence for a burst`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                try await house.destination(at: receiver, ratePerSecond: 2)
                try await house.flow()
                for number in 0..<9 { try await house.event("\(number)") }

                for (seconds, count) in [(0, 2), (1, 4), (100, 6)] as [(Int64, Int)] {
                    try await house.pass(.seconds(seconds))
                    try await house.until("\(count) posts") { receiver.posts.count >= count }
                    try await house.round()
                    #expect(receiver.posts.count == count)
                }
                #expect(receiver.posts.map(\.text).sorted() == (0..<6).map(String.init))
            }
        }
    }

    @Test func `N1 first attempts go before repeated ones`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                receiver.status = 500
                try await house.destination(at: receiver, concurrency: 1)
                try await house.flow()
                for text in ["old", "old"] { try await house.delivery(of: try await house.event(text), "due", attempts: 1) }
                receiver.status = 204
                receiver.hold()
                try await house.event("first")
                try await house.until("the first") { receiver.underWay == 1 }

                house.clock.advance(by: .seconds(60))
                for _ in 0..<3 { try await house.event("new") }
                receiver.release()

                try await house.until("all") { receiver.posts.count == 8 }
                #expect(receiver.posts.map(\.text) == ["old", "old", "first", "new", "new", "new", "old", "old"])
            }
        }
    }

    @Test func `N1 a destination that holds all its attempts delays no other`() async throws {
        try await Receiver.open { slow async throws in
            try await Receiver.open { quick async throws in
                try await TestHouse.open(TestHouse.near) { house async throws in
                    slow.hold()
                    try await house.destination("slow", at: slow)
                    try await house.destination("quick", at: quick)
                    try await house.flow(to: ["slow", "quick"])

                    let events = try await (0..<12).asyncMap { try await house.event("\($0)") }

                    for event in events { try await house.delivery(of: event, "delivered", to: "quick") }
                    #expect(slow.posts.count == 4)
                    slow.release()
                    for event in events { try await house.delivery(of: event, "delivered", to: "slow") }
                }
            }
        }
    }

    // MARK: Order

    @Test(arguments: ["X-Order", "x-order", "$.order.id", "Inlet-Context"])
    func `N1 in order each key goes one after the other, and one that is blocked delays no other`(orderedBy: String)
        async throws
    {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                try await house.destination(at: receiver, orderedBy: orderedBy)
                try await house.flow()
                receiver.judge { $0.text.contains("a1") ? 500 : nil }

                let events = try await Self.send(["a1", "b1", "a2", "a3", "b2", "b3", "c1"], house)

                for name in ["b1", "b2", "b3", "c1"] { try await house.delivery(of: events[name, default: ""], "delivered") }
                try await house.delivery(of: events["a1", default: ""], "due", attempts: 1)
                try await house.round()
                for name in ["a2", "a3"] { #expect(try await house.deliveryNow(of: events[name, default: ""]).attempts == 0) }
                let keys = try await house.deliveryNow(of: events["a2", default: ""]).orderKey
                #expect(keys == "a")
                receiver.judge { _ in nil }
                try await house.pass(.seconds(7))
                for name in ["a1", "a2", "a3"] { try await house.delivery(of: events[name, default: ""], "delivered") }
                let names = receiver.posts.compactMap { post in events.keys.first { post.text.contains($0) } }
                #expect(names.filter { $0.hasPrefix("a") } == ["a1", "a1", "a2", "a3"])
                #expect(names.filter { $0.hasPrefix("b") } == ["b1", "b2", "b3"])
            }
        }
    }

    @Test func `N1 the order holds over a restart, and what lacks the key goes by itself`() async throws {
        try await Receiver.open { receiver async throws in
            receiver.judge { $0.text.contains("a1") ? 500 : nil }
            try await TestHouse.openTwice(TestHouse.near) { house async throws in
                try await house.destination(at: receiver, orderedBy: "$.order.id")
                try await house.flow()
                let first = try #require(try await Self.send(["a1"], house)["a1"])
                try await house.delivery(of: first, "due", attempts: 1)
                _ = try await Self.send(["a2", "a3", "a4"], house)
                try await house.delivery(of: try await house.event("no json"), "delivered")
            } keys: { _, ring in
                ring
            } second: { house async throws in
                try await house.round()
                #expect(receiver.posts.count == 2)
                receiver.judge { _ in nil }
                let late = try #require(try await Self.send(["a5"], house)["a5"])
                try await house.round()
                #expect(receiver.posts.count == 2)
                try await house.pass(.seconds(7))
                try await house.delivery(of: late, "delivered")
                let names = receiver.posts.compactMap { post in (1...5).first { post.text.contains("a\($0)") } }
                #expect(names == [1, 1, 2, 3, 4, 5])
            }
        }
    }

    /// Sends events whose key is the letter of their name.
    private static func send(_ names: [String], _ house: TestHouse) async throws -> [String: String] {
        var events: [String: String] = [:]
        for name in names {
            let key = String(name.prefix(1))
            events[name] = try await house.event(
                #"{"order":{"id":"\#(key)"},"name":"\#(name)"}"#, headers: [("X-Order", key), ("Inlet-Context", key)])
        }
        return events
    }

    // MARK: Restart

    @Test func `N1 what was under way when the server died is interrupted and sent again, and nothing else is`() async throws {
        try await Receiver.open { receiver async throws in
            var event = ""
            var done = ""
            try await TestHouse.openTwice(TestHouse.near) { house async throws in
                try await house.destination(at: receiver)
                try await house.flow()
                done = try await house.event("done")
                try await house.delivery(of: done, "delivered")
                _ = try await house.client().pauseFlow("flow")
                event = try await house.event("lost")
                let id = try #require(OrderedID<Delivery>(try await house.delivery(of: event, "waiting").id))
                // What stands on disk when the server is killed in the middle of an attempt.
                let now = house.clock.now()
                try await house.house.store.write { transaction in
                    let table = DeliveryTable(transaction.connection)
                    let waiting = try #require(try table.findAnywhere(id))
                    let running = try waiting.released().claimed(at: now, lease: .seconds(600))
                    try table.update(running)
                    try table.insert([Attempt(of: running, startedAt: now)])
                }
                _ = try await house.client().resumeFlow("flow")
            } keys: { _, ring in
                ring
            } second: { house async throws in
                let again = try await house.delivery(of: event, "due", attempts: 1)
                #expect(again.attemptList?.map(\.outcome) == ["interrupted"])
                let wait = try house.wait(until: again.dueAt).microseconds
                #expect((4_000_000...6_000_000).contains(wait))
                try await house.pass(.seconds(7))
                let delivered = try await house.delivery(of: event, "delivered", attempts: 2)
                #expect(delivered.attemptList?.map(\.outcome) == ["interrupted", "delivered"])
                #expect(receiver.posts.map(\.text) == ["done", "lost"])
                #expect(receiver.posts.last?.headers["inlet-attempt"] == "2")
                #expect(try await house.deliveryNow(of: done).attempts == 1)
            }
        }
    }

    @Test func `N1 what was due when the server stopped goes when it starts, once`() async throws {
        try await Receiver.open { receiver async throws in
            var events: [String] = []
            try await TestHouse.openTwice(TestHouse.near) { house async throws in
                try await house.destination(at: receiver, ratePerSecond: 1)
                try await house.flow()
                events = try await (0..<5).asyncMap { try await house.event("\($0)") }
                try await house.delivery(of: events[0], "delivered")
                try await house.round()
                #expect(receiver.posts.map(\.text) == ["0"])
            } keys: { _, ring in
                ring
            } second: { house async throws in
                _ = try await house.client().editDestination("far", DestinationEdit(ratePerSecond: .lift))
                for event in events { try await house.delivery(of: event, "delivered", attempts: 1) }
                try await house.round()
                #expect(receiver.posts.map(\.text).sorted() == (0..<5).map(String.init))
            }
        }
    }

    // MARK: Signatures

    @Test(arguments: ["v1", "v1a"])
    func `N6 messages are signed, with both secrets during an overlap, and a new master key changes nothing`(
        signature: String
    ) async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                let client = house.client()
                let made = try await client.createDestination(
                    NewDestination(
                        name: "far", kind: "standard-webhooks",
                        settings: ["url": "\(receiver.base)/hook", "signature": signature]))
                let old = try SigningSecret(try #require(made.secret))
                #expect((made.publicKey != nil) == (signature == "v1a") && made.signingSecrets == 1)
                try await house.flow()
                #expect(try await signers(house, receiver, [old]) == [true])

                house.clock.advance(by: .seconds(1))
                let rotated = try await client.rotateDestination("far", RotateSigningSecret(overlapSeconds: 3600))
                let new = try SigningSecret(try #require(rotated.secret))
                #expect(rotated.signingSecrets == 2 && old.revealed() != new.revealed())
                #expect(try await signers(house, receiver, [old, new]) == [true, true])
                #expect(receiver.posts.last?.headers["webhook-signature"]?.split(separator: " ").count == 2)

                // What is used moves to the new key; then the old one can go.
                _ = try await client.rotateKeys()
                #expect(try await signers(house, receiver, [old, new]) == [true, true])
                try await house.settle()
                try await client.retireKey(1, RetireKey(force: true))
                #expect(try await signers(house, receiver, [old, new]) == [true, true])
                #expect(try await client.revealDestination("far").secret == new.revealed())

                house.clock.advance(by: .seconds(3600))
                #expect(try await signers(house, receiver, [old, new]) == [false, true])
                let atOnce = try await client.rotateDestination("far", RotateSigningSecret(overlapSeconds: 0))
                let last = try SigningSecret(try #require(atOnce.secret))
                #expect(atOnce.signingSecrets == 1)
                #expect(try await signers(house, receiver, [old, new, last]) == [false, false, true])
            }
        }
    }

    // Which of the secrets the next message is signed with.
    private func signers(_ house: TestHouse, _ receiver: Receiver, _ secrets: [SigningSecret]) async throws -> [Bool] {
        let event = try await house.event("é \(receiver.posts.count)")
        try await house.delivery(of: event, "delivered")
        let post = try #require(receiver.posts.last)
        let value = try #require(post.headers["webhook-signature"])
        let seconds = try #require(post.headers["webhook-timestamp"].flatMap { Int64($0) })
        #expect(post.headers["webhook-id"] == event && seconds == house.clock.now().microseconds / 1_000_000)
        return secrets.map { secret in
            let byPublicKey =
                secret.publicKey.map {
                    WebhookSignature.isValid(value, id: event, seconds: seconds, body: post.body, publicKey: $0)
                } ?? true
            return byPublicKey && WebhookSignature.isValid(value, id: event, seconds: seconds, body: post.body, secret: secret)
        }
    }

    @Test func `E7 a signing secret is shown in a session by its password or with the scope, and each look is on record`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let made = try await house.client().createDestination(
                NewDestination(name: "far", kind: "standard-webhooks", settings: ["url": "https://example.com/"]))
            _ = try await house.client().createDestination(NewDestination(name: "plain", kind: "listen"))
            let secret = try #require(made.secret)
            let admin = try await house.person(.admin)
            let browser = try await house.browser(of: admin)
            let member = try await house.member(.member).managementToken
            let path = "destinations/far/reveal"

            for (answer, status) in [
                (try await browser.request(.POST, path, "{}"), 400),
                (try await browser.request(.POST, path, #"{"password":"wrong horse"}"#), 400),
                (try await house.api(.POST, path, "{}", token: member), 403),
                (try await house.api(.POST, path, "{}", token: try await house.scopelessToken()), 403),
            ] {
                #expect(answer.status == status && !answer.text.contains(secret), "\(answer.text)")
            }
            let shown = try await browser.request(.POST, path, #"{"password":"\#(admin.password)"}"#)
            #expect(try Wire.decode(SigningSecretView.self, from: shown.body).secret == secret)
            #expect(shown.headers.first(name: "Cache-Control") == "no-store")
            #expect(try await house.client().revealDestination("far").secret == secret)

            let entries = try await house.client().auditEntries(subject: made.id).items
            #expect(entries.filter { $0.action == "destination.reveal" }.map(\.actor) == [house.made.owner.text, admin.id])
            #expect(entries.filter { $0.action == "reveal.refuse" }.count == 4)
            #expect(try await !house.api(.GET, "audit/export").text.contains(secret))
            #expect(try await !house.api(.GET, "destinations/far").text.contains(secret))
            #expect(try await !house.api(.GET, "destinations").text.contains(secret))
            for act in ["reveal", "rotate"] {
                let none = try await house.api(.POST, "destinations/plain/\(act)", "{}")
                #expect(none.status == 409 && none.problem?.code == "no_secret")
            }
            _ = try await house.client().rotateDestination("far")
            for _ in 0..<20 where try await house.client().destination("far").signingSecrets < Overlap.secretsMax {
                _ = try await house.client().rotateDestination("far")
            }
            let tooMany = try await house.api(.POST, "destinations/far/rotate", "{}")
            #expect(tooMany.status == 409 && tooMany.problem?.code == "too_many_secrets")
            let tooLong = try await house.api(.POST, "destinations/far/rotate", #"{"overlap_seconds":604801}"#)
            #expect(tooLong.status == 400 && tooLong.problem?.field == "overlap_seconds")
        }
    }
}
