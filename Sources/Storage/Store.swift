import Domain
import Synchronization

/// The one store: transactions, and word of changed credentials to those who keep them in memory.
package final class Store: Sendable {
    private let engine: any Engine
    private let clock: any WallClock
    private let observers = Mutex<[any CredentialObserver]>([])
    private let following: Mutex<Following>
    /// This server's place among those that share the database.
    package let place: Place

    private let trust: Duration

    /// How far what stands in memory follows the changes of all servers.
    private struct Following {
        /// All changes up to this one are in memory, whoever made them.
        var number: Int64
        /// The last change of our own that is in memory.
        var own: Int64 = 0
        var confirmedAt = ContinuousClock.now
    }

    /// Opens a store on an engine, brings its schema up to date, and takes a place among its servers.
    ///
    /// - Parameter trust: for how long without word from the database what stands in memory is believed (P5).
    /// - Throws: ``StorageError/schema`` if a newer Inlet wrote it or a migration was changed after it ran.
    package init(
        engine: any Engine, clock: any WallClock, trust: Duration = .seconds(5),
        progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws {
        self.engine = engine
        self.trust = trust
        self.clock = clock
        try await Migrator(migrations: Migrator.all).migrate(engine, clock: clock, progress: progress)
        let (node, living, last) = try await engine.write(.steering) { connection in
            let table = NodeTable(connection)
            let node = try table.join(.random(), lease: Place.lease)
            return (node, try table.living(), try ChangeTable(connection).last())
        }
        place = Place(node, living: living, isShared: engine.dialect.isShared)
        following = Mutex(Following(number: last))
        // Before anybody asks what time it is.
        try await renewPlace()
    }

    /// Which database it is.
    package var dialect: Dialect { engine.dialect }

    /// Has changes told to that observer from now on, before the change's own answer leaves.
    package func add(_ observer: any CredentialObserver) {
        observers.withLock { $0.append(observer) }
    }

    /// Queues a transaction; see ``Engine/enqueueWrite(_:_:done:)``.
    package func enqueueWrite<Answer>(
        in lane: Lane = .steering, _ work: @escaping @Sendable (Transaction) throws -> Answer,
        done: @escaping @Sendable (Result<Answer, any Error>) -> Void
    ) {
        engine.enqueueWrite(lane) { [self] connection in
            let transaction = Transaction(connection)
            let answer = try work(transaction)
            return (answer, try finish(transaction, in: lane))
        } done: { result in
            switch result {
            case .success((let answer, let apply)):
                apply()
                done(.success(answer))
            case .failure(let error):
                done(.failure(error))
            }
        }
    }

    /// Runs one transaction and returns after it is on disk and all observers of this server know of it.
    package func write<Answer: Sendable>(
        in lane: Lane = .steering, _ work: @escaping @Sendable (Transaction) throws -> Answer
    ) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            enqueueWrite(in: lane, work) { continuation.resume(with: $0) }
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

    /// Gives the place among the servers up and closes all connections.
    package func close() async throws {
        // In vain where the database is away; the place ends by itself then.
        try? await engine.write(.steering) { [place] in try NodeTable($0).leave(place.node.id) }
        try engine.close()
    }

    // Read inside the transaction, applied after the commit: a failing read rolls the change back, so memory and disk never part.
    private func finish(_ transaction: Transaction, in lane: Lane) throws -> @Sendable () -> Void {
        let count = Int64(transaction.changes.count)
        guard count > 0 else { return {} }
        guard lane == .steering || transaction.isSteering else {
            throw StorageError.statement("credentials changed outside of the lane for that")
        }
        let updates = try prepared(transaction.changes, transaction.connection)
        guard engine.dialect.isShared else { return { for update in updates { update() } } }
        let number = try ChangeTable(transaction.connection).append(transaction.changes, at: clock.now())
        return { [self] in
            following.withLock { following in
                // Who follows may have read this change already, or a later one of our own may be in memory; then who follows sees to it.
                guard following.number < number, following.own < number else { return }
                for update in updates { update() }
                following.own = number
                if following.number + count == number { following.number = number }
            }
        }
    }

    private func prepared(
        _ changes: [CredentialChange], _ connection: any Connection
    ) throws -> [@Sendable () -> Void] {
        try observers.withLock { $0 }.map { try $0.prepare(changes, connection) }
    }

    // MARK: Other servers

    /// Has a function called, now and then in vain, when another server has changed credentials.
    package func onChange(_ tell: @escaping @Sendable () -> Void) {
        engine.onChange(tell)
    }

    /// Takes over what other servers changed.
    package func follow() async throws {
        guard engine.dialect.isShared else { return }
        while try await !hasFollowed() {}
    }

    private func hasFollowed() async throws -> Bool {
        let askedAt = ContinuousClock.now
        let known = following.withLock { $0.number }
        let (last, updates) = try await engine.read { [self] connection in
            let table = ChangeTable(connection)
            let last = try table.last()
            guard last > known else { return (last, [@Sendable () -> Void]()) }
            guard let changes = try table.behind(known) else {
                return (last, try observers.withLock { $0 }.map { try $0.prepareAll(connection) })
            }
            return (last, try prepared(changes, connection))
        }
        return following.withLock { following in
            // What we changed ourselves since that look must not be overwritten by what it saw.
            guard following.own <= last, following.number <= last else { return false }
            for update in updates { update() }
            following.number = last
            following.confirmedAt = max(following.confirmedAt, askedAt)
            return true
        }
    }

    /// What a verdict rests on that is made now by what stands in memory: `nil` if that is no older than five seconds (P5), else the number
    /// of the last change that is known. Before anything is kept by such a verdict, ``lastChange(_:)`` has to be asked.
    package var basis: Int64? {
        guard engine.dialect.isShared else { return nil }
        return following.withLock { $0.confirmedAt.duration(to: .now) < trust ? nil : $0.number }
    }

    /// The number of the last change that any server made, inside a transaction.
    package func lastChange(_ connection: any Connection) throws(StorageError) -> Int64 {
        try ChangeTable(connection).last()
    }

    /// Says that this server lives, and learns which others do.
    ///
    /// - Throws: ``StorageError/locked(_:)`` if the place is another's by now; the server is to end then.
    package func renewPlace() async throws {
        guard engine.dialect.isShared else { return }
        let renewal: (Place.Sounding, [Node])? = try await engine.write(.deliveries) { [place, clock] connection in
            let table = NodeTable(connection)
            // Here and not before, for the lane may have been busy for long.
            let (askedAt, machine) = (ContinuousClock.now, clock.now())
            guard let database = try table.renew(place.node.id, lease: Place.lease) else { return nil }
            let sounding = Place.Sounding(
                askedAt: askedAt, ahead: database.since(machine), took: askedAt.duration(to: .now))
            return (sounding, try table.living())
        }
        guard let (sounding, living) = renewal else {
            throw StorageError.locked("this server was away for so long that its place was given to another; start it again")
        }
        place.note(living: living, sounding)
    }
}

extension Engine {
    /// Runs one transaction and returns after it is on disk.
    func write<Answer: Sendable>(
        _ lane: Lane, _ work: @escaping @Sendable (any Connection) throws -> Answer
    ) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            enqueueWrite(lane, work) { continuation.resume(with: $0) }
        }
    }
}

/// One transaction on the writer.
package final class Transaction {
    package let connection: any Connection
    package private(set) var changes: [CredentialChange] = []
    /// Whether it has the lock of ``Lane/steering``, though it runs in another lane.
    fileprivate private(set) var isSteering = false

    init(_ connection: any Connection) {
        self.connection = connection
    }

    /// From here on, no transaction of ``Lane/steering`` runs beside this one, on any server; what is read from here on stands.
    package func steer() throws(StorageError) {
        if isSteering { return }
        if let lock = connection.dialect.steeringLock { _ = try connection.rows(lock) }
        isSteering = true
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

    /// Reads everything anew, for it is not known any more what changed.
    func prepareAll(_ connection: any Connection) throws -> @Sendable () -> Void
}
