import Domain
import Foundation
import Storage

/// A store on the database that the tests run on.
func withStore(_ body: (Store) async throws -> Void) async throws {
    guard let conninfo = try await TestDatabase.make() else {
        return try await withEmbedded { store, _, _ in try await body(store) }
    }
    let store = try await Store(engine: PostgresEngine(conninfo: conninfo), clock: FixedClock())
    try await body(store)
    try await store.close()
    try await TestDatabase.drop(conninfo)
}

/// A store on a real SQLite file in a folder of its own, which goes away at the end.
func withEmbedded(
    _ body: (Store, SQLiteEngine, URL) async throws -> Void
) async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("inlet-store-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let engine = try SQLiteEngine(folder: folder)
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
