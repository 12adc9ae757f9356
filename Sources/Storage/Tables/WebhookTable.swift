import Domain

package struct WebhookTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    package func insert(_ webhook: Webhook) throws(StorageError) {
        try connection.execute(
            """
            INSERT INTO webhooks (id, organization, name, description, accepts, state, owner, created_at, retention_days,
                retention_bytes, echo_body)
            VALUES (\(webhook.id), \(webhook.organization), \(webhook.name), \(webhook.description),
                \(webhook.accepts.map(\.rawValue).sorted().joined(separator: ",")), \(webhook.state.rawValue),
                \(webhook.owner), \(webhook.createdAt), \(webhook.retentionDays), \(webhook.retentionBytes),
                \(webhook.echoesBody))
            """)
    }

    package func update(_ webhook: Webhook) throws(StorageError) {
        try connection.execute(
            """
            UPDATE webhooks
            SET name = \(webhook.name), description = \(webhook.description), state = \(webhook.state.rawValue),
                accepts = \(webhook.accepts.map(\.rawValue).sorted().joined(separator: ",")),
                retention_days = \(webhook.retentionDays), retention_bytes = \(webhook.retentionBytes),
                echo_body = \(webhook.echoesBody)
            WHERE id = \(webhook.id) AND organization = \(webhook.organization)
            """)
    }

    package func find(_ id: ID<Webhook>, in organization: ID<Organization>) throws(StorageError) -> Webhook? {
        try connection.row(
            "SELECT \(raw: columns) FROM webhooks WHERE id = \(id) AND organization = \(organization)"
        ).map(Webhook.init)
    }

    /// Those with exactly that name, oldest id first; names need not be unique.
    package func find(name: String, in organization: ID<Organization>) throws(StorageError) -> [Webhook] {
        try connection.rows(
            """
            SELECT \(raw: columns) FROM webhooks
            WHERE organization = \(organization) AND name = \(name) ORDER BY id LIMIT 2
            """
        ).map(Webhook.init)
    }

    /// Webhooks of an organization in the order of their ids, after that one.
    package func list(
        in organization: ID<Organization>, after: ID<Webhook>?, limit: Int
    ) throws(StorageError) -> [Webhook] {
        try connection.rows(
            """
            SELECT \(raw: columns) FROM webhooks
            WHERE organization = \(organization) AND id > \(after?.text ?? "") ORDER BY id LIMIT \(limit)
            """
        ).map(Webhook.init)
    }

    /// One webhook whatever its organization, for the roster.
    package func findAnywhere(_ id: ID<Webhook>) throws(StorageError) -> Webhook? {
        try connection.row("SELECT \(raw: columns) FROM webhooks WHERE id = \(id)").map(Webhook.init)
    }

    /// All of them, for the roster.
    package func all() throws(StorageError) -> [Webhook] {
        try connection.rows("SELECT \(raw: columns) FROM webhooks ORDER BY id").map(Webhook.init)
    }
}

private let columns: StaticString = """
    id, organization, name, description, accepts, state, owner, created_at, retention_days, retention_bytes, echo_body
    """

extension Webhook {
    fileprivate init(_ row: Row) throws(StorageError) {
        self.init(
            id: try row.id("id"), organization: try row.id("organization"), name: try row.label("name"),
            description: try row.label("description"),
            accepts: Set(try row.text("accepts").split(separator: ",").compactMap { AuthMethodName(rawValue: String($0)) }),
            state: try row.word("state"), owner: try row.id("owner"), createdAt: try row.timestamp("created_at"),
            retentionDays: try row.optionalInteger("retention_days").map(Int.init(clamping:)),
            retentionBytes: try row.optionalInteger("retention_bytes"), echoesBody: try row.flag("echo_body"))
    }
}
