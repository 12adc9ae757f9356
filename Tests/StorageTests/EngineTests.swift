import Domain
import Foundation
import Storage
import Synchronization
import TestSupport
import Testing

@Suite(.tags(.store, .durable)) struct EngineTests {
    @Test func `N1 the writer keeps a WAL and flushes every commit to disk`() async throws {
        try await withEmbedded { store, _, _ in
            let (mode, level) = try await store.write { transaction in
                (
                    try transaction.connection.row("PRAGMA journal_mode")?.text("journal_mode"),
                    try transaction.connection.row("PRAGMA synchronous")?.integer("synchronous")
                )
            }

            #expect(mode == "wal")
            #expect(level == 2)
        }
    }

    @Test func `A reader can never write`() async throws {
        try await withStore { store in
            await #expect(throws: StorageError.self) {
                try await store.read { try $0.execute("DELETE FROM events") }
            }
        }
    }

    @Test func `A second server on the same folder is refused, and may have it once the first is gone`() async throws {
        try await withEmbedded { store, _, folder in
            #expect(throws: StorageError.self) { try SQLiteEngine(folder: folder) }

            try await store.close()

            let second = try SQLiteEngine(folder: folder)
            try second.close()
        }
    }

    @Test func `A transaction that fails leaves nothing behind`() async throws {
        struct Stop: Error {}
        try await withStore { store in
            await #expect(throws: Stop.self) {
                try await store.write { transaction in
                    try UsageTable(transaction.connection).add(1, on: 5, in: .random())
                    throw Stop()
                }
            }

            let usage = try await store.read { try UsageTable($0).all(on: 5) }
            #expect(usage.isEmpty)
        }
    }

    @Test func `A value of the wrong type is refused by the table itself`() async throws {
        try await withStore { store in
            await #expect(throws: StorageError.self) {
                try await store.write { transaction in
                    try transaction.connection.execute(
                        "INSERT INTO daily_usage (organization, day, accepted) VALUES (\("o"), \("no number"), \(1))")
                }
            }
        }
    }

    @Test func `Bytes, empty and with every value, come back as they went in`() async throws {
        try await withStore { store in
            let organization = ID<Organization>.random()
            let bodies = [Data(), Data([0]), Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0) })]
            try await store.write { transaction in
                try EventTable(transaction.connection).insert(
                    bodies.enumerated().map {
                        sampleEvent(Int64($0) + 1, organization: organization, webhook: .random(), body: $1)
                    })
            }

            for (index, body) in bodies.enumerated() {
                let kept = try await store.read {
                    try EventTable($0).body(of: OrderedID(number: Int64(index) + 1), in: organization)?.bytes
                }
                #expect(kept == body)
            }
        }
    }
}

@Suite(.tags(.store)) struct ObserverTests {
    final class Watcher: CredentialObserver {
        let seen = Mutex<[CredentialChange]>([])
        let mayPrepare: Bool

        init(mayPrepare: Bool = true) {
            self.mayPrepare = mayPrepare
        }

        func prepare(
            _ changes: [CredentialChange], _ connection: any Connection
        ) throws -> @Sendable () -> Void {
            guard mayPrepare else { throw StorageError.unavailable("on purpose") }
            return { [self] in seen.withLock { $0 += changes } }
        }

        func prepareAll(_ connection: any Connection) -> @Sendable () -> Void { {} }
    }

    @Test func `Observers know of a change before its writer has its answer`() async throws {
        try await withStore { store in
            let watcher = Watcher()
            store.add(watcher)
            let token = ID<Token>.random()

            try await store.write { $0.announce(.token(token)) }

            #expect(watcher.seen.withLock { $0 } == [.token(token)])
        }
    }

    @Test func `A change that is rolled back is never told`() async throws {
        struct Stop: Error {}
        try await withStore { store in
            let watcher = Watcher()
            store.add(watcher)

            await #expect(throws: Stop.self) {
                try await store.write { transaction in
                    transaction.announce(.token(.random()))
                    throw Stop()
                }
            }

            #expect(watcher.seen.withLock { $0 }.isEmpty)
        }
    }

    @Test func `A change that memory cannot follow is not made`() async throws {
        try await withStore { store in
            store.add(Watcher(mayPrepare: false))

            await #expect(throws: StorageError.self) {
                try await store.write { transaction in
                    try UsageTable(transaction.connection).add(1, on: 5, in: .random())
                    transaction.announce(.token(.random()))
                }
            }

            let usage = try await store.read { try UsageTable($0).all(on: 5) }
            #expect(usage.isEmpty)
        }
    }
}

@Suite(.tags(.store)) struct MigratorTests {
    @Test func `Opening a store again changes nothing`() async throws {
        try await withEmbedded { store, engine, _ in
            let steps = try await store.read { try $0.rows("SELECT * FROM schema_migrations ORDER BY number").count }

            _ = try await Store(engine: engine, clock: FixedClock())

            let again = try await store.read { try $0.rows("SELECT * FROM schema_migrations ORDER BY number").count }
            #expect(steps == Migrator.all.count && again == steps)
        }
    }

    @Test func `A database of a newer Inlet is refused`() async throws {
        try await withEmbedded { _, engine, _ in
            let newer = Migrator(
                migrations: Migrator.all + [
                    Migration(number: Migrator.all.count + 1, name: "of tomorrow") { _ in
                        ["CREATE TABLE tomorrow (id TEXT NOT NULL PRIMARY KEY)"]
                    }
                ])
            try await newer.migrate(engine, clock: FixedClock(), progress: { _ in })

            let error = await #expect(throws: StorageError.self) {
                try await Store(engine: engine, clock: FixedClock())
            }

            #expect(error.map { "\($0)".contains("newer") } ?? false)
        }
    }

    @Test func `A migration that was changed after it ran is refused`() async throws {
        try await withEmbedded { _, engine, _ in
            let changed = Migrator(migrations: [Migration(number: 1, name: "the house") { _ in ["SELECT 1"] }])

            await #expect(throws: StorageError.self) {
                try await changed.migrate(engine, clock: FixedClock(), progress: { _ in })
            }
        }
    }

    @Test func `An upgrade says what it does`() async throws {
        try await withEmbedded { _, engine, _ in
            let steps = Mutex<[String]>([])
            let newer = Migrator(
                migrations: Migrator.all + [
                    Migration(number: Migrator.all.count + 1, name: "more") { _ in
                        ["CREATE TABLE more (id TEXT NOT NULL PRIMARY KEY)"]
                    }
                ])

            try await newer.migrate(engine, clock: FixedClock()) { step in steps.withLock { $0.append(step) } }

            let last = Migrator.all.count + 1
            #expect(steps.withLock { $0 } == ["migration \(last) of \(last): more"])
        }
    }
}

@Suite(.tags(.store)) struct TableTests {
    let organization = ID<Organization>.random()
    let webhook = ID<Webhook>.random()
    let now = Timestamp(seconds: 1_800_000_000)

    @Test func `A dedupe key belongs to its first event for seven days, and to a new one after`() async throws {
        try await withStore { store in
            let (first, again, elsewhere, after) = try await store.write { [webhook, now] transaction in
                let table = DedupeTable(transaction.connection)
                return (
                    try table.claim("k", of: webhook, for: OrderedID(number: 1), now: now),
                    try table.claim("k", of: webhook, for: OrderedID(number: 2), now: now.adding(.days(6))),
                    try table.claim("k", of: ID<Webhook>.random(), for: OrderedID(number: 3), now: now),
                    try table.claim("k", of: webhook, for: OrderedID(number: 4), now: now.adding(.days(7)))
                )
            }

            #expect([first, again, elsewhere, after].map(\.number) == [1, 1, 3, 4])
        }
    }

    @Test func `A dedupe key is told apart by its webhook, also when it comes again`() async throws {
        try await withStore { store in
            let again = try await store.write { [webhook, now] transaction in
                let table = DedupeTable(transaction.connection)
                let other = ID<Webhook>.random()
                _ = try table.claim("k", of: webhook, for: OrderedID(number: 1), now: now)
                _ = try table.claim("k", of: other, for: OrderedID(number: 2), now: now)
                return [
                    try table.claim("k", of: webhook, for: OrderedID(number: 3), now: now),
                    try table.claim("k", of: other, for: OrderedID(number: 4), now: now),
                ]
            }

            #expect(again.map(\.number) == [1, 2])
        }
    }

    @Test func `E6 of the deploys of each application the last ones are kept, and the rest is dropped in steps`() async throws {
        try await withStore { store in
            let (dropped, left) = try await store.write { [organization, now] transaction in
                let connection = transaction.connection
                try OrganizationTable(connection).insert(
                    Organization(
                        id: organization, name: Label(stored: "o"), inactivity: .never, dailyQuota: nil, createdAt: now))
                let busy = Application(
                    id: .random(), organization: organization, name: Label(stored: "busy"), description: .empty, credential: nil,
                    createdAt: now)
                let quiet = Application(
                    id: .random(), organization: organization, name: Label(stored: "quiet"), description: .empty, credential: nil,
                    createdAt: now)
                let table = DeployTable(connection)
                for application in [busy, quiet] { try ApplicationTable(connection).insert(application) }
                for number in 1...12 {
                    _ = try table.insert(Self.deploy(Int64(number), of: number > 10 ? quiet.id : busy.id, now))
                }
                var dropped: [Int] = []
                for (application, last) in try table.newestBeyond(4) {
                    repeat { dropped.append(try table.drop(of: application, upTo: last, limit: 4)) } while dropped.last == 4
                }
                return (
                    dropped,
                    try [busy, quiet].map { application throws(StorageError) in
                        try table.list(of: application.id, environment: nil, before: nil, limit: 50).map(\.id.number)
                    }
                )
            }

            #expect(dropped == [4, 2])
            #expect(left == [[10, 9, 8, 7], [12, 11]])
        }
    }

    private static func deploy(_ number: Int64, of application: ID<Application>, _ now: Timestamp) -> Deploy {
        Deploy(
            id: OrderedID(number: number), application: application, version: Label(stored: "\(number)"),
            environment: Label(stored: "production"), status: .succeeded, receivedAt: now, remoteAddress: "127.0.0.1")
    }

    @Test func `Expired dedupe keys are dropped in steps`() async throws {
        try await withStore { store in
            let dropped = try await store.write { [webhook, now] transaction in
                let table = DedupeTable(transaction.connection)
                for number in 1...5 {
                    _ = try table.claim("k\(number)", of: webhook, for: OrderedID(number: Int64(number)), now: now)
                }
                let early = try table.dropExpired(now: now.adding(.days(6)), limit: 10)
                let step = try table.dropExpired(now: now.adding(.days(8)), limit: 3)
                return [early, step, try table.dropExpired(now: now.adding(.days(8)), limit: 3)]
            }

            #expect(dropped == [0, 3, 2])
        }
    }

    @Test func `Events are listed newest first, per webhook, and only those of the organization`() async throws {
        try await withStore { store in
            let other = ID<Webhook>.random()
            try await store.write { [organization, webhook] transaction in
                try EventTable(transaction.connection).insert(
                    (1...10).map {
                        sampleEvent($0, organization: organization, webhook: $0.isMultiple(of: 2) ? webhook : other)
                    } + [sampleEvent(11, organization: .random(), webhook: webhook)])
            }

            let (all, some, newer) = try await store.read { [organization, webhook] connection in
                let table = EventTable(connection)
                return (
                    try table.list(in: organization, webhook: nil, before: nil, limit: 3).map(\.id.number),
                    try table.list(in: organization, webhook: webhook, before: OrderedID(number: 8), limit: 3).map(\.id.number),
                    try table.list(
                        in: organization, webhook: webhook, newerThan: OrderedID(number: 4), before: OrderedID(number: .max),
                        limit: 9
                    ).map(\.id.number)
                )
            }

            #expect(all == [10, 9, 8])
            #expect(some == [6, 4, 2])
            #expect(newer == [6, 8, 10])
        }
    }

    @Test func `A listing by webhook reads its index and sorts nothing`() async throws {
        try await withEmbedded { store, _, _ in
            let plan = try await store.read { connection in
                try connection.rows(
                    """
                    EXPLAIN QUERY PLAN SELECT id FROM events
                    WHERE organization = \("o") AND webhook = \("w") AND id < \(9) ORDER BY id DESC LIMIT \(5)
                    """
                ).map { try $0.text("detail") }
            }

            #expect(plan.contains { $0.contains("events_by_webhook") })
            #expect(!plan.contains { $0.contains("TEMP B-TREE") })
        }
    }

    @Test func `The ledger drops what is too old, in steps`() async throws {
        try await withStore { store in
            let dropped = try await store.write { [organization, now] transaction in
                let table = CallTable(transaction.connection)
                try table.insert(
                    (1...5).map { number in
                        RefusedCall(
                            id: OrderedID(number: number), organization: organization, receivedAt: now, webhook: nil,
                            token: nil, cause: "unknown_token", causeAt: nil, status: 401, remoteAddress: "", basicUser: nil,
                            count: 1)
                    })
                return [
                    try table.drop(before: OrderedID(number: 5), limit: 3),
                    try table.drop(before: OrderedID(number: 5), limit: 3),
                ]
            }

            #expect(dropped == [3, 1])
        }
    }
}
