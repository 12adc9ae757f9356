import Dispatch
import Domain
import Foundation
import GRDB
import GRDBSQLite
import Synchronization

/// The embedded default: one SQLite file in WAL mode, every commit flushed to disk before it returns.
///
/// One connection writes, and it alone checkpoints; all others are query-only. No other process may open the live file:
/// a lock file sees to that. The reasons stand in docs/decisions/0002.
package final class SQLiteEngine: Engine {
    package let dialect = Dialect.sqlite
    private let path: String
    private let synchronous: Synchronous
    private let lock: FolderLock
    private let pool: Mutex<DatabasePool?>
    private let isClosed = Atomic(false)

    /// How surely a commit is on disk.
    package enum Synchronous: String, Sendable {
        case full = "FULL"
        /// Loses acknowledged rows at a power cut. Only there to prove that the power-cut test can fail.
        case normal = "NORMAL"
    }

    /// Opens, or makes, `inlet.db` in that folder.
    ///
    /// - Throws: ``StorageError/locked(_:)`` if another process has the folder open.
    package init(folder: URL, synchronous: Synchronous = .full) throws {
        do {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw StorageError.unavailable("\(folder.path) is no folder that can be used")
        }
        lock = try FolderLock(folder: folder)
        path = folder.appendingPathComponent("inlet.db").path
        self.synchronous = synchronous
        pool = Mutex(try Self.open(path, synchronous))
    }

    /// Whether there is a database in that folder already.
    package static func isPresent(in folder: URL) -> Bool {
        FileManager.default.fileExists(atPath: folder.appendingPathComponent("inlet.db").path)
    }

    package func enqueueWrite<Answer>(
        _ lane: Lane, _ work: @escaping @Sendable (any Connection) throws -> Answer,
        done: @escaping @Sendable (Result<Answer, any Error>) -> Void
    ) {
        let pool: DatabasePool
        do {
            pool = try openPool()
        } catch {
            // Never on the caller's own thread: it may hold what `done` wants.
            DispatchQueue.global().async { done(.failure(error)) }
            return
        }
        pool.asyncWriteWithoutTransaction { [self] database in
            do {
                let answer = try Self.transact(database, work)
                done(.success(answer))
            } catch {
                let known = StorageError(error) ?? error
                // After a failed flush the kernel may have dropped the pages, so the connection's idea of the file is not to be trusted.
                if case StorageError.unavailable = known { abandon(pool) }
                done(.failure(known))
            }
        }
    }

    package func read<Answer: Sendable>(
        _ work: @escaping @Sendable (any Connection) throws -> Answer
    ) async throws -> Answer {
        do {
            return try await openPool().read { try work(SQLiteConnection(database: $0)) }
        } catch {
            throw StorageError(error) ?? error
        }
    }

    // The folder is locked: no other server can change anything.
    package func onChange(_ tell: @escaping @Sendable () -> Void) {}

    package func backUp(to file: String) async throws {
        let pool = try openPool()
        guard hasRoomForCopy else { throw StorageError.full }
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            // A long copy must not hold a thread of the concurrency pool.
            DispatchQueue.global(qos: .utility).async {
                continuation.resume(with: Result { try Self.copy(pool, to: file) })
            }
        }
    }

    /// Checks that a file is a sound database of ours.
    ///
    /// - Throws: ``StorageError/unreadable(_:)`` if it is not.
    package static func check(_ file: String) throws {
        do {
            var configuration = GRDB.Configuration()
            configuration.readonly = true
            let copy = try DatabaseQueue(path: file, configuration: configuration)
            defer { try? copy.close() }
            let verdict = try copy.read { database in
                (
                    try String.fetchOne(database, sql: "PRAGMA integrity_check(1)"),
                    try database.tableExists("schema_migrations"),
                    try Int64.fetchOne(database, sql: "PRAGMA page_count") ?? 0,
                    try Int64.fetchOne(database, sql: "PRAGMA page_size") ?? 0
                )
            }
            // SQLite reads a page that was cut off as if zeros had followed.
            let size = (try FileManager.default.attributesOfItem(atPath: file)[.size] as? NSNumber)?.int64Value
            guard size == verdict.2 * verdict.3 else { throw StorageError.unreadable("\(file) was cut off") }
            guard verdict.0 == "ok" else { throw StorageError.unreadable("\(file): \(verdict.0 ?? "no answer")") }
            guard verdict.1 else { throw StorageError.unreadable("\(file) is no database of Inlet") }
        } catch {
            throw StorageError(error) ?? error
        }
    }

    // A copy must not take the room that callers' events need.
    private var hasRoomForCopy: Bool {
        let sizes = [path, path + "-wal"].map { file in
            ((try? FileManager.default.attributesOfItem(atPath: file))?[.size] as? NSNumber)?.int64Value ?? 0
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        return (DiskSpace.free(at: folder) ?? .max) / 2 > sizes.reduce(0, +)
    }

    private static func copy(_ pool: DatabasePool, to file: String) throws {
        do {
            // One file without a log beside it, so that it can be carried away as it is.
            let copy = try DatabaseQueue(path: file)
            do {
                try pool.backup(to: copy)
                _ = try copy.writeWithoutTransaction { try String.fetchOne($0, sql: "PRAGMA journal_mode = DELETE") }
                try copy.close()
            } catch {
                try? copy.close()
                throw error
            }
            try check(file)
        } catch {
            try? FileManager.default.removeItem(atPath: file)
            throw StorageError(error) ?? error
        }
    }

    package func close() throws {
        isClosed.store(true, ordering: .sequentiallyConsistent)
        let open = pool.withLock { pool in
            defer { pool = nil }
            return pool
        }
        do {
            try open?.close()
        } catch {
            throw StorageError(error) ?? error
        }
        lock.release()
    }

    private func openPool() throws -> DatabasePool {
        try pool.withLock { pool in
            if let pool { return pool }
            guard !isClosed.load(ordering: .sequentiallyConsistent) else { throw StorageError.closed }
            let fresh = try Self.open(path, synchronous)
            pool = fresh
            return fresh
        }
    }

    private func abandon(_ broken: DatabasePool) {
        pool.withLock { pool in
            if pool === broken { pool = nil }
        }
        // Not on the writer's own thread, which it would wait for.
        DispatchQueue.global().async { try? broken.close() }
    }

    private static func open(_ path: String, _ synchronous: Synchronous) throws -> DatabasePool {
        var configuration = GRDB.Configuration()
        configuration.foreignKeysEnabled = true
        configuration.maximumReaderCount = 4
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA mmap_size = 0")
            if database.configuration.readonly { try database.execute(sql: "PRAGMA query_only = ON") }
        }
        do {
            let pool = try DatabasePool(path: path, configuration: configuration)
            try pool.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA synchronous = \(synchronous.rawValue)")
                let level = try Int.fetchOne(database, sql: "PRAGMA synchronous")
                guard level == (synchronous == .full ? 2 : 1) else {
                    throw StorageError.unavailable("SQLite does not take synchronous=\(synchronous.rawValue)")
                }
            }
            return pool
        } catch {
            throw StorageError(error) ?? error
        }
    }

    private static func transact<Answer>(
        _ database: Database, _ work: (any Connection) throws -> Answer
    ) throws -> Answer {
        try database.beginTransaction(.immediate)
        do {
            let answer = try work(SQLiteConnection(database: database))
            try database.commit()
            return answer
        } catch {
            if database.isInsideTransaction { try database.rollback() }
            throw error
        }
    }
}

/// One GRDB connection behind our seam.
private struct SQLiteConnection: Connection {
    let database: Database
    var dialect: Dialect { .sqlite }

    func execute(_ sql: SQL) throws(StorageError) -> Int {
        try reportingOurErrors {
            try database.cachedStatement(sql: sql.text).execute(arguments: arguments(sql.values))
            return database.changesCount
        }
    }

    func rows(_ sql: SQL) throws(StorageError) -> [Storage.Row] {
        try reportingOurErrors {
            let statement = try database.cachedStatement(sql: sql.text)
            let columns = Dictionary(
                statement.columnNames.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
            let cursor = try GRDB.Row.fetchCursor(statement, arguments: arguments(sql.values))
            var rows: [Storage.Row] = []
            while let row = try cursor.next() {
                rows.append(Storage.Row(columns: columns, values: row.databaseValues.map(SQLValue.init)))
            }
            return rows
        }
    }

    func run(_ statements: [SQL]) throws(StorageError) -> [(rows: [Storage.Row], changed: Int)] {
        try statements.map { sql throws(StorageError) in
            let rows = try rows(sql)
            return (rows, database.changesCount)
        }
    }

    func insert(_ bulk: BulkInsert) throws(StorageError) {
        guard !bulk.rows.isEmpty else { return }
        try reportingOurErrors {
            let names = bulk.columns.joined(separator: ", ")
            let numbers = bulk.columns.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
            let statement = try database.cachedStatement(
                sql: "INSERT INTO \(bulk.table) (\(names)) VALUES (\(numbers))")
            for row in bulk.rows {
                try statement.insert(row)
            }
        }
    }

    private func arguments(_ values: [SQLValue]) -> StatementArguments {
        StatementArguments(values.map(\.databaseValue))
    }

    private func reportingOurErrors<Answer>(_ body: () throws -> Answer) throws(StorageError) -> Answer {
        do {
            return try body()
        } catch {
            throw StorageError(error) ?? .statement("\(error)")
        }
    }
}

extension Statement {
    /// Binds one row and runs the statement, past GRDB's arguments: half of a call's time with the writer went into those.
    fileprivate func insert(_ row: [SQLValue]) throws {
        for (index, value) in row.enumerated() {
            try check(value.bind(to: sqliteStatement, at: CInt(index + 1)))
        }
        let code = sqlite3_step(sqliteStatement)
        let reset = sqlite3_reset(sqliteStatement)
        sqlite3_clear_bindings(sqliteStatement)
        if code != SQLITE_DONE { try check(reset == SQLITE_OK ? code : reset) }
    }

    private func check(_ code: CInt) throws {
        guard code != SQLITE_OK else { return }
        let message = String(cString: sqlite3_errmsg(sqlite3_db_handle(sqliteStatement)))
        throw DatabaseError(resultCode: ResultCode(rawValue: code), message: message)
    }
}

extension SQLValue {
    /// Binds the value; SQLite copies it.
    fileprivate func bind(to statement: SQLiteStatement, at index: CInt) -> CInt {
        // What SQLite's header calls SQLITE_TRANSIENT.
        let copies = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        switch self {
        case .null:
            return sqlite3_bind_null(statement, index)
        case .integer(let integer):
            return sqlite3_bind_int64(statement, index, integer)
        case .text(var text):
            // Without a pointer SQLite would bind NULL, so an empty text has one of its own.
            guard !text.isEmpty else { return sqlite3_bind_text(statement, index, "", 0, copies) }
            return text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) {
                    sqlite3_bind_text64(
                        statement, index, $0.baseAddress, sqlite3_uint64($0.count), copies, UInt8(SQLITE_UTF8))
                }
            }
        case .bytes(let data):
            guard !data.isEmpty else { return sqlite3_bind_zeroblob(statement, index, 0) }
            return data.withUnsafeBytes {
                sqlite3_bind_blob64(statement, index, $0.baseAddress, sqlite3_uint64($0.count), copies)
            }
        }
    }

    fileprivate var databaseValue: DatabaseValue {
        switch self {
        case .null: .null
        case .integer(let integer): integer.databaseValue
        // GRDB hands SQLite a text up to its first NUL, and the rest must not vanish from a comparison.
        case .text(let text): text.utf8.contains(0) ? text.replacing("\0", with: "\u{FFFD}").databaseValue : text.databaseValue
        case .bytes(let data): data.databaseValue
        }
    }

    fileprivate init(_ value: DatabaseValue) {
        switch value.storage {
        case .null: self = .null
        case .int64(let integer): self = .integer(integer)
        // No column of ours holds a fraction; a sum that became one is shown as a whole number.
        case .double(let double): self = .integer(Int64(exactly: double.rounded()) ?? 0)
        case .string(let text): self = .text(text)
        case .blob(let data): self = .bytes(data)
        }
    }
}

extension StorageError {
    /// Says what a GRDB error means to us; `nil` for errors of other kinds.
    fileprivate init?(_ error: any Error) {
        if let known = error as? StorageError {
            self = known
            return
        }
        guard let error = error as? DatabaseError else { return nil }
        let detail = "\(error.extendedResultCode.rawValue) \(error.message ?? "")"
        switch error.resultCode {
        case .SQLITE_FULL: self = .full
        case .SQLITE_CONSTRAINT: self = .conflict(detail)
        case .SQLITE_IOERR, .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_CANTOPEN, .SQLITE_PROTOCOL, .SQLITE_READONLY,
            .SQLITE_INTERRUPT, .SQLITE_NOMEM, .SQLITE_PERM:
            self = .unavailable(detail)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT: self = .unreadable(detail)
        default: self = .statement(detail)
        }
    }
}
