import AsyncHTTPClient
import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import Manage
import NIOCore
import NIOHTTP1
import NIOPosix
import ServerSupport
import Storage
import Synchronization
import TestSupport
import Testing

/// What an attacker tried who had the sources, and what it must come to.
@Suite(.tags(.store)) struct AttackTests {
    // MARK: Bodies that are held back

    @Test(arguments: Fall.allCases)
    func `An act is refused if its sender falls while the body is held back`(fall: Fall) async throws {
        try await TestHouse.open { house async throws in
            let mallory = try await Insider(house, .owner)
            let made = #"{"kind":"person","login":"backdoor","name":"b","role":"owner"}"#
            let bearer = [("Authorization", "Bearer \(mallory.token)")]

            let answers = try await heldBack(
                house,
                [
                    HeldBack("POST", "accounts", made, bearer),
                    HeldBack("PATCH", "accounts/\(mallory.person.id)", #"{"role":"owner"}"#, bearer),
                ]
            ) {
                try await untilSeen { try await house.client().token(mallory.tokenID).useCount > 0 }
                try await fall.happen(house, to: mallory)
            }

            #expect(answers.map(\.status) == [fall.status, fall.status])
            #expect(try await house.api(.GET, "accounts/backdoor").status == 404)
            let role = try? await house.client().account(mallory.person.id).role
            #expect(role == fall.roleAfter)
        }
    }

    @Test(arguments: [Fall.demoted, .madeAdmin, .blocked, .deactivated, .sessionsEnded])
    func `An act in a session is refused if the session or its rights end while the body is held back`(
        fall: Fall
    ) async throws {
        try await TestHouse.open { house async throws in
            let mallory = try await Insider(house, .owner)
            let witness = try await house.browser(of: mallory.person)
            house.clock.advance(by: .seconds(61))
            let now = house.clock.now().text
            let session = try #require(mallory.browser[cookie: Browser.sessionCookie])
            let proof = [
                ("Cookie", "\(Browser.sessionCookie)=\(session)"),
                ("Inlet-CSRF", try #require(mallory.browser.csrfToken)),
            ]
            let made = #"{"kind":"person","login":"backdoor","name":"b","role":"owner"}"#

            let answers = try await heldBack(house, [HeldBack("POST", "accounts", made, proof)]) {
                try await untilSeen {
                    let sessions: PageView<SessionView> = try await witness.get("sessions")
                    return sessions.items.contains { !$0.isCurrent && $0.lastUsedAt == now }
                }
                try await fall.happen(house, to: mallory)
            }

            #expect(answers.map(\.status) == [fall.status])
            #expect(try await house.api(.GET, "accounts/backdoor").status == 404)
        }
    }

    @Test func `Whatever act was held back by an owner who is none any more, it is refused and changes nothing`() async throws {
        try await TestHouse.open { house async throws in
            let mallory = try await Insider(house, .owner)
            let victim = try await house.person()
            let bearer = [("Authorization", "Bearer \(mallory.token)")]
            let acts = [
                ("PATCH", "organization", #"{"name":"Mine"}"#), ("POST", "organizations", #"{"name":"Mine"}"#),
                ("POST", "webhooks", #"{"name":"mine"}"#), ("POST", "webhooks/example/pause", "{}"),
                ("POST", "tokens", #"{"kind":"api","name":"mine"}"#), ("POST", "accounts/sweep", "{}"),
                ("POST", "accounts/\(victim.id)/deactivate", "{}"), ("POST", "accounts/\(victim.id)/password-reset", "{}"),
                ("POST", "accounts/\(victim.id)/transfer-tokens", #"{"to":"\#(mallory.person.id)"}"#),
                ("POST", "held/release", #"{"all":true}"#), ("POST", "keys/rotate", "{}"), ("POST", "backup", "{}"),
            ]

            let answers = try await heldBack(house, acts.map { HeldBack($0.0, $0.1, $0.2, bearer) }) {
                try await untilSeen { try await house.client().token(mallory.tokenID).useCount > 0 }
                try await Fall.demoted.happen(house, to: mallory)
            }

            for (act, answer) in zip(acts, answers) { #expect(answer.status == 403, "\(act.1)") }
            #expect(try await house.client().auditEntries(limit: 1).items.map(\.action) == ["account.edit"])
            #expect(try await house.client().webhooks().items.map(\.name) == ["example"])
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
            #expect(try await house.client().keys().items.map(\.number) == [1])
        }
    }

    @Test func `A new master key that was held back by an owner who is none any more does not get into the file`() async throws {
        try await TestHouse.open { house async throws in
            let mallory = try await Insider(house, .owner)
            let rotation = HeldBack("POST", "keys/rotate", "{}", [("Authorization", "Bearer \(mallory.token)")])

            let answers = try await heldBack(house, [rotation]) {
                try await untilSeen { try await house.client().token(mallory.tokenID).useCount > 0 }
                try await Fall.demoted.happen(house, to: mallory)
            }

            #expect(answers.map(\.status) == [403])
            let file = house.folder.appendingPathComponent("master.key")
            let kept = try? KeyRing(fileText: String(contentsOf: file, encoding: .utf8)).keys.map(\.number)
            #expect(kept ?? [1] == [1])
        }
    }

    @Test func `A body that is cut off ends its connection and nothing else`() async throws {
        try await TestHouse.open { house async throws in
            let bearer = ("Authorization", "Bearer \(house.made.managementToken)")
            let cut = HeldBack("POST", "webhooks", #"{"name":"cut"}"#, [bearer])

            for isHalfClosed in [true, false, true] {
                let status = try await RawSocket.open(house.adminPort) { socket async throws in
                    try await socket.send(cut.head + cut.body.dropLast(4))
                    guard isHalfClosed else { return nil as Int? }
                    try await socket.endSending()
                    return await socket.answer()?.status
                }
                #expect(status == nil || status == 400, "\(status ?? 0)")
            }
            let chunked = try await RawSocket.open(house.adminPort) { socket async throws in
                let head = "POST /api/v1/webhooks HTTP/1.1\r\nHost: x\r\n\(bearer.0): \(bearer.1)\r\n"
                try await socket.send(head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"nam\r\nzz")
                try await socket.endSending()
                return await socket.answer()?.status
            }

            #expect(chunked == nil || chunked == 400, "\(chunked ?? 0)")
            #expect(try await house.client().webhooks().items.map(\.name) == ["example"])
            #expect(try await house.client().createWebhook(NewWebhook(name: "whole")).name == "whole")
        }
    }

    // MARK: Texts that are not what they seem

    @Test func `A body in another encoding than UTF-8 is refused at once, however deep it is when read anew`() async throws {
        try await TestHouse.open { house async throws in
            let (down, up) = (String(repeating: "[{\"a\":", count: 250), String(repeating: "}]", count: 250))
            let deep = "{\"\u{2200}\":\(down)1e999\(up)}"
            let plain = #"{"login":"owner","password":"x"}"#
            let login = { (bytes: [UInt8]) in
                Data(#"{"login":""#.utf8) + Data(bytes) + Data(#"","password":"x"}"#.utf8)
            }
            let bodies: [Data] = [
                bytes(deep, .utf16BigEndian), bytes(deep, .utf16LittleEndian), bytes(plain, .utf16BigEndian),
                bytes(plain, .utf16LittleEndian), bytes("\u{FEFF}" + plain, .utf16BigEndian),
                bytes(plain, .utf32BigEndian), bytes(plain, .utf32LittleEndian), bytes(plain + "\0", .utf8),
                bytes("\0" + plain, .utf8), login([0xFF]), login([0xC0, 0x80]), login([0xED, 0xA0, 0x80]), login([0x61, 0]),
            ]

            let elapsed = try await ContinuousClock().measure {
                for (number, body) in bodies.enumerated() {
                    for path in ["sessions", "passwords", "webhooks", "accounts"] {
                        let answer = try await post(house, path, body)
                        #expect(answer.status == 400 && answer.problem?.code == "invalid", "\(number) \(path)")
                    }
                }
            }

            #expect(elapsed < .seconds(20))
        }
    }

    @Test func `A login with a NUL in it matches nobody and is no way around the throttle`() async throws {
        try await TestHouse.open { house async throws in
            let victim = try await house.person()
            let disguises = (0..<8).map { "\(victim.login)\0\($0)" } + ["\(victim.login)\0", "\0\(victim.login)"]

            for login in disguises {
                let answer = try await Browser(house).signIn(login, victim.password)
                #expect(answer.status == 400 && answer.headers["Set-Cookie"].isEmpty)
            }
            for number in 0..<6 {
                #expect(try await Browser(house).signIn(victim.login, "wrong \(number)").status == 401)
            }
            #expect(try await Browser(house).signIn(victim.login, victim.password).status == 429)
            for login in disguises {
                #expect(try await Browser(house).signIn(login, victim.password).status == 400)
            }
        }
    }

    @Test func `A NUL in an id, a login or a name is refused in a path, a query and a body`() async throws {
        try await TestHouse.open { house async throws in
            let ann = try await house.person()
            let paths: [(HTTPMethod, String)] = [
                (.GET, "accounts/\(ann.login)%00"), (.GET, "accounts/\(ann.login)%00x"), (.GET, "accounts/\(ann.id)%00"),
                (.POST, "accounts/\(ann.login)%00x/deactivate"), (.DELETE, "accounts/\(ann.login)%00x"),
                (.GET, "webhooks/example%00"), (.POST, "webhooks/example%00x/pause"), (.GET, "tokens/%00"),
                (.GET, "tokens?owner=\(ann.login)%00x"), (.GET, "audit?actor=\(ann.login)%00"),
                (.GET, "audit?subject=\(ann.id)%00"), (.GET, "events?webhook=example%00"), (.GET, "held?webhook=example%00x"),
            ]
            let bodies = [
                ("webhooks", #"{"name":"a\u0000b"}"#),
                ("accounts", #"{"kind":"person","name":"a","login":"new\u0000x"}"#),
                ("accounts", #"{"kind":"service","name":"a\u0000"}"#), ("organizations", #"{"name":"a\u0000"}"#),
                ("invitations", #"{"login":"\#(ann.login)\u0000"}"#),
                ("tokens", #"{"kind":"app","webhook":"example\u0000x","name":"t"}"#),
                ("tokens", #"{"kind":"api","owner":"\#(ann.login)\u0000x","name":"t"}"#),
                ("tokens", #"{"kind":"api","name":"t\u0000x"}"#),
                ("accounts/\(ann.id)/transfer-tokens", #"{"to":"owner\u0000x"}"#),
                ("held/release", #"{"all":true,"webhook":"example\u0000"}"#),
            ]

            for (method, path) in paths {
                #expect(try await house.api(method, path).status == 400, "\(method) \(path)")
            }
            for (path, body) in bodies {
                #expect(try await house.api(.POST, path, body).status == 400, "\(path) \(body)")
            }
            #expect(try await house.client().account(ann.id).state == "active")
            #expect(try await house.client().webhooks().items.map(\.name) == ["example"])
        }
    }

    @Test func `A login that looks like an id is refused in any case`() async throws {
        let cases: [String] = ["ACC_abcdefghijklmnopqrst", "Acc_q1", "aCC_", "acc_abcdefghijklmnopqrst"]
        try await TestHouse.open { house async throws in
            for login in cases {
                let answer = try await house.api(.POST, "accounts", #"{"kind":"person","name":"q","login":"\#(login)"}"#)

                #expect(answer.status == 400 && answer.problem?.field == "login", "\(login)")
            }
        }
    }

    // MARK: Master keys

    @Test func `The secret of a caller whose connection never ends moves to the new key`() async throws {
        try await TestHouse.open { house async throws in
            try await RawSocket.open(house.ingestPort) { socket async throws in
                let call = rawCall(house)
                try await socket.send(call)
                #expect(await socket.answer()?.status == 202)
                _ = try await house.client().rotateKeys()

                for _ in 0..<3 {
                    try await socket.send(call)
                    #expect(await socket.answer()?.status == 202)
                }
                _ = try await house.client().status()
                try await house.settle()

                #expect(try await house.client().keys().items.map(\.secrets) == [0, 2])
                #expect(try await house.api(.POST, "keys/1/retire").status == 204)
                try await socket.send(call)
                #expect(await socket.answer()?.status == 202)
                #expect(try await house.call(bearer: house.made.apiToken).status == 202)
            }
        }
    }

    @Test(arguments: [0, 1, 2], [1, 2])
    func `What a connection remembers from before rotations never puts a secret under a wrong key`(
        before: Int, after: Int
    ) async throws {
        try await TestHouse.open { house async throws in
            try await RawSocket.open(house.ingestPort) { socket async throws in
                let call = rawCall(house)
                for _ in 0..<before { _ = try await house.client().rotateKeys() }
                // Refused, so the secret stays where it is while the connection remembers where it was to go.
                _ = try await house.client().pauseWebhook("example")
                try await socket.send(call)
                #expect(await socket.answer()?.status != 202)
                _ = try await house.client().resumeWebhook("example")
                for _ in 0..<after { _ = try await house.client().rotateKeys() }

                for _ in 0..<2 {
                    try await socket.send(call)
                    #expect(await socket.answer()?.status == 202)
                    _ = try await house.client().status()
                    try await house.settle()
                }

                let keys = try await house.client().keys().items
                #expect(keys.map(\.secrets) == Array(repeating: 0, count: before + after) + [2])
                for number in 1...(before + after) {
                    #expect(try await house.api(.POST, "keys/\(number)/retire").status == 204)
                }
                try await socket.send(call)
                #expect(await socket.answer()?.status == 202)
                #expect(try await house.call(bearer: house.made.apiToken).status == 202)
                #expect(try await house.client().tokens().items.allSatisfy { !$0.secrets.isEmpty })
            }
        }
    }

    @Test func `A key under which a session lives is not retired, and a session in use moves to the new key`() async throws {
        try await TestHouse.open { house async throws in
            let browser = try await house.browser(of: house.person())
            _ = try await rotated(house)
            let refused = try await house.api(.POST, "keys/1/retire")
            #expect(refused.status == 409 && refused.problem?.code == "key_in_use")

            house.clock.advance(by: .seconds(61))
            #expect(try await browser.request(.GET, "me").status == 200)
            try await house.settle()

            #expect(try await house.api(.POST, "keys/1/retire").status == 204)
            #expect(try await browser.request(.GET, "me").status == 200)
            #expect(try await browser.request(.POST, "webhooks", #"{"name":"w"}"#).status == 201)
        }
    }

    @Test func `A key under which a one-time link is open is not retired before the link is used or has ended`() async throws {
        try await TestHouse.open { house async throws in
            let used = try await house.invited()
            let unused = try await house.invited()
            _ = try await rotated(house)

            #expect(try await house.api(.POST, "keys/1/retire").problem?.code == "key_in_use")
            #expect(try await house.setPassword(used.code).status == 204)
            #expect(try await house.api(.POST, "keys/1/retire").problem?.code == "key_in_use")
            house.clock.advance(by: .days(3))

            #expect(try await house.api(.POST, "keys/1/retire").status == 204)
            #expect(try await house.setPassword(unused.code).status == 400)
        }
    }

    @Test func `A key that is retired by force takes its sessions and links along`() async throws {
        try await TestHouse.open { house async throws in
            let browser = try await house.browser(of: house.person())
            let link = try await house.invited()
            _ = try await rotated(house)

            #expect(try await house.api(.POST, "keys/1/retire", #"{"force":true}"#).status == 204)

            #expect(try await browser.request(.GET, "me").status == 401)
            #expect(try await house.setPassword(link.code).status == 400)
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
        }
    }

    @Test func `A session that has ended keeps no key`() async throws {
        try await TestHouse.open { house async throws in
            _ = try await house.browser(of: house.person())
            _ = try await rotated(house)

            house.clock.advance(by: .seconds(1800))

            #expect(try await house.api(.POST, "keys/1/retire").status == 204)
        }
    }

    // MARK: Owners who fell idle

    @Test func `An owner who fell idle gets in and puts it right, while calls with the owner's tokens are refused`() async throws
    {
        try await TestHouse.open { house async throws in
            let owner = house.firstOwner
            let app = try await house.client().createToken(NewToken(kind: "app", webhook: "example", name: "app"))
            let callers = [house.made.apiToken, try #require(app.secret)]
            #expect(try await house.letDaysPass(61).deactivated == [house.made.owner])

            for secret in callers { #expect(try await house.call(bearer: secret).status == 401) }
            let me = try await house.client().me()
            #expect(me.account.state == "inactive" && me.account.inactiveReason == "idle")
            let browser = try await house.browser(of: owner)
            #expect(try await browser.request(.GET, "accounts").status == 200)
            for secret in callers { #expect(try await house.call(bearer: secret).status == 401) }
            #expect(try await house.causes().allSatisfy { $0 == "owner_inactive" })

            #expect(try await browser.request(.POST, "accounts/\(owner.id)/activate").status == 200)
            for secret in callers { #expect(try await house.call(bearer: secret).status == 202) }
        }
    }

    @Test func `An owner who fell idle reactivates the own account with a management token`() async throws {
        try await TestHouse.open { house async throws in
            try await house.letDaysPass(61)

            #expect(try await house.client().activateAccount(house.made.owner.text).state == "active")
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
        }
    }

    @Test func `An owner who was switched off or blocked by hand stays out, and so does anybody else who fell idle`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let switchedOff = try await Insider(house, .owner)
            let blocked = try await Insider(house, .owner)
            let idle = try await Insider(house, .admin)
            _ = try await house.client().deactivateAccount(switchedOff.person.id)
            try await house.letDaysPass(61)
            _ = try await house.client().blockSignIn(blocked.person.id)

            for insider in [switchedOff, blocked, idle] {
                #expect(try await house.api(.GET, "me", token: insider.token).status == 401)
                #expect(try await Browser(house).signIn(insider.person.login, insider.person.password).status == 401)
            }
        }
    }

    @Test func `An administrator's sweep leaves owners alone, however few days are allowed`() async throws {
        try await TestHouse.open { house async throws in
            let admin = try await house.person(.admin)
            let owner = try await house.person(.owner)
            let robot = try await house.client().createAccount(NewAccount(kind: "service", name: "robot"))
            house.clock.advance(by: .days(3))
            let browser = try await house.browser(of: admin)
            #expect(try await browser.request(.PATCH, "organization", #"{"inactivity_days":1}"#).status == 200)

            let swept = try await browser.request(.POST, "accounts/sweep")

            #expect(try Wire.decode(SweepView.self, from: swept.body).deactivated == [robot.id])
            #expect(try await house.client().account(owner.id).state == "active")
            #expect(try await house.client().me().account.state == "active")
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
        }
    }

    // MARK: Guessing

    @Test func `One's own successful sign-in does not clear the count of the network`() async throws {
        try await TestHouse.open([.trustedProxies: "127.0.0.1/32"]) { house async throws in
            let mallory = try await house.person()
            let victim = try await house.person()
            let network = [("X-Forwarded-For", "192.0.2.1")]

            for number in 0..<51 {
                if number % 12 == 11 {
                    let own = try await Browser(house).signIn(mallory.login, mallory.password, headers: network)
                    #expect(own.status == 201)
                }
                _ = try await Browser(house).signIn("login-\(number)", "wrong", headers: network)
            }

            #expect(try await Browser(house).signIn(victim.login, victim.password, headers: network).status == 429)
            let elsewhere = [("X-Forwarded-For", "192.0.2.2")]
            #expect(try await Browser(house).signIn(victim.login, victim.password, headers: elsewhere).status == 201)
        }
    }

    @Test func `Wrong second factors after the right password are counted by account, whatever the network`() async throws {
        try await TestHouse.open([.trustedProxies: "127.0.0.1/32"]) { house async throws in
            let person = try await house.person()
            let other = try await house.person()
            let (app, _) = try await house.addSecondFactor(to: person, in: house.browser(of: person))
            let (otherApp, _) = try await house.addSecondFactor(to: other, in: house.browser(of: other))
            house.clock.advance(by: .seconds(60))
            let attempt = { (person: Person, code: String, number: Int) in
                try await Browser(house).signIn(
                    person.login, person.password, code: code,
                    headers: [("X-Forwarded-For", "2001:db8:0:\(String(number, radix: 16))::1")])
            }

            var statuses: [Int] = []
            for number in 0..<20 { statuses.append(try await attempt(person, "12345", number).status) }

            let judged = statuses.filter { $0 == 401 }.count
            #expect((3...10).contains(judged))
            #expect(statuses == Array(repeating: 401, count: judged) + Array(repeating: 429, count: 20 - judged))
            let entries = try await house.client().auditEntries(action: "session.second_factor_failed").items
            #expect(entries.count == judged && entries.allSatisfy { $0.actor == person.id || $0.subject == person.id })
            let slowed = try await attempt(person, app.code(at: house.clock.now()), 100)
            #expect(slowed.status == 429 && slowed.headers.first(name: "Retry-After") != nil)
            #expect(try await attempt(other, otherApp.code(at: house.clock.now()), 101).status == 201)
            house.clock.advance(by: .seconds(900))
            #expect(try await attempt(person, app.code(at: house.clock.now()), 102).status == 201)
            #expect(try await house.client().verifyAudit().isIntact)
        }
    }

    @Test func `Who does not know the password can't keep a person out by wrong second factors`() async throws {
        try await TestHouse.open([.trustedProxies: "127.0.0.1/32"]) { house async throws in
            let person = try await house.person()
            let (app, _) = try await house.addSecondFactor(to: person, in: house.browser(of: person))
            house.clock.advance(by: .seconds(60))

            for number in 0..<20 {
                let answer = try await Browser(house).signIn(
                    person.login, "wrong", code: "12345", headers: [("X-Forwarded-For", "192.0.2.\(number)")])
                #expect(answer.status == 401)
                let unfinished = try await Browser(house).signIn(
                    person.login, person.password, headers: [("X-Forwarded-For", "198.51.100.\(number)")])
                #expect(unfinished.problem?.code == "second_factor_required")
            }

            let code = app.code(at: house.clock.now())
            #expect(try await Browser(house).signIn(person.login, person.password, code: code).status == 201)
            #expect(try await house.client().auditEntries(action: "session.second_factor_failed").items.isEmpty)
        }
    }

    // MARK: One-time links

    @Test func `A person of two organizations is invited anew by neither`() async throws {
        try await TestHouse.open { house async throws in
            let carl = try await Insider(house, .member)
            let elsewhere = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
            let link = try await house.client(elsewhere.managementToken).invite(NewInvitation(login: carl.person.login))
            _ = try await house.client().resetPassword(carl.person.id)
            let accepted = try await house.api(
                .POST, "invitations/accept", #"{"code":"\#(link.code)"}"#, token: carl.token)
            #expect(accepted.status == 200)

            for token in [house.made.managementToken, elsewhere.managementToken] {
                let refused = try await house.api(.POST, "accounts/\(carl.person.id)/invite", token: token)
                #expect(refused.status == 409 && refused.problem?.code == "member_elsewhere")
            }
        }
    }

    @Test func `Who makes an organization is in two from then on, so open password links end`() async throws {
        try await TestHouse.open { house async throws in
            let owner = try await Insider(house, .owner)
            let link = try await house.client().resetPassword(owner.person.id)

            _ = try await house.client(owner.token).createOrganization(NewOrganization(name: "Elsewhere"))

            let refused = try await house.setPassword(link.code)
            #expect(refused.status == 400 && refused.problem?.field == "code")
        }
    }

    @Test(arguments: [Fall.demoted, .tokenDeletedWithAccount])
    func `A one-time link ends with the rights of whoever made it`(fall: Fall) async throws {
        try await TestHouse.open { house async throws in
            let admin = try await Insider(house, .admin)
            let ann = try await house.invited(by: admin.token)
            let ben = try await house.person()
            let reset = try await house.client(admin.token).resetPassword(ben.id)
            let other = try await house.invited()

            try await fall.happen(house, to: admin)

            for code in [ann.code, reset.code] {
                let refused = try await house.setPassword(code)
                #expect(refused.status == 400 && refused.problem?.field == "code")
            }
            #expect(try await house.setPassword(other.code).status == 204)
            let again = try await house.client().inviteAgain(ann.id)
            #expect(try await house.setPassword(again.code).status == 204)
        }
    }

    @Test func `A one-time link ends when the person rises above whoever made it`() async throws {
        try await TestHouse.open { house async throws in
            let admin = try await Insider(house, .admin)
            let bob = try await house.invited(by: admin.token)
            let ann = try await house.invited(by: admin.token)

            _ = try await house.client().editAccount(bob.id, AccountEdit(role: "owner"))
            _ = try await house.client().editAccount(ann.id, AccountEdit(role: "admin"))

            let refused = try await house.setPassword(bob.code)
            #expect(refused.status == 400 && refused.problem?.field == "code")
            #expect(try await !house.client().account(bob.id).hasPassword)
            #expect(try await house.setPassword(ann.code).status == 204)
        }
    }

    @Test func `An invitation to another organization ends with the rights of whoever made it`() async throws {
        try await TestHouse.open { house async throws in
            let elsewhere = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
            let there = house.client(elsewhere.managementToken)
            let robot = try await there.createAccount(NewAccount(kind: "service", name: "inviter", role: "admin"))
            let made = try await there.createToken(NewToken(kind: "management", owner: robot.id, name: "m"))
            let secret = try #require(made.secret)
            let inviter = house.client(secret)
            let (ann, ben) = (try await Insider(house, .member), try await Insider(house, .member))
            let codes = [
                try await inviter.invite(NewInvitation(login: ann.person.login, role: "admin")).code,
                try await there.invite(NewInvitation(login: ben.person.login, role: "admin")).code,
            ]

            _ = try await there.editAccount(robot.id, AccountEdit(role: "member"))

            let accept = { (code: String, token: String) in
                try await house.api(.POST, "invitations/accept", #"{"code":"\#(code)"}"#, token: token).status
            }
            #expect(try await accept(codes[0], ann.token) == 400)
            #expect(try await accept(codes[1], ben.token) == 200)
        }
    }

    @Test func `A service account that rises takes nobody's management token along`() async throws {
        try await TestHouse.open { house async throws in
            let robot = try await house.client().createAccount(
                NewAccount(kind: "service", name: "robot", role: "viewer", withToken: true))
            let caller = try #require(robot.token?.secret)
            let made = try await house.client().createToken(
                NewToken(kind: "management", owner: robot.id, name: "m"))
            let token = try #require(made.secret)
            #expect(try await house.api(.GET, "me", token: token).status == 200)

            _ = try await house.client().editAccount(robot.id, AccountEdit(role: "admin"))

            #expect(try await house.api(.GET, "me", token: token).status == 401)
            #expect(try await house.client().token(made.id).state == "inactive")
            #expect(try await house.call(bearer: caller).status == 202)
            _ = try await house.client().activateToken(made.id)
            _ = try await house.client().editAccount(robot.id, AccountEdit(role: "member"))
            #expect(try await house.api(.GET, "me", token: token).status == 200)
        }
    }

    // MARK: Sessions

    @Test func `A switch to the organization one is in changes nothing`() async throws {
        try await TestHouse.open { house async throws in
            let browser = try await house.browser(of: house.person())

            let refused = try await browser.request(
                .POST, "sessions/current/organization", #"{"organization":"\#(house.made.organization.text)"}"#)

            #expect(refused.status == 409 && refused.problem?.code == "same_organization")
            #expect(try await browser.request(.GET, "me").status == 200)
        }
    }

    @Test func `A switch to another organization does not put off the end of the twelve hours`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let browser = try await house.browser(of: person)
            let elsewhere = try await joined(house, person, browser)
            let home = house.made.organization.text
            let begun = house.clock.now()
            let signedIn = try await house.browser(of: person, organization: home)
            for _ in 0..<25 {
                house.clock.advance(by: .seconds(1700))
                #expect(try await signedIn.request(.GET, "me").status == 200)
                try await house.settle()
            }

            for organization in [elsewhere.id, home, elsewhere.id] {
                let session = try await switched(signedIn, to: organization)
                #expect(session.expiresAt == begun.adding(.seconds(12 * 3600)).text)
            }

            house.clock.advance(by: .seconds(12 * 3600 - 25 * 1700 - 1))
            #expect(try await signedIn.request(.GET, "me").status == 200)
            house.clock.advance(by: .seconds(1))
            #expect(try await signedIn.request(.GET, "me").status == 401)
        }
    }

    @Test func `Switching an account off ends its sessions for good`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let browser = try await house.browser(of: person)

            _ = try await house.client().deactivateAccount(person.id)
            _ = try await house.client().activateAccount(person.id)

            #expect(try await browser.request(.GET, "me").status == 401)
            #expect(try await house.browser(of: person).request(.GET, "me").status == 200)
        }
    }

    @Test func `The home log says who made an organization, and the old one's who left it by a switch`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let browser = try await house.browser(of: person)
            let session = try #require(
                try await browser.get("sessions", as: PageView<SessionView>.self).items.first { $0.isCurrent })
            let elsewhere = try await joined(house, person, browser)

            let new = try await switched(browser, to: elsewhere.id)

            let there = house.client(elsewhere.managementToken)
            for client in [house.client(), there] {
                let made = try await client.auditEntries(action: "organization.create").items
                #expect(made.contains { $0.subject == elsewhere.id && $0.actor == house.made.owner.text })
                #expect(try await client.verifyAudit().isIntact)
            }
            let ended = try #require(try await house.client().auditEntries(action: "session.end").items.first)
            #expect(ended.subject == session.id && ended.actor == person.id)
            #expect(try await there.auditEntries(action: "session.end").items.isEmpty)
            #expect(try await there.auditEntries(action: "session.start").items.map(\.subject) == [new.id])
        }
    }

    // MARK: Tokens

    @Test func `A member who was given an API token may not change what only administrators may`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.client().createAccount(
                NewAccount(kind: "person", name: "Memb", login: "memb@example.com", withToken: true))
            let token = try #require(made.token)
            let password = "a good long one"
            #expect(try await house.setPassword(try #require(made.invitation).code, password).status == 204)
            let person = Person(id: made.id, login: "memb@example.com", password: password)
            let browser = try await house.browser(of: person)
            _ = try await house.client().editToken(token.id, TokenEdit(rateLimitPerMinute: .set(1)))

            #expect(try await browser.request(.POST, "tokens/\(token.id)/rotate").status == 403)
            let lifted = #"{"networks":[],"rate_limit_per_minute":null}"#
            #expect(try await browser.request(.PATCH, "tokens/\(token.id)", lifted).status == 403)
            _ = try await house.client().deactivateToken(token.id)
            #expect(try await browser.request(.POST, "tokens/\(token.id)/activate").status == 403)

            let after = try await house.client().token(token.id)
            #expect(after.state == "inactive" && after.rateLimitPerMinute == 1 && after.secrets.count == 1)
            let own = try await browser.request(.POST, "tokens", #"{"kind":"app","webhook":"example","name":"own"}"#)
            let ownID = try Wire.decode(TokenView.self, from: own.body).id
            #expect(try await browser.request(.POST, "tokens/\(ownID)/rotate").status == 201)
        }
    }

    @Test func `Of a token's ended secrets the last twenty are kept`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "t"))
            var secrets = [try #require(token.secret)]

            for _ in 0..<30 {
                house.clock.advance(by: .seconds(1))
                let rotated = try await house.client().rotateToken(token.id, RotateToken(overlapSeconds: 0))
                secrets.append(try #require(rotated.secret))
            }

            let kept = try await house.client().token(token.id).secrets
            // The one that ended with the last rotation may come on top.
            #expect((21...22).contains(kept.count))
            #expect(kept.first?.state == "current" && kept.dropFirst().allSatisfy { $0.state == "ended" })
            #expect(kept.map(\.hint) == secrets.reversed().prefix(kept.count).map { String($0.prefix(kept[0].hint.count)) })
            for secret in [secrets[0], secrets[29]] { #expect(try await house.call(bearer: secret).status == 401) }
            #expect(try await house.call(bearer: secrets[30]).status == 202)
            #expect(try await house.causes() == ["secret_ended", "unknown_token"])
        }
    }

    // MARK: Held calls

    @Test func `A long query counts against what is kept aside`() async throws {
        try await TestHouse.open([.heldBytesMax: "20000"]) { house async throws in
            let token = try await lapsed(house)

            for _ in 0..<10 {
                let query = "?q=" + String(repeating: "x", count: 6000)
                #expect(try await house.call(bearer: token, query: query, body: Data()).status == 401)
            }

            #expect((2...3).contains(try await house.client().heldCalls().items.count))
            #expect(try await heldWeight(house) <= 20_000)
        }
    }

    @Test(arguments: Extra.allCases)
    func `All that comes with a held call counts`(extra: Extra) async throws {
        try await TestHouse.open { house async throws in
            let token = try await lapsed(house)
            _ = try await house.call(bearer: token, body: Data())
            let plain = try await heldWeight(house)

            switch extra {
            case .query: _ = try await house.call(bearer: token, query: "?q=\(extra.text)", body: Data())
            case .user: _ = try await house.call(basic: (extra.text, token), body: Data())
            case .context, .contentType, .dedupeKey:
                _ = try await house.call(bearer: token, headers: [(extra.rawValue, extra.text)], body: Data())
            }

            #expect(try await house.client().heldCalls().items.count == 2)
            #expect(try await heldWeight(house) - plain >= plain + Int64(extra.text.utf8.count))
        }
    }

    // MARK: Backups

    @Test(.enabled(if: TestDatabase.isEmbedded, "another database is copied by its own tools"))
    func `Of many who want a copy at once each gets one or is told to wait, and then there is one again`() async throws {
        try await TestHouse.open { house async throws in
            let answers = try await withThrowingTaskGroup(of: TestHouse.Answer.self) { group in
                for _ in 0..<8 { group.addTask { try await house.api(.POST, "backup") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(answers.contains { $0.status == 200 })
            for answer in answers where answer.status != 200 {
                #expect(answer.status == 409 && answer.problem?.code == "backup_busy")
            }
            #expect(try await house.api(.POST, "backup").status == 200)
        }
    }

    // MARK: Helpers of the above

    /// Each way in which somebody loses rights.
    enum Fall: CaseIterable, Sendable {
        case demoted, madeAdmin, blocked, deactivated, tokenOff, tokenDeleted, tokenDeletedWithAccount
        /// Of no consequence to a token.
        case sessionsEnded

        static let allCases: [Fall] = [
            .demoted, .madeAdmin, .blocked, .deactivated, .tokenOff, .tokenDeleted, .tokenDeletedWithAccount,
        ]

        /// How what only an owner may is answered afterwards.
        var status: Int {
            switch self {
            case .demoted, .madeAdmin: 403
            case .blocked, .deactivated, .tokenOff, .tokenDeleted, .tokenDeletedWithAccount, .sessionsEnded: 401
            }
        }

        var roleAfter: String? {
            switch self {
            case .demoted: "viewer"
            case .madeAdmin: "admin"
            case .tokenDeletedWithAccount: nil
            case .blocked, .deactivated, .tokenOff, .tokenDeleted, .sessionsEnded: "owner"
            }
        }

        fileprivate func happen(_ house: TestHouse, to insider: Insider) async throws {
            let client = house.client()
            switch self {
            case .demoted: _ = try await client.editAccount(insider.person.id, AccountEdit(role: "viewer"))
            case .madeAdmin: _ = try await client.editAccount(insider.person.id, AccountEdit(role: "admin"))
            case .blocked: _ = try await client.blockSignIn(insider.person.id)
            case .deactivated: _ = try await client.deactivateAccount(insider.person.id)
            case .sessionsEnded: try await client.endSessions(of: insider.person.id)
            case .tokenOff: _ = try await client.deactivateToken(insider.tokenID)
            case .tokenDeleted, .tokenDeletedWithAccount:
                _ = try await client.deactivateToken(insider.tokenID)
                try await client.deleteToken(insider.tokenID)
                if self == .tokenDeletedWithAccount { try await client.deleteAccount(insider.person.id) }
            }
        }
    }

    /// What a call can bring along beside its body.
    enum Extra: String, CaseIterable, Sendable {
        case query, user
        case context = "Inlet-Context"
        case contentType = "Content-Type"
        case dedupeKey = "Idempotency-Key"

        var text: String {
            switch self {
            case .query, .context: String(repeating: "x", count: 3000)
            // Of a longer one only the beginning is kept.
            case .user: String(repeating: "x", count: 60)
            case .contentType: "text/" + String(repeating: "x", count: 1000)
            case .dedupeKey: String(repeating: "x", count: 250)
            }
        }
    }

    private func bytes(_ text: String, _ encoding: String.Encoding) -> Data {
        text.data(using: encoding) ?? Data()
    }

    private func post(_ house: TestHouse, _ path: String, _ body: Data) async throws -> TestHouse.Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(house.adminPort)/api/v1/\(path)")
        request.method = .POST
        request.headers.add(name: "Authorization", value: "Bearer \(house.made.managementToken)")
        request.body = .bytes(ByteBuffer(bytes: body))
        return try await TestHouse.send(request)
    }

    /// Makes a person a member of a new organization, too.
    private func joined(
        _ house: TestHouse, _ person: Person, _ browser: Browser
    ) async throws -> OrganizationCreatedView {
        let elsewhere = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
        let link = try await house.client(elsewhere.managementToken).invite(NewInvitation(login: person.login))
        let accepted = try await browser.request(.POST, "invitations/accept", #"{"code":"\#(link.code)"}"#)
        #expect(accepted.status == 200)
        return elsewhere
    }

    private func switched(_ browser: Browser, to organization: String) async throws -> SessionView {
        let answer = try await browser.request(
            .POST, "sessions/current/organization", #"{"organization":"\#(organization)"}"#)
        #expect(answer.status == 201)
        let session = try Wire.decode(SessionView.self, from: answer.body)
        browser.csrfToken = session.csrfToken
        return session
    }

    /// Makes a new master key, and has the tokens that there are from the beginning move to it.
    private func rotated(_ house: TestHouse) async throws -> KeyView {
        let key = try await house.client().rotateKeys()
        #expect(try await house.call(bearer: house.made.apiToken).status == 202)
        _ = try await house.client().status()
        try await house.settle()
        return key
    }

    /// The secret of a token that is switched off.
    private func lapsed(_ house: TestHouse) async throws -> String {
        let token = try await house.client().createToken(NewToken(kind: "api", name: "lapsed"))
        _ = try await house.client().deactivateToken(token.id)
        return try #require(token.secret)
    }

    private func heldWeight(_ house: TestHouse) async throws -> Int64 {
        let organization = house.made.organization
        return try await house.house.store.read { try HeldTable($0).weight(in: organization) }
    }

    private func rawCall(_ house: TestHouse) -> String {
        "POST /in/\(house.made.webhook.text) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(house.made.apiToken)\r\n"
            + "Content-Length: 2\r\n\r\n{}"
    }

    /// Sends requests up to the last byte of each, does something, and then sends the rest.
    private func heldBack(
        _ house: TestHouse, _ requests: [HeldBack], meanwhile: () async throws -> Void
    ) async throws -> [RawSocket.Answer] {
        var sockets: [RawSocket] = []
        for request in requests {
            let socket = try await RawSocket(house.adminPort)
            sockets.append(socket)
            try await socket.send(request.head + request.body.dropLast())
        }
        try await meanwhile()
        var answers: [RawSocket.Answer] = []
        for (socket, request) in zip(sockets, requests) {
            try await socket.send(String(request.body.suffix(1)))
            answers.append(try #require(await socket.answer()))
            await socket.close()
        }
        return answers
    }

    /// Asks until the server has looked at who sends; not for ever, for it need not look before the body is whole.
    private func untilSeen(_ isSeen: () async throws -> Bool) async throws {
        for _ in 0..<500 {
            if try await isSeen() { return }
        }
    }
}

/// Somebody with a session and a management token of the own, which was not used yet.
private struct Insider: Sendable {
    let person: Person
    let browser: Browser
    let tokenID: String
    let token: String

    init(_ house: TestHouse, _ role: Role) async throws {
        person = try await house.person(role)
        browser = try await house.browser(of: person)
        let answer = try await browser.request(.POST, "tokens", #"{"kind":"management","name":"own"}"#)
        let made = try Wire.decode(TokenView.self, from: answer.body)
        tokenID = made.id
        token = try #require(made.secret)
    }
}

/// A request that is not sent in one go.
private struct HeldBack: Sendable {
    let head: String
    let body: String

    init(_ method: String, _ path: String, _ body: String, _ headers: [(String, String)]) {
        let lines = headers.map { "\($0.0): \($0.1)\r\n" }.joined()
        head = "\(method) /api/v1/\(path) HTTP/1.1\r\nHost: x\r\n\(lines)Content-Length: \(body.utf8.count)\r\n\r\n"
        self.body = body
    }
}

/// A connection to which a test writes what it wants, in pieces.
private final class RawSocket: Sendable {
    private let channel: any Channel
    private let pieces: AsyncStream<ByteBuffer>

    struct Answer: Sendable {
        let status: Int
        let text: String
    }

    init(_ port: Int) async throws {
        let (pieces, taker) = AsyncStream.makeStream(of: ByteBuffer.self)
        self.pieces = pieces
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Taker(taker))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    /// Connects for as long as the body runs.
    static func open<Value>(_ port: Int, body: (RawSocket) async throws -> Value) async throws -> Value {
        let socket = try await RawSocket(port)
        do {
            let value = try await body(socket)
            await socket.close()
            return value
        } catch {
            await socket.close()
            throw error
        }
    }

    func send(_ text: String) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text)).get()
    }

    /// Says that nothing more will come, and still listens.
    func endSending() async throws {
        try await channel.close(mode: .output).get()
    }

    func close() async {
        try? await channel.close().get()
    }

    /// The next answer; `nil` if the connection ends without one.
    func answer() async -> Answer? {
        var text = ""
        for await piece in pieces {
            text += String(buffer: piece)
            if Self.isWhole(text) { break }
        }
        let words = text.split(separator: " ", maxSplits: 2)
        return words.count > 1 ? Int(words[1]).map { Answer(status: $0, text: text) } : nil
    }

    private static func isWhole(_ text: String) -> Bool {
        guard let end = text.end(of: "\r\n\r\n") else { return false }
        let length = text.utf8.prefix(end).split(separator: UInt8(ascii: "\n")).lazy
            .map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespaces.union(.newlines)).lowercased() }
            .first { $0.hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst("content-length:".count).trimmingCharacters(in: .whitespaces)) }
        return text.utf8.count - end >= length ?? 0
    }

    private final class Taker: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let taker: AsyncStream<ByteBuffer>.Continuation

        init(_ taker: AsyncStream<ByteBuffer>.Continuation) {
            self.taker = taker
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            taker.yield(unwrapInboundIn(data))
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let event = event as? ChannelEvent, event == .inputClosed { taker.finish() }
            context.fireUserInboundEventTriggered(event)
        }

        func channelInactive(context: ChannelHandlerContext) {
            taker.finish()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}

extension String {
    /// How many bytes there are up to the end of the first occurrence of a text.
    fileprivate func end(of text: String) -> Int? {
        guard let range = Data(utf8).range(of: Data(text.utf8)) else { return nil }
        return range.upperBound
    }
}
