import Domain
import Foundation
import TestSupport
import Testing

@testable import Storage

/// How the database goes about a question, as it says itself: what is asked often must be a range of an index.
@Suite(.tags(.store)) struct PlanTests {
    private let organization = ID<Organization>.random()
    private let webhook = ID<Webhook>.random()
    private let token = ID<Token>.random()

    private func plan(_ sql: SQL) async throws -> String {
        var found = ""
        try await withEmbedded { store, _, _ in
            found = try await store.read { connection in
                try connection.rows("EXPLAIN QUERY PLAN \(sql: sql)").map { try $0.text("detail") }.joined(separator: "; ")
            }
        }
        return found
    }

    @Test func `Events of a webhook, of its token and of a time are ranges of an index, in order`() async throws {
        let now = Timestamp(seconds: 1_800_000_000)
        let byWebhook = try await plan(
            EventTable.listing(in: organization, CallFilter(webhook: webhook.text), before: 9, limit: 50))
        let byTime = try await plan(EventTable.listing(in: organization, CallFilter(from: now, to: now), before: nil, limit: 50))
        let byAll = try await plan(
            EventTable.listing(
                in: organization, CallFilter(webhook: webhook.text, token: token, from: now, to: now), before: 9, limit: 50))

        #expect(byWebhook == "SEARCH events USING INDEX events_by_webhook (webhook=? AND id<?)")
        #expect(byTime == "SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)")
        #expect(byAll == "SEARCH events USING INDEX events_by_webhook (webhook=? AND id>? AND id<?)")
    }

    @Test func `A range has one bound above and one below, for of several the database would take one`() {
        let now = Timestamp(seconds: 1_800_000_000)
        let filter = CallFilter(webhook: webhook.text, from: now, to: now)
        let range = SQLValue.integer(OrderedID<Event>.first(at: now).number)
        for sql in [
            EventTable.listing(in: organization, filter, before: .max, limit: 9),
            CallTable.listing(in: organization, filter, before: .max, limit: 9),
            EventSearchTable.stretching(filter, before: .max, rows: 9),
            EventSearchTable.searching(in: organization, filter, .init(), before: .max, from: 1, .sqlite),
        ] {
            #expect(sql.text.split(separator: "id <").count == 2 && sql.text.split(separator: "id >").count == 2)
            #expect(sql.values.filter { $0 == range }.count == 2)
        }
    }

    @Test func `A token's events are told apart in the index, so that no other event is read`() async throws {
        let ids = try await plan("SELECT id FROM events WHERE webhook = \(webhook) AND token = \(token) AND id < \(9)")

        #expect(ids == "SEARCH events USING COVERING INDEX events_by_webhook (webhook=? AND id<?)")
    }

    @Test func `A stretch of a webhook's events is measured in the index alone`() async throws {
        let found = try await plan(EventSearchTable.stretching(CallFilter(webhook: webhook.text), before: 9, rows: 1000))

        #expect(found.contains("SEARCH events USING COVERING INDEX events_by_webhook (webhook=? AND id<?)"))
        #expect(!found.contains("TEMP B-TREE"))
    }

    @Test func `A search for a text goes through no more than its stretch`() async throws {
        var narrowing = EventSearchTable.Narrowing()
        narrowing.text = Data("x".utf8)
        narrowing.headerName = "x-shop"
        let ofWebhook = EventSearchTable.searching(
            in: organization, CallFilter(webhook: webhook.text), narrowing, before: 9, from: 1, .sqlite)
        let ofAll = EventSearchTable.searching(in: organization, CallFilter(), narrowing, before: 9, from: 1, .sqlite)

        #expect(try await plan(ofWebhook) == "SEARCH events USING INDEX events_by_webhook (webhook=? AND id>? AND id<?)")
        #expect(try await plan(ofAll) == "SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)")
    }

    @Test func `What retention asks for is answered by the index alone`() async throws {
        let eldest = try await plan(EventTable.eldest(of: webhook, before: OrderedID(number: 9), limit: 200))
        let sum = try await plan(EventTable.summing(webhook))

        #expect(eldest == "SEARCH events USING COVERING INDEX events_by_webhook (webhook=? AND id<?)")
        #expect(sum == "SEARCH events USING COVERING INDEX events_by_webhook (webhook=?)")
    }

    @Test func `D12 which webhooks have new events is found without a look at their events`() async throws {
        let waiting = try await plan(WebhookFieldTable.waitingList)
        let latest = try await plan(
            EventTable.latest(of: webhook, behind: OrderedID(number: 1), limit: 20, bodyBytesMax: 9))

        #expect(waiting.contains("SEARCH events USING COVERING INDEX events_by_webhook (webhook=?)"))
        #expect(latest == "SEARCH events USING INDEX events_by_webhook (webhook=? AND id>?)")
    }

    @Test func `N2 calls are counted by the minute in ranges of an index, and no event is read`() async throws {
        let accepted = try await plan(CallRateTable.countingAccepted(in: organization, 1...60))
        let refused = try await plan(CallRateTable.countingRefused(in: organization, 1...60))

        #expect(accepted.contains("SEARCH e USING COVERING INDEX events_by_webhook (webhook=? AND id>? AND id<?)"))
        #expect(refused.contains("USING INDEX refused_calls_by_organization (organization=? AND id>? AND id<?)"))
    }

    @Test func `N5 who called a webhook is found by the counts of the tokens that may`() async throws {
        let found = try await plan(CallCountTable.calling(webhook, in: organization, since: 9, limit: 50))

        #expect(found.contains("(organization=? AND token=? AND day>?)"))
    }

    @Test(arguments: [
        (CallFilter(), "refused_calls_by_organization (organization=? AND id<?)"),
        (CallFilter(webhook: "whk"), "refused_calls_by_webhook (organization=? AND webhook=? AND id<?)"),
        (CallFilter(token: ID(stored: "tok")), "refused_calls_by_token (organization=? AND token=? AND id<?)"),
        (CallFilter(cause: "token_expired"), "refused_calls_by_cause (organization=? AND cause=? AND id<?)"),
    ])
    func `N2 the ledger of refused calls is read by ranges of an index`(filter: CallFilter, index: String) async throws {
        let found = try await plan(CallTable.listing(in: organization, filter, before: 9, limit: 50))

        #expect(found == "SEARCH refused_calls USING INDEX \(index)")
    }
}
