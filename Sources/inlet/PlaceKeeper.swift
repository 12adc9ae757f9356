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
        let outage = Outage { [logger] in logger.error("\($0)", metadata: ["error": "\($1)"]) }
        try await cancelWhenGracefulShutdown {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await eachSecond(outage, "the place among the servers could not be kept") {
                        try await store.renewPlace()
                    }
                }
                group.addTask {
                    try await eachSecond(outage, "changes of other servers could not be read") { try await store.follow() }
                }
                group.addTask { for await _ in told { try? await store.follow() } }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }

    private func eachSecond(_ outage: Outage, _ message: String, _ work: () async throws -> Void) async throws {
        while !Task.isCancelled {
            do {
                try await work()
                if outage.isOver(message) { logger.notice("the database answers again") }
            } catch StorageError.locked(let words) {
                throw StorageError.locked(words)
            } catch {
                outage.note(message, error)
            }
            try? await Task.sleep(for: Self.pause)
        }
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
