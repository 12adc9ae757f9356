import Domain
import Foundation
import Storage
import TestSupport
import Testing

@testable import Deliver

/// What a look at a destination finds, on a real SQLite.
@Suite(.tags(.store)) struct DueLookTests {
    private let destination = ID<Destination>.random()
    private let now = HandClock.start

    private func delivery(_ number: Int64, attempts: Int = 0, due: Int64 = 0, key: String? = nil) -> Delivery {
        Delivery(
            id: OrderedID(number: number), organization: .random(), webhook: .random(), event: OrderedID(number: number),
            flow: .random(), destination: destination, state: .due, attempts: attempts, dueAt: now.adding(.seconds(due)),
            createdAt: now, orderKey: key)
    }

    private func look(behind key: String, room: Int = 4) -> DueLook {
        DueLook(
            load: DestinationLoad(
                destination: destination, passage: .any, running: 0, concurrency: room, rateTokens: nil, firstAttemptsDue: 0,
                repeatsDue: 0),
            mayHaveKeys: true, lastKey: key, keysPerLook: 10)
    }

    private func withStore(_ deliveries: [Delivery], _ body: (Store) async throws -> Void) async throws {
        let folder = TestDatabase.newFolder("look", isDurable: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        _ = try await StoreTemplate.migrated(isEmbedded: true, isDurable: true).copy(to: folder, isDurable: true)
        let store = try await Store(engine: SQLiteEngine(folder: folder), clock: HandClock())
        try await store.write { try DeliveryTable($0.connection).insert(deliveries) }
        try await body(store)
        try await store.close()
    }

    @Test(arguments: 0..<25)
    func `N1 a key that may go is found behind any number of keys that wait`(ready: Int) async throws {
        let waiting = (0..<25).filter { $0 != ready }.map {
            delivery(Int64($0 + 1), attempts: 1, due: 3_600, key: String(UnicodeScalar(UInt8(65 + $0))))
        }
        let one = delivery(100, key: String(UnicodeScalar(UInt8(65 + ready))))
        try await withStore(waiting + [one]) { store in
            var key = ""
            var found: [Delivery] = []
            // Three looks at ten keys each reach all 25, wherever they begin.
            for _ in 0..<3 where found.isEmpty {
                let look = look(behind: key)
                let seen = try await store.read { [now] in try look.find(at: now, room: 4, $0) }
                found = seen.first
                key = seen.lastKey ?? key
            }

            #expect(found.map(\.id) == [one.id])
        }
    }

    @Test func `N1 of a key only the oldest goes, beside what goes in no order, the longest due first`() async throws {
        let deliveries = [
            delivery(1, due: -10), delivery(2, due: -30, key: "a"), delivery(3, due: -40, key: "a"), delivery(4, due: -20),
            delivery(5, attempts: 1, due: -50, key: "b"),
        ]
        try await withStore(deliveries) { store in
            let look = look(behind: "")
            let found = try await store.read { [now] in try look.find(at: now, room: 4, $0) }

            #expect(found.first.map(\.id.number) == [2, 4, 1])
            #expect(found.again.map(\.id.number) == [5])
            let few = try await store.read { [now] in try look.find(at: now, room: 1, $0) }
            #expect(few.first.map(\.id.number) == [2] && few.nextDue == now)
        }
    }
}
