import Console
import Contract
import Deliver
import Destinations
import Domain
import Foundation
import Hummingbird
import Ingest
import Logging
import Manage
import NIOCore
import RestAPI
import ServiceLifecycle
import Storage
import Synchronization
import WebSupport

/// The assembled server: every room, joined once.
package struct House: Sendable {
    package let settings: Settings
    package let store: Store
    package let desk: Desk
    package let pipeline: IngestPipeline
    package let housekeeper: IngestHousekeeper
    package let sweep: Sweep
    package let retention: Retention
    package let fieldLearner: FieldLearner
    package let notifier: Notifier
    package let dispatcher: Dispatcher
    package let operations: Operations
    private let load: IngestLoad
    private let appender: Appender
    private let sweeper: Sweeper
    private let replayer: Replayer
    private let egress: Egress
    private let console: ConsoleFace
    private let ownCall: OwnCall
    private let logger: Logger
    private let clock: any WallClock

    /// Whether there is a database already; one that is not embedded is somebody else's to make.
    package static func hasStore(_ settings: Settings) -> Bool {
        settings.database != nil || SQLiteEngine.isPresent(in: settings.data)
    }

    /// Opens the store of a data folder.
    ///
    /// - Parameter progress: is told of each migration before it begins.
    package static func openStore(
        _ settings: Settings, clock: any WallClock, progress: @escaping @Sendable (String) -> Void
    ) async throws -> Store {
        let engine: any Engine =
            if let conninfo = settings.database {
                try PostgresEngine(conninfo: conninfo, isUnsafe: settings.isUnsafe)
            } else {
                try SQLiteEngine(folder: settings.data, synchronous: settings.isUnsafe ? .normal : .full)
            }
        return try await openStore(on: engine, clock: clock, progress: progress)
    }

    /// Opens the store on an engine, which is closed if that fails.
    static func openStore(
        on engine: any Engine, clock: any WallClock, progress: @escaping @Sendable (String) -> Void
    ) async throws -> Store {
        do {
            return try await Store(engine: engine, clock: clock, progress: progress)
        } catch {
            try? engine.close()
            throw error
        }
    }

    /// Joins the rooms around an installed store.
    ///
    /// - Parameter passwordCost: what people's passwords are hashed with; only a test gives another than the standard one.
    /// - Throws: ``Installation/Failure`` if nothing is installed in it, or the key is another one.
    package init(
        settings: Settings, store: Store, keyRing: KeyRing, clock machineClock: any WallClock,
        passwordCost: Passwords.Cost = .standard, logger: Logger
    ) async throws {
        try await Installation.check(store, keyRing)
        let clock: any WallClock =
            settings.isOnDatabaseTime && store.dialect.isShared
            ? SharedClock(machine: machineClock, place: store.place) : machineClock
        self.settings = settings
        self.store = store
        self.logger = logger
        self.clock = clock
        let keys = KeyCabinet(keyRing)
        desk = try await Desk(
            store: store, clock: clock, keys: keys, ingestURL: settings.ingestURL ?? settings.ingest.url,
            adminURL: settings.adminURL ?? settings.admin.url, passwordCost: passwordCost)
        let keyFile = settings.masterKeyFile
        let keyOperations = KeyOperations(desk) { try PrivateFile.write($0.fileText, to: keyFile) }
        try await keyOperations.resume()
        try await desk.adoptAuditLog()
        BackupOperations.tidy(settings.data)

        let today = clock.now().day
        let (lastCall, lastHeld, usage) = try await store.read { connection in
            (
                try CallTable(connection).lastNumber(), try HeldTable(connection).lastNumber(),
                try UsageTable(connection).all(on: today)
            )
        }
        let reportIDs = try await store.read { connection in
            ReportIDs(
                node: store.place.node, lastDeploy: try DeployTable(connection).lastNumber(),
                lastResource: try ResourceTable(connection).lastNumber())
        }
        let roster = try await Roster.open(store)
        let activity = ActivityBook()
        let quota = QuotaBook(day: today, counts: usage)
        let ledger = Ledger(roster: roster, node: store.place.node, lastID: lastCall)
        load = IngestLoad(
            bytesInFlightMax: settings.bytesInFlightMax, freeBytesMin: Int64(settings.freeBytesMin),
            folder: settings.database == nil ? settings.data : nil)
        appender = Appender(
            store: store, clock: clock, activity: activity, quota: quota,
            callsQueuedMax: settings.callsQueuedMax, heldWeightMax: Int64(settings.heldBytesMax), ids: desk.eventIDs,
            lastHeldID: lastHeld, reportIDs: reportIDs, roster: roster, deliveryIDs: desk.deliveryIDs,
            onDue: { [bell = desk.bell] in bell.ring(for: $0) }, logger: logger)
        pipeline = IngestPipeline(
            roster: roster, keys: keys, appender: appender, ledger: ledger, load: load,
            bodyBytesMax: settings.bodyBytesMax,
            activate: { [integrations = IntegrationOperations(desk)] in
                try await integrations.activate($0, newer: $1, from: $2)
            })
        housekeeper = IngestHousekeeper(
            store: store, activity: activity, quota: quota, ledger: ledger, load: load, logger: logger)
        desk.onSettle { [housekeeper] in await housekeeper.flush() }
        let outlook = try await OutlookOperations(desk)
        let keepHeld = Interval.days(Int64(settings.heldCallsDays))
        retention = Retention(desk, keepEvents: .days(Int64(settings.eventsDays)))
        fieldLearner = FieldLearner(desk)
        sweep = Sweep(
            desk, outlook: outlook, keepRefusedCalls: .days(Int64(settings.refusedCallsDays)), keepHeldCalls: keepHeld,
            retention: retention)
        try await sweep.prepareParts(at: clock.now())
        sweeper = Sweeper(sweep: sweep, place: store.place, clock: clock, logger: logger)
        egress = Egress(allowed: settings.egressAllow, version: inletVersion)
        notifier = Notifier(outlook, place: store.place, url: settings.notificationURL, egress: egress, logger: logger)
        let deliveryRoster = try await DeliveryRoster.open(store, bell: desk.bell)
        let noteDisabled: DisableNote = { [desk] destination, transaction, now in
            try DestinationOperations.noteDisabled(destination, desk, outlook, transaction, at: now)
        }
        dispatcher = Dispatcher(
            store: store, clock: clock, keys: keys, roster: deliveryRoster, bell: desk.bell, egress: egress,
            lines: LineWriter(folder: settings.data.appendingPathComponent("logs")), noteDisabled: noteDisabled, logger: logger)
        replayer = Replayer(store: store, clock: clock, ids: desk.deliveryIDs, bell: desk.bell, logger: logger)
        let claims = Claims(store: store, clock: clock, keys: keys, roster: deliveryRoster, noteDisabled: noteDisabled)
        operations = Operations(
            desk: desk, claims: claims, held: HeldOperations(desk, keep: keepHeld, weightMax: Int64(settings.heldBytesMax)),
            outlook: outlook, keys: keyOperations,
            backups: BackupOperations(desk, folder: settings.data),
            status: Self.status(settings, desk, appender, load, sweeper, since: clock.now()),
            isReady: { (try? await store.read { try $0.rows("SELECT 1 AS one") }) != nil })
        ownCall = OwnCall(host: settings.ingest.host)
        console = try ConsoleFace(
            operations: operations, version: inletVersion, trustedProxies: settings.trustedProxies, logger: logger,
            call: { [ownCall] in await ownCall.send(to: $0, authorization: $1, body: $2) })
    }

    /// Everything that runs, in the order of starting; stopping goes the other way: callers first, the store last.
    package func services(
        onIngestBound: @escaping @Sendable (Int) -> Void, onAdminBound: @escaping @Sendable (Int) -> Void
    ) -> [any Service] {
        var ingest = IngestSettings(
            host: settings.ingest.host, port: settings.ingest.port, threads: settings.ingestThreads,
            bodyBytesMax: settings.bodyBytesMax, connectionsMax: settings.connectionsMax)
        ingest.drainTime = .seconds(20)
        ingest.trustedProxies = settings.trustedProxies
        let admin = AdminServer(
            faces: [
                RestFace(operations: operations, logger: logger, trustedProxies: settings.trustedProxies), console,
            ], isReady: operations.isReady, logger: logger
        ).application(host: settings.admin.host, port: settings.admin.port, onBound: onAdminBound)
        let door = IngestServer(
            settings: ingest, pipeline: pipeline, load: load, clock: clock, logger: logger,
            onBound: { [ownCall] port in
                ownCall.noteBound(port)
                onIngestBound(port)
            })
        return [
            PlaceKeeper(store: store, logger: logger), housekeeper, sweeper, notifier,
            Learning(learner: fieldLearner, place: store.place, logger: logger), dispatcher, replayer,
            Listener(setting: .admin, address: settings.admin) { try await admin.run() },
            Listener(setting: .ingest, address: settings.ingest) { try await door.run() },
        ]
    }

    /// Closes the store; nothing may be asked of the house after that.
    package func close() async {
        appender.close()
        await housekeeper.flush()
        await egress.close()
        do {
            try await store.close()
        } catch {
            logger.error("the store did not close", metadata: ["error": "\(error)"])
        }
    }

    /// Whether the sweep of the start is over, after which no other runs for an hour.
    package var hasSwept: Bool { sweeper.hasSwept }

    private static func status(
        _ settings: Settings, _ desk: Desk, _ appender: Appender, _ load: IngestLoad, _ sweeper: Sweeper,
        since start: Timestamp
    ) -> @Sendable () -> StatusView {
        {
            StatusView(
                version: inletVersion, startedAt: start.text, database: desk.store.dialect.rawValue,
                servers: desk.store.place.servers, ingestUrl: desk.ingestURL,
                queuedCalls: appender.callsQueued, bytesInFlight: load.bytesNow,
                diskFreeBytes: DiskSpace.free(at: settings.data), obstacle: load.obstacle?.cause,
                sweepHeld: sweeper.held)
        }
    }
}

/// Why nobody can listen at an address.
struct ListenError: Error, CustomStringConvertible {
    let description: String
}

/// A listener that says which it is when its address cannot be had.
private struct Listener: Service {
    let setting: Setting
    let address: SocketAddressText
    let listen: @Sendable () async throws -> Void

    func run() async throws {
        do {
            try await listen()
        } catch let error as IOError {
            throw ListenError(
                description: "--\(setting.rawValue) \(address.host):\(address.port) cannot be listened at: "
                    + "\(String(cString: strerror(error.errnoCode))). Choose another address, or end what has it.")
        }
    }
}

/// Has the fields of new bodies learned every few seconds.
private struct Learning: Service {
    let learner: FieldLearner
    let place: Place
    let logger: Logger

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: .seconds(5))
                guard place.isLeader else { continue }
                do {
                    try await learner.round()
                } catch {
                    logger.error("the fields of events could not be learned", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}

/// Runs the sweep once an hour.
private final class Sweeper: Service {
    private let sweep: Sweep
    private let place: Place
    private let clock: any WallClock
    private let logger: Logger
    private let reason = Mutex<SweepGuard.Reason?>(nil)
    private let swept = Atomic(false)

    init(sweep: Sweep, place: Place, clock: any WallClock, logger: Logger) {
        self.sweep = sweep
        self.place = place
        self.clock = clock
        self.logger = logger
    }

    /// Why idle accounts were left active at the last sweep.
    var held: String? { reason.withLock { $0?.rawValue } }

    /// Whether a sweep was made since the start, whatever came of it.
    var hasSwept: Bool { swept.load(ordering: .acquiring) }

    func run() async throws {
        try? await cancelWhenGracefulShutdown { [self] in
            var wall = clock.now()
            var steady = SuspendingClock.now
            while true {
                let nextWall = clock.now()
                let nextSteady = SuspendingClock.now
                // Once, of all servers.
                if place.isLeader { await round(nextWall.since(wall), steady.duration(to: nextSteady)) }
                swept.store(true, ordering: .releasing)
                (wall, steady) = (nextWall, nextSteady)
                try await Task.sleep(for: .seconds(3600))
            }
        }
    }

    private func round(_ wallElapsed: Interval, _ steadyElapsed: Duration) async {
        let (seconds, attoseconds) = steadyElapsed.components
        let steady = Interval(microseconds: seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
        do {
            let round = try await sweep.run(wallElapsed: wallElapsed, steadyElapsed: steady)
            let report = round.accounts
            reason.withLock { $0 = report.held.values.first }
            for account in report.deactivated {
                logger.warning("an account became inactive for lack of activity", metadata: ["account": "\(account.text)"])
            }
            for (organization, reason) in report.held {
                logger.warning(
                    "idle accounts were left active; confirm with POST /api/v1/accounts/sweep",
                    metadata: ["organization": "\(organization.text)", "reason": "\(reason.rawValue)"])
            }
            for warning in round.warnings {
                logger.warning(
                    "something will stop",
                    metadata: [
                        "organization": "\(warning.organization.text)", "kind": "\(warning.kind.rawValue)",
                        "subject": "\(warning.subject)", "at": "\(warning.dueAt.text)", "days": "\(warning.mark)",
                    ])
            }
        } catch {
            logger.error("the sweep failed", metadata: ["error": "\(error)"])
        }
    }
}
