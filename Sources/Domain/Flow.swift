/// What takes the events of one webhook and sends them to destinations (docs/flows.md).
package struct Flow: Identified, Hashable, Sendable {
    package static let idPrefix = "flow"

    package let id: ID<Flow>
    package let organization: ID<Organization>
    /// Whose events it takes.
    package let webhook: ID<Webhook>
    package var name: Label
    package var description: Label
    /// The filter as it was written; `nil` lets every event through.
    package var filterText: String?
    /// The template as it was written; `nil` sends the caller's exact bytes.
    package var templateText: String?
    /// Where its events go, one delivery each; none twice.
    package var destinations: [ID<Destination>]
    package var state: FlowState
    package let createdAt: Timestamp

    package init(
        id: ID<Flow>, organization: ID<Organization>, webhook: ID<Webhook>, name: Label, description: Label,
        filterText: String?, templateText: String?, destinations: [ID<Destination>], state: FlowState, createdAt: Timestamp
    ) {
        self.id = id
        self.organization = organization
        self.webhook = webhook
        self.name = name
        self.description = description
        self.filterText = filterText
        self.templateText = templateText
        self.destinations = destinations
        self.state = state
        self.createdAt = createdAt
    }
}

/// Whether a flow sends; the word on the wire.
package enum FlowState: String, Sendable, CaseIterable {
    case active
    /// Its events are kept as deliveries that wait.
    case paused
    /// It takes no more events, for good. Its deliveries stay to be looked at.
    case archived

    /// The state after somebody pauses it. Safe to repeat.
    package func paused() throws(FlowStateError) -> FlowState {
        switch self {
        case .active, .paused: .paused
        case .archived: throw .isArchived
        }
    }

    /// The state after it is let go on. Safe to repeat.
    package func resumed() throws(FlowStateError) -> FlowState {
        switch self {
        case .active, .paused: .active
        case .archived: throw .isArchived
        }
    }

    /// The state after it is put away for good; from any state, and safe to repeat.
    package func archived() -> FlowState {
        .archived
    }
}

/// Why a step of a flow is refused.
package enum FlowStateError: Error, Equatable {
    case isArchived
}
