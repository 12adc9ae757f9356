import Domain

/// Warnings given of what will stop (N4).
package struct WarningTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// Keeps a warning unless the same one was given before.
    ///
    /// - Returns: whether it is new.
    package func insert(_ warning: Warning) throws(StorageError) -> Bool {
        try connection.execute(
            """
            INSERT INTO warnings (id, organization, at, kind, subject, name, due_at, mark, delivered_at)
            VALUES (\(warning.id), \(warning.organization), \(warning.at), \(warning.kind.rawValue), \(warning.subject),
                \(warning.name), \(warning.dueAt), \(warning.mark), \(warning.deliveredAt))
            ON CONFLICT (organization, kind, subject, due_at, mark) DO NOTHING
            """) == 1
    }

    /// The largest id there is; 0 if there are none.
    package func lastNumber() throws(StorageError) -> Int64 {
        try connection.row("SELECT max(id) AS last FROM warnings")?.optionalInteger("last") ?? 0
    }

    /// Warnings newest first, older than that one.
    package func list(
        in organization: ID<Organization>, before: OrderedID<Warning>?, limit: Int
    ) throws(StorageError) -> [Warning] {
        let before = before ?? OrderedID(number: .max)
        return try connection.rows(
            "SELECT * FROM warnings WHERE organization = \(organization) AND id < \(before) ORDER BY id DESC LIMIT \(limit)"
        ).map(Warning.init)
    }

    /// Warnings that nobody took yet, of each organization so many, oldest first: one whose address takes none keeps back no other's.
    package func undelivered(
        since oldest: OrderedID<Warning>, ofEach limit: Int
    ) throws(StorageError) -> [ID<Organization>: [Warning]] {
        var warnings: [ID<Organization>: [Warning]] = [:]
        let organizations = try connection.rows(
            """
            SELECT DISTINCT organization FROM warnings WHERE delivered_at IS NULL AND id >= \(oldest) ORDER BY organization
            """)
        for row in organizations {
            let organization: ID<Organization> = try row.id("organization")
            warnings[organization] = try connection.rows(
                """
                SELECT * FROM warnings WHERE organization = \(organization) AND delivered_at IS NULL AND id >= \(oldest)
                ORDER BY id LIMIT \(limit)
                """
            ).map(Warning.init)
        }
        return warnings
    }

    package func noteDelivery(of id: OrderedID<Warning>, at moment: Timestamp) throws(StorageError) {
        try connection.execute("UPDATE warnings SET delivered_at = \(moment) WHERE id = \(id)")
    }

    /// Drops warnings older than an id.
    package func drop(before: OrderedID<Warning>) throws(StorageError) {
        try connection.execute("DELETE FROM warnings WHERE id < \(before)")
    }
}

extension Warning {
    fileprivate init(_ row: Row) throws(StorageError) {
        self.init(
            id: OrderedID(number: try row.integer("id")), organization: try row.id("organization"),
            at: try row.timestamp("at"), kind: try row.word("kind"), subject: try row.text("subject"),
            name: try row.label("name"), dueAt: try row.timestamp("due_at"), mark: try row.integer("mark"),
            deliveredAt: try row.optionalTimestamp("delivered_at"))
    }
}
