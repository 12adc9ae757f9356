import Domain

/// Resources, and their hits and failures by minute, hour and day. Row E5.
package struct ResourceTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    package func insert(_ resource: Resource) throws(StorageError) {
        try connection.execute(
            """
            INSERT INTO resources (id, organization, name, objective, created_at)
            VALUES (\(resource.id), \(resource.organization), \(resource.name), \(resource.objective.partsPerMillion),
                \(resource.createdAt))
            """)
    }

    package func update(_ resource: Resource) throws(StorageError) {
        try connection.execute(
            """
            UPDATE resources SET objective = \(resource.objective.partsPerMillion)
            WHERE id = \(resource.id) AND organization = \(resource.organization)
            """)
    }

    /// Deletes a resource with all its figures.
    package func delete(_ id: OrderedID<Resource>) throws(StorageError) {
        try connection.execute("DELETE FROM hit_buckets WHERE resource = \(id)")
        try connection.execute("DELETE FROM resources WHERE id = \(id)")
    }

    package func find(_ id: OrderedID<Resource>, in organization: ID<Organization>) throws(StorageError) -> Resource? {
        try resources("organization = \(organization) AND id = \(id)", limit: 1).first
    }

    package func find(name: String, in organization: ID<Organization>) throws(StorageError) -> Resource? {
        try resources("organization = \(organization) AND name = \(name)", limit: 1).first
    }

    package func count(in organization: ID<Organization>) throws(StorageError) -> Int64 {
        try connection.row("SELECT COUNT(*) AS count FROM resources WHERE organization = \(organization)")?
            .integer("count") ?? 0
    }

    /// Resources in the order of their ids, which is that of their first reports, after that one.
    package func list(
        in organization: ID<Organization>, after: OrderedID<Resource>?, limit: Int
    ) throws(StorageError) -> [Resource] {
        try resources("organization = \(organization) AND id > \(after ?? OrderedID(number: 0))", limit: limit)
    }

    /// The largest id there is; 0 if there are none.
    package func lastNumber() throws(StorageError) -> Int64 {
        try connection.row("SELECT max(id) AS last FROM resources")?.optionalInteger("last") ?? 0
    }

    // MARK: Figures

    /// Which bucket: a step of a resource, by when it begins.
    package struct BucketKey: Hashable, Sendable {
        package let resource: OrderedID<Resource>
        package let step: BucketStep
        /// Seconds since 1970.
        package let start: Int64

        /// The bucket that a moment falls into.
        package init(of resource: OrderedID<Resource>, _ step: BucketStep, at moment: Timestamp) {
            self.resource = resource
            self.step = step
            start = step.start(of: moment)
        }
    }

    /// Adds to a bucket. Whoever reports adds to one of every step.
    package func add(_ sum: HitSum, to key: BucketKey) throws(StorageError) {
        // Held below the largest number there is, for a sum past it would be an error that no caller could mend.
        try connection.execute(
            """
            INSERT INTO hit_buckets (resource, step, start, hits, failures)
            VALUES (\(key.resource), \(key.step.rawValue), \(key.start), \(sum.hits), \(sum.failures))
            ON CONFLICT (resource, step, start) DO UPDATE
            SET hits = CASE WHEN hit_buckets.hits > \(Self.sumMax) THEN hit_buckets.hits
                    ELSE hit_buckets.hits + excluded.hits END,
                failures = CASE WHEN hit_buckets.hits > \(Self.sumMax) THEN hit_buckets.failures
                    ELSE hit_buckets.failures + excluded.failures END
            """)
    }

    private static let sumMax = Int64.max / 2

    /// Hits and failures of one bucket.
    package struct Bucket: Sendable {
        /// Seconds since 1970.
        package let start: Int64
        package let sum: HitSum
    }

    /// The buckets of one step that hold reports, from one start to before another, oldest first.
    package func buckets(
        of resource: OrderedID<Resource>, _ step: BucketStep, from: Int64, to: Int64
    ) throws(StorageError) -> [Bucket] {
        try connection.rows(
            """
            SELECT start, hits, failures FROM hit_buckets
            WHERE resource = \(resource) AND step = \(step.rawValue) AND start >= \(from) AND start < \(to) ORDER BY start
            """
        ).map { row throws(StorageError) in
            Bucket(
                start: try row.integer("start"),
                sum: HitSum(hits: try row.integer("hits"), failures: try row.integer("failures")))
        }
    }

    /// The starts of the last minutes that hold reports, newest first.
    package func lastMinutes(of resource: OrderedID<Resource>, limit: Int) throws(StorageError) -> [Int64] {
        try connection.rows(
            """
            SELECT start FROM hit_buckets WHERE resource = \(resource) AND step = \(BucketStep.minute.rawValue)
            ORDER BY start DESC LIMIT \(limit)
            """
        ).map { row throws(StorageError) in try row.integer("start") }
    }

    /// Drops at most that many buckets of a step that begin before a moment.
    ///
    /// - Returns: how many were dropped.
    package func drop(_ step: BucketStep, before start: Int64, limit: Int) throws(StorageError) -> Int {
        var dropped = 0
        for row in try connection.rows("SELECT id FROM resources ORDER BY id") where dropped < limit {
            let resource = try row.integer("id")
            dropped += try connection.execute(
                """
                DELETE FROM hit_buckets WHERE resource = \(resource) AND step = \(step.rawValue) AND start IN (
                    SELECT start FROM hit_buckets WHERE resource = \(resource) AND step = \(step.rawValue) AND start < \(start)
                    ORDER BY start LIMIT \(limit - dropped))
                """)
        }
        return dropped
    }

    private func resources(_ condition: SQL, limit: Int) throws(StorageError) -> [Resource] {
        try connection.rows("SELECT * FROM resources WHERE \(sql: condition) ORDER BY id LIMIT \(limit)").map(Resource.init)
    }
}

extension Resource {
    fileprivate init(_ row: Row) throws(StorageError) {
        guard let objective = Objective(partsPerMillion: try row.integer("objective")) else {
            throw .unreadable("the objective of a resource")
        }
        self.init(
            id: OrderedID(number: try row.integer("id")), organization: try row.id("organization"),
            name: try row.label("name"), objective: objective, createdAt: try row.timestamp("created_at"))
    }
}
