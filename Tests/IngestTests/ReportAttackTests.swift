import AsyncHTTPClient
import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import Ingest
import NIOCore
import NIOHTTP1
import ServerSupport
import Storage
import TestSupport
import Testing
import inlet

/// What an attacker tried with reports, with integration credentials, and with the address for warnings, and what it must come to.
@Suite(.tags(.store)) struct ReportAttackTests {
    // MARK: Addresses

    @Test func `E11 an address whose host or port nobody can connect to, or with a user in it, is refused`() async throws {
        let cases: [String] = [
            "https://chat.example:0/", "https://chat.example:99999/", "https://chat.example:65536/hook", "http://127.0.0.1:0",
            "http://[::1]:99999/", "http://[::1]:99999999999999999999", "https://chat.example:99999999999999999999/{{A}}",
            "https://chat.example:99999999999999999999/", "https://chat.example:0/{{A}}",
            "https://ch%61t.example/", "https://127.0.0.1%2f.chat.example/", "https://127.0.0.1%00.chat.example/",
            "https://127%2E0.0.1/{{A}}", "http://[fe80::1%25eth0]/", "https://me@chat.example/", "https://me:word@chat.example/",
            "https://:word@chat.example/", "https://@chat.example/",
        ]
        try await TestHouse.open { house async throws in
            _ = try await house.client().setSecretVariable("A", NewSecretVariable(value: "v"))

            for url in cases {
                let refused = try await house.api(.PATCH, "organization", #"{"notification_url":"\#(url)"}"#)

                #expect(refused.status == 400 && refused.problem?.field == "notification_url", "\(url) \(refused.text)")
                #expect(try await house.client().organization().notificationUrl == nil, "\(url)")
            }
        }
    }

    @Test func `E11 every port there is can stand in the address for warnings, and a percent sign behind the host`() async throws
    {
        try await TestHouse.open { house async throws in
            for url in [
                "https://chat.example:65535/", "http://chat.example:1/hook", "http://[2001:db8::1]:65535/",
                "https://chat.example", "https://chat.example:8443/a%20b?room=%40me",
            ] {
                let edited = try await house.client().editOrganization(OrganizationEdit(notificationUrl: .set(url)))
                #expect(edited.notificationUrl == url)
            }
        }
    }

    @Test(arguments: [Setting.notificationURL, .adminURL])
    func `A port that nobody can connect to stands in no setting either`(setting: Setting) async throws {
        for port in ["0", "65536", "99999999999999999999"] {
            await #expect(throws: SettingsError.self, "\(port)") {
                try await Settings(flags: [setting: "https://hooks.example:\(port)/"], environment: [:], file: nil)
            }
        }
        _ = try await Settings(flags: [setting: "https://hooks.example:65535/"], environment: [:], file: nil)
    }

    @Test func `E11 the log says to which host warnings go and which variables go there, and no value`() async throws {
        try await TestHouse.open { house async throws in
            let values = ["path": "value-of-the-path-0815", "header": "value-of-the-header-4711"]
            for (name, value) in [("PATH_PART", values["path"]), ("TOKEN", values["header"])] {
                _ = try await house.client().setSecretVariable(name, NewSecretVariable(value: try #require(value)))
            }

            _ = try await house.client().editOrganization(
                OrganizationEdit(
                    notificationUrl: .set("https://chat.example:8443/by-hand-secret/{{PATH_PART}}"),
                    notificationHeaders: ["Authorization": "Bearer {{TOKEN}}", "X-Key": "written-by-hand"]))

            let entry = try #require(try await house.client().auditEntries(action: "organization.change").items.first)
            #expect(entry.details["notifies"] == "chat.example" && entry.details["variables"] == "PATH_PART TOKEN")
            let export = try await house.api(.GET, "audit/export").text
            for hidden in ["by-hand-secret", "written-by-hand"] + values.values { #expect(!export.contains(hidden), "\(hidden)") }

            _ = try await house.client().editOrganization(OrganizationEdit(notificationUrl: .lift))
            let last = try #require(try await house.client().auditEntries(action: "organization.change").items.first)
            #expect(last.details["notifies"] == "no" && last.details["variables"] == "")
            #expect(try await house.client().verifyAudit().isIntact)
        }
    }

    // MARK: Names and texts

    private static let marks = String(repeating: "\u{0301}\u{0300}", count: 20)
    private static let names = [
        String(repeating: "a", count: 200), "e" + marks, "caf\u{E9}", #"e\u0301\u0300"#, #"\u006cogin"#, #"\u006Eame"#,
        #"\u0068its"#,
        #"a\"\u0062"#,
    ]

    @Test(arguments: names)
    func `A field whose name is long, not plain ASCII or written with escapes is refused before anybody looks it up`(
        name: String
    ) async throws {
        try await TestHouse.open { house async throws in
            let activation = try await house.activationToken()
            let shop = try await house.deployToken()
            let fields = #"{"\#(name)":1}"#
            let bodies = [
                fields, "[\(fields)]", #"[[{"a":1},\#(fields)]]"#, #"{"name":\#(fields)}"#, #"{"login":[7,\#(fields)]}"#,
                #"{"\#(name)" : 1}"#, "{\"\(name)\"\n\t:\"v\"}",
            ]

            for body in bodies {
                let answers = [
                    try await house.request(.POST, "sessions", body), try await house.api(.POST, "credentials", body),
                    try await house.report(.hits, body, bearer: activation),
                    try await house.report(.deploys, body, bearer: shop.secret),
                ]
                for answer in answers {
                    #expect(answer.status == 400 && answer.problem?.field == "body", "\(answer.text)")
                    #expect(answer.problem?.detail.contains("names are short and plain ASCII") ?? false, "\(answer.text)")
                }
            }

            #expect(try await house.client().resources().items.isEmpty)
            #expect(try await house.client().deploys(of: "shop").items.isEmpty)
        }
    }

    @Test func `A name of ours that is written with escapes is not read as ours`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()

            let hits = try await house.report(.hits, #"{"\u0072esource":"r","hits":1}"#, bearer: token)
            let credential = try await house.api(.POST, "credentials", #"{"type":"hits_failure","n\u0061me":"mine"}"#)

            #expect(hits.status == 400 && credential.status == 400)
            #expect(try await house.client().credentials().items.map(\.name) == ["Hits"])
        }
    }

    @Test func `A text may be long, hold marks and be written with escapes`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()
            let shop = try await house.deployToken()
            let description = "caf\u{E9} e" + Self.marks + String(repeating: "b", count: 200)

            let made = try await house.api(
                .POST, "applications", #"{"name":"caf\u00e9","description":"\#(description)"}"#)
            let hits = try await house.report(
                .hits, #"[{"resource":"caf\u00e9","hits":1},{"resource":"größe","hits":2}]"#, bearer: token)
            let deploy = try await house.report(
                .deploys, #"{"version":"é\u0301","environment":"größe","status":"succeeded"}"#, bearer: shop.secret)
            let session = try await house.request(
                .POST, "sessions", #"{"login":"\u00e9\#(Self.marks)","password":"\#(description)"}"#)

            #expect(made.status == 201 && hits.status == 202 && deploy.status == 202 && session.status == 401, "\(made.text)")
            #expect(try await house.client().application("caf\u{E9}").description == description)
            #expect(try await Set(house.client().resources().items.map(\.name)) == ["caf\u{E9}", "größe"])
        }
    }

    @Test func `P9 a tag with names in any script is an object, and one with a name that is too long is a text`() async throws {
        try await TestHouse.open { house async throws in
            let long = #"{"\#(String(repeating: "a", count: 200))":1}"#
            let tags: [(String, JSONValue)] = [
                (#"{"größe":{"\u00e9":1}}"#, .object(["größe": .object(["\u{E9}": .number(1)])])),
                (#"{"e\#(Self.marks)":"é"}"#, .object(["e" + Self.marks: .text("é")])), (long, .text(long)),
            ]

            for (tag, context) in tags {
                let answer = try await house.call(bearer: house.made.apiToken, headers: [("Inlet-Context", tag)])
                #expect(answer.status == 202)
                #expect(try await house.client().event(#require(answer.event)).context == context, "\(tag)")
            }
        }
    }

    // MARK: Authorization

    @Test func `An Authorization that is very long or not ASCII is malformed, whoever sends it`() async throws {
        try await TestHouse.open { house async throws in
            let activation = try await house.activationToken()
            let pair = { (user: Int, secret: String) in
                "Basic " + Data("\(String(repeating: "u", count: user)):\(secret)".utf8).base64EncodedString()
            }
            let wrong = { (secret: String) in
                [
                    pair(2_200, secret), "Bearer " + String(repeating: "x", count: 3_000),
                    "Bearer" + String(repeating: " ", count: 3_000) + secret, "Bearer \(secret)\u{0301}",
                    "Bearer \u{0301}\(secret)",
                    "Bearer e" + Self.marks, "B\u{E9}arer \(secret)",
                ]
            }

            for header in wrong(house.made.apiToken) {
                let answer = try await house.call(headers: [("Authorization", header)])
                #expect(answer.status == 401, "\(header)")
            }
            for header in wrong(activation) {
                let answer = try await house.report(
                    .hits, #"{"resource":"r","hits":1}"#, headers: [("Authorization", header)])
                #expect(answer.status == 401, "\(header)")
            }

            let causes = try await house.causes()
            #expect(causes.count == 14 && causes.allSatisfy { $0 == "malformed_credential" }, "\(causes)")
            #expect(try await house.call(headers: [("Authorization", pair(1_400, house.made.apiToken))]).status == 202)
            let reported = try await house.report(
                .hits, #"{"resource":"r","hits":1}"#, headers: [("Authorization", pair(1_400, activation))])
            #expect(reported.status == 202)
        }
    }

    @Test func `An Authorization that is very long or not ASCII opens nothing of the REST API`() async throws {
        try await TestHouse.open { house async throws in
            let token = house.made.managementToken
            let me = { (header: String) in try await house.request(.GET, "me", headers: [("Authorization", header)]).status }

            for header in [
                "Bearer" + String(repeating: " ", count: 3_000) + token, "Bearer" + String(repeating: " ", count: 250) + token,
                "Bearer " + String(repeating: "x", count: 3_000), "Bearer \(token)\u{0301}", "Bearer \u{0301}\(token)",
                "Bearer e" + Self.marks, "B\u{E9}arer \(token)", "Bearer", token,
            ] {
                #expect(try await me(header) == 401, "\(header)")
            }
            for header in ["Bearer \(token)", "bearer   \(token)", "BEARER \(token)"] { #expect(try await me(header) == 200) }
        }
    }

    // MARK: As fast as one can

    @Test func `E4 a credential makes 30 activation tokens a minute, and those that ran out are in nobody's way`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential(lifetime: 60)
            let other = try await house.hitsCredential("Other")

            for round in 0..<4 {
                for _ in 0..<30 { _ = try await house.activate(made.secret) }
                let refused = try await house.report(.activations, bearer: made.secret)

                #expect(refused.status == 429 && refused.headers.first(name: "Retry-After") == "60", "\(round)")
                #expect(try await house.client().credential("Hits").activationCount == 30)
                _ = try await house.activate(other.secret)
                house.clock.advance(by: .seconds(61))
                #expect(try await house.client().credential("Hits").activationCount == 0)
            }

            #expect(try await house.causes() == Array(repeating: "rate_limited", count: 4))
            _ = try await house.activate(made.secret)
            #expect(try await house.client().credential("Hits").activationCount == 1)
            #expect(try await house.client().credential("Other").activationCount == 4)
        }
    }

    @Test func `E6 an application reports 120 deploys a minute, and another one is not affected`() async throws {
        try await TestHouse.open { house async throws in
            let shop = try await house.deployToken()
            let other = try await house.client().createApplication(NewApplication(name: "other"))
            let deploy = { (number: Int, secret: String) in
                try await house.report(
                    .deploys, #"{"version":"\#(number)","environment":"e","status":"succeeded"}"#, bearer: secret)
            }
            for number in 0..<120 { #expect(try await deploy(number, shop.secret).status == 202) }

            let refused = try await deploy(120, shop.secret)

            #expect(refused.status == 429 && refused.headers.first(name: "Retry-After") != nil)
            #expect(try await house.causes() == ["rate_limited"])
            #expect(try await deploy(120, #require(other.secret)).status == 202)
            house.clock.advance(by: .seconds(61))
            #expect(try await deploy(120, shop.secret).status == 202)
        }
    }

    // MARK: Bodies that are held back

    @Test func `E6 a deploy whose application is deleted before its body ends is refused and leaves nothing`() async throws {
        try await TestHouse.open { house async throws in
            let shop = try await house.deployToken()

            let answer = try await halfSent(house, .deploys, Self.deploy, shop.secret) {
                try await house.client().deleteApplication(shop.id, ConfirmDeletion(confirmName: "shop"))
            }

            #expect(answer.status == 401 && answer.receipt == nil)
            #expect(try await deployRows(house) == 0)
        }
    }

    @Test func `E6 a deploy whose application is gone by the moment of writing is refused and leaves nothing`() async throws {
        try await TestHouse.open { house async throws in
            let shop = try await house.deployToken()
            // Nobody is told, as if the report had been on its way to the disk already.
            _ = try await house.house.store.write {
                try $0.connection.execute("DELETE FROM applications WHERE id = \(shop.id)")
            }

            let answer = try await house.report(.deploys, Self.deploy, bearer: shop.secret)

            #expect(answer.status == 401 && answer.receipt == nil)
            #expect(try await deployRows(house) == 0)
        }
    }

    @Test func `E4 an activation token that runs out before the body ends counts nothing`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activate(house.hitsCredential(lifetime: 60).secret)

            let answer = try await halfSent(house, .hits, #"{"resource":"r","hits":1}"#, token) {
                house.clock.advance(by: .seconds(61))
            }

            #expect(answer.status == 401)
            #expect(try await house.causes() == ["token_expired"])
            #expect(try await house.client().resources().items.isEmpty)
        }
    }

    @Test func `E4 an activation token that lives on is not refused for a body that takes its time`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activate(house.hitsCredential(lifetime: 60).secret)

            let answer = try await halfSent(house, .hits, #"{"resource":"r","hits":1}"#, token) {
                house.clock.advance(by: .seconds(59))
            }

            #expect(answer.status == 202)
        }
    }

    // MARK: Looks without an entry

    @Test func `E7 who asks for the scope, or for a new secret of a token that has it, without a right proof leaves an entry`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let admin = try await house.person(.admin)
            let browser = try await house.browser(of: admin)
            let member = try await house.person(.member)
            let members = try await house.browser(of: member)
            let scopeless = try await house.scopelessToken()
            let wanted = { (password: String) in
                #"{"kind":"management","name":"m","scopes":["reveal"],"password":"\#(password)"}"#
            }
            let own = try Wire.decode(
                TokenView.self, from: try await browser.request(.POST, "tokens", wanted(admin.password)).body)
            let attempts: [(Int, String, String, String, () async throws -> TestHouse.Answer)] = [
                (400, "password", "tokens", admin.id, { try await browser.request(.POST, "tokens", wanted("wrong horse")) }),
                (
                    400, "password", own.id, admin.id,
                    { try await browser.request(.POST, "tokens/\(own.id)/rotate", #"{"password":"wrong horse"}"#) }
                ),
                (400, "password", own.id, admin.id, { try await browser.request(.POST, "tokens/\(own.id)/rotate", "{}") }),
                (
                    403, "permission", "tokens", member.id,
                    { try await members.request(.POST, "tokens", wanted(member.password)) }
                ),
                (
                    403, "scope", "tokens", house.made.owner.text,
                    { try await house.api(.POST, "tokens", wanted(house.password), token: scopeless) }
                ),
            ]

            for (number, (status, reason, subject, actor, attempt)) in attempts.enumerated() {
                house.clock.advance(by: .seconds(60))
                let answer = try await attempt()

                #expect(answer.status == status, "\(number) \(answer.text)")
                let entries = try await house.client().auditEntries(action: "reveal.refuse").items
                #expect(entries.count == number + 1)
                let entry = try #require(entries.first)
                #expect(entry.details["reason"] == reason && entry.subject == subject && entry.actor == actor, "\(number)")
            }
            #expect(try await house.client().token(own.id).secrets.count == 1)
            #expect(try await house.client().verifyAudit().isIntact)
        }
    }

    @Test func `E7 who loses the right to look while the body of the look is held back sees nothing and leaves an entry`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let shop = try await house.deployToken()

            for (path, subject, secret) in [
                ("credentials/Hits/reveal", made.id, made.secret), ("applications/shop/token/reveal", shop.id, shop.secret),
            ] {
                for isInSession in [true, false] {
                    let admin = try await house.person(.admin)
                    let browser = try await house.browser(of: admin)
                    let witness = try await house.browser(of: admin)
                    let wanted = #"{"kind":"management","name":"own","scopes":["reveal"],"password":"\#(admin.password)"}"#
                    let token = try Wire.decode(
                        TokenView.self, from: try await browser.request(.POST, "tokens", wanted).body)
                    house.clock.advance(by: .seconds(61))
                    let now = house.clock.now().text
                    let session = try #require(browser[cookie: Browser.sessionCookie])
                    let proof =
                        isInSession
                        ? [("Cookie", "\(Browser.sessionCookie)=\(session)"), ("Inlet-CSRF", try #require(browser.csrfToken))]
                        : [("Authorization", "Bearer \(try #require(token.secret))")]

                    let answer = try await halfSent(
                        "http://127.0.0.1:\(house.adminPort)/api/v1/\(path)", #"{"password":"\#(admin.password)"}"#, proof
                    ) {
                        _ = try await untilSeen {
                            if !isInSession { return try await house.client().token(token.id).useCount > 0 }
                            let sessions: PageView<SessionView> = try await witness.get("sessions")
                            return sessions.items.contains { !$0.isCurrent && $0.lastUsedAt == now }
                        }
                        _ = try await house.client().editAccount(admin.id, AccountEdit(role: "viewer"))
                    }

                    #expect(answer.status == 403 && !answer.text.contains(secret), "\(path) \(answer.text)")
                    let entry = try #require(try await house.client().auditEntries(actor: admin.id).items.first)
                    #expect(entry.action == "reveal.refuse" && entry.subject == subject, "\(path) \(isInSession)")
                    #expect(entry.details["reason"] == "permission", "\(path) \(isInSession)")
                }
            }
            for action in ["credential.reveal", "application.reveal"] {
                #expect(try await house.client().auditEntries(action: action).items.isEmpty)
            }
        }
    }

    @Test func `E7 who goes on being refused looks is slowed down and can't fill the log; nobody else notices`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let shop = try await house.deployToken()
            let viewer = try await house.member(.viewer)
            var answers: [TestHouse.Answer] = []

            for number in 0..<60 {
                let path = number.isMultiple(of: 2) ? "credentials/Hits/reveal" : "applications/shop/token/reveal"
                answers.append(try await house.api(.POST, path, "{}", token: viewer.managementToken))
            }

            let refused = answers.prefix { $0.status == 403 }
            #expect((15...25).contains(refused.count))
            for answer in answers.dropFirst(refused.count) {
                #expect(answer.status == 429 && answer.headers.first(name: "Retry-After") != nil, "\(answer.text)")
            }
            let entries = try await house.client().auditEntries(action: "reveal.refuse", limit: 500).items
            #expect(entries.count == refused.count && entries.allSatisfy { $0.actor == viewer.account.text })
            #expect(try await house.client().revealCredential("Hits").secret == made.secret)
            let admin = try await house.person(.admin)
            let look = try await house.browser(of: admin).request(
                .POST, "applications/\(shop.id)/token/reveal", #"{"password":"\#(admin.password)"}"#)
            #expect(look.status == 200 && look.text.contains(shop.secret))
            let other = try await house.member(.viewer)
            #expect(try await house.api(.POST, "credentials/Hits/reveal", "{}", token: other.managementToken).status == 403)
            let last = try #require(try await house.client().auditEntries(action: "reveal.refuse").items.first)
            #expect(last.actor == other.account.text)

            house.clock.advance(by: .seconds(600))
            let later = try await house.api(.POST, "credentials/Hits/reveal", "{}", token: viewer.managementToken)
            #expect(later.status == 403)
        }
    }

    // MARK: Helpers of the above

    private static let deploy = #"{"version":"1","environment":"production","status":"succeeded"}"#

    private func deployRows(_ house: TestHouse) async throws -> Int64? {
        try await house.house.store.read { try $0.row("SELECT COUNT(*) AS count FROM deploys")?.integer("count") }
    }

    /// Sends a report without its last byte, does something once the head was looked at, and then sends the rest.
    private func halfSent(
        _ house: TestHouse, _ path: ReportPath, _ body: String, _ secret: String, meanwhile: () async throws -> Void
    ) async throws -> TestHouse.Answer {
        try await halfSent(
            "http://127.0.0.1:\(house.ingestPort)\(path.rawValue)", body, [("Authorization", "Bearer \(secret)")]
        ) {
            #expect(try await untilSeen { try await house.client().status().bytesInFlight > 0 })
            try await meanwhile()
        }
    }

    private func halfSent(
        _ url: String, _ body: String, _ headers: [(String, String)], meanwhile: () async throws -> Void
    ) async throws -> TestHouse.Answer {
        let (pieces, sender) = AsyncStream.makeStream(of: ByteBuffer.self)
        defer { sender.finish() }
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.body = .stream(pieces, length: .known(Int64(body.utf8.count)))
        let whole = request
        async let answer = TestHouse.send(whole)
        sender.yield(ByteBuffer(string: String(body.dropLast())))
        try await meanwhile()
        sender.yield(ByteBuffer(string: String(body.suffix(1))))
        sender.finish()
        return try await answer
    }

    /// Asks until the server has looked at who sends; not for ever, for it need not look before the body is whole.
    private func untilSeen(_ isSeen: () async throws -> Bool) async throws -> Bool {
        for _ in 0..<500 {
            if try await isSeen() { return true }
        }
        return false
    }
}
