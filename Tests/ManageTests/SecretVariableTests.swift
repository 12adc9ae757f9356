import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import Manage
import NIOHTTP1
import ServerSupport
import TestSupport
import Testing
import inlet

/// Secret variables, and where they are used: warnings to an address of the organization's own. Row E11.
@Suite(.tags(.store)) struct SecretVariableHouseTests {
    // MARK: Kept, never shown

    @Test func `E11 the names of all secret variables come in one read, in order`() async throws {
        try await TestHouse.open { house async throws in
            let variables = SecretVariableOperations(house.house.desk)
            for name in ["PAGER", "API_KEY", "ZONE"] { _ = try await variables.set(name, to: "x", house.owner) }

            #expect(try await variables.names(house.owner).map(\.text) == ["API_KEY", "PAGER", "ZONE"])
            #expect(try await variables.names(try await house.stranger()).isEmpty)
        }
    }

    @Test func `E11 a variable is set, replaced, listed and deleted; its value is shown nowhere`() async throws {
        try await TestHouse.open { house async throws in
            let values = ["first value 8d2f", "second value 77c1"]
            let new = try await house.api(.PUT, "secret-variables/CHAT_TOKEN", #"{"value":"\#(values[0])"}"#)
            #expect(new.status == 201)
            let made = try Wire.decode(SecretVariableView.self, from: new.body)
            house.clock.advance(by: .seconds(60))

            let replaced = try await house.api(.PUT, "secret-variables/CHAT_TOKEN", #"{"value":"\#(values[1])"}"#)

            let later = try Wire.decode(SecretVariableView.self, from: replaced.body)
            #expect(replaced.status == 200 && later.name == "CHAT_TOKEN" && later.uses.isEmpty)
            #expect(later.createdAt == made.createdAt && later.createdAt == made.updatedAt)
            #expect(later.updatedAt == house.clock.now().text)
            #expect(try await house.client().secretVariables().items == [later])
            let answers =
                [new, replaced] + [
                    try await house.api(.GET, "secret-variables"), try await house.api(.GET, "audit"),
                    try await house.api(.GET, "audit/export"), try await house.api(.GET, "organization"),
                ]
            for answer in answers { for value in values { #expect(!answer.text.contains(value)) } }
            #expect(try await house.api(.GET, "secret-variables/CHAT_TOKEN").status == 405)
            #expect(try await house.api(.DELETE, "secret-variables/CHAT_TOKEN").status == 204)
            #expect(try await house.api(.DELETE, "secret-variables/CHAT_TOKEN").status == 404)
            #expect(try await house.client().secretVariables().items.isEmpty)
            let acts = try await house.client().auditEntries(subject: "CHAT_TOKEN").items
            #expect(acts.map(\.action) == ["variable.delete", "variable.set", "variable.set"])
            #expect(acts.map { $0.details["is_new"] } == [nil, "false", "true"])
        }
    }

    @Test func `E11 names are capitals, digits and underscores, and values have 1 to 8,192 bytes`() async throws {
        try await TestHouse.open { house async throws in
            let put = { (name: String, value: String) in
                try await house.api(.PUT, "secret-variables/\(name)", #"{"value":"\#(value)"}"#)
            }

            let long = "A" + String(repeating: "_", count: 63)
            for name in ["A", "Z9_", long] { #expect(try await put(name, "v").status == 201, "\(name)") }
            for name in ["a", "9A", "_A", "A-B", "A%20B", "A%C3%89", long + "A", "A%00", "%7B%7BA%7D%7D"] {
                let refused = try await put(name, "v")
                #expect(refused.status == 400, "\(name)")
                #expect(["name", "id"].contains(refused.problem?.field), "\(name)")
            }
            #expect(try await put("A", String(repeating: "é", count: 4_096)).status == 200)
            for value in ["", String(repeating: "é", count: 4_096) + "x"] {
                let refused = try await put("A", value)
                #expect(refused.status == 400 && refused.problem?.field == "value")
            }
            for body in [nil, "{}", #"{"value":null}"#, #"{"value":"v","name":"B"}"#] {
                #expect(try await house.api(.PUT, "secret-variables/A", body).status == 400)
            }
            #expect(try await house.client().secretVariables().items.map(\.name) == ["A", long, "Z9_"].sorted())
            let page = try await house.client().secretVariables(limit: 2)
            let next = try await house.client().secretVariables(after: #require(page.next), limit: 2)
            #expect(page.items.count == 2 && next.items.count == 1 && next.next == nil)
        }
    }

    @Test func `E11 owners and admins set variables, the others see names, another organization nothing`() async throws {
        try await TestHouse.open { house async throws in
            let admin = try await house.member(.admin).managementToken
            #expect(try await house.api(.PUT, "secret-variables/A", #"{"value":"v"}"#, token: admin).status == 201)
            let there = try await house.client().createOrganization(NewOrganization(name: "Elsewhere")).managementToken

            for role in [Role.member, .viewer] {
                let token = try await house.member(role).managementToken
                #expect(try await house.client(token).secretVariables().items.map(\.name) == ["A"])
                #expect(try await house.api(.PUT, "secret-variables/A", #"{"value":"x"}"#, token: token).status == 403)
                #expect(try await house.api(.DELETE, "secret-variables/A", token: token).status == 403)
            }
            #expect(try await house.client(there).secretVariables().items.isEmpty)
            #expect(try await house.api(.DELETE, "secret-variables/A", token: there).status == 404)
            let refused = try await house.api(
                .PATCH, "organization", #"{"notification_url":"https://chat.example/{{A}}"}"#, token: there)
            #expect(refused.status == 400 && refused.problem?.field == "notification_url")
            #expect(try await house.request(.GET, "secret-variables").status == 401)
        }
    }

    @Test func `E11 a variable that is used is not deleted, and the answer says where it is used`() async throws {
        try await TestHouse.open { house async throws in
            for name in ["PATH_PART", "TOKEN", "UNUSED"] {
                _ = try await house.client().setSecretVariable(name, NewSecretVariable(value: "v"))
            }
            let changed = try await house.client().editOrganization(
                OrganizationEdit(
                    notificationUrl: .set("https://chat.example/{{PATH_PART}}/{{ TOKEN }}"),
                    notificationHeaders: ["X-Api-Key": "{{TOKEN}}", "Authorization": "Bearer {{TOKEN}}"]))
            #expect(changed.notificationUrl == "https://chat.example/{{PATH_PART}}/{{ TOKEN }}")
            #expect(changed.notificationHeaders == ["X-Api-Key": "{{TOKEN}}", "Authorization": "Bearer {{TOKEN}}"])
            #expect(try await house.client().organization() == changed)

            let refused = try await house.api(.DELETE, "secret-variables/TOKEN")

            let uses = [
                "notification_url of the organization", "notification_headers of the organization: Authorization",
                "notification_headers of the organization: X-Api-Key",
            ]
            #expect(refused.status == 409 && refused.problem?.code == "variable_in_use" && refused.problem?.uses == uses)
            #expect(try await house.client().secretVariables().items.map(\.uses) == [[uses[0]], uses, []])
            #expect(try await house.api(.DELETE, "secret-variables/PATH_PART").problem?.uses == [uses[0]])
            #expect(try await house.api(.DELETE, "secret-variables/UNUSED").status == 204)

            let lifted = try await house.client().editOrganization(OrganizationEdit(notificationUrl: .lift))
            #expect(lifted.notificationUrl == nil && lifted.notificationHeaders.isEmpty)
            for name in ["TOKEN", "PATH_PART"] {
                #expect(try await house.api(.DELETE, "secret-variables/\(name)").status == 204)
            }
        }
    }

    @Test func `E11 what is no address or header for warnings is refused, and nothing changes`() async throws {
        let cases: [(body: String, field: String)] = [
            (#"{"notification_url":"https://chat.example/{{NONE}}"}"#, "notification_url"),
            (#"{"notification_url":"https://chat.example/{{none}}"}"#, "notification_url"),
            (#"{"notification_url":"https://chat.example/{{A"}"#, "notification_url"),
            (#"{"notification_url":"https://{{A}}/"}"#, "notification_url"),
            (#"{"notification_url":"https://{{A}}.example/"}"#, "notification_url"),
            (#"{"notification_url":"https://chat.example:{{A}}/"}"#, "notification_url"),
            (#"{"notification_url":"{{A}}"}"#, "notification_url"),
            (#"{"notification_url":"ftp://chat.example/"}"#, "notification_url"),
            (#"{"notification_url":"https://me:pass@chat.example/"}"#, "notification_url"),
            (#"{"notification_url":"https://chat.example/a b"}"#, "notification_url"),
            (#"{"notification_url":"https://chat.example/a\nb"}"#, "notification_url"),
            (#"{"notification_url":""}"#, "notification_url"),
            (#"{"notification_url":"/path"}"#, "notification_url"), (#"{"notification_url":7}"#, "notification_url"),
            (#"{"notification_headers":{"X-Key":"v"}}"#, "notification_headers"),
            (#"{"notification_url":"https://x.example/","notification_headers":{"X-Key":"{{NONE}}"}}"#, "notification_url"),
            (#"{"notification_url":"https://x.example/","notification_headers":{"Host":"v"}}"#, "notification_headers"),
            (#"{"notification_url":"https://x.example/","notification_headers":{"content-length":"1"}}"#, "notification_headers"),
            (#"{"notification_url":"https://x.example/","notification_headers":{"X Key":"v"}}"#, "notification_headers"),
            (#"{"notification_url":"https://x.example/","notification_headers":{"":"v"}}"#, "notification_headers"),
            (
                #"{"notification_url":"https://x.example/","notification_headers":{"X-Key":"a\r\nHost: b"}}"#,
                "notification_headers"
            ),
        ]
        try await TestHouse.open { house async throws in
            _ = try await house.client().setSecretVariable("A", NewSecretVariable(value: "v"))
            let before = try await house.client().organization()

            for (body, field) in cases {
                let refused = try await house.api(.PATCH, "organization", body)

                #expect(refused.status == 400 && refused.problem?.field == field, "\(body) \(field) \(refused.text)")
                #expect(try await house.client().organization() == before, "\(body) \(field)")
            }
        }
    }

    // MARK: Used

    @Test func `E11 a warning goes to the organization's own address, with the values put in when it is sent`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open([.egressAllow: "127.0.0.0/8"]) { house async throws in
                try await notify(house, receiver)
                let token = try await expiring(house)
                try await house.sweep()
                let warning = try #require(try await house.client().warnings().items.first)

                await house.house.notifier.deliver()
                await house.house.notifier.deliver()

                #expect(receiver.posts.count == 1)
                let post = try #require(receiver.posts.first)
                #expect(post.target == "/hook/path-value?room=7")
                #expect(post.headers["authorization"] == "Bearer token value" && post.contentType == "application/json")
                #expect(post["id"] == warning.id && post["subject"] == token)
                #expect(post["organization"] == house.made.organization.text)
                #expect(!String(decoding: post.body, as: UTF8.self).contains("value"))
                #expect(try await house.client().warnings().items.map(\.deliveredAt) == [house.clock.now().text])
                for path in ["organization", "audit", "warnings", "secret-variables"] {
                    #expect(try await !house.api(.GET, path).text.contains("token value"), "\(path)")
                }
            }
        }
    }

    @Test func `E11 a new value holds from the next warning on`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open([.egressAllow: "127.0.0.0/8"]) { house async throws in
                try await notify(house, receiver)
                _ = try await expiring(house)
                try await house.sweep()
                receiver.status = 500
                await house.house.notifier.deliver()
                #expect(try await house.client().warnings().items.allSatisfy { $0.deliveredAt == nil })
                receiver.status = 204

                _ = try await house.client().setSecretVariable("TOKEN", NewSecretVariable(value: "newer"))
                await house.house.notifier.deliver()

                #expect(receiver.posts.map { $0.headers["authorization"] } == ["Bearer token value", "Bearer newer"])
                #expect(try await house.client().warnings().items.allSatisfy { $0.deliveredAt != nil })
            }
        }
    }

    @Test func `E11 an organization's address in the server's own network is not reached unless that is allowed`() async throws {
        try await Receiver.open { receiver async throws in
            for url in [receiver.base, receiver.base.replacing("127.0.0.1", with: "localhost")] {
                try await TestHouse.open([.egressAllow: "10.0.0.0/8"]) { house async throws in
                    _ = try await house.client().editOrganization(OrganizationEdit(notificationUrl: .set("\(url)/hook")))
                    _ = try await expiring(house)
                    try await house.sweep()

                    await house.house.notifier.deliver()

                    #expect(receiver.posts.isEmpty)
                    #expect(try await house.client().warnings().items.map(\.deliveredAt) == [nil])
                    #expect(try await house.call(bearer: house.made.apiToken).status == 202)
                }
            }
        }
    }

    @Test func `E11 the organization's address goes before the server's, which is for all others`() async throws {
        try await Receiver.open { servers async throws in
            try await Receiver.open { own async throws in
                try await TestHouse.open([.notificationURL: servers.url, .egressAllow: "127.0.0.1"]) { house async throws in
                    let there = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
                    let theirs = house.client(there.managementToken)
                    let end = house.clock.now().adding(.days(7)).text
                    _ = try await theirs.createToken(NewToken(kind: "api", name: "expiring", expiresAt: end))
                    _ = try await expiring(house)
                    _ = try await house.client().editOrganization(OrganizationEdit(notificationUrl: .set(own.url)))
                    try await house.sweep()

                    await house.house.notifier.deliver()

                    #expect(own.posts.map { $0["organization"] } == [house.made.organization.text])
                    #expect(servers.posts.map { $0["organization"] } == [there.id])
                }
            }
        }
    }

    @Test func `E11 a redirect is not followed, and one organization's trouble is not another's`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open([.egressAllow: "127.0.0.0/8"]) { house async throws in
                let there = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
                let theirs = house.client(there.managementToken)
                let end = house.clock.now().adding(.days(7)).text
                _ = try await theirs.createToken(NewToken(kind: "api", name: "expiring", expiresAt: end))
                _ = try await theirs.editOrganization(
                    OrganizationEdit(notificationUrl: .set("http://10.0.0.1/hook")))
                try await notify(house, receiver)
                _ = try await expiring(house)
                try await house.sweep()
                receiver.status = 302
                await house.house.notifier.deliver()
                #expect(receiver.posts.count == 1)
                receiver.status = 200

                await house.house.notifier.deliver()

                #expect(receiver.posts.count == 2)
                #expect(try await house.client().warnings().items.allSatisfy { $0.deliveredAt != nil })
                #expect(try await theirs.warnings().items.map(\.deliveredAt) == [nil])
            }
        }
    }

    @Test func `E11 an organization whose address takes nothing keeps back no other's warnings, however many it has`()
        async throws
    {
        try await Receiver.open { deaf async throws in
            try await Receiver.open { receiver async throws in
                try await TestHouse.open([.egressAllow: "127.0.0.0/8"]) { house async throws in
                    deaf.status = 500
                    _ = try await house.client().editOrganization(OrganizationEdit(notificationUrl: .set(deaf.url)))
                    for _ in 0..<101 { _ = try await expiring(house) }
                    try await house.sweep()
                    let there = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
                    let theirs = house.client(there.managementToken)
                    _ = try await theirs.editOrganization(OrganizationEdit(notificationUrl: .set(receiver.url)))
                    let end = house.clock.now().adding(.days(7)).text
                    _ = try await theirs.createToken(NewToken(kind: "api", name: "expiring", expiresAt: end))
                    try await house.sweep()

                    await house.house.notifier.deliver()

                    #expect(deaf.posts.count == 1 && receiver.posts.count == 1)
                    #expect(try await theirs.warnings().items.allSatisfy { $0.deliveredAt != nil })
                }
            }
        }
    }

    @Test(arguments: [#"two\r\nX-Other: lines"#, #"two\nX-Other: lines"#, #"caf\u00e9 \ud83d\udd11"#])
    func `E11 a value that no header can hold makes no other header, and the server goes on`(escaped: String) async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open([.egressAllow: "127.0.0.0/8"]) { house async throws in
                try await notify(house, receiver)
                let put = try await house.api(.PUT, "secret-variables/TOKEN", #"{"value":"\#(escaped)"}"#)
                #expect(put.status == 200)
                _ = try await expiring(house)
                try await house.sweep()

                await house.house.notifier.deliver()

                #expect(receiver.posts.allSatisfy { $0.headers["x-other"] == nil })
                #expect(try await house.call(bearer: house.made.apiToken).status == 202)
                _ = try await house.client().setSecretVariable("TOKEN", NewSecretVariable(value: "good"))
                await house.house.notifier.deliver()
                #expect(try await house.client().warnings().items.allSatisfy { $0.deliveredAt != nil })
            }
        }
    }

    @Test func `E11 a variable of that name in another organization is another one, and what is sealed there opens there alone`()
        async throws
    {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open([.egressAllow: "127.0.0.0/8"]) { house async throws in
                let there = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
                _ = try await house.client(there.managementToken).setSecretVariable(
                    "TOKEN", NewSecretVariable(value: "of another organization"))
                try await notify(house, receiver)
                _ = try await expiring(house)
                try await house.sweep()

                await house.house.notifier.deliver()

                #expect(receiver.posts.map { $0.headers["authorization"] } == ["Bearer token value"])
                _ = try await house.house.store.write { [organization = house.made.organization] transaction in
                    try transaction.connection.execute(
                        """
                        UPDATE secret_variables SET sealed = (
                            SELECT sealed FROM secret_variables WHERE organization <> \(organization) AND name = 'TOKEN')
                        WHERE organization = \(organization) AND name = 'TOKEN'
                        """)
                }
                _ = try await expiring(house)
                try await house.sweep()
                await house.house.notifier.deliver()
                #expect(receiver.posts.count == 1)
            }
        }
    }

    // MARK: Helpers of the above

    /// Has warnings of the first organization posted to the receiver, with a variable in the path and one in a header.
    private func notify(_ house: TestHouse, _ receiver: Receiver) async throws {
        _ = try await house.client().setSecretVariable("PATH_PART", NewSecretVariable(value: "path-value"))
        _ = try await house.client().setSecretVariable("TOKEN", NewSecretVariable(value: "token value"))
        _ = try await house.client().editOrganization(
            OrganizationEdit(
                notificationUrl: .set("\(receiver.base)/hook/{{PATH_PART}}?room=7"),
                notificationHeaders: ["Authorization": "Bearer {{TOKEN}}"]))
    }

    private func expiring(_ house: TestHouse) async throws -> String {
        try await house.client().createToken(
            NewToken(kind: "api", name: "expiring", expiresAt: house.clock.now().adding(.days(7)).text)
        ).id
    }
}
