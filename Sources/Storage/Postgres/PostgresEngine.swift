import Dispatch
import Domain
import Synchronization

/// PostgreSQL, for who outgrows one machine: the same statements over libpq.
///
/// One connection writes, one transaction at a time, as with the embedded database; others read, each on a snapshot of its own. A
/// connection that broke is made anew by the next who needs one.
package final class PostgresEngine: Engine {
    package let dialect = Dialect.postgres
    private let conninfo: String
    private let writer = DispatchQueue(label: "inlet.postgres.writer")
    private let readers = DispatchQueue(label: "inlet.postgres.readers", attributes: .concurrent)
    /// Touched on the writer's queue alone.
    private let writing = Mutex<PostgresLink?>(nil)
    private let pool = Mutex(PostgresPool<PostgresLink, Job>(linksMax: 4))
    private let isClosed = Atomic(false)

    private typealias Job = @Sendable (Result<PostgresLink, StorageError>) -> Void

    /// Connects, and checks that the server keeps what it acknowledges.
    ///
    /// - Parameters:
    ///   - conninfo: as libpq takes it, `postgres://user@host/database?sslmode=verify-full`.
    ///   - isUnsafe: whether a server may lose what it acknowledged; for tests.
    /// - Throws: ``StorageError/unavailable(_:)`` if it does not answer, or may lose acknowledged rows.
    package init(conninfo: String, isUnsafe: Bool = false) throws(StorageError) {
        self.conninfo = conninfo
        let link = try PostgresLink(conninfo)
        if !isUnsafe { try Self.checkDurability(link) }
        writing.withLock { $0 = link }
    }

    // A session may have been given its own synchronous_commit by the connection string or the role, so it is asked, not the file.
    private static func checkDurability(_ link: PostgresLink) throws(StorageError) {
        for setting in ["synchronous_commit", "fsync", "full_page_writes"] {
            let value = try link.run("SELECT current_setting(\(setting)) AS value").rows.first?.text("value")
            guard value != "off" else {
                throw .unavailable(
                    "PostgreSQL runs with \(setting) = off, so it could lose what was acknowledged. Set it to on")
            }
        }
    }

    package func enqueueWrite<Answer>(
        _ work: @escaping @Sendable (any Connection) throws -> Answer,
        done: @escaping @Sendable (Result<Answer, any Error>) -> Void
    ) {
        writer.async { [self] in
            done(Result { try write(work) })
        }
    }

    private func write<Answer>(_ work: (any Connection) throws -> Answer) throws -> Answer {
        guard !isClosed.load(ordering: .sequentiallyConsistent) else { throw StorageError.closed }
        let kept = writing.withLock { $0 }
        let link = if let kept, kept.isWhole { kept } else { try PostgresLink(conninfo) }
        writing.withLock { $0 = link }
        do {
            return try Self.transact("BEGIN", on: link, work)
        } catch {
            if !link.isWhole { writing.withLock { $0 = nil } }
            throw error
        }
    }

    package func read<Answer: Sendable>(_ work: @escaping @Sendable (any Connection) throws -> Answer) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            run(
                pool.withLock { pool in
                    pool.ask { link in
                        continuation.resume(
                            with: Result {
                                try Self.transact("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", on: try link.get(), work)
                            })
                    }
                })
        }
    }

    private func run(_ step: PostgresPool<PostgresLink, Job>.Step) {
        switch step {
        case .rest: return
        case .refuse(let job): readers.async { job(.failure(.closed)) }
        case .use(let link, let job):
            readers.async { [self] in
                job(.success(link))
                giveBack(link)
            }
        case .open(let job):
            readers.async { [self] in
                let link = Result { () throws(StorageError) in try PostgresLink(conninfo) }
                job(link)
                giveBack(try? link.get())
            }
        }
    }

    private func giveBack(_ link: PostgresLink?) {
        let whole = link.flatMap { $0.isWhole && !$0.isInTransaction ? $0 : nil }
        run(pool.withLock { $0.giveBack(whole) })
    }

    private static func transact<Answer>(
        _ begin: String, on link: PostgresLink, _ work: (any Connection) throws -> Answer
    ) throws -> Answer {
        try link.command(begin)
        do {
            let answer = try work(PostgresConnection(link: link))
            try link.command("COMMIT")
            return answer
        } catch {
            if link.isWhole, link.isInTransaction { try? link.command("ROLLBACK") }
            throw error
        }
    }

    package func backUp(to file: String) async throws {
        throw StorageError.unavailable("PostgreSQL is backed up by its own tools: pg_dump or pg_basebackup")
    }

    package func close() throws {
        isClosed.store(true, ordering: .sequentiallyConsistent)
        for job in pool.withLock({ $0.close() }) { readers.async { job(.failure(.closed)) } }
        writer.sync { writing.withLock { $0 = nil } }
    }
}

private struct PostgresConnection: Connection {
    let link: PostgresLink
    var dialect: Dialect { .postgres }

    func execute(_ sql: SQL) throws(StorageError) -> Int { try link.run(sql).changed }

    func rows(_ sql: SQL) throws(StorageError) -> [Row] { try link.run(sql).rows }

    func insert(_ bulk: BulkInsert) throws(StorageError) {
        if !bulk.rows.isEmpty { try link.copy(bulk) }
    }
}
