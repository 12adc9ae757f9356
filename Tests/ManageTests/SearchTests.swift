import Client
import Contract
import Domain
import Foundation
import Manage
import ServerSupport
import Storage
import TestSupport
import Testing

@Suite(.tags(.store)) struct SearchTests {
    /// Posts bodies with one token, and returns the ids of the events.
    private func post(
        _ bodies: [String], _ house: TestHouse, headers: [(String, String)] = [], webhook: String? = nil
    ) async throws -> [String] {
        try await bodies.asyncMap { body in
            try #require(
                try await house.call(webhook, bearer: house.made.apiToken, headers: headers, body: Data(body.utf8)).event)
        }
    }

    private func found(_ search: EventSearch, _ house: TestHouse) async throws -> [String] {
        try await house.client().events(search, limit: 500).items.map(\.id)
    }

    @Test func `Events are found by webhook, token and time, and by all of them together`() async throws {
        try await TestHouse.open { house async throws in
            let other = try await house.client().createWebhook(NewWebhook(name: "other"))
            let app = try await house.client().createToken(NewToken(kind: "app", webhook: other.id, name: "app"))
            let first = try await post(["1"], house)
            house.clock.advance(by: .seconds(10))
            let middle = house.clock.now()
            let second = try await post(["2"], house, webhook: other.id)
            let third = try #require(try await house.call(other.id, bearer: app.secret, body: Data("3".utf8)).event)
            house.clock.advance(by: .seconds(10))
            let end = house.clock.now().text

            #expect(try await found(EventSearch(webhook: "other"), house) == [third] + second)
            #expect(try await found(EventSearch(token: app.id), house) == [third])
            #expect(try await found(EventSearch(to: middle.text), house) == first)
            #expect(try await found(EventSearch(from: middle.text, to: end), house) == [third] + second)
            #expect(try await found(EventSearch(webhook: "other", token: app.id, from: middle.text, to: end), house) == [third])
            #expect(try await found(EventSearch(webhook: "example", token: app.id), house).isEmpty)
            let api = try #require(try await house.client().tokens(limit: 500).items.first { $0.kind == "api" })
            #expect(try await found(EventSearch(token: api.id), house) == second + first)
            #expect(try await found(EventSearch(webhook: "other", token: api.id), house) == second)
            #expect(try await found(EventSearch(token: api.id, text: "1"), house) == first)
            #expect(try await house.client().calls(token: app.id).items.map(\.id) == [third])
            #expect(try await house.client().calls(token: api.id).items.map(\.id) == second + first)
            #expect(try await found(EventSearch(from: end), house).isEmpty)
        }
    }

    @Test func `A header field is found by its name in any case, and by a part of its value`() async throws {
        try await TestHouse.open { house async throws in
            let shop = try await post(["1"], house, headers: [("X-Shop", "Köln: north")])
            let decoy = try await post(["2"], house, headers: [("X-Other", "x-shop: north")])

            #expect(try await found(EventSearch(header: "x-shop"), house) == shop)
            #expect(try await found(EventSearch(header: "X-SHOP: north"), house) == shop)
            #expect(try await found(EventSearch(header: "x-shop:Köln: n"), house) == shop)
            #expect(try await found(EventSearch(header: "x-other:  x-shop "), house) == decoy)
            #expect(try await found(EventSearch(header: "x-shop: North"), house).isEmpty)
            #expect(try await found(EventSearch(header: "x-sho"), house).isEmpty)
            // Proves the caller and is forgotten.
            #expect(try await found(EventSearch(header: "Authorization"), house).isEmpty)
        }
    }

    @Test func `A path is found with a value that is compared as flows compare, however it is written`() async throws {
        try await TestHouse.open { house async throws in
            let ids = try await post(
                [
                    #"{"order":{"total":100,"country":"nl"}}"#, #"{"order":{"total":1e2,"country":"NL"}}"#,
                    #"{"order":{"total":"100","country":null}}"#, "order total 100", "[1]",
                    // Other spellings of the same names and texts.
                    #"{"\u006frder":{"t\u006Ftal":100.0,"country":"n\u006c"}}"#,
                ], house)

            #expect(try await found(EventSearch(path: "$.order"), house) == [ids[5], ids[2], ids[1], ids[0]])
            #expect(try await found(EventSearch(path: "$.order.total", value: "100"), house) == [ids[5], ids[1], ids[0]])
            #expect(try await found(EventSearch(path: "$.order.total", value: "\"100\""), house) == [ids[2]])
            #expect(try await found(EventSearch(path: "$['order'].country", value: "nl"), house) == [ids[5], ids[0]])
            #expect(try await found(EventSearch(path: "$.order.country", value: "\"nl\""), house) == [ids[5], ids[0]])
            #expect(try await found(EventSearch(path: "$.order.country", value: "null"), house) == [ids[2]])
            #expect(try await found(EventSearch(path: "$[0]", value: "1"), house) == [ids[4]])
        }
    }

    @Test func `A text with quotation marks is found behind a path, and one in one scalar is not one in two`() async throws {
        try await TestHouse.open { house async throws in
            let ids = try await post([#"{"note":"a \"b\" \\ c"}"#, #"{"note":"é"}"#, "{\"note\":\"e\u{301}\"}"], house)

            #expect(try await found(EventSearch(path: "$.note", value: #"a "b" \ c"#), house) == [ids[0]])
            #expect(try await found(EventSearch(path: "$.note", value: "\u{E9}"), house) == [ids[1]])
            #expect(try await found(EventSearch(path: "$.note", value: "e\u{301}"), house) == [ids[2]])
        }
    }

    @Test func `A text is found in the bytes of a body, whatever stands around it, and in the context`() async throws {
        try await TestHouse.open { house async throws in
            let binary = Data([0xFF, 0x00]) + Data("needle".utf8) + Data([0x00, 0xC3])
            let raw = try #require(try await house.call(bearer: house.made.apiToken, body: binary).event)
            let plain = try await post(["a needle here"], house)
            let tagged = try await post(["nothing"], house, headers: [("Inlet-Context", "the needle's order")])
            _ = try await post(["Needle", "need", ""], house)

            #expect(try await found(EventSearch(text: "needle"), house) == tagged + plain + [raw])
            #expect(try await found(EventSearch(text: "%"), house).isEmpty)
            #expect(try await found(EventSearch(text: "needle here"), house) == plain)
        }
    }

    @Test func `A flow's filter is a search too, and goes together with all the others`() async throws {
        try await TestHouse.open { house async throws in
            let ids = try await post([#"{"total":50}"#, #"{"total":150}"#, #"{"total":250,"vip":true}"#], house)
            let filter = #"{"path":"$.total","greater":100}"#

            #expect(try await found(EventSearch(filter: filter), house) == [ids[2], ids[1]])
            #expect(try await found(EventSearch(path: "$.vip", filter: filter), house) == [ids[2]])
            #expect(try await found(EventSearch(text: "150", filter: filter), house) == [ids[1]])
            #expect(
                try await found(
                    EventSearch(webhook: "example", header: "content-length", path: "$.total", text: "total", filter: filter),
                    house) == [ids[2], ids[1]])
        }
    }

    @Test func `A search goes on where it ended, without gap or repeat, while new events come in`() async throws {
        try await TestHouse.open { house async throws in
            let ids = try await post((0..<7).map { "hit \($0)" }, house)
            _ = try await post(["miss"], house)
            var seen: [String] = []
            var after: String?
            repeat {
                let page = try await house.client().events(EventSearch(text: "hit"), after: after, limit: 3)
                seen += page.items.map(\.id)
                after = page.next
                _ = try await post(["hit, but later"], house)
            } while after != nil

            #expect(seen == ids.reversed())
        }
    }

    @Test func `A page of a search looks through a bounded number of events, and the next one goes on`() async throws {
        try await TestHouse.open { house async throws in
            let wanted = try await post([#"{"n":-1}"#], house)
            try await fill(house, 5_000) { #"{"n":\#($0)}"# }
            let search = EventSearch(filter: #"{"path":"$.n","less":0}"#)

            let first = try await house.client().events(search, limit: 10)
            var (seen, after, pages) = (first.items.map(\.id), first.next, 1)
            while let next = after {
                let page = try await house.client().events(search, after: next, limit: 10)
                (seen, after, pages) = (seen + page.items.map(\.id), page.next, pages + 1)
            }

            #expect(first.items.isEmpty && first.next != nil)
            #expect(pages == 3)
            #expect(seen == wanted)
        }
    }

    @Test func `Bodies that are no JSON that is read have no path, and end no search`() async throws {
        try await TestHouse.open { house async throws in
            let deep = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
            let long = "{\"a\":\"" + String(repeating: "x", count: 1_048_576) + "\"}"
            let marks = "{\"a" + String(repeating: "\u{301}", count: 20_000) + "\":1}"
            let ids = try await post([deep, long, marks, "", "{\"a\":", #"{"a":1}"#], house)
            _ = try await house.call(bearer: house.made.apiToken, body: Data([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D]))

            #expect(try await found(EventSearch(path: "$.a"), house) == [ids[5]])
            #expect(try await found(EventSearch(text: "xxxx"), house) == [ids[1]])
            #expect(try await found(EventSearch(filter: #"{"not":{"path":"$","exists":true}}"#), house).count == 5)
        }
    }

    @Test func `What is no search is refused, and says which part is wrong`() async throws {
        let cases: [(query: String, field: String, status: Int)] = [
            ("header=", "header", 200), ("header=a%20b", "header", 400), ("header=%3A%20x", "header", 400),

            ("header=" + String(repeating: "a", count: 501), "header", 400),
            ("header=" + String(repeating: "a", count: 201), "header", 400),
            ("header=X-A%3A%20" + String(repeating: "%CC%81", count: 240), "header", 200), ("path=order", "path", 400),
            ("path=%24.", "path", 400), ("path=%24%5B*%5D", "path", 400),
            ("path=%24" + String(repeating: ".a", count: 40), "path", 400),
            ("value=1", "value", 400), ("path=%24.a&value=%5B1%5D", "value", 400), ("path=%24.a&value=%7B%7D", "value", 400),
            ("path=%24.a&value=" + String(repeating: "a", count: 20_000), "value", 400),
            ("text=" + String(repeating: "a", count: 201), "text", 400),
            ("text=" + String(repeating: "a", count: 200), "text", 200),
            ("text=" + String(repeating: "%CC%81", count: 100), "text", 200), ("text=%00", "text", 400),
            ("filter=x", "filter", 400), ("filter=%7B%7D", "filter", 400), ("filter=%5B%5D", "filter", 400),
            ("filter=%7B%22all%22%3A%5B%5D%7D", "filter", 400),
            ("filter=" + String(repeating: "%5B", count: 5_000), "filter", 400), ("token=x", "token", 400),
            ("from=yesterday", "from", 400), ("webhooks=x", "webhooks", 400), ("format=xml", "format", 400),
            ("since=evt_0000000000000&text=a", "text", 400), ("since=evt_0000000000000&path=%24", "path", 400),
            ("since=evt_0000000000000&webhook=example", "", 200),
        ]
        try await TestHouse.open { house async throws in
            for (query, field, status) in cases {
                let path = query.hasPrefix("format") ? "events/export?" : "events?"
                let answer = try await house.api(.GET, path + query)

                #expect(answer.status == status, "\(query) \(field)")
                if status == 400 { #expect(answer.problem?.field == field) }
            }
        }
    }

    @Test func `Nobody finds events of another organization`() async throws {
        try await TestHouse.open { house async throws in
            let stranger = try await house.stranger()
            let webhook = try await WebhookOperations(house.house.desk).create(.init(name: "theirs"), stranger)
            let event = sample(1_000, "{\"a\":1}", of: webhook.id, in: stranger.organization)
            try await house.house.store.write { try EventTable($0.connection).insert([event]) }

            #expect(try await house.api(.GET, "events?webhook=\(webhook.id.text)").status == 404)
            #expect(try await house.api(.GET, "events/export?webhook=\(webhook.id.text)").status == 404)
            for search in [
                EventSearch(), EventSearch(token: event.event.token.text), EventSearch(path: "$.a"), EventSearch(text: "a"),
                EventSearch(filter: #"{"path":"$.a","exists":true}"#),
            ] {
                #expect(try await found(search, house).isEmpty)
            }
            #expect(try await house.api(.GET, "events/export").text.isEmpty)
        }
    }

    // MARK: Export

    @Test func `An export as JSON lines holds every event that matches, newest first, with its exact body`() async throws {
        try await TestHouse.open { house async throws in
            let bodies: [Data] = [
                Data(#"{"say":"\"hi\"\n"}"#.utf8), Data(), Data([0xFF, 0x00, 0x41]), Data("a\u{0}b\u{1}\u{7F}".utf8),
                Data(("é" + String(repeating: "äb\"\\", count: 150_000)).utf8),
                Data((0..<400_000).map { UInt8(truncatingIfNeeded: $0) }),
            ]
            var ids: [String] = []
            for body in bodies {
                ids.append(try #require(try await house.call(bearer: house.made.apiToken, body: body).event))
            }

            let answer = try await house.api(.GET, "events/export?format=jsonl")
            let lines = answer.body.split(separator: UInt8(ascii: "\n")).map { Data($0) }
            let objects = try lines.map { try #require(try JSONSerialization.jsonObject(with: $0) as? [String: Any]) }

            #expect(answer.status == 200 && answer.headers.first(name: "Content-Type") == "application/jsonl")
            #expect(objects.map { $0["id"] as? String } == ids.reversed())
            for (object, body) in zip(objects, bodies.reversed()) {
                let text = (object["body"] as? String).map { Data($0.utf8) }
                let bytes = (object["body_base64"] as? String).flatMap { Data(base64Encoded: $0) }
                #expect(text ?? bytes == body)
                #expect((text == nil) == (String(validating: body, as: UTF8.self) == nil))
                #expect(object["body_bytes"] as? Int == body.count)
            }
        }
    }

    @Test func `An export goes through all pages, and narrows as the listing does`() async throws {
        try await TestHouse.open { house async throws in
            try await fill(house, 1_300) { "event \($0)" }

            let all = try await house.api(.GET, "events/export")
            let some = try await house.api(.GET, "events/export?text=event%2077")

            #expect(all.body.split(separator: UInt8(ascii: "\n")).count == 1_300)
            #expect(some.body.split(separator: UInt8(ascii: "\n")).count == 11)
        }
    }

    @Test func `An export of bodies larger than a step may be has each of them once`() async throws {
        try await TestHouse.open { house async throws in
            var ids: [String] = []
            for size in [9, 3, 3, 3, 12, 1] {
                let body = Data(repeating: UInt8(ascii: "a"), count: size * 1_000_000)
                ids.append(try #require(try await house.call(bearer: house.made.apiToken, body: body).event))
            }

            let lines = try await house.api(.GET, "events/export?format=jsonl").body.split(separator: UInt8(ascii: "\n"))
            let objects = try lines.map { try #require(try JSONSerialization.jsonObject(with: Data($0)) as? [String: Any]) }

            #expect(objects.map { $0["id"] as? String } == ids.reversed())
            #expect(objects.map { ($0["body"] as? String)?.utf8.count ?? 0 } == [1, 12, 3, 3, 3, 9].map { $0 * 1_000_000 })
        }
    }

    @Test func `An export as CSV is what RFC 4180 asks, and no cell is a formula`() async throws {
        try await TestHouse.open { house async throws in
            let bodies = ["=1+1", "+a", "-a", "@a", "\ta", "a,\"b\"\r\nc", "plain", ""]
            let ids = try await post(bodies, house, headers: [("Inlet-Context", "=cmd"), ("Content-Type", "text/plain")])
            let raw = try #require(try await house.call(bearer: house.made.apiToken, body: Data([0xFF, 0x3D])).event)

            let answer = try await house.api(.GET, "events/export?format=csv")
            let rows = try #require(CSVReader.rows(answer.text))

            #expect(answer.headers.first(name: "Content-Type") == "text/csv; charset=utf-8")
            #expect(rows.first?.first == "id" && rows.first?.last == "body")
            #expect(rows.dropFirst().allSatisfy { $0.count == rows.first?.count })
            #expect(rows.dropFirst().compactMap(\.first) == [raw] + ids.reversed())
            #expect(rows.dropFirst(2).compactMap(\.last) == ["", "plain", "a,\"b\"\r\nc", "'\ta", "'@a", "'-a", "'+a", "'=1+1"])
            #expect(rows.dropFirst(2).allSatisfy { $0.contains("'=cmd") })
            #expect(rows.dropFirst().first?.suffix(2) == ["/z0=", ""])
            #expect(answer.text.hasSuffix("\r\n"))
        }
    }

    @Test func `N2 the ledger is exported with both kinds of call, and narrows as the listing does`() async throws {
        try await TestHouse.open { house async throws in
            let event = try await post(["1"], house)
            house.clock.advance(by: .seconds(1))
            _ = try await house.call(bearer: Secret.random(.api).revealed())
            await house.house.housekeeper.flush()

            let lines = try await house.api(.GET, "calls/export").body.split(separator: UInt8(ascii: "\n"))
            let calls = try lines.map { try Wire.decode(CallView.self, from: Data($0)) }
            let table = try #require(CSVReader.rows(try await house.api(.GET, "calls/export?format=csv&outcome=refused").text))

            #expect(calls == (try await house.client().calls(limit: 500).items))
            #expect(calls.last?.id == event.first)
            #expect(table.count == 2 && table.last?.contains("unknown_token") == true)
            #expect(try await house.api(.GET, "calls/export?cause=none").problem?.field == "cause")
        }
    }

    // MARK: Helpers

    private func sample(
        _ number: Int64, _ body: String, of webhook: ID<Webhook>, in organization: ID<Organization>
    ) -> (event: Event, body: Data) {
        let event = Event(
            id: OrderedID(number: number), organization: organization, webhook: webhook, token: .random(),
            receivedAt: Timestamp(seconds: number), remoteAddress: "127.0.0.1", query: nil, contentType: nil,
            headersText: "", context: nil, basicUser: nil, bodyBytes: Int64(body.utf8.count), bodySHA256: Data(count: 32))
        return (event, Data(body.utf8))
    }

    // Straight into the database, newer than what was posted.
    private func fill(_ house: TestHouse, _ count: Int, body: @escaping @Sendable (Int) -> String) async throws {
        let now = house.clock.now()
        let events = (0..<count).map { number in
            sample(
                house.house.desk.eventIDs.next(at: now).number, body(number), of: house.made.webhook, in: house.made.organization)
        }
        try await house.house.store.write { try EventTable($0.connection).insert(events) }
    }
}

/// Reads CSV as RFC 4180 has it; `nil` for anything else.
private enum CSVReader {
    static func rows(_ text: String) -> [[String]]? {
        var rows: [[String]] = []
        var row: [String] = []
        var cell: [UInt8] = []
        var rest = Array(text.utf8)[...]
        var isQuoted = false
        while let byte = rest.popFirst() {
            if isQuoted {
                if byte != UInt8(ascii: "\"") {
                    cell.append(byte)
                } else if rest.first == UInt8(ascii: "\"") {
                    cell.append(byte)
                    _ = rest.popFirst()
                } else {
                    isQuoted = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""):
                guard cell.isEmpty else { return nil }
                isQuoted = true
            case UInt8(ascii: ","):
                row.append(String(decoding: cell, as: UTF8.self))
                cell = []
            case 0x0D:
                guard rest.popFirst() == 0x0A else { return nil }
                rows.append(row + [String(decoding: cell, as: UTF8.self)])
                (row, cell) = ([], [])
            case 0x0A: return nil
            default: cell.append(byte)
            }
        }
        return isQuoted || !row.isEmpty || !cell.isEmpty ? nil : rows
    }
}
