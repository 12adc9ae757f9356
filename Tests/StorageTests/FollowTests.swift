import Dispatch
import Domain
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Storage

/// How stores that share a database follow each other, and what a store does when its connections break.
@Suite(.tags(.store), .enabled(if: !TestDatabase.isEmbedded, "an embedded database has one server"))
struct FollowTests {
    /// Keeps a count of one organization in memory, as a roster keeps credentials.
    private final class Counter: CredentialObserver {
        let organization: ID<Organization>
        let state = Mutex((value: Int64(0), hasGoneBack: false, loads: 0))

        init(_ organization: ID<Organization>) {
            self.organization = organization
        }

        func prepare(_ changes: [CredentialChange], _ connection: any Connection) throws -> @Sendable () -> Void {
            let value = try UsageTable(connection).all(on: 1)[organization] ?? 0
            return { [self] in
                state.withLock { state in
                    if value < state.value { state.hasGoneBack = true }
                    state.value = value
                }
            }
        }

        func prepareAll(_ connection: any Connection) throws -> @Sendable () -> Void {
            let apply = try prepare([], connection)
            return { [self] in
                apply()
                state.withLock { $0.loads += 1 }
            }
        }
    }

    private func count(_ store: Store, _ organization: ID<Organization>) async throws {
        try await store.write { transaction in
            // Read first and written back, which only one at a time may do.
            let value = try UsageTable(transaction.connection).all(on: 1)[organization] ?? 0
            try transaction.connection.execute(
                """
                INSERT INTO daily_usage (organization, day, accepted) VALUES (\(organization), 1, \(value + 1))
                ON CONFLICT (organization, day) DO UPDATE SET accepted = \(value + 1)
                """)
            transaction.announce(.organization(organization))
        }
    }

    private func withStores(
        trust: Duration = .seconds(5), _ body: (Store, Store, _ conninfo: String) async throws -> Void
    ) async throws {
        let isUnsafe = !TestDatabase.isDurable
        try await withDatabase { conninfo in
            let engines = try (0..<2).map { _ in try PostgresEngine(conninfo: conninfo, isUnsafe: isUnsafe) }
            let one = try await Store(engine: engines[0], clock: FixedClock(), trust: trust)
            let two = try await Store(engine: engines[1], clock: FixedClock(), trust: trust)
            try await body(one, two, conninfo)
            try await one.close()
            try await two.close()
        }
    }

    @Test func `P5 what two servers change at once is counted once each, and memory never goes back`() async throws {
        try await withStores { one, two, _ in
            let organization = ID<Organization>.random()
            let counters = [Counter(organization), Counter(organization)]
            for (store, counter) in zip([one, two], counters) { store.add(counter) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for store in [one, two] {
                    group.addTask { for _ in 0..<100 { try await count(store, organization) } }
                    group.addTask { for _ in 0..<100 { try await store.follow() } }
                }
                try await group.waitForAll()
            }
            for store in [one, two] { try await store.follow() }

            for counter in counters {
                #expect(counter.state.withLock { $0.value } == 200)
                #expect(counter.state.withLock { !$0.hasGoneBack })
            }
        }
    }

    @Test func `P5 a verdict that rests on too old a memory names what it knew, and the database knows what came after`()
        async throws
    {
        try await withStores(trust: .zero) { one, two, _ in
            func last() async throws -> Int64 { try await two.write(in: .calls) { try two.lastChange($0.connection) } }
            let before = try #require(two.basis)
            var known = try await last()
            #expect(before == known)

            try await count(one, .random())
            let late = try #require(two.basis)
            known = try await last()
            #expect(late < known)

            try await two.follow()
            #expect(late < known && two.basis == known)
        }
    }

    @Test func `Within the time that memory is trusted for a verdict rests on nothing older`() async throws {
        try await withStores(trust: .seconds(3_600)) { one, two, _ in
            try await count(one, .random())

            #expect(two.basis == nil)
        }
    }

    @Test func `Who missed changes that are kept no more reads everything anew`() async throws {
        try await withStores { one, two, _ in
            let organization = ID<Organization>.random()
            let counter = Counter(organization)
            two.add(counter)
            for _ in 0..<5 { try await count(one, organization) }
            let moment = FixedClock().now().adding(.seconds(1))
            let dropped = try await one.write { try ChangeTable($0.connection).drop(before: moment, limit: 100) }

            try await two.follow()

            #expect(dropped == 4)
            #expect(counter.state.withLock { ($0.value, $0.loads) } == (5, 1))
        }
    }

    @Test func `A change outside of the lane for it is refused, and nothing of it stays`() async throws {
        try await withStores { one, _, _ in
            let organization = ID<Organization>.random()
            await #expect(throws: StorageError.self) {
                try await one.write(in: .calls) { transaction in
                    try UsageTable(transaction.connection).add(1, on: 1, in: organization)
                    transaction.announce(.organization(organization))
                }
            }
            let kept = try await one.read { try UsageTable($0).all(on: 1) }
            #expect(kept.isEmpty)
        }
    }

    @Test func `Word of a change comes at once, and again after the connection for it was cut`() async throws {
        try await withStores { one, two, _ in
            let (told, tell) = AsyncStream.makeStream(of: Void.self)
            two.onChange { tell.yield() }
            var words = told.makeAsyncIterator()
            // The first is that it listens.
            await words.next()
            try await count(one, .random())
            await words.next()

            try await one.write { transaction in
                let name = Dialect.applicationName("'listener'")
                _ = try transaction.connection.rows(
                    """
                    SELECT pg_terminate_backend(pid, 10000) AS ended FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = \(sql: name)
                    """
                )
            }

            await words.next()
            try await count(one, .random())
            await words.next()
        }
    }

    @Test func `Connections that were cut are made anew, and nobody notices who was not at work`() async throws {
        try await withStores { one, two, _ in
            let organization = ID<Organization>.random()
            try await count(two, organization)
            _ = try await two.read { try UsageTable($0).all(on: 1) }

            try await one.write { transaction in
                _ = try transaction.connection.rows(
                    """
                    SELECT pg_terminate_backend(pid, 10000) AS ended FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'inlet %'
                    """)
            }

            try await count(two, organization)
            let counts = try await two.read { try UsageTable($0).all(on: 1) }
            #expect(counts == [organization: 2])
        }
    }

    @Test func `Statements that go together are answered in order, and one that fails fails all`() async throws {
        try await withStores { one, _, _ in
            let organization = ID<Organization>.random()
            let changed = try await one.write { transaction in
                let inserts: [SQL] = (0..<250).map { day in
                    "INSERT INTO daily_usage (organization, day, accepted) VALUES (\(organization), \(day), \(day)) RETURNING day"
                }
                let counted = try transaction.connection.run(
                    inserts + ["UPDATE daily_usage SET accepted = 0 WHERE organization = \(organization)"])
                #expect(try counted.prefix(250).map { try $0.rows.first?.integer("day") } == (0..<250).map(Int64.init))
                return counted.last?.changed
            }
            #expect(changed == 250)

            let twice: SQL = "INSERT INTO daily_usage (organization, day, accepted) VALUES (\(organization), 7, 1)"
            let fine: SQL = "DELETE FROM daily_usage WHERE organization = \(organization)"
            await #expect(throws: StorageError.self) {
                try await one.write { _ = try $0.connection.run([fine, twice, twice, fine]) }
            }

            let count = try await one.read {
                try $0.row("SELECT count(*) AS count FROM daily_usage WHERE organization = \(organization)")?.integer("count")
            }
            #expect(count == 250)
        }
    }

    @Test func `A statement that was prepared before a newer server changed the schema is prepared anew`() async throws {
        try await withStores { one, two, _ in
            func names() async throws -> Int { try await two.write { try $0.connection.rows("SELECT * FROM warnings").count } }
            func read() async throws -> Int { try await two.read { try $0.rows("SELECT * FROM warnings").count } }
            let sums = (try await names(), try await read())
            #expect(sums == (0, 0))

            try await one.write { _ = try $0.connection.execute("ALTER TABLE warnings ADD COLUMN extra TEXT") }

            let again = (try await names(), try await read())
            #expect(again == (0, 0))
        }
    }

    @Test func `N1 work that passes a failed statement over is not called kept`() async throws {
        try await withStores { one, _, _ in
            let organization = ID<Organization>.random()
            let insert: SQL = "INSERT INTO daily_usage (organization, day, accepted) VALUES (\(organization), 7, 1)"
            for rest in [[], [insert]] as [[SQL]] {
                await #expect(throws: StorageError.self) {
                    try await one.write { transaction in
                        try transaction.connection.execute(insert)
                        _ = try? transaction.connection.execute(insert)
                        for statement in rest { _ = try? transaction.connection.execute(statement) }
                    }
                }
            }
            try await count(one, organization)
            let days = try await one.read {
                try $0.rows("SELECT day FROM daily_usage WHERE organization = \(organization)").map { try $0.integer("day") }
            }
            #expect(days == [1])
        }
    }

    @Test func `A lane that is busy moves no clock: the database's time is what it says, not when its word was waited for`()
        async throws
    {
        try await withDatabase { conninfo in
            let store = try await Store(engine: PostgresEngine(conninfo: conninfo, isUnsafe: true), clock: MachineClock())
            async let busy: Void = store.write(in: .deliveries) {
                _ = try $0.connection.rows("SELECT pg_sleep(0.5) IS NULL AS slept")
            }
            async let renewed: Void = store.renewPlace()
            _ = try await (busy, renewed)

            #expect(abs(store.place.ahead.microseconds) < 100_000)
            try await store.close()
        }
    }

    @Test func `The difference of the clocks is believed as far as the way there and back leaves no doubt`() {
        let place = Place(Node(id: .random(), number: 1), living: [], isShared: true)
        func sound(ahead: Int64, took: Duration) -> Int64 {
            place.note(
                living: [],
                Place.Sounding(askedAt: .now, ahead: Interval(microseconds: ahead), took: took))
            return place.ahead.microseconds
        }

        #expect(sound(ahead: 3_000, took: .milliseconds(2)) == 0)
        #expect(sound(ahead: 70_000_500, took: .milliseconds(1)) == 70_000_000)
        #expect(sound(ahead: 74_900_000, took: .seconds(5)) == 70_000_000)
        #expect(sound(ahead: -5_000_000, took: .milliseconds(20)) == -5_010_000)
    }

    @Test func `Who reads for long, as a dump does, keeps a part from being made for a second, and calls no longer than that`()
        async throws
    {
        try await withStores { one, two, _ in
            let (reads, tell) = AsyncStream.makeStream(of: Void.self)
            let isOver = DispatchSemaphore(value: 0)
            async let dump: Void = two.read { connection in
                _ = try connection.rows("SELECT id FROM events LIMIT 1")
                tell.yield()
                isOver.wait()
            }
            for await _ in reads { break }
            let day = FixedClock().now().day

            await #expect { try await one.write { try PartTable($0.connection).prepare(day...day) } } throws: { error in
                if case StorageError.unavailable = error { true } else { false }
            }
            isOver.signal()
            try await dump
            try await one.write { try PartTable($0.connection).prepare(day...day) }

            let days = try await one.read { try PartTable($0).list(.events).map(\.day) }
            #expect(days == [day])
        }
    }

    @Test func `N1 a session that may lose what it acknowledged is refused`() async throws {
        try await withDatabase { conninfo in
            let unsafe = conninfo + "&options=-csynchronous_commit%3Doff"

            try PostgresEngine(conninfo: conninfo).close()
            #expect(throws: StorageError.self) { try PostgresEngine(conninfo: unsafe) }
            try PostgresEngine(conninfo: unsafe, isUnsafe: true).close()
        }
    }

    @Test func `Where no database answers it says so in one line`() {
        do {
            try PostgresEngine(conninfo: "postgres://nobody@127.0.0.1:1/none").close()
            Issue.record("nothing can answer there")
        } catch {
            let words = "\(error)"
            #expect(words.contains("127.0.0.1") && !words.contains("\n"))
        }
    }
}

private struct MachineClock: WallClock {
    func now() -> Timestamp { Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)) }
}
