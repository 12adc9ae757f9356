import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import NIOHTTP1
import ServerSupport
import TestSupport
import Testing

/// Applications, reports of their deploys, and the four measures. Row E6.
@Suite(.tags(.store)) struct DeployTests {
    // MARK: Tokens

    @Test func `E6 an application gets its token with the Deploy credential, whichever of the two is made first`() async throws {
        try await TestHouse.open { house async throws in
            let early = try await house.client().createApplication(NewApplication(name: "early", description: "first"))
            #expect(early.secret == nil && early.credential == nil && early.hint == nil && early.description == "first")
            for act in ["reveal", "regenerate"] {
                let refused = try await house.api(.POST, "applications/early/token/\(act)")
                #expect(refused.status == 409 && refused.problem?.code == "no_deploy_credential")
            }
            _ = try await house.hitsCredential()
            #expect(try await house.client().application("early").credential == nil)
            let credential = try await house.client().createCredential(NewCredential(type: "deploy", name: "Deploys"))
            #expect(credential.applicationCount == 1)

            let answer = try await house.api(.POST, "applications", #"{"name":"late"}"#)

            let late = try Wire.decode(ApplicationView.self, from: answer.body)
            let secret = try #require(late.secret)
            #expect(answer.status == 201 && answer.headers.first(name: "Cache-Control") == "no-store")
            #expect(secret.hasPrefix("inld_") && late.hint == String(secret.prefix(9)) && late.credential == credential.id)
            #expect(late.header == "Authorization: Bearer \(secret)")
            #expect(late.curl?.contains("/deploys'") ?? false)
            #expect(late.curl?.contains(secret) ?? false)
            let revealed = try await house.client().revealDeployToken(of: "early")
            #expect(try await house.client().application("early").hint == String(revealed.secret.prefix(9)))
            #expect(try await deploy(house, revealed.secret).status == 202)
            #expect(try await deploy(house, secret).status == 202)
            for name in ["early", "late"] {
                let deploys = try await house.client().deploys(of: name).items
                #expect(deploys.count == 1)
                #expect(try await house.client().application(name).useCount == 1)
            }
            for path in ["applications", "applications/late", "audit"] {
                #expect(try await !house.api(.GET, path).text.contains(secret), "\(path)")
            }
        }
    }

    @Test func `E6 an application belongs to the oldest Deploy credential, or to the one that is named`() async throws {
        try await TestHouse.open { house async throws in
            let first = try await house.client().createCredential(NewCredential(type: "deploy", name: "first"))
            house.clock.advance(by: .seconds(1))
            let second = try await house.client().createCredential(NewCredential(type: "deploy", name: "second"))
            _ = try await house.hitsCredential()

            let a = try await house.client().createApplication(NewApplication(name: "a"))
            let b = try await house.client().createApplication(NewApplication(name: "b", credential: "second"))
            let secret = try #require(a.secret)
            #expect(a.credential == first.id && b.credential == second.id)
            for wrong in ["Hits", "none", "cred_none"] {
                for (method, path) in [(HTTPMethod.POST, "applications"), (.PATCH, "applications/a")] {
                    let refused = try await house.api(method, path, #"{"name":"c","credential":"\#(wrong)"}"#)
                    #expect(refused.status == 400 && refused.problem?.field == "credential", "\(wrong)")
                }
            }

            let moved = try await house.client().editApplication("a", ApplicationEdit(credential: second.id))

            #expect(moved.credential == second.id && moved.hint == a.hint && moved.secret == nil)
            #expect(try await deploy(house, secret).status == 202)
            try await house.client().deleteCredential("first", ConfirmDeletion(confirmName: "first"))
            #expect(try await deploy(house, secret).status == 200)
            #expect(try await house.client().credential("second").applicationCount == 2)
        }
    }

    @Test func `E6 a new name keeps the token, a new token ends the old one at once, and a deleted application takes all along`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let shop = try await house.deployToken("shop")
            let blog = try await house.client().createApplication(NewApplication(name: "blog"))
            #expect(try await deploy(house, shop.secret).status == 202)
            let renamed = try await house.client().editApplication("shop", ApplicationEdit(name: "store", description: "d"))
            #expect(renamed.id == shop.id && renamed.name == "store" && renamed.description == "d")
            for (method, path) in [(HTTPMethod.POST, "applications"), (.PATCH, "applications/blog")] {
                let refused = try await house.api(method, path, #"{"name":"store"}"#)
                #expect(refused.status == 409 && refused.problem?.code == "name_taken")
            }
            #expect(try await deploy(house, shop.secret).status == 200)

            let new = try await house.api(.POST, "applications/store/token/regenerate")
            let secret = try Wire.decode(RevealedView.self, from: new.body).secret
            #expect(new.status == 201 && new.headers.first(name: "Cache-Control") == "no-store")
            #expect(try await deploy(house, shop.secret).status == 401)
            #expect(try await deploy(house, secret).status == 200)

            for body in [nil, #"{"confirm_name":"shop"}"#, #"{"confirm_name":"\#(shop.id)"}"#] {
                #expect(try await house.api(.DELETE, "applications/store", body).status == 400)
            }
            #expect(try await house.api(.DELETE, "applications/store", #"{"confirm_name":"store"}"#).status == 204)
            #expect(try await deploy(house, secret).status == 401)
            #expect(try await house.causes() == ["secret_ended", "secret_ended"])
            for path in ["", "/deploys", "/measures"] {
                #expect(try await house.api(.GET, "applications/\(shop.id)\(path)").status == 404, "\(path)")
            }
            #expect(try await deploy(house, try #require(blog.secret)).status == 202)
            let again = try await house.client().createApplication(NewApplication(name: "store"))
            #expect(try await house.client().deploys(of: again.id).items.isEmpty)
        }
    }

    @Test func `E6 another organization sees no application, and no role below admin changes one`() async throws {
        try await TestHouse.open { house async throws in
            let shop = try await house.deployToken()
            let there = try await house.client().createOrganization(NewOrganization(name: "Elsewhere")).managementToken
            let member = try await house.member(.member).managementToken
            let viewer = try await house.member(.viewer).managementToken

            for reference in ["shop", shop.id] {
                for path in ["", "/deploys", "/measures"] {
                    #expect(try await house.api(.GET, "applications/\(reference)\(path)", token: there).status == 404)
                    #expect(try await house.api(.GET, "applications/\(reference)\(path)", token: viewer).status == 200)
                    #expect(try await house.request(.GET, "applications/\(reference)\(path)").status == 401)
                }
                for (method, path, body) in [
                    (HTTPMethod.PATCH, "", #"{"name":"x"}"#), (.DELETE, "", #"{"confirm_name":"shop"}"#),
                    (.POST, "/token/regenerate", nil), (.POST, "/token/reveal", "{}"),
                ] as [(HTTPMethod, String, String?)] {
                    let full = "applications/\(reference)\(path)"
                    #expect(try await house.api(method, full, body, token: there).status == 404, "\(full)")
                    #expect(try await house.api(method, full, body, token: member).status == 403, "\(full)")
                }
            }
            #expect(try await deploy(house, shop.secret).status == 202)
        }
    }

    // MARK: Reports

    @Test func `E6 a report is listed with all that it said, the newest first, by environment and page by page`() async throws {
        try await TestHouse.open { house async throws in
            let shop = try await house.deployToken()
            let full = """
                {"version":"1.4.2","environment":"production","status":"succeeded","commit":"9fceb02",
                "started_at":"2027-01-15T07:00:00Z","finished_at":"2027-01-15T08:10:00+01:00",
                "committed_at":"2027-01-14T23:00:00.25Z","url":"https://ci.example/run/17?a=b#c"}
                """
            let first = try await house.report(.deploys, full, bearer: shop.secret)
            house.clock.advance(by: .seconds(60))
            let second = try await deploy(house, shop.secret, "1.4.3", "staging", "started")
            let third = try await deploy(house, shop.secret, "1.4.3", "staging", "failed")

            let deploys = try await house.client().deploys(of: "shop").items

            #expect(first.status == 202 && first.receipt?.reports == nil && first.receipt?.id.hasPrefix("dep_") ?? false)
            #expect(deploys.map(\.id) == [third, second, first].map { $0.receipt?.id })
            let shown = try #require(deploys.last)
            #expect(shown.application == shop.id && shown.version == "1.4.2" && shown.environment == "production")
            #expect(shown.status == "succeeded" && shown.commit == "9fceb02" && shown.url == "https://ci.example/run/17?a=b#c")
            #expect(shown.startedAt == "2027-01-15T07:00:00.000Z" && shown.finishedAt == "2027-01-15T07:10:00.000Z")
            #expect(shown.committedAt == "2027-01-14T23:00:00.250Z" && shown.at == "2027-01-15T07:10:00.000Z")
            #expect(shown.receivedAt == "2027-01-15T08:00:00.000Z" && shown.remoteAddress == "127.0.0.1")
            #expect(deploys[0].at == house.clock.now().text && deploys[0].startedAt == nil && deploys[0].url == nil)
            #expect(try await house.client().deploys(of: "shop", environment: "staging").items == Array(deploys.prefix(2)))
            #expect(try await house.client().deploys(of: "shop", environment: "none").items.isEmpty)
            let page = try await house.client().deploys(of: "shop", limit: 2)
            let next = try await house.client().deploys(of: "shop", after: #require(page.next), limit: 2)
            #expect(page.items + next.items == deploys && next.next == nil)
            let application = try await house.client().application("shop")
            #expect(application.useCount == 3 && application.lastAddress == "127.0.0.1")
            #expect(application.lastUsedAt == house.clock.now().text)
        }
    }

    @Test func `E6 the same environment, version and status of an application is one report, and the first one stays`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let shop = try await house.deployToken("shop")
            let blog = try await house.deployToken("blog")
            let first = try await deploy(house, shop.secret, "1", "production", "succeeded")
            house.clock.advance(by: .days(30))

            let again = try await house.report(
                .deploys, #"{"version":"1","environment":"production","status":"succeeded","commit":"other"}"#,
                bearer: shop.secret)

            #expect(first.status == 202 && again.status == 200)
            #expect(try #require(again.receipt) == first.receipt)
            #expect(try await house.client().deploys(of: "shop").items.map(\.commit) == [nil])
            #expect(try await house.client().deploys(of: "shop").items.first?.at == "2027-01-15T08:00:00.000Z")
            for (version, environment, status) in [
                ("2", "production", "succeeded"), ("1", "staging", "succeeded"), ("1", "production", "rolled_back"),
            ] {
                #expect(try await deploy(house, shop.secret, version, environment, status).status == 202)
            }
            #expect(try await deploy(house, blog.secret, "1", "production", "succeeded").status == 202)
            #expect(try await house.client().deploys(of: "shop").items.count == 4)
        }
    }

    @Test func `E6 what is no report of a deploy is refused, and says which field is wrong`() async throws {
        let cases: [(body: String, field: String)] = [
            ("", "body"), ("[]", "body"), ("null", "body"), ("{}", "status"),
            (#"{"environment":"e","status":"failed"}"#, "version"), (#"{"version":"1","status":"failed"}"#, "environment"),
            (#"{"version":"1","environment":"e"}"#, "status"),
            (#"{"version":"1","environment":"e","status":"Failed"}"#, "status"),
            (#"{"version":1,"environment":"e","status":"failed"}"#, "version"),
            (#"{"version":"","environment":"e","status":"failed"}"#, "version"),
            (#"{"version":"1","environment":"a\u0001b","status":"failed"}"#, "environment"),
            (#"{"version":"1","environment":"\#(String(repeating: "e", count: 101))","status":"failed"}"#, "environment"),
            (#"{"version":"1","environment":"e","status":"failed","commit":""}"#, "commit"),
            (#"{"version":"1","environment":"e","status":"failed","url":"javascript:alert(1)"}"#, "url"),
            (#"{"version":"1","environment":"e","status":"failed","url":"ftp://x/y"}"#, "url"),
            (#"{"version":"1","environment":"e","status":"failed","url":"https://"}"#, "url"),
            (#"{"version":"1","environment":"e","status":"failed","url":"https://x/a b"}"#, "url"),
            (
                #"{"version":"1","environment":"e","status":"failed","url":"https://x/\#(String(repeating: "a", count: 1_991))"}"#,
                "url"
            ),
            (#"{"version":"1","environment":"e","status":"failed","started_at":"today"}"#, "started_at"),
            (#"{"version":"1","environment":"e","status":"failed","started_at":"2027-01-15T08:05:00.001Z"}"#, "started_at"),
            (#"{"version":"1","environment":"e","status":"failed","finished_at":"2027-01-15T24:00:00Z"}"#, "finished_at"),
            (#"{"version":"1","environment":"e","status":"failed","committed_at":"2027-01-15T08:05:01Z"}"#, "committed_at"),
            (
                #"""
                {"version":"1","environment":"e","status":"failed",
                "started_at":"2027-01-15T08:00:00Z","finished_at":"2027-01-15T07:59:59Z"}
                """#, "finished_at"
            ),
            (#"{"version":"1","environment":"e","status":"failed","secret":"x"}"#, "body"),
        ]
        try await TestHouse.open { house async throws in
            let shop = try await house.deployToken()

            for (body, field) in cases {
                let answer = try await house.report(.deploys, body, bearer: shop.secret)

                #expect(answer.status == 400 && answer.problem?.code == "bad_report", "\(body) \(field) \(answer.text)")
                #expect(answer.problem?.field == field, "\(body) \(field) \(answer.text)")
                #expect(try await house.client().deploys(of: "shop").items.isEmpty, "\(body) \(field)")
                let call = try #require(try await house.refusedCalls().first)
                #expect(call.cause == "bad_report" && call.webhook == "/deploys" && call.tokenName == "shop", "\(body) \(field)")
            }
        }
    }

    @Test func `E6 the ends of what is allowed are taken, and no more than 64 KiB`() async throws {
        try await TestHouse.open { house async throws in
            let shop = try await house.deployToken()
            let long = String(repeating: "é", count: 100)
            let url = "HTTPS://x/" + String(repeating: "a", count: 1_990)
            let body = """
                {"version":"\(long)","environment":"\(long)","status":"rolled_back","commit":"\(long)","url":"\(url)",
                "started_at":"2027-01-15T08:05:00Z","finished_at":"2027-01-15T08:05:00Z","committed_at":"2001-01-01T00:00:00Z"}
                """
            let padding = String(repeating: " ", count: (64 << 10) - body.utf8.count)

            #expect(try await house.report(.deploys, body + padding, bearer: shop.secret).status == 202)
            #expect(try await house.report(.deploys, body + padding + " ", bearer: shop.secret).status == 413)

            let shown = try #require(try await house.client().deploys(of: "shop", environment: long).items.first)
            #expect(shown.version == long && shown.url == url && shown.at == "2027-01-15T08:05:00.000Z")
        }
    }

    // MARK: Measures

    /// Hours since the beginning, and what happened then.
    private static let history: [(hour: Int64, version: String, status: String, committedHoursBefore: Int64?)] = [
        (0, "1", "succeeded", 2),
        (10, "2", "succeeded", 4),
        // Down from 10 to 12.
        (12, "2", "rolled_back", nil),
        // Down from 20 to 21, twice failed.
        (20, "3", "failed", nil), (20, "4", "failed", nil),
        (21, "5", "succeeded", nil),
        (30, "6", "started", nil),
        (40, "6", "succeeded", 6),
    ]

    @Test func `E6 the four measures are what can be worked out by hand`() async throws {
        try await TestHouse.open { house async throws in
            let shop = try await house.deployToken()
            let start = house.clock.now()
            for entry in Self.history {
                house.clock.advance(by: start.adding(.seconds(entry.hour * 3600)).since(house.clock.now()))
                let committed = entry.committedHoursBefore
                    .map { #","committed_at":"\#(house.clock.now().adding(.seconds(-$0 * 3600)).text)""# }
                let answer = try await house.report(
                    .deploys,
                    #"{"version":"\#(entry.version)","environment":"production","status":"\#(entry.status)"\#(committed ?? "")}"#,
                    bearer: shop.secret)
                #expect(answer.status == 202)
            }
            house.clock.advance(by: .seconds(8 * 3600))

            let four = try await house.client().measures(of: "shop", days: 4)
            #expect(four.application == shop.id && four.environment == "production" && four.days == 4)
            // 4 deploys succeeded in 4 days.
            #expect(four.deploymentFrequency.value == 1 && four.deploymentFrequency.count == 4)
            // 2, 4 and 6 hours.
            #expect(four.leadTime.value == 4 * 3600 && four.leadTime.count == 3)
            // 2, 3 and 4 of 1 to 6.
            #expect(four.changeFailureRate.value == 0.5 && four.changeFailureRate.count == 6)
            // 2 hours and 1 hour.
            #expect(four.timeToRestore.value == 1.5 * 3600 && four.timeToRestore.count == 2)
            #expect(
                [four.deploymentFrequency, four.leadTime, four.changeFailureRate, four.timeToRestore].map(\.unit)
                    == ["per_day", "seconds", "ratio", "seconds"])

            let one = try await house.client().measures(of: "shop", environment: "production", days: 1)
            #expect(one.deploymentFrequency.value == 1 && one.leadTime.value == 6 * 3600)
            #expect(one.changeFailureRate.value == 0 && one.changeFailureRate.count == 1)
            #expect(one.timeToRestore.value == nil && one.timeToRestore.note == "not enough data" && one.timeToRestore.count == 0)
            let standard = try await house.client().measures(of: "shop")
            #expect(standard.days == 30 && standard.deploymentFrequency.value == 4.0 / 30)
            house.clock.advance(by: .days(2))
            #expect(try await house.client().measures(of: "shop", days: 4).deploymentFrequency.count == 4 - 1)
        }
    }

    @Test func `E6 what rests on nothing says that there is not enough data`() async throws {
        try await TestHouse.open { house async throws in
            let shop = try await house.deployToken()
            #expect(try await deploy(house, shop.secret, "1", "production", "started").status == 202)

            for environment in ["production", "staging"] {
                let answer = try await house.api(.GET, "applications/shop/measures?environment=\(environment)&days=365")
                let shown = try Wire.decode(MeasuresView.self, from: answer.body)
                for measure in [shown.deploymentFrequency, shown.leadTime, shown.changeFailureRate, shown.timeToRestore] {
                    #expect(measure.value == nil && measure.note == "not enough data" && measure.count == 0)
                    #expect(!measure.definition.isEmpty)
                }
                #expect(!answer.text.contains("NaN") && !answer.text.contains("null"))
            }
            for days in ["0", "366", "-1", "x"] {
                let refused = try await house.api(.GET, "applications/shop/measures?days=\(days)")
                #expect(refused.status == 400 && refused.problem?.field == "days", "\(days)")
            }
        }
    }

    // MARK: Helpers of the above

    private func deploy(
        _ house: TestHouse, _ token: String, _ version: String = "1", _ environment: String = "production",
        _ status: String = "succeeded"
    ) async throws -> TestHouse.Answer {
        try await house.report(
            .deploys, #"{"version":"\#(version)","environment":"\#(environment)","status":"\#(status)"}"#, bearer: token)
    }
}
