import ArgumentParser
import Domain
import Foundation
import Logging
import Manage
import ServiceLifecycle
import Storage
import Synchronization
import UnixSignals
import WebSupport

/// `inlet serve`: the server, in the foreground.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the server.",
        discussion: """
            Every setting can also stand in the environment, as INLET_ and its name in capitals (INLET_BODY_BYTES_MAX), or in a \
            JSON file that --config names ({"body-bytes-max": 1048576}). A flag goes before a variable, a variable before the \
            file. An unknown name or a bad value refuses to start. SIGTERM stops the server: calls that were taken are answered.
            """)

    @Option(help: help(.data, "folder")) var data: String?
    @Option(help: help(.database, "url")) var database: String?
    @Option(help: help(.ingest, "host:port")) var ingest: String?
    @Option(help: help(.admin, "host:port")) var admin: String?
    @Option(help: help(.ingestURL, "url")) var ingestUrl: String?
    @Option(help: help(.masterKeyFile, "file")) var masterKeyFile: String?
    @Option(help: help(.ingestThreads, "count")) var ingestThreads: String?
    @Option(help: help(.bodyBytesMax, "bytes")) var bodyBytesMax: String?
    @Option(help: help(.bytesInFlightMax, "bytes")) var bytesInFlightMax: String?
    @Option(help: help(.callsQueuedMax, "count")) var callsQueuedMax: String?
    @Option(help: help(.connectionsMax, "count")) var connectionsMax: String?
    @Option(help: help(.freeBytesMin, "bytes")) var freeBytesMin: String?
    @Option(help: help(.eventsDays, "days")) var eventsDays: String?
    @Option(help: help(.refusedCallsDays, "days")) var refusedCallsDays: String?
    @Option(help: help(.heldCallsDays, "days")) var heldCallsDays: String?
    @Option(help: help(.heldBytesMax, "bytes")) var heldBytesMax: String?
    @Option(help: help(.adminURL, "url")) var adminUrl: String?
    @Option(help: help(.notificationURL, "url")) var notificationUrl: String?
    @Option(help: help(.trustedProxies, "networks")) var trustedProxies: String?
    @Option(help: help(.egressAllow, "networks")) var egressAllow: String?
    @Option(help: help(.logLevel, "level")) var logLevel: String?

    @Option(help: ArgumentHelp("A JSON file with settings (variable: INLET_CONFIG).", valueName: "file"))
    var config: String?

    @Flag(help: "Install in an empty folder first, and print a curl line that works.")
    var quickstart = false

    func run() async throws {
        try await Failures.shown {
            let environment = ProcessInfo.processInfo.environment
            let file = (config ?? environment["INLET_CONFIG"]).map { URL(fileURLWithPath: $0) }
            var settings = try await Settings(flags: flags, environment: environment, file: file)
            let logger = Log.start(settings.logLevel)
            OpenFiles.raiseBound(for: &settings, logger)
            let clock = SystemClock()
            // Looked for before anything is opened, so that a mistyped folder is not made.
            guard quickstart || House.hasStore(settings) else { throw Installation.Failure.missing }
            let store = try await House.openStore(settings, clock: clock) { step in
                logger.notice("the database is brought up to date", metadata: ["step": "\(step)"])
            }
            if settings.isUnsafe { logger.critical("commits are not flushed to disk; acknowledged events can be lost") }
            do {
                let welcome = quickstart ? try await Welcome.prepare(store, settings) : nil
                guard try await Installation.exists(in: store) else { throw Installation.Failure.missing }
                let keyRing = try KeyFile.read(settings.masterKeyFile)
                let house = try await House(
                    settings: settings, store: store, keyRing: keyRing, clock: clock, logger: logger)
                try await serve(house, welcome, logger)
            } catch {
                try? await store.close()
                throw error
            }
        }
    }

    private func serve(_ house: House, _ welcome: Welcome?, _ logger: Logger) async throws {
        let text = try await welcome?.text(house)
        let bound = Bound {
            logger.info("ready", metadata: ["version": "\(inletVersion)"])
            if let text { try? Output.text(text) }
        }
        let services = house.services(onIngestBound: { _ in bound.one() }, onAdminBound: { _ in bound.one() })
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(28)
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch {
            await house.close()
            throw error
        }
        await house.close()
        logger.info("stopped")
    }

    private var flags: [Setting: String] {
        [
            .data: data, .database: database, .ingest: ingest, .admin: admin, .ingestURL: ingestUrl,
            .masterKeyFile: masterKeyFile,
            .ingestThreads: ingestThreads, .bodyBytesMax: bodyBytesMax, .bytesInFlightMax: bytesInFlightMax,
            .callsQueuedMax: callsQueuedMax, .connectionsMax: connectionsMax, .freeBytesMin: freeBytesMin,
            .eventsDays: eventsDays, .refusedCallsDays: refusedCallsDays, .heldCallsDays: heldCallsDays,
            .heldBytesMax: heldBytesMax, .adminURL: adminUrl, .notificationURL: notificationUrl, .trustedProxies: trustedProxies,
            .egressAllow: egressAllow, .logLevel: logLevel,
        ].compactMapValues { $0 }
    }

    private static func help(_ setting: Setting, _ valueName: String) -> ArgumentHelp {
        let standard = setting.standard.map { " (default: \($0))" } ?? ""
        return ArgumentHelp(stringLiteral: setting.meaning + standard).named(valueName)
    }
}

extension ArgumentHelp {
    fileprivate func named(_ valueName: String) -> ArgumentHelp {
        var help = self
        help.valueName = valueName
        return help
    }
}

/// Waits until both listeners are bound.
private final class Bound: Sendable {
    private let left = Mutex(2)
    private let whenAll: @Sendable () -> Void

    init(whenAll: @escaping @Sendable () -> Void) {
        self.whenAll = whenAll
    }

    func one() {
        let isLast = left.withLock { left in
            left -= 1
            return left == 0
        }
        if isLast { whenAll() }
    }
}

/// What `--quickstart` greets with.
private struct Welcome {
    let first: FirstStep?
    let profile: String?

    static func prepare(_ store: Store, _ settings: Settings) async throws -> Welcome {
        if try await Installation.exists(in: store) { return Welcome(first: nil, profile: nil) }
        let first = try await FirstStep.make(in: store, settings)
        return Welcome(first: first, profile: first.writeProfile(settings))
    }

    func text(_ house: House) async throws -> String {
        var lines: [String] = []
        let curl: String?
        if let first {
            lines += [first.text, ""]
            curl = first.printed.curl
        } else {
            // The secrets of the first start are not kept, so a new one is made that ends by itself.
            curl = try await Installation(house.desk).tryOutLine()
            lines += ["Inlet is installed already; the line below has a token of its own that ends in a day.", ""]
            if let link = try await Installation(house.desk).setUpAgain() {
                lines += [
                    "The owner has no password yet. This link opens once, within three days, and those before it no more:", "",
                    "  \(link.url)", "",
                ]
            }
        }
        lines += [
            "Inlet is ready.",
            "  ingest    \(house.settings.ingestURL ?? house.settings.ingest.url)",
            "  console   \(house.settings.admin.url)",
            "  REST API  \(house.settings.admin.url)/api/v1",
        ]
        if let profile { lines.append("  \(profile)") }
        if let curl {
            lines += [
                "", "Make a first call from another terminal:", "", "  \(curl)", "", "and look at it:", "", "  inlet event list",
            ]
        }
        lines += ["", "Stop with Ctrl-C."]
        return lines.joined(separator: "\n")
    }
}

/// The log: one line an entry on standard error.
enum Log {
    static func start(_ level: Logger.Level) -> Logger {
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        return Logger(label: "inlet")
    }
}

/// How many files and connections the system lets the process have.
enum OpenFiles {
    // For the admin listener, the database and what else is open beside callers' connections.
    private static let reserve = 200 + AdminServer.connectionsMax

    /// Raises the bound as far as the system allows without asking anybody, and takes fewer connections if that is not enough.
    static func raiseBound(for settings: inout Settings, _ logger: Logger) {
        #if canImport(Glibc)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        var bound = rlimit()
        guard getrlimit(resource, &bound) == 0 else { return }
        bound.rlim_cur = bound.rlim_max
        setrlimit(resource, &bound)
        let room = max(1, Int(clamping: bound.rlim_cur) - reserve)
        if settings.connectionsMax > room {
            logger.warning(
                "the system allows fewer open files than connections-max asks for; taking fewer connections",
                metadata: ["connections": "\(room)", "connections-max": "\(settings.connectionsMax)"])
            settings.connectionsMax = room
        }
    }
}
