import Crypto
import Domain
import Foundation

/// One step of the schema. Once released it is never edited; a later step mends it.
package struct Migration: Sendable {
    /// Position in the list, from 1.
    package let number: Int
    package let name: String
    package let statements: @Sendable (Dialect) -> [SQL]

    package init(number: Int, name: String, statements: @escaping @Sendable (Dialect) -> [SQL]) {
        self.number = number
        self.name = name
        self.statements = statements
    }

    fileprivate func checksum(in dialect: Dialect) -> String {
        let text = statements(dialect).map(\.text).joined(separator: ";\n")
        return Hex.text(SHA256.hash(data: Data(text.utf8)))
    }
}

/// Brings a database up to the schema this program knows, and refuses any other.
package struct Migrator: Sendable {
    /// All steps in order. A new one is one line here.
    package static let all: [Migration] = [.house, .credentialLife, .integrations, .flows, .events, .languages, .nodes]

    private let migrations: [Migration]

    package init(migrations: [Migration]) {
        self.migrations = migrations
    }

    /// Runs what is missing, each step in a transaction of its own.
    ///
    /// - Parameter progress: is told of each step before it begins.
    /// - Throws: ``StorageError/schema(_:)`` if the database knows a step this program does not, or a step was changed.
    package func migrate(
        _ engine: any Engine, clock: any WallClock, progress: @escaping @Sendable (String) -> Void
    ) async throws {
        let applied = try await engine.write(.steering) { connection in
            try connection.execute(
                """
                CREATE TABLE IF NOT EXISTS schema_migrations (
                    number \(dialect: connection.dialect.integer) NOT NULL PRIMARY KEY,
                    name TEXT NOT NULL,
                    checksum TEXT NOT NULL,
                    applied_at \(dialect: connection.dialect.integer) NOT NULL
                )\(dialect: connection.dialect.strict)
                """)
            return try connection.rows("SELECT number, name, checksum FROM schema_migrations ORDER BY number")
        }
        try check(applied, in: engine.dialect)

        let isUpgrade = !applied.isEmpty
        for migration in migrations.dropFirst(applied.count) {
            if isUpgrade { progress("migration \(migration.number) of \(migrations.count): \(migration.name)") }
            let now = clock.now()
            try await engine.write(.steering) { connection in
                // Another server may have been faster.
                guard try connection.row("SELECT 1 FROM schema_migrations WHERE number = \(migration.number)") == nil else {
                    return
                }
                for statement in migration.statements(connection.dialect) {
                    try connection.execute(statement)
                }
                try connection.execute(
                    """
                    INSERT INTO schema_migrations (number, name, checksum, applied_at)
                    VALUES (\(migration.number), \(migration.name), \(migration.checksum(in: connection.dialect)), \(now))
                    """)
            }
        }
    }

    private func check(_ applied: [Row], in dialect: Dialect) throws {
        for (index, row) in applied.enumerated() {
            let name = try row.text("name")
            guard let known = migrations.dropFirst(index).first, try row.integer("number") == Int64(known.number) else {
                throw StorageError.schema(
                    "The database was written by a newer Inlet (it has migration \(try row.integer("number")), \(name)). "
                        + "Start the newer version, or restore a backup made before the upgrade.")
            }
            guard try row.text("checksum") == known.checksum(in: dialect) else {
                throw StorageError.schema(
                    "Migration \(known.number) (\(name)) is not the one this database was made with. "
                        + "Start the version that made it, or restore a backup.")
            }
        }
    }
}
