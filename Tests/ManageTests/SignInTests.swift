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

/// How people get in: invitation, password, session, second factor, and what slows down who guesses.
@Suite(.tags(.store)) struct SignInTests {
    // MARK: Invitation and password

    @Test func `An invited person chooses a password by a link, once, and signs in with it`() async throws {
        try await TestHouse.open { house async throws in
            let created = try await house.client().createAccount(
                NewAccount(kind: "person", name: "Ann", login: "Ann@Example.com"))
            let link = try #require(created.invitation)
            #expect(created.login == "ann@example.com" && !created.hasPassword)
            #expect(link.url.hasSuffix("/set-password#\(link.code)"))
            #expect(link.expiresAt == house.clock.now().adding(.days(3)).text)
            let early = try await Browser(house).signIn("ann@example.com", "")
            #expect(early.status == 401 && early.problem?.code == "sign_in_failed")
            let body = #"{"code":"\#(link.code)","password":"a good long one"}"#

            #expect(try await house.request(.POST, "passwords", body).status == 204)

            #expect(try await house.client().account(created.id).hasPassword)
            #expect(try await Browser(house).signIn("ANN@example.com", "a good long one").status == 201)
            let again = try await house.request(.POST, "passwords", body)
            #expect(again.status == 400 && again.problem?.field == "code")
            let invited = try await house.api(.POST, "accounts/\(created.id)/invite")
            #expect(invited.status == 409 && invited.problem?.code == "has_password")
        }
    }

    @Test func `A one-time link ends after three days, and when a new one is made`() async throws {
        try await TestHouse.open { house async throws in
            let ann = try await house.invited()
            let ben = try await house.invited()
            let newer = try await house.client().inviteAgain(ann.id)

            #expect(try await house.setPassword(ann.code).problem?.field == "code")
            house.clock.advance(by: .days(3))
            #expect(try await house.setPassword(newer.code).problem?.field == "code")
            #expect(try await house.setPassword(ben.code).problem?.field == "code")

            let last = try await house.client().inviteAgain(ben.id)
            house.clock.advance(by: .days(3).adding(.seconds(-1)))
            #expect(try await house.setPassword(last.code).status == 204)
        }
    }

    @Test func `Of two who use a one-time link at the same moment one is first`() async throws {
        try await TestHouse.open { house async throws in
            let ann = try await house.invited()

            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<6 {
                    group.addTask { try await house.setPassword(ann.code, "a good long one \(number)").status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(statuses.sorted() == [204, 400, 400, 400, 400, 400])
        }
    }

    @Test func `A code that is none sets no password`() async throws {
        let cases: [String] = ["", "nonsense", "inll_00000000000000000000000000000000AAAAAA"]
        try await TestHouse.open { house async throws in
            for code in cases {
                let answer = try await house.setPassword(code)
                let stolen = try await house.setPassword(house.made.managementToken)

                for refused in [answer, stolen] { #expect(refused.status == 400 && refused.problem?.field == "code", "\(code)") }
            }
        }
    }

    @Test func `A weak password is refused, and the link stays open for a better one`() async throws {
        let cases: [String] = [
            "short", String(repeating: "long ", count: 26), "password1", "Qwertyuiop", "aaaaaaaaaaaa", "123456789", "ann.berg",
            "ann.berg99",
        ]
        try await TestHouse.open { house async throws in
            let ann = try await house.invited(login: "ann.berg@example.com")

            for password in cases {
                let refused = try await house.setPassword(ann.code, password)

                #expect(refused.status == 400 && refused.problem?.field == "password", "\(password)")
            }

            #expect(try await house.setPassword(ann.code, "a good long one").status == 204)
        }
    }

    @Test func `A person changes the password with the old one; the other sessions end and this one stays`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let here = try await house.browser(of: person)
            let there = try await house.browser(of: person)
            let wrong = try await here.request(
                .POST, "me/password", #"{"password":"not it","new_password":"a good long one"}"#)
            let weak = try await here.request(
                .POST, "me/password", #"{"password":"\#(person.password)","new_password":"12345678"}"#)
            #expect(wrong.status == 400 && wrong.problem?.field == "password")
            #expect(weak.status == 400 && weak.problem?.field == "new_password")

            let changed = try await here.request(
                .POST, "me/password", #"{"password":"\#(person.password)","new_password":"a good long one"}"#)

            #expect(changed.status == 204)
            #expect(try await here.request(.GET, "me").status == 200)
            #expect(try await there.request(.GET, "me").status == 401)
            #expect(try await Browser(house).signIn(person.login, person.password).status == 401)
            #expect(try await Browser(house).signIn(person.login, "a good long one").status == 201)
        }
    }

    // MARK: Sessions

    @Test func `Signing in makes a session that only the browser's own pages can use`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person(.admin)
            let browser = Browser(house)

            let answer = try await browser.signIn(person.login, person.password, headers: [("User-Agent", "Test/1")])
            let session = try Wire.decode(SessionView.self, from: answer.body)

            #expect(answer.status == 201 && answer.headers.first(name: "Cache-Control") == "no-store")
            let cookies = answer.headers["Set-Cookie"]
            let own = try #require(cookies.first { $0.hasPrefix("\(Browser.sessionCookie)=inls_") })
            let device = try #require(cookies.first { $0.hasPrefix("\(Browser.deviceCookie)=inlb_") })
            for cookie in [own, device] {
                #expect(cookie.contains("; Path=/; Secure; HttpOnly; SameSite=Lax") && !cookie.contains("Domain"))
            }
            #expect(!own.contains("Max-Age") && device.contains("Max-Age=31536000"))
            #expect(session.account == person.id && session.role == "admin" && session.isCurrent)
            #expect(session.organization == house.made.organization.text)
            #expect(session.userAgent == "Test/1" && session.remoteAddress == "127.0.0.1")
            #expect(session.expiresAt == house.clock.now().adding(.seconds(1800)).text)
            #expect(!String(decoding: answer.body, as: UTF8.self).contains("inls_"))
            let me: MeView = try await browser.get("me")
            #expect(me.account.id == person.id && me.account.lastSignInAt == house.clock.now().text)
        }
    }

    @Test func `A change in a session needs the CSRF header and our own origin`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let browser = try await house.browser(of: person)
            let other = try await house.browser(of: person)
            let body = #"{"name":"w"}"#
            let token = try #require(browser.csrfToken)
            let foreign = try #require(other.csrfToken)

            for headers in [
                [], [("Inlet-CSRF", "")], [("Inlet-CSRF", foreign)], [("Inlet-CSRF", String(token.dropLast()))],
                [("Inlet-CSRF", token), ("Origin", "https://evil.example")],
                [("Inlet-CSRF", token), ("Origin", "null")],
                [("Inlet-CSRF", token), ("Origin", "http://127.0.0.1:\(house.adminPort).evil.example")],
            ] {
                let answer = try await browser.request(.POST, "webhooks", body, headers: headers, isForged: true)
                #expect(answer.status == 401, "\(headers)")
            }

            #expect(try await house.client().webhooks().items.count == 1)
            #expect(try await browser.request(.GET, "webhooks", headers: [("Origin", "https://evil.example")]).status == 200)
            #expect(try await browser.request(.POST, "webhooks", body).status == 201)
            let own = [("Origin", "http://127.0.0.1:\(house.adminPort)")]
            #expect(try await browser.request(.POST, "webhooks", body, headers: own).status == 201)
        }
    }

    @Test func `Another site can't sign a browser in`() async throws {
        try await TestHouse.open { house async throws in
            let owner = house.firstOwner

            let answer = try await Browser(house).signIn(
                owner.login, owner.password, headers: [("Origin", "https://evil.example")])

            #expect(answer.status == 401 && answer.headers["Set-Cookie"].isEmpty)
        }
    }

    @Test func `A session ends after 30 minutes without use, and each use puts that off`() async throws {
        try await TestHouse.open { house async throws in
            let browser = try await house.browser(of: house.firstOwner)
            for _ in 0..<3 {
                house.clock.advance(by: .seconds(1799))
                #expect(try await browser.request(.GET, "me").status == 200)
                try await house.settle()
            }

            house.clock.advance(by: .seconds(1800))

            #expect(try await browser.request(.GET, "me").status == 401)
            #expect(try await browser.request(.GET, "me").status == 401)
        }
    }

    @Test func `A session ends after 12 hours, however much it is used`() async throws {
        try await TestHouse.open { house async throws in
            let browser = try await house.browser(of: house.firstOwner)
            for _ in 0..<26 {
                house.clock.advance(by: .seconds(1661))
                #expect(try await browser.request(.GET, "me").status == 200)
                try await house.settle()
            }

            house.clock.advance(by: .seconds(14))

            #expect(try await browser.request(.GET, "me").status == 401)
        }
    }

    @Test func `A person sees the own sessions and ends one of them; those of others are not there`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let other = try await house.browser(of: house.person())
            let foreign: PageView<SessionView> = try await other.get("sessions")
            let old = try await house.browser(of: person)
            house.clock.advance(by: .seconds(1))
            let browser = try await house.browser(of: person)

            let sessions: PageView<SessionView> = try await browser.get("sessions")

            #expect(sessions.items.map(\.isCurrent) == [true, false])
            #expect(sessions.items.allSatisfy { $0.account == person.id && $0.csrfToken == nil })
            let foreignID = try #require(foreign.items.first).id
            #expect(try await browser.request(.DELETE, "sessions/\(foreignID)").status == 404)
            #expect(try await browser.request(.DELETE, "sessions/\(sessions.items[1].id)").status == 204)
            #expect(try await old.request(.GET, "me").status == 401)
            #expect(try await other.request(.GET, "me").status == 200)
            #expect(try await browser.request(.GET, "me").status == 200)
        }
    }

    @Test func `Who signs out is out, and the browser forgets the session but not that it is known`() async throws {
        try await TestHouse.open { house async throws in
            let browser = try await house.browser(of: house.firstOwner)
            let session = try #require(browser[cookie: Browser.sessionCookie])

            #expect(try await browser.request(.DELETE, "sessions/current").status == 204)

            #expect(browser[cookie: Browser.sessionCookie] == nil)
            #expect(browser[cookie: Browser.deviceCookie] != nil)
            browser[cookie: Browser.sessionCookie] = session
            #expect(try await browser.request(.GET, "me").status == 401)
            #expect(try await house.api(.DELETE, "sessions/current").status == 404)
        }
    }

    @Test func `Who manages users ends all sessions of a person, who may sign in again`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let browser = try await house.browser(of: person)

            try await house.client().endSessions(of: person.id)

            #expect(try await browser.request(.GET, "me").status == 401)
            #expect(try await house.browser(of: person).request(.GET, "me").status == 200)
        }
    }

    @Test func `A session's secret opens nothing but the session, and only as a cookie`() async throws {
        try await TestHouse.open { house async throws in
            let browser = try await house.browser(of: house.firstOwner)
            let session = try #require(browser[cookie: Browser.sessionCookie])
            let device = try #require(browser[cookie: Browser.deviceCookie])

            for secret in [session, device] {
                #expect(try await house.api(.GET, "me", token: secret).status == 401)
                #expect(try await house.call(bearer: secret).status == 401)
            }
            browser[cookie: Browser.sessionCookie] = device
            #expect(try await browser.request(.GET, "me").status == 401)
            browser[cookie: Browser.sessionCookie] = house.made.managementToken
            #expect(try await browser.request(.GET, "me").status == 401)
        }
    }

    @Test func `In a session a person may do what the role allows and no more`() async throws {
        try await TestHouse.open { house async throws in
            let viewer = try await house.browser(of: house.person(.viewer))

            #expect(try await viewer.request(.GET, "webhooks").status == 200)
            #expect(try await viewer.request(.POST, "webhooks", #"{"name":"w"}"#).status == 403)
            let me: MeView = try await viewer.get("me")
            #expect(me.permissions == Permission.allCases.filter { Role.viewer.allows($0) }.map(\.rawValue))
        }
    }

    // MARK: Several organizations

    @Test func `A person in two organizations acts in one at a time and switches between them`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person(.viewer)
            let elsewhere = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
            let link = try await house.client(elsewhere.managementToken)
                .invite(NewInvitation(login: person.login, role: "admin"))
            let browser = try await house.browser(of: person)
            #expect(link.url.hasSuffix("/accept-invitation#\(link.code)"))
            let early = try await browser.request(
                .POST, "sessions/current/organization", #"{"organization":"\#(elsewhere.id)"}"#)
            #expect(early.status == 404)

            let accepted = try await browser.request(.POST, "invitations/accept", #"{"code":"\#(link.code)"}"#)
            #expect(
                try Wire.decode(AcceptedView.self, from: accepted.body)
                    == AcceptedView(organization: elsewhere.id, role: "admin"))
            let before = try #require(browser[cookie: Browser.sessionCookie])
            let switched = try await browser.request(
                .POST, "sessions/current/organization", #"{"organization":"\#(elsewhere.id)"}"#)
            let session = try Wire.decode(SessionView.self, from: switched.body)
            browser.csrfToken = session.csrfToken

            #expect(switched.status == 201 && session.organization == elsewhere.id && session.role == "admin")
            let me: MeView = try await browser.get("me")
            #expect(me.organization.name == "Elsewhere")
            #expect(Set(me.organizations.map(\.name)) == ["Home", "Elsewhere"])
            #expect(try await browser.request(.POST, "webhooks", #"{"name":"theirs"}"#).status == 201)
            #expect(try await house.client().webhooks().items.map(\.name) == ["example"])
            browser[cookie: Browser.sessionCookie] = before
            #expect(try await browser.request(.GET, "me").status == 401)
            let token = try await house.api(
                .POST, "sessions/current/organization", #"{"organization":"\#(elsewhere.id)"}"#)
            #expect(token.status == 409 && token.problem?.code == "no_session")
        }
    }

    @Test func `Switching puts off no end of the session, and there is nothing to switch to where one is`() async throws {
        try await TestHouse.open { house async throws in
            let browser = try await house.browser(of: house.firstOwner)
            let elsewhere = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
            let begin = house.clock.now().text
            let same = try await browser.request(
                .POST, "sessions/current/organization", #"{"organization":"\#(house.made.organization.text)"}"#)
            #expect(same.status == 409 && same.problem?.code == "same_organization")
            house.clock.advance(by: .seconds(1200))

            let switched = try await browser.request(
                .POST, "sessions/current/organization", #"{"organization":"\#(elsewhere.id)"}"#)

            let session = try Wire.decode(SessionView.self, from: switched.body)
            #expect(switched.status == 201 && session.createdAt == begin && session.role == "owner")
        }
    }

    @Test func `Who signs in comes to the organization that is asked for, else to the one of the last time`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let elsewhere = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
            let link = try await house.client(elsewhere.managementToken).invite(NewInvitation(login: person.login))
            _ = try await house.browser(of: person).request(.POST, "invitations/accept", #"{"code":"\#(link.code)"}"#)

            for wanted in [elsewhere.id, house.made.organization.text] {
                house.clock.advance(by: .seconds(1))
                let asked: MeView = try await house.browser(of: person, organization: wanted).get("me")
                #expect(asked.organization.id == wanted)
                let unasked: MeView = try await house.browser(of: person).get("me")
                #expect(unasked.organization.id == wanted)
            }
            let nowhere = try await Browser(house).signIn(
                person.login, person.password, organization: "org_00000000000000000000")
            #expect(nowhere.status == 401)
        }
    }

    @Test func `An invitation to another organization is for one person, once`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let elsewhere = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
            let there = house.client(elsewhere.managementToken)
            let link = try await there.invite(NewInvitation(login: person.login))
            let body = #"{"code":"\#(link.code)"}"#

            #expect(try await house.browser(of: house.person()).request(.POST, "invitations/accept", body).status == 400)
            #expect(try await house.setPassword(link.code).problem?.field == "code")
            #expect(try await house.request(.POST, "invitations/accept", body).status == 401)
            let browser = try await house.browser(of: person)
            #expect(try await browser.request(.POST, "invitations/accept", body).status == 200)
            #expect(try await browser.request(.POST, "invitations/accept", body).status == 400)

            let again = try await house.api(
                .POST, "invitations", #"{"login":"\#(person.login)"}"#, token: elsewhere.managementToken)
            #expect(again.status == 409 && again.problem?.code == "member_already")
            let unknown = try await house.api(.POST, "invitations", #"{"login":"nobody@example.com"}"#)
            #expect(unknown.status == 404)
            #expect(try await there.account(person.id).role == "member")
        }
    }

    @Test func `A reset link made before a person joined another organization opens nothing afterwards`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let elsewhere = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
            let link = try await house.client(elsewhere.managementToken).invite(NewInvitation(login: person.login))
            let browser = try await house.browser(of: person)
            let made = try await browser.request(.POST, "tokens", #"{"kind":"management","name":"mine"}"#)
            let own = try #require(try Wire.decode(TokenView.self, from: made.body).secret)
            let reset = try await house.client().resetPassword(person.id)

            #expect(try await house.api(.POST, "invitations/accept", #"{"code":"\#(link.code)"}"#, token: own).status == 200)

            #expect(try await house.setPassword(reset.code).problem?.field == "code")
        }
    }

    // MARK: Who gets in and who does not

    @Test func `A wrong login and a wrong password are answered alike`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            _ = try await house.client().blockSignIn(house.person(login: "blocked@example.com").id)

            let answers = [
                try await Browser(house).signIn(person.login, "wrong"),
                try await Browser(house).signIn("nobody@example.com", "wrong"),
                try await Browser(house).signIn("blocked@example.com", "wrong"),
                try await Browser(house).signIn(person.id, person.password),
                try await Browser(house).signIn(String(repeating: "x", count: 5000), "wrong"),
                try await Browser(house).signIn(person.login, String(repeating: "x", count: 5000)),
            ]

            for answer in answers {
                #expect(answer.status == 401 && answer.problem?.code == "sign_in_failed")
                #expect(answer.body == answers[0].body)
                #expect(answer.headers.map(\.name) == answers[0].headers.map(\.name))
                #expect(answer.headers["Set-Cookie"].isEmpty)
            }
        }
    }

    @Test func `A service account never signs in`() async throws {
        try await TestHouse.open { house async throws in
            let robot = try await house.client().createAccount(NewAccount(kind: "service", name: "robot"))

            #expect(robot.invitation == nil && robot.login == nil && robot.signIn == "never")
            for login in [robot.id, "robot", ""] {
                #expect(try await Browser(house).signIn(login, "").problem?.code == "sign_in_failed")
            }
        }
    }

    @Test func `D6 an inactive person is out, and D7 gets in again after reactivation`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let browser = try await house.browser(of: person)

            _ = try await house.client().deactivateAccount(person.id)

            #expect(try await browser.request(.GET, "me").status == 401)
            let refused = try await Browser(house).signIn(person.login, person.password)
            #expect(refused.status == 401 && refused.problem?.code == "account_inactive")
            _ = try await house.client().activateAccount(person.id)
            #expect(try await Browser(house).signIn(person.login, person.password).status == 201)
        }
    }

    @Test func `D8 signing in is activity and is shown apart from the use of tokens`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let idle = try await house.person()
            try await house.letDaysPass(40)
            _ = try await house.browser(of: person)
            _ = try await Browser(house).signIn(idle.login, "wrong")
            _ = try await house.call(bearer: house.made.apiToken)

            let report = try await house.letDaysPass(25)

            #expect(report.deactivated.map(\.text) == [idle.id])
            let account = try await house.client().account(person.id)
            #expect(account.lastSignInAt == house.clock.now().adding(.days(-25)).text)
            #expect(account.lastTokenUseAt == nil)
            #expect(account.lapsesAt == house.clock.now().adding(.days(35)).text)
        }
    }

    @Test func `A person's management token is made by the person alone, a service account's by who manages it`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let robot = try await house.client().createAccount(NewAccount(kind: "service", name: "r", role: "viewer"))
            let boss = try await house.client().createAccount(NewAccount(kind: "service", name: "b", role: "owner"))
            let admin = try await house.member(.admin).managementToken
            func make(_ owner: String, _ token: String? = nil) async throws -> TestHouse.Answer {
                try await house.api(.POST, "tokens", #"{"kind":"management","name":"m","owner":"\#(owner)"}"#, token: token)
            }

            for token in [admin, nil] {
                let refused = try await make(person.id, token)
                #expect(refused.status == 409 && refused.problem?.code == "management_token_of_another")
            }
            #expect(try await make(boss.id, admin).status == 403)
            #expect(try await make(robot.id, house.member(.member).managementToken).status == 403)
            #expect(try await make("acc_00000000000000000000", admin).status == 400)
            let made = try await make(robot.id, admin)
            let secret = try #require(try Wire.decode(TokenView.self, from: made.body).secret)
            #expect(try await house.api(.GET, "me", token: secret).status == 200)
            #expect(try await house.api(.POST, "webhooks", #"{"name":"w"}"#, token: secret).status == 403)
        }
    }

    // MARK: Second factor

    @Test func `A second factor is asked for once its first code confirmed it`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let browser = try await house.browser(of: person)
            let wrong = try await browser.request(.POST, "me/second-factor", #"{"password":"not it"}"#)
            let nothing = try await browser.request(.POST, "me/second-factor/confirm", #"{"code":"000000"}"#)
            #expect(wrong.status == 400 && wrong.problem?.field == "password")
            #expect(nothing.status == 409 && nothing.problem?.code == "nothing_to_confirm")

            let offered = try await browser.request(.POST, "me/second-factor", #"{"password":"\#(person.password)"}"#)
            let factor = try Wire.decode(SecondFactorView.self, from: offered.body)
            #expect(offered.status == 201 && offered.headers.first(name: "Cache-Control") == "no-store")
            #expect(factor.uri.hasPrefix("otpauth://totp/Inlet:") && factor.uri.contains("secret=\(factor.secret)"))
            #expect(try await Browser(house).signIn(person.login, person.password).status == 201)
            let app = try Authenticator(factor.secret)
            let bad = try await browser.request(
                .POST, "me/second-factor/confirm", #"{"code":"\#(app.code(at: house.clock.now().adding(.days(1))))"}"#)
            #expect(bad.status == 400 && bad.problem?.field == "code")

            let confirmed = try await browser.request(
                .POST, "me/second-factor/confirm", #"{"code":"\#(app.code(at: house.clock.now()))"}"#)

            #expect(confirmed.status == 201)
            #expect(try Wire.decode(RecoveryCodesView.self, from: confirmed.body).recoveryCodes.count == 10)
            let without = try await Browser(house).signIn(person.login, person.password)
            #expect(without.status == 401 && without.problem?.code == "second_factor_required")
            let wrongPassword = try await Browser(house).signIn(person.login, "wrong")
            #expect(wrongPassword.problem?.code == "sign_in_failed")
            #expect(try await house.client().account(person.id).hasSecondFactor)
        }
    }

    @Test func `A code of the authenticator app opens once`() async throws {
        try await TestHouse.open { house async throws in
            let (person, app, _) = try await withSecondFactor(house)
            let spent = app.code(at: house.clock.now())
            #expect(try await Browser(house).signIn(person.login, person.password, code: spent).status == 401)
            house.clock.advance(by: .seconds(30))
            let code = app.code(at: house.clock.now())

            #expect(try await Browser(house).signIn(person.login, person.password, code: code).status == 201)

            let replayed = try await Browser(house).signIn(person.login, person.password, code: code)
            #expect(replayed.status == 401 && replayed.problem?.code == "second_factor_required")
            house.clock.advance(by: .seconds(3600))
            let old = try await Browser(house).signIn(person.login, person.password, code: code)
            #expect(old.status == 401)
            let fresh = app.code(at: house.clock.now())
            #expect(try await Browser(house).signIn(person.login, person.password, code: fresh).status == 201)
        }
    }

    @Test func `Of those who send one code at the same moment one gets in`() async throws {
        try await TestHouse.open { house async throws in
            let (person, app, _) = try await withSecondFactor(house)
            house.clock.advance(by: .seconds(30))
            let code = app.code(at: house.clock.now())

            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<5 {
                    group.addTask { try await Browser(house).signIn(person.login, person.password, code: code).status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(statuses.sorted() == [201, 401, 401, 401, 401])
        }
    }

    @Test func `A recovery code opens once, however it is written`() async throws {
        try await TestHouse.open { house async throws in
            let (person, _, codes) = try await withSecondFactor(house)
            let bare = codes[1].replacing("-", with: "").uppercased()

            #expect(try await Browser(house).signIn(person.login, person.password, code: codes[0]).status == 201)
            #expect(try await Browser(house).signIn(person.login, person.password, code: bare).status == 201)

            for used in [codes[0], codes[1]] {
                #expect(try await Browser(house).signIn(person.login, person.password, code: used).status == 401)
            }
            #expect(try await Browser(house).signIn(person.login, person.password, code: codes[2]).status == 201)
        }
    }

    @Test func `A second factor is taken away by the person with the password, or by who manages users`() async throws {
        try await TestHouse.open { house async throws in
            let (ann, _, codes) = try await withSecondFactor(house)
            let browser = Browser(house)
            _ = try await browser.signIn(ann.login, ann.password, code: codes[0])
            #expect(try await browser.request(.POST, "me/second-factor/remove", #"{"password":"not it"}"#).status == 400)

            let removed = try await browser.request(
                .POST, "me/second-factor/remove", #"{"password":"\#(ann.password)"}"#)
            #expect(removed.status == 204)
            #expect(try await Browser(house).signIn(ann.login, ann.password).status == 201)

            let (ben, _, _) = try await withSecondFactor(house)
            try await house.client().removeSecondFactor(of: ben.id)
            #expect(try await Browser(house).signIn(ben.login, ben.password).status == 201)
        }
    }

    // MARK: Throttle

    @Test func `Who guesses a password is slowed down, and nobody else`() async throws {
        try await TestHouse.open { house async throws in
            let victim = try await house.person()
            let known = try await house.browser(of: victim)
            let other = try await house.person()
            for _ in 0..<6 { #expect(try await Browser(house).signIn(victim.login, "wrong").status == 401) }

            let slowed = try await Browser(house).signIn(victim.login, victim.password)

            #expect(slowed.status == 429 && slowed.problem?.code == "too_many_attempts")
            #expect(slowed.headers.first(name: "Retry-After") == "2")
            #expect(try await known.signIn(victim.login, victim.password).status == 201)
            #expect(try await Browser(house).signIn(other.login, other.password).status == 201)
        }
    }

    @Test func `The throttle opens with time, closes for longer each time, and forgets after the right password`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            for _ in 0..<6 { _ = try await Browser(house).signIn(person.login, "wrong") }

            for wait in [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] as [Int64] {
                let slowed = try await Browser(house).signIn(person.login, "wrong")
                #expect(slowed.headers.first(name: "Retry-After") == "\(wait)")
                house.clock.advance(by: .seconds(wait).adding(.milliseconds(-1)))
                #expect(try await Browser(house).signIn(person.login, person.password).status == 429)
                house.clock.advance(by: .milliseconds(1))
                #expect(try await Browser(house).signIn(person.login, "wrong").status == 401)
            }

            house.clock.advance(by: .seconds(900))
            #expect(try await Browser(house).signIn(person.login, person.password).status == 201)
            #expect(try await Browser(house).signIn(person.login, "wrong").status == 401)
            #expect(try await Browser(house).signIn(person.login, person.password).status == 201)
        }
    }

    @Test func `Many guesses at once are no way around the throttle`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()

            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<20 { group.addTask { try await Browser(house).signIn(person.login, "wrong").status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(statuses.filter { $0 == 401 }.count == 6)
            #expect(statuses.filter { $0 == 429 }.count == 14)
        }
    }

    @Test func `Guesses at many logins from one network are slowed down too`() async throws {
        try await TestHouse.open([.trustedProxies: "127.0.0.1"]) { house async throws in
            let from = { (address: String) in [("X-Forwarded-For", address)] }
            for number in 0..<51 {
                _ = try await Browser(house).signIn("login-\(number)", "wrong", headers: from("192.0.2.1"))
            }
            let person = try await house.person()

            let slowed = try await Browser(house).signIn(person.login, person.password, headers: from("192.0.2.1"))

            #expect(slowed.status == 429)
            #expect(try await Browser(house).signIn(person.login, person.password, headers: from("192.0.2.2")).status == 201)
        }
    }

    @Test func `A wrong second factor counts as an attempt`() async throws {
        try await TestHouse.open { house async throws in
            let (person, app, _) = try await withSecondFactor(house)
            house.clock.advance(by: .seconds(60))
            for _ in 0..<6 {
                let answer = try await Browser(house).signIn(person.login, person.password, code: "12345")
                #expect(answer.status == 401)
            }

            let code = app.code(at: house.clock.now())
            #expect(try await Browser(house).signIn(person.login, person.password, code: code).status == 429)
        }
    }

    @Test func `A browser is known again by its own person alone`() async throws {
        try await TestHouse.open { house async throws in
            let mine = try await house.browser(of: house.firstOwner)
            let device = try #require(mine[cookie: Browser.deviceCookie])
            let victim = try await house.person()
            let attacker = Browser(house)
            attacker[cookie: Browser.deviceCookie] = device
            for _ in 0..<6 { _ = try await attacker.signIn(victim.login, "wrong") }

            #expect(try await attacker.signIn(victim.login, victim.password).status == 429)
            let owner = house.firstOwner
            #expect(try await mine.signIn(owner.login, owner.password).status == 201)
            #expect(mine[cookie: Browser.deviceCookie] == device)
        }
    }

    // MARK: Helpers of the above

    private func withSecondFactor(
        _ house: TestHouse
    ) async throws -> (person: Person, app: Authenticator, recoveryCodes: [String]) {
        let person = try await house.person()
        let (app, codes) = try await house.addSecondFactor(to: person, in: house.browser(of: person))
        return (person, app, codes)
    }
}
