import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import Manage
import NIOHTTP1
import RestAPI
import ServerSupport
import Storage
import TestSupport
import Testing

@Suite(.tags(.store)) struct RestTests {
    @Test func `Without a management token every route is 401, with problem and challenge`() async throws {
        try await TestHouse.open { house async throws in
            for route in AllRoutes.list where route.permission != nil {
                let answer = try await house.api(
                    HTTPMethod(rawValue: route.method.rawValue), route.path, token: Secret.random(.management).revealed())
                #expect(answer.status == 401, "\(route.method.rawValue) \(route.path)")
                #expect(answer.problem?.code == "unauthorized")
                #expect(answer.headers.first(name: "WWW-Authenticate") != nil)
            }
        }
    }

    @Test func `Every route asks for the permission that the contents page says`() async throws {
        let cases: [Role] = [Role.viewer, .member, .admin]
        try await TestHouse.open { house async throws in
            for role in cases {
                let member = try await house.member(role)
                for route in AllRoutes.list {
                    guard let permission = route.permission else { continue }
                    let path = route.path.replacing(":id", with: "none")
                    let answer = try await house.api(
                        HTTPMethod(rawValue: route.method.rawValue), path,
                        route.method == .get || route.method == .delete ? nil : Self.sampleBody(route.path),
                        token: member.managementToken)
                    #expect(
                        (answer.status == 403) == (permission == .manageInstallation || !role.allows(permission)),
                        "\(role) \(route.method.rawValue) \(route.path): \(answer.status)")
                    #expect(answer.status < 500, "\(role)")
                }
            }
        }
    }

    @Test func `What is no moment of RFC 3339 is refused`() async throws {
        let cases: [String] = [
            "2027-01-31T12:00:00Zx", "2027-02-30T12:00:00Z", "2027-01-31T24:00:00Z", "2027-01-31", "2027-13-01T00:00:00Z",
            "2027-01-31T12:00:00", "2027-01-31T12:00:00+24:00", "0000-00-00T00:00:00Z", "٢٠٢٧-01-31T12:00:00Z", "now",
        ]
        try await TestHouse.open { house async throws in
            for text in cases {
                let answer = try await house.api(.POST, "tokens", #"{"kind":"api","name":"n","expires_at":"\#(text)"}"#)

                #expect(answer.status == 400 && answer.problem?.field == "expires_at", "\(text)")
            }
        }
    }

    @Test func `A moment of RFC 3339 is read with its fraction and offset`() async throws {
        let cases: [(text: String, shown: String)] = [
            ("2030-01-31T12:00:00Z", "2030-01-31T12:00:00.000Z"), ("2030-01-31t12:00:00.25z", "2030-01-31T12:00:00.250Z"),
            ("2030-01-31T12:00:00.123456789+02:00", "2030-01-31T10:00:00.123Z"),
            ("2028-02-29T23:30:00-19:30", "2028-03-01T19:00:00.000Z"),
        ]
        try await TestHouse.open { house async throws in
            for (text, shown) in cases {
                let answer = try await house.api(.POST, "tokens", #"{"kind":"api","name":"n","expires_at":"\#(text)"}"#)

                #expect(try Wire.decode(TokenView.self, from: answer.body).expiresAt == shown, "\(text) \(shown)")
            }
        }
    }

    @Test func `Another organization's things are not found, and nothing shows that they are there`() async throws {
        try await TestHouse.open { house async throws in
            let stranger = try await house.stranger()
            let webhook = try await WebhookOperations(house.house.desk).create(.init(name: "theirs"), stranger)
            let token = try await TokenOperations(house.house.desk).create(.init(kind: .api, name: "t"), stranger)
            let event = try #require(try await house.call(webhook.id.text, bearer: token.secret).event)

            for path in [
                "webhooks/\(webhook.id.text)", "webhooks/theirs", "tokens/\(token.entry.token.id.text)",
                "events/\(event)", "events/\(event)/body", "accounts/\(stranger.account.text)",
            ] {
                let answer = try await house.api(.GET, path)
                #expect(answer.status == 404, "\(path)")
                #expect(answer.problem?.code == "not_found")
            }
            #expect(try await house.api(.POST, "tokens/\(token.entry.token.id.text)/deactivate").status == 404)
            #expect(try await house.api(.GET, "events?webhook=\(webhook.id.text)").status == 404)
            #expect(try await house.client().events().items.isEmpty)
            #expect(try await house.client().webhooks().items.map(\.name) == ["example"])
            #expect(try await house.call(webhook.id.text, bearer: token.secret).status == 202)
        }
    }

    @Test func `A webhook is made, shown by id and by name, and listed`() async throws {
        try await TestHouse.open { house async throws in
            let answer = try await house.api(
                .POST, "webhooks", #"{"name":" orders ","description":"from the shop","accepts":["basic"]}"#)
            let made = try Wire.decode(WebhookView.self, from: answer.body)

            #expect(answer.status == 201)
            #expect(made.name == "orders" && made.accepts == ["basic"] && made.state == "active")
            #expect(made.url.hasSuffix("/in/\(made.id)"))
            #expect(made.owner == house.made.owner.text)
            #expect(try await house.client().webhook("orders") == made)
            #expect(try await house.client().webhook(made.id) == made)
            _ = try await house.client().createWebhook(NewWebhook(name: "orders"))
            #expect(try await house.api(.GET, "webhooks/orders").problem?.code == "name_ambiguous")
        }
    }

    @Test func `A bad request is 400 and names the field`() async throws {
        let cases: [(path: String, body: String, field: String)] = [
            ("webhooks", "", "body"), ("webhooks", "[1]", "body"), ("webhooks", "{", "body"),
            ("webhooks", #"{"nome":"x"}"#, "nome"), ("webhooks", "{}", "name"), ("webhooks", #"{"name":7}"#, "name"),
            ("webhooks", #"{"name":""}"#, "name"), ("webhooks", #"{"name":"x","accepts":[]}"#, "accepts"),
            ("webhooks", #"{"name":"x","accepts":["digest"]}"#, "accepts"),
            ("webhooks", #"{"name":"x","description":"\#(String(repeating: "y", count: 501))"}"#, "description"),
            ("tokens", #"{"kind":"root","name":"x"}"#, "kind"), ("tokens", #"{"kind":"app","name":"x"}"#, "webhook"),
            ("tokens", #"{"kind":"api","name":"x","webhook":"example"}"#, "webhook"),
            ("tokens", #"{"kind":"api","name":"x","expires_at":"tomorrow"}"#, "expires_at"),
            ("tokens", #"{"kind":"api","name":"x","expires_at":"2020-01-01T00:00:00Z"}"#, "expires_at"),
            ("accounts", #"{"kind":"person","name":"x"}"#, "login"),
            ("accounts", #"{"kind":"service","name":"x","login":"abc"}"#, "login"),
            ("accounts", #"{"kind":"service","name":"x","role":"king"}"#, "role"),
        ]
        try await TestHouse.open { house async throws in
            for (path, body, field) in cases {
                let answer = try await house.api(.POST, path, body)

                #expect(answer.status == 400, "\(path) \(body) \(field)")
                #expect(answer.problem?.code == "invalid", "\(path) \(body) \(field)")
                #expect(answer.problem?.field == field, "\(path) \(body) \(field)")
                #expect(answer.headers.first(name: "Content-Type") == "application/problem+json", "\(path) \(body) \(field)")
            }
        }
    }

    @Test func `A bad query is 400`() async throws {
        let cases: [String] = [
            "events?limit=0", "events?limit=501", "events?limit=x", "events?after=%00", "events?after=abc", "events?colour=red",
            "events?since=7", "calls?outcome=maybe", "tokens?after=ZXZ0",
        ]
        try await TestHouse.open { house async throws in
            for path in cases {
                #expect(try await house.api(.GET, path).status == 400, "\(path)")
            }
        }
    }

    @Test func `A query parameter without a value is as good as none`() async throws {
        try await TestHouse.open { house async throws in
            let event = try await house.call(bearer: house.made.apiToken).event

            let answer = try await house.api(.GET, "events?webhook=&after=&limit=")

            #expect(answer.status == 200)
            #expect(try Wire.decode(PageView<EventView>.self, from: answer.body).items.map(\.id) == [event])
        }
    }

    @Test func `Unknown addresses and oversized requests are problems too`() async throws {
        try await TestHouse.open { house async throws in
            let unknown = try await house.api(.GET, "nothing/here")
            let large = try await house.api(.POST, "webhooks", #"{"name":"\#(String(repeating: "x", count: 70_000))"}"#)

            #expect(unknown.status == 404 && unknown.problem?.code == "not_found")
            #expect(large.status == 413 && large.problem?.code == "body_too_large")
        }
    }

    @Test func `A listing goes on where it ended, without gap or repeat, while new events come in`() async throws {
        try await TestHouse.open { house async throws in
            for number in 0..<7 {
                _ = try await house.call(bearer: house.made.apiToken, body: Data("\(number)".utf8))
            }
            var seen: [String] = []
            var after: String?
            repeat {
                let page = try await house.client().events(after: after, limit: 3)
                seen += page.items.map(\.id)
                after = page.next
                _ = try await house.call(bearer: house.made.apiToken)
            } while after != nil

            #expect(seen.count == 7)
            #expect(seen == seen.sorted().reversed())
            #expect(Set(seen).count == 7)
        }
    }

    @Test func `A listing whose last page is full says that none follows`() async throws {
        try await TestHouse.open { house async throws in
            _ = try await house.client().createWebhook(NewWebhook(name: "second"))

            let first = try await house.client().webhooks(limit: 1)
            let last = try await house.client().webhooks(after: first.next, limit: 1)

            #expect(first.items.count == 1 && first.next != nil)
            #expect(last.items.count == 1 && last.next == nil)
            #expect(try await house.client().webhooks(limit: 2).next == nil)
        }
    }

    @Test func `Events since one are given oldest first, for those who follow along`() async throws {
        try await TestHouse.open { house async throws in
            var ids: [String] = []
            for _ in 0..<4 { ids.append(try #require(try await house.call(bearer: house.made.apiToken).event)) }

            #expect(try await house.client().events(since: ids[1]).items.map(\.id) == Array(ids[2...]))
            #expect(try await house.client().events(since: ids[3], webhook: "example").items.isEmpty)
        }
    }

    @Test func `N2 the ledger lists accepted and refused calls together, newest first`() async throws {
        try await TestHouse.open { house async throws in
            _ = try await house.call(bearer: house.made.apiToken)
            house.clock.advance(by: .seconds(1))
            _ = try await house.call()
            house.clock.advance(by: .seconds(1))
            _ = try await house.call(bearer: house.made.apiToken)
            await house.house.housekeeper.flush()

            let calls = try await house.client().calls().items

            #expect(calls.map(\.outcome) == ["accepted", "refused", "accepted"])
            #expect(calls.map(\.tokenName) == ["First API token", nil, "First API token"])
            #expect(try await house.client().calls(outcome: "accepted").items.count == 2)
        }
    }

    @Test func `N8 every act leaves one entry in the audit log, and an act that changes nothing leaves none`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let before = try await house.client().auditEntries(limit: 500).items.count
            let webhook = try await house.client().createWebhook(NewWebhook(name: "w"))
            let token = try await house.client().createToken(NewToken(kind: "app", webhook: webhook.id, name: "t"))
            _ = try await house.client().deactivateToken(token.id)
            _ = try await house.client().deactivateToken(token.id)
            _ = try await house.client().pauseWebhook(webhook.id)
            _ = try await house.client().pauseWebhook(webhook.id)
            try await house.client().deleteToken(token.id)
            _ = try await house.api(.DELETE, "tokens/\(token.id)")

            let entries = try await house.client().auditEntries(limit: 500).items

            #expect(
                entries.dropLast(before).map(\.action) == [
                    "token.delete", "webhook.pause", "token.deactivate", "token.create", "webhook.create",
                ])
            #expect(entries.allSatisfy { $0.actor == house.made.owner.text })
        }
    }

    @Test func `Health pages need no token`() async throws {
        try await TestHouse.open { house async throws in
            let status = try await house.client().status()

            #expect(status.database == (TestDatabase.isEmbedded ? "sqlite" : "postgres") && status.obstacle == nil)
            #expect(try await house.api(.GET, "../../health/ready", token: "none").status != 401)
        }
    }

    private static func sampleBody(_ path: String) -> String {
        switch path {
        case "accounts": #"{"kind":"service","name":"x","role":"viewer"}"#
        case "tokens": #"{"kind":"app","webhook":"example","name":"x"}"#
        case "webhooks": #"{"name":"x"}"#
        default: "{}"
        }
    }
}
