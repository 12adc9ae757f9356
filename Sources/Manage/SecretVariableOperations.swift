import Domain
import FoundationEssentials
import Storage

/// Secret variables of the actor's organization. Their values leave this room only to be used, never to be looked at. Row E11.
package struct SecretVariableOperations: Sendable {
    private let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// A variable, and where it is used.
    package struct Shown: Sendable {
        package let entry: SecretVariableTable.Entry
        package let uses: [String]
    }

    package func list(after: String?, limit: Int?, _ actor: Actor) async throws -> Page<Shown> {
        let limit = try Limits.page(limit)
        let after = try Cursor.decode(after)
        return try await desk.look(actor, .readVariables) { connection in
            let read = try SecretVariableTable(connection).list(in: actor.organization, after: after, limit: limit + 1)
            let shown = try read.map {
                Shown(entry: $0, uses: try Self.uses(of: $0.name, in: actor.organization, connection))
            }
            return Page(shown, limit: limit) { $0.entry.name.text }
        }
    }

    /// The names of all variables, in order; where each is used takes longer, and is for ``list(after:limit:_:)``.
    package func names(_ actor: Actor) async throws -> [SecretVariableName] {
        try await desk.look(actor, .readVariables) { connection in
            try SecretVariableTable(connection).list(in: actor.organization, after: nil, limit: Limits.variablesMax)
                .map(\.name)
        }
    }

    /// Sets a value, or replaces it.
    ///
    /// - Returns: the variable, and whether it is new.
    package func set(
        _ name: String, to value: String, _ actor: Actor
    ) async throws -> (shown: Shown, isNew: Bool) {
        let name = try Self.name(name)
        guard Limits.variableBytes.contains(value.utf8.count) else {
            throw OperationError.invalid(field: "value", "must have 1 to 8192 bytes.")
        }
        return try await desk.act(actor, .changeVariables) { act in
            let table = SecretVariableTable(act.connection)
            let isNew = try table.find(name, in: act.organization) == nil
            if isNew, try table.count(in: act.organization) >= Limits.variablesMax {
                throw OperationError.conflict(
                    code: "too_many", "An organization has at most \(Limits.variablesMax) secret variables. Delete one first.")
            }
            let purpose = SecretVariableTable.Entry.sealingPurpose(of: name, in: act.organization)
            try table.set(
                name, in: act.organization, to: try act.desk.keys.ring.seal(Data(value.utf8), for: purpose), at: act.now)
            try act.record(.variableSet, name.text, ["is_new": "\(isNew)"])
            guard let entry = try table.find(name, in: act.organization) else {
                throw OperationError.defect("a secret variable vanished inside a transaction")
            }
            return (Shown(entry: entry, uses: try Self.uses(of: name, in: act.organization, act.connection)), isNew)
        }
    }

    /// Deletes a variable that nothing uses.
    ///
    /// - Throws: ``OperationError/variableInUse(_:)`` with the uses.
    package func delete(_ name: String, _ actor: Actor) async throws {
        let name = try Self.name(name)
        try await desk.act(actor, .changeVariables) { act in
            guard try SecretVariableTable(act.connection).find(name, in: act.organization) != nil else {
                throw OperationError.notFound("secret variable")
            }
            let uses = try Self.uses(of: name, in: act.organization, act.connection)
            guard uses.isEmpty else { throw OperationError.variableInUse(uses) }
            try SecretVariableTable(act.connection).delete(name, in: act.organization)
            try act.record(.variableDelete, name.text)
        }
    }

    // MARK: For those who use them

    /// Checks that all variables of a template exist.
    static func requireKnown(
        _ names: Set<SecretVariableName>, field: String, _ act: Act
    ) throws {
        for name in names.sorted() where try SecretVariableTable(act.connection).find(name, in: act.organization) == nil {
            throw OperationError.invalid(field: field, "uses the secret variable `\(name.text)`, which does not exist.")
        }
    }

    /// The values of variables, opened to be used at once and thrown away. What is missing, or can't be opened, is left out.
    static func values(
        of names: Set<SecretVariableName>, in organization: ID<Organization>, _ ring: KeyRing, _ connection: any Connection
    ) throws -> [SecretVariableName: String] {
        var values: [SecretVariableName: String] = [:]
        for name in names {
            guard let entry = try SecretVariableTable(connection).find(name, in: organization) else { continue }
            values[name] = ring.open(entry.sealed, for: SecretVariableTable.Entry.sealingPurpose(of: name, in: organization))
                .map { String(decoding: $0, as: UTF8.self) }
        }
        return values
    }

    private static func uses(
        of name: SecretVariableName, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> [String] {
        try flowUses(of: name, in: organization, connection) + notificationUses(of: name, in: organization, connection)
    }

    private static func flowUses(
        of name: SecretVariableName, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> [String] {
        let destinations = try DestinationTable(connection).list(in: organization, after: nil, limit: .max)
        let flows = try FlowTable(connection).list(in: organization, webhook: nil, after: nil, limit: .max)
        return destinations.flatMap { destination in
            destination.settings.sorted { $0.key < $1.key }
                .filter { (try? SecretTemplate($0.value))?.names.contains(name) ?? false }
                .map { "destination \(destination.name.text): \($0.key)" }
        }
            + flows.filter { flow in
                flow.state != .archived
                    && flow.templateText.flatMap { try? BodyTemplate($0) }?.secretNames.contains(name) ?? false
            }.map { "flow \($0.name.text): template" }
    }

    private static func notificationUses(
        of name: SecretVariableName, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> [String] {
        guard let notification = try OrganizationTable(connection).find(organization)?.notification else { return [] }
        var uses: [String] = []
        if notification.url.names.contains(name) { uses.append("notification_url of the organization") }
        for (header, template) in notification.headers.sorted(by: { $0.key < $1.key }) where template.names.contains(name) {
            uses.append("notification_headers of the organization: \(header)")
        }
        return uses
    }

    private static func name(_ text: String) throws(OperationError) -> SecretVariableName {
        guard let name = SecretVariableName(text) else {
            throw .invalid(field: "name", "must be A-Z, 0-9 and _, begin with a letter, and have at most 64 characters.")
        }
        return name
    }
}
