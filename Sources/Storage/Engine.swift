/// A database that runs our statements. The seam: nothing above it knows which one it is.
package protocol Engine: Sendable {
    var dialect: Dialect { get }

    /// Queues work as one transaction.
    ///
    /// Work that is queued in one lane runs in order, one transaction at a time. `done` is called once, on the lane's thread: after the
    /// commit is on disk, or after everything was rolled back. Nothing else is written in the lane before `done` returns. Where others
    /// write as well, work may run a second time after it was rolled back for their sake.
    func enqueueWrite<Answer>(
        _ lane: Lane, _ work: @escaping @Sendable (any Connection) throws -> Answer,
        done: @escaping @Sendable (Result<Answer, any Error>) -> Void)

    /// Runs work that only reads, on one consistent snapshot.
    func read<Answer: Sendable>(_ work: @escaping @Sendable (any Connection) throws -> Answer) async throws -> Answer

    /// Writes a copy of everything that is committed now into one new file, and checks it.
    ///
    /// Callers and people go on meanwhile. The file is whole, or it is not there.
    ///
    /// - Throws: ``StorageError/unreadable(_:)`` if the copy is not sound.
    func backUp(to file: String) async throws

    /// Has a function called, now and then in vain, when another server has changed credentials; never, if no other can.
    func onChange(_ tell: @escaping @Sendable () -> Void)

    /// Closes all connections; waits for the writer.
    func close() throws
}

/// In which order transactions run. An embedded database has one lane for all.
package enum Lane: Hashable, Sendable, CaseIterable {
    /// What reads before it writes: one transaction at a time, over all servers that share the database.
    case steering
    /// Calls that came in. They run beside everything else, and so must not write what they read before.
    case calls
    /// Deliveries, each of which is fenced by the number of its attempt. They run beside everything else.
    case deliveries
}

/// One connection inside a transaction. Used on the thread it is handed to, and not after.
package protocol Connection {
    var dialect: Dialect { get }

    /// Runs a statement.
    ///
    /// - Returns: how many rows it changed.
    @discardableResult
    func execute(_ sql: SQL) throws(StorageError) -> Int

    /// Runs a statement and reads all rows of its answer. The statement bounds them.
    func rows(_ sql: SQL) throws(StorageError) -> [Row]

    /// Runs statements one after the other, none of which needs the answer of one before it: together they make one way to the database
    /// and back, where there is a way.
    ///
    /// - Returns: the rows of each, and how many it changed.
    func run(_ statements: [SQL]) throws(StorageError) -> [(rows: [Row], changed: Int)]

    /// Writes many rows in one go.
    func insert(_ bulk: BulkInsert) throws(StorageError)
}

extension Connection {
    /// Runs a statement and reads its first row; `nil` if there is none.
    package func row(_ sql: SQL) throws(StorageError) -> Row? {
        try rows(sql).first
    }
}
