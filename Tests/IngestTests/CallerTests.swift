import Client
import Contract
import Domain
import Foundation
import Manage
import ServerSupport
import TestSupport
import Testing

/// Who sends the calls. Row N5.
@Suite(.tags(.store)) struct CallerTests {
    @Test func `N5 a webhook tells which tokens opened it in the last thirty days, the latest first`() async throws {
        try await TestHouse.open { house async throws in
            let client = house.client()
            let webhook = try await client.createWebhook(NewWebhook(name: "orders"))
            let own = try await client.createToken(NewToken(kind: "app", webhook: webhook.id, name: "the shop"))
            let another = try await client.createToken(
                NewToken(kind: "app", webhook: house.made.webhook.text, name: "another"))
            #expect(try await client.webhookCallers("orders").items.isEmpty)
            for _ in 0..<2 { _ = try await house.call(webhook.id, bearer: house.made.apiToken) }
            house.clock.advance(by: .seconds(1))
            _ = try await house.call(webhook.id, bearer: own.secret)
            _ = try await house.call(webhook.id, bearer: another.secret)
            _ = try await house.call(bearer: another.secret)
            await house.house.housekeeper.flush()

            let callers = try await client.webhookCallers("orders").items

            #expect(callers.map(\.name) == ["the shop", "First API token"])
            #expect(callers.map(\.count) == [1, 2])
            #expect(callers.first?.token == own.id && callers.first?.lastAt == house.clock.now().text)
            house.clock.advance(by: .days(30))
            #expect(try await client.webhookCallers("orders").items.isEmpty)
        }
    }

    @Test func `N5 the callers of a webhook are for its own organization alone`() async throws {
        try await TestHouse.open { house async throws in
            let there = try await house.client().createOrganization(NewOrganization(name: "Elsewhere")).managementToken

            let answer = try await house.api(.GET, "webhooks/\(house.made.webhook.text)/callers", token: there)

            #expect(answer.status == 404)
            #expect(try await house.api(.GET, "webhooks/none/callers").status == 404)
        }
    }
}
