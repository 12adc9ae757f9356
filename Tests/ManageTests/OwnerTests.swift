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

/// Who owns tokens, and what becomes of the tokens when the owner's access ends. Rows D9–D11.
@Suite(.tags(.store)) struct OwnerTests {
    // MARK: D9

    @Test func `D9 an account with tokens, active or inactive, can't be deleted, and the answer lists them and says what to do`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let leaver = try await Leaver(house)
            _ = try await house.client().deactivateToken(leaver.tokens[1])

            let refused = try await house.api(.DELETE, "accounts/\(leaver.id)")

            #expect(refused.status == 409)
            #expect(refused.problem?.code == "account_has_tokens")
            #expect(
                refused.problem?.detail
                    == "This user still has tokens and can't be deleted. Delete them first, or move them to another account, "
                    + "then try again.")
            let listed = try #require(refused.problem?.tokens)
            #expect(Set(listed.map(\.id)) == Set(leaver.tokens))
            #expect(listed.first { $0.id == leaver.tokens[1] }?.state == "inactive")
            #expect(listed.allSatisfy { $0.secret == nil && $0.owner == leaver.id })
            #expect(try await house.call(bearer: leaver.secrets[0]).status == 202)
        }
    }

    @Test func `D9 an account whose tokens are deleted can be deleted, and then it is listed nowhere`() async throws {
        try await TestHouse.open { house async throws in
            let leaver = try await Leaver(house)
            for token in leaver.tokens {
                _ = try await house.client().deactivateToken(token)
                try await house.client().deleteToken(token)
            }

            #expect(try await house.api(.DELETE, "accounts/\(leaver.id)").status == 204)

            #expect(try await house.api(.GET, "accounts/\(leaver.id)").status == 404)
            #expect(try await house.api(.DELETE, "accounts/\(leaver.id)").status == 404)
            #expect(try await !house.client().accounts().items.map(\.id).contains(leaver.id))
            #expect(try await house.call(bearer: leaver.secrets[0]).status == 401)
        }
    }

    @Test func `D9 one token moves to another account with its secret, and no call is refused meanwhile`() async throws {
        try await TestHouse.open { house async throws in
            let leaver = try await Leaver(house)
            let heir = try await service(house, "heir")
            let token = leaver.tokens[0]
            let before = try await house.client().token(token)
            let isMoving = Lamp()

            async let calls = house.calls(bearer: leaver.secrets[0], while: isMoving)
            for target in [heir, leaver.id, heir, leaver.id, heir] {
                let answer = try await house.api(.POST, "tokens/\(token)/transfer", #"{"to":"\#(target)"}"#)
                #expect(answer.status == 200)
            }
            isMoving.putOut()

            let statuses = try await calls
            #expect(!statuses.isEmpty && statuses.allSatisfy { $0 == 202 })
            let after = try await house.client().token(token)
            #expect(after.owner == heir)
            #expect(after.hint == before.hint && after.secrets.count == 1 && after.secret == nil)
            #expect(try await house.call(bearer: leaver.secrets[0]).status == 202)
        }
    }

    @Test func `D9 several tokens move in one act and the rest stays`() async throws {
        try await TestHouse.open { house async throws in
            let leaver = try await Leaver(house)
            let heir = try await house.person()

            let moved = try await house.client().transferTokens(
                of: leaver.id, TransferTokens(to: heir.login, tokens: Array(leaver.tokens.prefix(2))))

            #expect(Set(moved.moved) == Set(leaver.tokens.prefix(2)) && moved.left.isEmpty)
            #expect(try await Set(house.client().tokens(owner: heir.id).items.map(\.id)) == Set(leaver.tokens.prefix(2)))
            #expect(try await house.client().tokens(owner: leaver.id).items.map(\.id) == [leaver.tokens[2]])
            for secret in leaver.secrets { #expect(try await house.call(bearer: secret).status == 202) }
        }
    }

    @Test func `D9 all tokens of callers move in one act, inactive ones too, and management tokens stay behind`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let leaver = try await Leaver(house)
            let heir = try await service(house, "heir")
            _ = try await house.client().deactivateToken(leaver.tokens[2])
            let management = try await house.client().createToken(
                NewToken(kind: "management", owner: leaver.id, name: "steers"))

            let moved = try await house.client().transferTokens(of: leaver.id, TransferTokens(to: heir))

            #expect(Set(moved.moved) == Set(leaver.tokens))
            #expect(moved.left == [management.id])
            #expect(try await house.client().token(leaver.tokens[2]).state == "inactive")
            #expect(try await house.call(bearer: leaver.secrets[0]).status == 202)
            let refused = try await house.api(.DELETE, "accounts/\(leaver.id)")
            #expect(refused.problem?.tokens?.map(\.id) == [management.id])

            _ = try await house.client().deactivateToken(management.id)
            try await house.client().deleteToken(management.id)
            #expect(try await house.api(.DELETE, "accounts/\(leaver.id)").status == 204)
            #expect(try await house.call(bearer: leaver.secrets[1]).status == 202)
        }
    }

    @Test func `D9 after a move the calls keep the new owner active`() async throws {
        try await TestHouse.open { house async throws in
            let leaver = try await Leaver(house)
            let heir = try await service(house, "heir")
            _ = try await house.client().transferTokens(of: leaver.id, TransferTokens(to: heir))

            try await house.letDaysPass(40)
            for secret in [leaver.secrets[0], house.made.apiToken] { _ = try await house.call(bearer: secret) }
            let report = try await house.letDaysPass(25)

            #expect(report.deactivated.map(\.text) == [leaver.id])
            #expect(try await house.call(bearer: leaver.secrets[0]).status == 202)
        }
    }

    @Test func `D9 what can't be moved is refused as a whole, with the reason`() async throws {
        try await TestHouse.open { house async throws in
            let leaver = try await Leaver(house)
            let heir = try await service(house, "heir")
            let stranger = try await house.stranger()
            let foreign = try await TokenOperations(house.house.desk).create(.init(kind: .api, name: "t"), stranger)
            let own = try await house.client().createToken(NewToken(kind: "api", name: "own"))
            let path = "accounts/\(leaver.id)/transfer-tokens"

            for (body, field) in [
                (#"{"to":"\#(leaver.id)"}"#, "to"), (#"{"to":"nobody@example.com"}"#, "to"),
                (#"{"to":"\#(stranger.account.text)"}"#, "to"), ("{}", "to"),
                (#"{"to":"\#(heir)","tokens":["\#(leaver.tokens[0])","\#(own.id)"]}"#, "tokens"),
                (#"{"to":"\#(heir)","tokens":["\#(foreign.entry.token.id.text)"]}"#, "tokens"),
            ] {
                let answer = try await house.api(.POST, path, body)
                #expect(answer.status == 400 && answer.problem?.field == field, "\(body)")
            }
            let management = try await house.client().createToken(NewToken(kind: "management", name: "m"))
            _ = try await house.client().deactivateAccount(heir)
            for path in [path, "tokens/\(leaver.tokens[0])/transfer"] {
                let answer = try await house.api(.POST, path, #"{"to":"\#(heir)"}"#)
                #expect(answer.status == 409 && answer.problem?.code == "owner_inactive", "\(path)")
            }
            _ = try await house.client().activateAccount(heir)
            let single = try await house.api(.POST, "tokens/\(management.id)/transfer", #"{"to":"\#(heir)"}"#)
            #expect(single.status == 409 && single.problem?.code == "management_token")

            #expect(try await house.client().tokens(owner: heir).items.isEmpty)
            #expect(try await house.client().tokens(owner: leaver.id).items.count == 3)
        }
    }

    @Test func `D9 only who may change all tokens moves them, and only in the own organization`() async throws {
        try await TestHouse.open { house async throws in
            let leaver = try await Leaver(house)
            let member = try await house.member(.member)
            let stranger = try await house.stranger()
            let theirs = try await TokenOperations(house.house.desk).create(.init(kind: .management, name: "m"), stranger)
            let body = #"{"to":"\#(member.account.text)"}"#

            for path in ["accounts/\(leaver.id)/transfer-tokens", "tokens/\(leaver.tokens[0])/transfer"] {
                #expect(try await house.api(.POST, path, body, token: member.managementToken).status == 403)
                #expect(try await house.api(.POST, path, #"{"to":"x"}"#, token: theirs.secret).status == 404)
                #expect(try await house.api(.POST, path, body, token: "nothing").status == 401)
            }
            #expect(try await house.client().tokens(owner: leaver.id).items.count == 3)
        }
    }

    // MARK: D10

    @Test func `D10 a person whose sign-in is blocked is out at once while the tokens of callers go on working`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let person = try await house.person(.admin)
            let browser = try await house.browser(of: person)
            let caller = try await house.client().createToken(NewToken(kind: "api", owner: person.id, name: "calls"))
            let secret = try #require(caller.secret)
            let management = try await managementToken(browser)
            #expect(try await house.api(.GET, "me", token: management).status == 200)

            let blocked = try await house.client().blockSignIn(person.id)

            #expect(blocked.signIn == "blocked" && blocked.signInBlockedSince == house.clock.now().text)
            #expect(blocked.state == "active")
            #expect(try await browser.request(.GET, "me").status == 401)
            #expect(try await house.api(.GET, "me", token: management).status == 401)
            let refused = try await Browser(house).signIn(person.login, person.password)
            #expect(refused.status == 401 && refused.problem?.code == "sign_in_blocked")
            #expect(try await house.call(bearer: secret).status == 202)
            #expect(try await house.client().token(caller.id).state == "active")
        }
    }

    @Test func `D10 a person who is let in again signs in anew; the sessions of before stay ended`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let browser = try await house.browser(of: person)
            let first = try await house.client().blockSignIn(person.id)
            house.clock.advance(by: .seconds(60))
            #expect(try await house.client().blockSignIn(person.id).signInBlockedSince == first.signInBlockedSince)

            let allowed = try await house.client().allowSignIn(person.id)

            #expect(allowed.signIn == "allowed" && allowed.signInBlockedSince == nil)
            #expect(try await browser.request(.GET, "me").status == 401)
            #expect(try await house.browser(of: person).request(.GET, "me").status == 200)
            #expect(try await house.client().allowSignIn(person.id).signIn == "allowed")
        }
    }

    @Test func `D10 a password reset ends sessions and the old password while tokens go on working`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let browser = try await house.browser(of: person)
            let secret = try #require(
                try await house.client().createToken(NewToken(kind: "api", owner: person.id, name: "calls")).secret)

            let answer = try await house.api(.POST, "accounts/\(person.id)/password-reset")
            let link = try Wire.decode(OneTimeLinkView.self, from: answer.body)

            #expect(answer.status == 201 && answer.headers.first(name: "Cache-Control") == "no-store")
            #expect(link.url.hasSuffix("/set-password#\(link.code)"))
            #expect(link.expiresAt == house.clock.now().adding(.days(3)).text)
            #expect(try await browser.request(.GET, "me").status == 401)
            let old = try await Browser(house).signIn(person.login, person.password)
            #expect(old.status == 401 && old.problem?.code == "sign_in_failed")
            #expect(try await house.call(bearer: secret).status == 202)

            try await house.client("").setPassword(NewPassword(code: link.code, password: "another good one 7"))
            #expect(try await Browser(house).signIn(person.login, person.password).status == 401)
            #expect(try await Browser(house).signIn(person.login, "another good one 7").status == 201)
            #expect(try await house.call(bearer: secret).status == 202)
        }
    }

    @Test func `D10 a service account has no sign-in to block or reset`() async throws {
        try await TestHouse.open { house async throws in
            let account = try await service(house, "robot")

            for act in ["block-sign-in", "allow-sign-in", "password-reset", "invite"] {
                let answer = try await house.api(.POST, "accounts/\(account)/\(act)")
                #expect(answer.status == 409 && answer.problem?.code == "service_account", "\(act)")
            }
            #expect(try await house.client().account(account).signIn == "never")
        }
    }

    @Test func `D10 only who manages users touches a person's access`() async throws {
        let cases: [String] = [
            "block-sign-in", "allow-sign-in", "password-reset", "end-sessions", "invite", "remove-second-factor",
        ]
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let member = try await house.member(.member)
            let stranger = try await house.stranger()
            let theirs = try await TokenOperations(house.house.desk).create(.init(kind: .management, name: "m"), stranger)

            for act in cases {
                let path = "accounts/\(person.id)/\(act)"

                #expect(try await house.api(.POST, path, token: member.managementToken).status == 403, "\(act)")
                #expect(try await house.api(.POST, path, token: theirs.secret).status == 404, "\(act)")
                #expect(try await house.request(.POST, path).status == 401, "\(act)")
            }

            #expect(try await house.browser(of: person).request(.GET, "me").status == 200)
        }
    }

    // MARK: D11

    @Test func `D11 a webhook whose owner lapsed is opened by any API token of another active account, untouched`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let maker = try await house.member(.member)
            let webhook = try await house.client(maker.managementToken).createWebhook(NewWebhook(name: "orders"))
            let app = try #require(
                try await house.client().createToken(NewToken(kind: "app", webhook: webhook.id, name: "app")).secret)
            let repair = try #require(
                try await house.client().createAccount(NewAccount(kind: "service", name: "repair", withToken: true)).token)
            let before = try await house.client().webhook(webhook.id)

            _ = try await house.client().deactivateAccount(maker.account.text)

            #expect(try await house.call(webhook.id, bearer: app).status == 401)
            #expect(try await house.call(webhook.id, bearer: #require(repair.secret)).status == 202)
            #expect(try await house.call(webhook.id, basic: ("any", #require(repair.secret))).status == 202)
            #expect(try await house.client().webhook(webhook.id) == before)
            #expect(try await house.causes() == ["owner_inactive"])
        }
    }

    // MARK: Owners and administrators

    @Test func `The last owner who can act can't be demoted, and one who is blocked or switched off does not count`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let demotion = #"{"role":"admin"}"#
            let first = "accounts/\(house.made.owner.text)"
            let alone = try await house.api(.PATCH, first, demotion)
            #expect(alone.status == 409 && alone.problem?.code == "last_owner")

            let second = try await house.person(.owner)
            _ = try await house.client().blockSignIn(second.id)
            #expect(try await house.api(.PATCH, first, demotion).problem?.code == "last_owner")
            _ = try await house.client().allowSignIn(second.id)
            _ = try await house.client().deactivateAccount(second.id)
            #expect(try await house.api(.PATCH, first, demotion).problem?.code == "last_owner")
            _ = try await house.client().activateAccount(second.id)

            #expect(try await house.api(.PATCH, first, demotion).status == 200)
            #expect(try await house.api(.PATCH, first, #"{"role":"owner"}"#).status == 403)
        }
    }

    @Test func `Nobody switches off, blocks or deletes the own account`() async throws {
        try await TestHouse.open { house async throws in
            _ = try await house.person(.owner)
            let own = "accounts/\(house.made.owner.text)"

            for (method, path) in [
                (HTTPMethod.POST, "\(own)/deactivate"), (.POST, "\(own)/block-sign-in"), (.DELETE, own),
            ] {
                let answer = try await house.api(method, path)
                #expect(answer.status == 409 && answer.problem?.code == "own_account", "\(path)")
            }
            #expect(try await house.api(.GET, "me").status == 200)
        }
    }

    @Test func `An admin manages everybody but owners`() async throws {
        try await TestHouse.open { house async throws in
            let admin = try await house.member(.admin).managementToken
            let owner = "accounts/\(house.made.owner.text)"
            let member = try await house.person()

            for (method, path, body) in [
                (HTTPMethod.PATCH, owner, #"{"name":"x"}"#), (.PATCH, owner, #"{"role":"viewer"}"#), (.DELETE, owner, nil),
                (.POST, "\(owner)/deactivate", nil), (.POST, "\(owner)/activate", nil),
                (.POST, "\(owner)/block-sign-in", nil), (.POST, "\(owner)/allow-sign-in", nil),
                (.POST, "\(owner)/password-reset", nil), (.POST, "\(owner)/invite", nil),
                (.POST, "\(owner)/end-sessions", nil), (.POST, "\(owner)/remove-second-factor", nil),
                (.PATCH, "accounts/\(member.id)", #"{"role":"owner"}"#),
                (.POST, "accounts", #"{"kind":"service","name":"x","role":"owner"}"#),
                (.POST, "invitations", #"{"login":"\#(member.login)","role":"owner"}"#),
            ] as [(HTTPMethod, String, String?)] {
                #expect(try await house.api(method, path, body, token: admin).status == 403, "\(method) \(path)")
            }
            #expect(try await house.client().account(house.made.owner.text).role == "owner")
            let path = "accounts/\(member.id)"
            #expect(try await house.api(.PATCH, path, #"{"role":"admin","name":"New"}"#, token: admin).status == 200)
            #expect(try await house.api(.POST, "\(path)/block-sign-in", token: admin).status == 200)
            #expect(try await house.api(.DELETE, path, token: admin).status == 204)
        }
    }

    @Test func `An admin gets no management token that acts as somebody else, not by rotating one either`() async throws {
        try await TestHouse.open { house async throws in
            let admin = try await house.member(.admin).managementToken
            let owners = try await house.client().createToken(NewToken(kind: "management", name: "owner's"))
            let robot = try await house.client().createAccount(NewAccount(kind: "service", name: "r", role: "owner"))
            let robots = try await house.client().createToken(
                NewToken(kind: "management", owner: robot.id, name: "robot's"))
            let other = try await house.member(.member)
            let others = try await house.client(other.managementToken).tokens(owner: other.account.text).items

            for token in [owners.id, robots.id] + others.map(\.id) {
                let answer = try await house.api(.POST, "tokens/\(token)/rotate", token: admin)
                #expect(answer.status == 403 || answer.status == 409, "\(token)")
                #expect(try answer.status != 201 || Wire.decode(TokenView.self, from: answer.body).secret == nil)
            }
            let made = try await house.api(
                .POST, "tokens", #"{"kind":"management","name":"x","owner":"\#(robot.id)"}"#, token: admin)
            #expect(made.status == 403)
        }
    }

    @Test func `What a person has in several organizations only the person changes`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person(.admin)
            let elsewhere = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
            let link = try await house.client(elsewhere.managementToken).invite(NewInvitation(login: person.login))
            let browser = try await house.browser(of: person)
            #expect(try await browser.request(.POST, "invitations/accept", #"{"code":"\#(link.code)"}"#).status == 200)

            for token in [house.made.managementToken, elsewhere.managementToken] {
                for (method, act, body) in [
                    (HTTPMethod.POST, "/password-reset", nil), (.POST, "/remove-second-factor", nil),
                    (.PATCH, "", #"{"name":"Other"}"#),
                ] as [(HTTPMethod, String, String?)] {
                    let answer = try await house.api(method, "accounts/\(person.id)\(act)", body, token: token)
                    #expect(answer.status == 409 && answer.problem?.code == "member_elsewhere", "\(act)")
                }
            }
            _ = try await house.client(elsewhere.managementToken).blockSignIn(person.id)
            #expect(try await browser.request(.GET, "me").status == 200)
            #expect(try await house.client().account(person.id).signIn == "allowed")
        }
    }

    // MARK: Helpers of the above

    /// An account with three API tokens that is to be deleted.
    private struct Leaver {
        let id: String
        let tokens: [String]
        let secrets: [String]

        init(_ house: TestHouse) async throws {
            id = try await house.client().createAccount(NewAccount(kind: "service", name: "Leaver")).id
            var made: [TokenView] = []
            for name in ["a", "b", "c"] {
                made.append(try await house.client().createToken(NewToken(kind: "api", owner: id, name: name)))
            }
            tokens = made.map(\.id)
            secrets = made.compactMap(\.secret)
        }
    }

    private func service(_ house: TestHouse, _ name: String) async throws -> String {
        try await house.client().createAccount(NewAccount(kind: "service", name: name)).id
    }

    private func managementToken(_ browser: Browser) async throws -> String {
        let answer = try await browser.request(.POST, "tokens", #"{"kind":"management","name":"mine"}"#)
        return try #require(try Wire.decode(TokenView.self, from: answer.body).secret)
    }
}
