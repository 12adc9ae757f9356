import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import NIOHTTP1
import ServerSupport
import TestSupport
import Testing

/// Credentials of an organization, and what they are exchanged for. Rows E1–E4.
@Suite(.tags(.store)) struct IntegrationTests {
    // MARK: E1

    @Test func `E1 another organization neither sees nor uses a credential`() async throws {
        try await TestHouse.open { house async throws in
            let here = try await house.hitsCredential("Same name")
            let activation = try await house.activate(here.secret)
            let id = try #require(try await house.client().activations(of: here.id).items.first?.id)
            let token = try await house.client().createOrganization(NewOrganization(name: "Elsewhere")).managementToken
            let there = house.client(token)

            #expect(try await there.credentials().items.isEmpty)
            for reference in [here.id, "Same%20name"] {
                for (method, path, body) in [
                    (HTTPMethod.GET, "credentials/\(reference)", nil),
                    (.PATCH, "credentials/\(reference)", #"{"name":"Theirs"}"#),
                    (.DELETE, "credentials/\(reference)", #"{"confirm_name":"Same name"}"#),
                    (.POST, "credentials/\(reference)/regenerate", nil), (.POST, "credentials/\(reference)/reveal", "{}"),
                    (.GET, "credentials/\(reference)/activations", nil),
                    (.DELETE, "credentials/\(reference)/activations/\(id)", nil),
                ] as [(HTTPMethod, String, String?)] {
                    #expect(try await house.api(method, path, body, token: token).status == 404, "\(method) \(path)")
                }
            }
            let theirs = try await house.hitsCredential("Same name", token: token)
            let foreign = try await house.api(.DELETE, "credentials/\(theirs.id)/activations/\(id)", token: token)
            #expect(foreign.status == 404)
            let application = try await house.api(
                .POST, "applications", #"{"name":"a","credential":"\#(here.id)"}"#, token: token)
            #expect(application.status == 400 && application.problem?.field == "credential")
            #expect(try await house.report(.hits, #"{"resource":"r","hits":1}"#, bearer: activation).status == 202)
            #expect(try await there.resources().items.isEmpty)
            #expect(try await house.client().resources().items.map(\.name) == ["r"])
        }
    }

    @Test func `E1 what is reported with a credential counts for its organization, and the ledger of others says nothing`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let there = try await house.client().createOrganization(NewOrganization(name: "Elsewhere")).managementToken
            let theirs = try await house.activationToken(token: there)
            let ours = try await house.activationToken()

            #expect(try await house.report(.hits, #"{"resource":"r","hits":3}"#, bearer: theirs).status == 202)
            #expect(try await house.report(.hits, #"{"resource":"r","hits":5}"#, bearer: ours).status == 202)
            #expect(try await house.report(.deploys, "{}", bearer: theirs).status == 401)

            #expect(try await house.client(there).resource("r").hits == 3)
            #expect(try await house.client().resource("r").hits == 5)
            #expect(try await house.causes().isEmpty)
            #expect(try await house.client(there).calls(outcome: "refused").items.map(\.cause) == ["wrong_kind_of_token"])
        }
    }

    @Test func `E1 who changes the organization in a session sees the credentials of each`() async throws {
        try await TestHouse.open { house async throws in
            let elsewhere = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
            let here = try await house.hitsCredential()
            let there = try await house.hitsCredential(token: elsewhere.managementToken)
            let browser = try await house.browser(of: house.firstOwner, organization: house.made.organization.text)
            let seen = { try await browser.get("credentials", as: PageView<CredentialView>.self).items.map(\.id) }

            #expect(try await seen() == [here.id])
            for (organization, id) in [(elsewhere.id, there.id), (house.made.organization.text, here.id)] {
                let moved = try await browser.request(
                    .POST, "sessions/current/organization", #"{"organization":"\#(organization)"}"#)
                #expect((200..<300).contains(moved.status))
                browser.csrfToken = try Wire.decode(SessionView.self, from: moved.body).csrfToken
                #expect(try await seen() == [id])
                #expect(try await browser.request(.PATCH, "credentials/\(id)", #"{"description":"d"}"#).status == 200)
            }
            #expect(try await browser.request(.GET, "credentials/\(there.id)").status == 404)
        }
    }

    @Test func `E1 a credential does not hang on who made it, and never goes idle`() async throws {
        try await TestHouse.open { house async throws in
            let admin = try await house.member(.admin)
            let made = try await house.hitsCredential(token: admin.managementToken)
            let activation = try await house.activate(made.secret)
            try await house.letDaysPass(59)
            _ = try await house.call(bearer: house.made.apiToken)
            try await house.letDaysPass(59)
            #expect(try await house.client().account(admin.account.text).state == "inactive")

            #expect(try await house.report(.hits, #"{"resource":"r","hits":1}"#, bearer: activation).status == 202)
            #expect(try await house.report(.activations, bearer: made.secret).status == 201)
        }
    }

    // MARK: E2

    @Test func `E2 owners and admins make credentials, everybody of the organization sees them, nobody else anything`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let admin = try await house.member(.admin).managementToken
            let others = [try await house.member(.member).managementToken, try await house.member(.viewer).managementToken]
            let made = try await house.hitsCredential(token: admin)

            for token in others {
                for (method, path, body) in [
                    (HTTPMethod.POST, "credentials", #"{"type":"deploy","name":"x"}"#),
                    (.PATCH, "credentials/Hits", #"{"name":"x"}"#), (.POST, "credentials/Hits/regenerate", nil),
                    (.DELETE, "credentials/Hits", #"{"confirm_name":"Hits"}"#), (.POST, "applications", #"{"name":"x"}"#),
                    (.DELETE, "credentials/Hits/activations/itk_x", nil),
                ] as [(HTTPMethod, String, String?)] {
                    #expect(try await house.api(method, path, body, token: token).status == 403, "\(method) \(path)")
                }
                #expect(try await house.client(token).credentials().items.map(\.id) == [made.id])
                #expect(try await house.client(token).activations(of: "Hits").items.isEmpty)
            }
            for (method, path) in [(HTTPMethod.GET, "credentials"), (.POST, "credentials"), (.GET, "credentials/Hits")] {
                #expect(try await house.request(method, path).status == 401)
            }
        }
    }

    @Test func `E2 what makes no credential is refused, and says why`() async throws {
        let cases: [(body: String, field: String)] = [
            (#"{"type":"hits_failure","name":""}"#, "name"), (#"{"type":"hits_failure"}"#, "name"),
            (#"{"type":"both","name":"n"}"#, "type"), (#"{"name":"n"}"#, "type"),
            (#"{"type":"hits_failure","name":"n","activation_lifetime_seconds":59}"#, "activation_lifetime_seconds"),
            (#"{"type":"hits_failure","name":"n","activation_lifetime_seconds":31536001}"#, "activation_lifetime_seconds"),
            (#"{"type":"deploy","name":"n","activation_lifetime_seconds":60}"#, "activation_lifetime_seconds"),
            (#"{"type":"deploy","name":"n","secret":"x"}"#, "secret"),
        ]
        try await TestHouse.open { house async throws in
            for (body, field) in cases {
                let answer = try await house.api(.POST, "credentials", body)

                #expect(answer.status == 400 && answer.problem?.field == field, "\(body) \(field) \(answer.text)")
                #expect(try await house.client().credentials().items.isEmpty, "\(body) \(field)")
            }
        }
    }

    @Test func `E2 a credential is found by id and by name, and no other of the organization gets the name`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.client().createCredential(
                NewCredential(type: "deploy", name: " Deploys / all ", description: "Ask Ann."))

            #expect(made.name == "Deploys / all" && made.description == "Ask Ann." && made.type == "deploy")
            #expect(made.secret == nil && made.curl == nil && made.header == nil && made.hint == nil)
            #expect(try await house.client().credential("Deploys / all") == made)
            #expect(try await house.client().credential(made.id) == made)
            let second = try await house.api(.POST, "credentials", #"{"type":"hits_failure","name":"Deploys / all"}"#)
            #expect(second.status == 409 && second.problem?.code == "name_taken")
            #expect(try await house.api(.GET, "credentials/none").status == 404)
        }
    }

    @Test func `E2 an organization has at most 100 credentials`() async throws {
        try await TestHouse.open { house async throws in
            for number in 0..<100 {
                _ = try await house.client().createCredential(NewCredential(type: "deploy", name: "\(number)"))
            }

            let refused = try await house.api(.POST, "credentials", #"{"type":"deploy","name":"one more"}"#)

            #expect(refused.status == 409 && refused.problem?.code == "too_many")
            try await house.client().deleteCredential("7", ConfirmDeletion(confirmName: "7"))
            #expect(try await house.client().createCredential(NewCredential(type: "deploy", name: "7")).name == "7")
        }
    }

    // MARK: E3

    @Test func `E3 the answer shows the integration token once, with a line that exchanges it`() async throws {
        try await TestHouse.open { house async throws in
            let answer = try await house.api(.POST, "credentials", #"{"type":"hits_failure","name":"Hits"}"#)
            let made = try Wire.decode(CredentialView.self, from: answer.body)
            let secret = try #require(made.secret)

            #expect(answer.status == 201 && answer.headers.first(name: "Cache-Control") == "no-store")
            #expect(secret.hasPrefix("inlh_") && made.hint == String(secret.prefix(9)))
            #expect(made.header == "Authorization: Bearer \(secret)")
            #expect(made.curl?.contains("/activations'") ?? false)
            #expect(made.curl?.contains(secret) ?? false)
            #expect(made.useCount == 0 && made.activationCount == 0 && made.activationLifetimeSeconds == nil)
            #expect(try await house.report(.activations, bearer: secret).status == 201)
            for path in ["credentials", "credentials/\(made.id)", "credentials/\(made.id)/activations", "audit", "calls"] {
                let later = try await house.api(.GET, path)
                #expect(later.status == 200 && !later.text.contains(secret), "\(path)")
            }
        }
    }

    // MARK: E4

    @Test func `E4 an integration token is exchanged for an activation token, which nothing on the way may keep`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()

            let answer = try await house.report(.activations, bearer: made.secret)

            let activation = try #require(answer.activation)
            #expect(answer.status == 201 && answer.headers.first(name: "Cache-Control") == "no-store")
            #expect(answer.headers.first(name: "Content-Type") == "application/json")
            #expect(activation.activationToken.hasPrefix("inlv_") && activation.activationToken.count == 43)
            #expect(activation.tokenType == "Bearer" && activation.expiresAt == nil)
            #expect(answer.text.contains(#""expires_at":null"#))
            #expect(activation.organization == house.made.organization.text && activation.hitsUrl.hasSuffix("/hits"))
            let hit = try await house.report(.hits, #"{"resource":"r","hits":1}"#, bearer: activation.activationToken)
            #expect(hit.status == 202)
            for path in ["credentials/Hits", "credentials/Hits/activations", "audit"] {
                #expect(try await !house.api(.GET, path).text.contains(activation.activationToken), "\(path)")
            }
            let shown = try await house.client().credential(made.id)
            #expect(shown.useCount == 1 && shown.activationCount == 1 && shown.lastAddress == "127.0.0.1")
            #expect(shown.lastUsedAt == house.clock.now().text)
        }
    }

    @Test func `E4 the token is taken as Bearer token and as the password of Basic, and a body is passed over`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let basic = Data("any:\(made.secret)".utf8).base64EncodedString()

            #expect(try await house.report(.activations, headers: [("Authorization", "Basic \(basic)")]).status == 201)
            #expect(try await house.report(.activations, "no JSON {", bearer: made.secret).status == 201)
            let long = String(repeating: "x", count: 64 << 10)
            #expect(try await house.report(.activations, long, bearer: made.secret).status == 201)
            #expect(try await house.report(.activations, long + "x", bearer: made.secret).status == 413)
        }
    }

    @Test func `E4 with a lifetime an activation token opens nothing from its end on, to the millisecond`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential(lifetime: 60)
            let end = house.clock.now().adding(.seconds(60))
            let answer = try await house.report(.activations, bearer: made.secret)
            let token = try #require(answer.activation)
            #expect(token.expiresAt == end.text)
            let hit = { try await house.report(.hits, #"{"resource":"r","hits":1}"#, bearer: token.activationToken) }
            let listed = try #require(try await house.client().activations(of: "Hits").items.first)
            #expect(listed.state == "active" && listed.expiresAt == end.text)

            house.clock.advance(by: .milliseconds(59_999))
            #expect(try await hit().status == 202)
            house.clock.advance(by: .milliseconds(1))
            let refused = try await hit()
            #expect(refused.status == 401 && refused.problem?.code == "unauthorized" && refused.problem?.field == nil)

            let call = try #require(try await house.refusedCalls().first)
            #expect(call.cause == "token_expired" && call.causeAt == end.text && call.webhook == "/hits")
            #expect(call.integrationToken == listed.id && call.tokenName == "Hits" && call.token == nil && call.held == nil)
            #expect(try await house.client().activations(of: "Hits").items.map(\.state) == ["expired"])
            #expect(try await house.client().credential("Hits").activationCount == 0)
        }
    }

    @Test func `E4 a new lifetime is for tokens that are made from then on`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let first = try await house.activate(made.secret)
            let edited = try await house.client().editCredential("Hits", CredentialEdit(activationLifetimeSeconds: .set(60)))
            #expect(edited.activationLifetimeSeconds == 60 && edited.secret == nil)
            let second = try await house.activate(made.secret)
            let lifted = try await house.client().editCredential("Hits", CredentialEdit(activationLifetimeSeconds: .lift))
            #expect(lifted.activationLifetimeSeconds == nil)
            let third = try await house.activate(made.secret)

            house.clock.advance(by: .seconds(3600))

            let statuses = try await [first, second, third].asyncMap {
                try await house.report(.hits, #"{"resource":"r","hits":1}"#, bearer: $0).status
            }
            #expect(statuses == [202, 401, 202])
        }
    }

    @Test func `E4 each exchange makes one more token, and taking one away leaves the others`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            _ = try await house.hitsCredential("Other")
            var tokens: [String] = []
            for _ in 0..<3 { tokens.append(try await house.activate(made.secret)) }
            #expect(Set(tokens).count == 3)
            let listed = try await house.client().activations(of: made.id).items
            #expect(Set(listed.map(\.hint)) == Set(tokens.map { String($0.prefix(9)) }))
            #expect(listed.allSatisfy { $0.state == "active" && $0.createdAddress == "127.0.0.1" && $0.useCount == 0 })
            let victim = try #require(listed.first { tokens[1].hasPrefix($0.hint) })
            for path in ["Other/activations/\(victim.id)", "Hits/activations/itk_none", "Hits/activations/\(made.id)"] {
                #expect(try await house.api(.DELETE, "credentials/\(path)").status == 404, "\(path)")
            }

            try await house.client().revokeActivation(victim.id, of: "Hits")

            let statuses = try await tokens.asyncMap {
                try await house.report(.hits, #"{"resource":"r","hits":1}"#, bearer: $0).status
            }
            #expect(statuses == [202, 401, 202])
            #expect(try await house.causes() == ["secret_ended"])
            #expect(try await house.api(.DELETE, "credentials/Hits/activations/\(victim.id)").status == 404)
            let rest = try await house.client().activations(of: "Hits").items
            #expect(rest.count == 2 && rest.allSatisfy { $0.useCount == 1 && $0.lastAddress == "127.0.0.1" })
            #expect(try await house.client().credential("Hits").activationCount == 2)
            let page = try await house.client().activations(of: "Hits", limit: 1)
            let next = try await house.client().activations(of: "Hits", after: #require(page.next), limit: 1)
            #expect(page.items + next.items == rest && next.next == nil)
        }
    }

    @Test func `E4 no report that starts after a token was taken away is accepted, over and over`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            for _ in 0..<30 {
                let token = try await house.activate(made.secret)
                let id = try #require(try await house.client().activations(of: "Hits").items.first?.id)
                #expect(try await house.report(.hits, #"{"resource":"r","hits":1}"#, bearer: token).status == 202)
                try await house.client().revokeActivation(id, of: "Hits")
                #expect(try await house.report(.hits, #"{"resource":"r","hits":1}"#, bearer: token).status == 401)
            }
            #expect(try await house.client().resource("r").hits == 30)
        }
    }

    @Test func `E4 a credential has at most 100 activation tokens that work; those that ran out make room`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential(lifetime: 3600)
            for number in 0..<100 {
                if number % 30 == 29 { house.clock.advance(by: .seconds(60)) }
                _ = try await house.activate(made.secret)
            }
            house.clock.advance(by: .seconds(60))

            let refused = try await house.report(.activations, bearer: made.secret)

            #expect(refused.status == 409 && refused.problem?.code == "too_many_activations")
            #expect(try await house.causes() == ["too_many_activations"])
            #expect(try await house.refusedCalls().first?.webhook == "/activations")
            let id = try #require(try await house.client().activations(of: "Hits").items.first?.id)
            try await house.client().revokeActivation(id, of: "Hits")
            #expect(try await house.report(.activations, bearer: made.secret).status == 201)
            #expect(try await house.report(.activations, bearer: made.secret).status == 409)
            house.clock.advance(by: .seconds(3600))
            #expect(try await house.report(.activations, bearer: made.secret).status == 201)
            #expect(try await house.client().credential("Hits").activationCount == 1)
        }
    }

    @Test func `E4 of many who exchange at once exactly 30 a minute get a token`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()

            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<50 { group.addTask { try await house.report(.activations, bearer: made.secret).status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(statuses.filter { $0 == 201 }.count == 30 && statuses.filter { $0 == 429 }.count == 20)
            #expect(try await house.client().credential("Hits").activationCount == 30)
            house.clock.advance(by: .seconds(61))
            #expect(try await house.report(.activations, bearer: made.secret).status == 201)
        }
    }

    @Test func `E4 an activation token that will run out is in the outlook, and is warned about`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential(lifetime: 20 * 86_400)
            _ = try await house.activate(made.secret)
            let endless = try await house.hitsCredential("Endless")
            _ = try await house.activate(endless.secret)
            let end = house.clock.now().adding(.days(20))
            let id = try #require(try await house.client().activations(of: made.id).items.first?.id)

            let item = try #require(try await house.client().outlook().items.first { $0.kind == "activation_expires" })
            #expect(item.subject == id && item.name == "Hits" && item.at == end.text && item.daysLeft == 20)
            #expect(try await house.client().outlook().items.filter { $0.kind == "activation_expires" }.count == 1)
            #expect(try await !house.client().outlook(days: 19).items.contains { $0.subject == id })
            house.clock.advance(by: .days(13))
            try await house.sweep()
            let warning = try #require(try await house.client().warnings().items.first { $0.subject == id })
            #expect(warning.kind == "activation_expires" && warning.daysLeft == 7 && warning.dueAt == end.text)
            try await house.client().revokeActivation(id, of: "Hits")
            #expect(try await !house.client().outlook().items.contains { $0.subject == id })
        }
    }

    @Test func `E4 a token that ran out is told apart for a day, and one that was taken away for 30`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential(lifetime: 60)
            let (first, second) = (try await house.activate(made.secret), try await house.activate(made.secret))
            let listed = try await house.client().activations(of: "Hits").items
            try await house.client().revokeActivation(#require(listed.first { first.hasPrefix($0.hint) }).id, of: "Hits")
            house.clock.advance(by: .days(1))
            try await house.sweep()
            for token in [first, second] { _ = try await house.report(.hits, "{}", bearer: token) }
            #expect(try await house.causes() == ["token_expired", "secret_ended"])

            house.clock.advance(by: .days(29))
            try await house.sweep()
            for token in [first, second] { _ = try await house.report(.hits, "{}", bearer: token) }
            let later = try await house.causes()
            #expect(Array(later.prefix(2)) == ["unknown_token", "secret_ended"])

            house.clock.advance(by: .seconds(3600))
            try await house.sweep()

            for token in [first, second] { #expect(try await house.report(.hits, "{}", bearer: token).status == 401) }
            #expect(try await house.causes().prefix(2) == ["unknown_token", "unknown_token"])
            #expect(try await house.client().activations(of: "Hits").items.isEmpty)
            #expect(try await house.report(.activations, bearer: made.secret).status == 201)
        }
    }

    // MARK: Doors

    @Test func `E4 each kind of secret opens its own door and no other`() async throws {
        try await TestHouse.open { house async throws in
            let app = try await house.client().createToken(
                NewToken(kind: "app", webhook: house.made.webhook.text, name: "a"))
            let hits = try await house.hitsCredential()
            let secrets: [(secret: String, opens: String)] = [
                (try #require(app.secret), "webhook"), (house.made.apiToken, "webhook"), (house.made.managementToken, "none"),
                (hits.secret, "/activations"), (try await house.activate(hits.secret), "/hits"),
                (try await house.deployToken().secret, "/deploys"),
            ]
            let bodies: [ReportPath: String] = [
                .hits: #"{"resource":"r","hits":1}"#,
                .deploys: #"{"version":"1","environment":"e","status":"succeeded"}"#,
            ]

            for (secret, opens) in secrets {
                let kind = secret.prefix(4)
                for path in ReportPath.allCases {
                    let status = try await house.report(path, bodies[path] ?? "", bearer: secret).status
                    #expect(opens == path.rawValue ? (201...202).contains(status) : status == 401, "\(kind) \(path) \(status)")
                }
                let status = try await house.call(bearer: secret).status
                #expect(status == (opens == "webhook" ? 202 : 401), "\(kind) webhook \(status)")
                let rest = try await house.api(.GET, "me", token: secret).status
                #expect(rest == (secret == house.made.managementToken ? 200 : 401), "\(kind)")
            }

            let causes = try await house.causes()
            #expect(causes.count == 19 && Set(causes) == ["wrong_kind_of_token"])
        }
    }

    @Test func `E4 a report without a credential, with two, or with the token in the address is refused`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()
            let hit = #"{"resource":"r","hits":1}"#
            let unknown = Secret.random(.activation).revealed()

            for path in ReportPath.allCases { #expect(try await house.report(path, hit).status == 401) }
            #expect(try await house.report(.hits, hit, headers: [("Authorization", "Bearer x")]).status == 401)
            #expect(try await house.report(.hits, hit, bearer: unknown).status == 401)
            let twice = try await house.report(.hits, hit, bearer: token, headers: [("Authorization", "Bearer \(token)")])
            #expect(twice.status == 400 && twice.problem?.code == "several_credentials")
            let leaked = try await house.report(.hits, hit, bearer: token, query: "?token=\(token)")
            #expect(leaked.status == 400 && leaked.problem?.code == "token_in_query")
            let read = try await house.report(.hits, bearer: token, method: .GET)
            #expect(read.status == 405 && read.headers.first(name: "Allow") == "POST")

            #expect(
                try await house.causes() == [
                    "method_not_allowed", "token_in_query", "several_credentials", "unknown_token", "malformed_credential",
                    "no_credential", "no_credential", "no_credential",
                ])
            #expect(try await house.client().resources().items.isEmpty)
        }
    }
}
