import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import Manage
import NIOHTTP1
import ServerSupport
import Storage
import Synchronization
import TestSupport
import Testing
import inlet

/// The master keys: a new one, moving to it by use, and giving an old one up.
@Suite(.tags(.store)) struct KeyTests {
    @Test func `The keys are listed with what stands under each, never themselves`() async throws {
        try await TestHouse.open { house async throws in
            let answer = try await house.api(.GET, "keys")

            let keys = try Wire.decode(PageView<KeyView>.self, from: answer.body).items
            #expect(keys.map(\.number) == [1] && keys.map(\.state) == ["current"])
            #expect(keys.map(\.addedAt) == [house.clock.now().text])
            #expect(keys.map(\.secrets) == [2] && keys.map(\.sealed) == [1])
            let hidden = Hex.text(house.house.desk.keys.ring.current.bytes)
            #expect(!String(decoding: answer.body, as: UTF8.self).contains(hidden))
        }
    }

    @Test func `After a rotation what is new stands under the new key, and what is sealed is wrapped anew`() async throws {
        try await TestHouse.open { house async throws in
            _ = try await secondFactor(house)
            house.clock.advance(by: .seconds(60))

            let answer = try await house.api(.POST, "keys/rotate")

            let new = try Wire.decode(KeyView.self, from: answer.body)
            #expect(answer.status == 201 && new.number == 2 && new.state == "current")
            #expect(new.addedAt == house.clock.now().text && new.sealed == 2)
            _ = try await house.client().createToken(NewToken(kind: "api", name: "t"))
            try await house.settle()
            let keys = try await house.client().keys().items
            #expect(keys.map(\.state) == ["old", "current"] && keys.map(\.sealed) == [0, 2])
            let file = house.folder.appendingPathComponent("master.key")
            let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
            #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
            let ring = try KeyRing(fileText: String(contentsOf: file, encoding: .utf8))
            #expect(ring.keys.map(\.bytes) == house.house.desk.keys.ring.keys.map(\.bytes))
        }
    }

    @Test func `Secrets move to the new key as they are used, also on a connection that stays open`() async throws {
        try await TestHouse.open { house async throws in
            let unused = try await house.client().createToken(NewToken(kind: "api", name: "unused"))
            let unusedSecret = try #require(unused.secret)
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
            _ = try await house.client().rotateKeys()
            #expect(try await house.client().keys().items.map(\.secrets).reduce(0, +) == 3)

            for _ in 0..<3 { #expect(try await house.call(bearer: house.made.apiToken).status == 202) }
            try await house.settle()

            #expect(try await house.client().keys().items.map(\.secrets) == [1, 2])
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
            #expect(try await house.call(bearer: unusedSecret).status == 202)
            try await house.settle()
            #expect(try await house.client().keys().items.map(\.secrets) == [0, 3])
        }
    }

    @Test func `While secrets move no call and no request is refused, and each call is counted`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "busy"))
            let secret = try #require(token.secret)
            let isGoing = Lamp()
            async let first = house.calls(bearer: secret, while: isGoing)
            async let second = house.calls(bearer: secret, while: isGoing)
            async let third = looks(house, while: isGoing)
            async let fourth = looks(house, while: isGoing)

            for number in 1...3 {
                _ = try await house.client().rotateKeys()
                while try await house.client().keys().items.first?.secrets ?? 0 > 0 {
                    #expect(try await house.call(bearer: secret).status == 202)
                    #expect(try await house.call(bearer: house.made.apiToken).status == 202)
                    try await house.settle()
                }
                try await house.client().retireKey(number)
            }
            isGoing.putOut()

            let all = try await first + second
            #expect(all.allSatisfy { $0 == 202 })
            #expect(try await (third + fourth).allSatisfy { $0 == 200 })
            try await house.settle()
            #expect(try await house.client().token(token.id).useCount >= Int64(all.count))
        }
    }

    @Test func `A secret that was shown between two rotations ends with neither of the old keys`() async throws {
        try await TestHouse.open { house async throws in
            _ = try await house.client().rotateKeys()
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
            _ = try await house.client().rotateKeys()
            try await house.settle()

            for number in [1, 2] {
                #expect(try await house.call(bearer: house.made.apiToken).status == 202)
                _ = try await house.client().status()
                try await house.settle()
                try await house.client().retireKey(number)
            }

            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
            #expect(try await house.client().keys().items.map(\.secrets) == [2])
        }
    }

    @Test func `A key under which secrets stand is not retired, unless that is forced, which ends them`() async throws {
        try await TestHouse.open { house async throws in
            let unused = try await house.client().createToken(NewToken(kind: "api", name: "unused"))
            let unusedSecret = try #require(unused.secret)
            _ = try await house.client().rotateKeys()
            _ = try await house.call(bearer: house.made.apiToken)
            _ = try await house.client().status()
            try await house.settle()

            let refused = try await house.api(.POST, "keys/1/retire")

            #expect(refused.status == 409 && refused.problem?.code == "key_in_use")
            #expect(refused.problem?.detail.hasPrefix("1 ") ?? false)
            #expect(try await house.api(.POST, "keys/1/retire", #"{"force":true}"#).status == 204)
            #expect(try await house.client().keys().items.map(\.number) == [2])
            #expect(try await house.call(bearer: unusedSecret).status == 401)
            #expect(try await house.causes() == ["unknown_token"])
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
            #expect(try await house.client().token(unused.id).secrets.isEmpty)
            #expect(try await house.client().rotateToken(unused.id).secret != nil)
        }
    }

    @Test func `A key under which a session or an open link stands is not retired; a session moves when it is used`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let browser = try await house.browser(of: house.firstOwner)
            let invited = try await house.client().createAccount(
                NewAccount(kind: "person", name: "Ann", login: "ann@example.com"))
            _ = try await house.client().rotateKeys()
            _ = try await house.call(bearer: house.made.apiToken)
            _ = try await house.client().status()
            try await house.settle()
            let retire = { try await house.api(.POST, "keys/1/retire") }
            #expect(try await retire().problem?.code == "key_in_use")
            #expect(try await browser.request(.GET, "me").status == 200)
            try await house.settle()
            #expect(try await retire().problem?.code == "key_in_use")

            let code = try #require(invited.invitation).code
            try await house.client("").setPassword(NewPassword(code: code, password: "a good long one"))

            #expect(try await retire().status == 204)
            #expect(try await browser.request(.GET, "me").status == 200)
            #expect(try await browser.request(.POST, "webhooks", #"{"name":"w"}"#).status == 201)
        }
    }

    @Test func `A forced retirement ends sessions and links under the key too`() async throws {
        try await TestHouse.open { house async throws in
            let browser = try await house.browser(of: house.firstOwner)
            let invited = try await house.client().createAccount(
                NewAccount(kind: "person", name: "Ann", login: "ann@example.com"))
            _ = try await house.client().rotateKeys()
            _ = try await house.client().status()
            try await house.settle()

            try await house.client().retireKey(1, RetireKey(force: true))

            #expect(try await browser.request(.GET, "me").status == 401)
            let code = try #require(invited.invitation).code
            let refused = try await house.request(.POST, "passwords", #"{"code":"\#(code)","password":"a good long one"}"#)
            #expect(refused.status == 400 && refused.problem?.field == "code")
            #expect(try await house.client().inviteAgain(invited.id).code != code)
        }
    }

    @Test func `The key in use is not retired, and one that is not there is not found`() async throws {
        try await TestHouse.open { house async throws in
            for body in [nil, #"{"force":true}"#] {
                let current = try await house.api(.POST, "keys/1/retire", body)
                #expect(current.status == 409 && current.problem?.code == "key_current")
            }

            for number in ["2", "0", "-1", "x", "99999999999999999999"] {
                #expect(try await house.api(.POST, "keys/\(number)/retire").status == 404, "\(number)")
            }
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
        }
    }

    @Test func `Only an owner of the organization that was made first steers the keys`() async throws {
        try await TestHouse.open { house async throws in
            let admin = try await house.member(.admin).managementToken
            let elsewhere = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))

            for (method, path) in [(HTTPMethod.GET, "keys"), (.POST, "keys/rotate"), (.POST, "keys/1/retire")] {
                #expect(try await house.request(method, path).status == 401)
                #expect(try await house.api(method, path, token: admin).status == 403)
                #expect(try await house.api(method, path, token: elsewhere.managementToken).status == 403)
            }
            #expect(try await house.client().keys().items.map(\.number) == [1])
        }
    }

    @Test func `Sessions, links and second factors from before a rotation work after it`() async throws {
        try await TestHouse.open { house async throws in
            let (person, app) = try await secondFactor(house)
            let browser = try await house.browser(of: house.firstOwner)
            let invited = try await house.client().createAccount(
                NewAccount(kind: "person", name: "Ann", login: "ann@example.com"))

            _ = try await house.client().rotateKeys()

            #expect(try await browser.request(.POST, "webhooks", #"{"name":"w"}"#).status == 201)
            let code = try #require(invited.invitation).code
            try await house.client("").setPassword(NewPassword(code: code, password: "a good long one"))
            house.clock.advance(by: .seconds(60))
            let digits = app.code(at: house.clock.now())
            #expect(try await Browser(house).signIn(person.login, person.password, code: digits).status == 201)
        }
    }

    @Test func `The second factor and the audit log stay good when the old key is gone, also after a restart`() async throws {
        let kept = Mutex<(Person, Authenticator)?>(nil)
        try await TestHouse.openTwice { house async throws in
            let factor = try await secondFactor(house)
            kept.withLock { $0 = factor }
            _ = try await house.client().rotateKeys()
            _ = try await house.call(bearer: house.made.apiToken)
            try await house.client().endSessions(of: factor.0.id)
            try await house.settle()
            try await house.client().retireKey(1)
            try await expectAllGood(house, factor)
        } keys: { folder, _ in
            try KeyRing(fileText: String(contentsOf: folder.appendingPathComponent("master.key"), encoding: .utf8))
        } second: { house async throws in
            #expect(try await house.client().keys().items.map(\.number) == [2])
            try await expectAllGood(house, #require(kept.withLock { $0 }))
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
        }
    }

    // MARK: Integrations

    @Test func `What can be looked at again moves to a new key at once, activation tokens when they are used`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open([.egressAllow: "127.0.0.0/8"]) { house async throws in
                let made = try await Made(house, receiver)
                #expect(try await house.client().keys().items.map(\.secrets) == [6])
                #expect(try await house.client().keys().items.map(\.sealed) == [4])

                _ = try await house.client().rotateKeys()

                try await house.settle()
                #expect(try await house.client().keys().items.map(\.sealed) == [0, 4])
                #expect(try await house.call(bearer: house.made.apiToken).status == 202)
                try await house.settle()
                // Neither token was used; the two activation tokens are left.
                #expect(try await house.client().keys().items.map(\.secrets) == [2, 4])
                try await made.expectAllGood(house)
                #expect(try await house.client().keys().items.map(\.secrets) == [1, 5])
                let held = try await house.api(.POST, "keys/1/retire")
                #expect(held.status == 409 && held.problem?.code == "key_in_use")
                #expect(try await house.report(.hits, Made.hit, bearer: made.rare).status == 202)
                #expect(try await house.client().keys().items.map(\.secrets) == [0, 6])
                try await made.expectWarningArrives(house, receiver)

                try await house.client().retireKey(1)

                try await made.expectAllGood(house)
                #expect(try await house.report(.hits, Made.hit, bearer: made.rare).status == 202)
                try await made.expectWarningArrives(house, receiver)
                #expect(try await house.client().verifyAudit().isIntact)
            }
        }
    }

    @Test func `What is sealed for integrations is good after a restart, with the new key alone`() async throws {
        let kept = Mutex<Made?>(nil)
        try await Receiver.open { receiver async throws in
            try await TestHouse.openTwice([.egressAllow: "127.0.0.0/8"]) { house async throws in
                let made = try await Made(house, receiver)
                kept.withLock { $0 = made }
                _ = try await house.client().rotateKeys()
                for token in [made.activation, made.rare] {
                    #expect(try await house.report(.hits, Made.hit, bearer: token).status == 202)
                }
                _ = try await house.call(bearer: house.made.apiToken)
                try await house.settle()
                try await house.client().retireKey(1)
            } keys: { folder, _ in
                try KeyRing(fileText: String(contentsOf: folder.appendingPathComponent("master.key"), encoding: .utf8))
            } second: { house async throws in
                let made = try #require(kept.withLock { $0 })
                try await made.expectAllGood(house)
                try await made.expectWarningArrives(house, receiver)
            }
        }
    }

    @Test func `A forced retirement ends activation tokens that were not used, and nothing that can be looked at`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open([.egressAllow: "127.0.0.0/8"]) { house async throws in
                let made = try await Made(house, receiver)
                _ = try await house.client().rotateKeys()
                #expect(try await house.report(.hits, Made.hit, bearer: made.activation).status == 202)
                _ = try await house.call(bearer: house.made.apiToken)
                try await house.settle()

                try await house.client().retireKey(1, RetireKey(force: true))

                #expect(try await house.report(.hits, Made.hit, bearer: made.rare).status == 401)
                #expect(try await house.causes() == ["unknown_token"])
                #expect(try await house.client().activations(of: "Hits").items.count == 1)
                try await made.expectAllGood(house)
                try await made.expectWarningArrives(house, receiver)
            }
        }
    }

    @Test func `While keys are rotated no report is refused, and each is counted`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.hitsCredential()
            let token = try await house.activate(made.secret)
            let lamp = Lamp()
            async let first = reports(house, token, while: lamp)
            async let second = reports(house, token, while: lamp)

            for number in 1...3 {
                _ = try await house.client().rotateKeys()
                #expect(try await house.call(bearer: house.made.apiToken).status == 202)
                #expect(try await house.report(.activations, bearer: made.secret).status == 201)
                while try await house.client().keys().items.first?.secrets ?? 0 > 0 {
                    #expect(try await house.report(.hits, Made.hit, bearer: token).status == 202)
                    for unused in try await house.client().activations(of: "Hits").items where unused.useCount == 0 {
                        try await house.client().revokeActivation(unused.id, of: "Hits")
                    }
                    try await house.settle()
                }
                try await house.client().retireKey(number)
            }
            lamp.putOut()

            let statuses = try await first + second
            #expect(statuses.allSatisfy { $0 == 202 })
            // A token that was made and never used may be left of a round in which the old key was free at once.
            let uses = try await house.client().activations(of: "Hits").items.map(\.useCount).max() ?? 0
            #expect(try await house.client().resource("r").hits == uses && uses > Int64(statuses.count))
        }
    }

    // MARK: Interrupted

    @Test func `A kill after the file got its new key and before the database did is made good at the next start`()
        async throws
    {
        try await TestHouse.openTwice { house async throws in
            _ = try await house.call(bearer: house.made.apiToken)
        } keys: { _, ring in
            ring.adding(.random(number: 2))
        } second: { house async throws in
            let keys = try await house.client().keys().items
            #expect(keys.map(\.number) == [1, 2] && keys.map(\.state) == ["old", "current"])
            #expect(keys.map(\.sealed) == [0, 1])
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
            try await house.settle()
            #expect(try await house.client().keys().items.map(\.secrets) == [0, 2])
            try await house.client().retireKey(1)
            #expect(try await house.client().verifyAudit().isIntact)
        }
    }

    @Test func `A kill after the database gave a key up and before the file did is made good at the next start`()
        async throws
    {
        let before = Mutex<KeyRing?>(nil)
        try await TestHouse.openTwice { house async throws in
            _ = try await house.client().rotateKeys()
            before.withLock { $0 = house.house.desk.keys.ring }
            _ = try await house.call(bearer: house.made.apiToken)
            _ = try await house.client().status()
            try await house.settle()
            try await house.client().retireKey(1)
        } keys: { folder, _ in
            let ring = try #require(before.withLock { $0 })
            try ring.fileText.write(to: folder.appendingPathComponent("master.key"), atomically: true, encoding: .utf8)
            return ring
        } second: { house async throws in
            #expect(house.house.desk.keys.ring.keys.map(\.number) == [2])
            let file = house.folder.appendingPathComponent("master.key")
            #expect(try KeyRing(fileText: String(contentsOf: file, encoding: .utf8)).keys.map(\.number) == [2])
            #expect(try await house.client().keys().items.map(\.number) == [2])
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
        }
    }

    @Test func `With a wrong key, or without one that is in use, the server does not start`() async throws {
        let wrong: [@Sendable (KeyRing) throws -> KeyRing] = [
            { _ in KeyRing.random() },
            { ring in try KeyRing(fileText: "1 \(Hex.text(KeyRing.random().current.bytes))\n2 \(Hex.text(ring.current.bytes))") },
            { ring in try KeyRing(fileText: "2 \(Hex.text(ring.current.bytes))") },
            { ring in try KeyRing(fileText: "1 \(Hex.text(ring.keys[0].bytes))") },
        ]
        for change in wrong {
            await #expect(throws: Installation.Failure.wrongKey) {
                try await TestHouse.openTwice { house async throws in
                    _ = try await house.client().rotateKeys()
                } keys: { _, ring in
                    try change(ring)
                } second: { _ async throws in
                    Issue.record("the server started")
                }
            }
        }
    }

    @Test func `When the key file can't be written nothing changes`() async throws {
        try await TestHouse.open([.masterKeyFile: "/dev/null/master.key"]) { house async throws in
            let refused = try await house.api(.POST, "keys/rotate")

            #expect(refused.status == 409 && refused.problem?.code == "key_file")
            #expect(try await house.client().keys().items.map(\.number) == [1])
            #expect(house.house.desk.keys.ring.keys.map(\.number) == [1])
            #expect(try await house.client().auditEntries(action: "key.rotate").items.isEmpty)
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
        }
    }

    @Test func `Of many who rotate at once none loses a key`() async throws {
        try await TestHouse.openTwice { house async throws in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 { group.addTask { try await house.api(.POST, "keys/rotate").status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(statuses.contains(201))
            #expect(statuses.allSatisfy { $0 == 201 || $0 == 409 }, "\(statuses)")
            let made = statuses.filter { $0 == 201 }.count
            #expect(try await house.client().keys().items.map(\.number) == Array(1...(1 + made)))
        } keys: { folder, _ in
            try KeyRing(fileText: String(contentsOf: folder.appendingPathComponent("master.key"), encoding: .utf8))
        } second: { house async throws in
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
        }
    }

    // MARK: Helpers of the above

    /// One of each that is kept sealed or by its digest, so that it can be looked for later.
    private struct Made: Sendable {
        let hits: String
        let activation: String
        /// An activation token that ``expectAllGood(_:)`` does not use.
        let rare: String
        let deploy: String

        static let hit = #"{"resource":"r","hits":1}"#

        init(_ house: TestHouse, _ receiver: Receiver) async throws {
            hits = try await house.hitsCredential().secret
            activation = try await house.activate(hits)
            rare = try await house.activate(hits)
            deploy = try await house.deployToken().secret
            _ = try await house.client().setSecretVariable("TOKEN", NewSecretVariable(value: "value"))
            _ = try await house.client().editOrganization(
                OrganizationEdit(
                    notificationUrl: .set("\(receiver.base)/hook"), notificationHeaders: ["Authorization": "{{TOKEN}}"]))
        }

        func expectAllGood(_ house: TestHouse) async throws {
            #expect(try await house.report(.hits, Self.hit, bearer: activation).status == 202)
            let exchanged = try await house.activate(hits)
            let id = try #require(
                try await house.client().activations(of: "Hits").items.first { exchanged.hasPrefix($0.hint) }?.id)
            try await house.client().revokeActivation(id, of: "Hits")
            let version = UUID().uuidString
            let report = #"{"version":"\#(version)","environment":"e","status":"succeeded"}"#
            #expect(try await house.report(.deploys, report, bearer: deploy).status == 202)
            #expect(try await house.client().revealCredential("Hits").secret == hits)
            #expect(try await house.client().revealDeployToken(of: "shop").secret == deploy)
            try await house.settle()
        }

        func expectWarningArrives(_ house: TestHouse, _ receiver: Receiver) async throws {
            let before = receiver.posts.count
            let end = house.clock.now().adding(.days(7)).text
            let token = try await house.client().createToken(NewToken(kind: "api", name: "expiring", expiresAt: end))
            try await house.sweep()
            await house.house.notifier.deliver()
            #expect(receiver.posts.count == before + 1 && receiver.posts.last?.headers["authorization"] == "value")
            // It would be one more secret under a key.
            _ = try await house.client().deactivateToken(token.id)
            try await house.client().deleteToken(token.id)
        }
    }

    private func reports(_ house: TestHouse, _ token: String, while lamp: Lamp) async throws -> [Int] {
        var statuses: [Int] = []
        repeat { statuses.append(try await house.report(.hits, Made.hit, bearer: token).status) } while lamp.burns
        return statuses
    }

    private func looks(_ house: TestHouse, while lamp: Lamp) async throws -> [Int] {
        var statuses: [Int] = []
        repeat {
            statuses.append(try await house.api(.GET, "me").status)
        } while lamp.burns
        return statuses
    }

    private func secondFactor(_ house: TestHouse) async throws -> (Person, Authenticator) {
        let person = try await house.person()
        return (person, try await house.addSecondFactor(to: person, in: house.browser(of: person)).app)
    }

    private func expectAllGood(_ house: TestHouse, _ factor: (Person, Authenticator)) async throws {
        let (person, app) = factor
        house.clock.advance(by: .seconds(60))
        let code = app.code(at: house.clock.now())
        #expect(try await Browser(house).signIn(person.login, person.password).status == 401)
        #expect(try await Browser(house).signIn(person.login, person.password, code: code).status == 201)
        #expect(try await house.client().verifyAudit().isIntact)
    }
}
