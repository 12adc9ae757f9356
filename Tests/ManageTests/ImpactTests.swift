import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import Ingest
import Manage
import NIOHTTP1
import ServerSupport
import Storage
import TestSupport
import Testing

/// What is known of calls: who would notice if a token stopped, and every refused call with its cause. Rows N2 and N5.
@Suite(.tags(.store)) struct ImpactTests {
    // MARK: N5

    @Test func `N5 a call that was acknowledged a moment ago is counted in what is shown`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await token(house)
            for count in 1...20 as ClosedRange<Int64> {
                _ = try await house.call(bearer: token.secret)

                #expect(try await house.client().tokenImpact(token.id).count == count)
                #expect(try await house.client().accountImpact("owner").count == count)
                #expect(try await house.client().webhookCallers(house.made.webhook.text).items.map(\.count) == [count])
            }
        }
    }

    @Test func `N5 a token's impact names the webhooks that were called with it: how often, when last, from where`()
        async throws
    {
        try await TestHouse.open([.trustedProxies: "127.0.0.1"]) { house async throws in
            let orders = try await house.client().createWebhook(NewWebhook(name: "orders"))
            let token = try await token(house)
            let unused = try await self.token(house)
            var moments: [String: String] = [:]
            for (webhook, address) in [
                (orders.id, "192.0.2.1"), (orders.id, "192.0.2.2"), (orders.id, "192.0.2.1"),
                (house.made.webhook.text, "2001:db8::1"),
            ] {
                house.clock.advance(by: .seconds(60))
                _ = try await house.call(webhook, bearer: token.secret, headers: [("X-Forwarded-For", address)])
                await house.house.housekeeper.flush()
                moments[webhook] = house.clock.now().text
            }

            let impact = try await house.client().tokenImpact(token.id)

            #expect(impact.subject == token.id && impact.days == 30 && impact.count == 4 && impact.tokens == nil)
            #expect(impact.lastCallAt == house.clock.now().text)
            #expect(impact.webhooks.map(\.name) == ["orders", "example"])
            #expect(impact.webhooks.map(\.count) == [3, 1])
            #expect(impact.webhooks.map(\.lastCallAt) == [moments[orders.id], moments[house.made.webhook.text]])
            #expect(impact.webhooks.map(\.addresses) == [["192.0.2.1", "192.0.2.2"], ["2001:db8::1"]])
            let none = try await house.client().tokenImpact(unused.id)
            #expect(none.count == 0 && none.lastCallAt == nil && none.webhooks.isEmpty)
        }
    }

    @Test func `N5 an account's impact sums up its tokens and shows each`() async throws {
        try await TestHouse.open { house async throws in
            let owner = try await house.client().createAccount(NewAccount(kind: "service", name: "Owner"))
            let (busy, quiet) = (try await token(house, owner.id), try await token(house, owner.id))
            for _ in 0..<3 { _ = try await house.call(bearer: busy.secret) }
            house.clock.advance(by: .seconds(1))
            _ = try await house.call(bearer: house.made.apiToken)
            await house.house.housekeeper.flush()

            let impact = try await house.client().accountImpact(owner.id)

            #expect(impact.subject == owner.id && impact.count == 3 && impact.webhooks.map(\.count) == [3])
            #expect(impact.lastCallAt == house.clock.now().adding(.seconds(-1)).text)
            let tokens = try #require(impact.tokens)
            #expect(Set(tokens.map(\.token)) == [busy.id, quiet.id])
            #expect(tokens.first { $0.token == busy.id }?.count == 3)
            #expect(tokens.first { $0.token == quiet.id }?.lastCallAt == nil)
        }
    }

    @Test func `N5 impact looks back 30 days`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await token(house)
            for days in [0, 5, 24] as [Int64] {
                house.clock.advance(by: .days(days))
                _ = try await house.call(bearer: token.secret)
                await house.house.housekeeper.flush()
            }
            let count = { try await house.client().tokenImpact(token.id).count }

            #expect(try await count() == 3)
            house.clock.advance(by: .days(1))
            try await house.sweep()
            #expect(try await count() == 2)
            house.clock.advance(by: .days(28))
            try await house.sweep()
            #expect(try await count() == 1)
            house.clock.advance(by: .days(1))
            #expect(try await count() == 0)
        }
    }

    @Test func `N5 a refused call is no impact`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await token(house)
            _ = try await house.client().deactivateToken(token.id)

            _ = try await house.call(bearer: token.secret)
            _ = try await house.call("whk_00000000000000000000", bearer: token.secret)
            await house.house.housekeeper.flush()

            #expect(try await house.client().tokenImpact(token.id).count == 0)
        }
    }

    @Test func `N5 what was called goes with the token to its new owner`() async throws {
        try await TestHouse.open { house async throws in
            let owner = try await house.client().createAccount(NewAccount(kind: "service", name: "Owner"))
            let token = try await token(house, owner.id)
            _ = try await house.call(bearer: token.secret)
            await house.house.housekeeper.flush()

            _ = try await house.client().transferToken(token.id, TransferToken(to: house.made.owner.text))

            #expect(try await house.client().accountImpact(owner.id).count == 0)
            #expect(try await house.client().accountImpact(house.made.owner.text).count == 1)
        }
    }

    @Test func `N5 callers from many addresses are all counted, and the latest addresses named`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await token(house)
            for number in 0..<120 {
                house.clock.advance(by: .seconds(1))
                let call = InboundCall(
                    webhook: house.made.webhook.text, headers: CallHeaders([("Authorization", "Bearer \(token.secret)")]),
                    body: Data(), remoteAddress: "192.0.2.\(number)", receivedAt: house.clock.now())
                guard case .accepted = await house.house.pipeline.receive(call) else {
                    Issue.record("call \(number) was not accepted")
                    return
                }
                await house.house.housekeeper.flush()
            }

            let impact = try await house.client().tokenImpact(token.id)

            #expect(impact.count == 120 && impact.webhooks.map(\.count) == [120])
            #expect(impact.webhooks[0].addresses == (80..<100).reversed().map { "192.0.2.\($0)" })
        }
    }

    @Test func `N5 whoever reads tokens and accounts sees the impact, in the own organization`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await token(house)
            let viewer = try await house.member(.viewer)
            let stranger = try await house.stranger()
            let theirs = try await TokenOperations(house.house.desk).create(.init(kind: .management, name: "m"), stranger)

            for path in ["tokens/\(token.id)/impact", "accounts/\(house.made.owner.text)/impact"] {
                #expect(try await house.api(.GET, path, token: viewer.managementToken).status == 200)
                #expect(try await house.api(.GET, path, token: theirs.secret).status == 404)
                #expect(try await house.request(.GET, path).status == 401)
            }
            for path in ["tokens/none/impact", "accounts/none/impact"] {
                #expect(try await house.api(.GET, path).status == 404)
            }
        }
    }

    // MARK: N2

    @Test func `N2 calls are counted by webhook, by token and by cause`() async throws {
        try await TestHouse.open { house async throws in
            let orders = try await house.client().createWebhook(NewWebhook(name: "orders"))
            let token = try await token(house)
            for _ in 0..<3 { _ = try await house.call(bearer: token.secret) }
            _ = try await house.call(orders.id, bearer: house.made.apiToken)
            _ = try await house.call(orders.id)
            _ = try await house.client().deactivateToken(token.id)
            house.clock.advance(by: .seconds(1))
            for _ in 0..<2 { _ = try await house.call(bearer: token.secret) }
            _ = try await house.call("made-up", bearer: token.secret)
            await house.house.housekeeper.flush()

            let webhooks = try await counts(house, by: "webhook")
            let tokens = try await counts(house, by: "token")
            let causes = try await counts(house, by: "cause")

            #expect(webhooks[house.made.webhook.text].map { [$0.accepted, $0.refused] } == [3, 2])
            #expect(webhooks[orders.id].map { [$0.accepted, $0.refused] } == [1, 1])
            #expect(webhooks[orders.id]?.name == "orders")
            #expect(webhooks["made-up"] == nil)
            #expect(tokens[token.id].map { [$0.accepted, $0.refused] } == [3, 3])
            #expect(tokens[token.id]?.name == "counted" && tokens[token.id]?.lastAt == house.clock.now().text)
            #expect(causes["token_inactive"].map { [$0.accepted, $0.refused] } == [0, 2])
            #expect(causes["no_credential"]?.refused == 1 && causes["unknown_webhook"]?.refused == 1)
        }
    }

    @Test func `N2 counts look back as many days as are asked for, 30 at most`() async throws {
        try await TestHouse.open { house async throws in
            for days in [0, 20, 9] as [Int64] {
                house.clock.advance(by: .days(days))
                _ = try await house.call()
                await house.house.housekeeper.flush()
            }
            let refused = { (days: Int?) in
                try await house.client().callCounts(by: "cause", days: days).items.first { $0.key == "no_credential" }?.refused
            }

            #expect(try await refused(1) == 1)
            #expect(try await refused(10) == 2)
            #expect(try await refused(29) == 2)
            #expect(try await refused(nil) == 3)
            for bad in [
                "calls/counts", "calls/counts?by=colour", "calls/counts?by=token&days=31", "calls/counts?by=token&days=0",
            ] {
                #expect(try await house.api(.GET, bad).status == 400, "\(bad)")
            }
        }
    }

    @Test func `N2 a flood is counted truly by cause`() async throws {
        try await TestHouse.open { house async throws in
            let call = InboundCall(
                webhook: house.made.webhook.text, headers: CallHeaders([]), body: Data(), remoteAddress: "192.0.2.1",
                receivedAt: house.clock.now())

            for _ in 0..<1500 { _ = await house.house.pipeline.receive(call) }
            await house.house.housekeeper.flush()

            #expect(try await counts(house, by: "cause")["no_credential"]?.refused == 1500)
            #expect(try await counts(house, by: "webhook")[house.made.webhook.text]?.refused == 1500)
        }
    }

    @Test func `N2 calls are found by webhook, token, cause and time`() async throws {
        try await TestHouse.open { house async throws in
            let orders = try await house.client().createWebhook(NewWebhook(name: "orders"))
            let token = try await token(house)
            _ = try await house.call(orders.id, bearer: token.secret)
            house.clock.advance(by: .seconds(10))
            let middle = house.clock.now().text
            _ = try await house.call(bearer: house.made.apiToken)
            _ = try await house.call(orders.id)
            house.clock.advance(by: .seconds(10))
            let end = house.clock.now().text
            _ = try await house.client().deactivateToken(token.id)
            _ = try await house.call(bearer: token.secret)
            _ = try await house.call("made-up")
            await house.house.housekeeper.flush()
            let client = house.client()

            #expect(try await client.calls(webhook: "orders").items.map(\.outcome) == ["refused", "accepted"])
            #expect(try await client.calls(webhook: orders.id, token: token.id).items.map(\.outcome) == ["accepted"])
            #expect(try await client.calls(token: token.id).items.map(\.cause) == ["token_inactive", nil])
            #expect(try await client.calls(cause: "no_credential").items.map(\.webhook) == [orders.id])
            #expect(try await client.calls(webhook: "made-up").items.map(\.cause) == ["unknown_webhook"])
            #expect(try await client.calls(from: middle, to: end).items.count == 2)
            #expect(try await client.calls(outcome: "accepted", from: middle).items.count == 1)
            #expect(try await client.calls(to: middle).items.map(\.token) == [token.id])
            #expect(try await client.calls(from: end).items.compactMap(\.cause) == ["unknown_webhook", "token_inactive"])
        }
    }

    @Test func `N2 what can't be looked for is refused`() async throws {
        let cases: [(query: String, field: String)] = [
            ("cause=tired", "cause"), ("cause=no_credential&outcome=accepted", "cause"), ("token=x", "token"),
            ("from=yesterday", "from"), ("to=2027-13-01T00:00:00Z", "to"), ("outcome=maybe", "outcome"),
        ]
        try await TestHouse.open { house async throws in
            for (query, field) in cases {
                let answer = try await house.api(.GET, "calls?\(query)")

                #expect(answer.status == 400 && answer.problem?.field == field, "\(query) \(field)")
            }
        }
    }

    @Test func `N2 refused calls are dropped after their days, and their count stays as long as it is shown`() async throws {
        try await TestHouse.open([.refusedCallsDays: "3"]) { house async throws in
            _ = try await house.call()
            house.clock.advance(by: .days(3).adding(.milliseconds(1)).adding(TestDatabase.daysLate))

            try await house.sweep()

            #expect(try await house.client().calls().items.isEmpty)
            #expect(try await counts(house, by: "cause")["no_credential"]?.refused == 1)
        }
    }

    // MARK: Helpers of the above

    private func token(_ house: TestHouse, _ owner: String? = nil) async throws -> (id: String, secret: String) {
        let token = try await house.client().createToken(NewToken(kind: "api", owner: owner, name: "counted"))
        return (token.id, try #require(token.secret))
    }

    private func counts(_ house: TestHouse, by grouping: String) async throws -> [String: CallCountView] {
        let items = try await house.client().callCounts(by: grouping).items
        return Dictionary(items.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    }
}
