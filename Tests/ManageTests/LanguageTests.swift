import Client
import Contract
import Domain
import Foundation
import Manage
import ServerSupport
import TestSupport
import Testing

/// Which language somebody reads. Row D13.
@Suite(.tags(.store)) struct LanguageHouseTests {
    @Test func `D13 a person reads the language of the organization until choosing one`() async throws {
        try await TestHouse.open { house async throws in
            let client = house.client()
            #expect(try await client.me().language == "en")
            #expect(try await client.me().account.language == nil)

            #expect(try await client.editOrganization(OrganizationEdit(language: "pt-BR")).language == "pt-BR")
            #expect(try await client.me().language == "pt-BR")

            let chosen = try await client.editMe(MeEdit(language: .set("nl")))
            #expect(chosen.language == "nl" && chosen.account.language == "nl")
            #expect(try await client.account(house.made.owner.text).language == "nl")
            #expect(try await client.organization().language == "pt-BR")

            let lifted = try await client.editMe(MeEdit(language: .lift))
            #expect(lifted.language == "pt-BR" && lifted.account.language == nil)
        }
    }

    @Test func `D13 a language that Inlet does not speak is refused and named`() async throws {
        try await TestHouse.open { house async throws in
            for body in [#"{"language":"de"}"#, #"{"language":"PT-BR"}"#, #"{"language":""}"#, #"{"language":1}"#] {
                for path in ["organization", "me"] {
                    let answer = try await house.api(.PATCH, path, body)
                    #expect(answer.status == 400 && answer.problem?.field == "language", "\(path) \(body)")
                }
            }
            #expect(try await house.client().me().language == "en")
        }
    }

    @Test func `What a person changes about the own account stands in the log of each organization of theirs`() async throws {
        try await TestHouse.open { house async throws in
            let elsewhere = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))

            let me = try await house.client().editMe(MeEdit(name: "Ada", language: .set("nl")))
            _ = try await house.client().editMe(MeEdit(name: "Ada", language: .keep))

            #expect(me.account.name == "Ada")
            for client in [house.client(), house.client(elsewhere.managementToken)] {
                let entries = try await client.auditEntries(action: "account.edit").items
                #expect(entries.map(\.details) == [["name": "Ada", "language": "nl"]])
                #expect(entries.first?.subject == house.made.owner.text && entries.first?.actor == house.made.owner.text)
                #expect(try await client.verifyAudit().isIntact)
            }
        }
    }

    @Test func `D13 the last place of an account takes its language along`() async throws {
        try await TestHouse.open { house async throws in
            let (account, token) = try await house.member(.viewer)
            _ = try await house.client(token).editMe(MeEdit(language: .set("nl")))
            let tokens = try await house.client().tokens(owner: account.text).items
            for token in tokens {
                _ = try await house.client().deactivateToken(token.id)
                try await house.client().deleteToken(token.id)
            }

            try await house.client().deleteAccount(account.text)

            let left = try await house.house.store.read { connection in
                try connection.row("SELECT language FROM accounts WHERE id = \(account)")?.optionalText("language")
            }
            #expect(left == nil)
        }
    }
}
