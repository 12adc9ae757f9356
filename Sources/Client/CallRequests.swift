import Contract
import Foundation
import NIOHTTP1

extension InletClient {
    // MARK: Events

    /// Events that match, newest first. A page that looked through much may be short, or empty, though there is a next one.
    public func events(
        _ search: EventSearch = EventSearch(), after: String? = nil, limit: Int? = nil
    ) async throws -> PageView<EventView> {
        try await get(
            "events", search.query.merging(["after": after, "limit": limit.map(String.init)], uniquingKeysWith: { $1 }))
    }

    /// Events of one webhook, newest first.
    public func events(webhook: String, after: String? = nil, limit: Int? = nil) async throws -> PageView<EventView> {
        try await events(EventSearch(webhook: webhook), after: after, limit: limit)
    }

    /// All events that match with their bodies, newest first.
    ///
    /// - Parameter format: `jsonl` or `csv`.
    public func exportEvents(_ search: EventSearch = EventSearch(), format: String = "jsonl") async throws -> Download {
        try await download("events/export", search.query.merging(["format": format], uniquingKeysWith: { $1 }))
    }

    /// Events newer than one, oldest first.
    ///
    /// - Parameter waitSeconds: how long the server waits for one before it answers that there are none, 0 to 25.
    public func events(
        since: String, webhook: String? = nil, waitSeconds: Int? = nil, limit: Int? = nil
    ) async throws -> PageView<EventView> {
        try await get(
            "events",
            [
                "since": since, "webhook": webhook, "wait_seconds": waitSeconds.map(String.init),
                "limit": limit.map(String.init),
            ], waitSeconds: waitSeconds)
    }

    /// An event, without its body.
    public func event(_ id: String) async throws -> EventView { try await get("events/\(Self.escaped(id))") }

    /// The exact bytes that the caller sent.
    public func eventBody(_ id: String) async throws -> Data {
        try await bytes(.GET, "events/\(Self.escaped(id))/body")
    }

    /// The fields of an event's body: which are new, and which known ones it lacks.
    public func eventFields(_ id: String) async throws -> EventFieldsView {
        try await get("events/\(Self.escaped(id))/fields")
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

    /// The whole ledger, newest first.
    ///
    /// - Parameter format: `jsonl` or `csv`.
    public func exportCalls(
        outcome: String? = nil, webhook: String? = nil, token: String? = nil, cause: String? = nil, from: String? = nil,
        to: String? = nil, format: String = "jsonl"
    ) async throws -> Download {
        try await download(
            "calls/export",
            [
                "outcome": outcome, "webhook": webhook, "token": token, "cause": cause, "from": from, "to": to,
                "format": format,
            ])
    }

    /// - Parameters:
    ///   - by: `webhook`, `token` or `cause`.
    ///   - days: 1 to 30; 30 when `nil`.
    public func callCounts(by: String, days: Int? = nil) async throws -> PageView<CallCountView> {
        try await get("calls/counts", ["by": by, "days": days.map(String.init)])
    }

    /// Calls of each of the last minutes, oldest first; the last one is still running.
    ///
    /// - Parameter minutes: 1 to 180; 60 when `nil`.
    public func callRate(minutes: Int? = nil) async throws -> PageView<CallMinuteView> {
        try await get("calls/per-minute", ["minutes": minutes.map(String.init)])
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

/// Which events to list or export; all where `nil`.
public struct EventSearch: Hashable, Sendable {
    /// Id, or a name that only one has.
    public var webhook: String?
    public var token: String?
    /// RFC 3339; events from that moment on.
    public var from: String?
    /// RFC 3339; events before that moment.
    public var to: String?
    /// `Name`, or `Name: value` for a value that holds that one.
    public var header: String?
    /// A JSON path that the body must have.
    public var path: String?
    /// What must stand there.
    public var value: String?
    /// What the body or the context must hold.
    public var text: String?
    /// A filter as flows have it, as JSON.
    public var filter: String?

    public init(
        webhook: String? = nil, token: String? = nil, from: String? = nil, to: String? = nil, header: String? = nil,
        path: String? = nil, value: String? = nil, text: String? = nil, filter: String? = nil
    ) {
        self.webhook = webhook
        self.token = token
        self.from = from
        self.to = to
        self.header = header
        self.path = path
        self.value = value
        self.text = text
        self.filter = filter
    }

    fileprivate var query: [String: String?] {
        [
            "webhook": webhook, "token": token, "from": from, "to": to, "header": header, "path": path, "value": value,
            "text": text, "filter": filter,
        ]
    }
}
