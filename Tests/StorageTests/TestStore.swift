import Domain
import Foundation
import Storage
import TestSupport

/// A store on the database that the tests run on.
func withStore(_ body: (Store) async throws -> Void) async throws {
    guard !TestDatabase.isEmbedded else { return try await withEmbedded { store, _, _ in try await body(store) } }
    let isDurable = TestDatabase.isDurable
    try await withDatabase { conninfo in
        let store = try await Store(
            engine: PostgresEngine(conninfo: conninfo, isUnsafe: !isDurable), clock: FixedClock())
        try await body(store)
        try await store.close()
    }
}

/// A database on PostgreSQL with our schema and nothing in it.
func withDatabase(_ body: (_ conninfo: String) async throws -> Void) async throws {
    let isDurable = TestDatabase.isDurable
    let template = try await StoreTemplate.migrated(isDurable: isDurable)
    let folder = TestDatabase.newFolder("store", isDurable: isDurable)
    guard let database = try await template.copy(to: folder, isDurable: isDurable) else { return }
    do {
        try await body(database.conninfo)
    } catch {
        try? await database.drop()
        throw error
    }
    try await database.drop()
}

/// A store on a real SQLite file in a folder of its own, which goes away at the end.
func withEmbedded(
    _ body: (Store, SQLiteEngine, URL) async throws -> Void
) async throws {
    let isDurable = TestDatabase.isDurable
    let folder = TestDatabase.newFolder("store", isDurable: isDurable)
    defer { try? FileManager.default.removeItem(at: folder) }
    _ = try await StoreTemplate.migrated(isEmbedded: true, isDurable: isDurable).copy(to: folder, isDurable: isDurable)
    // What is durable is opened as whoever says nothing of durability opens it.
    let engine = try isDurable ? SQLiteEngine(folder: folder) : SQLiteEngine(folder: folder, synchronous: .normal)
    let store = try await Store(engine: engine, clock: FixedClock())
    try await body(store, engine, folder)
    try await store.close()
}

struct FixedClock: WallClock {
    func now() -> Timestamp { Timestamp(seconds: 1_800_000_000) }
}

/// An event as a test needs it.
func sampleEvent(
    _ number: Int64, organization: ID<Organization>, webhook: ID<Webhook>, body: Data = Data("{}".utf8)
) -> (event: Event, body: Data) {
    let event = Event(
        id: OrderedID(number: number), organization: organization, webhook: webhook, token: .random(),
        receivedAt: Timestamp(seconds: number), remoteAddress: "127.0.0.1", query: nil, contentType: nil,
        headersText: "", context: nil, basicUser: nil, bodyBytes: Int64(body.count), bodySHA256: Data(count: 32))
    return (event, body)
}
