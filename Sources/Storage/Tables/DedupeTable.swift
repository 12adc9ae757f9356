import Domain

/// Which dedupe key stands for which event of a webhook, or which report of a credential, for seven days.
package struct DedupeTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// A key that is to stand for a new event.
    package struct Claim: Sendable {
        let key: String
        let webhook: ID<Webhook>
        let event: OrderedID<Event>

        package init(_ key: String, of webhook: ID<Webhook>, for event: OrderedID<Event>) {
            self.key = key
            self.webhook = webhook
            self.event = event
        }
    }

    /// Claims keys one after the other, each unless a living claim is there.
    ///
    /// - Returns: the event that has each key: the new one, or the earlier one.
    package func claim(_ claims: [Claim], now: Timestamp) throws(StorageError) -> [OrderedID<Event>] {
        // Another server may claim the same ones: all go in the order of the keys. Of two that are alike the first stays first.
        let order = claims.indices.sorted { (claims[$0].key, $0) < (claims[$1].key, $1) }
        let answers = try connection.run(
            order.map { Self.claiming(claims[$0].key, of: claims[$0].webhook.text, for: claims[$0].event.number, now: now) })
        let claimed = zip(order, answers).sorted { $0.0 < $1.0 }.map(\.1)
        let lost = zip(claims, claimed).filter { $0.1.rows.isEmpty }.map(\.0)
        var holders = try connection.run(lost.map { Self.holder(of: $0.key, of: $0.webhook.text) })[...]
        return try zip(claims, claimed).map { claim, claimed throws(StorageError) in
            guard claimed.rows.isEmpty else { return claim.event }
            return OrderedID(number: try Self.event(in: holders.popFirst()?.rows.first))
        }
    }

    /// Claims a key for a new event, unless a living claim is there.
    ///
    /// - Returns: the event that has the key: the new one, or the earlier one.
    package func claim(
        _ key: String, of webhook: ID<Webhook>, for event: OrderedID<Event>, now: Timestamp
    ) throws(StorageError) -> OrderedID<Event> {
        OrderedID(number: try claim(key, of: webhook.text, for: event.number, now: now) ?? event.number)
    }

    /// Claims a key for a new report of hits, unless a living claim is there; keys are told apart by credential (E5).
    ///
    /// - Returns: the earlier report that has the key; `nil` if it is the new one's. Their ids do not tell that, for no report is kept
    ///   whose id a restart could go on from.
    package func claim(
        _ key: String, of credential: ID<IntegrationCredential>, for report: OrderedID<HitsRequest>, now: Timestamp
    ) throws(StorageError) -> OrderedID<HitsRequest>? {
        try claim(key, of: credential.text, for: report.number, now: now).map(OrderedID.init(number:))
    }

    // Returns who had the key before; `nil` if nobody did. The columns bear the names of what they were made for first.
    private func claim(_ key: String, of subject: String, for number: Int64, now: Timestamp) throws(StorageError) -> Int64? {
        if try connection.row(Self.claiming(key, of: subject, for: number, now: now)) != nil { return nil }
        return try Self.event(in: connection.row(Self.holder(of: key, of: subject)))
    }

    private static func claiming(_ key: String, of subject: String, for number: Int64, now: Timestamp) -> SQL {
        """
        INSERT INTO dedupe_keys (webhook, dedupe_key, event, expires_at)
        VALUES (\(subject), \(key), \(number), \(now.adding(Limits.dedupeWindow)))
        ON CONFLICT (webhook, dedupe_key) DO UPDATE
        SET event = excluded.event, expires_at = excluded.expires_at
        WHERE dedupe_keys.expires_at <= \(now)
        RETURNING event
        """
    }

    private static func holder(of key: String, of subject: String) -> SQL {
        "SELECT event FROM dedupe_keys WHERE webhook = \(subject) AND dedupe_key = \(key)"
    }

    private static func event(in row: Row?) throws(StorageError) -> Int64 {
        guard let row else { throw .unreadable("a dedupe key vanished inside a transaction") }
        return try row.integer("event")
    }

    /// Gives a key back whose event was not kept after all.
    package func release(
        _ key: String, of webhook: ID<Webhook>, from event: OrderedID<Event>
    ) throws(StorageError) {
        try connection.execute(
            """
            DELETE FROM dedupe_keys WHERE webhook = \(webhook) AND dedupe_key = \(key) AND event = \(event)
            """)
    }

    /// Forgets at most that many keys that have run out.
    ///
    /// - Returns: how many were forgotten.
    package func dropExpired(now: Timestamp, limit: Int) throws(StorageError) -> Int {
        try connection.execute(
            """
            DELETE FROM dedupe_keys WHERE (webhook, dedupe_key) IN (
                SELECT webhook, dedupe_key FROM dedupe_keys WHERE expires_at <= \(now)
                ORDER BY expires_at, webhook, dedupe_key LIMIT \(limit))
            """)
    }
}
