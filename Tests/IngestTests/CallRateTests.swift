import Client
import Contract
import Domain
import Foundation
import Manage
import ServerSupport
import TestSupport
import Testing

/// How many calls come. Row N2.
@Suite(.tags(.store)) struct CallRateTests {
    private func rate(_ house: TestHouse, _ minutes: Int, token: String? = nil) async throws -> [CallMinuteView] {
        await house.house.housekeeper.flush()
        return try await house.client(token).callRate(minutes: minutes).items
    }

    private func minute(_ start: Timestamp, _ accepted: Int64, _ refused: Int64) -> CallMinuteView {
        CallMinuteView(start: start.text, accepted: accepted, refused: refused)
    }

    @Test func `N2 each of the last minutes says how many calls were accepted and how many refused`() async throws {
        try await TestHouse.open { house async throws in
            let start = house.clock.now()
            let second = try await house.client().createWebhook(NewWebhook(name: "second"))
            for webhook in [house.made.webhook.text, second.id, second.id] {
                #expect(try await house.call(webhook, bearer: house.made.apiToken).status == 202)
            }
            house.clock.advance(by: .seconds(59))
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
            house.clock.advance(by: .seconds(61))
            let paused = try await house.client().createToken(NewToken(kind: "api", name: "paused"))
            _ = try await house.client().deactivateToken(paused.id)
            for _ in 0..<3 { #expect(try await house.call(bearer: paused.secret).status == 401) }
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)

            let before = Timestamp(seconds: 1_799_999_940)
            let last = Timestamp(seconds: 1_800_000_120)
            #expect(
                try await rate(house, 4) == [
                    minute(before, 0, 0), minute(start, 4, 0), minute(start.adding(.seconds(60)), 0, 0), minute(last, 1, 3),
                ])
            #expect(try await rate(house, 1) == [minute(last, 1, 3)])

            let there = try await house.client().createOrganization(NewOrganization(name: "Elsewhere")).managementToken
            #expect(try await rate(house, 180, token: there).allSatisfy { $0.accepted == 0 && $0.refused == 0 })
        }
    }

    @Test func `N2 an hour is counted when nobody says how long, and three hours at most`() async throws {
        try await TestHouse.open { house async throws in
            #expect(try await house.client().callRate().items.count == 60)
            #expect(try await rate(house, 180).count == 180)
            for minutes in ["0", "-1", "181", "9223372036854775807", "x", "1.5"] {
                let answer = try await house.api(.GET, "calls/per-minute?minutes=\(minutes)")
                #expect(answer.status == 400 && answer.problem?.field == "minutes", "\(minutes)")
            }
        }
    }
}
