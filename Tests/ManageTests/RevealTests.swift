import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import NIOHTTP1
import ServerSupport
import TestSupport
import Testing

/// Looking at a sealed secret again: who may, with which proof, and what the log says. Row E7.
@Suite(.tags(.store)) struct RevealTests {
    @Test func `E7 in a session, with its password, the secret is shown that was made, and the log says who looked`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let shop = try await house.deployToken()
            let admin = try await house.person(.admin)
            let browser = try await house.browser(of: admin)

            for (path, id, secret, door, action) in [
                ("credentials/Hits/reveal", made.id, made.secret, "/activations", "credential.reveal"),
                ("applications/\(shop.id)/token/reveal", shop.id, shop.secret, "/deploys", "application.reveal"),
            ] {
                let answer = try await browser.request(.POST, path, #"{"password":"\#(admin.password)"}"#)

                let shown = try Wire.decode(RevealedView.self, from: answer.body)
                #expect(answer.status == 200 && answer.headers.first(name: "Cache-Control") == "no-store")
                #expect(shown.secret == secret && shown.header == "Authorization: Bearer \(secret)")
                #expect(shown.curl.contains(secret) && shown.curl.contains(door))
                let entry = try #require(try await house.client().auditEntries(subject: id).items.first)
                #expect(entry.action == action && entry.actor == admin.id && entry.actorToken == nil)
                #expect(entry.details["hint"] == String(secret.prefix(9)))
            }
            let export = try await house.api(.GET, "audit/export").text
            for hidden in [made.secret, shop.secret, admin.password] { #expect(!export.contains(hidden)) }
        }
    }

    @Test func `E7 a management token with the scope may look, without a password`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let own = try await house.client().createToken(NewToken(kind: "management", name: "m", scopes: ["reveal"]))
            #expect(own.scopes == ["reveal"])
            let secret = try #require(own.secret)

            for body in [nil, "{}"] {
                let answer = try await house.api(.POST, "credentials/\(made.id)/reveal", body, token: secret)
                #expect(answer.status == 200)
                #expect(try Wire.decode(RevealedView.self, from: answer.body).secret == made.secret)
            }

            let entries = try await house.client().auditEntries(action: "credential.reveal").items
            #expect(entries.map(\.actorToken) == [own.id, own.id])
        }
    }

    @Test func `E7 whoever may not look, or does not prove it, is refused, and the log says so`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let shop = try await house.deployToken()
            let browser = try await house.browser(of: house.firstOwner)
            let viewer = try await house.person(.viewer)
            let viewersBrowser = try await house.browser(of: viewer)
            let member = try await house.member(.member)
            let scopeless = try await house.scopelessToken()
            let robot = try await house.client().createAccount(NewAccount(kind: "service", name: "robot", role: "admin"))
            let robots = try await house.client().createToken(
                NewToken(kind: "management", owner: robot.id, name: "robot's"))
            let attempts: [(reason: String, status: Int, actor: String, (String) async throws -> TestHouse.Answer)] = [
                ("password", 400, house.made.owner.text, { try await browser.request(.POST, $0, "{}") }),
                ("password", 400, house.made.owner.text, { try await browser.request(.POST, $0) }),
                (
                    "password", 400, house.made.owner.text,
                    { try await browser.request(.POST, $0, #"{"password":"wrong horse"}"#) }
                ),
                (
                    "permission", 403, viewer.id,
                    { try await viewersBrowser.request(.POST, $0, #"{"password":"\#(viewer.password)"}"#) }
                ),
                ("permission", 403, member.account.text, { try await house.api(.POST, $0, "{}", token: member.managementToken) }),
                ("scope", 403, house.made.owner.text, { try await house.api(.POST, $0, "{}", token: scopeless) }),
                (
                    "scope", 403, house.made.owner.text,
                    { try await house.api(.POST, $0, #"{"password":"\#(house.password)"}"#, token: scopeless) }
                ),
                ("scope", 403, robot.id, { try await house.api(.POST, $0, nil, token: #require(robots.secret)) }),
            ]

            for (path, subject, secret) in [
                ("credentials/Hits/reveal", made.id, made.secret), ("applications/shop/token/reveal", shop.id, shop.secret),
            ] {
                for (reason, status, actor, attempt) in attempts {
                    house.clock.advance(by: .seconds(60))
                    let answer = try await attempt(path)
                    #expect(answer.status == status && !answer.text.contains(secret), "\(reason) \(answer.text)")
                    let entry = try #require(try await house.client().auditEntries(subject: subject).items.first)
                    #expect(entry.action == "reveal.refuse" && entry.details["reason"] == reason && entry.actor == actor)
                    #expect(entry.at == house.clock.now().text, "\(reason)")
                }
            }
            #expect(try await house.client().auditEntries(action: "reveal.refuse").items.count == 2 * attempts.count)
            #expect(try await house.client().auditEntries(action: "credential.reveal").items.isEmpty)
            #expect(try await house.client().verifyAudit().isIntact)
        }
    }

    @Test func `E7 after too many wrong passwords no look is possible for a while, and each of them is in the log`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let person = try await house.person(.admin)
            let browser = try await house.browser(of: person)
            let look = { (password: String) in
                try await browser.request(.POST, "credentials/Hits/reveal", #"{"password":"\#(password)"}"#)
            }
            var statuses: [Int] = []
            for _ in 0..<8 { statuses.append(try await look("wrong horse").status) }
            #expect(statuses.first == 400 && statuses.last == 429, "\(statuses)")

            let right = try await look(person.password)

            #expect(right.status == 429 && right.headers.first(name: "Retry-After") != nil)
            #expect(!right.text.contains(made.secret))
            #expect(try await house.client().auditEntries(action: "reveal.refuse").items.count == 9)
            house.clock.advance(by: .seconds(60))
            #expect(try await look(person.password).status == 200)
        }
    }

    @Test func `E7 who is not known, and what is not there, leave no entry`() async throws {
        try await TestHouse.open { house async throws in
            _ = try await house.hitsCredential()
            let viewer = try await house.member(.viewer).managementToken
            let there = try await house.client().createOrganization(NewOrganization(name: "Elsewhere")).managementToken

            for path in ["credentials/Hits/reveal", "applications/shop/token/reveal"] {
                #expect(try await house.request(.POST, path, "{}").status == 401)
                #expect(try await house.api(.POST, path, "{}", token: house.made.apiToken).status == 401)
                #expect(try await house.api(.POST, path, "{}", token: there).status == 404)
            }
            #expect(try await house.api(.POST, "credentials/none/reveal", "{}", token: viewer).status == 403)

            #expect(try await house.client().auditEntries(action: "reveal.refuse").items.isEmpty)
            #expect(try await house.client(there).auditEntries(action: "reveal.refuse").items.isEmpty)
        }
    }

    @Test func `E7 without its entry in the log nothing is shown`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let shop = try await house.deployToken()
            let scopeless = try await house.scopelessToken()
            try await house.shutAuditLog()

            for (path, secret) in [
                ("credentials/Hits/reveal", made.secret), ("applications/shop/token/reveal", shop.secret),
            ] {
                let answer = try await house.api(.POST, path, "{}")
                #expect(answer.status == 500 && !answer.text.contains(secret.dropFirst(9)))
                #expect(try await house.api(.POST, path, "{}", token: scopeless).status == 500)
            }

            try await house.openAuditLog()
            #expect(try await house.client().revealCredential("Hits").secret == made.secret)
        }
    }

    @Test func `E7 a Deploy credential has no secret of its own, and activation tokens are shown once`() async throws {
        try await TestHouse.open { house async throws in
            _ = try await house.deployToken()
            let token = try await house.activationToken()
            let id = try #require(try await house.client().activations(of: "Hits").items.first?.id)

            let refused = try await house.api(.POST, "credentials/shop/reveal", "{}")

            #expect(refused.status == 409 && refused.problem?.code == "no_secret")
            for path in ["credentials/Hits/activations/\(id)/reveal", "credentials/\(id)/reveal"] {
                #expect(try await house.api(.POST, path, "{}").status == 404, "\(path)")
            }
            #expect(try await !house.api(.GET, "credentials/Hits/activations").text.contains(token))
        }
    }

    // MARK: The scope

    @Test func `E7 only who may look at secrets gives the scope: a token that has it, or a session with its password`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let scopeless = try await house.scopelessToken()
            let browser = try await house.browser(of: house.firstOwner)
            let body = #"{"kind":"management","name":"m","scopes":["reveal"]}"#
            let with = { (password: String) in
                #"{"kind":"management","name":"m","scopes":["reveal"],"password":"\#(password)"}"#
            }

            #expect(try await house.api(.POST, "tokens", body, token: scopeless).status == 403)
            #expect(try await house.api(.POST, "tokens", with(house.password), token: scopeless).status == 403)
            for wrong in [body, with("wrong horse")] {
                let refused = try await browser.request(.POST, "tokens", wrong)
                #expect(refused.status == 400 && refused.problem?.field == "password")
            }
            for role in [Role.member, .viewer] {
                let person = try await house.person(role)
                let theirs = try await house.browser(of: person)
                #expect(try await theirs.request(.POST, "tokens", with(person.password)).status == 403)
            }
            #expect(try await house.client().tokens().items.filter { !$0.scopes.isEmpty }.count == 1)

            let bySession = try await browser.request(.POST, "tokens", with(house.password))
            let byToken = try await house.api(.POST, "tokens", body)
            for answer in [bySession, byToken] {
                let token = try Wire.decode(TokenView.self, from: answer.body)
                #expect(answer.status == 201 && token.scopes == ["reveal"])
                _ = try await house.hitsCredential(token.id)
                let secret = try #require(token.secret)
                #expect(try await house.client(secret).revealCredential(token.id).secret.hasPrefix("inlh_"))
            }
            for wrong in [
                #"{"kind":"api","name":"a","scopes":["reveal"]}"#, #"{"kind":"management","name":"a","scopes":["all"]}"#,
            ] {
                let refused = try await house.api(.POST, "tokens", wrong)
                #expect(refused.status == 400 && refused.problem?.field == "scopes", "\(wrong)")
            }
        }
    }

    @Test func `E7 a token with the scope is rotated only by who could give it, for its new secret is as good as a look`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let scopeless = try await house.scopelessToken()
            let browser = try await house.browser(of: house.firstOwner)
            let token = try await house.client().createToken(NewToken(kind: "management", name: "m", scopes: ["reveal"]))
            let plain = try #require(try await house.client().tokens().items.first { $0.name == "scopeless" })

            #expect(try await house.api(.POST, "tokens/\(token.id)/rotate", "{}", token: scopeless).status == 403)
            for body in [nil, "{}", #"{"password":"wrong horse"}"#] {
                let refused = try await browser.request(.POST, "tokens/\(token.id)/rotate", body)
                #expect(refused.status == 400 && refused.problem?.field == "password", "\(refused.text)")
            }
            #expect(try await house.client().token(token.id).secrets.count == 1)
            #expect(try await browser.request(.POST, "tokens/\(plain.id)/rotate", "{}").status == 201)

            house.clock.advance(by: .seconds(1))
            let rotated = try await browser.request(
                .POST, "tokens/\(token.id)/rotate", #"{"password":"\#(house.password)"}"#)

            let view = try Wire.decode(TokenView.self, from: rotated.body)
            #expect(rotated.status == 201 && view.scopes == ["reveal"])
            _ = try await house.hitsCredential()
            let client = house.client(try #require(view.secret))
            #expect(try await client.revealCredential("Hits").secret.hasPrefix("inlh_"))
            house.clock.advance(by: .seconds(1))
            #expect(try await client.rotateToken(token.id).secret != nil)
        }
    }

    @Test func `E7 the scope is worth nothing without the role, and stays with its token`() async throws {
        try await TestHouse.open { house async throws in
            _ = try await house.hitsCredential()
            let robot = try await house.client().createAccount(NewAccount(kind: "service", name: "robot", role: "admin"))
            let token = try await house.client().createToken(
                NewToken(kind: "management", owner: robot.id, name: "m", scopes: ["reveal"]))
            let secret = try #require(token.secret)
            let look = { try await house.api(.POST, "credentials/Hits/reveal", "{}", token: secret).status }
            #expect(try await look() == 200)

            _ = try await house.client().editAccount(robot.id, AccountEdit(role: "member"))
            #expect(try await look() == 403)
            let entry = try #require(try await house.client().auditEntries(action: "reveal.refuse").items.first)
            #expect(entry.actor == robot.id && entry.actorToken == token.id && entry.details["reason"] == "permission")

            #expect(try await house.client().editToken(token.id, TokenEdit(name: "new")).scopes == ["reveal"])
            _ = try await house.client().deactivateToken(token.id)
            #expect(try await look() == 401)
        }
    }
}
