import Domain

/// Flows, and the destinations each has, in their order. Row P8.
package struct FlowTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// - Throws: ``StorageError/conflict(_:)`` if the organization has one of that name.
    package func insert(_ flow: Flow) throws(StorageError) {
        try connection.execute(
            """
            INSERT INTO flows (id, organization, webhook, name, description, filter, template, state, created_at)
            VALUES (\(flow.id), \(flow.organization), \(flow.webhook), \(flow.name), \(flow.description), \(flow.filterText),
                \(flow.templateText), \(flow.state.rawValue), \(flow.createdAt))
            """)
        try writeDestinations(of: flow)
    }

    package func update(_ flow: Flow) throws(StorageError) {
        try connection.execute(
            """
            UPDATE flows SET name = \(flow.name), description = \(flow.description), filter = \(flow.filterText),
                template = \(flow.templateText), state = \(flow.state.rawValue)
            WHERE id = \(flow.id) AND organization = \(flow.organization)
            """)
        try connection.execute("DELETE FROM flow_destinations WHERE flow = \(flow.id)")
        try writeDestinations(of: flow)
    }

    package func find(_ id: ID<Flow>, in organization: ID<Organization>) throws(StorageError) -> Flow? {
        try flows("organization = \(organization) AND id = \(id)", limit: 1).first
    }

    package func find(name: String, in organization: ID<Organization>) throws(StorageError) -> Flow? {
        try flows("organization = \(organization) AND name = \(name)", limit: 1).first
    }

    package func findAnywhere(_ id: ID<Flow>) throws(StorageError) -> Flow? {
        try flows("id = \(id)", limit: 1).first
    }

    /// Flows in the order of their ids, after that one.
    package func list(
        in organization: ID<Organization>, webhook: ID<Webhook>?, after: ID<Flow>?, limit: Int
    ) throws(StorageError) -> [Flow] {
        var condition: SQL = "organization = \(organization) AND id > \(after?.text ?? "")"
        if let webhook { condition = "\(sql: condition) AND webhook = \(webhook)" }
        return try flows(condition, limit: limit)
    }

    /// The flows that take a webhook's events: those that are not archived.
    package func taking(_ webhook: ID<Webhook>) throws(StorageError) -> [Flow] {
        try flows("webhook = \(webhook) AND state <> 'archived'", limit: .max)
    }

    /// All that take events, whatever their organization.
    package func allTaking() throws(StorageError) -> [Flow] {
        try flows("state <> 'archived'", limit: .max)
    }

    /// The flows that send to a destination and are not archived.
    package func using(_ destination: ID<Destination>) throws(StorageError) -> [Flow] {
        try flows(
            "state <> 'archived' AND id IN (SELECT flow FROM flow_destinations WHERE destination = \(destination))", limit: .max)
    }

    private func writeDestinations(of flow: Flow) throws(StorageError) {
        for (position, destination) in flow.destinations.enumerated() {
            try connection.execute(
                """
                INSERT INTO flow_destinations (flow, destination, position) VALUES (\(flow.id), \(destination), \(position))
                """)
        }
    }

    private func flows(_ condition: SQL, limit: Int) throws(StorageError) -> [Flow] {
        try connection.rows("SELECT * FROM flows WHERE \(sql: condition) ORDER BY id LIMIT \(limit)").map {
            row throws(StorageError) in
            let id: ID<Flow> = try row.id("id")
            let destinations = try connection.rows(
                "SELECT destination FROM flow_destinations WHERE flow = \(id) ORDER BY position, destination"
            ).map { row throws(StorageError) -> ID<Destination> in try row.id("destination") }
            return Flow(
                id: id, organization: try row.id("organization"), webhook: try row.id("webhook"), name: try row.label("name"),
                description: try row.label("description"), filterText: try row.optionalText("filter"),
                templateText: try row.optionalText("template"), destinations: destinations, state: try row.word("state"),
                createdAt: try row.timestamp("created_at"))
        }
    }
}
