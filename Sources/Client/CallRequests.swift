import Contract
import Foundation
import NIOHTTP1

extension InletClient {
    // MARK: Events

    /// Events newest first.
    public func events(
        webhook: String? = nil, after: String? = nil, limit: Int? = nil
    ) async throws -> PageView<EventView> {
        try await get("events", ["webhook": webhook, "after": after, "limit": limit.map(String.init)])
    }

    /// Events newer than one, oldest first.
    public func events(
        since: String, webhook: String? = nil, limit: Int? = nil
    ) async throws -> PageView<EventView> {
        try await get("events", ["since": since, "webhook": webhook, "limit": limit.map(String.init)])
    }

    /// An event, without its body.
    public func event(_ id: String) async throws -> EventView { try await get("events/\(Self.escaped(id))") }

    /// The exact bytes that the caller sent.
    public func eventBody(_ id: String) async throws -> Data {
        try await bytes(.GET, "events/\(Self.escaped(id))/body")
    }

    // MARK: Calls

    /// The ledger, newest first.
    ///
    /// - Parameters:
    ///   - outcome: `accepted` or `refused`; both when `nil`.
    ///   - from: RFC 3339; calls from that moment on.
    ///   - to: RFC 3339; calls before that moment.
    public func calls(
        outcome: String? = nil, webhook: String? = nil, token: String? = nil, cause: String? = nil, from: String? = nil,
        to: String? = nil, after: String? = nil, limit: Int? = nil
    ) async throws -> PageView<CallView> {
        try await get(
            "calls",
            [
                "outcome": outcome, "webhook": webhook, "token": token, "cause": cause, "from": from, "to": to,
                "after": after, "limit": limit.map(String.init),
            ])
    }

    /// - Parameters:
    ///   - by: `webhook`, `token` or `cause`.
    ///   - days: 1 to 30; 30 when `nil`.
    public func callCounts(by: String, days: Int? = nil) async throws -> PageView<CallCountView> {
        try await get("calls/counts", ["by": by, "days": days.map(String.init)])
    }

    // MARK: Held calls

    /// Calls kept aside because a token or its owner had lapsed.
    public func heldCalls(
        webhook: String? = nil, token: String? = nil, after: String? = nil, limit: Int? = nil
    ) async throws -> PageView<HeldCallView> {
        try await get(
            "held", ["webhook": webhook, "token": token, "after": after, "limit": limit.map(String.init)])
    }

    /// Turns held calls into events, with their original receive time.
    public func releaseHeldCalls(_ release: ReleaseHeld) async throws -> ReleaseView {
        try await send(.POST, "held/release", release)
    }
}
