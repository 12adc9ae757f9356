import Domain
import Storage

/// Puts open deliveries where they belong after a flow or destination was paused, resumed, disabled, enabled, changed or archived: in
/// small steps, so that no call waits behind a great many of them.
///
/// Until it has done so nothing goes wrong, only late: whoever claims a delivery looks at its flow and destination first.
struct Tidier: Sendable {
    let store: Store
    let clock: any WallClock
    let roster: DeliveryRoster
    let stopSign: StopSign
    let bell: DeliveryBell
    private static let perStep = 500

    /// - Returns: the destinations that have something due now.
    func run() async throws -> Set<ID<Destination>> {
        var moved: Set<ID<Destination>> = []
        // Looked for beside the writer, so that callers need not wait for it.
        for way in try await store.read({ try DeliveryTable($0).waysWaiting() }) where !isShut(way) {
            try await inSteps { try $0.waiting(on: way, limit: $1) }
            moved.insert(way.destination)
        }
        for way in openWays() where isShut(way) {
            guard try await !store.read({ try DeliveryTable($0).due(at: way.destination, in: way.flow, limit: 1) }).isEmpty else {
                continue
            }
            try await inSteps { try $0.due(at: way.destination, in: way.flow, limit: $1) }
        }
        for way in roster.gone {
            try await inSteps { try $0.due(at: way.destination, in: way.flow, limit: $1) }
            roster.forget(way)
            // In order, the next of a key may be another flow's.
            moved.insert(way.destination)
        }
        return moved
    }

    // Whether deliveries on a way are to wait.
    private func isShut(_ way: DeliveryTable.Way) -> Bool {
        let (flow, destination) = roster.way(way.flow, way.destination)
        guard let flow, let destination else { return false }
        return flow == .paused || !destination.isActive
    }

    private func openWays() -> [DeliveryTable.Way] {
        roster.flows.flatMap { flow in
            flow.destinations.map { DeliveryTable.Way(flow: flow.id, destination: $0) }
        }
    }

    private func inSteps(
        _ find: @escaping @Sendable (DeliveryTable, Int) throws -> [Delivery]
    ) async throws {
        while !Task.isCancelled, !stopSign.isUp {
            let found = try await store.read { try find(DeliveryTable($0), Self.perStep) }
            guard !found.isEmpty else { return }
            let count = try await store.write { [roster, clock] transaction in
                let table = DeliveryTable(transaction.connection)
                let now = clock.now()
                var count = 0
                for delivery in found {
                    // It may have gone on since it was looked for.
                    guard let current = try table.findAnywhere(delivery.id) else { continue }
                    let placed = roster.placed(current, at: now)
                    guard placed != current else { continue }
                    try table.update(placed)
                    count += 1
                }
                return count
            }
            // What was moved need not wait for what is still to be.
            if count > 0 { bell.ring(for: Set(found.map(\.destination))) }
            guard count > 0, found.count == Self.perStep else { return }
        }
    }
}
