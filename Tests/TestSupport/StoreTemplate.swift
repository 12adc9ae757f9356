import Domain
import Foundation
import Storage
import Synchronization

/// A store that is made once in a process and copied for each test: to migrate one takes longer than most tests.
package struct StoreTemplate: Sendable {
    private let source: Source

    private enum Source: Sendable {
        case folder(URL)
        case database(PostgresDatabase)
    }

    /// A store with its schema and nothing in it.
    ///
    /// - Parameters:
    ///   - isEmbedded: whether it is one of the embedded database.
    ///   - isDurable: where it is not, whether the PostgreSQL keeps what it acknowledged.
    package static func migrated(isEmbedded: Bool = TestDatabase.isEmbedded, isDurable: Bool) async throws -> StoreTemplate {
        try await migrated.value(isEmbedded: isEmbedded, isDurable: isDurable)
    }

    private static let migrated = OncePerDatabase { try await StoreTemplate(isEmbedded: $0, isDurable: $1) }

    /// Makes a store, fills it, and closes it.
    ///
    /// - Parameters:
    ///   - isEmbedded: whether copies are of the embedded database.
    ///   - isDurable: whether copies are on a database that keeps what it acknowledged.
    package init(
        isEmbedded: Bool = TestDatabase.isEmbedded, isDurable: Bool, fill: (Store) async throws -> Void = { _ in }
    ) async throws {
        let folder = TestDatabase.newFolder("template", isDurable: false)
        let database = isEmbedded ? nil : try await TestDatabase.make(isDurable: isDurable)
        let engine: any Engine =
            if let database {
                try PostgresEngine(conninfo: database.conninfo, isUnsafe: !isDurable)
            } else {
                try SQLiteEngine(folder: folder, synchronous: .normal)
            }
        let store = try await Store(engine: engine, clock: HandClock())
        try await fill(store)
        // Nobody writes any more, and nobody is connected to a database that is to be copied.
        try await store.close()
        source = database.map { .database($0) } ?? .folder(folder)
    }

    /// Puts a copy where a store is to find it.
    ///
    /// - Parameter folder: does not exist yet; a copy of the embedded database stands in it.
    /// - Returns: the copy, if it is on PostgreSQL.
    package func copy(to folder: URL, isDurable: Bool) async throws -> PostgresDatabase? {
        switch source {
        case .folder(let template):
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            // With what its log holds; a query-only reader that was closed last leaves that behind.
            for file in try FileManager.default.contentsOfDirectory(atPath: template.path) where file.hasPrefix("inlet.db") {
                try FileManager.default.copyItem(
                    at: template.appendingPathComponent(file), to: folder.appendingPathComponent(file))
            }
            return nil
        case .database(let template):
            return try await TestDatabase.make(copying: template, isDurable: isDurable)
        }
    }
}

/// Something that is made once in a process for each kind of database, when it is first asked for.
final class OncePerDatabase<Value: Sendable>: Sendable {
    private struct Kind: Hashable {
        let isEmbedded: Bool
        let isDurable: Bool
    }

    private let made = Mutex<[Kind: Task<Value, any Error>]>([:])
    private let make: @Sendable (_ isEmbedded: Bool, _ isDurable: Bool) async throws -> Value

    init(_ make: @escaping @Sendable (_ isEmbedded: Bool, _ isDurable: Bool) async throws -> Value) {
        self.make = make
    }

    func value(isEmbedded: Bool, isDurable: Bool) async throws -> Value {
        // A copy of an embedded database may stand anywhere, so one serves both.
        let kind = Kind(isEmbedded: isEmbedded, isDurable: isDurable && !isEmbedded)
        let task = made.withLock { made in
            let task = made[kind] ?? Task { [make] in try await make(kind.isEmbedded, kind.isDurable) }
            made[kind] = task
            return task
        }
        return try await task.value
    }
}
