/// Sending a selection of events again, in the background (N10; docs/flows.md, "Replays").
package struct Replay: Identified, Hashable, Sendable {
    package static let idPrefix = "rpl"
    /// How many events a second are sent when nobody says.
    package static let ratePerSecondDefault = 50

    package let id: OrderedID<Replay>
    package let organization: ID<Organization>
    package let selection: ReplaySelection
    /// How many events a second are sent at most.
    package let ratePerSecond: Int
    package private(set) var state: ReplayState
    /// Events of the webhook in the time that is asked for, when the replay was made.
    package let eventsTotal: Int64
    /// How many of them were looked at.
    package private(set) var eventsLookedAt: Int64
    /// How many of these were sent.
    package private(set) var eventsSent: Int64
    /// The last one that was looked at; it goes on behind it.
    package private(set) var position: OrderedID<Event>
    /// The last one that it may look at: what came later is not sent again.
    package let end: OrderedID<Event>
    package let createdAt: Timestamp
    package let createdBy: ID<Account>
    package private(set) var endedAt: Timestamp?

    /// Takes what a new replay is, or what our own database holds.
    package init(
        id: OrderedID<Replay>, organization: ID<Organization>, selection: ReplaySelection, ratePerSecond: Int,
        state: ReplayState = .running, eventsTotal: Int64, eventsLookedAt: Int64 = 0, eventsSent: Int64 = 0,
        position: OrderedID<Event>, end: OrderedID<Event>, createdAt: Timestamp, createdBy: ID<Account>,
        endedAt: Timestamp? = nil
    ) {
        self.id = id
        self.organization = organization
        self.selection = selection
        self.ratePerSecond = ratePerSecond
        self.state = state
        self.eventsTotal = eventsTotal
        self.eventsLookedAt = eventsLookedAt
        self.eventsSent = eventsSent
        self.position = position
        self.end = end
        self.createdAt = createdAt
        self.createdBy = createdBy
        self.endedAt = endedAt
    }

    /// The replay after it looked at some more events.
    ///
    /// - Parameter last: the last of them; `nil` if there are no more, which ends it.
    package func looked(at count: Int64, sent: Int64, last: OrderedID<Event>?, at now: Timestamp) -> Replay {
        var replay = self
        replay.eventsLookedAt += count
        replay.eventsSent += sent
        if let last {
            replay.position = last
        } else {
            replay.state = .done
            replay.endedAt = now
        }
        return replay
    }

    /// The replay after somebody stopped it. Safe to repeat; one that is done stays so.
    package func cancelled(at now: Timestamp) -> Replay {
        guard state == .running else { return self }
        var replay = self
        replay.state = .cancelled
        replay.endedAt = now
        return replay
    }
}

/// Whether a replay goes on; the word on the wire.
package enum ReplayState: String, Sendable, CaseIterable {
    case running
    case done
    case cancelled
}

/// Which events a replay sends, and where.
package struct ReplaySelection: Hashable, Sendable {
    package let webhook: ID<Webhook>
    /// Received at or after.
    package let from: Timestamp?
    /// Received before.
    package let to: Timestamp?
    /// Only where the last delivery of the event by that flow to that destination stands so.
    package let state: DeliveryState?
    /// Only to this destination; `nil` is all that a flow has.
    package let destination: ID<Destination>?
    /// Only by this flow; `nil` is all of the webhook.
    package let flow: ID<Flow>?
    /// The filter as it was written; `nil` takes every event.
    package let filterText: String?

    package init(
        webhook: ID<Webhook>, from: Timestamp? = nil, to: Timestamp? = nil, state: DeliveryState? = nil,
        destination: ID<Destination>? = nil, flow: ID<Flow>? = nil, filterText: String? = nil
    ) {
        self.webhook = webhook
        self.from = from
        self.to = to
        self.state = state
        self.destination = destination
        self.flow = flow
        self.filterText = filterText
    }

    /// Whether it sends by that flow to that destination.
    package func takes(flow: ID<Flow>, destination: ID<Destination>) -> Bool {
        (self.flow ?? flow) == flow && (self.destination ?? destination) == destination
    }
}
