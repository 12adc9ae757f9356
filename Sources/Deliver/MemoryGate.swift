import Domain
import Synchronization

/// Bounds the memory that large bodies on their way out take together. Small ones pass at once, so that they never wait for a slow
/// receiver of large ones; and no destination and no organization takes it all.
final class MemoryGate: Sendable {
    /// Bodies of at most so many bytes pass at once.
    static let small: Int64 = 64 << 10
    private static let allMax: Int64 = 256 << 20
    private static let organizationMax = allMax / 2
    private static let destinationMax = allMax / 8

    private let state = Mutex(State())

    private struct State {
        var all: Int64 = 0
        var organizations: [ID<Organization>: Int64] = [:]
        var destinations: [ID<Destination>: Int64] = [:]
    }

    /// Does the work if there is room for that many bytes now. What is larger than all the room passes when it is alone.
    ///
    /// - Returns: `nil` if there is none.
    func pass<Answer: Sendable>(
        bytes: Int64, of delivery: Delivery, _ work: () async -> Answer
    ) async -> Answer? {
        guard bytes > Self.small else { return await work() }
        guard enter(bytes, delivery) else { return nil }
        let answer = await work()
        leave(bytes, delivery)
        return answer
    }

    private func enter(_ bytes: Int64, _ delivery: Delivery) -> Bool {
        state.withLock { state in
            let ofOrganization = state.organizations[delivery.organization, default: 0]
            let ofDestination = state.destinations[delivery.destination, default: 0]
            guard Self.fits(bytes, beside: state.all, Self.allMax),
                Self.fits(bytes, beside: ofOrganization, Self.organizationMax),
                Self.fits(bytes, beside: ofDestination, Self.destinationMax)
            else { return false }
            state.all += bytes
            state.organizations[delivery.organization] = ofOrganization + bytes
            state.destinations[delivery.destination] = ofDestination + bytes
            return true
        }
    }

    private static func fits(_ bytes: Int64, beside taken: Int64, _ most: Int64) -> Bool {
        taken == 0 || taken + bytes <= most
    }

    private func leave(_ bytes: Int64, _ delivery: Delivery) {
        state.withLock { state in
            state.all -= bytes
            state.organizations[delivery.organization, default: 0] -= bytes
            if state.organizations[delivery.organization] == 0 { state.organizations[delivery.organization] = nil }
            state.destinations[delivery.destination, default: 0] -= bytes
            if state.destinations[delivery.destination] == 0 { state.destinations[delivery.destination] = nil }
        }
    }
}
