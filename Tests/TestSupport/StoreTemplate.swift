import Domain
import Foundation
import Storage

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
        switch (isEmbedded, isDurable) {
        case (true, _): try await embedded.value
        case (false, true): try await onDurablePostgres.value
        case (false, false): try await onPostgres.value
        }
    }

    private static let embedded = Task { try await StoreTemplate(isEmbedded: true, isDurable: false) }
    private static let onPostgres = Task { try await StoreTemplate(isEmbedded: false, isDurable: false) }
    private static let onDurablePostgres = Task { try await StoreTemplate(isEmbedded: false, isDurable: true) }

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
