import Client
import Contract
import Crypto
import Domain
import Foundation
import HTTPTypes
import Ingest
import Manage
import NIOCore
import NIOHTTP1
import ServerSupport
import Storage
import TestSupport
import Testing

/// Calls that are refused only because a known token or its owner lapsed are kept aside. Row N3.
@Suite(.tags(.store)) struct HeldTests {
    // MARK: What is held

    @Test(arguments: Lapse.allCases)
    func `N3 a call refused only for a lapse is kept aside, the caller gets the 401 of all`(lapse: Lapse) async throws {
        try await TestHouse.open { house async throws in
            let caller = try await Caller(house)
            try await lapse.begin(house, caller)
            let nobody = try await house.call()

            let answer = try await house.call(bearer: caller.secret, body: Data("kept".utf8))

            #expect(answer.status == 401 && answer.body == nobody.body)
            #expect(answer.headers["WWW-Authenticate"] == nobody.headers["WWW-Authenticate"])
            #expect(answer.headers.first(name: "Inlet-Event") == nil)
            let held = try #require(try await house.client().heldCalls().items.first)
            #expect(held.cause == lapse.rawValue && held.token == caller.token && held.tokenName == "caller")
            #expect(held.causeAt == house.clock.now().text && held.bodyBytes == 4 && !held.canRelease)
            #expect(held.dropsAt == house.clock.now().adding(.days(7)).text)
            #expect(try await house.causes() == [lapse.rawValue, "no_credential"])
            let listed = try await house.client().calls(outcome: "refused").items
            #expect(listed.map(\.held) == [held.id, nil])
            #expect(try await house.client().events().items.isEmpty)
        }
    }

    @Test(arguments: Lapse.allCases)
    func `N3 once the lapse is put right the call is released and becomes an event`(lapse: Lapse) async throws {
        try await TestHouse.open { house async throws in
            let caller = try await Caller(house)
            try await lapse.begin(house, caller)
            _ = try await house.call(bearer: caller.secret)
            let held = try #require(try await house.client().heldCalls().items.first).id
            let early = try await house.api(.POST, "held/release", #"{"ids":["\#(held)"]}"#)
            #expect(early.status == 409 && early.problem?.code == "still_lapsed")
            #expect(early.problem?.detail.contains(lapse.rawValue) ?? false)

            try await lapse.end(house, caller)

            #expect(try await house.client().heldCalls().items.map(\.canRelease) == [true])
            let released = try await house.client().releaseHeldCalls(ReleaseHeld(ids: [held]))
            #expect(released.released == 1 && released.duplicates == 0 && released.stillLapsed == 0)
            #expect(try await house.client().events().items.map(\.id) == released.events)
            #expect(try await house.client().heldCalls().items.isEmpty)
            let again = try await house.api(.POST, "held/release", #"{"ids":["\#(held)"]}"#)
            #expect(again.status == 404)
        }
    }

    @Test func `N3 a released event has the bytes, the header fields, the tag and the receive time of the call`() async throws {
        try await TestHouse.open([.trustedProxies: "127.0.0.1"]) { house async throws in
            let caller = try await Caller(house)
            try await Lapse.token.begin(house, caller)
            let received = house.clock.now()
            let body = Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
            _ = try await house.call(
                basic: ("shop", caller.secret),
                headers: [
                    ("Content-Type", "application/x-thing"), ("X-Two", "1"), ("X-Two", "2"),
                    ("Inlet-Context", #"{"order":7}"#), ("X-Forwarded-For", "192.0.2.7"),
                ], query: "?source=shop", body: body)
            house.clock.advance(by: .days(3))
            try await Lapse.token.end(house, caller)

            let released = try await house.client().releaseHeldCalls(ReleaseHeld(all: true))

            let id = try #require(released.events.first)
            let event = try await house.client().event(id)
            #expect(event.receivedAt == received.text && event.releasedAt == house.clock.now().text)
            #expect(event.token == caller.token && event.webhook == house.made.webhook.text)
            #expect(event.bodyBytes == 300_000 && event.bodySha256 == Hex.text(SHA256.hash(data: body)))
            #expect(try await house.client().eventBody(id) == body)
            #expect(event.headers.filter { $0.first == "X-Two" }.map(\.last) == ["1", "2"])
            #expect(!event.headers.contains { $0.first?.lowercased() == "authorization" })
            #expect(event.context == .object(["order": .number(7)]) && event.query == "source=shop")
            #expect(event.contentType == "application/x-thing" && event.basicUser == "shop")
            #expect(event.remoteAddress == "192.0.2.7")
        }
    }

    @Test func `N3 a call with another fault beside the lapse is not kept`() async throws {
        try await TestHouse.open([.bodyBytesMax: "100000"]) { house async throws in
            let caller = try await Caller(house, networks: ["127.0.0.1"])
            let app = try await house.client().createToken(NewToken(kind: "app", webhook: "example", name: "app"))
            let other = try await house.client().createWebhook(NewWebhook(name: "other"))
            let basicOnly = try await house.client().createWebhook(NewWebhook(name: "basic", accepts: ["basic"]))
            let paused = try await house.client().createWebhook(NewWebhook(name: "paused"))
            _ = try await house.client().pauseWebhook(paused.id)
            let appSecret = try #require(app.secret)
            _ = try await house.client().deactivateToken(app.id)
            try await Lapse.token.begin(house, caller)
            let secret = caller.secret

            let answers = [
                try await house.call(other.id, bearer: appSecret),
                try await house.call(basicOnly.id, bearer: secret), try await house.call(paused.id, bearer: secret),
                try await house.call("whk_00000000000000000000", bearer: secret),
                try await house.call(bearer: secret, body: Data(count: 100_001)),
                try await house.call(bearer: secret, query: "?access_token=x"),
                try await house.call(bearer: secret, headers: [("Idempotency-Key", "")]),
                try await house.call(bearer: secret, headers: [("Inlet-Context", String(repeating: "x", count: 5000))]),
            ]
            _ = try await house.client().editToken(caller.token, TokenEdit(networks: .set(["192.0.2.1"])))
            let elsewhere = try await house.call(bearer: secret)

            #expect(try await house.client().heldCalls().items.isEmpty)
            // Who lapsed learns nothing of a webhook that is not open to others either.
            #expect(answers.map(\.status) == [401, 401, 401, 401, 401, 400, 400, 400])
            #expect(elsewhere.status == 401)
            #expect(try await house.causes().first == "network_not_allowed")
        }
    }

    @Test func `N3 nothing is kept of unknown, deleted and ended secrets, nor of none`() async throws {
        try await TestHouse.open { house async throws in
            let deleted = try await Caller(house)
            try await Lapse.token.begin(house, deleted)
            try await house.client().deleteToken(deleted.token)
            let rotated = try await Caller(house)
            house.clock.advance(by: .seconds(1))
            _ = try await house.client().rotateToken(rotated.token, RotateToken(overlapSeconds: 0))
            try await Lapse.token.begin(house, rotated)

            for secret in [deleted.secret, rotated.secret, Secret.random(.api).revealed(), house.made.managementToken] {
                #expect(try await house.call(bearer: secret).status == 401)
            }
            _ = try await house.call()

            #expect(try await house.client().heldCalls().items.isEmpty)
            #expect(
                try await house.causes() == [
                    "no_credential", "wrong_kind_of_token", "unknown_token", "secret_ended", "unknown_token",
                ])
        }
    }

    @Test func `N3 an organization that turned it off keeps nothing from then on`() async throws {
        try await TestHouse.open { house async throws in
            let caller = try await Caller(house)
            try await Lapse.token.begin(house, caller)
            _ = try await house.call(bearer: caller.secret)

            #expect(try await house.client().editOrganization(OrganizationEdit(holdCalls: false)).holdCalls == false)
            #expect(try await house.call(bearer: caller.secret).status == 401)
            #expect(try await house.client().heldCalls().items.count == 1)

            #expect(try await house.client().editOrganization(OrganizationEdit(holdCalls: true)).holdCalls)
            #expect(try await house.call(bearer: caller.secret).status == 401)
            #expect(try await house.client().heldCalls().items.count == 2)
            #expect(try await house.causes() == ["token_inactive", "token_inactive", "token_inactive"])
        }
    }

    @Test func `N3 each organization keeps no more bytes than the bound, and a release makes room again`() async throws {
        try await TestHouse.open([.heldBytesMax: "10000"]) { house async throws in
            let caller = try await Caller(house)
            try await Lapse.token.begin(house, caller)
            let kilobytes = { (count: Int) in try await house.call(bearer: caller.secret, body: Data(count: count << 10)) }
            for count in [4, 3, 3, 20] { #expect(try await kilobytes(count).status == 401) }

            #expect(try await house.client().heldCalls().items.map(\.bodyBytes) == [4096, 3072])
            #expect(try await house.causes() == Array(repeating: "token_inactive", count: 4))
            #expect(
                try await house.client().calls(outcome: "refused").items.map { $0.held == nil } == [true, true, false, false])
            try await Lapse.token.end(house, caller)
            #expect(try await house.client().releaseHeldCalls(ReleaseHeld(all: true)).released == 2)
            try await Lapse.token.begin(house, caller)
            for count in [4, 3, 3] { _ = try await kilobytes(count) }
            #expect(try await house.client().heldCalls().items.map(\.bodyBytes) == [4096, 3072])
        }
    }

    @Test func `N3 with the bound at 0 nothing is kept`() async throws {
        try await TestHouse.open([.heldBytesMax: "0"]) { house async throws in
            let caller = try await Caller(house)
            try await Lapse.token.begin(house, caller)

            #expect(try await house.call(bearer: caller.secret, body: Data()).status == 401)

            #expect(try await house.client().heldCalls().items.isEmpty)
            #expect(try await house.causes() == ["token_inactive"])
        }
    }

    @Test func `N3 a body that comes in chunks is kept whole, and one over the limit is not`() async throws {
        try await TestHouse.open([.bodyBytesMax: "200000"]) { house async throws in
            let caller = try await Caller(house)
            try await Lapse.expiry.begin(house, caller)
            let pieces = (0..<20).map { Data(repeating: UInt8($0), count: 10_000) }

            #expect(try await house.callInChunks(caller.secret, pieces).status == 401)
            let over = try await house.callInChunks(caller.secret, pieces + [Data("x".utf8)])

            #expect(over.status == 401)
            #expect(try await house.client().heldCalls().items.map(\.bodyBytes) == [200_000])
            // The second is refused while the caller still sends, and a client may try again when it is cut off.
            let causes = try await house.causes()
            #expect(Set(causes) == ["token_expired"])
            try await Lapse.expiry.end(house, caller)
            let event = try #require(try await house.client().releaseHeldCalls(ReleaseHeld(all: true)).events.first)
            #expect(try await house.client().eventBody(event) == pieces.reduce(Data(), +))
        }
    }

    @Test(.enabled(if: TestDatabase.isEmbedded, "another database has a disk of its own"))
    func `N3 when the disk is nearly full nothing is kept aside, and the caller gets 401 all the same`() async throws {
        try await TestHouse.open([.freeBytesMin: "1125899906842624"]) { house async throws in
            let caller = try await Caller(house)
            try await Lapse.token.begin(house, caller)

            #expect(try await house.call(bearer: caller.secret).status == 401)

            #expect(try await house.client().heldCalls().items.isEmpty)
        }
    }

    @Test func `D8 a held call keeps nobody active and counts for no token, nor does its release`() async throws {
        try await TestHouse.open { house async throws in
            let caller = try await Caller(house)
            try await Lapse.token.begin(house, caller)
            try await house.letDaysPass(3)
            for _ in 0..<3 { _ = try await house.call(bearer: caller.secret) }
            try await Lapse.token.end(house, caller)
            #expect(try await house.client().releaseHeldCalls(ReleaseHeld(all: true)).released == 3)
            await house.house.housekeeper.flush()

            #expect(try await house.client().account(caller.owner).lastTokenUseAt == nil)
            let token = try await house.client().token(caller.token)
            #expect(token.useCount == 0 && token.lastUsedAt == nil)
            #expect(try await house.client().tokenImpact(caller.token).count == 0)
            _ = try await house.call(bearer: house.made.apiToken)
            #expect(try await house.letDaysPass(57).deactivated.map(\.text) == [caller.owner])
        }
    }

    // MARK: Release

    @Test func `N3 held calls are listed and released by webhook and by token`() async throws {
        try await TestHouse.open { house async throws in
            let (ann, ben) = (try await Caller(house), try await Caller(house))
            let orders = try await house.client().createWebhook(NewWebhook(name: "orders"))
            for caller in [ann, ben] {
                try await Lapse.token.begin(house, caller)
                for webhook in [nil, orders.id] { _ = try await house.call(webhook, bearer: caller.secret) }
                try await Lapse.token.end(house, caller)
            }

            #expect(try await house.client().heldCalls().items.count == 4)
            #expect(try await house.client().heldCalls(webhook: "orders").items.map(\.webhook) == [orders.id, orders.id])
            #expect(try await house.client().heldCalls(token: ben.token).items.map(\.token) == [ben.token, ben.token])
            let one = try await house.client().releaseHeldCalls(
                ReleaseHeld(all: true, webhook: "orders", token: ann.token))
            #expect(one.released == 1)
            #expect(try await house.client().events().items.map(\.webhook) == [orders.id])
            #expect(try await house.client().releaseHeldCalls(ReleaseHeld(all: true, token: ann.token)).released == 1)
            #expect(try await house.client().releaseHeldCalls(ReleaseHeld(all: true)).released == 2)
            #expect(try await house.client().releaseHeldCalls(ReleaseHeld(all: true)).released == 0)
            #expect(try await house.client().events().items.count == 4)
        }
    }

    @Test func `N3 a release of all takes what is put right and leaves what still lapsed`() async throws {
        try await TestHouse.open { house async throws in
            let (ann, ben) = (try await Caller(house), try await Caller(house))
            for caller in [ann, ben] {
                try await Lapse.owner.begin(house, caller)
                for _ in 0..<130 { _ = try await house.call(bearer: caller.secret) }
            }
            try await Lapse.owner.end(house, ben)

            let report = try await house.client().releaseHeldCalls(ReleaseHeld(all: true))

            #expect(report.released == 130 && report.stillLapsed == 130 && report.events.count == 130)
            var page = try await house.client().heldCalls(limit: 100)
            #expect(page.items.count == 100 && page.items.allSatisfy { $0.token == ann.token && !$0.canRelease })
            page = try await house.client().heldCalls(after: page.next, limit: 100)
            #expect(page.items.count == 30 && page.next == nil)
        }
    }

    @Test func `N3 of calls released by id all become events or none`() async throws {
        try await TestHouse.open { house async throws in
            let (ann, ben) = (try await Caller(house), try await Caller(house))
            for caller in [ann, ben] {
                try await Lapse.expiry.begin(house, caller)
                _ = try await house.call(bearer: caller.secret)
            }
            try await Lapse.expiry.end(house, ann)
            let ids = try await house.client().heldCalls().items.map(\.id)

            let refused = try await house.api(.POST, "held/release", #"{"ids":["\#(ids[0])","\#(ids[1])"]}"#)
            let unknown = try await house.api(.POST, "held/release", #"{"ids":["\#(ids[0])","held_0000000000000"]}"#)

            #expect(refused.status == 409 && unknown.status == 404)
            #expect(try await house.client().heldCalls().items.count == 2)
            #expect(try await house.client().releaseHeldCalls(ReleaseHeld(ids: [ids[0], ids[0]])).released == 1)
        }
    }

    @Test func `N3 a release goes by the owner that the token has now`() async throws {
        try await TestHouse.open { house async throws in
            let caller = try await Caller(house)
            try await Lapse.owner.begin(house, caller)
            _ = try await house.call(bearer: caller.secret)

            _ = try await house.client().transferToken(caller.token, TransferToken(to: house.made.owner.text))

            #expect(try await house.client().releaseHeldCalls(ReleaseHeld(all: true)).released == 1)
        }
    }

    @Test func `N3 of calls with one dedupe key one becomes an event, whether they were held or repeated since`() async throws {
        try await TestHouse.open { house async throws in
            let caller = try await Caller(house)
            try await Lapse.token.begin(house, caller)
            for key in ["twice", "twice", "repeated", "alone"] {
                _ = try await house.call(bearer: caller.secret, headers: [("Idempotency-Key", key)], body: Data(key.utf8))
            }
            try await Lapse.token.end(house, caller)
            let repeated = try await house.call(bearer: caller.secret, headers: [("Idempotency-Key", "repeated")])
            #expect(repeated.status == 202)

            let report = try await house.client().releaseHeldCalls(ReleaseHeld(all: true))

            #expect(report.released == 2 && report.duplicates == 2)
            #expect(try await house.client().heldCalls().items.isEmpty)
            #expect(try await house.client().events().items.count == 3)
            let again = try await house.call(bearer: caller.secret, headers: [("Idempotency-Key", "twice")])
            #expect(again.status == 200 && again.event == report.events.first)
        }
    }

    @Test func `N3 released events come last for those who follow along`() async throws {
        try await TestHouse.open { house async throws in
            let caller = try await Caller(house)
            try await Lapse.token.begin(house, caller)
            _ = try await house.call(bearer: caller.secret)
            try await Lapse.token.end(house, caller)
            let last = try #require(try await house.call(bearer: caller.secret).event)

            let released = try await house.client().releaseHeldCalls(ReleaseHeld(all: true)).events

            #expect(try await house.client().events(since: last).items.map(\.id) == released)
            let later = try #require(try await house.call(bearer: caller.secret).event)
            #expect(try await house.client().events(since: last).items.map(\.id) == released + [later])
        }
    }

    @Test func `N3 calls that nobody released are dropped after their days, and make room`() async throws {
        try await TestHouse.open([.heldCallsDays: "2", .heldBytesMax: "2000"]) { house async throws in
            let caller = try await Caller(house)
            try await Lapse.token.begin(house, caller)
            _ = try await house.call(bearer: caller.secret, body: Data(count: 1000))
            _ = try await house.call(bearer: caller.secret, body: Data(count: 1000))
            let dropsAt = house.clock.now().adding(.days(2))
            #expect(try await house.client().heldCalls().items.map(\.dropsAt) == [dropsAt.text])

            house.clock.advance(by: .days(2))
            try await house.sweep()
            #expect(try await house.client().heldCalls().items.count == 1)
            house.clock.advance(by: .milliseconds(1))
            try await house.sweep()

            #expect(try await house.client().heldCalls().items.isEmpty)
            #expect(try await house.client().calls(outcome: "refused").items.count == 2)
            _ = try await house.call(bearer: caller.secret, body: Data(count: 1000))
            #expect(try await house.client().heldCalls().items.count == 1)
        }
    }

    @Test func `N3 only who may release does, in the own organization`() async throws {
        try await TestHouse.open { house async throws in
            let caller = try await Caller(house)
            try await Lapse.token.begin(house, caller)
            _ = try await house.call(bearer: caller.secret)
            try await Lapse.token.end(house, caller)
            let held = try #require(try await house.client().heldCalls().items.first).id
            let member = try await house.member(.member)
            let stranger = try await house.stranger()
            let theirs = try await TokenOperations(house.house.desk).create(.init(kind: .management, name: "m"), stranger)
            let body = #"{"ids":["\#(held)"]}"#

            #expect(try await house.request(.POST, "held/release", body).status == 401)
            #expect(try await house.api(.POST, "held/release", body, token: member.managementToken).status == 403)
            #expect(try await house.api(.POST, "held/release", body, token: theirs.secret).status == 404)
            #expect(try await house.client(theirs.secret).releaseHeldCalls(ReleaseHeld(all: true)).released == 0)
            #expect(try await house.client(theirs.secret).heldCalls().items.isEmpty)
            #expect(try await house.client(member.managementToken).heldCalls().items.count == 1)
        }
    }

    @Test func `N3 a release says exactly what it means`() async throws {
        let cases: [String] = [
            "{}", #"{"ids":[]}"#, #"{"all":false}"#, #"{"ids":["x"],"all":true}"#, #"{"ids":["x"],"webhook":"example"}"#,
            #"{"all":true,"token":"x"}"#, #"{"ids":"x"}"#,
        ]
        try await TestHouse.open { house async throws in
            for body in cases {
                let answer = try await house.api(.POST, "held/release", body)

                #expect(answer.status == 400 && answer.problem?.code == "invalid", "\(body)")
            }
        }
    }

    @Test func `N8 a release leaves an entry that says how many`() async throws {
        try await TestHouse.open { house async throws in
            let caller = try await Caller(house)
            try await Lapse.token.begin(house, caller)
            for _ in 0..<3 { _ = try await house.call(bearer: caller.secret, headers: [("Idempotency-Key", "k")]) }
            _ = try await house.call(bearer: caller.secret)
            try await Lapse.token.end(house, caller)
            let last = try #require(try await house.client().heldCalls().items.last).id

            _ = try await house.client().releaseHeldCalls(ReleaseHeld(ids: [last]))
            _ = try await house.client().releaseHeldCalls(ReleaseHeld(all: true))
            _ = try await house.client().releaseHeldCalls(ReleaseHeld(all: true))

            let entries = try await house.client().auditEntries(action: "held.release").items
            #expect(entries.map(\.subject) == [house.made.organization.text, last])
            #expect(entries.map { $0.details["released"] } == ["1", "1"])
            #expect(entries.map { $0.details["duplicates"] } == ["2", "0"])
        }
    }

    // MARK: Helpers of the above

    /// A service account with one API token.
    struct Caller: Sendable {
        let owner: String
        let token: String
        let secret: String

        init(_ house: TestHouse, networks: [String]? = nil) async throws {
            owner = try await house.client().createAccount(NewAccount(kind: "service", name: "Caller")).id
            let made = try await house.client().createToken(
                NewToken(kind: "api", owner: owner, name: "caller", networks: networks))
            token = made.id
            secret = try #require(made.secret)
        }
    }

    /// Each way in which a known caller stops by somebody's slip.
    enum Lapse: String, CaseIterable, Sendable {
        case token = "token_inactive"
        case expiry = "token_expired"
        case owner = "owner_inactive"

        func begin(_ house: TestHouse, _ caller: Caller) async throws {
            switch self {
            case .token: _ = try await house.client().deactivateToken(caller.token)
            case .owner: _ = try await house.client().deactivateAccount(caller.owner)
            case .expiry:
                let end = house.clock.now().adding(.seconds(1))
                _ = try await house.client().editToken(caller.token, TokenEdit(expiresAt: .set(end.text)))
                house.clock.advance(by: .seconds(1))
            }
        }

        func end(_ house: TestHouse, _ caller: Caller) async throws {
            switch self {
            case .token: _ = try await house.client().activateToken(caller.token)
            case .owner: _ = try await house.client().activateAccount(caller.owner)
            case .expiry: _ = try await house.client().editToken(caller.token, TokenEdit(expiresAt: .lift))
            }
        }
    }
}
