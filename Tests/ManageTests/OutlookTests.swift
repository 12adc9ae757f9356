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

/// What will stop by itself, and the warnings before it does. Row N4.
@Suite(.tags(.store)) struct OutlookTests {
    @Test func `N4 the outlook names what will stop, the soonest first, with the tokens that stop with it`() async throws {
        try await TestHouse.open { house async throws in
            let robot = try await idler(house)
            house.clock.advance(by: .days(35))
            let expiring = try await house.client().createToken(
                NewToken(kind: "api", name: "expiring", expiresAt: house.clock.now().adding(.days(10)).text))
            let rotated = try await house.client().createToken(NewToken(kind: "api", name: "rotated"))
            house.clock.advance(by: .milliseconds(1))
            _ = try await house.client().rotateToken(rotated.id)

            let items = try await house.client().outlook().items

            #expect(items.map(\.kind) == ["overlap_ends", "token_expires", "account_lapses"])
            #expect(items.map(\.subject) == [rotated.id, expiring.id, robot.id])
            #expect(items.map(\.name) == ["rotated", "expiring", "Idler"])
            #expect(items.map(\.daysLeft) == [1, 10, 25])
            #expect(items.map(\.owner) == [house.made.owner.text, house.made.owner.text, robot.id])
            #expect(items.map(\.tokens) == [[rotated.id], [expiring.id], [robot.token]])
            #expect(items[2].at == house.clock.now().adding(.days(25)).adding(.milliseconds(-1)).text)
        }
    }

    @Test func `N4 the outlook looks as far as is asked for`() async throws {
        try await TestHouse.open { house async throws in
            for days in [1, 30, 31, 100] as [Int64] {
                _ = try await house.client().createToken(
                    NewToken(kind: "api", name: "\(days)", expiresAt: house.clock.now().adding(.days(days)).text))
            }
            let names = { (days: Int?) in
                try await house.client().outlook(days: days).items.filter { $0.kind == "token_expires" }.map(\.name)
            }

            #expect(try await names(1) == ["1"])
            #expect(try await names(nil) == ["1", "30"])
            #expect(try await names(31) == ["1", "30", "31"])
            #expect(try await names(365) == ["1", "30", "31", "100", "First management token"])
            for bad in ["0", "366", "x", "-1"] {
                let answer = try await house.api(.GET, "outlook?days=\(bad)")
                #expect(answer.status == 400 && answer.problem?.field == "days", "\(bad)")
            }
        }
    }

    @Test func `N4 what is inactive, or never stops, is not in the outlook`() async throws {
        try await TestHouse.open { house async throws in
            let (off, on) = (try await idler(house), try await idler(house))
            let token = try await house.client().createToken(
                NewToken(kind: "api", name: "t", expiresAt: house.clock.now().adding(.days(5)).text))
            house.clock.advance(by: .milliseconds(1))
            _ = try await house.client().rotateToken(token.id)
            _ = try await house.client().deactivateToken(token.id)
            _ = try await house.client().deactivateAccount(off.id)

            let subjects = try await house.client().outlook(days: 60).items.map(\.subject)

            #expect(subjects.contains(on.id) && !subjects.contains(off.id) && !subjects.contains(token.id))
            _ = try await house.client().editOrganization(OrganizationEdit(inactivityDays: .lift))
            #expect(try await house.client().outlook(days: 60).items.isEmpty)
        }
    }

    @Test func `N4 the outlook agrees with what each account says of itself, and activity puts the end off`() async throws {
        try await TestHouse.open { house async throws in
            let robot = try await idler(house)
            let lapse = { try await house.client().outlook(days: 365).items.first { $0.subject == robot.id }?.at }
            #expect(try await lapse() == house.clock.now().adding(.days(60)).text)
            house.clock.advance(by: .days(20))

            #expect(try await house.call(bearer: robot.secret).status == 202)
            await house.house.housekeeper.flush()

            #expect(try await lapse() == house.clock.now().adding(.days(60)).text)
            #expect(try await house.client().account(robot.id).lapsesAt == lapse())
            _ = try await house.client().editOrganization(OrganizationEdit(inactivityDays: .set(10)))
            #expect(try await lapse() == house.clock.now().adding(.days(10)).text)
        }
    }

    @Test func `N4 everybody in the organization sees the outlook, and nobody else`() async throws {
        try await TestHouse.open { house async throws in
            let robot = try await idler(house)
            let viewer = try await house.member(.viewer)
            let stranger = try await house.stranger()
            let theirs = try await TokenOperations(house.house.desk).create(.init(kind: .management, name: "m"), stranger)

            for path in ["outlook?days=90", "warnings"] {
                #expect(try await house.request(.GET, path).status == 401)
                #expect(try await house.api(.GET, path, token: viewer.managementToken).status == 200)
            }
            #expect(
                try await house.client(viewer.managementToken).outlook(days: 90).items.contains { $0.subject == robot.id })
            #expect(try await !house.client(theirs.secret).outlook(days: 365).items.contains { $0.subject == robot.id })
        }
    }

    // MARK: Warnings

    @Test func `N4 before an account lapses it is warned about after 45, 53 and 59 idle days, once each`() async throws {
        try await TestHouse.open { house async throws in
            let robot = try await idler(house)

            let given = try await warnings(house, days: 60, about: robot.id)

            #expect(given.map(\.day) == [45, 53, 59])
            #expect(given.map(\.mark) == [15, 7, 1])
            let listed = try await house.client().warnings().items.filter { $0.subject == robot.id }
            #expect(listed.map(\.daysLeft) == [1, 7, 15])
            #expect(listed.allSatisfy { $0.kind == "account_lapses" && $0.name == "Idler" && $0.deliveredAt == nil })
            #expect(listed.allSatisfy { $0.dueAt == house.clock.now().text })
            #expect(try await house.client().account(robot.id).state == "inactive")
        }
    }

    @Test func `N4 before a token expires it is warned about 14, 7 and 1 days ahead, once each`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(
                NewToken(kind: "api", name: "t", expiresAt: house.clock.now().adding(.days(20)).text))

            let given = try await warnings(house, days: 20, about: token.id)

            #expect(given.map(\.day) == [6, 13, 19])
            #expect(given.map(\.mark) == [14, 7, 1])
        }
    }

    @Test func `N4 before an overlap ends it is warned about, once for each mark that lies within it`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "t"))
            house.clock.advance(by: .milliseconds(1))
            _ = try await house.client().rotateToken(token.id, RotateToken(overlapSeconds: 604_800))

            let given = try await warnings(house, days: 7, about: token.id)

            #expect(given.map(\.day) == [1, 6])
            #expect(given.map(\.mark) == [7, 1])
        }
    }

    @Test func `N4 after new activity warnings begin anew`() async throws {
        try await TestHouse.open { house async throws in
            let robot = try await idler(house)
            #expect(try await warnings(house, days: 54, about: robot.id).map(\.mark) == [15, 7])

            _ = try await house.call(bearer: robot.secret)

            let later = try await warnings(house, days: 60, about: robot.id)
            #expect(later.map(\.day) == [45, 53, 59])
        }
    }

    @Test func `N4 an account in regular use is never warned about, however few idle days are allowed`() async throws {
        try await TestHouse.open { house async throws in
            let robot = try await idler(house)
            _ = try await house.client().editOrganization(OrganizationEdit(inactivityDays: .set(7)))
            for _ in 0..<10 {
                for secret in [robot.secret, house.made.apiToken] { _ = try await house.call(bearer: secret) }
                for _ in 0..<4 {
                    house.clock.advance(by: .seconds(6 * 3600))
                    try await house.sweep()
                }
            }
            #expect(try await !house.client().warnings().items.contains { $0.subject == robot.id })
            _ = try await house.call(bearer: robot.secret)

            let idle = try await warnings(house, days: 7, about: robot.id)
            #expect(idle.map(\.mark) == [1])
        }
    }

    @Test func `N4 marks that passed while the server was off are not given afterwards`() async throws {
        try await TestHouse.open { house async throws in
            let robot = try await idler(house)
            _ = try await house.client().account(robot.id)
            house.clock.advance(by: .days(56))
            try await house.sweep()
            try await house.sweep()

            let given = try await house.client().warnings().items.filter { $0.subject == robot.id }

            #expect(given.map(\.daysLeft) == [7])
        }
    }

    // MARK: Notifications

    @Test func `N4 a warning is posted to the notification address, once, and shown as delivered`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open([.notificationURL: receiver.url]) { house async throws in
                let token = try await expiring(house, in: 7)
                try await house.sweep()
                let warning = try #require(try await house.client().warnings().items.first)
                house.clock.advance(by: .seconds(5))

                await house.house.notifier.deliver()
                await house.house.notifier.deliver()

                #expect(receiver.posts.count == 1)
                let post = try #require(receiver.posts.first)
                #expect(post.contentType == "application/json")
                #expect(post["type"] == "inlet.warning" && post["id"] == warning.id)
                #expect(post["kind"] == "token_expires" && post["subject"] == token && post["name"] == "expiring")
                #expect(post["organization"] == house.made.organization.text && post["days_left"] == "7")
                #expect(post["at"] == warning.at && post["due_at"] == warning.dueAt)
                #expect(try await house.client().warnings().items.map(\.deliveredAt) == [house.clock.now().text])
            }
        }
    }

    @Test(arguments: [500, 404, 302])
    func `N4 a warning that is not taken is posted again until it is, in order`(status: Int) async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open([.notificationURL: receiver.url]) { house async throws in
                let tokens = [try await expiring(house, in: 1), try await expiring(house, in: 7)]
                try await house.sweep()
                #expect(try await house.client().warnings().items.count == 2)
                receiver.status = status
                await house.house.notifier.deliver()
                #expect(receiver.posts.map { $0["subject"] } == [tokens[0]])
                #expect(try await house.client().warnings().items.allSatisfy { $0.deliveredAt == nil })
                receiver.status = 200

                await house.house.notifier.deliver()

                #expect(receiver.posts.map { $0["subject"] } == [tokens[0], tokens[0], tokens[1]])
                #expect(receiver.posts[0]["id"] == receiver.posts[1]["id"])
                #expect(try await house.client().warnings().items.allSatisfy { $0.deliveredAt != nil })
            }
        }
    }

    @Test func `N4 an address that nobody listens at keeps nothing else from going on`() async throws {
        try await TestHouse.open([.notificationURL: "http://127.0.0.1:1/"]) { house async throws in
            _ = try await expiring(house, in: 1)
            try await house.sweep()

            await house.house.notifier.deliver()

            #expect(try await house.client().warnings().items.map(\.deliveredAt) == [nil])
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
        }
    }

    @Test func `N4 after a week a warning that nobody took is given up`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.open([.notificationURL: receiver.url]) { house async throws in
                _ = try await expiring(house, in: 1)
                receiver.status = 500
                _ = try await house.sweep()
                house.clock.advance(by: .days(7).adding(.milliseconds(1)))
                receiver.status = 200

                await house.house.notifier.deliver()

                #expect(receiver.posts.isEmpty)
                #expect(try await house.client().warnings().items.count == 1)
            }
        }
    }

    // MARK: Helpers of the above

    private func idler(_ house: TestHouse) async throws -> (id: String, token: String, secret: String) {
        let made = try await house.client().createAccount(NewAccount(kind: "service", name: "Idler", withToken: true))
        let token = try #require(made.token)
        return (made.id, token.id, try #require(token.secret))
    }

    private func expiring(_ house: TestHouse, in days: Int64) async throws -> String {
        try await house.client().createToken(
            NewToken(kind: "api", name: "expiring", expiresAt: house.clock.now().adding(.days(days)).text)
        ).id
    }

    /// Lets days pass with two sweeps a day, and says on which of them what was warned about. The first owner is never idle.
    private func warnings(_ house: TestHouse, days: Int64, about subject: String) async throws -> [(day: Int64, mark: Int64)] {
        let start = house.clock.now()
        await house.house.housekeeper.flush()
        for day in 1...days {
            house.clock.advance(by: start.adding(.days(day)).since(house.clock.now()))
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
            for _ in 0..<2 { try await house.sweep() }
        }
        let given = try await house.client().warnings(limit: 500).items.filter { $0.subject == subject && $0.at >= start.text }
        return given.reversed().map { warning in
            ((1...days).first { start.adding(.days($0)).text == warning.at } ?? -1, warning.daysLeft)
        }
    }
}
