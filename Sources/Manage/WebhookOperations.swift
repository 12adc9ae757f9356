import Domain
import Storage

/// Webhooks of the actor's organization.
package struct WebhookOperations: Sendable {
    private let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// A new webhook, as it is asked for.
    package struct Draft: Sendable {
        package var name: String
        package var description: String?
        /// Method names; `nil` is all.
        package var accepts: [String]?
        package var echoesBody: Bool

        package init(
            name: String, description: String? = nil, accepts: [String]? = nil, echoesBody: Bool = false
        ) {
            self.name = name
            self.description = description
            self.accepts = accepts
            self.echoesBody = echoesBody
        }
    }

    /// What is to change; `nil` stays.
    package struct Edit: Sendable {
        package var name: String?
        package var description: String?
        /// Method names.
        package var accepts: [String]?
        /// `.some(nil)`: as long as the server's setting says.
        package var retentionDays: Int??
        /// `.some(nil)`: without a bound.
        package var retentionBytes: Int64??
        package var echoesBody: Bool?

        package init(
            name: String? = nil, description: String? = nil, accepts: [String]? = nil, retentionDays: Int?? = nil,
            retentionBytes: Int64?? = nil, echoesBody: Bool? = nil
        ) {
            self.name = name
            self.description = description
            self.accepts = accepts
            self.retentionDays = retentionDays
            self.retentionBytes = retentionBytes
            self.echoesBody = echoesBody
        }
    }

    package func list(after: String?, limit: Int?, _ actor: Actor) async throws -> Page<Webhook> {
        let limit = try Limits.page(limit)
        let after: ID<Webhook>? = try Cursor.id(after)
        return try await desk.look(actor, .readWebhooks) { connection in
            let read = try WebhookTable(connection).list(in: actor.organization, after: after, limit: limit + 1)
            return Page(read, limit: limit) { $0.id.text }
        }
    }

    /// Shows one webhook, named by its id or by a name that only one has.
    package func show(_ reference: String, _ actor: Actor) async throws -> Webhook {
        try await desk.look(actor, .readWebhooks) { try Self.find(reference, in: actor.organization, $0) }
    }

    /// Says what is wrong with a draft before anything is made.
    package func check(_ draft: Draft) throws(OperationError) {
        _ = try Label.name(draft.name)
        _ = try Label.description(draft.description)
        _ = try Self.methods(draft.accepts)
    }

    /// Whether there is a webhook of that name already. There may be several, but not by a slip.
    package func isTaken(name: String, _ actor: Actor) async throws -> Bool {
        let name = try Label.name(name)
        return try await desk.look(actor, .readWebhooks) { connection in
            try !WebhookTable(connection).find(name: name.text, in: actor.organization).isEmpty
        }
    }

    /// Makes a webhook; the actor owns it (D2). It takes calls when this returns.
    package func create(_ draft: Draft, _ actor: Actor) async throws -> Webhook {
        let name = try Label.name(draft.name)
        let description = try Label.description(draft.description)
        let accepts = try Self.methods(draft.accepts)
        return try await desk.act(actor, .changeWebhooks) { act in
            try Self.make(name, description, accepts, echoesBody: draft.echoesBody, act)
        }
    }

    /// Changes a webhook. Events that are kept no longer go with the next sweep.
    package func edit(_ reference: String, _ edit: Edit, _ actor: Actor) async throws -> Webhook {
        let name = try edit.name.map { try Label.name($0) }
        let description = try edit.description.map { try Label.description($0) }
        let accepts = try edit.accepts.map { try Self.methods($0) }
        try Self.require(edit.retentionDays, in: Limits.retentionDays, field: "retention_days")
        try Self.require(edit.retentionBytes, in: Limits.retentionBytes, field: "retention_bytes")
        return try await desk.act(actor, .changeWebhooks) { act in
            let before = try Self.find(reference, in: act.organization, act.connection)
            var webhook = before
            webhook.name = name ?? before.name
            webhook.description = description ?? before.description
            webhook.accepts = accepts ?? before.accepts
            webhook.retentionDays = edit.retentionDays ?? before.retentionDays
            webhook.retentionBytes = edit.retentionBytes ?? before.retentionBytes
            webhook.echoesBody = edit.echoesBody ?? before.echoesBody
            guard webhook != before else { return before }
            try WebhookTable(act.connection).update(webhook)
            act.transaction.announce(.webhook(webhook.id))
            try act.record(.webhookEdit, webhook.id.text, Self.details(of: webhook, before))
            return webhook
        }
    }

    // What makes events vanish or refuses callers stands in the log with its value.
    private static func details(of webhook: Webhook, _ before: Webhook) -> [String: String] {
        var details = ["name": webhook.name.text]
        if webhook.accepts != before.accepts {
            details["accepts"] = webhook.accepts.sorted().map(\.rawValue).joined(separator: " ")
        }
        if webhook.retentionDays != before.retentionDays {
            details["retention_days"] = webhook.retentionDays.map(String.init) ?? "default"
        }
        if webhook.retentionBytes != before.retentionBytes {
            details["retention_bytes"] = webhook.retentionBytes.map(String.init) ?? "none"
        }
        if webhook.echoesBody != before.echoesBody { details["echo_body"] = String(webhook.echoesBody) }
        return details
    }

    private static func require<Number: BinaryInteger>(
        _ change: Number??, in range: ClosedRange<Number>, field: String
    ) throws(OperationError) {
        guard let number = change.flatMap(\.self), !range.contains(number) else { return }
        throw .invalid(field: field, "must be \(range.lowerBound) to \(range.upperBound), or null.")
    }

    /// Pauses a webhook: known callers get 404. Safe to repeat.
    package func pause(_ reference: String, _ actor: Actor) async throws -> Webhook {
        try await change(reference, to: .paused, .webhookPause, actor)
    }

    /// Lets a paused webhook take calls again. Safe to repeat.
    package func resume(_ reference: String, _ actor: Actor) async throws -> Webhook {
        try await change(reference, to: .active, .webhookResume, actor)
    }

    /// The address callers post to.
    package func url(of webhook: ID<Webhook>) -> String {
        desk.url(of: webhook)
    }

    /// Makes a webhook of the actor inside an act that checked the rest.
    static func make(
        _ name: Label, _ description: Label, _ accepts: Set<AuthMethodName>, echoesBody: Bool = false, _ act: Act
    ) throws -> Webhook {
        let webhook = Webhook(
            id: .random(), organization: act.organization, name: name, description: description, accepts: accepts,
            state: .active, owner: act.actor.account, createdAt: act.now, echoesBody: echoesBody)
        try WebhookTable(act.connection).insert(webhook)
        act.transaction.announce(.webhook(webhook.id))
        try act.record(.webhookCreate, webhook.id.text, ["name": name.text])
        return webhook
    }

    /// Which tokens opened a webhook in the last ``Limits/usageDays`` days, the latest first, at most 500 (N5).
    package func callers(_ reference: String, _ actor: Actor) async throws -> [CallCountTable.Caller] {
        let since = desk.clock.now().day - Limits.usageDays + 1
        return try await desk.lookAtUses(actor, .readTokens) { connection in
            let webhook = try Self.find(reference, in: actor.organization, connection)
            return try CallCountTable(connection).callers(
                of: webhook.id, in: actor.organization, since: since, limit: Limits.pageItems.upperBound)
        }
    }

    static func find(
        _ reference: String, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> Webhook {
        let table = WebhookTable(connection)
        if let id = ID<Webhook>(reference) {
            guard let webhook = try table.find(id, in: organization) else { throw OperationError.notFound("webhook") }
            return webhook
        }
        let named = try table.find(name: reference, in: organization)
        guard let webhook = named.first else { throw OperationError.notFound("webhook") }
        guard named.count == 1 else {
            throw OperationError.conflict(
                code: "name_ambiguous", "Several webhooks have that name. Say which by its id, `whk_…`.")
        }
        return webhook
    }

    private func change(
        _ reference: String, to state: Webhook.State, _ action: AuditEntry.Action, _ actor: Actor
    ) async throws -> Webhook {
        try await desk.act(actor, .changeWebhooks) { act in
            var webhook = try Self.find(reference, in: act.organization, act.connection)
            guard webhook.state != state else { return webhook }
            webhook.state = state
            try WebhookTable(act.connection).update(webhook)
            act.transaction.announce(.webhook(webhook.id))
            try act.record(action, webhook.id.text, ["name": webhook.name.text])
            return webhook
        }
    }

    private static func methods(_ names: [String]?) throws(OperationError) -> Set<AuthMethodName> {
        guard let names else { return Set(AuthMethodName.allCases) }
        let known = AuthMethodName.allCases.map(\.rawValue).joined(separator: ", ")
        var methods: Set<AuthMethodName> = []
        for name in names {
            guard let method = AuthMethodName(rawValue: name) else {
                throw .invalid(field: "accepts", "`\(name.prefix(40))` is unknown; there are: \(known).")
            }
            methods.insert(method)
        }
        guard !methods.isEmpty else { throw .invalid(field: "accepts", "must name at least one of: \(known).") }
        return methods
    }
}
