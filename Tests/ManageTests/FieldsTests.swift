import Client
import Contract
import Domain
import Foundation
import Manage
import ServerSupport
import Storage
import TestSupport
import Testing

@Suite(.tags(.store)) struct FieldsTests {
    private func post(_ body: String, _ house: TestHouse, _ webhook: String? = nil) async throws -> String {
        try #require(try await house.call(webhook, bearer: house.made.apiToken, body: Data(body.utf8)).event)
    }

    // The house learns by itself every few seconds too, so it is asked until it has.
    private func learned(_ house: TestHouse, _ webhook: String = "example", upTo event: String) async throws -> WebhookFieldsView
    {
        var fields = try await house.client().webhookFields(webhook)
        for _ in 0..<100 where fields.lastEvent ?? "" < event {
            try await house.house.fieldLearner.round()
            fields = try await house.client().webhookFields(webhook)
        }
        return fields
    }

    @Test func `D12 the fields of a webhook's events are learned, with their kinds and how templates name them`() async throws {
        try await TestHouse.open { house async throws in
            #expect(try await house.client().webhookFields("example") == WebhookFieldsView(items: [], learnedEvents: 0))

            _ = try await post(#"{"order":{"id":7,"lines":[{"sku":"a b"}]}}"#, house)
            let last = try await post(#"{"order":{"id":"x","line items":null}}"#, house)
            let fields = try await learned(house, upTo: last)

            #expect(fields.learnedEvents == 2 && fields.lastEvent == last)
            #expect(
                fields.items.map { "\($0.path) \($0.kinds.joined(separator: "+")) \($0.mergeField ?? "-")" } == [
                    "$ object {{event.body}}", "$.order object {{event.body.order}}",
                    "$.order.id number+text {{event.body.order.id}}", "$.order.lines array {{event.body.order.lines}}",
                    "$.order.lines[] object {{event.body.order.lines[0]}}",
                    "$.order.lines[].sku text {{event.body.order.lines[0].sku}}",
                    "$.order['line items'] null {{event.body.order['line items']}}",
                ])
        }
    }

    @Test func `D12 each webhook learns its own fields, and what is no JSON teaches nothing`() async throws {
        try await TestHouse.open { house async throws in
            let other = try await house.client().createWebhook(NewWebhook(name: "other"))
            _ = try await post(#"{"a":1}"#, house)
            _ = try await post("{", house)
            let last = try await post("\u{FEFF}{\"z\":1}", house)
            let theirs = try await post(#"{"b":1}"#, house, other.id)

            let own = try await learned(house, upTo: last)
            let others = try await learned(house, "other", upTo: theirs)

            #expect(own.items.map(\.path) == ["$", "$.a"] && own.learnedEvents == 1 && own.lastEvent == last)
            #expect(others.items.map(\.path) == ["$", "$.b"] && others.lastEvent == theirs)
        }
    }

    @Test func `D12 an event says which of its fields are new and which known ones it lacks`() async throws {
        try await TestHouse.open { house async throws in
            let first = try await post(#"{"id":1,"old":2}"#, house)
            _ = try await learned(house, upTo: first)
            let second = try await post(#"{"id":2,"fresh":{"deep":true}}"#, house)

            let before = try await house.client().eventFields(second)
            _ = try await learned(house, upTo: second)
            let after = try await house.client().eventFields(second)
            let earlier = try await house.client().eventFields(first)

            #expect(before == after)
            #expect(after.items.filter(\.isNew).map(\.path) == ["$.fresh", "$.fresh.deep"])
            #expect(after.items.filter { !$0.isNew }.map(\.path) == ["$", "$.id"])
            #expect(after.missing == ["$.old"])
            // Nothing was known before the first one, and what came later does not count as missing in it.
            #expect(earlier.items.allSatisfy(\.isNew) && earlier.missing.isEmpty)
        }
    }

    @Test func `D12 what was learned is there after a restart`() async throws {
        let known = Holder()
        try await TestHouse.openTwice { house in
            await known.set(try await learned(house, upTo: try await post(#"{"a":[1,{"b":"c"}]}"#, house)))
        } keys: { _, keys in
            keys
        } second: { house in
            let fields = try await house.client().webhookFields("example")
            #expect(fields == (await known.fields) && fields.items.count == 4)
            let event = try await post(#"{"a":[],"x":1}"#, house)
            #expect(try await learned(house, upTo: event).items.count == 5)
        }
    }

    @Test func `D12 hostile bodies are learned within bounds, or not at all`() async throws {
        try await TestHouse.open { house async throws in
            let many = "{" + (0..<3_000).map { "\"f\($0)\":1" }.joined(separator: ",") + "}"
            let marks = "{\"a" + String(repeating: "\u{301}", count: 30_000) + "\":1,\"b\\u0000\\u0001{{x}}\":2}"
            let deep = String(repeating: "{\"d\":", count: 30) + "1" + String(repeating: "}", count: 30)
            let large = "{\"large\":\"" + String(repeating: "x", count: 300_000) + "\"}"
            let endless = String(repeating: "[", count: 200_000)
            var last = ""
            for body in [marks, deep, large, endless, many] { last = try await post(body, house) }

            let fields = try await learned(house, upTo: last)
            let own = try await house.client().eventFields(last)

            #expect(fields.items.count == 500)
            #expect(fields.items.contains { $0.path.contains("b") } && !fields.items.contains { $0.path == "$.large" })
            // The tree is full, so nobody knows what is new.
            #expect(own.items.count == 500 && own.items.contains { !$0.isNew })
            for event in try await house.client().events(limit: 10).items {
                #expect(try await house.api(.GET, "events/\(event.id)/fields").status == 200)
            }
        }
    }

    @Test func `D12 learning reads the newest few events of each webhook, however many came`() async throws {
        try await TestHouse.open { house async throws in
            var last = ""
            for number in 0..<30 { last = try await post("{\"f\(number)\":1}", house) }

            let fields = try await learned(house, upTo: last)

            #expect(fields.learnedEvents <= 30 && fields.items.contains { $0.path == "$.f29" })
            #expect(try await house.house.fieldLearner.round() == 0)
        }
    }

    @Test func `D12 fields are shown to those who may read, of one's own organization`() async throws {
        try await TestHouse.open { house async throws in
            let stranger = try await house.stranger()
            let theirs = try await WebhookOperations(house.house.desk).create(.init(name: "theirs"), stranger)

            #expect(try await house.api(.GET, "webhooks/\(theirs.id.text)/fields").status == 404)
            #expect(try await house.api(.GET, "events/evt_0000000000000/fields").status == 404)
            #expect(try await house.api(.GET, "events/none/fields").status == 404)
        }
    }
}

private actor Holder {
    private(set) var fields: WebhookFieldsView?

    func set(_ fields: WebhookFieldsView) {
        self.fields = fields
    }
}
