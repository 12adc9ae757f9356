import Client
import Contract
import Domain
import Foundation
import Manage
import ServerSupport
import Storage
import TestSupport
import Testing

/// The one-time link of a new installation: there is no default password.
@Suite(.tags(.store)) struct SetUpTests {
    private let password = "nine small wooden spoons"

    /// As at the first start, before anybody opened the link.
    private func new(_ body: (TestHouse, String) async throws -> Void) async throws {
        try await TestHouse.open { house async throws in
            try await house.house.store.write { [owner = house.made.owner] transaction in
                try CredentialTable(transaction.connection).dropPassword(of: owner)
            }
            let link = try #require(try await Installation(house.house.desk).setUpAgain())
            try await body(house, link.code)
        }
    }

    private func refusal(_ answer: TestHouse.Answer) -> String {
        "\(answer.status) \(answer.problem?.field ?? "") \(answer.problem?.detail ?? "")"
    }

    @Test func `Nobody signs in to a new installation before its link was opened`() async throws {
        try await new { house, code async throws in
            #expect(try await Browser(house).signIn("owner", "").status == 401)
            #expect(try await Browser(house).signIn("owner", "owner").status == 401)
            #expect(try await !house.client().me().account.hasPassword)
            #expect(house.made.setUp.url == "http://127.0.0.1:8081/set-up#\(house.made.setUp.code)")
        }
    }

    @Test func `The link sets password and names at once, and works once`() async throws {
        try await new { house, code async throws in
            let asked = NewSetUp(
                code: code, password: password, name: "Ada", login: "Ada@Example.com", organizationName: "Bakery",
                language: "nl")

            try await house.client("").setUp(asked)

            #expect(try await Browser(house).signIn("owner", password).status == 401)
            let browser = Browser(house)
            #expect(try await browser.signIn("ada@example.com", password).status == 201)
            let me = try await house.client().me()
            #expect(me.account.name == "Ada" && me.organization.name == "Bakery" && me.language == "nl")
            let entries = try await house.client().auditEntries(limit: 4).items
            #expect(
                entries.map(\.action) == ["session.start", "account.password_set", "organization.change", "account.edit"])
            #expect(entries[1].details == ["by": "set_up"] && entries[3].details == ["name": "Ada", "login": "ada@example.com"])

            let again = try await house.api(.POST, "set-up", #"{"code":"\#(code)","password":"three loud red boats"}"#)
            #expect(again.status == 400 && again.problem?.field == "code")
            #expect(try await Browser(house).signIn("ada@example.com", password).status == 201)
        }
    }

    @Test func `What is left out of a set-up stays as it is`() async throws {
        try await new { house, code async throws in
            try await house.client("").setUp(NewSetUp(code: code, password: password))

            let me = try await house.client().me()
            #expect(me.account.name == "Owner" && me.account.login == "owner" && me.organization.name == "Home")
            #expect(me.language == "en")
            #expect(try await house.client().auditEntries(limit: 1).items.map(\.action) == ["account.password_set"])
        }
    }

    @Test func `A code that never was, is used up, too old or of another link is answered alike`() async throws {
        try await new { house, code async throws in
            let invitation = try await house.client().inviteAgain(try await house.member(.admin).account.text).code
            let older = house.made.setUp.code
            var refusals: [String] = []
            for wrong in ["", "x", Secret.random(.oneTime).revealed(), Secret.random(.session).revealed(), invitation, older] {
                // Whatever else is wrong with it.
                let body = #"{"code":"\#(wrong)","password":"short","login":" ","name":""}"#
                refusals.append(refusal(try await house.api(.POST, "set-up", body)))
            }
            house.clock.advance(by: .days(3))
            refusals.append(refusal(try await house.api(.POST, "set-up", #"{"code":"\#(code)","password":"\#(password)"}"#)))

            #expect(Set(refusals).count == 1 && refusals[0].hasPrefix("400 code"), "\(refusals)")
            #expect(try await !house.client().me().account.hasPassword)
        }
    }

    @Test func `A bad password, name, login or language changes nothing, and the link goes on working`() async throws {
        try await new { house, code async throws in
            _ = try await house.client().createAccount(NewAccount(kind: "person", name: "Ann", login: "ann"))
            let good = #""code":"\#(code)","password":"\#(password)","name":"Ada""#
            for (more, field) in [
                (#""login":"a b""#, "login"), (#""login":"acc_1""#, "login"), (#""organization_name":"""#, "organization_name"),
                (#""language":"de""#, "language"), (#""colour":"red""#, "colour"),
            ] {
                let answer = try await house.api(.POST, "set-up", "{\(good),\(more)}")
                #expect(answer.status == 400 && answer.problem?.field == field, "\(more)")
            }
            let short = try await house.api(.POST, "set-up", #"{"code":"\#(code)","password":"short"}"#)
            #expect(short.status == 400 && short.problem?.field == "password")
            let likeLogin = try await house.api(
                .POST, "set-up", #"{"code":"\#(code)","password":"lovelace77","login":"lovelace77"}"#)
            #expect(likeLogin.status == 400 && likeLogin.problem?.field == "password")
            let taken = try await house.api(.POST, "set-up", #"{\#(good),"login":"ANN"}"#)
            #expect(taken.status == 409 && taken.problem?.code == "login_taken")
            #expect(try await house.client().me().account.name == "Owner")

            try await house.client("").setUp(NewSetUp(code: code, password: password))
        }
    }

    @Test func `Of two who open the link at once only one is first`() async throws {
        try await new { house, code async throws in
            let bodies = ["nine small wooden spoons", "three loud red boats"].map { #"{"code":"\#(code)","password":"\#($0)"}"# }
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for body in bodies { group.addTask { try await house.api(.POST, "set-up", body).status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == [204, 400])
        }
    }

    @Test func `A password that came by another way ends the link`() async throws {
        try await new { house, code async throws in
            let invitation = try await house.client().inviteAgain(house.made.owner.text)
            try await house.client("").setPassword(NewPassword(code: invitation.code, password: password))

            #expect(try await house.api(.POST, "set-up", #"{"code":"\#(code)","password":"three loud red boats"}"#).status == 400)
            #expect(try await Installation(house.house.desk).setUpAgain() == nil)
            #expect(try await Browser(house).signIn("owner", password).status == 201)
        }
    }

    @Test func `The link outlives a second organization, and a new link ends it`() async throws {
        try await new { house, code async throws in
            _ = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
            let body = #"{"code":"\#(code)","password":"short"}"#
            #expect(try await house.api(.POST, "set-up", body).problem?.field == "password")

            let newer = try #require(try await Installation(house.house.desk).setUpAgain())

            #expect(try await house.api(.POST, "set-up", body).problem?.field == "code")
            try await house.client("").setUp(NewSetUp(code: newer.code, password: password))
        }
    }

    @Test func `There is no new link once the owner signed in, though the password be taken away`() async throws {
        try await TestHouse.open { house async throws in
            #expect(try await Installation(house.house.desk).setUpAgain() == nil)
            _ = try await house.browser(of: house.firstOwner)
            try await house.house.store.write { [owner = house.made.owner] transaction in
                try CredentialTable(transaction.connection).dropPassword(of: owner)
            }

            #expect(try await Installation(house.house.desk).setUpAgain() == nil)
        }
    }
}
