import Domain
import Synchronization

/// Tells the dispatcher that there may be something to do. Ringing costs little, and ringing twice is like ringing once.
package final class DeliveryBell: Sendable {
    private let state = Mutex(State())

    private struct State {
        var isRung = false
        var destinations: Set<ID<Destination>> = []
        var isForAll = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    package init() {}

    /// - Parameter destinations: which have something due; `nil` if that is not known.
    package func ring(for destinations: some Sequence<ID<Destination>>) {
        ring { $0.destinations.formUnion(destinations) }
    }

    /// Rings for any of them.
    package func ring() {
        ring { $0.isForAll = true }
    }

    /// Rings for none: something came back.
    func ringToSettle() {
        ring { _ in }
    }

    /// For whom it rang since it was asked last; `nil` if for any of them.
    func takeDestinations() -> Set<ID<Destination>>? {
        state.withLock { state in
            defer { (state.destinations, state.isForAll) = ([], false) }
            return state.isForAll ? nil : state.destinations
        }
    }

    private func ring(_ note: (inout State) -> Void) {
        let waiting = state.withLock { state in
            note(&state)
            state.isRung = true
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume()
    }

    /// Returns when it rings, or after that time; at once if it rang since the last return.
    func wait(atMost time: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.next() }
            group.addTask { try? await Task.sleep(for: time) }
            await group.next()
            group.cancelAll()
        }
        state.withLock { $0.isRung = false }
    }

    private func next() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isRung || Task.isCancelled { return true }
                    state.waiting = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let waiting = state.withLock { state in
                defer { state.waiting = nil }
                return state.waiting
            }
            waiting?.resume()
        }
    }
}
