import Domain
import Foundation

/// The machine's time of day.
package struct SystemClock: WallClock {
    package init() {}

    package func now() -> Timestamp {
        Timestamp(microseconds: Int64(exactly: (Date().timeIntervalSince1970 * 1_000_000).rounded(.down)) ?? 0)
    }
}
