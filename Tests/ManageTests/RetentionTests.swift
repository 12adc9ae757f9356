import Client
import Contract
import Domain
import Foundation
import Manage
import ServerSupport
import Storage
import TestSupport
import Testing

@Suite(.tags(.store)) struct RetentionTests {
    private func events(_ house: TestHouse, webhook: String? = nil) async throws -> [String] {
        try await house.client().events(EventSearch(webhook: webhook), limit: 500).items.map(\.id)
    }

    private func post(_ body: String, _ house: TestHouse, _ webhook: String? = nil) async throws -> String {
        try #require(try await house.call(webhook, bearer: house.made.apiToken, body: Data(body.utf8)).event)
    }

    @Test func `Events older than the setting go with their bodies, and no younger one does`() async throws {
        try await TestHouse.open([.eventsDays: "10"]) { house async throws in
            let old = try await post("old", house)
            house.clock.advance(by: .days(6))
            let young = try await post("young", house)
            house.clock.advance(by: .days(4).adding(.milliseconds(-1)))
            try await house.house.retention.run()
            #expect(try await events(house) == [young, old])

            house.clock.advance(by: .milliseconds(2).adding(TestDatabase.daysLate))
            try await house.house.retention.run()

            #expect(try await events(house) == [young])
            #expect(try await house.api(.GET, "events/\(old)").status == 404)
            #expect(try await house.api(.GET, "events/\(old)/body").status == 404)
            #expect(try await house.client().eventBody(young) == Data("young".utf8))
        }
    }

    @Test(.enabled(if: !TestDatabase.isEmbedded, "an embedded database has no parts"))
    func `A day that is over goes as a whole, and so do its deliveries; who reads there is waited for an hour`() async throws {
        try await TestHouse.open([.eventsDays: "2"]) { house async throws in
            func days() async throws -> Int { try await house.house.store.read { try PartTable($0).list(.events).count } }
            try await house.client().createDestination(
                NewDestination(name: "far", kind: "log", settings: ["file": "far.jsonl"]))
            _ = try await house.client().createFlow(
                NewFlow(name: "f", webhook: house.made.webhook.text, destinations: ["far"]))
            let old = try await post("old", house)
            try await house.delivery(of: old, "delivered")
            let before = try await days()
            house.clock.advance(by: .days(3))
            let begun = AsyncStream.makeStream(of: Void.self)
            let gate = DispatchSemaphore(value: 0)
            let reading = Task {
                try await house.house.store.read { connection in
                    _ = try EventTable(connection).lastNumber()
                    begun.continuation.yield()
                    gate.wait()
                }
            }
            var hasBegun = begun.stream.makeAsyncIterator()
            await hasBegun.next()

            try await house.house.retention.run()
            #expect(try await days() == before)
            gate.signal()
            try await reading.value
            try await house.house.retention.run()

            #expect(try await days() == before - 1)
            #expect(try await events(house).isEmpty)
            #expect(try await house.client().deliveries(event: old).items.isEmpty)
        }
    }

    @Test func `A webhook's own days go before the setting, and null gives the setting back`() async throws {
        try await TestHouse.open([.eventsDays: "10"]) { house async throws in
            let client = house.client()
            let long = try await client.createWebhook(NewWebhook(name: "long"))
            let edited = try await client.editWebhook("long", WebhookEdit(retentionDays: .set(100)))
            let kept = try await post("a", house, long.id)
            _ = try await post("b", house)
            house.clock.advance(by: .days(50))
            try await house.house.retention.run()

            #expect(edited.retentionDays == 100)
            #expect(try await events(house) == [kept])

            let lifted = try await client.editWebhook("long", WebhookEdit(retentionDays: .lift))
            try await house.house.retention.run()

            #expect(lifted.retentionDays == nil)
            #expect(try await events(house).isEmpty)
        }
    }

    @Test func `Beyond its bytes a webhook loses its oldest events, and only its own`() async throws {
        try await TestHouse.open { house async throws in
            let small = try await house.client().createWebhook(NewWebhook(name: "small"))
            _ = try await house.client().editWebhook("small", WebhookEdit(retentionBytes: .set(25)))
            let other = try await post(String(repeating: "o", count: 1_000), house)
            var ids: [String] = []
            for _ in 0..<5 { ids.append(try await post(String(repeating: "x", count: 10), house, small.id)) }

            try await house.house.retention.run()

            #expect(try await events(house, webhook: "small") == [ids[4], ids[3]])
            #expect(try await events(house, webhook: "example") == [other])
            #expect(try await house.house.retention.run().events == 0)
        }
    }

    @Test func `A webhook over its bytes loses as many events as it must, and not one more`() async throws {
        try await TestHouse.open { house async throws in
            _ = try await house.client().editWebhook("example", WebhookEdit(retentionBytes: .set(30)))
            var ids: [String] = []
            for _ in 0..<5 { ids.append(try await post(String(repeating: "x", count: 10), house)) }

            try await house.house.retention.run()

            #expect(try await events(house) == ids.suffix(3).reversed())
        }
    }

    @Test func `The hourly sweep does it, in steps, however many there are`() async throws {
        try await TestHouse.open { house async throws in
            try await fill(house, 1_050, bytes: 20)
            house.clock.advance(by: .days(31))
            let kept = try await post("new", house)

            _ = try await house.house.sweep.run(wallElapsed: .seconds(3600), steadyElapsed: .seconds(3600))

            #expect(try await events(house) == [kept])
        }
    }

    @Test func `A call that comes while much is dropped is taken`() async throws {
        try await TestHouse.open { house async throws in
            try await fill(house, 4_000, bytes: 2_000)
            house.clock.advance(by: .days(31))
            async let dropping = house.house.retention.run()
            var ids: [String] = []
            for number in 0..<20 { ids.append(try await post("\(number)", house)) }

            // How many it was is not asked: the first sweep of the house may be at it too.
            _ = try await dropping
            #expect(try await events(house) == ids.reversed())
        }
    }

    @Test(.enabled(if: TestDatabase.isEmbedded, "it is about the file of the embedded database"))
    func `Room that became free is used again, so the file does not grow for ever`() async throws {
        try await TestHouse.open { house async throws in
            func size() throws -> Int64 {
                let file = house.folder.appendingPathComponent("inlet.db").path
                return (try FileManager.default.attributesOfItem(atPath: file)[.size] as? NSNumber)?.int64Value ?? 0
            }
            func pages() async throws -> Int64 {
                try await house.house.store.read { try $0.row("PRAGMA page_count")?.integer("page_count") ?? 0 }
            }
            try await fill(house, 2_000, bytes: 6_000)
            let full = try await pages()

            for _ in 0..<3 {
                house.clock.advance(by: .days(31))
                try await house.house.retention.run()
                #expect(try await events(house).isEmpty)
                try await fill(house, 2_000, bytes: 6_000)
            }

            #expect(full > 3_000)
            #expect(try await pages() < full + full / 20)
            #expect(try size() <= (full + full / 20) * 4_096)
        }
    }

    @Test func `A dropped event's dedupe key still stands for it`() async throws {
        try await TestHouse.open { house async throws in
            _ = try await house.client().editWebhook("example", WebhookEdit(retentionDays: .set(1)))
            let key = [("Idempotency-Key", "k")]
            let first = try await house.call(bearer: house.made.apiToken, headers: key)
            house.clock.advance(by: .days(2))
            try await house.house.retention.run()

            let again = try await house.call(bearer: house.made.apiToken, headers: key)

            #expect(again.status == 200 && again.event == first.event)
            #expect(try await events(house).isEmpty)
        }
    }

    @Test func `An edit of a webhook is shown, stands in the audit log, and callers notice nothing`() async throws {
        try await TestHouse.open { house async throws in
            let client = house.client()
            let edit = WebhookEdit(
                name: "orders", description: "of the shop", retentionDays: .set(7), retentionBytes: .set(1_000_000))
            let edited = try await client.editWebhook("example", edit)
            let again = try await client.editWebhook("orders", edit)
            let shown = try await client.webhook("orders")
            let entries = try await client.auditEntries(action: "webhook.edit").items

            #expect(edited == shown && again == shown)
            #expect(shown.name == "orders" && shown.description == "of the shop")
            #expect(shown.retentionDays == 7 && shown.retentionBytes == 1_000_000)
            #expect(entries.count == 1 && entries.first?.details["retention_days"] == "7")
            #expect(entries.first?.details["retention_bytes"] == "1000000")
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
        }
    }

    @Test func `A retention out of its bounds is refused`() async throws {
        let cases: [(json: String, field: String)] = [
            (#"{"retention_days":0}"#, "retention_days"), (#"{"retention_days":3651}"#, "retention_days"),
            (#"{"retention_days":1.5}"#, ""), (#"{"retention_days":"7"}"#, "retention_days"),
            (#"{"retention_days":99999999999999999999}"#, ""), (#"{"retention_bytes":0}"#, "retention_bytes"),
            (#"{"retention_bytes":-1}"#, "retention_bytes"), (#"{"retention_bytes":9223372036854775807}"#, "retention_bytes"),
            (#"{"name":""}"#, "name"), (#"{"echo_body":1}"#, "echo_body"), (#"{"state":"paused"}"#, "state"),
        ]
        try await TestHouse.open { house async throws in
            for (json, field) in cases {
                let answer = try await house.api(.PATCH, "webhooks/example", json)

                #expect(answer.status == 400 && (field.isEmpty || answer.problem?.field == field), "\(json) \(field)")
                #expect(try await house.api(.PATCH, "webhooks/none", #"{"retention_days":1}"#).status == 404, "\(json) \(field)")
                let viewer = try await house.member(.viewer).managementToken
                #expect(
                    try await house.api(.PATCH, "webhooks/example", #"{"retention_days":1}"#, token: viewer).status == 403,
                    "\(json) \(field)")
            }
        }
    }

    // Straight into the database.
    private func fill(_ house: TestHouse, _ count: Int, bytes: Int) async throws {
        let now = house.clock.now()
        let body = Data(repeating: 0x78, count: bytes)
        let events = (0..<count).map { _ in
            let event = Event(
                id: house.house.desk.eventIDs.next(at: now), organization: house.made.organization,
                webhook: house.made.webhook, token: .random(), receivedAt: now, remoteAddress: "127.0.0.1", query: nil,
                contentType: nil, headersText: "", context: nil, basicUser: nil, bodyBytes: Int64(bytes),
                bodySHA256: Data(count: 32))
            return (event: event, body: body)
        }
        try await house.house.store.write { try EventTable($0.connection).insert(events) }
    }
}
