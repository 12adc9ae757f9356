import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import NIOHTTP1
import ServerSupport
import Synchronization
import TestSupport
import Testing

/// Reports of hits and failures as they come in. Row E5; what is shown of them stands in ResourceHouseTests.
@Suite(.tags(.store)) struct ReportTests {
    @Test func `E5 one object or an array of them counts, failures are none and the moment is now if they are left out`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()
            house.clock.advance(by: .seconds(30))

            let one = try await house.report(.hits, #"{"resource":"checkout","hits":120,"failures":3}"#, bearer: token)
            let many = try await house.report(
                .hits,
                #" [{"resource":"checkout","hits":1},{"resource":"search","hits":7},{"resource":"checkout","hits":2,"failures":2}]"#,
                bearer: token)

            #expect(one.status == 202 && one.receipt?.reports == 1 && one.receipt?.id.hasPrefix("rep_") ?? false)
            #expect(many.status == 202 && many.receipt?.reports == 3 && many.receipt?.id != one.receipt?.id)
            let checkout = try await house.client().resource("checkout")
            #expect(checkout.hits == 123 && checkout.failures == 5)
            let search = try await house.client().resource("search")
            #expect(search.hits == 7 && search.failures == 0 && search.availability == 1)
            #expect(search.lastReportAt == house.clock.now().adding(.seconds(-30)).text)
            let activation = try #require(try await house.client().activations(of: "Hits").items.first)
            #expect(activation.useCount == 2 && activation.lastUsedAt == house.clock.now().text)
            #expect(try await house.client().events().items.isEmpty)
        }
    }

    @Test func `E5 what happened up to 7 days ago or 5 minutes ahead is taken, to the millisecond`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()
            let now = house.clock.now()
            let moments: [(at: Timestamp, status: Int)] = [
                (now.adding(.days(-7)), 202), (now.adding(.days(-7)).adding(.milliseconds(-1)), 400),
                (now.adding(.seconds(300)), 202), (now.adding(.seconds(300)).adding(.milliseconds(1)), 400),
            ]

            for (at, status) in moments {
                let answer = try await house.report(.hits, #"{"resource":"r","hits":1,"at":"\#(at.text)"}"#, bearer: token)
                #expect(answer.status == status, "\(at.text)")
                if status == 400 { #expect(answer.problem?.code == "bad_report" && answer.problem?.field == "at") }
            }

            #expect(try await house.client().resource("r").hits == 2)
        }
    }

    @Test func `E5 what is no report is refused, says which field is wrong, and nothing of it is kept`() async throws {
        let cases: [(body: String, field: String)] = [
            ("", "body"), ("{", "body"), ("null", "body"), ("7", "body"), (#""text""#, "body"), ("[]", "body"),
            ("{}", "resource"),
            (#"{"resource":"r"}"#, "hits"), (#"{"hits":1}"#, "resource"), (#"{"resource":"r","hits":null}"#, "hits"),
            (#"{"resource":7,"hits":1}"#, "resource"), (#"{"resource":"r","hits":"1"}"#, "hits"),
            (#"{"resource":"r","hits":true}"#, "hits"), (#"{"resource":"r","hits":-1}"#, "hits"),
            (#"{"resource":"r","hits":1.5}"#, "hits"), (#"{"resource":"r","hits":1000000000001}"#, "hits"),
            (#"{"resource":"r","hits":1e300}"#, "hits"), (#"{"resource":"r","hits":99999999999999999999}"#, "hits"),
            (#"{"resource":"r","hits":1,"failures":2}"#, "failures"), (#"{"resource":"r","hits":1,"failures":-1}"#, "failures"),
            (#"{"resource":"r","hits":1,"failures":0.5}"#, "failures"), (#"{"resource":"r","hits":1,"failures":[]}"#, "failures"),
            (#"{"resource":"r","hits":1,"at":"2027-01-15"}"#, "at"), (#"{"resource":"r","hits":1,"at":1800000000}"#, "at"),
            (#"{"resource":"r","hits":1,"at":"2027-02-30T00:00:00Z"}"#, "at"), (#"{"resource":"r","hits":1,"at":""}"#, "at"),
            (#"{"resource":"","hits":1}"#, "resource"), (#"{"resource":" \t","hits":1}"#, "resource"),
            (#"{"resource":"a\u0000b","hits":1}"#, "resource"), (#"{"resource":"a\nb","hits":1}"#, "resource"),
            (#"{"resource":"\#(String(repeating: "x", count: 101))","hits":1}"#, "resource"),
            (#"{"resource":"r","hits":1,"colour":"red"}"#, "body"), (#"{"resource":"r","Hits":1}"#, "body"),
            (#"[{"resource":"r","hits":1},7]"#, "[1]"), (#"[{"resource":"r","hits":1},{"resource":"r"}]"#, "[1].hits"),
            (#"[[{"resource":"r","hits":1}]]"#, "[0]"), (#"[{"resource":"r","hits":1,"x":1}]"#, "[0]"),
            (#"{"resource":"r","hits":1}{}"#, "body"),
            (String(repeating: "[", count: 100_000), "body"),
        ]
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()

            for (body, field) in cases {
                let answer = try await house.report(.hits, body, bearer: token)

                #expect(answer.status == 400 && answer.problem?.code == "bad_report", "\(body) \(field) \(answer.text)")
                #expect(answer.problem?.field == field, "\(body) \(field) \(answer.text)")
                #expect(try await house.client().resources().items.isEmpty, "\(body) \(field)")
                let call = try #require(try await house.refusedCalls().first)
                #expect(call.cause == "bad_report" && call.webhook == "/hits" && call.tokenName == "Hits", "\(body) \(field)")
                #expect(try await house.call(bearer: house.made.apiToken).status == 202, "\(body) \(field)")
            }
        }
    }

    @Test(arguments: [
        #"{"resource":"r","hits":0}"#, #"{"resource":"r","hits":1000000000000,"failures":1000000000000}"#,
        #"{"resource":"r","hits":1e3}"#, #"{"resource":"r","hits":2.0,"failures":null,"at":null}"#,
        #"{"resource":"\#(String(repeating: "é", count: 100))","hits":1}"#,
        "\r\n\t [\n{\"resource\":\"r\",\"hits\":1,\"at\":\"2027-01-15t09:00:00+01:00\"}\n]\n",
    ])
    func `E5 the ends of what is allowed are taken`(body: String) async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()

            #expect(try await house.report(.hits, body, bearer: token).status == 202)

            #expect(try await house.client().resources().items.count == 1)
        }
    }

    @Test func `E5 one bad object in an array refuses it all, and names its place`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()

            let answer = try await house.report(
                .hits,
                #"[{"resource":"a","hits":1},{"resource":"b","hits":1},{"resource":"c","hits":1,"failures":2},{"resource":"d"}]"#,
                bearer: token)
            let second = try await house.report(
                .hits, #"[{"resource":"a","hits":1},{"resource":"c","hits":1,"failures":2}]"#, bearer: token)

            #expect(answer.status == 400 && answer.problem?.field == "[3].hits")
            #expect(second.status == 400 && second.problem?.field == "[1].failures")
            #expect(try await house.client().resources().items.isEmpty)
            #expect(try await house.client().activations(of: "Hits").items.first?.useCount == 0)
        }
    }

    @Test func `E5 a request holds 1 to 1,000 objects and at most 1 MiB`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()
            let array = { (count: Int) in
                "[" + Array(repeating: #"{"resource":"r","hits":1}"#, count: count).joined(separator: ",") + "]"
            }
            let padded = { (bytes: Int) in
                let body = #"{"resource":"r","hits":1}"#
                return body + String(repeating: " ", count: bytes - body.utf8.count)
            }

            #expect(try await house.report(.hits, array(1_000), bearer: token).receipt?.reports == 1_000)
            #expect(try await house.report(.hits, array(1_001), bearer: token).problem?.field == "body")
            #expect(try await house.report(.hits, padded(1 << 20), bearer: token).status == 202)
            let large = try await house.report(.hits, padded(1 << 20 + 1), bearer: token)

            #expect(large.status == 413 && large.problem?.code == "body_too_large")
            #expect(try await house.client().resource("r").hits == 1_001)
        }
    }

    // MARK: Repeated

    @Test(arguments: ["Idempotency-Key", "webhook-id"])
    func `E5 a report with a key that was seen before counts nothing, and is answered with the first id`(
        header: String
    ) async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let (first, second) = (try await house.activate(made.secret), try await house.activate(made.secret))
            let other = try await house.activationToken("Other")
            func send(_ token: String, _ key: String) async throws -> TestHouse.Answer {
                try await house.report(.hits, #"{"resource":"r","hits":1}"#, bearer: token, headers: [(header, key)])
            }

            let new = try await send(first, "k")
            let again = [try await send(first, "k"), try await send(second, "k")]

            #expect(new.status == 202)
            #expect(again.allSatisfy { $0.status == 200 && $0.receipt?.id == new.receipt?.id })
            #expect(try await house.client().resource("r").hits == 1)
            #expect(try await send(first, "other key").status == 202)
            #expect(try await send(other, "k").status == 202)
            #expect(try await house.client().resource("r").hits == 3)
            house.clock.advance(by: .days(7).adding(.milliseconds(-1)))
            #expect(try await send(first, "k").status == 200)
            house.clock.advance(by: .seconds(3600))
            try await house.sweep()
            #expect(try await send(first, "k").status == 202)
        }
    }

    @Test func `E5 a refused report leaves its key free, and a bad key is refused`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()
            let bad = try await house.report(
                .hits, #"{"resource":"r","hits":-1}"#, bearer: token, headers: [("Idempotency-Key", "k")])
            #expect(bad.status == 400)

            let good = try await house.report(
                .hits, #"{"resource":"r","hits":1}"#, bearer: token, headers: [("Idempotency-Key", "k")])
            let long = try await house.report(
                .hits, #"{"resource":"r","hits":1}"#, bearer: token,
                headers: [("Idempotency-Key", String(repeating: "k", count: 5_000))])

            #expect(good.status == 202)
            #expect(long.status == 400 && long.problem?.code == "bad_dedupe_key")
            #expect(try await house.client().resource("r").hits == 1)
        }
    }

    @Test func `E5 of many with the same key at once one counts`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()

            let answers = try await withThrowingTaskGroup(of: TestHouse.Answer.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        try await house.report(
                            .hits, #"{"resource":"r","hits":1}"#, bearer: token, headers: [("Idempotency-Key", "k")])
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(answers.filter { $0.status == 202 }.count == 1)
            #expect(answers.filter { $0.status == 200 }.count == 49)
            #expect(Set(answers.compactMap(\.receipt?.id)).count == 1)
            #expect(try await house.client().resource("r").hits == 1)
        }
    }

    // MARK: How many

    @Test func `E5 an organization has at most 1,000 resources; those that there are count on`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()
            func report(_ names: some Sequence<Int>) async throws -> TestHouse.Answer {
                let objects = names.map { #"{"resource":"r\#($0)","hits":1}"# }.joined(separator: ",")
                return try await house.report(.hits, "[\(objects)]", bearer: token)
            }
            #expect(try await report(0..<999).status == 202)

            let two = try await report([0, 999, 1_000])
            #expect(two.status == 409 && two.problem?.code == "too_many_resources")
            #expect(try await house.client().resource("r0").hits == 1)
            #expect(try await house.api(.GET, "resources/r999").status == 404)
            #expect(try await report([0, 999]).status == 202)
            #expect(try await report([1_000]).status == 409)
            #expect(try await report(0..<1_000).status == 202)
            #expect(try await house.causes() == ["too_many_resources", "too_many_resources"])

            try await house.client().deleteResource("r5")
            #expect(try await report([1_000]).status == 202)
            #expect(try await report([5]).status == 409)
            var names: [String] = []
            var after: String?
            repeat {
                let page = try await house.client().resources(after: after, limit: 500)
                names += page.items.map(\.name)
                after = page.next
            } while after != nil
            #expect(names.count == 1_000 && Set(names).count == 1_000 && !names.contains("r5"))
        }
    }

    @Test func `E5 names that look alike and are written differently are told apart, in one request and in many`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()
            let names = ["caf\u{E9}", "cafe\u{301}"]
            let objects = names.map { #"{"resource":"\#($0)","hits":1}"# }

            #expect(try await house.report(.hits, "[\(objects.joined(separator: ","))]", bearer: token).status == 202)
            for object in objects { #expect(try await house.report(.hits, object, bearer: token).status == 202) }

            for name in names { #expect(try await house.client().resource(name).hits == 2) }
        }
    }

    @Test func `E5 the quota of a day is for calls and reports together, and a repeated report is free`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()
            let shop = try await house.deployToken()
            _ = try await house.client().editOrganization(OrganizationEdit(dailyQuota: .set(3)))
            let hit = { (key: String) in
                try await house.report(
                    .hits, #"{"resource":"r","hits":1}"#, bearer: token, headers: [("Idempotency-Key", key)])
            }
            let deploy = { (version: String) in
                try await house.report(
                    .deploys, #"{"version":"\#(version)","environment":"e","status":"failed"}"#, bearer: shop.secret)
            }
            #expect(try await hit("a").status == 202)
            #expect(try await hit("a").status == 200)
            #expect(try await deploy("1").status == 202)
            #expect(try await deploy("1").status == 200)
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)

            let refused = [
                try await hit("b"), try await deploy("2"), try await house.call(bearer: house.made.apiToken),
            ]

            for answer in refused {
                #expect(answer.status == 429 && answer.problem?.code == "quota_used_up")
                #expect(answer.headers.first(name: "Retry-After") == "\(16 * 3600)")
            }
            #expect(try await house.causes() == ["quota_used_up", "quota_used_up", "quota_used_up"])
            #expect(try await house.client().resource("r").hits == 1)
            #expect(try await house.client().deploys(of: "shop").items.count == 1)
            house.clock.advance(by: .seconds(16 * 3600))
            #expect(try await hit("b").status == 202)
        }
    }

    // MARK: At the same time

    @Test func `E5 of reports, deploys and calls that come at the same time each is kept, and counted once`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let tokens = [try await house.activate(made.secret), try await house.activate(made.secret)]
            let shop = try await house.deployToken()
            // An application takes 120 a minute.
            let rounds = 30

            let statuses = try await withThrowingTaskGroup(of: [Int].self) { group in
                for token in tokens + tokens {
                    group.addTask {
                        try await (0..<rounds).asyncMap { round in
                            try await house.report(
                                .hits,
                                #"[{"resource":"r","hits":3,"failures":1},{"resource":"r\#(round)","hits":1}]"#, bearer: token
                            ).status
                        }
                    }
                }
                for sender in 0..<4 {
                    group.addTask {
                        try await (0..<rounds).asyncMap { _ in try await house.call(bearer: house.made.apiToken).status }
                    }
                    group.addTask {
                        try await (0..<rounds).asyncMap { round in
                            try await house.report(
                                .deploys, #"{"version":"\#(sender).\#(round)","environment":"e","status":"succeeded"}"#,
                                bearer: shop.secret
                            ).status
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }

            #expect(statuses.count == 12 * rounds && statuses.allSatisfy { $0 == 202 })
            let shared = try await house.client().resource("r")
            #expect(shared.hits == Int64(4 * rounds * 3) && shared.failures == Int64(4 * rounds))
            for round in [0, 7, rounds - 1] { #expect(try await house.client().resource("r\(round)").hits == 4) }
            #expect(try await house.client().events(limit: 500).items.count == 4 * rounds)
            #expect(try await house.client().deploys(of: "shop", limit: 500).items.count == 4 * rounds)
            let uses = try await house.client().activations(of: "Hits").items.map(\.useCount)
            #expect(uses == [Int64(2 * rounds), Int64(2 * rounds)])
            #expect(try await house.client().application("shop").useCount == Int64(4 * rounds))
        }
    }

    @Test func `E5 what was reported is there after a restart`() async throws {
        let kept = Mutex("")
        try await TestHouse.openTwice { house async throws in
            let token = try await house.activationToken()
            kept.withLock { $0 = token }
            #expect(
                try await house.report(
                    .hits, #"{"resource":"r","hits":2}"#, bearer: token, headers: [("Idempotency-Key", "k")]
                ).status == 202)
        } keys: { _, ring in
            ring
        } second: { house async throws in
            let token = kept.withLock { $0 }
            let repeated = try await house.report(
                .hits, #"{"resource":"r","hits":2}"#, bearer: token, headers: [("Idempotency-Key", "k")])
            #expect(repeated.status == 200)
            let new = try await house.report(
                .hits, #"[{"resource":"r","hits":1},{"resource":"s","hits":1}]"#, bearer: token)
            #expect(new.status == 202)
            #expect(try await house.client().resources().items.map(\.name) == ["r", "s"])
            #expect(try await house.client().resource("r").hits == 3)
        }
    }
}
