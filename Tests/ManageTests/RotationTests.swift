import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import Manage
import NIOHTTP1
import ServerSupport
import Storage
import TestSupport
import Testing

/// New secrets beside old ones, and what limits a token. Rows N6 and N7.
@Suite(.tags(.store)) struct RotationTests {
    // MARK: N6

    @Test func `N6 after a rotation both secrets work for a day, then only the new one`() async throws {
        try await TestHouse.open { house async throws in
            let old = try await token(house)
            house.clock.advance(by: .seconds(1))

            let answer = try await house.api(.POST, "tokens/\(old.id)/rotate")
            let new = try Wire.decode(TokenView.self, from: answer.body)

            #expect(answer.status == 201 && answer.headers.first(name: "Cache-Control") == "no-store")
            let newSecret = try #require(new.secret)
            #expect(newSecret != old.secret && new.id == old.id && new.hint == String(newSecret.prefix(9)))
            #expect(new.header == "Authorization: Bearer \(newSecret)" && new.curl?.contains(newSecret) ?? false)
            #expect(new.secrets.map(\.state) == ["current", "ending"])
            #expect(new.secrets.map(\.endsAt) == [nil, house.clock.now().adding(.days(1)).text])
            try await expect(house, [old.secret: 202, newSecret: 202])
            house.clock.advance(by: .days(1).less(.milliseconds(1)))
            try await expect(house, [old.secret: 202, newSecret: 202])
            house.clock.advance(by: .milliseconds(1))
            try await expect(house, [old.secret: 401, newSecret: 202])
        }
    }

    @Test func `N6 a secret that ended is refused with its own cause, and shown as ended`() async throws {
        try await TestHouse.open { house async throws in
            let old = try await token(house)
            house.clock.advance(by: .seconds(1))
            let end = house.clock.now()
            _ = try await house.client().rotateToken(old.id, RotateToken(overlapSeconds: 0))
            house.clock.advance(by: .seconds(60))

            #expect(try await house.call(bearer: #require(old.secret)).status == 401)

            #expect(try await house.causes() == ["secret_ended"])
            let call = try #require(try await house.client().calls(outcome: "refused").items.first)
            #expect(call.causeAt == end.text && call.token == old.id && call.tokenName == "rotated" && call.held == nil)
            #expect(try await house.client().token(old.id).secrets.map(\.state) == ["current", "ended"])
            #expect(try await house.client().heldCalls().items.isEmpty)
        }
    }

    @Test func `N6 for a leak the overlap is 0, and no call that starts after the answer gets in with the old secret`()
        async throws
    {
        try await TestHouse.open { house async throws in
            var token = try await token(house)
            for _ in 0..<20 {
                let old = token.secret
                #expect(try await house.call(bearer: #require(old)).status == 202)

                token = try await house.client().rotateToken(token.id, RotateToken(overlapSeconds: 0))

                try await expect(house, [old: 401, token.secret: 202])
            }
        }
    }

    @Test func `N6 an overlap lasts seven days at most`() async throws {
        try await TestHouse.open { house async throws in
            let old = try await token(house)
            for seconds in ["-1", "604801", "9223372036854775807", "-9223372036854775808"] {
                let answer = try await house.api(
                    .POST, "tokens/\(old.id)/rotate", #"{"overlap_seconds":\#(seconds)}"#)
                #expect(answer.status == 400 && answer.problem?.field == "overlap_seconds", "\(seconds)")
            }
            house.clock.advance(by: .seconds(1))

            let new = try await house.client().rotateToken(old.id, RotateToken(overlapSeconds: 604_800))

            house.clock.advance(by: .days(7).less(.seconds(1)))
            try await expect(house, [old.secret: 202, new.secret: 202])
            house.clock.advance(by: .seconds(1))
            try await expect(house, [old.secret: 401, new.secret: 202])
        }
    }

    @Test func `N6 a later rotation never puts off the end of an earlier secret`() async throws {
        try await TestHouse.open { house async throws in
            let first = try await token(house)
            house.clock.advance(by: .seconds(1))
            let second = try await house.client().rotateToken(first.id, RotateToken(overlapSeconds: 3600))
            house.clock.advance(by: .seconds(1))
            let third = try await house.client().rotateToken(first.id, RotateToken(overlapSeconds: 604_800))

            #expect(third.secrets.map(\.state) == ["current", "ending", "ending"])
            house.clock.advance(by: .seconds(3600))
            try await expect(house, [first.secret: 401, second.secret: 202, third.secret: 202])
        }
    }

    @Test func `N6 use, last use and last address are kept for each secret`() async throws {
        try await TestHouse.open([.trustedProxies: "127.0.0.1"]) { house async throws in
            let old = try await token(house)
            house.clock.advance(by: .seconds(1))
            let new = try await house.client().rotateToken(old.id)
            for address in ["192.0.2.1", "192.0.2.2"] {
                house.clock.advance(by: .seconds(1))
                _ = try await house.call(bearer: #require(old.secret), headers: [("X-Forwarded-For", address)])
                await house.house.housekeeper.flush()
            }
            let lastOfOld = house.clock.now()
            house.clock.advance(by: .seconds(1))
            _ = try await house.call(bearer: #require(new.secret), headers: [("X-Forwarded-For", "2001:db8::7")])
            await house.house.housekeeper.flush()

            let shown = try await house.client().token(old.id)

            #expect(shown.secrets.map(\.hint) == [new.hint, old.hint])
            #expect(shown.secrets.map(\.useCount) == [1, 2])
            #expect(shown.secrets.map(\.lastAddress) == ["2001:db8::7", "192.0.2.2"])
            #expect(shown.secrets.map(\.lastUsedAt) == [house.clock.now().text, lastOfOld.text])
            #expect(shown.useCount == 3 && shown.lastAddress == "2001:db8::7")
        }
    }

    @Test func `N6 a refused call counts for no secret`() async throws {
        try await TestHouse.open { house async throws in
            let old = try await token(house)
            house.clock.advance(by: .seconds(1))
            _ = try await house.client().rotateToken(old.id, RotateToken(overlapSeconds: 0))

            _ = try await house.call(bearer: #require(old.secret))
            await house.house.housekeeper.flush()

            #expect(try await house.client().token(old.id).secrets.map(\.useCount) == [0, 0])
        }
    }

    @Test func `N6 the overlap is ended now, and the newest secret stays`() async throws {
        try await TestHouse.open { house async throws in
            let old = try await token(house)
            house.clock.advance(by: .seconds(1))
            let new = try await house.client().rotateToken(old.id)
            #expect(try await house.call(bearer: #require(old.secret)).status == 202)

            let ended = try await house.client().endOverlap(old.id)

            #expect(ended.secrets.map(\.state) == ["current", "ended"] && ended.hint == new.hint)
            try await expect(house, [old.secret: 401, new.secret: 202])
            #expect(try await house.causes() == ["secret_ended"])
            #expect(try await house.client().endOverlap(old.id).secrets.map(\.endsAt) == ended.secrets.map(\.endsAt))
        }
    }

    @Test func `N6 four secrets work at a time; one more needs the overlap ended, or none`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await token(house)
            var secrets = [token.secret]
            for _ in 0..<3 {
                house.clock.advance(by: .seconds(1))
                secrets.append(try await house.client().rotateToken(token.id).secret)
            }
            for secret in secrets { #expect(try await house.call(bearer: #require(secret)).status == 202) }
            house.clock.advance(by: .seconds(1))

            let refused = try await house.api(.POST, "tokens/\(token.id)/rotate")

            #expect(refused.status == 409 && refused.problem?.code == "too_many_secrets")
            let leaked = try await house.client().rotateToken(token.id, RotateToken(overlapSeconds: 0))
            for secret in secrets { #expect(try await house.call(bearer: #require(secret)).status == 401) }
            #expect(try await house.call(bearer: #require(leaked.secret)).status == 202)
            #expect(try await house.api(.POST, "tokens/\(token.id)/rotate").status == 201)
        }
    }

    @Test func `N6 an inactive token gets no new secret, and a deactivated one stops with all its secrets`() async throws {
        try await TestHouse.open { house async throws in
            let old = try await token(house)
            house.clock.advance(by: .seconds(1))
            let new = try await house.client().rotateToken(old.id)
            _ = try await house.client().deactivateToken(old.id)

            let refused = try await house.api(.POST, "tokens/\(old.id)/rotate")

            #expect(refused.status == 409 && refused.problem?.code == "token_inactive")
            try await expect(house, [old.secret: 401, new.secret: 401])
            _ = try await house.client().activateToken(old.id)
            try await expect(house, [old.secret: 202, new.secret: 202])
        }
    }

    @Test func `N6 the newest secret is the current one even if the clock was set back`() async throws {
        try await TestHouse.open { house async throws in
            let old = try await token(house)
            house.clock.advance(by: .seconds(-3600))

            let new = try await house.client().rotateToken(old.id)

            #expect(new.hint == String(try #require(new.secret).prefix(9)))
            #expect(new.secrets.map(\.state) == ["current", "ending"])
            #expect(try await house.client().endOverlap(old.id).hint == new.hint)
            try await expect(house, [old.secret: 401, new.secret: 202])
        }
    }

    @Test func `N6 a management token is rotated by its owner and works with both secrets`() async throws {
        try await TestHouse.open { house async throws in
            let own = try await house.client().createToken(NewToken(kind: "management", name: "m"))
            house.clock.advance(by: .seconds(1))

            let new = try await house.client(own.secret).rotateToken(own.id)

            #expect(new.basic == nil && new.curl == nil)
            for secret in [own.secret, new.secret] { #expect(try await house.api(.GET, "me", token: secret).status == 200) }
            house.clock.advance(by: .days(1))
            #expect(try await house.api(.GET, "me", token: own.secret).status == 401)
            #expect(try await house.api(.GET, "me", token: new.secret).status == 200)
        }
    }

    @Test func `N6 an ended secret is told apart from an unknown one for 30 days`() async throws {
        try await TestHouse.open { house async throws in
            let old = try await token(house)
            house.clock.advance(by: .seconds(1))
            _ = try await house.client().rotateToken(old.id, RotateToken(overlapSeconds: 0))
            house.clock.advance(by: .days(30))
            try await house.sweep()
            _ = try await house.call(bearer: #require(old.secret))
            house.clock.advance(by: .seconds(1))

            try await house.sweep()
            _ = try await house.call(bearer: #require(old.secret))

            #expect(try await house.causes() == ["unknown_token", "secret_ended"])
            #expect(try await house.client().token(old.id).secrets.map(\.state) == ["current"])
        }
    }

    @Test(arguments: ["rotate", "end-overlap"])
    func `N6 only the owner, or who may change all tokens, rotates`(act: String) async throws {
        try await TestHouse.open { house async throws in
            let token = try await token(house)
            let member = try await house.member(.member)
            let stranger = try await house.stranger()
            let theirs = try await TokenOperations(house.house.desk).create(.init(kind: .management, name: "m"), stranger)
            let path = "tokens/\(token.id)/\(act)"

            #expect(try await house.request(.POST, path).status == 401)
            #expect(try await house.api(.POST, path, token: member.managementToken).status == 403)
            #expect(try await house.api(.POST, path, token: theirs.secret).status == 404)
            #expect(try await house.api(.POST, "tokens/none/\(act)").status == 404)
            #expect(try await house.client().token(token.id).secrets.count == 1)
        }
    }

    // MARK: N7

    @Test func `N7 an expired token opens nothing until its expiry is put off or lifted`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(
                NewToken(kind: "api", name: "t", expiresAt: house.clock.now().adding(.days(1)).text))
            house.clock.advance(by: .days(1).less(.milliseconds(1)))
            try await expect(house, [token.secret: 202])
            house.clock.advance(by: .milliseconds(1))
            try await expect(house, [token.secret: 401])

            let later = house.clock.now().adding(.days(1)).text
            #expect(try await house.client().editToken(token.id, TokenEdit(expiresAt: .set(later))).expiresAt == later)
            try await expect(house, [token.secret: 202])
            house.clock.advance(by: .days(1))
            try await expect(house, [token.secret: 401])

            let lifted = try await house.api(.PATCH, "tokens/\(token.id)", #"{"expires_at":null}"#)
            #expect(lifted.status == 200)
            house.clock.advance(by: .days(50))
            try await expect(house, [token.secret: 202])
            #expect(try await house.causes() == ["token_expired", "token_expired"])
        }
    }

    @Test func `N7 an expiry lies in the future, and a management token's can't be lifted or lie beyond a year`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await token(house)
            let own = try await house.client().createToken(NewToken(kind: "management", name: "m"))
            let now = house.clock.now()

            for (id, value) in [
                (token.id, #""\#(now.text)""#), (token.id, #""soon""#), (own.id, "null"),
                (own.id, #""\#(now.adding(.days(366)).text)""#),
            ] {
                let answer = try await house.api(.PATCH, "tokens/\(id)", #"{"expires_at":\#(value)}"#)
                #expect(answer.status == 400 && answer.problem?.field == "expires_at", "\(value)")
            }
            let sooner = now.adding(.days(10)).text
            #expect(try await house.client().editToken(own.id, TokenEdit(expiresAt: .set(sooner))).expiresAt == sooner)
        }
    }

    @Test(arguments: [
        (["192.0.2.0/24"], "127.0.0.1", 401), (["127.0.0.1"], "127.0.0.1", 202), (["127.0.0.0/8"], "127.0.0.1", 202),
        (["192.0.2.0/24", "127.0.0.1/32"], "127.0.0.1", 202), (["0.0.0.0/0"], "127.0.0.1", 202),
        (["::/0"], "2001:db8::1", 202), (["2001:db8::/32"], "2001:db8:ffff::1", 202),
        (["2001:db8::/32"], "2001:db9::1", 401), (["2001:db8::/32"], "127.0.0.1", 401),
        (["192.0.2.0/24"], "::ffff:192.0.2.9", 202), (["192.0.2.0/24"], "192.0.3.1", 401),
    ])
    func `N7 a token is taken from its networks alone, IPv4 and IPv6`(
        networks: [String], address: String, status: Int
    ) async throws {
        try await TestHouse.open([.trustedProxies: "127.0.0.1"]) { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "t", networks: networks))
            let headers = address == "127.0.0.1" ? [] : [("X-Forwarded-For", address)]

            let answer = try await house.call(bearer: #require(token.secret), headers: headers)

            #expect(answer.status == status)
            #expect(try await house.causes() == (status == 401 ? ["network_not_allowed"] : []))
        }
    }

    @Test func `N7 a call from elsewhere gets the 401 of all, is not held, and null lifts the networks`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "t", networks: ["192.0.2.0/24"]))
            let nobody = try await house.call()

            let refused = try await house.call(bearer: #require(token.secret))

            #expect(refused.status == 401 && refused.body == nobody.body)
            #expect(try await house.client().heldCalls().items.isEmpty)
            let moved = try await house.client().editToken(token.id, TokenEdit(networks: .set(["127.0.0.1/8"])))
            #expect(moved.networks.count == 1)
            try await expect(house, [token.secret: 202])
            _ = try await house.client().editToken(token.id, TokenEdit(networks: .set(["192.0.2.1"])))
            try await expect(house, [token.secret: 401])
            let lifted = try await house.api(.PATCH, "tokens/\(token.id)", #"{"networks":null}"#)
            #expect(try Wire.decode(TokenView.self, from: lifted.body).networks.isEmpty)
            try await expect(house, [token.secret: 202])
        }
    }

    @Test func `N7 a caller can't say by itself where it calls from`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "t", networks: ["192.0.2.0/24"]))

            let answer = try await house.call(
                bearer: #require(token.secret), headers: [("X-Forwarded-For", "192.0.2.1"), ("X-Real-IP", "192.0.2.1")])

            #expect(answer.status == 401)
        }
    }

    @Test func `N7 a management token too is taken from its networks alone`() async throws {
        try await TestHouse.open([.trustedProxies: "127.0.0.1"]) { house async throws in
            let token = try await house.client().createToken(
                NewToken(kind: "management", name: "m", networks: ["192.0.2.0/24"]))
            let secret = try #require(token.secret)

            for (address, status) in [("192.0.2.1", 200), ("192.0.3.1", 401)] {
                let answer = try await house.request(
                    .GET, "me", headers: [("Authorization", "Bearer \(secret)"), ("X-Forwarded-For", address)])
                #expect(answer.status == status)
            }
        }
    }

    @Test func `N7 what is no network is refused`() async throws {
        let cases: [String] = [#"["nonsense"]"#, #"["192.0.2.0/33"]"#, #"[""]"#, #"["192.0.2.0/24/8"]"#, #""192.0.2.0/24""#]
        try await TestHouse.open { house async throws in
            let token = try await token(house)

            for networks in cases {
                let made = try await house.api(.POST, "tokens", #"{"kind":"api","name":"t","networks":\#(networks)}"#)
                let edited = try await house.api(.PATCH, "tokens/\(token.id)", #"{"networks":\#(networks)}"#)

                for answer in [made, edited] {
                    #expect(answer.status == 400 && answer.problem?.field == "networks", "\(networks)")
                }
                #expect(try await house.client().token(token.id).networks.isEmpty, "\(networks)")
            }
        }
    }

    @Test func `N7 a token over its rate gets 429 with the time to wait, others go on, and the clock opens it again`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "t", rateLimitPerMinute: 3))
            let secret = try #require(token.secret)
            for _ in 0..<3 { #expect(try await house.call(bearer: secret).status == 202) }

            let over = try await house.call(bearer: secret)

            #expect(over.status == 429 && over.problem?.code == "rate_limited")
            #expect(over.headers.first(name: "Retry-After") == "20")
            #expect(over.headers.first(name: "RateLimit") == #""minute";r=0;t=20"#)
            #expect(over.headers.first(name: "RateLimit-Policy") == #""minute";q=3;w=60"#)
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
            house.clock.advance(by: .seconds(20).less(.milliseconds(1)))
            #expect(try await house.call(bearer: secret).status == 429)
            house.clock.advance(by: .milliseconds(1))
            #expect(try await house.call(bearer: secret).status == 202)
            #expect(try await house.call(bearer: secret).status == 429)
            house.clock.advance(by: .seconds(60))
            for status in [202, 202, 202, 429] { #expect(try await house.call(bearer: secret).status == status) }
            #expect(try await Set(house.causes()) == ["rate_limited"])
            #expect(try await house.client().heldCalls().items.isEmpty)
        }
    }

    @Test func `N7 a rate limit can be changed and lifted while the token is used`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "t", rateLimitPerMinute: 1))
            try await expect(house, [token.secret: 202])
            try await expect(house, [token.secret: 429])

            let lifted = try await house.api(.PATCH, "tokens/\(token.id)", #"{"rate_limit_per_minute":null}"#)

            #expect(try Wire.decode(TokenView.self, from: lifted.body).rateLimitPerMinute == nil)
            for _ in 0..<10 { try await expect(house, [token.secret: 202]) }
            for bad in ["0", "-1", "1000001", #""1""#] {
                let answer = try await house.api(.PATCH, "tokens/\(token.id)", #"{"rate_limit_per_minute":\#(bad)}"#)
                #expect(answer.status == 400 && answer.problem?.field == "rate_limit_per_minute", "\(bad)")
            }
            let management = try await house.api(
                .POST, "tokens", #"{"kind":"management","name":"m","rate_limit_per_minute":1}"#)
            #expect(management.status == 400 && management.problem?.field == "rate_limit_per_minute")
        }
    }

    @Test func `N7 many calls at once get no more through than the rate allows`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "t", rateLimitPerMinute: 10))
            let secret = try #require(token.secret)

            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<40 { group.addTask { try await house.call(bearer: secret).status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(statuses.filter { $0 == 202 }.count == 10)
            #expect(statuses.filter { $0 == 429 }.count == 30)
        }
    }

    // MARK: Helpers of the above

    private func token(_ house: TestHouse) async throws -> TokenView {
        try await house.client().createToken(NewToken(kind: "api", name: "rotated"))
    }

    private func expect(
        _ house: TestHouse, _ statuses: [String?: Int], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        for (secret, status) in statuses {
            let answer = try await house.call(bearer: #require(secret))
            #expect(answer.status == status, sourceLocation: sourceLocation)
        }
    }
}

extension Interval {
    /// The span that is that much shorter.
    fileprivate func less(_ other: Interval) -> Interval {
        Interval(microseconds: microseconds - other.microseconds)
    }
}
