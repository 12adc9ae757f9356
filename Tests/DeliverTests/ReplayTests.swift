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

/// Sending events again, one by one or a selection of them. Row N10.
@Suite(.tags(.store)) struct ReplayTests {
    // MARK: One event

    @Test func `N10 an event is sent again by the flows that its webhook has now, with its id and marked as a replay`()
        async throws
    {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                let event = try await house.event("body")
                let none = try await house.api(.POST, "events/\(event)/replay")
                #expect(none.status == 409 && none.problem?.code == "no_flow")
                for name in ["a", "b"] { try await house.destination(name, at: receiver) }
                try await house.flow(to: ["a", "b"])

                let made = try await house.client().replayEvent(event)

                #expect(made.count == 2 && made.allSatisfy { $0.isReplay && $0.event == event && $0.replay == nil })
                for name in ["a", "b"] { try await house.delivery(of: event, "delivered", to: name) }
                #expect(receiver.posts.map { $0.headers["inlet-replay"] } == ["true", "true"])
                #expect(receiver.posts.map { $0.headers["webhook-id"] } == [event, event])
                #expect(receiver.posts.map(\.text) == ["body", "body"])
                #expect(try await house.client().auditEntries(action: "event.replay").items.map(\.subject) == [event])
                #expect(try await house.api(.POST, "events/evt_0000000000000/replay").status == 404)
            }
        }
    }

    // MARK: A selection

    @Test func `N10 a replay sends what was received in a time, oldest first, with its id on each delivery`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                try await house.destination(at: receiver, concurrency: 1)
                try await house.flow()
                var moments: [String] = []
                for text in ["a", "b", "c", "d", "e"] {
                    moments.append(house.clock.now().text)
                    try await house.delivery(of: try await house.event(text), "delivered")
                    house.clock.advance(by: .seconds(10))
                }
                let asked = NewReplay(webhook: house.made.webhook.text, from: moments[1], to: moments[4])
                #expect(try await house.client().countReplay(asked) == ReplayCountView(events: 3, isComplete: true))
                #expect(try await house.client().replays().items.isEmpty)

                let replay = try await house.client().startReplay(asked)

                #expect(replay.state == "running" && replay.eventsTotal == 3 && replay.ratePerSecond == 50)
                #expect(replay.selection.from == moments[1] && replay.selection.to == moments[4])
                #expect(replay.createdBy == house.made.owner.text && replay.webhook == house.made.webhook.text)
                let done = try await finished(replay, house)
                #expect(done.eventsSent == 3 && done.eventsLookedAt == 3 && done.endedAt == house.clock.now().text)
                try await house.until("all posts") { receiver.posts.count == 8 }
                #expect(receiver.posts.dropFirst(5).map(\.text) == ["b", "c", "d"])
                #expect(
                    receiver.posts.map { $0.headers["inlet-replay"] } == Array(repeating: nil, count: 5) + [
                        "true", "true", "true",
                    ])
                let deliveries = try await house.client().deliveries().items
                #expect(deliveries.prefix(3).map(\.replay) == [replay.id, replay.id, replay.id])
                #expect(try await house.client().replays().items == [done])
                let entry = try #require(try await house.client().auditEntries(action: "replay.start").items.first)
                #expect(entry.subject == replay.id && entry.details["events"] == "3" && entry.actor == house.made.owner.text)
            }
        }
    }

    @Test func `N10 a replay of a state looks at the last delivery on each way, and sends on those ways alone`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                for name in ["a", "b"] { try await house.destination(name, at: receiver, schedule: "0") }
                try await house.flow(to: ["a", "b"])
                receiver.judge { ["dead at a", "mended"].contains($0.text) && $0.target == "/hook/a" ? 500 : nil }
                let texts = ["dead at a", "good", "mended"]
                var events: [String] = []
                for text in texts {
                    let event = try await house.event(text)
                    events.append(event)
                    for name in ["a", "b"] {
                        try await house.delivery(of: event, text == "good" || name == "b" ? "delivered" : "dead", to: name)
                    }
                }
                receiver.judge { _ in nil }
                let mended = try await house.delivery(of: events[2], "dead", to: "a")
                let retry = try await house.client().retryDelivery(mended.id)
                try await house.until("the retry") { try await house.client().delivery(retry.id).state == "delivered" }
                let webhook = house.made.webhook.text
                let before = receiver.posts.count

                for (destination, count) in [(nil, 1), ("a", 1), ("b", 0)] as [(String?, Int64)] {
                    let asked = NewReplay(webhook: webhook, state: "dead", destination: destination)
                    let counted = try await house.client().countReplay(asked)
                    #expect(counted == ReplayCountView(events: count, isComplete: true), "\(destination ?? "all")")
                }
                let nothing = try await house.client().startReplay(
                    NewReplay(webhook: webhook, state: "dead", destination: "b"))
                #expect(try await finished(nothing, house).eventsSent == 0)
                let replay = try await house.client().startReplay(NewReplay(webhook: webhook, state: "dead"))

                #expect(try await finished(replay, house).eventsSent == 1)
                try await house.delivery(of: events[0], "delivered", to: "a")
                try await house.round()
                #expect(receiver.posts.dropFirst(before).map(\.target) == ["/hook/a"])
                #expect(receiver.posts.last?.text == "dead at a")
                #expect(try await house.client().countReplay(NewReplay(webhook: webhook, state: "dead")).events == 0)
            }
        }
    }

    @Test func `N10 a replay by filter, flow and destination sends what matches there alone`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open(TestHouse.near) { house async throws in
                for number in 0..<4 { try await house.event(#"{"n":\#(number)}"#) }
                for name in ["a", "b", "c"] { try await house.destination(name, at: receiver) }
                try await house.flow("one", to: ["a", "b"])
                try await house.flow("two", to: ["b", "c"])
                let webhook = house.made.webhook.text
                let filter = try JSONValue(json: #"{"path":"$.n","at_least":2}"#)

                let asked = NewReplay(webhook: webhook, destination: "b", filter: filter, flow: "one")
                #expect(try await house.client().countReplay(asked).events == 2)
                let replay = try await house.client().startReplay(asked)

                let done = try await finished(replay, house)
                #expect(done.eventsLookedAt == 4 && done.eventsSent == 2 && done.selection.filter == filter)
                try await house.until("two posts") { receiver.posts.count >= 2 }
                try await house.round()
                #expect(receiver.posts.map(\.target) == ["/hook/b", "/hook/b"])
                #expect(Set(receiver.posts.map(\.text)) == [#"{"n":2}"#, #"{"n":3}"#])
                #expect(try await house.client().deliveries(flow: "two").items.isEmpty)
            }
        }
    }

    @Test func `N10 only what was there when it began is sent again`() async throws {
        try await TestHouse.open { house async throws in
            let events = try await (0..<6).asyncMap { try await house.event("\($0)") }
            _ = try await house.client().createDestination(NewDestination(name: "far", kind: "log", settings: ["file": "far"]))
            try await house.flow()

            // Slow enough that the later one is there long before the end.
            let replay = try await house.client().startReplay(
                NewReplay(webhook: house.made.webhook.text, ratePerSecond: 4))
            let late = try await house.event("late")

            #expect(try await finished(replay, house).eventsSent == 6)
            for event in events { #expect(try await house.delivery(of: event, "delivered").replay == replay.id) }
            let own = try await house.client().deliveries(event: late).items
            #expect(own.map(\.isReplay) == [false])
        }
    }

    @Test func `N10 a replay goes no faster than its rate, shows how far it is, and ends when it is cancelled`() async throws {
        try await TestHouse.open { house async throws in
            for number in 0..<40 { try await house.event("\(number)") }
            _ = try await house.client().createDestination(NewDestination(name: "far", kind: "listen"))
            try await house.flow()
            let begun = ContinuousClock.now

            let replay = try await house.client().startReplay(
                NewReplay(webhook: house.made.webhook.text, ratePerSecond: 2))
            let under = try await house.poll("the first") {
                let now = try await house.client().replay(replay.id)
                return now.eventsSent > 0 ? now : nil
            }

            let seconds = Double((ContinuousClock.now - begun).components.seconds + 1)
            #expect(under.state == "running" && under.eventsTotal == 40 && under.eventsLookedAt == under.eventsSent)
            #expect(Double(under.eventsSent) <= 2 + 2 * seconds)
            let cancelled = try await house.client().cancelReplay(replay.id)
            #expect(cancelled.state == "cancelled" && cancelled.endedAt == house.clock.now().text)
            #expect(try await house.client().cancelReplay(replay.id) == cancelled)
            let deliveries = try await house.client().deliveries(flow: "flow", limit: 100).items
            #expect(Int64(deliveries.count) == cancelled.eventsSent && cancelled.eventsSent < 40)
            // Another one that goes on shows that the first does not.
            let other = try await house.client().startReplay(NewReplay(webhook: house.made.webhook.text))
            #expect(try await finished(other, house).eventsSent == 40)
            #expect(try await house.client().replay(replay.id) == cancelled)
            #expect(try await house.client().cancelReplay(other.id).state == "done")
            #expect(try await house.client().auditEntries(action: "replay.cancel").items.map(\.subject) == [replay.id])
        }
    }

    @Test func `N10 a replay goes on after a restart, and skips and doubles nothing`() async throws {
        var id = ""
        var before: Int64 = 0
        try await TestHouse.openTwice { house async throws in
            for number in 0..<60 { try await house.event("\(number)") }
            _ = try await house.client().createDestination(NewDestination(name: "far", kind: "listen"))
            try await house.flow()
            id = try await house.client().startReplay(
                NewReplay(webhook: house.made.webhook.text, ratePerSecond: 20)
            ).id
            before = try await house.poll("some") {
                let sent = try await house.client().replay(id).eventsSent
                return sent > 0 ? sent : nil
            }
        } keys: { _, ring in
            ring
        } second: { house async throws in
            #expect(before < 60)
            let replay = try await house.client().replay(id)
            let done = try await finished(replay, house)
            #expect(done.eventsSent == 60 && done.eventsLookedAt == 60)
            let deliveries = try await house.client().deliveries(flow: "flow", limit: 500).items
            #expect(deliveries.count == 60 && Set(deliveries.map(\.event)).count == 60)
            #expect(deliveries.allSatisfy { $0.replay == id })
        }
    }

    @Test func `N10 five replays at once are enough, and what cannot be selected is refused`() async throws {
        try await TestHouse.open { house async throws in
            let webhook = house.made.webhook.text
            let none = try await house.api(.POST, "replays", #"{"webhook":"\#(webhook)"}"#)
            #expect(none.status == 409 && none.problem?.code == "no_flow")
            _ = try await house.client().createDestination(NewDestination(name: "far", kind: "listen"))
            _ = try await house.client().createDestination(NewDestination(name: "unused", kind: "listen"))
            try await house.flow()
            for number in 0..<30 { try await house.event("\(number)") }

            for (body, status, what) in [
                (#"{"webhook":"\#(webhook)","destination":"unused"}"#, 409, "no_flow"),
                (#"{"webhook":"nowhere"}"#, 404, "not_found"), (#"{"webhook":"\#(webhook)","flow":"none"}"#, 404, "not_found"),
                (#"{"webhook":"\#(webhook)","destination":"none"}"#, 400, "destination"),
                (#"{"webhook":"\#(webhook)","from":"then"}"#, 400, "from"),
                (#"{"webhook":"\#(webhook)","from":"2027-01-02T00:00:00Z","to":"2027-01-01T00:00:00Z"}"#, 400, "to"),
                (#"{"webhook":"\#(webhook)","state":"lost"}"#, 400, "state"),
                (#"{"webhook":"\#(webhook)","filter":{"path":"$.a"}}"#, 400, "filter"),
                (#"{"webhook":"\#(webhook)","rate_per_second":0}"#, 400, "rate_per_second"),
                (#"{"webhook":"\#(webhook)","rate_per_second":1001}"#, 400, "rate_per_second"),
            ] {
                let refused = try await house.api(.POST, "replays", body)
                #expect(
                    refused.status == status && [refused.problem?.field, refused.problem?.code].contains(what),
                    "\(body) \(refused.text)")
            }
            let asked = NewReplay(webhook: webhook, ratePerSecond: 1)
            let replays = try await (0..<5).asyncMap { _ in try await house.client().startReplay(asked) }
            let sixth = try await house.api(.POST, "replays", #"{"webhook":"\#(webhook)"}"#)
            #expect(sixth.status == 409 && sixth.problem?.code == "too_many")
            #expect(try await house.client().countReplay(asked).events == 30)
            _ = try await house.client().cancelReplay(try #require(replays.first).id)
            #expect(try await house.api(.POST, "replays", #"{"webhook":"\#(webhook)"}"#).status == 201)
        }
    }

    private func finished(_ replay: ReplayView, _ house: TestHouse) async throws -> ReplayView {
        try await house.poll("the end of a replay") {
            let now = try await house.client().replay(replay.id)
            return now.state == "done" ? now : nil
        }
    }
}
