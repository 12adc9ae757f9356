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

/// The log of what was done, which others can check. Row N8.
@Suite(.tags(.store)) struct AuditTests {
    // MARK: One entry for each act

    @Test func `N8 every kind of act leaves one entry of its kind`() async throws {
        try await TestHouse.open { house async throws in
            var seen = try await ActsOfAll(house).run()
            // Done on the machine alone, while no server runs.
            seen.insert(.installationRecover)
            // Another database is copied by its own tools.
            if !TestDatabase.isEmbedded { seen.insert(.backupMake) }

            #expect(seen == Set(AuditEntry.Action.allCases))
            #expect(try await house.client().verifyAudit().isIntact)
        }
    }

    @Test func `N8 an entry says who did what to what, with which token or in a session`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person(.admin)
            let browser = try await house.browser(of: person)
            let made = try await browser.request(.POST, "webhooks", #"{"name":"w"}"#)
            let webhook = try Wire.decode(WebhookView.self, from: made.body)
            house.clock.advance(by: .seconds(1))
            _ = try await house.client().pauseWebhook(webhook.id)

            let entries = try await house.client().auditEntries(subject: webhook.id).items

            #expect(entries.map(\.action) == ["webhook.pause", "webhook.create"])
            #expect(entries.map(\.actor) == [house.made.owner.text, person.id])
            let tokens = try await house.client().tokens().items
            #expect(entries.map(\.actorToken) == [tokens.first { $0.kind == "management" }?.id, nil])
            #expect(entries[0].at == house.clock.now().text && entries[0].organization == house.made.organization.text)
            #expect(entries[0].sequence == entries[1].sequence + 1 && entries[0].previous == entries[1].hash)
        }
    }

    @Test func `N8 what Inlet does by a rule has no actor`() async throws {
        try await TestHouse.open { house async throws in
            let robot = try await house.client().createAccount(NewAccount(kind: "service", name: "Idler"))
            try await house.letDaysPass(59)
            _ = try await house.call(bearer: house.made.apiToken)
            try await house.letDaysPass(2)

            let entry = try #require(try await house.client().auditEntries(subject: robot.id).items.first)

            #expect(entry.action == "account.deactivate" && entry.actor == nil && entry.details["reason"] == "idle")
        }
    }

    @Test func `N8 an act and its entry happen together or not at all`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "t"))
            let secret = try #require(token.secret)
            let before = try await entries(house).count
            try await house.shutAuditLog()

            #expect(try await house.api(.POST, "tokens/\(token.id)/deactivate").status == 500)
            #expect(try await house.api(.POST, "webhooks", #"{"name":"w"}"#).status == 500)

            #expect(try await house.call(bearer: secret).status == 202)
            #expect(try await house.client().token(token.id).state == "active")
            #expect(try await house.client().webhooks().items.count == 1)
            try await house.openAuditLog()
            #expect(try await house.client().deactivateToken(token.id).state == "inactive")
            #expect(try await entries(house).count == before + 1)
            #expect(try await house.client().verifyAudit().isIntact)
        }
    }

    @Test func `N8 what is refused leaves no entry`() async throws {
        try await TestHouse.open { house async throws in
            let member = try await house.member(.member)
            let before = try await entries(house).count

            _ = try await house.api(.POST, "accounts", #"{"kind":"service","name":"x"}"#, token: member.managementToken)
            _ = try await house.api(.DELETE, "accounts/\(house.made.owner.text)")
            _ = try await house.api(.PATCH, "organization", #"{"daily_quota":-1}"#)
            _ = try await house.api(.POST, "keys/1/retire")
            _ = try await Browser(house).signIn("owner", "wrong")

            #expect(try await entries(house).count == before)
        }
    }

    @Test func `N8 every organization has a log of its own, which begins with it`() async throws {
        try await TestHouse.open { house async throws in
            let made = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
            let there = house.client(made.managementToken)
            _ = try await there.createWebhook(NewWebhook(name: "theirs"))

            let theirs = try await there.auditEntries().items

            #expect(theirs.map(\.action) == ["webhook.create", "token.create", "organization.create"])
            #expect(theirs.map(\.sequence) == [3, 2, 1])
            #expect(theirs.allSatisfy { $0.organization == made.id })
            #expect(theirs.last?.previous == String(repeating: "0", count: 64))
            #expect(try await entries(house).allSatisfy { $0.organization == house.made.organization.text })
            #expect(try await there.verifyAudit().entries == 3)
        }
    }

    @Test func `N8 no secret, password or code stands in the log`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person()
            let browser = try await house.browser(of: person)
            let reset = try await house.client().resetPassword(person.id).code
            let token = try await house.client().createToken(NewToken(kind: "api", name: "t"))
            let rotated = try await house.client().rotateToken(token.id)
            let hidden = [
                person.password, reset, try #require(token.secret), try #require(rotated.secret),
                try #require(browser[cookie: Browser.sessionCookie]), try #require(browser[cookie: Browser.deviceCookie]),
                house.password, house.made.apiToken, house.made.managementToken,
            ]

            let export = String(decoding: try await house.api(.GET, "audit/export").body, as: UTF8.self)

            for secret in hidden { #expect(!export.contains(secret)) }
        }
    }

    // MARK: The chain

    @Test func `N8 the chain of a log that nobody touched is intact, also after the clock was set back`() async throws {
        try await TestHouse.open { house async throws in
            for seconds in [0, -7200, 3600] as [Int64] {
                house.clock.advance(by: .seconds(seconds))
                for name in ["a", "b"] { _ = try await house.client().createWebhook(NewWebhook(name: name)) }
            }

            let verdict = try await house.client().verifyAudit()

            let entries = try await entries(house)
            #expect(verdict.isIntact && verdict.fault == nil)
            #expect(verdict.entries == Int64(entries.count) && verdict.head == entries.first?.hash)
            #expect(entries.map(\.sequence) == (1...Int64(entries.count)).reversed())
        }
    }

    @Test(arguments: Tampering.allCases)
    func `N8 whoever alters the log in the database is found out, at the first entry that is wrong`(
        tampering: Tampering
    ) async throws {
        try await TestHouse.open { house async throws in
            for name in ["a", "b", "c"] { _ = try await house.client().createWebhook(NewWebhook(name: name)) }
            let last = try #require(try await entries(house).first).sequence
            #expect(try await house.client().verifyAudit().isIntact)

            try await house.house.store.write { [organization = house.made.organization] transaction in
                try tampering.happen(in: organization, transaction.connection)
            }

            let verdict = try await house.client().verifyAudit()
            #expect(!verdict.isIntact)
            #expect(verdict.fault?.sequence == tampering.foundAt(last: last), "\(verdict)")
            #expect(verdict.entries == tampering.foundAt(last: last) - 1)
        }
    }

    @Test func `N8 who makes all hashes anew without the key is found out by who has it`() async throws {
        try await TestHouse.open { house async throws in
            for name in ["a", "b", "c"] { _ = try await house.client().createWebhook(NewWebhook(name: name)) }
            let key = try #require(Hex.bytes(try await house.client().auditKey().key))

            try await house.house.store.write { [organization = house.made.organization] transaction in
                let connection = transaction.connection
                try connection.execute("UPDATE audit_entries SET details = '{}' WHERE sequence = 3")
                let forger = AuditKey(bytes: Data(count: 32))
                var (sequence, previous) = (Int64(0), AuditChain.start)
                for entry in try AuditTable(connection).chain(of: organization, behind: 0, limit: .max) {
                    let link = AuditChain.link(entry.entry, behind: sequence, previous, key: forger)
                    let mac = sequence < 2 ? entry.link.mac : link.mac
                    try connection.execute(
                        """
                        UPDATE audit_entries SET previous = \(link.previous), hash = \(link.hash), mac = \(mac)
                        WHERE id = \(entry.entry.id)
                        """)
                    (sequence, previous) = (link.sequence, link.hash)
                }
                try connection.execute("UPDATE audit_heads SET hash = \(previous) WHERE organization = \(organization)")
            }

            let found = try await house.client().verifyAudit().fault
            #expect(found?.sequence == 3)
            let lines = try await export(house)
            #expect(verdict(lines, key: nil).fault == nil)
            #expect(verdict(lines, key: key).fault?.sequence == 3)
        }
    }

    @Test func `N8 entries from before there was a chain are linked once, oldest first`() async throws {
        try await TestHouse.open { house async throws in
            for name in ["a", "b", "c"] { _ = try await house.client().createWebhook(NewWebhook(name: name)) }
            let before = try await entries(house)
            try await house.house.store.write { transaction in
                try transaction.connection.execute(
                    "UPDATE audit_entries SET sequence = 0, previous = NULL, hash = NULL, mac = NULL")
                try transaction.connection.execute("DELETE FROM audit_heads")
            }

            try await house.house.desk.adoptAuditLog()
            try await house.house.desk.adoptAuditLog()

            let verdict = try await house.client().verifyAudit()
            #expect(verdict.isIntact && verdict.entries == Int64(before.count))
            #expect(try await entries(house) == before)
            _ = try await house.client().createWebhook(NewWebhook(name: "d"))
            #expect(try await house.client().verifyAudit().entries == Int64(before.count) + 1)
        }
    }

    @Test func `N8 the chain goes on after a restart`() async throws {
        try await TestHouse.openTwice { house async throws in
            _ = try await house.client().createWebhook(NewWebhook(name: "a"))
        } keys: { _, ring in
            ring
        } second: { house async throws in
            let before = try await house.client().verifyAudit()
            _ = try await house.client().createWebhook(NewWebhook(name: "b"))
            let after = try await house.client().verifyAudit()

            #expect(before.isIntact && after.isIntact && after.entries == before.entries + 1)
        }
    }

    // MARK: Export

    @Test func `N8 an export is checked elsewhere, with the key and without it`() async throws {
        try await TestHouse.open { house async throws in
            for name in ["a", "b", "c"] { _ = try await house.client().createWebhook(NewWebhook(name: name)) }
            let key = try #require(Hex.bytes(try await house.client().auditKey().key))
            let other = try await house.client().createOrganization(NewOrganization(name: "Elsewhere"))
            let foreign = try #require(Hex.bytes(try await house.client(other.managementToken).auditKey().key))
            let entries = try await entries(house)

            let lines = try await export(house)

            #expect(lines.count == entries.count + 1)
            for key in [key, nil] {
                let verdict = verdict(lines, key: key)
                #expect(verdict.fault == nil && verdict.entries == Int64(entries.count))
                #expect(verdict.head == entries.first?.hash)
            }
            #expect(foreign != key && verdict(lines, key: foreign).fault?.sequence == 1)
            let shown = try Wire.decode(AuditEntryView.self, from: #require(lines.first))
            #expect(shown == entries.last)
        }
    }

    @Test func `N8 an export that was cut, altered or swapped is found out`() async throws {
        try await TestHouse.open { house async throws in
            for name in ["a", "b", "c"] { _ = try await house.client().createWebhook(NewWebhook(name: name)) }
            let key = try #require(Hex.bytes(try await house.client().auditKey().key))
            let lines = try await export(house)
            let count = Int64(lines.count - 1)
            var altered = lines
            altered[2] = Data(String(decoding: lines[2], as: UTF8.self).replacing("person", with: "robots").utf8)
            altered[2] = altered[2] == lines[2] ? lines[2].dropLast(1) + Data(" }".utf8) : altered[2]
            var swapped = lines
            swapped.swapAt(1, 2)

            for key in [key, nil] {
                #expect(verdict(Array(lines.dropLast()), key: key).fault?.sequence == count + 1)
                #expect(verdict(lines.dropLast(2) + lines.suffix(1), key: key).fault?.sequence == count)
                #expect(verdict(altered, key: key).fault?.sequence == 3)
                #expect(verdict(swapped, key: key).fault?.sequence == 2)
                #expect(verdict(Array(lines.dropFirst()), key: key).fault?.sequence == 1)
                #expect(verdict(lines + lines.suffix(1), key: key).fault != nil)
                #expect(verdict([], key: key).fault?.sequence == 1)
            }
        }
    }

    @Test func `N8 a long log is exported whole while it grows`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "t"))
            let actor = house.owner
            for _ in 0..<550 {
                _ = try await TokenOperations(house.house.desk).deactivate(token.id, actor)
                _ = try await TokenOperations(house.house.desk).activate(token.id, actor)
            }
            async let growing: Void = {
                for name in 0..<20 { _ = try await house.client().createWebhook(NewWebhook(name: "\(name)")) }
            }()

            let verdict = verdict(try await export(house), key: nil)
            try await growing

            #expect(verdict.fault == nil && verdict.entries >= 1105)
            #expect(try await house.client().verifyAudit().isIntact)
        }
    }

    // MARK: Listing and permission

    @Test func `N8 entries are found by actor, action, subject and time, and go on page by page`() async throws {
        try await TestHouse.open { house async throws in
            let admin = try await house.member(.admin)
            house.clock.advance(by: .seconds(60))
            let middle = house.clock.now().text
            let own = try await house.client().createWebhook(NewWebhook(name: "own"))
            let theirs = try await house.client(admin.managementToken).createWebhook(NewWebhook(name: "theirs"))
            house.clock.advance(by: .seconds(60))
            let end = house.clock.now().text
            _ = try await house.client().pauseWebhook(own.id)
            let client = house.client()

            #expect(try await client.auditEntries(actor: admin.account.text).items.map(\.subject).first == theirs.id)
            #expect(try await client.auditEntries(actor: "owner", action: "webhook.create").items.first?.subject == own.id)
            #expect(try await client.auditEntries(subject: own.id).items.map(\.action) == ["webhook.pause", "webhook.create"])
            #expect(try await client.auditEntries(from: middle, to: end).items.map(\.subject) == [theirs.id, own.id])
            #expect(try await client.auditEntries(from: end).items.map(\.action) == ["webhook.pause"])
            #expect(try await client.auditEntries(action: "key.rotate").items.isEmpty)
            var paged: [AuditEntryView] = []
            var after: String?
            repeat {
                let page = try await client.auditEntries(after: after, limit: 3)
                paged += page.items
                after = page.next
            } while after != nil
            #expect(try await paged == entries(house))
        }
    }

    @Test func `N8 what can't be looked for in the log is refused`() async throws {
        let cases: [(query: String, field: String)] = [
            ("action=everything", "action"), ("actor=nobody@example.com", "actor"), ("from=then", "from"),
            ("colour=red", "colour"),
        ]
        try await TestHouse.open { house async throws in
            for (query, field) in cases {
                let answer = try await house.api(.GET, "audit?\(query)")

                #expect(answer.status == 400 && answer.problem?.field == field, "\(query) \(field)")
            }
        }
    }

    @Test func `N8 who manages users reads the log, only an owner its key, and that the key was read stands in it`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let admin = try await house.member(.admin).managementToken
            let member = try await house.member(.member).managementToken
            for path in ["audit", "audit/export", "audit/verify", "audit/key"] {
                #expect(try await house.request(.GET, path).status == 401)
                #expect(try await house.api(.GET, path, token: member).status == 403)
                #expect(try await house.api(.GET, path, token: admin).status == (path == "audit/key" ? 403 : 200))
            }

            let key = try await house.api(.GET, "audit/key")

            #expect(key.status == 200 && key.headers.first(name: "Cache-Control") == "no-store")
            #expect(try Wire.decode(AuditKeyView.self, from: key.body).key.count == 64)
            #expect(try await house.client().auditEntries(action: "audit.key_read").items.count == 1)
            let export = try await house.api(.GET, "audit/export")
            #expect(export.headers.first(name: "Content-Type") == "application/jsonl")
        }
    }

    // MARK: Helpers of the above

    /// What somebody may do to the log who can write the database.
    enum Tampering: CaseIterable, Sendable {
        case details, actor, moment, action, removal, removalOfLast, exchange, displacement, copy, forgery

        func happen(in organization: ID<Organization>, _ connection: any Connection) throws {
            switch self {
            case .details: try connection.execute("UPDATE audit_entries SET details = '{}' WHERE sequence = 3")
            case .actor: try connection.execute("UPDATE audit_entries SET actor = NULL WHERE sequence = 3")
            case .moment: try connection.execute("UPDATE audit_entries SET at = at + 1000 WHERE sequence = 3")
            case .action: try connection.execute("UPDATE audit_entries SET action = 'token.edit' WHERE sequence = 3")
            case .removal: try connection.execute("DELETE FROM audit_entries WHERE sequence = 3")
            case .removalOfLast:
                try connection.execute(
                    "DELETE FROM audit_entries WHERE sequence = (SELECT MAX(sequence) FROM audit_entries)")
            case .exchange:
                try connection.execute(
                    "UPDATE audit_entries SET sequence = 7 - sequence WHERE sequence = 3 OR sequence = 4")
            case .displacement: try connection.execute("UPDATE audit_entries SET sequence = 0 WHERE sequence = 3")
            case .copy:
                try connection.execute(
                    """
                    INSERT INTO audit_entries SELECT id + 100, organization, at, actor, actor_token, action, subject, details,
                        sequence, previous, hash, mac
                    FROM audit_entries WHERE sequence = 3
                    """)
            case .forgery:
                let last = try AuditTable(connection).head(of: organization)
                let entry = AuditEntry(
                    id: OrderedID(number: .max - 1), organization: organization, at: Timestamp(seconds: 1), actor: nil,
                    actorToken: nil, action: .tokenEdit, subject: "x", details: [:])
                try AuditTable(connection).append(entry, key: AuditKey(bytes: Data(repeating: UInt8(last.sequence), count: 32)))
            }
        }

        func foundAt(last: Int64) -> Int64 {
            switch self {
            case .details, .actor, .moment, .action, .removal, .exchange, .displacement: 3
            // The copy stands where the entry behind it should.
            case .copy: 4
            case .removalOfLast: last
            case .forgery: last + 1
            }
        }
    }

    private func entries(_ house: TestHouse) async throws -> [AuditEntryView] {
        try await house.client().auditEntries(limit: 500).items
    }

    private func export(_ house: TestHouse) async throws -> [Data] {
        try await house.api(.GET, "audit/export").body.split(separator: UInt8(ascii: "\n")).map { Data($0) }
    }

    private func verdict(_ lines: [Data], key: Data?) -> AuditChain.Verdict {
        var verifier = AuditChain.Verifier(key: key)
        for line in lines { _ = verifier.take(line: line) }
        return verifier.finish()
    }
}

/// Does each kind of act once, and looks what the log says of it.
private struct ActsOfAll {
    let house: TestHouse
    /// All names that are needed on the way.
    private let things: Things
    private let browser: Browser

    private struct Things {
        let robot: String
        let webhook: String
        let token: String
        let offToken: String
        let invitee: String
        let joiner: Actor
        let joinCode: String
        var person: Person
        let integrationSecret: String
        let activation: String
        let scopeless: String
    }

    private typealias Act = (AuditEntry.Action, () async throws -> Void)

    init(_ house: TestHouse) async throws {
        self.house = house
        let client = house.client()
        let offToken = try await client.createToken(NewToken(kind: "api", name: "off"))
        _ = try await client.deactivateToken(offToken.id)
        let lapsing = try await client.createToken(NewToken(kind: "api", name: "held"))
        _ = try await client.deactivateToken(lapsing.id)
        let lapsed = try #require(lapsing.secret)
        #expect(try await house.call(bearer: lapsed).status == 401)
        _ = try await client.activateToken(lapsing.id)
        let elsewhere = try await house.stranger()
        let joiner = try await AccountOperations(house.house.desk).create(
            .init(kind: .person, name: "Far", login: "far@example.com", role: .member, withToken: false), elsewhere)
        let person = try await house.person()
        let hits = try await house.hitsCredential("Old")
        let report = try await house.report(.hits, #"{"resource":"r","hits":1}"#, bearer: house.activate(hits.secret))
        #expect(report.status == 202)
        _ = try await client.createCredential(NewCredential(type: "deploy", name: "Deploys"))
        things = Things(
            robot: try await client.createAccount(NewAccount(kind: "service", name: "robot")).id,
            webhook: try await client.createWebhook(NewWebhook(name: "w")).id,
            token: try await client.createToken(NewToken(kind: "api", name: "t")).id, offToken: offToken.id,
            invitee: try await client.createAccount(NewAccount(kind: "person", name: "New", login: "new@example.com")).id,
            joiner: Actor(
                organization: elsewhere.organization, account: joiner.member.account.id, role: .member, token: nil),
            joinCode: try await client.invite(NewInvitation(login: "far@example.com")).code, person: person,
            integrationSecret: hits.secret,
            activation: try #require(try await client.activations(of: "Old").items.first?.id),
            scopeless: try await house.scopelessToken())
        browser = try await house.browser(of: person)
    }

    /// Returns the kinds of act that were done, and reports those that did not leave exactly one entry.
    func run() async throws -> Set<AuditEntry.Action> {
        var done: Set<AuditEntry.Action> = []
        for (action, act) in all {
            house.clock.advance(by: .seconds(31))
            let before = try await entries().first?.sequence ?? 0
            try await act()
            let new = try await entries().prefix { $0.sequence > before }
            #expect(new.map(\.action) == [action.rawValue])
            done.insert(action)
        }
        return done
    }

    private var all: [Act] {
        others + accounts + access + tokens + integrations + applications + flows + deliveries + keys
    }

    private var others: [Act] {
        [
            (.organizationCreate, { try await post("organizations", #"{"name":"Elsewhere"}"#) }),
            (.organizationChange, { _ = try await house.client().editOrganization(OrganizationEdit(name: "New")) }),
            (.webhookCreate, { try await post("webhooks", #"{"name":"x"}"#) }),
            (
                .webhookEdit,
                {
                    let edit = WebhookEdit(retentionDays: .set(7))
                    _ = try await house.client().editWebhook(things.webhook, edit)
                }
            ),
            (.webhookPause, { try await post("webhooks/\(things.webhook)/pause") }),
            (.webhookResume, { try await post("webhooks/\(things.webhook)/resume") }),
            (.accountSweepConfirm, { try await post("accounts/sweep") }),
            (.heldRelease, { try await post("held/release", #"{"all":true}"#) }),
            (.auditKeyRead, { _ = try await house.client().auditKey() }),
        ] + (TestDatabase.isEmbedded ? [(.backupMake, { try await post("backup") })] : [])
    }

    private var accounts: [Act] {
        [
            (.accountCreate, { try await post("accounts", #"{"kind":"service","name":"x"}"#) }),
            (.accountEdit, { _ = try await house.client().editAccount(things.robot, AccountEdit(name: "new")) }),
            (.accountDeactivate, { try await post("accounts/\(things.robot)/deactivate") }),
            (.accountActivate, { try await post("accounts/\(things.robot)/activate") }),
            (.accountDelete, { try await house.client().deleteAccount(things.robot) }),
            (.accountInvite, { try await post("accounts/\(things.invitee)/invite") }),
            (
                .accountJoin,
                {
                    _ = try await PersonOperations(house.house.desk).acceptInvitation(code: things.joinCode, things.joiner)
                }
            ),
        ]
    }

    private var access: [Act] {
        let person = things.person
        let path = "accounts/\(person.id)"
        let password = "a good long one"
        return [
            (.sessionStart, { _ = try await house.browser(of: person) }),
            (
                .accountPasswordSet,
                {
                    try await inSession(
                        .POST, "me/password", #"{"password":"\#(person.password)","new_password":"\#(password)"}"#)
                }
            ),
            (
                .accountSecondFactorAdd,
                {
                    let same = Person(id: person.id, login: person.login, password: password)
                    _ = try await house.addSecondFactor(to: same, in: browser)
                }
            ),
            (
                .sessionSecondFactorFailed,
                {
                    let refused = try await Browser(house).signIn(person.login, password, code: "12345")
                    #expect(refused.status == 401)
                }
            ),
            (
                .accountSecondFactorRemove,
                { try await inSession(.POST, "me/second-factor/remove", #"{"password":"\#(password)"}"#) }
            ),
            (.sessionEnd, { try await inSession(.DELETE, "sessions/current", nil) }),
            (.accountBlockSignIn, { try await post("\(path)/block-sign-in") }),
            (.accountAllowSignIn, { try await post("\(path)/allow-sign-in") }),
            (.accountEndSessions, { try await post("\(path)/end-sessions") }),
            (.accountPasswordReset, { try await post("\(path)/password-reset") }),
        ]
    }

    private var tokens: [Act] {
        let path = "tokens/\(things.token)"
        return [
            (.tokenCreate, { try await post("tokens", #"{"kind":"api","name":"x"}"#) }),
            (.tokenEdit, { _ = try await house.client().editToken(things.token, TokenEdit(name: "new")) }),
            (.tokenRotate, { try await post("\(path)/rotate") }),
            (.tokenEndOverlap, { try await post("\(path)/end-overlap") }),
            (.tokenTransfer, { try await post("\(path)/transfer", #"{"to":"\#(things.person.id)"}"#) }),
            (.tokenDeactivate, { try await post("\(path)/deactivate") }),
            (.tokenActivate, { try await post("\(path)/activate") }),
            (.tokenDelete, { try await house.client().deleteToken(things.offToken) }),
        ]
    }

    private var integrations: [Act] {
        [
            (.credentialCreate, { try await post("credentials", #"{"type":"hits_failure","name":"New"}"#) }),
            (.credentialEdit, { try await ask(.PATCH, "credentials/New", #"{"description":"d"}"#) }),
            (.credentialRegenerate, { try await post("credentials/New/regenerate") }),
            (.credentialReveal, { try await post("credentials/New/reveal", "{}") }),
            (
                .revealRefuse,
                {
                    let refused = try await house.api(.POST, "credentials/New/reveal", "{}", token: things.scopeless)
                    #expect(refused.status == 403)
                }
            ),
            (.credentialDelete, { try await ask(.DELETE, "credentials/New", #"{"confirm_name":"New"}"#) }),
            (.activationCreate, { _ = try await house.activate(things.integrationSecret) }),
            (.activationRevoke, { try await ask(.DELETE, "credentials/Old/activations/\(things.activation)") }),
            (.resourceEdit, { try await ask(.PATCH, "resources/r", #"{"objective":99}"#) }),
            (.resourceDelete, { try await ask(.DELETE, "resources/r") }),
            (.variableSet, { try await ask(.PUT, "secret-variables/V", #"{"value":"v"}"#) }),
            (.variableDelete, { try await ask(.DELETE, "secret-variables/V") }),
        ]
    }

    private var applications: [Act] {
        [
            (.applicationCreate, { try await post("applications", #"{"name":"shop"}"#) }),
            (.applicationEdit, { try await ask(.PATCH, "applications/shop", #"{"description":"d"}"#) }),
            (.applicationRegenerate, { try await post("applications/shop/token/regenerate") }),
            (.applicationReveal, { try await post("applications/shop/token/reveal", "{}") }),
            (.applicationDelete, { try await ask(.DELETE, "applications/shop", #"{"confirm_name":"shop"}"#) }),
        ]
    }

    private var flows: [Act] {
        [
            (
                .destinationCreate,
                {
                    try await post(
                        "destinations",
                        #"{"name":"far","kind":"standard-webhooks","settings":{"url":"https://example.com/hook"}}"#)
                }
            ),
            (.destinationEdit, { try await ask(.PATCH, "destinations/far", #"{"concurrency":2}"#) }),
            (.destinationRotate, { try await post("destinations/far/rotate") }),
            (.destinationReveal, { try await post("destinations/far/reveal", "{}") }),
            (.destinationDisable, { try await post("destinations/far/disable") }),
            (.flowCreate, { try await post("flows", #"{"name":"f","webhook":"w","destinations":["far"]}"#) }),
            (.flowEdit, { try await ask(.PATCH, "flows/f", #"{"description":"d"}"#) }),
            (.flowPause, { try await post("flows/f/pause") }),
            (.flowResume, { try await post("flows/f/resume") }),
        ]
    }

    private var deliveries: [Act] {
        [
            (.eventReplay, { try await post("events/\(try await lastEvent())/replay") }),
            (.deliveryCancel, { try await post("deliveries/\(try await delivery())/cancel") }),
            (.deliveryRetry, { try await post("deliveries/\(try await delivery())/retry") }),
            (.replayStart, { try await post("replays", #"{"webhook":"w","rate_per_second":1}"#) }),
            (
                .replayCancel,
                {
                    let replay = try #require(try await house.client().replays().items.first)
                    try await post("replays/\(replay.id)/cancel")
                }
            ),
            (.flowArchive, { try await post("flows/f/archive") }),
            (.destinationEnable, { try await post("destinations/far/enable") }),
            (.destinationDelete, { try await ask(.DELETE, "destinations/far") }),
        ]
    }

    // More than a replay of one event a second gets through before it is cancelled.
    private func lastEvent() async throws -> String {
        for _ in 0..<9 { _ = try await house.call(things.webhook, bearer: house.made.apiToken) }
        return try #require(try await house.call(things.webhook, bearer: house.made.apiToken).event)
    }

    // The newest one.
    private func delivery() async throws -> String {
        try #require(try await house.client().deliveries().items.first).id
    }

    private var keys: [Act] {
        [
            (.keyRotate, { try await post("keys/rotate") }),
            (
                .keyRetire,
                {
                    _ = try await house.client().status()
                    try await house.settle()
                    try await house.client().retireKey(1, RetireKey(force: true))
                }
            ),
        ]
    }

    private func entries() async throws -> [AuditEntryView] {
        try await house.client().auditEntries(limit: 20).items
    }

    private func post(_ path: String, _ json: String? = nil) async throws {
        try await ask(.POST, path, json)
    }

    private func ask(_ method: HTTPMethod, _ path: String, _ json: String? = nil) async throws {
        let answer = try await house.api(method, path, json)
        #expect((200..<300).contains(answer.status), "\(path)")
    }

    private func inSession(_ method: HTTPMethod, _ path: String, _ json: String?) async throws {
        let answer = try await browser.request(method, path, json)
        #expect((200..<300).contains(answer.status), "\(path)")
    }
}
