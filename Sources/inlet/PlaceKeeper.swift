import Domain
import Foundation
import Logging
import ServiceLifecycle
import Storage
import Synchronization

/// Keeps this server's place among those that share the database, and takes over what they change of credentials: at once when it is
/// told of it, and each second in any case. Does nothing where no other server can be.
struct PlaceKeeper: Service {
    let store: Store
    let logger: Logger
    private static let pause = Duration.seconds(1)

    func run() async throws {
        guard store.dialect.isShared else {
            try? await gracefulShutdown()
            return
        }
        let (told, tell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        store.onChange { tell.yield() }
        let outage = Outage(logger)
        try await cancelWhenGracefulShutdown {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await Self.eachSecond(outage, "the place among the servers could not be kept") {
                        try await store.renewPlace()
                    }
                }
                group.addTask {
                    try await Self.eachSecond(outage, "changes of other servers could not be read") { try await store.follow() }
                }
                group.addTask { for await _ in told { try? await store.follow() } }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }

    private static func eachSecond(_ outage: Outage, _ message: String, _ work: () async throws -> Void) async throws {
        while !Task.isCancelled {
            do {
                try await work()
                outage.end(message)
            } catch StorageError.locked(let words) {
                throw StorageError.locked(words)
            } catch {
                outage.note(message, error)
            }
            try? await Task.sleep(for: pause)
        }
    }
}

/// Says once that something does not work, and once that it does again.
private final class Outage: Sendable {
    private let logger: Logger
    private let open = Mutex<Set<String>>([])

    init(_ logger: Logger) {
        self.logger = logger
    }

    func note(_ message: String, _ error: any Error) {
        guard open.withLock({ $0.insert(message).inserted }) else { return }
        logger.error("\(message)", metadata: ["error": "\(error)"])
    }

    func end(_ message: String) {
        guard open.withLock({ $0.remove(message) }) != nil else { return }
        logger.notice("the database answers again")
    }
}

/// The database's time, as far as it is known: servers that share it mean the same moment, however their own clocks are set.
struct SharedClock: WallClock {
    let machine: any WallClock
    let place: Place

    func now() -> Timestamp {
        machine.now().adding(place.ahead)
    }
}
