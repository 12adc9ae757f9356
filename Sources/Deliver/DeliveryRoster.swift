import Domain
import Storage
import Synchronization

/// Flows and destinations in memory, for those who send. Changed in the same step as the database.
package final class DeliveryRoster: CredentialObserver {
    private let state: Mutex<State>
    private let bell: DeliveryBell
    /// Rings when flows or destinations changed.
    let changes = DeliveryBell()

    fileprivate struct State {
        var destinations: [ID<Destination>: DestinationTable.Entry] = [:]
        var flows: [ID<Flow>: Plan] = [:]
        // Ways that are no more since the start; what is open on them is to be cancelled.
        var gone: Set<DeliveryTable.Way> = []
        // Raised by each change, for those who put deliveries where they belong after one.
        var revision = 0
    }

    /// Ways that are no more, for who cancels what is open on them.
    var gone: Set<DeliveryTable.Way> {
        state.withLock { $0.gone }
    }

    /// Takes note of those ways that are no more.
    func noteGone(among ways: [DeliveryTable.Way]) {
        for way in ways {
            let stands = self.way(way.flow, way.destination)
            if stands.flow == nil || stands.destination == nil { state.withLock { _ = $0.gone.insert(way) } }
        }
    }

    /// Forgets a way that is no more, for nothing is open on it.
    func forget(_ way: DeliveryTable.Way) {
        state.withLock { _ = $0.gone.remove(way) }
    }

    /// What a flow does to an event, read once.
    struct Plan: Sendable {
        let flow: Flow
        let filter: FlowFilter?
        let template: BodyTemplate?

        init(_ flow: Flow) throws(StorageError) {
            self.flow = flow
            do {
                filter = try flow.filterText.map { text throws(FlowFilterError) in try FlowFilter(text: text) }
                template = try flow.templateText.map { text throws(BodyTemplateError) in try BodyTemplate(text) }
            } catch {
                throw .unreadable("the filter or template of flow \(flow.id.text)")
            }
        }
    }

    /// Opens the roster of a store and keeps it current from then on.
    package static func open(_ store: Store, bell: DeliveryBell) async throws -> DeliveryRoster {
        try await store.write { transaction in
            let roster = try DeliveryRoster(loading: transaction.connection, bell)
            store.add(roster)
            return roster
        }
    }

    private init(loading connection: any Connection, _ bell: DeliveryBell) throws {
        self.bell = bell
        var state = State()
        for entry in try DestinationTable(connection).all() { state.destinations[entry.destination.id] = entry }
        for flow in try FlowTable(connection).allTaking() { state.flows[flow.id] = try Plan(flow) }
        self.state = Mutex(state)
    }

    var destinations: [DestinationTable.Entry] {
        state.withLock { Array($0.destinations.values) }
    }

    /// The flows that are not archived.
    var flows: [Flow] {
        state.withLock { $0.flows.values.map(\.flow) }
    }

    var revision: Int {
        state.withLock { $0.revision }
    }

    func destination(_ id: ID<Destination>) -> DestinationTable.Entry? {
        state.withLock { $0.destinations[id] }
    }

    /// What a flow does; `nil` if it is archived.
    func plan(_ id: ID<Flow>) -> Plan? {
        state.withLock { $0.flows[id] }
    }

    /// The delivery as it is to stand now, where its flow and destination stand as they do.
    ///
    /// Inside a transaction this is what is committed: the roster changes before the next transaction begins.
    func placed(_ delivery: Delivery, at now: Timestamp) -> Delivery {
        let way = way(delivery.flow, delivery.destination)
        return delivery.placed(flow: way.flow, destination: way.destination, at: now)
    }

    /// How a flow stands, if it sends there, and how the destination does.
    func way(_ flow: ID<Flow>, _ destination: ID<Destination>) -> (flow: FlowState?, destination: DestinationState?) {
        state.withLock { state in
            let flow = state.flows[flow]?.flow
            return (
                flow?.destinations.contains(destination) ?? false ? flow?.state : nil,
                state.destinations[destination]?.destination.state
            )
        }
    }

    package func prepareAll(_ connection: any Connection) throws -> @Sendable () -> Void {
        let all = try DeliveryRoster(loading: connection, bell)
        return { [self] in
            state.withLock { state in
                let now = all.state.withLock { ($0.destinations, $0.flows) }
                for id in state.flows.keys where now.1[id] == nil { state.replace(id, with: nil) }
                (state.destinations, state.flows) = now
                state.revision += 1
            }
            bell.ring()
            changes.ring()
        }
    }

    package func prepare(
        _ changes: [CredentialChange], _ connection: any Connection
    ) throws -> @Sendable () -> Void {
        var updates: [@Sendable (inout State) -> Void] = []
        for change in Set(changes) {
            switch change {
            case .destination(let id):
                let entry = try DestinationTable(connection).findAnywhere(id)
                updates.append { $0.destinations[id] = entry }
            case .flow(let id):
                let plan = try FlowTable(connection).findAnywhere(id).map { flow throws(StorageError) in try Plan(flow) }
                updates.append { $0.replace(id, with: plan?.flow.state == .archived ? nil : plan) }
            case .organization, .webhook, .token, .membership, .integrationToken:
                break
            }
        }
        guard !updates.isEmpty else { return {} }
        return { [updates, self] in
            state.withLock { state in
                for update in updates { update(&state) }
                state.revision += 1
            }
            bell.ring()
            self.changes.ring()
        }
    }
}

extension DeliveryRoster.State {
    fileprivate mutating func replace(_ id: ID<Flow>, with plan: DeliveryRoster.Plan?) {
        for destination in flows[id]?.flow.destinations ?? [] {
            gone.insert(DeliveryTable.Way(flow: id, destination: destination))
        }
        for destination in plan?.flow.destinations ?? [] { gone.remove(DeliveryTable.Way(flow: id, destination: destination)) }
        flows[id] = plan
    }
}
