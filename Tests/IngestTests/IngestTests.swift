import Client
import Contract
import Crypto
import Domain
import Foundation
import HTTPTypes
import Ingest
import Manage
import NIOHTTP1
import ServerSupport
import Storage
import TestSupport
import Testing

@Suite(.tags(.store)) struct IngestTests {
    @Test func `N1 an accepted call is kept with its exact bytes, header fields and SHA-256`() async throws {
        try await TestHouse.open { house async throws in
            let body = Data((0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })

            let answer = try await house.call(
                bearer: house.made.apiToken,
                headers: [("Content-Type", "application/x-thing; a=b"), ("X-Two", "1"), ("X-Two", "2")],
                query: "?source=shop&n=1", body: body)

            #expect(answer.status == 202)
            let id = try #require(answer.event)
            #expect(answer.headers.first(name: "Inlet-Event") == id)
            let event = try await house.client().event(id)
            #expect(event.bodySha256 == Hex.text(SHA256.hash(data: body)))
            #expect(event.bodyBytes == 70_000)
            #expect(event.query == "source=shop&n=1")
            #expect(event.contentType == "application/x-thing; a=b")
            #expect(event.headers.filter { $0.first == "X-Two" }.map(\.last) == ["1", "2"])
            #expect(!event.headers.contains { $0.first?.lowercased() == "authorization" })
            #expect(try await house.client().eventBody(id) == body)
            let raw = try await house.api(.GET, "events/\(id)/body")
            #expect(raw.headers.first(name: "Content-Type") == "application/x-thing; a=b")
            #expect(raw.headers.first(name: "Content-Disposition")?.hasPrefix("attachment") ?? false)
        }
    }

    @Test func `P8 only a call with an active token leaves an event`() async throws {
        try await TestHouse.open { house async throws in
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
            #expect(try await house.call(bearer: Secret.random(.api).revealed()).status == 401)
            #expect(try await house.call().status == 401)

            #expect(try await house.client().events().items.count == 1)
        }
    }

    @Test func `P8 each webhook has an address of its own, and what is posted there becomes its event alone`() async throws {
        try await TestHouse.open { house async throws in
            let (orders, returns) = (
                try await house.client().createWebhook(NewWebhook(name: "orders")),
                try await house.client().createWebhook(NewWebhook(name: "returns"))
            )
            #expect(orders.url != returns.url && orders.url.hasSuffix("/in/\(orders.id)"))

            let event = try await house.call(orders.id, bearer: house.made.apiToken).event

            #expect(try await house.client().events(webhook: "orders").items.map(\.id) == [event])
            #expect(try await house.client().events(webhook: "returns").items.isEmpty)
        }
    }

    @Test func `P9 a caller's tag follows the event, as text or as object, under either name`() async throws {
        try await TestHouse.open { house async throws in
            let tags: [(String, String, JSONValue)] = [
                ("Inlet-Context", "order 7", .text("order 7")),
                ("inlet-context", #"{"order":7}"#, .object(["order": .number(7)])),
                ("X-PENDULA-CUSTOM-CONTEXT", "campaign", .text("campaign")),
                ("Inlet-Context", "{not json", .text("{not json")),
            ]
            for (name, value, expected) in tags {
                let answer = try await house.call(bearer: house.made.apiToken, headers: [(name, value)])
                #expect(try await house.client().event(#require(answer.event)).context == expected)
            }

            let tooLong = String(repeating: "x", count: Limits.contextBytesMax + 1)
            let answer = try await house.call(bearer: house.made.apiToken, headers: [("Inlet-Context", tooLong)])
            #expect(answer.status == 400 && answer.problem?.code == "bad_context")
        }
    }

    @Test func `The same dedupe key again gives 200 and the same event, per webhook, for seven days`() async throws {
        try await TestHouse.open { house async throws in
            let other = try await house.client().createWebhook(NewWebhook(name: "other"))
            let token = house.made.apiToken

            let first = try await house.call(bearer: token, headers: [("Idempotency-Key", "k1")])
            let again = try await house.call(bearer: token, headers: [("webhook-id", "k1")], body: Data("other".utf8))
            let elsewhere = try await house.call(other.id, bearer: token, headers: [("Idempotency-Key", "k1")])
            house.clock.advance(by: .days(7))
            let after = try await house.call(bearer: token, headers: [("Idempotency-Key", "k1")])

            #expect(first.status == 202)
            #expect(again.status == 200 && again.event == first.event)
            #expect(again.headers.first(name: "Inlet-Event") == first.event)
            #expect(elsewhere.status == 202 && elsewhere.event != first.event)
            #expect(after.status == 202 && after.event != first.event)
        }
    }

    @Test func `Of calls with one key that come at the same moment exactly one is kept`() async throws {
        try await TestHouse.open { house async throws in
            let answers = try await withThrowingTaskGroup(of: TestHouse.Answer.self) { group in
                for _ in 0..<40 {
                    group.addTask {
                        try await house.call(bearer: house.made.apiToken, headers: [("Idempotency-Key", "same")])
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(answers.filter { $0.status == 202 }.count == 1)
            #expect(answers.filter { $0.status == 200 }.count == 39)
            #expect(Set(answers.map(\.event)).count == 1)
            #expect(try await house.client().events().items.count == 1)
        }
    }

    @Test func `A dedupe key that is empty or too long is refused`() async throws {
        let cases: [String] = ["", String(repeating: "k", count: 256)]
        try await TestHouse.open { house async throws in
            for key in cases {
                let answer = try await house.call(bearer: house.made.apiToken, headers: [("Idempotency-Key", key)])
                #expect(answer.status == 400 && answer.problem?.code == "bad_dedupe_key", "\(key)")
            }
        }
    }

    @Test func `N2 every unauthenticated caller gets one and the same 401, and the ledger knows each true cause`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let inactive = try await house.client().createToken(NewToken(kind: "api", name: "inactive one"))
            _ = try await house.client().deactivateToken(inactive.id)
            let good = house.made.apiToken
            let broken = String(good.dropLast()) + (good.hasSuffix("0") ? "1" : "0")

            let answers = [
                try await house.call(),
                try await house.call(bearer: broken),
                try await house.call(headers: [("Authorization", "Digest abc")]),
                try await house.call(bearer: Secret.random(.app).revealed()),
                try await house.call(bearer: Secret.random(.deploy).revealed()),
                try await house.call(bearer: #require(inactive.secret)),
                try await house.call("whk_00000000000000000000", bearer: good),
                try await house.call("whk_00000000000000000000"),
            ]

            for answer in answers {
                #expect(answer.status == 401)
                #expect(answer.body == answers[0].body)
                #expect(answer.headers["WWW-Authenticate"] == answers[0].headers["WWW-Authenticate"])
                #expect(answer.headers.first(name: "Content-Type") == "application/problem+json")
            }
            #expect(answers[0].headers["WWW-Authenticate"].count == 2)
            #expect(
                try await house.causes() == [
                    "unknown_webhook", "unknown_webhook", "token_inactive", "wrong_kind_of_token", "unknown_token",
                    "malformed_credential", "malformed_credential", "no_credential",
                ])
            let calls = try await house.client().calls(outcome: "refused").items
            #expect(calls.first { $0.cause == "token_inactive" }?.tokenName == "inactive one")
        }
    }

    @Test func `Right credential, wrong place: 403 for another webhook, 404 for another organization or a paused one`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let stranger = try await house.stranger()
            let theirs = try await WebhookOperations(house.house.desk).create(.init(name: "theirs"), stranger)
            let paused = try await house.client().createWebhook(NewWebhook(name: "paused"))
            _ = try await house.client().pauseWebhook(paused.id)
            let token = house.made.apiToken

            #expect(try await house.call(theirs.id.text, bearer: token).status == 404)
            #expect(try await house.call(paused.id, bearer: token).status == 404)
            #expect(try await house.call(paused.id).status == 401)
            _ = try await house.client().resumeWebhook(paused.id)
            #expect(try await house.call(paused.id, bearer: token).status == 202)
            #expect(
                try await house.causes() == ["no_credential", "webhook_paused", "webhook_of_another_organization"])
        }
    }

    @Test func `Two credentials, and a token in the address, are refused though one is right`() async throws {
        try await TestHouse.open { house async throws in
            let token = house.made.apiToken

            let two = try await house.call(
                headers: [("Authorization", "Bearer \(token)"), ("Authorization", "Bearer \(token)")])
            let folded = try await house.call(headers: [("Authorization", "Bearer \(token), Basic abc")])
            let query = try await house.call(bearer: token, query: "?token=\(token)")
            let hidden = try await house.call(bearer: token, query: "?a=1&x=\(token.replacing("_", with: "%5F"))")
            let named = try await house.call(bearer: token, query: "?access_token=whatever")
            let harmless = try await house.call(bearer: token, query: "?token=abc&page=1")

            #expect([two, folded].allSatisfy { $0.status == 400 && $0.problem?.code == "several_credentials" })
            #expect([query, hidden, named].allSatisfy { $0.status == 400 && $0.problem?.code == "token_in_query" })
            #expect(harmless.status == 202)
        }
    }

    @Test func `Other methods and other addresses are told apart`() async throws {
        try await TestHouse.open { house async throws in
            let get = try await house.call(bearer: house.made.apiToken, method: .GET)
            let deep = try await house.call("a/b", bearer: house.made.apiToken)

            #expect(get.status == 405 && get.headers.first(name: "Allow") == "POST")
            #expect(deep.status == 404)
        }
    }

    @Test func `A body at the limit is taken, one byte more is 413`() async throws {
        try await TestHouse.open([.bodyBytesMax: "100000"]) { house async throws in
            let token = house.made.apiToken

            #expect(try await house.call(bearer: token, body: Data(count: 100_000)).status == 202)
            let over = try await house.call(bearer: token, body: Data(count: 100_001))
            #expect(over.status == 413 && over.problem?.code == "body_too_large")
            #expect(try await house.call(bearer: token).status == 202)
            #expect(try await house.causes() == ["body_too_large"])
        }
    }

    @Test func `When the day's quota is used up callers get 429 until the next day, and repeats cost nothing`()
        async throws
    {
        try await TestHouse.open { house async throws in
            #expect(try await house.api(.PATCH, "organization", #"{"daily_quota":2}"#).status == 200)
            let token = house.made.apiToken
            let key = [("Idempotency-Key", "q")]

            #expect(try await house.call(bearer: token).status == 202)
            #expect(try await house.call(bearer: token, headers: key).status == 202)
            #expect(try await house.call(bearer: token, headers: key).status == 200)
            let over = try await house.call(bearer: token, headers: [("Idempotency-Key", "new")])
            #expect(over.status == 429 && over.problem?.code == "quota_used_up")
            #expect(Int(over.headers.first(name: "Retry-After") ?? "") ?? 0 > 0)
            #expect(over.headers.first(name: "RateLimit") != nil)

            house.clock.advance(by: .days(1))
            #expect(try await house.call(bearer: token, headers: [("Idempotency-Key", "new")]).status == 202)
            #expect(try await house.causes() == ["quota_used_up"])
        }
    }

    @Test func `When too many calls wait the rest get 503 with Retry-After, and nothing of them is kept`() async throws {
        try await TestHouse.open([.callsQueuedMax: "1"]) { house async throws in
            // A transaction that waits holds the writer, so calls queue up behind it.
            let gate = DispatchSemaphore(value: 0)
            house.house.store.enqueueWrite(in: .calls, { _ in gate.wait() }, done: { _ in })
            let waiting = Task { try await house.call(bearer: house.made.apiToken) }
            while try await house.client().status().queuedCalls == 0 { await Task.yield() }

            let refused = try await house.call(bearer: house.made.apiToken)
            gate.signal()
            let kept = try await waiting.value

            #expect(refused.status == 503 && refused.problem?.code == "unavailable")
            #expect(refused.headers.first(name: "Retry-After") != nil)
            #expect(kept.status == 202)
            #expect(try await house.client().events().items.count == 1)
            #expect(try await house.causes() == ["overloaded"])
        }
    }

    @Test func `When bodies in memory would be too many bytes callers get 503`() async throws {
        try await TestHouse.open([.bytesInFlightMax: "1048576", .bodyBytesMax: "1048576"]) { house async throws in
            let gate = DispatchSemaphore(value: 0)
            house.house.store.enqueueWrite(in: .calls, { _ in gate.wait() }, done: { _ in })
            let waiting = Task { try await house.call(bearer: house.made.apiToken, body: Data(count: 900_000)) }
            while try await house.client().status().queuedCalls == 0 { await Task.yield() }

            let refused = try await house.call(bearer: house.made.apiToken, body: Data(count: 200_000))
            gate.signal()

            #expect(refused.status == 503)
            #expect(try await waiting.value.status == 202)
            #expect(try await house.call(bearer: house.made.apiToken, body: Data(count: 200_000)).status == 202)
        }
    }

    @Test(.enabled(if: TestDatabase.isEmbedded, "another database has a disk of its own"))
    func `When the disk is nearly full callers get 503, and people can still revoke`() async throws {
        try await TestHouse.open([.freeBytesMin: "1125899906842624"]) { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "t"))

            let refused = try await house.call(bearer: house.made.apiToken)

            #expect(refused.status == 503)
            #expect(refused.headers.first(name: "Retry-After") != nil)
            #expect(try await house.client().deactivateToken(token.id).state == "inactive")
            #expect(try await house.client().status().obstacle == "disk_nearly_full")
        }
    }

    @Test func `When the database is away callers get 503 and never 2xx`() async throws {
        try await TestHouse.open { house async throws in
            try await house.house.store.close()

            let refused = try await house.call(bearer: house.made.apiToken)

            #expect(refused.status == 503)
            #expect(refused.headers.first(name: "Retry-After") != nil)
        }
    }

    @Test func `The pipeline takes a call without any server`() async throws {
        try await TestHouse.open { house async throws in
            let call = InboundCall(
                webhook: house.made.webhook.text,
                headers: CallHeaders([("Authorization", "Bearer \(house.made.apiToken)")]), body: Data("x".utf8),
                remoteAddress: "192.0.2.1", receivedAt: house.clock.now())

            guard case .accepted(let id) = await house.house.pipeline.receive(call) else {
                Issue.record("the call was not accepted")
                return
            }

            let event = try await house.client().event(id.text)
            #expect(event.remoteAddress == "192.0.2.1" && event.bodyBytes == 1)
            var bad = call
            bad.headers = CallHeaders([])
            #expect(await house.house.pipeline.receive(bad) == .refused(.noCredential))
        }
    }

    @Test func `N2 a flood of refused calls is counted truly and listed within bounds`() async throws {
        try await TestHouse.open { house async throws in
            let call = InboundCall(
                webhook: house.made.webhook.text, headers: CallHeaders([]), body: Data(), remoteAddress: "",
                receivedAt: house.clock.now())

            for _ in 0..<2000 { _ = await house.house.pipeline.receive(call) }
            await house.house.housekeeper.flush()

            var listed = 0
            var total: Int64 = 0
            var after: String?
            repeat {
                let page = try await house.client().calls(outcome: "refused", after: after, limit: 500)
                listed += page.items.count
                total += page.items.reduce(0) { $0 + $1.count }
                after = page.next
            } while after != nil
            #expect(total == 2000)
            #expect(listed < 2000)
        }
    }

    @Test func `No secret and no password is found in anything that is stored`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "t"))
            let secret = try #require(token.secret)
            _ = try await house.call(bearer: secret)
            _ = try await house.call(basic: (secret, "wrong"))
            _ = try await house.call(basic: (secret, secret))
            _ = try await house.call(bearer: secret, query: "?token=\(secret)")
            _ = try await house.call(bearer: secret, headers: [("Cookie", "session=\(secret)")])
            await house.house.housekeeper.flush()

            let stored = try await TestDatabase.isEmbedded ? files(of: house) : rows(of: house)
            #expect(stored.contains { $0.name == (TestDatabase.isEmbedded ? "inlet.db-wal" : "secrets") })
            for (name, bytes) in stored {
                for hidden in [secret, house.made.apiToken, house.made.managementToken, house.password] {
                    #expect(bytes.range(of: Data(hidden.utf8)) == nil, "in \(name)")
                    #expect(bytes.range(of: Data(Hex.text(Data(hidden.utf8)).utf8)) == nil, "in \(name)")
                }
            }
        }
    }

    private func files(of house: TestHouse) throws -> [(name: String, bytes: Data)] {
        try FileManager.default.contentsOfDirectory(at: house.folder, includingPropertiesForKeys: nil).map {
            ($0.lastPathComponent, try Data(contentsOf: $0))
        }
    }

    // Every row of every table as the database writes it out, bytes in hexadecimal digits.
    private func rows(of house: TestHouse) async throws -> [(name: String, bytes: Data)] {
        try await house.house.store.read { connection in
            let tables = try connection.rows(
                "SELECT CAST(tablename AS TEXT) AS name FROM pg_tables WHERE schemaname = current_schema()")
            return try tables.map { row in
                let name = try row.text("name")
                let rows = try connection.rows(SQL(stringLiteral: "SELECT CAST(t AS TEXT) AS line FROM \(name) AS t"))
                return (name, Data(try rows.map { try $0.text("line") }.joined(separator: "\n").utf8))
            }
        }
    }
}
