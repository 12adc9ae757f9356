import Contract
import NIOHTTP1

extension InletClient {
    // MARK: Deliveries

    /// Deliveries newest first.
    ///
    /// - Parameters:
    ///   - flow: id or name.
    ///   - destination: id or name.
    ///   - state: `waiting`, `due`, `running`, `delivered`, `dead`, `filtered` or `cancelled`.
    public func deliveries(
        event: String? = nil, flow: String? = nil, destination: String? = nil, state: String? = nil, after: String? = nil,
        limit: Int? = nil
    ) async throws -> PageView<DeliveryView> {
        try await get(
            "deliveries",
            [
                "event": event, "flow": flow, "destination": destination, "state": state, "after": after,
                "limit": limit.map(String.init),
            ])
    }

    /// A delivery with its attempts.
    public func delivery(_ id: String) async throws -> DeliveryView { try await get(Self.delivery(id)) }

    /// Sends a delivery that is over again, as a new one.
    public func retryDelivery(_ id: String) async throws -> DeliveryView {
        try await send(.POST, Self.delivery(id) + "/retry")
    }

    /// Has a delivery that waits or is due not be sent.
    public func cancelDelivery(_ id: String) async throws -> DeliveryView {
        try await send(.POST, Self.delivery(id) + "/cancel")
    }

    /// Says what became of a claim. Refused once its lease is over and another has it.
    public func settleClaim(_ delivery: String, attempt: Int, _ result: SettleClaim) async throws -> DeliveryView {
        try await send(.POST, Self.delivery(delivery) + "/attempts/\(attempt)", result)
    }

    private static func delivery(_ id: String) -> String { "deliveries/\(escaped(id))" }

    // MARK: Replays

    /// Sends an event again by the flows its webhook has now, and answers the new deliveries.
    public func replayEvent(_ id: String) async throws -> [DeliveryView] {
        let deliveries: PageView<DeliveryView> = try await send(.POST, "events/\(Self.escaped(id))/replay")
        return deliveries.items
    }

    /// Replays of a selection, newest first.
    public func replays(after: String? = nil, limit: Int? = nil) async throws -> PageView<ReplayView> {
        try await get("replays", ["after": after, "limit": limit.map(String.init)])
    }

    /// Begins to send events again; the server goes on by itself.
    public func startReplay(_ replay: NewReplay) async throws -> ReplayView {
        var replay = replay
        replay.dryRun = nil
        return try await send(.POST, "replays", replay)
    }

    /// How many events a replay would send; none is.
    public func countReplay(_ replay: NewReplay) async throws -> ReplayCountView {
        var replay = replay
        replay.dryRun = true
        return try await send(.POST, "replays", replay)
    }

    /// How far a replay is.
    public func replay(_ id: String) async throws -> ReplayView { try await get("replays/\(Self.escaped(id))") }

    /// Ends a replay; what it has not sent by now it does not send. Safe to repeat.
    public func cancelReplay(_ id: String) async throws -> ReplayView {
        try await send(.POST, "replays/\(Self.escaped(id))/cancel")
    }
}
