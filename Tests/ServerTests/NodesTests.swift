import Client
import Contract
import Domain
import Foundation
import Ingest
import Manage
import ServerSupport
import Storage
import TestSupport
import Testing

/// Several servers on one database: what one does, the others know. On the embedded database there is but one.
@Suite(.tags(.store), .enabled(if: !TestDatabase.isEmbedded, "an embedded database has one server"))
struct NodesTests {
    // Changes are followed in the order in which they were made, so whoever knows of the last one knows of all.
    private func agree(_ houses: [TestHouse]) async throws {
        let secret = try #require(try await houses[0].client().createToken(NewToken(kind: "api", name: "t")).secret)
        for house in houses {
            try await house.until("the change is known") { try await house.call(bearer: secret).status == 202 }
        }
    }

    @Test func `P5 a token that one server deactivates is refused by the others, and one it makes is taken`() async throws {
        try await TestHouse.openSeveral(3) { houses in
            let made = try await houses[0].client().createToken(NewToken(kind: "api", name: "t"))
            let secret = try #require(made.secret)
            for house in houses {
                try await house.until("the token is known") { try await house.call(bearer: secret).status == 202 }
            }

            _ = try await houses[1].client().deactivateToken(made.id)

            #expect(try await houses[1].call(bearer: secret).status == 401)
            for house in houses {
                try await house.until("the token is refused") { try await house.call(bearer: secret).status == 401 }
            }
        }
    }

    @Test func `Each server tells how many there are, and one that stops is not counted any more`() async throws {
        try await TestHouse.openSeveral(2) { houses in
            let first = houses[0]
            try await first.until("both are known") { try await first.client().status().servers == 2 }

            try await houses[1].house.store.close()

            try await first.until("the other is gone") { try await first.client().status().servers == 1 }
        }
    }

    @Test func `Events of all servers have ids of their own and are listed together, and who follows along misses none`()
        async throws
    {
        try await TestHouse.openSeveral(2) { houses in
            let start = try #require(try await houses[0].call(bearer: houses[0].made.apiToken).event)
            let followed = Task {
                var found: [String] = []
                while found.count < 60 {
                    found += try await houses[1].client().events(since: found.last ?? start, limit: 500).items.map(\.id)
                    // What is younger than the clocks may be apart is not given yet.
                    houses[1].clock.advance(by: .milliseconds(20))
                }
                return found
            }
            var ids: Set<String> = []
            try await withThrowingTaskGroup(of: [String].self) { group in
                for house in houses {
                    group.addTask {
                        var ids: [String] = []
                        for _ in 0..<30 { ids.append(try #require(try await house.call(bearer: house.made.apiToken).event)) }
                        return ids
                    }
                }
                for try await some in group { ids.formUnion(some) }
            }

            #expect(ids.count == 60)
            let found = try await followed.value
            #expect(Set(found) == ids && found == found.sorted())
        }
    }

    @Test func `N1 a dedupe key stands for one event, whichever server it comes to`() async throws {
        try await TestHouse.openSeveral(2) { houses in
            let answers = try await withThrowingTaskGroup(of: [String?].self) { group in
                for house in houses {
                    group.addTask {
                        try await (0..<20).asyncMap { number in
                            try await house.call(
                                bearer: house.made.apiToken, headers: [("Idempotency-Key", "key \(number)")]
                            ).event
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }

            #expect(answers[0] == answers[1] && !answers[0].contains(nil))
            #expect(try await houses[0].client().events(limit: 100).items.count == 20)
        }
    }

    @Test func `The day's quota is one for all servers`() async throws {
        try await TestHouse.openSeveral(2) { houses in
            _ = try await houses[0].client().editOrganization(OrganizationEdit(dailyQuota: .set(30)))
            try await agree(houses)
            for house in houses { await house.house.housekeeper.flush() }

            let statuses = try await withThrowingTaskGroup(of: [Int].self) { group in
                for house in houses {
                    group.addTask {
                        try await (0..<30).asyncMap { _ in try await house.call(bearer: house.made.apiToken).status }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }

            #expect(Set(statuses) == [202, 429])
            #expect(try await houses[0].client().events(limit: 100).items.count == 30)
        }
    }

    @Test func `N8 acts on several servers at once make one chain without a gap`() async throws {
        try await TestHouse.openSeveral(3) { houses in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, house) in houses.enumerated() {
                    group.addTask {
                        for index in 0..<10 {
                            _ = try await house.client().createWebhook(NewWebhook(name: "w \(number) \(index)"))
                        }
                    }
                }
                try await group.waitForAll()
            }

            let verdict = try await houses[0].client().verifyAudit()
            #expect(verdict.isIntact)
            #expect(try await houses[1].client().auditEntries(action: "webhook.create", limit: 100).items.count >= 30)
        }
    }

    @Test func `N10 an event is delivered once, whichever server took it, and by one server for each destination`() async throws {
        try await Receiver.open { receiver async throws in
            try await TestHouse.openSeveral(3, TestHouse.near) { houses in
                let first = houses[0]
                for name in ["a", "b", "c", "d"] { try await first.destination(name, at: receiver) }
                try await first.flow(to: ["a", "b", "c", "d"])
                try await agree(houses)
                let before = try await first.client().events(limit: 100).items.count
                var events: [String] = []
                for number in 0..<30 { events.append(try await houses[number % 3].event("\(number)")) }

                for event in events {
                    try await first.until("delivered everywhere") {
                        try await first.client().deliveries(event: event).items.filter { $0.state == "delivered" }.count == 4
                    }
                }

                // Those by which the servers agreed went the same way.
                try await first.until("everything is delivered") { receiver.posts.count >= 4 * (30 + before - 1) }
                let ids = receiver.posts.map { "\($0.target) \($0.headers["webhook-id"] ?? "")" }
                #expect(Set(ids).count == ids.count)
                try await first.until("each knows of all") { houses.allSatisfy { $0.house.store.place.servers == 3 } }
                for name in ["a", "b", "c", "d"] {
                    let destination = try #require(try await first.client().destinations().items.first { $0.name == name })
                    #expect(houses.filter { $0.house.store.place.sends(to: ID(stored: destination.id)) }.count == 1)
                }
            }
        }
    }

    @Test func `Of several servers one leads, and another does when that one ends`() async throws {
        try await TestHouse.openSeveral(2) { houses in
            let places = houses.map(\.house.store.place)
            try await houses[0].until("both are known") { places.allSatisfy { $0.servers == 2 } }
            #expect(places.filter(\.isLeader).count == 1)
            let leader = try #require(places.firstIndex { $0.isLeader })

            try await houses[leader].house.store.close()

            let other = houses[1 - leader]
            try await other.until("the other one leads") { other.house.store.place.isLeader }
        }
    }
}
