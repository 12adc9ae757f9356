import Client
import Contract
import Domain
import Foundation
import ServerSupport
import Storage
import Synchronization
import TestSupport
import Testing

@testable import inlet

/// Moving house: from the embedded database to PostgreSQL.
@Suite(.tags(.store, .durable), .enabled(if: !TestDatabase.isEmbedded, "it needs a PostgreSQL to move to"))
struct StoreMoveTests {
    private struct Interrupted: Error {}

    private func furnish(_ house: TestHouse) async throws -> (token: String, events: [String: Data]) {
        let secret = try #require(try await house.client().createToken(NewToken(kind: "api", name: "kept")).secret)
        var events: [String: Data] = [:]
        for body in [Data(), Data((0...255).map { UInt8($0) }), Data(count: 300_000)] + (0..<40).map({ Data("\($0) é".utf8) }) {
            events[try #require(try await house.call(bearer: secret, body: body).event)] = body
        }
        _ = try await house.call()
        _ = try await house.hitsCredential()
        _ = try await house.client().setSecretVariable("KEY", NewSecretVariable(value: "hidden"))
        await house.house.housekeeper.flush()
        return (secret, events)
    }

    private func check(_ house: TestHouse, _ token: String, _ events: [String: Data]) async throws {
        #expect(try await house.call(bearer: token).status == 202)
        for (id, body) in events { #expect(try await house.client().eventBody(id) == body) }
        #expect(try await house.client().events(limit: 500).items.count == events.count + 1)
        #expect(try await house.client().verifyAudit().isIntact)
        #expect(try await house.refusedCalls().map(\.cause) == ["no_credential"])
        #expect(try await house.client().credentials().items.map(\.name) == ["Hits"])
        #expect(try await house.client().status().database == "postgres")
    }

    @Test func `Everything is carried over, compared, and works: tokens, events to the byte, the audit log`() async throws {
        try await TestHouse.move(
            first: furnish,
            between: { settings in
                let moved = try await StoreMove.run(settings, progress: { _ in })
                #expect(moved.first { $0.table == "events" }?.rows == 43)
            }, second: { house, kept in try await check(house, kept.token, kept.events) })
    }

    @Test(arguments: [1, 2, 5, 9]) func `A move that was interrupted goes on where it was`(steps: Int) async throws {
        try await TestHouse.move(
            first: furnish,
            between: { settings in
                let done = Mutex(0)
                await #expect(throws: Interrupted.self) {
                    _ = try await StoreMove.run(settings) { _ in
                        if done.withLock({
                            $0 += 1; return $0
                        }) == steps {
                            throw Interrupted()
                        }
                    }
                }
                _ = try await StoreMove.run(settings, progress: { _ in })
            }, second: { house, kept in try await check(house, kept.token, kept.events) })
    }

    @Test func `What was moved already, or is not the same, is not moved over`() async throws {
        try await TestHouse.move(
            first: furnish,
            between: { settings in
                _ = try await StoreMove.run(settings, progress: { _ in })
                await #expect(throws: StorageError.self) { _ = try await StoreMove.run(settings, progress: { _ in }) }
            }, second: { house, kept in try await check(house, kept.token, kept.events) })
    }

    @Test func `A database in which a row is another one is found out, and no server starts on it`() async throws {
        try await TestHouse.move(
            first: furnish,
            between: { settings in
                await #expect(throws: Interrupted.self) {
                    _ = try await StoreMove.run(settings) { if $0.table == "events" { throw Interrupted() } }
                }
                let engine = try PostgresEngine(conninfo: #require(settings.database), isUnsafe: settings.isUnsafe)
                try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                    engine.enqueueWrite(.steering, { try $0.execute("UPDATE events SET headers = 'x: y' WHERE body_bytes = 0") })
                    {
                        continuation.resume(with: $0.map { _ in })
                    }
                }
                try engine.close()

                await #expect(throws: StorageError.self) { _ = try await StoreMove.run(settings, progress: { _ in }) }

                let store = try await House.openStore(settings, clock: HandClock(), progress: { _ in })
                #expect(try await store.read { try InstallationTable($0).homeOrganization() } == nil)
                try await store.close()
            }, second: nil)
    }
}
