import Domain
import Synchronization

/// The one store: transactions, and word of changed credentials to those who keep them in memory.
package final class Store: Sendable {
    private let engine: any Engine
    private let observers = Mutex<[any CredentialObserver]>([])

    /// Opens a store on an engine and brings its schema up to date.
    ///
    /// - Throws: ``StorageError/schema`` if a newer Inlet wrote it or a migration was changed after it ran.
    package init(engine: any Engine, clock: any WallClock, progress: @escaping @Sendable (String) -> Void = { _ in })
        async throws
    {
        self.engine = engine
        try await Migrator(migrations: Migrator.all).migrate(engine, clock: clock, progress: progress)
    }

    /// Has changes told to that observer from now on, before the change's own answer leaves.
    package func add(_ observer: any CredentialObserver) {
        observers.withLock { $0.append(observer) }
    }

    /// Queues a transaction; see ``Engine/enqueueWrite(_:done:)``.
    package func enqueueWrite<Answer>(
        _ work: @escaping @Sendable (Transaction) throws -> Answer,
        done: @escaping @Sendable (Result<Answer, any Error>) -> Void
    ) {
        engine.enqueueWrite { [self] connection in
            let transaction = Transaction(connection)
            let answer = try work(transaction)
            return (answer, try preparedUpdates(for: transaction))
        } done: { result in
            switch result {
            case .success((let answer, let updates)):
                for update in updates { update() }
                done(.success(answer))
            case .failure(let error):
                done(.failure(error))
            }
        }
    }

    /// Runs one transaction and returns after it is on disk and all observers know of it.
    package func write<Answer: Sendable>(_ work: @escaping @Sendable (Transaction) throws -> Answer) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            enqueueWrite(work) { continuation.resume(with: $0) }
        }
    }

    /// Reads on one consistent snapshot.
    package func read<Answer: Sendable>(_ work: @escaping @Sendable (any Connection) throws -> Answer) async throws -> Answer {
        try await engine.read(work)
    }

    /// Copies everything that is committed now into one new file; see ``Engine/backUp(to:)``.
    package func backUp(to file: String) async throws {
        try await engine.backUp(to: file)
    }

    package func close() throws {
        try engine.close()
    }

    // Read inside the transaction, applied after the commit: a failing read rolls the change back, so memory and disk never part.
    private func preparedUpdates(for transaction: Transaction) throws -> [@Sendable () -> Void] {
        guard !transaction.changes.isEmpty else { return [] }
        return try observers.withLock { $0 }.map { try $0.prepare(transaction.changes, transaction.connection) }
    }
}

/// One transaction on the writer.
package final class Transaction {
    package let connection: any Connection
    package private(set) var changes: [CredentialChange] = []

    init(_ connection: any Connection) {
        self.connection = connection
    }

    /// Says that a record changed which others keep in memory.
    package func announce(_ change: CredentialChange) {
        changes.append(change)
    }
}

/// Which record changed.
package enum CredentialChange: Hashable, Sendable {
    case organization(ID<Organization>)
    case webhook(ID<Webhook>)
    case token(ID<Token>)
    case membership(ID<Organization>, ID<Account>)
    case integrationToken(ID<IntegrationToken>)
    case flow(ID<Flow>)
    case destination(ID<Destination>)
}

/// Keeps credentials in memory and is told of each change in the same step as the database.
package protocol CredentialObserver: Sendable {
    /// Reads what changed, inside the transaction.
    ///
    /// - Returns: what to do once the commit is on disk; runs on the writer's thread, in the order of commits, and must be quick.
    func prepare(_ changes: [CredentialChange], _ connection: any Connection) throws -> @Sendable () -> Void
}
