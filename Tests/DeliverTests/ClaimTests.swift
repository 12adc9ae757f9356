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

/// Deliveries that somebody comes for instead of being sent them: the kind `listen`. Row N10, docs/rest-api.md.
@Suite(.tags(.store)) struct ClaimTests {
    @Test func `N10 a claim hands out what is due with its message, and whoever has it says what became of it`() async throws {
        try await TestHouse.open { house async throws in
            let far = try await listen(house)
            let body = Data([0, 255, 1])
            let events = [
                try await house.event("one", headers: [("Content-Type", "text/plain"), ("Inlet-Context", "tag")]),
                try #require(try await house.call(bearer: house.made.apiToken, body: body).event),
            ]
            // Nothing is sent by itself.
            try await house.round()

            let claims = try await house.client().claimDeliveries(of: far, ClaimRequest(leaseSeconds: 30))

            #expect(claims.map(\.event) == events && claims.map(\.attempt) == [1, 1])
            let first = try #require(claims.first)
            #expect(first.body == "one" && first.bodyBase64 == nil)
            #expect(claims.last?.body == nil && claims.last?.bodyBase64 == body.base64EncodedString())
            #expect(first.leaseUntil == house.clock.now().adding(.seconds(30)).text)
            let seconds = "\(house.clock.now().microseconds / 1_000_000)"
            #expect(
                Set(first.headers) == [
                    ["webhook-id", events[0]], ["webhook-timestamp", seconds], ["Inlet-Event", events[0]],
                    ["Inlet-Attempt", "1"],
                    ["Inlet-Webhook", house.made.webhook.text], ["Content-Type", "text/plain"], ["Inlet-Context", "tag"],
                ])
            #expect(try await house.client().claimDeliveries(of: far).isEmpty)
            #expect(try await house.deliveryNow(of: events[0]).state == "running")
            let settled = try await house.client().settleClaim(
                first.delivery, attempt: 1, SettleClaim(status: 201, answer: "thanks", milliseconds: 12))
            #expect(settled.state == "delivered")
            let attempt = try #require(try await house.deliveryNow(of: events[0]).attemptList?.first)
            #expect(attempt.status == 201 && attempt.answer == "thanks" && attempt.milliseconds == 12)
            let second = try await house.client().settleClaim(
                claims[1].delivery, attempt: 1, SettleClaim(error: "no connection"))
            #expect(second.state == "due")
            let failed = try #require(try await house.deliveryNow(of: events[1]).attemptList?.first)
            #expect(failed.outcome == "connection_failed" && failed.error == "no connection" && failed.status == nil)
            house.clock.advance(by: .seconds(7))
            #expect(try await house.client().claimDeliveries(of: far).map(\.attempt) == [2])
        }
    }

    @Test func `N10 when a lease is over another gets the delivery, and the first cannot settle it any more`() async throws {
        try await TestHouse.open { house async throws in
            let far = try await listen(house)
            let event = try await house.event()
            let first = try #require(
                try await house.client().claimDeliveries(of: far, ClaimRequest(leaseSeconds: 5)).first)
            house.clock.advance(by: .seconds(4))
            try await nudge(house)
            #expect(try await house.client().claimDeliveries(of: far).isEmpty)

            house.clock.advance(by: .seconds(1))
            try await nudge(house)
            let interrupted = try await house.delivery(of: event, "due", attempts: 1)
            #expect(interrupted.attemptList?.map(\.outcome) == ["interrupted"])
            house.clock.advance(by: .seconds(7))
            let second = try #require(try await house.client().claimDeliveries(of: far).first)

            #expect(second.delivery == first.delivery && second.attempt == 2)
            let late = try await settle(house, first, #"{"status":200}"#)
            #expect(late.status == 409 && late.problem?.code == "claim_over")
            #expect(try await house.deliveryNow(of: event).state == "running")
            #expect(try await settle(house, second, #"{"status":200}"#).status == 200)
            let again = try await settle(house, second, #"{"status":200}"#)
            #expect(again.status == 409 && again.problem?.code == "claim_over")
            let done = try await house.deliveryNow(of: event)
            #expect(done.state == "delivered" && done.attemptList?.map(\.outcome) == ["interrupted", "delivered"])
        }
    }

    @Test func `N10 a lease that is over counts as long as nobody else has the delivery, also after a restart`() async throws {
        var claim: ClaimView?
        try await TestHouse.openTwice { house async throws in
            let far = try await listen(house)
            try await house.event()
            claim = try await house.client().claimDeliveries(of: far).first
        } keys: { _, ring in
            ring
        } second: { house async throws in
            let claim = try #require(claim)
            try await house.round()
            #expect(try await house.deliveryNow(of: claim.event).state == "running")
            #expect(try await settle(house, claim, #"{"status":200}"#).status == 200)
            #expect(try await house.deliveryNow(of: claim.event).state == "delivered")
        }
    }

    @Test func `N10 two who claim at once never get the same delivery`() async throws {
        try await TestHouse.open { house async throws in
            let far = try await listen(house)
            for number in 0..<30 { try await house.event("\(number)") }

            let claims = try await withThrowingTaskGroup(of: [ClaimView].self) { group in
                for _ in 0..<6 {
                    group.addTask { try await house.client().claimDeliveries(of: far, ClaimRequest(limit: 7)) }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }

            #expect(claims.count == 30 && Set(claims.map(\.delivery)).count == 30)
        }
    }

    @Test func `N10 what the filter does not let through is settled on the way and never handed out`() async throws {
        try await TestHouse.open { house async throws in
            let far = try await listen(house, filter: #"{"path":"$.good","equals":true}"#)
            let bad = try await (0..<3).asyncMap { _ in try await house.event(#"{"good":false}"#) }
            let good = try await house.event(#"{"good":true}"#)

            let claims = try await house.client().claimDeliveries(of: far, ClaimRequest(limit: 1))

            #expect(claims.map(\.event) == [good])
            for event in bad {
                let filtered = try await house.deliveryNow(of: event)
                #expect(filtered.state == "filtered" && filtered.attemptList == [])
            }
        }
    }

    @Test func `N10 who waits gets what comes as soon as it is there`() async throws {
        try await TestHouse.open { house async throws in
            let far = try await listen(house)
            async let waiting = house.client().claimDeliveries(of: far, ClaimRequest(waitSeconds: 25))
            // So that the one who waits is there first; if it is not, it finds the event all the same.
            try await house.round()
            let begun = ContinuousClock.now

            let event = try await house.event()

            #expect(try await waiting.map(\.event) == [event])
            #expect(ContinuousClock.now - begun < .seconds(20))
        }
    }

    @Test func `N10 in order a key is handed out one after the other`() async throws {
        try await TestHouse.open { house async throws in
            let far = try await listen(house, orderedBy: "X-Order")
            let events = try await ["a", "a", "b"].asyncMap { try await house.event(headers: [("X-Order", $0)]) }

            let first = try await house.client().claimDeliveries(of: far)

            #expect(Set(first.map(\.event)) == [events[0], events[2]])
            let head = try #require(first.first { $0.event == events[0] })
            #expect(try await settle(house, head, #"{"status":204}"#).status == 200)
            #expect(try await house.client().claimDeliveries(of: far).map(\.event) == [events[1]])
        }
    }

    @Test func `N10 nothing is handed out while the flow is paused or the destination disabled`() async throws {
        try await TestHouse.open { house async throws in
            let far = try await listen(house)
            let event = try await house.event()
            _ = try await house.client().pauseFlow("flow")
            #expect(try await house.client().claimDeliveries(of: far).isEmpty)
            _ = try await house.client().resumeFlow("flow")
            try await house.delivery(of: event, "due")
            _ = try await house.client().disableDestination(far)
            #expect(try await house.client().claimDeliveries(of: far).isEmpty)
            _ = try await house.client().enableDestination(far)
            try await house.delivery(of: event, "due")
            let claim = try #require(try await house.client().claimDeliveries(of: far).first)

            #expect(try await settle(house, claim, #"{"status":410}"#).status == 200)

            #expect(try await house.deliveryNow(of: event).reason == "gone")
            #expect(try await house.client().destination(far).disabledReason == "gone")
        }
    }

    @Test func `N10 claims are for who may read events and change flows, of a destination of that kind, within bounds`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let far = try await listen(house)
            _ = try await house.client().createDestination(NewDestination(name: "log", kind: "log"))
            let event = try await house.event()
            let viewer = try await house.member(.viewer).managementToken

            #expect(try await house.api(.POST, "destinations/\(far)/claims", "{}", token: viewer).status == 403)
            let pushed = try await house.api(.POST, "destinations/log/claims", "{}")
            #expect(pushed.status == 409 && pushed.problem?.code == "not_pulled")
            for (body, field) in [
                (#"{"limit":0}"#, "limit"), (#"{"limit":101}"#, "limit"), (#"{"lease_seconds":4}"#, "lease_seconds"),
                (#"{"lease_seconds":301}"#, "lease_seconds"), (#"{"wait_seconds":26}"#, "wait_seconds"),
            ] {
                let refused = try await house.api(.POST, "destinations/\(far)/claims", body)
                #expect(refused.status == 400 && refused.problem?.field == field, "\(body) \(refused.text)")
            }
            let early = try await house.deliveryNow(of: event)
            let unclaimed = try await house.api(.POST, "deliveries/\(early.id)/attempts/1", #"{"status":200}"#)
            #expect(unclaimed.status == 409 && unclaimed.problem?.code == "claim_over")
            let claim = try #require(try await house.client().claimDeliveries(of: far).first)
            for (body, field) in [
                ("{}", "status"), (#"{"status":200,"error":"x"}"#, "status"), (#"{"status":99}"#, "status"),
                (#"{"status":600}"#, "status"), (#"{"error":""}"#, "error"),
                (#"{"error":"\#(String(repeating: "x", count: 1_001))"}"#, "error"),
            ] {
                let refused = try await settle(house, claim, body)
                #expect(refused.status == 400 && refused.problem?.field == field, "\(body) \(refused.text)")
            }
            for number in ["0", "-1", "99999999999999999999", "x", "7"] {
                let missing = try await house.api(
                    .POST, "deliveries/\(claim.delivery)/attempts/\(number)", #"{"status":200}"#)
                #expect([404, 400].contains(missing.status), "\(number) \(missing.text)")
            }
            let refused = try await house.api(
                .POST, "deliveries/\(claim.delivery)/attempts/1", #"{"status":200}"#, token: viewer)
            #expect(refused.status == 403)
            let long = String(repeating: "y", count: 40_000)
            #expect(try await settle(house, claim, #"{"status":200,"answer":"\#(long)"}"#).status == 200)
            #expect(try await house.deliveryNow(of: event).attemptList?.first?.answer?.utf8.count == 16 << 10)
        }
    }

    // MARK: Helpers of the above

    private func listen(_ house: TestHouse, filter: String? = nil, orderedBy: String? = nil) async throws -> String {
        let made = try await house.client().createDestination(
            NewDestination(name: "far", kind: "listen", orderedBy: orderedBy))
        try await house.flow(filter: filter.map { .text($0) })
        return made.id
    }

    private func settle(_ house: TestHouse, _ claim: ClaimView, _ json: String) async throws -> TestHouse.Answer {
        try await house.api(.POST, "deliveries/\(claim.delivery)/attempts/\(claim.attempt)", json)
    }

    // Leases are looked at every few seconds, and at once when a destination changes.
    private func nudge(_ house: TestHouse) async throws {
        let concurrency = try await house.client().destination("far").concurrency
        _ = try await house.client().editDestination("far", DestinationEdit(concurrency: concurrency == 1 ? 2 : 1))
        try await house.round()
    }
}
