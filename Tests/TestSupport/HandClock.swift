import Domain
import Synchronization

/// A clock that stands still until a test moves it.
package final class HandClock: WallClock {
    /// When each test begins.
    package static let start = Timestamp(seconds: 1_800_000_000)

    private let moment = Mutex(HandClock.start)

    package init() {}

    package func now() -> Timestamp {
        moment.withLock { $0 }
    }

    package func advance(by interval: Interval) {
        moment.withLock { $0 = $0.adding(interval) }
    }
}

extension Interval {
    /// The span that is that much longer.
    package func adding(_ other: Interval) -> Interval {
        Interval(microseconds: microseconds + other.microseconds)
    }
}

extension Sequence {
    /// The elements, changed one after another.
    package func asyncMap<Other>(_ change: (Element) async throws -> Other) async rethrows -> [Other] {
        var changed: [Other] = []
        for element in self { changed.append(try await change(element)) }
        return changed
    }
}
