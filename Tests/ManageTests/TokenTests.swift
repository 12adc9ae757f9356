import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import NIOHTTP1
import ServerSupport
import Storage
import TestSupport
import Testing

@Suite(.tags(.store)) struct TokenTests {
    @Test func `D2 an app token opens only its webhook, belongs to the webhook's maker, and is the password of Basic`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let orders = try await house.client().createWebhook(NewWebhook(name: "orders"))
            let other = try await house.client().createWebhook(NewWebhook(name: "other"))
            let token = try await house.client().createToken(NewToken(kind: "app", webhook: orders.id, name: "shop"))
            let secret = try #require(token.secret)

            #expect(token.owner == orders.owner)
            #expect(try await house.call(orders.id, bearer: secret).status == 202)
            #expect(try await house.call(orders.id, basic: ("anyone", secret)).status == 202)
            #expect(try await house.call(orders.id, basic: (secret, "")).status == 202)
            #expect(try await house.call(other.id, bearer: secret).status == 403)
            #expect(try await house.call(orders.id, basic: (secret, "wrong")).status == 401)
        }
    }

    @Test func `D3 every webhook has its own app token`() async throws {
        try await TestHouse.open { house async throws in
            var secrets: [(webhook: String, secret: String)] = []
            for name in ["a", "b", "c"] {
                let webhook = try await house.client().createWebhook(NewWebhook(name: name))
                let token = try await house.client().createToken(NewToken(kind: "app", webhook: name, name: name))
                secrets.append((webhook.id, try #require(token.secret)))
            }

            for (index, own) in secrets.enumerated() {
                for (position, target) in secrets.enumerated() {
                    let answer = try await house.call(target.webhook, bearer: own.secret)
                    #expect(answer.status == (index == position ? 202 : 403))
                }
            }
        }
    }

    @Test func `D4 an API token opens every webhook of the organization, those made later included`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "all"))
            let secret = try #require(token.secret)
            let later = try await house.client().createWebhook(NewWebhook(name: "later"))

            #expect(try await house.call(bearer: secret).status == 202)
            #expect(try await house.call(later.id, bearer: secret).status == 202)
        }
    }

    @Test func `P1 an API token is made from a name and a description, and a name that is none is refused`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(
                NewToken(kind: "api", name: " Set up connection ", description: "For the shop.\nAsk Ann."))

            #expect(token.name == "Set up connection" && token.description == "For the shop.\nAsk Ann.")
            #expect(token.state == "active" && token.secret != nil)
            for body in [#"{"kind":"api","name":""}"#, #"{"kind":"api","name":"  "}"#, #"{"kind":"api"}"#] {
                let refused = try await house.api(.POST, "tokens", body)
                #expect(refused.status == 400 && refused.problem?.field == "name")
            }
            let long = String(repeating: "x", count: 501)
            let refused = try await house.api(.POST, "tokens", #"{"kind":"api","name":"n","description":"\#(long)"}"#)
            #expect(refused.problem?.field == "description")
        }
    }

    @Test func `P1 an API token is made with a name and a description, and shows both from then on`() async throws {
        try await TestHouse.open { house async throws in
            let answer = try await house.api(
                .POST, "tokens", #"{"kind":"api","name":" Shop ","description":"Orders of the web shop"}"#)
            let made = try Wire.decode(TokenView.self, from: answer.body)

            #expect(answer.status == 201 && made.name == "Shop" && made.description == "Orders of the web shop")
            #expect(made.kind == "api" && made.state == "active" && made.owner == house.made.owner.text)
            var shown = try await house.client().token(made.id)
            #expect(shown.name == "Shop" && shown.description == "Orders of the web shop")
            #expect(shown.secret == nil && shown.header == nil && shown.basic == nil && shown.curl == nil)
            shown = try #require(try await house.client().tokens().items.first { $0.id == made.id })
            #expect(shown.hint == made.secret.map { String($0.prefix(9)) })
        }
    }

    @Test func `P2 a token comes in two formats, and each works on every webhook that accepts it`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "both"))
            let secret = try #require(token.secret)
            let bearerOnly = try await house.client().createWebhook(NewWebhook(name: "b", accepts: ["bearer"]))
            let basicOnly = try await house.client().createWebhook(NewWebhook(name: "c", accepts: ["basic"]))
            #expect(token.header == "Authorization: Bearer \(secret)")
            let basic = try #require(token.basic)

            #expect(try await house.call(headers: [("Authorization", "Basic \(basic)")]).status == 202)
            #expect(try await house.call(bearerOnly.id, bearer: secret).status == 202)
            #expect(try await house.call(bearerOnly.id, basic: ("u", secret)).status == 401)
            #expect(try await house.call(basicOnly.id, basic: ("u", secret)).status == 202)
            #expect(try await house.call(basicOnly.id, bearer: secret).status == 401)
            #expect(try await house.causes() == ["method_not_accepted", "method_not_accepted"])
        }
    }

    @Test func `P3 a secret is shown once and never again`() async throws {
        try await TestHouse.open { house async throws in
            let answer = try await house.api(.POST, "tokens", #"{"kind":"api","name":"once"}"#)
            let token = try Wire.decode(TokenView.self, from: answer.body)
            let secret = try #require(token.secret)

            #expect(answer.status == 201)
            #expect(answer.headers.first(name: "Cache-Control") == "no-store")
            #expect(token.curl?.contains(secret) ?? false)
            for path in ["tokens", "tokens/\(token.id)", "audit"] {
                let later = try await house.api(.GET, path)
                #expect(later.status == 200)
                #expect(!String(decoding: later.body, as: UTF8.self).contains(secret))
            }
        }
    }

    @Test func `P4 editing name and description leaves the secret as it is`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "before"))

            let edited = try await house.client().editToken(token.id, TokenEdit(name: "after", description: "why"))

            #expect(edited.name == "after" && edited.description == "why" && edited.hint == token.hint)
            #expect(edited.secret == nil)
            let secret = try #require(token.secret)
            #expect(try await house.call(bearer: secret).status == 202)
            #expect(try await house.client().editToken(token.id, TokenEdit()).name == "after")
        }
    }

    @Test func `P5 a deactivated token opens nothing, and P6 works again after reactivation`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "switch"))
            let secret = try #require(token.secret)

            let off = try await house.client().deactivateToken(token.id)
            #expect(off.state == "inactive" && off.inactiveReason == "by_hand")
            #expect(try await house.call(bearer: secret).status == 401)
            #expect(try await house.client().deactivateToken(token.id).inactiveSince == off.inactiveSince)

            #expect(try await house.client().activateToken(token.id).state == "active")
            #expect(try await house.call(bearer: secret).status == 202)
            #expect(try await house.causes() == ["token_inactive"])
        }
    }

    @Test func `P5 no call that starts after the answer is accepted, P6 none is refused, over and over on one connection`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "flip"))
            let secret = try #require(token.secret)

            for _ in 0..<100 {
                _ = try await house.client().deactivateToken(token.id)
                #expect(try await house.call(bearer: secret).status == 401)
                _ = try await house.client().activateToken(token.id)
                #expect(try await house.call(bearer: secret).status == 202)
            }
        }
    }

    @Test func `P7 only an inactive token can be deleted; then it opens nothing and is listed nowhere`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "gone"))
            let secret = try #require(token.secret)

            let early = try await house.api(.DELETE, "tokens/\(token.id)")
            #expect(early.status == 409)
            #expect(early.problem?.code == "token_active")
            #expect(try await house.call(bearer: secret).status == 202)

            _ = try await house.client().deactivateToken(token.id)
            #expect(try await house.api(.DELETE, "tokens/\(token.id)").status == 204)
            #expect(try await house.call(bearer: secret).status == 401)
            #expect(try await house.api(.POST, "tokens/\(token.id)/activate").status == 404)
            #expect(try await house.api(.DELETE, "tokens/\(token.id)").status == 404)
            #expect(try await !house.client().tokens().items.contains { $0.id == token.id })
            #expect(try await house.client().auditEntries().items.contains { $0.action == "token.delete" })
        }
    }

    @Test func `An expired token opens nothing, and the ledger says since when`() async throws {
        try await TestHouse.open { house async throws in
            let end = house.clock.now().adding(.days(1))
            let token = try await house.client().createToken(
                NewToken(kind: "api", name: "short", expiresAt: end.text))
            let secret = try #require(token.secret)
            #expect(try await house.call(bearer: secret).status == 202)

            house.clock.advance(by: .days(1))

            #expect(try await house.call(bearer: secret).status == 401)
            #expect(try await house.causes() == ["token_expired"])
            #expect(try await house.client().calls(outcome: "refused").items.first?.causeAt == end.text)
        }
    }

    @Test func `A management token opens no webhook, and no other kind opens the REST API`() async throws {
        try await TestHouse.open { house async throws in
            #expect(try await house.call(bearer: house.made.managementToken).status == 401)
            #expect(try await house.api(.GET, "status", token: house.made.apiToken).status == 401)
            #expect(try await house.causes() == ["wrong_kind_of_token"])
        }
    }

    @Test func `A management token always ends, after a year at the latest`() async throws {
        try await TestHouse.open { house async throws in
            let latest = house.clock.now().adding(.days(365))
            let token = try await house.client().createToken(NewToken(kind: "management", name: "m"))
            #expect(token.expiresAt == latest.text)

            let tooLong = latest.adding(.days(1)).text
            let answer = try await house.api(
                .POST, "tokens", #"{"kind":"management","name":"m","expires_at":"\#(tooLong)"}"#)
            #expect(answer.status == 400 && answer.problem?.field == "expires_at")

            house.clock.advance(by: .days(365))
            #expect(try await house.api(.GET, "status").status == 401)
        }
    }

    @Test func `A member makes tokens for itself and for nobody else`() async throws {
        try await TestHouse.open { house async throws in
            let member = try await house.member(.member)
            let webhook = try await house.client(member.managementToken).createWebhook(NewWebhook(name: "mine"))

            let own = try await house.client(member.managementToken).createToken(
                NewToken(kind: "app", webhook: webhook.id, name: "own"))
            #expect(own.owner == member.account.text)
            for body in [
                #"{"kind":"api","name":"x"}"#,
                #"{"kind":"app","webhook":"example","owner":"owner","name":"x"}"#,
            ] {
                #expect(try await house.api(.POST, "tokens", body, token: member.managementToken).status == 403)
            }
            let foreign = try await house.client().createToken(NewToken(kind: "api", name: "owner's"))
            let refused = try await house.api(.POST, "tokens/\(foreign.id)/deactivate", token: member.managementToken)
            #expect(refused.status == 403)
        }
    }

    @Test func `Nobody makes a management token for somebody else`() async throws {
        try await TestHouse.open { house async throws in
            let member = try await house.member(.member)

            let answer = try await house.api(
                .POST, "tokens", #"{"kind":"management","name":"x","owner":"\#(member.account.text)"}"#)

            #expect(answer.status == 409)
        }
    }
}
