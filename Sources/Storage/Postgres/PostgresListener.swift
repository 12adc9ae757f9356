import Foundation
import Synchronization

/// Waits for word of other servers, on a connection and a thread of its own. Whenever it had to connect anew it tells as well, for it
/// cannot know what it missed.
final class PostgresListener: Sendable {
    private let sign = StopSign()

    private final class StopSign: Sendable {
        let isUp = Atomic(false)
    }

    init(_ conninfo: String, _ tell: @escaping @Sendable () -> Void) {
        let sign = sign
        let thread = Thread {
            while !sign.isUp.load(ordering: .acquiring) {
                if let link = try? PostgresLink(conninfo, as: "listener"), (try? link.listen()) != nil {
                    tell()
                    while !sign.isUp.load(ordering: .acquiring), link.isWhole {
                        if link.hasNotifications(within: 200) { tell() }
                    }
                }
                // The database is away, or cut the connection; whoever polls goes on meanwhile.
                Thread.sleep(forTimeInterval: 0.2)
            }
        }
        thread.name = "inlet.postgres.listener"
        thread.start()
    }

    deinit { sign.isUp.store(true, ordering: .releasing) }
}
