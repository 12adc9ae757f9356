import Domain

/// How many calls came in each minute (N2), counted in indexes, without a look at what came.
package struct CallRateTable {
    private let connection: any Connection
    // Ids carry the time, so a minute is a range of them.
    private static let idsPerMinute: Int64 = 60_000 << OrderedIDSource.lowBits

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// A minute as the ids have it: whole minutes since 1970.
    package static func minute(of moment: Timestamp) -> Int64 {
        OrderedID<Event>.first(at: moment).number / idsPerMinute
    }

    /// Calls that became events, by minute; minutes without any are left out.
    package func accepted(
        in organization: ID<Organization>, _ minutes: ClosedRange<Int64>
    ) throws(StorageError) -> [Int64: Int64] {
        try counts(Self.countingAccepted(in: organization, minutes))
    }

    /// Calls that were refused, by minute; minutes without any are left out.
    package func refused(
        in organization: ID<Organization>, _ minutes: ClosedRange<Int64>
    ) throws(StorageError) -> [Int64: Int64] {
        try counts(Self.countingRefused(in: organization, minutes))
    }

    // A cross join, for the database may not begin with the events: it would read each with its body.
    static func countingAccepted(in organization: ID<Organization>, _ minutes: ClosedRange<Int64>) -> SQL {
        let (first, end) = bounds(minutes)
        return """
            SELECT e.id / \(idsPerMinute) AS minute, COUNT(*) AS count FROM webhooks w CROSS JOIN events e
            WHERE w.organization = \(organization) AND e.webhook = w.id AND e.id >= \(first) AND e.id < \(end)
            GROUP BY minute ORDER BY minute
            """
    }

    static func countingRefused(in organization: ID<Organization>, _ minutes: ClosedRange<Int64>) -> SQL {
        let (first, end) = bounds(minutes)
        return """
            SELECT id / \(idsPerMinute) AS minute, SUM(count) AS count FROM refused_calls
            WHERE organization = \(organization) AND id >= \(first) AND id < \(end)
            GROUP BY minute ORDER BY minute
            """
    }

    private static func bounds(_ minutes: ClosedRange<Int64>) -> (first: Int64, end: Int64) {
        let end = (minutes.upperBound + 1).multipliedReportingOverflow(by: idsPerMinute)
        return (minutes.lowerBound * idsPerMinute, end.overflow ? .max : end.partialValue)
    }

    private func counts(_ sql: SQL) throws(StorageError) -> [Int64: Int64] {
        var counts: [Int64: Int64] = [:]
        for row in try connection.rows(sql) { counts[try row.integer("minute")] = try row.integer("count") }
        return counts
    }
}
