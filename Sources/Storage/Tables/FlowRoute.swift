import Crypto
import Domain
import Foundation

/// One way that the events of a webhook go: a flow and a destination of it.
package struct FlowRoute: Sendable {
    package let flow: ID<Flow>
    package let destination: ID<Destination>
    /// Whether events are sent on it as soon as they may; else they wait.
    package let isOpen: Bool
    private let delay: Interval
    private let orderedBy: OrderedBy?

    private enum OrderedBy: Sendable {
        case header(String)
        case context
        case path(JSONPath)

        init?(_ text: String) {
            if text.utf8.first == UInt8(ascii: "$") {
                guard let path = try? JSONPath(text) else { return nil }
                self = .path(path)
            } else {
                self = text.equalsIgnoringCase("inlet-context") ? .context : .header(text)
            }
        }
    }

    package init(_ flow: Flow, _ destination: Destination) {
        self.flow = flow.id
        self.destination = destination.id
        isOpen = flow.state == .active && destination.state.isActive
        delay = destination.schedule.delay(afterAttempts: 0) ?? .seconds(0)
        orderedBy = destination.orderedBy.flatMap(OrderedBy.init)
    }

    /// All ways of a webhook's events, in the order of flows and their destinations.
    package static func read(
        _ webhook: ID<Webhook>, _ connection: any Connection
    ) throws(StorageError) -> [FlowRoute] {
        var routes: [FlowRoute] = []
        for flow in try FlowTable(connection).taking(webhook) {
            for id in flow.destinations {
                guard let entry = try DestinationTable(connection).findAnywhere(id) else { continue }
                routes.append(FlowRoute(flow, entry.destination))
            }
        }
        return routes
    }

    /// A new delivery on this way.
    ///
    /// - Parameters:
    ///   - isReplay: whether somebody asked for the event to be sent again.
    ///   - replay: the replay it belongs to.
    package func delivery(
        of event: OrderSource, id: OrderedID<Delivery>, at now: Timestamp, isReplay: Bool = false,
        replay: OrderedID<Replay>? = nil
    ) -> Delivery {
        let (event, key) = (event.event, orderKey(event))
        return
            Delivery(
                id: id, organization: event.organization, webhook: event.webhook, event: event.id, flow: flow,
                destination: destination, state: isOpen ? .due : .waiting, dueAt: now.adding(delay), createdAt: now,
                isReplay: isReplay, replay: replay, orderKey: key)
    }

    private static let keyBytesMax = 200

    // What an event shares with others that it must not overtake; `nil` if it lacks it, and goes by itself.
    private func orderKey(_ source: OrderSource) -> String? {
        let key: String?
        switch orderedBy {
        case nil: key = nil
        case .context: key = source.event.context
        case .header(let name): key = source.headers.fields.first { $0.name.equalsIgnoringCase(name) }?.value
        case .path(let path):
            let value = source.json.flatMap { path.value(in: $0) }
            if case .text(let text)? = value { key = text } else { key = value?.text }
        }
        guard let key, !key.utf8.isEmpty else { return nil }
        guard key.utf8.count > Self.keyBytesMax || key.utf8.contains(0) else { return key }
        return "sha256:" + Hex.text(Data(SHA256.hash(data: Data(key.utf8))))
    }
}

/// An event as its ways look at it for what goes in order: read once, and only if one of them asks.
package final class OrderSource {
    /// The body of a larger event is not read, for the writer waits meanwhile.
    package static let bodyBytesMax = 262_144

    fileprivate let event: Event
    private let body: () throws -> Data?
    fileprivate lazy var headers = CallHeaders(keptText: event.headersText)
    fileprivate lazy var json: JSONNode? =
        event.bodyBytes <= Self.bodyBytesMax ? (try? body()).flatMap { try? JSONNode($0, bytesMax: Self.bodyBytesMax) } : nil

    /// - Parameter body: the exact bytes; asked for once at most.
    package init(_ event: Event, body: @escaping () throws -> Data?) {
        self.event = event
        self.body = body
    }
}
