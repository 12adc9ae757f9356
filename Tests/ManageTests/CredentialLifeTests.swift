import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import NIOHTTP1
import ServerSupport
import TestSupport
import Testing

/// A new secret, a new name, and the end of an integration credential. Rows E8–E10.
@Suite(.tags(.store)) struct CredentialLifeTests {
    // MARK: E8

    @Test func `E8 with a new secret the old one and all that it was exchanged for end at once`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let activations = [try await house.activate(made.secret), try await house.activate(made.secret)]
            let other = try await house.activationToken("Other")
            house.clock.advance(by: .seconds(5))

            let answer = try await house.api(.POST, "credentials/Hits/regenerate")

            let new = try Wire.decode(CredentialView.self, from: answer.body)
            let secret = try #require(new.secret)
            #expect(answer.status == 201 && answer.headers.first(name: "Cache-Control") == "no-store")
            #expect(secret != made.secret && new.id == made.id && new.activationCount == 0 && new.useCount == 0)
            #expect(new.regeneratedAt == house.clock.now().text && new.hint == String(secret.prefix(9)))
            #expect(new.curl?.contains(secret) ?? false)
            #expect(try await house.report(.activations, bearer: made.secret).status == 401)
            for token in activations { #expect(try await hit(house, token) == 401) }
            let refused = try await house.refusedCalls()
            #expect(refused.map(\.cause) == ["secret_ended", "secret_ended", "secret_ended"])
            #expect(refused.allSatisfy { $0.causeAt == house.clock.now().text && $0.tokenName == "Hits" })
            #expect(try await house.client().activations(of: "Hits").items.isEmpty)
            #expect(try await hit(house, house.activate(secret)) == 202)
            #expect(try await hit(house, other) == 202)
        }
    }

    @Test func `E8 with a new secret for Deploy the tokens of all its applications end, and each has a new one`() async throws {
        try await TestHouse.open { house async throws in
            let shop = try await house.deployToken("shop")
            let blog = try await house.client().createApplication(NewApplication(name: "blog", credential: "shop"))
            let old = [shop.secret, try #require(blog.secret)]
            let apart = try await house.deployToken("apart")
            for token in old { #expect(try await deploy(house, token) == 202) }

            let answer = try await house.api(.POST, "credentials/shop/regenerate")

            let shown = try Wire.decode(CredentialView.self, from: answer.body)
            #expect(answer.status == 201 && shown.secret == nil && shown.applicationCount == 2)
            for token in old { #expect(try await deploy(house, token) == 401) }
            #expect(try await house.causes() == ["secret_ended", "secret_ended"])
            for name in ["shop", "blog"] {
                let new = try await house.client().revealDeployToken(of: name).secret
                #expect(!old.contains(new))
                #expect(try await deploy(house, new) == 200)
            }
            #expect(try await deploy(house, apart.secret) == 202)
            #expect(try await house.client().deploys(of: "shop").items.count == 1)
        }
    }

    @Test func `E8 no request that starts after the answer is accepted, over and over`() async throws {
        try await TestHouse.open { house async throws in
            var secret = try await house.hitsCredential().secret
            for _ in 0..<30 {
                let activation = try await house.activate(secret)
                #expect(try await hit(house, activation) == 202)
                let new = try await house.client().regenerateCredential("Hits")
                #expect(try await hit(house, activation) == 401)
                #expect(try await house.report(.activations, bearer: secret).status == 401)
                secret = try #require(new.secret)
            }
            #expect(try await house.client().resource("r").hits == 30)
        }
    }

    @Test func `E8 while secrets are made anew exactly the accepted reports are counted`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let token = try await house.activate(made.secret)
            #expect(try await hit(house, token) == 202)
            let lamp = Lamp()
            async let sent = hits(house, token, while: lamp)
            while try await house.client().resource("r").hits < 10 {}
            _ = try await house.client().regenerateCredential("Hits")
            lamp.putOut()

            let statuses = try await sent
            let accepted = statuses.prefix { $0 == 202 }
            #expect(!accepted.isEmpty && statuses.dropFirst(accepted.count).allSatisfy { $0 == 401 })
            #expect(try await house.client().resource("r").hits == 1 + Int64(accepted.count))
        }
    }

    // MARK: E9

    @Test func `E9 a new name keeps the secret and all that it was exchanged for`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let activation = try await house.activate(made.secret)
            let before = try await house.client().credential(made.id)

            let answer = try await house.api(.PATCH, "credentials/Hits", #"{"name":"Renamed","description":"New words"}"#)

            let after = try Wire.decode(CredentialView.self, from: answer.body)
            #expect(answer.status == 200 && after.name == "Renamed" && after.description == "New words")
            #expect(after.secret == nil && after.hint == before.hint && after.regeneratedAt == before.regeneratedAt)
            #expect(try await hit(house, activation) == 202)
            #expect(try await house.report(.activations, bearer: made.secret).status == 201)
            #expect(try await house.api(.GET, "credentials/Hits").status == 404)
            #expect(try await house.client().revealCredential("Renamed").secret == made.secret)
        }
    }

    @Test func `E9 with a new name a new secret can be asked for, in one act`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let activation = try await house.activate(made.secret)

            let answer = try await house.api(.PATCH, "credentials/Hits", #"{"name":"Renamed","regenerate":true}"#)

            let secret = try #require(try Wire.decode(CredentialView.self, from: answer.body).secret)
            #expect(answer.status == 200 && answer.headers.first(name: "Cache-Control") == "no-store")
            #expect(try await house.report(.activations, bearer: made.secret).status == 401)
            #expect(try await hit(house, activation) == 401)
            #expect(try await hit(house, house.activate(secret)) == 202)
            #expect(try await house.client().credential("Renamed").id == made.id)
        }
    }

    @Test func `E9 by a rule of the organization a new name needs a new secret, and says so before anything happens`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let activation = try await house.activate(made.secret)
            #expect(try await house.client().organization().renameRegenerates == false)
            let organization = try await house.client().editOrganization(OrganizationEdit(renameRegenerates: true))
            #expect(organization.renameRegenerates)

            for body in [#"{"name":"Renamed"}"#, #"{"name":"Renamed","regenerate":false}"#] {
                let refused = try await house.api(.PATCH, "credentials/Hits", body)
                #expect(refused.status == 409 && refused.problem?.code == "rename_regenerates")
                #expect(refused.problem?.detail.contains("2 in all") ?? false)
            }
            #expect(try await hit(house, activation) == 202)
            for body in [#"{"description":"d"}"#, #"{"name":"Hits"}"#, #"{"activation_lifetime_seconds":60}"#] {
                #expect(try await house.api(.PATCH, "credentials/Hits", body).status == 200, "\(body)")
            }
            #expect(try await hit(house, activation) == 202)

            let renamed = try await house.client().editCredential("Hits", CredentialEdit(name: "Renamed", regenerate: true))
            #expect(renamed.name == "Renamed" && renamed.secret != nil)
            #expect(try await hit(house, activation) == 401)
            _ = try await house.client().editOrganization(OrganizationEdit(renameRegenerates: false))
            #expect(try await house.client().editCredential("Renamed", CredentialEdit(name: "Hits")).secret == nil)
        }
    }

    @Test func `E9 a name that another credential has is refused, and the secret stays`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            _ = try await house.hitsCredential("Other")

            for body in [#"{"name":"Other"}"#, #"{"name":"Other","regenerate":true}"#] {
                let refused = try await house.api(.PATCH, "credentials/Hits", body)
                #expect(refused.status == 409 && refused.problem?.code == "name_taken")
            }
            for (body, field) in [(#"{"name":""}"#, "name"), (#"{"type":"deploy"}"#, "type")] {
                let refused = try await house.api(.PATCH, "credentials/Hits", body)
                #expect(refused.status == 400 && refused.problem?.field == field)
            }

            #expect(try await house.report(.activations, bearer: made.secret).status == 201)
        }
    }

    // MARK: E10

    @Test func `E10 to delete a credential its name is typed; then all tokens made by it end at once`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let activation = try await house.activate(made.secret)
            _ = try await hit(house, activation)

            for body in [nil, "{}", #"{"confirm_name":"hits"}"#, #"{"confirm_name":""}"#, #"{"confirm_name":"\#(made.id)"}"#] {
                let refused = try await house.api(.DELETE, "credentials/\(made.id)", body)
                #expect(refused.status == 400, "\(body ?? "nothing")")
            }
            let wrong = try await house.api(.DELETE, "credentials/Hits", #"{"confirm_name":"Hit"}"#)
            #expect(wrong.problem?.field == "confirm_name")
            #expect(try await hit(house, activation) == 202)

            #expect(try await house.api(.DELETE, "credentials/Hits", #"{"confirm_name":"Hits"}"#).status == 204)

            #expect(try await hit(house, activation) == 401)
            #expect(try await house.report(.activations, bearer: made.secret).status == 401)
            #expect(try await house.causes() == ["secret_ended", "secret_ended"])
            for (method, path) in [(HTTPMethod.GET, ""), (.POST, "/regenerate"), (.GET, "/activations"), (.POST, "/reveal")] {
                #expect(try await house.api(method, "credentials/\(made.id)\(path)").status == 404, "\(path)")
            }
            #expect(try await house.client().credentials().items.isEmpty)
            #expect(try await house.client().resource("r").hits == 2)
            #expect(try await house.hitsCredential().id != made.id)
        }
    }

    @Test func `E10 applications lose their tokens with their credential, and the next Deploy credential takes them`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let shop = try await house.deployToken("shop")
            let apart = try await house.deployToken("apart")
            #expect(try await deploy(house, shop.secret) == 202)

            try await house.client().deleteCredential("shop", ConfirmDeletion(confirmName: "shop"))

            #expect(try await deploy(house, shop.secret) == 401)
            #expect(try await house.causes() == ["secret_ended"])
            let waiting = try await house.client().application("shop")
            #expect(waiting.credential == nil && waiting.hint == nil && waiting.tokenCreatedAt == nil)
            for act in ["reveal", "regenerate"] {
                let refused = try await house.api(.POST, "applications/shop/token/\(act)")
                #expect(refused.status == 409 && refused.problem?.code == "no_deploy_credential", "\(act)")
            }
            #expect(try await deploy(house, apart.secret) == 202)

            let next = try await house.client().createCredential(NewCredential(type: "deploy", name: "next"))

            #expect(next.applicationCount == 1)
            #expect(try await house.client().application("shop").credential == next.id)
            #expect(try await house.client().application("apart").credential != next.id)
            let secret = try await house.client().revealDeployToken(of: "shop").secret
            #expect(secret != shop.secret)
            #expect(try await deploy(house, secret) == 200)
            #expect(try await deploy(house, shop.secret) == 401)
        }
    }

    // MARK: Helpers of the above

    private func hit(_ house: TestHouse, _ token: String) async throws -> Int {
        try await house.report(.hits, #"{"resource":"r","hits":1}"#, bearer: token).status
    }

    private func hits(_ house: TestHouse, _ token: String, while lamp: Lamp) async throws -> [Int] {
        var statuses: [Int] = []
        repeat { statuses.append(try await hit(house, token)) } while lamp.burns
        return statuses
    }

    private func deploy(_ house: TestHouse, _ token: String) async throws -> Int {
        try await house.report(
            .deploys, #"{"version":"1","environment":"production","status":"succeeded"}"#, bearer: token
        ).status
    }
}
