import Dispatch
import Domain
import Synchronization

/// PostgreSQL, for who outgrows one machine: the same statements over libpq.
///
/// Each lane has a connection that writes, one transaction at a time; others read, each on a snapshot of its own. A connection that
/// broke is made anew by the next who needs one.
package final class PostgresEngine: Engine {
    package let dialect = Dialect.postgres
    private let conninfo: String
    private let writers: [Lane: Writer]
    private let readers = DispatchQueue(label: "inlet.postgres.readers", attributes: .concurrent)
    private let pool = Mutex(PostgresPool<PostgresLink, Job>(linksMax: 4))
    private let listener = Mutex<PostgresListener?>(nil)
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
        writers = Dictionary(
            uniqueKeysWithValues: Lane.allCases.map { ($0, Writer(lane: $0, conninfo: conninfo, isUnsafe: isUnsafe)) })
        let link = try PostgresLink(conninfo, as: "reader")
        if !isUnsafe { try link.checkDurability() }
    }

    package func enqueueWrite<Answer>(
        _ lane: Lane, _ work: @escaping @Sendable (any Connection) throws -> Answer,
        done: @escaping @Sendable (Result<Answer, any Error>) -> Void
    ) {
        guard let writer = writers[lane] else { return }
        writer.queue.async { [self] in
            done(
                Result {
                    guard !isClosed.load(ordering: .sequentiallyConsistent) else { throw StorageError.closed }
                    return try writer.write(work)
                })
        }
    }

    private static let reading: StaticString = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    package func read<Answer: Sendable>(_ work: @escaping @Sendable (any Connection) throws -> Answer) async throws -> Answer {
        try await withCheckedThrowingContinuation { [conninfo] continuation in
            run(
                pool.withLock { pool in
                    pool.ask { link in
                        continuation.resume(
                            with: Result {
                                let link = try link.get()
                                let open = link.hasHungUp() ? try PostgresLink(conninfo, as: "reader") : link
                                do {
                                    return try open.transact(Self.reading, work)
                                } catch {
                                    guard open.mayTryAgain else { throw error }
                                    return try open.transact(Self.reading, work)
                                }
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
                let link = Result { () throws(StorageError) in try PostgresLink(conninfo, as: "reader") }
                job(link)
                giveBack(try? link.get())
            }
        }
    }

    private func giveBack(_ link: PostgresLink?) {
        let whole = link.flatMap { $0.isWhole && !$0.isInTransaction ? $0 : nil }
        run(pool.withLock { $0.giveBack(whole) })
    }

    package func onChange(_ tell: @escaping @Sendable () -> Void) {
        listener.withLock { [conninfo] in $0 = PostgresListener(conninfo, tell) }
    }

    package func backUp(to file: String) async throws {
        throw StorageError.unavailable("PostgreSQL is backed up by its own tools: pg_dump or pg_basebackup")
    }

    package func close() throws {
        isClosed.store(true, ordering: .sequentiallyConsistent)
        listener.withLock { $0 = nil }
        for job in pool.withLock({ $0.close() }) { readers.async { job(.failure(.closed)) } }
        for writer in writers.values { writer.queue.sync { writer.hangUp() } }
    }
}

/// The connection of a lane, on the lane's own thread.
private final class Writer: Sendable {
    let queue: DispatchQueue
    private let lane: Lane
    private let conninfo: String
    private let isUnsafe: Bool
    /// Touched on the queue alone.
    private let link = Mutex<PostgresLink?>(nil)
    private static let triesMax = 5

    init(lane: Lane, conninfo: String, isUnsafe: Bool) {
        self.lane = lane
        self.conninfo = conninfo
        self.isUnsafe = isUnsafe
        queue = DispatchQueue(label: "inlet.postgres.\(lane)")
    }

    func write<Answer>(_ work: (any Connection) throws -> Answer) throws -> Answer {
        var tries = 1
        while true {
            let link = try openLink()
            do {
                return try link.transact("BEGIN") { connection in
                    if lane == .steering, let lock = connection.dialect.steeringLock { _ = try connection.rows(lock) }
                    return try work(connection)
                }
            } catch {
                if !link.isWhole { hangUp() }
                // Of two that wait for each other, or wrote the same, the database lets one go on.
                guard link.mayTryAgain, tries < Self.triesMax else { throw error }
                tries += 1
            }
        }
    }

    func hangUp() {
        link.withLock { $0 = nil }
    }

    private func openLink() throws(StorageError) -> PostgresLink {
        if let kept = link.withLock({ $0 }), !kept.hasHungUp() { return kept }
        let new = try PostgresLink(conninfo, as: "\(lane)")
        // It may be another server than the last one, or one that was set otherwise meanwhile.
        if !isUnsafe { try new.checkDurability() }
        link.withLock { $0 = new }
        return new
    }
}

extension PostgresLink {
    /// Refuses a server that may lose what it acknowledged. A session may have been given its own `synchronous_commit` by the connection
    /// string or the role, so it is asked, not the file.
    ///
    /// - Throws: ``StorageError/unavailable(_:)``.
    func checkDurability() throws(StorageError) {
        for setting in ["synchronous_commit", "fsync", "full_page_writes"] {
            let value = try run("SELECT current_setting(\(setting)) AS value").rows.first?.text("value")
            guard value != "off" else {
                throw .unavailable(
                    "PostgreSQL runs with \(setting) = off, so it could lose what was acknowledged. Set it to on")
            }
        }
    }

    /// Runs work in a transaction.
    func transact<Answer>(_ begin: StaticString, _ work: (any Connection) throws -> Answer) throws -> Answer {
        self.begin(begin)
        do {
            let answer = try work(PostgresConnection(link: self))
            try commit()
            return answer
        } catch {
            rollBack()
            throw error
        }
    }
}

private struct PostgresConnection: Connection {
    let link: PostgresLink
    var dialect: Dialect { .postgres }

    func execute(_ sql: SQL) throws(StorageError) -> Int { try link.run(sql).changed }

    func rows(_ sql: SQL) throws(StorageError) -> [Row] { try link.run(sql).rows }

    func run(_ statements: [SQL]) throws(StorageError) -> [(rows: [Row], changed: Int)] { try link.run(statements) }

    func insert(_ bulk: BulkInsert) throws(StorageError) { try link.insert(bulk) }
}
