import Deliver
import Destinations
import Domain
import Foundation
import Storage

/// Flows of the actor's organization: where a webhook's events go. Row P8.
package struct FlowOperations: Sendable {
    private let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// A flow as it is asked for; `nil` leaves a field as it is, an inner `nil` takes filter or template away.
    package struct Draft: Sendable {
        package var name: String?
        package var description: String?
        /// Id or name; only for a new flow.
        package var webhook: String?
        /// The JSON of a filter.
        package var filter: String??
        /// The JSON of a template.
        package var template: String??
        /// Ids or names, in their order.
        package var destinations: [String]?

        package init(
            name: String? = nil, description: String? = nil, webhook: String? = nil, filter: String?? = nil,
            template: String?? = nil, destinations: [String]? = nil
        ) {
            self.name = name
            self.description = description
            self.webhook = webhook
            self.filter = filter
            self.template = template
            self.destinations = destinations
        }
    }

    package func list(webhook: String?, after: String?, limit: Int?, _ actor: Actor) async throws -> Page<Flow> {
        let limit = try Limits.page(limit)
        let after: ID<Flow>? = try Cursor.id(after)
        return try await desk.look(actor, .readFlows) { connection in
            let webhook = try webhook.map { try WebhookOperations.find($0, in: actor.organization, connection).id }
            let read = try FlowTable(connection).list(
                in: actor.organization, webhook: webhook, after: after, limit: limit + 1)
            return Page(read, limit: limit) { $0.id.text }
        }
    }

    /// - Parameter reference: id or name.
    package func show(_ reference: String, _ actor: Actor) async throws -> Flow {
        try await desk.look(actor, .readFlows) { try Self.find(reference, in: actor.organization, $0) }
    }

    /// Makes a flow; events that come from now on go by it.
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `name_taken`.
    package func create(_ draft: Draft, _ actor: Actor) async throws -> Flow {
        guard let name = draft.name else { throw OperationError.invalid(field: "name", "is missing.") }
        guard let webhook = draft.webhook else { throw OperationError.invalid(field: "webhook", "is missing.") }
        let label = try Label.name(name)
        let description = try Label.description(draft.description)
        return try await desk.act(actor, .changeFlows) { act in
            try Self.requireFree(label, act)
            let known = try FlowTable(act.connection).list(
                in: act.organization, webhook: nil, after: nil, limit: Limits.flowsMax)
            guard known.count < Limits.flowsMax else {
                throw OperationError.conflict(
                    code: "too_many", "An organization has at most \(Limits.flowsMax) flows.")
            }
            var flow = Flow(
                id: .random(), organization: act.organization,
                webhook: try WebhookOperations.find(webhook, in: act.organization, act.connection).id, name: label,
                description: description, filterText: nil, templateText: nil, destinations: [], state: .active,
                createdAt: act.now)
            try Self.apply(draft, to: &flow, act)
            guard !flow.destinations.isEmpty else {
                throw OperationError.invalid(field: "destinations", "must name 1 to 10 destinations.")
            }
            try FlowTable(act.connection).insert(flow)
            act.transaction.announce(.flow(flow.id))
            try act.record(.flowCreate, flow.id.text, flow.auditDetails)
            return flow
        }
    }

    /// Changes a flow, for events that come from now on; a new filter or template also holds for what is on its way.
    package func edit(_ reference: String, _ draft: Draft, _ actor: Actor) async throws -> Flow {
        let name = try draft.name.map { try Label.name($0) }
        let description = try draft.description.map { try Label.description($0) }
        return try await desk.act(actor, .changeFlows) { act in
            let before = try Self.find(reference, in: act.organization, act.connection)
            guard before.state != .archived else { throw Self.isArchived }
            var flow = before
            flow.name = name ?? before.name
            flow.description = description ?? before.description
            if flow.name != before.name { try Self.requireFree(flow.name, act) }
            try Self.apply(draft, to: &flow, act)
            guard flow != before else { return flow }
            try FlowTable(act.connection).update(flow)
            act.transaction.announce(.flow(flow.id))
            try act.record(.flowEdit, flow.id.text, flow.auditDetails)
            return flow
        }
    }

    /// Sends nothing from now on; events go on coming and wait. Safe to repeat.
    package func pause(_ reference: String, _ actor: Actor) async throws -> Flow {
        try await step(reference, .flowPause, actor) { flow in
            flow.state = try flow.state.paused()
        }
    }

    /// Sends again, what waited first. Safe to repeat.
    package func resume(_ reference: String, _ actor: Actor) async throws -> Flow {
        try await step(reference, .flowResume, actor) { flow in
            flow.state = try flow.state.resumed()
        }
    }

    /// Ends a flow for good: what waits or is due is cancelled, and its history stays. Safe to repeat.
    package func archive(_ reference: String, _ actor: Actor) async throws -> Flow {
        try await step(reference, .flowArchive, actor) { flow in
            flow.state = flow.state.archived()
        }
    }

    // MARK: Dry run

    /// What a flow would do to an event. Secrets are left out.
    package struct DryRun: Sendable {
        package let isLetThrough: Bool
        /// What the filter says, in words; `nil` where there is none.
        package let why: String?
        package let messages: [Message]
    }

    /// What one destination would get.
    package struct Message: Sendable {
        package let destination: Destination
        package let request: Result<OutgoingRequest, Rehearsal.Fault>

        /// Why nothing can be built; `nil` if something can.
        package var fault: String? {
            guard case .failure(let fault) = request else { return nil }
            return fault.words
        }
    }

    /// Shows what would be sent for an event that is kept, with the filter, template and destinations of the flow or with others.
    ///
    /// - Parameter reference: id or name; `nil` for a flow that there is not yet.
    package func dryRun(_ reference: String?, event: String, _ draft: Draft, _ actor: Actor) async throws -> DryRun {
        let now = desk.clock.now()
        try actor.require(.readEvents)
        return try await desk.look(actor, .readFlows) { connection in
            let kept = try reference.map { try Self.find($0, in: actor.organization, connection) }
            let table = EventTable(connection)
            guard let id = OrderedID<Event>(event), let found = try table.find(id, in: actor.organization),
                let body = try table.body(of: id, in: actor.organization)
            else { throw OperationError.notFound("event") }
            var flow =
                kept
                ?? Flow(
                    id: .random(), organization: actor.organization, webhook: found.webhook, name: .empty, description: .empty,
                    filterText: nil, templateText: nil, destinations: [], state: .active, createdAt: now)
            if let references = draft.destinations {
                flow.destinations = try references.prefix(Limits.destinationsPerFlow.upperBound).map {
                    try DestinationOperations.find($0, in: actor.organization, connection, field: "destinations").id
                }
            }
            if let filter = draft.filter { flow.filterText = try Self.checkedFilter(filter) }
            if let template = draft.template { flow.templateText = try Self.checkedTemplate(template) }
            let destinations = try flow.destinations.compactMap {
                try DestinationTable(connection).find($0, in: actor.organization)
            }
            let rehearsal = try Rehearsal(flow, of: found, body.bytes, at: now)
            return DryRun(
                isLetThrough: rehearsal.isLetThrough, why: rehearsal.decision?.words,
                messages: rehearsal.isLetThrough
                    ? destinations.map { Message(destination: $0, request: rehearsal.request(to: $0)) } : [])
        }
    }

    // MARK: Inside an act

    static func find(
        _ reference: String, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> Flow {
        let table = FlowTable(connection)
        if let id = ID<Flow>(reference), let found = try table.find(id, in: organization) { return found }
        if let found = try table.find(name: reference, in: organization) { return found }
        throw OperationError.notFound("flow")
    }

    private static let isArchived = OperationError.conflict(
        code: "flow_archived", "This flow is archived, for good. Make a new one.")

    private func step(
        _ reference: String, _ action: AuditEntry.Action, _ actor: Actor,
        _ change: @escaping @Sendable (inout Flow) throws -> Void
    ) async throws -> Flow {
        try await desk.act(actor, .changeFlows) { act in
            let before = try Self.find(reference, in: act.organization, act.connection)
            var flow = before
            do {
                try change(&flow)
            } catch is FlowStateError {
                throw Self.isArchived
            }
            guard flow != before else { return flow }
            try FlowTable(act.connection).update(flow)
            act.transaction.announce(.flow(flow.id))
            try act.record(action, flow.id.text, ["name": flow.name.text])
            return flow
        }
    }

    private static func apply(_ draft: Draft, to flow: inout Flow, _ act: Act) throws {
        if let filter = draft.filter { flow.filterText = try checkedFilter(filter) }
        if let template = draft.template {
            flow.templateText = try checkedTemplate(template)
            if let text = flow.templateText, let names = (try? BodyTemplate(text))?.secretNames {
                guard names.count <= Limits.variablesPerTemplate else {
                    throw OperationError.invalid(
                        field: "template", "uses more than \(Limits.variablesPerTemplate) secret variables.")
                }
                try SecretVariableOperations.requireKnown(names, field: "template", act)
            }
        }
        if let references = draft.destinations {
            guard Limits.destinationsPerFlow.contains(references.count) else {
                throw OperationError.invalid(field: "destinations", "must name 1 to 10 destinations.")
            }
            let ids = try references.map {
                try DestinationOperations.find($0, in: act.organization, act.connection, field: "destinations").id
            }
            guard Set(ids).count == ids.count else {
                throw OperationError.invalid(field: "destinations", "names one twice.")
            }
            flow.destinations = ids
        }
    }

    static func checkedFilter(_ text: String?) throws(OperationError) -> String? {
        guard let text else { return nil }
        do {
            _ = try FlowFilter(text: text)
            return text
        } catch {
            throw error.operationError
        }
    }

    private static func checkedTemplate(_ text: String?) throws(OperationError) -> String? {
        guard let text else { return nil }
        do {
            _ = try BodyTemplate(text)
            return text
        } catch {
            throw error.operationError
        }
    }

    private static func requireFree(_ name: Label, _ act: Act) throws {
        guard try FlowTable(act.connection).find(name: name.text, in: act.organization) == nil else {
            throw OperationError.conflict(code: "name_taken", "Another flow has that name. Choose another.")
        }
    }
}

extension Flow {
    /// What the audit log says: whose events it sends, where, and with which secret variables.
    fileprivate var auditDetails: [String: String] {
        var details = [
            "name": name.text, "webhook": webhook.text, "destinations": destinations.map(\.text).joined(separator: ", "),
        ]
        let names = templateText.flatMap { try? BodyTemplate($0) }?.secretNames ?? []
        if !names.isEmpty { details["variables"] = names.sorted().map(\.text).joined(separator: ", ") }
        return details
    }
}
