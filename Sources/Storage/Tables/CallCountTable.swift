import Domain

/// How often each token called which webhook on which day, from where, and how often it was refused and why (N2, N5).
package struct CallCountTable {
    private let connection: any Connection
    // Callers with more addresses than this in a day are counted without telling the rest apart.
    private static let addressesMax: Int64 = 100

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// What is counted together. An empty text stands for "none" or "not told apart"; an accepted call has the empty cause.
    package struct Key: Hashable, Sendable {
        package let organization: ID<Organization>
        package let token: String
        package let webhook: String
        package let cause: String
        package let day: Int64
        package var address: String

        package init(
            organization: ID<Organization>, token: String, webhook: String, cause: String, day: Int64, address: String
        ) {
            self.organization = organization
            self.token = token
            self.webhook = webhook
            self.cause = cause
            self.day = day
            self.address = address
        }
    }

    package func add(_ count: Int64, to key: Key, at moment: Timestamp) throws(StorageError) {
        var key = key
        if !key.address.isEmpty, try isNew(key), try addresses(key) >= Self.addressesMax { key.address = "" }
        try connection.execute(
            """
            INSERT INTO call_counts (organization, token, day, webhook, cause, address, count, last_at)
            VALUES (\(key.organization), \(key.token), \(key.day), \(key.webhook), \(key.cause), \(key.address), \(count),
                \(moment))
            ON CONFLICT (organization, token, day, webhook, cause, address) DO UPDATE
            SET count = call_counts.count + excluded.count, last_at = excluded.last_at
            """)
    }

    /// Accepted calls with a token at one webhook.
    package struct Use: Sendable {
        package let token: ID<Token>
        package let webhook: ID<Webhook>
        package let address: String
        package let count: Int64
        package let lastAt: Timestamp
    }

    /// Accepted calls with any of those tokens since a day, summed over the days; the latest first.
    package func uses(
        of tokens: [ID<Token>], in organization: ID<Organization>, since day: Int64
    ) throws(StorageError) -> [Use] {
        var uses: [Use] = []
        for token in tokens {
            uses += try connection.rows(
                """
                SELECT webhook, address, SUM(count) AS total, MAX(last_at) AS last FROM call_counts
                WHERE organization = \(organization) AND token = \(token) AND day >= \(day) AND cause = ''
                GROUP BY webhook, address ORDER BY last DESC, webhook, address
                """
            ).map { row throws(StorageError) in
                Use(
                    token: token, webhook: try row.id("webhook"), address: try row.text("address"),
                    count: try row.integer("total"), lastAt: try row.timestamp("last"))
            }
        }
        return uses
    }

    /// Accepted calls at one webhook with one token.
    package struct Caller: Sendable {
        package let token: ID<Token>
        package let name: Label
        package let count: Int64
        package let lastAt: Timestamp
    }

    /// Which tokens opened a webhook since a day, deleted ones too; the latest first.
    package func callers(
        of webhook: ID<Webhook>, in organization: ID<Organization>, since day: Int64, limit: Int
    ) throws(StorageError) -> [Caller] {
        try connection.rows(Self.calling(webhook, in: organization, since: day, limit: limit)).map { row throws(StorageError) in
            Caller(
                token: try row.id("token"), name: try row.label("name"), count: try row.integer("total"),
                lastAt: try row.timestamp("last"))
        }
    }

    // Of those tokens alone that may open it: counts stand by token and day.
    static func calling(
        _ webhook: ID<Webhook>, in organization: ID<Organization>, since day: Int64, limit: Int
    ) -> SQL {
        """
        SELECT t.id AS token, t.name AS name, SUM(c.count) AS total, MAX(c.last_at) AS last
        FROM tokens t CROSS JOIN call_counts c
        WHERE t.organization = \(organization) AND t.kind <> 'management'
            AND (t.webhook IS NULL OR t.webhook = \(webhook)) AND c.organization = \(organization) AND c.token = t.id
            AND c.day >= \(day) AND c.webhook = \(webhook) AND c.cause = ''
        GROUP BY t.id, t.name ORDER BY last DESC, token LIMIT \(limit)
        """
    }

    package enum Grouping: String, Sendable, CaseIterable {
        case webhook, token, cause
    }

    /// What was accepted and refused under one key.
    package struct Total: Sendable {
        package let key: String
        package let accepted: Int64
        package let refused: Int64
        package let lastAt: Timestamp
    }

    /// Sums since a day, the largest first.
    package func totals(
        by grouping: Grouping, in organization: ID<Organization>, since day: Int64, limit: Int
    ) throws(StorageError) -> [Total] {
        let column: SQL =
            switch grouping {
            case .webhook: "webhook"
            case .token: "token"
            case .cause: "cause"
            }
        return try connection.rows(
            """
            SELECT \(sql: column) AS key, SUM(CASE WHEN cause = '' THEN count ELSE 0 END) AS accepted,
                SUM(CASE WHEN cause = '' THEN 0 ELSE count END) AS refused, MAX(last_at) AS last
            FROM call_counts WHERE organization = \(organization) AND day >= \(day)
            GROUP BY \(sql: column) ORDER BY SUM(count) DESC, key LIMIT \(limit)
            """
        ).map { row throws(StorageError) in
            Total(
                key: try row.text("key"), accepted: try row.integer("accepted"), refused: try row.integer("refused"),
                lastAt: try row.timestamp("last"))
        }
    }

    /// Drops at most that many counts from before a day.
    ///
    /// - Returns: how many were dropped.
    package func drop(before day: Int64, limit: Int) throws(StorageError) -> Int {
        let days = try connection.rows(
            "SELECT organization, token, day FROM call_counts WHERE day < \(day) ORDER BY day LIMIT 100")
        var dropped = 0
        for row in days where dropped < limit {
            dropped += try connection.execute(
                """
                DELETE FROM call_counts WHERE organization = \(try row.text("organization"))
                    AND token = \(try row.text("token")) AND day = \(try row.integer("day"))
                """)
        }
        return dropped
    }

    private func isNew(_ key: Key) throws(StorageError) -> Bool {
        try connection.row(
            """
            SELECT 1 AS one FROM call_counts WHERE organization = \(key.organization) AND token = \(key.token)
                AND day = \(key.day) AND webhook = \(key.webhook) AND cause = \(key.cause) AND address = \(key.address)
            """) == nil
    }

    private func addresses(_ key: Key) throws(StorageError) -> Int64 {
        try connection.row(
            """
            SELECT COUNT(*) AS count FROM call_counts
            WHERE organization = \(key.organization) AND token = \(key.token) AND day = \(key.day)
            """)?.integer("count") ?? 0
    }
}
