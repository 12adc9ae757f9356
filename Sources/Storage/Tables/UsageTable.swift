import Domain

/// How many calls an organization had accepted on a UTC day.
package struct UsageTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    package func add(_ count: Int64, on day: Int64, in organization: ID<Organization>) throws(StorageError) {
        try connection.execute(
            """
            INSERT INTO daily_usage (organization, day, accepted) VALUES (\(organization), \(day), \(count))
            ON CONFLICT (organization, day) DO UPDATE SET accepted = daily_usage.accepted + excluded.accepted
            """)
    }

    /// The count of an organization on that day, which nobody else changes until the transaction ends.
    package func hold(on day: Int64, in organization: ID<Organization>) throws(StorageError) -> Int64 {
        try connection.row(
            """
            INSERT INTO daily_usage (organization, day, accepted) VALUES (\(organization), \(day), 0)
            ON CONFLICT (organization, day) DO UPDATE SET accepted = daily_usage.accepted RETURNING accepted
            """)?.integer("accepted") ?? 0
    }

    /// The count of every organization on that day.
    package func all(on day: Int64) throws(StorageError) -> [ID<Organization>: Int64] {
        var counts: [ID<Organization>: Int64] = [:]
        for row in try connection.rows("SELECT organization, accepted FROM daily_usage WHERE day = \(day)") {
            counts[try row.id("organization")] = try row.integer("accepted")
        }
        return counts
    }
}
