import Domain

/// Which calls to list.
package struct CallFilter: Sendable {
    /// As the caller wrote it.
    package var webhook: String?
    package var token: ID<Token>?
    /// Of refused calls alone.
    package var cause: String?
    package var from: Timestamp?
    package var to: Timestamp?

    package init(
        webhook: String? = nil, token: ID<Token>? = nil, cause: String? = nil, from: Timestamp? = nil, to: Timestamp? = nil
    ) {
        self.webhook = webhook
        self.token = token
        self.cause = cause
        self.from = from
        self.to = to
    }

    // What events and refused calls have in common; ids carry the time, so the bounds of time are bounds of the id. Of several
    // upper bounds SQLite would take one, and pass over all that lies above the others, so there is one each.
    func condition(_ first: SQL? = nil, before: Int64? = nil, from oldest: Int64? = nil) -> SQL {
        let above = [before, to.map { OrderedID<Event>.first(at: $0).number }].compactMap(\.self).min()
        let below = [oldest, from.map { OrderedID<Event>.first(at: $0).number }].compactMap(\.self).max()
        var condition: SQL = "id < \(above ?? .max)"
        if let first { condition = "\(sql: first) AND \(sql: condition)" }
        if let below { condition = "\(sql: condition) AND id >= \(below)" }
        if let webhook { condition = "\(sql: condition) AND webhook = \(webhook)" }
        if let token { condition = "\(sql: condition) AND token = \(token)" }
        return condition
    }
}

/// The ledger of refused calls (N2).
package struct CallTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    package func insert(_ calls: [RefusedCall]) throws(StorageError) {
        try connection.insert(
            BulkInsert(
                into: "refused_calls",
                columns: [
                    "id", "organization", "received_at", "webhook", "token", "cause", "cause_at", "status",
                    "remote_address", "basic_user", "count", "held", "integration_token",
                ],
                rows: calls.map { call in
                    [
                        call.id.sqlValue, call.organization?.sqlValue ?? .null, call.receivedAt.sqlValue,
                        call.webhook?.sqlValue ?? .null, call.token?.sqlValue ?? .null, call.cause.sqlValue,
                        call.causeAt?.sqlValue ?? .null, call.status.sqlValue, call.remoteAddress.sqlValue,
                        call.basicUser?.sqlValue ?? .null, call.count.sqlValue, call.held?.sqlValue ?? .null,
                        call.integrationToken?.sqlValue ?? .null,
                    ]
                }))
    }

    /// The largest id there is; 0 if there are none.
    package func lastNumber() throws(StorageError) -> Int64 {
        try connection.row("SELECT max(id) AS last FROM refused_calls")?.optionalInteger("last") ?? 0
    }

    /// Refused calls that match, newest first, with a smaller number than that one.
    package func list(
        in organization: ID<Organization>, _ filter: CallFilter, before: Int64?, limit: Int
    ) throws(StorageError) -> [RefusedCall] {
        try connection.rows(Self.listing(in: organization, filter, before: before, limit: limit)).map(RefusedCall.init)
    }

    static func listing(
        in organization: ID<Organization>, _ filter: CallFilter, before: Int64?, limit: Int
    ) -> SQL {
        var condition = filter.condition("organization = \(organization)", before: before)
        if let cause = filter.cause { condition = "\(sql: condition) AND cause = \(cause)" }
        return """
            SELECT id, organization, received_at, webhook, token, cause, cause_at, status, remote_address, basic_user, count, held,
                integration_token
            FROM refused_calls WHERE \(sql: condition) ORDER BY id DESC LIMIT \(limit)
            """
    }

    /// Drops at most that many entries older than an id.
    ///
    /// - Returns: how many were dropped.
    package func drop(before: OrderedID<RefusedCall>, limit: Int) throws(StorageError) -> Int {
        try connection.execute(
            """
            DELETE FROM refused_calls WHERE id IN (
                SELECT id FROM refused_calls WHERE id < \(before) ORDER BY id LIMIT \(limit))
            """)
    }
}

extension RefusedCall {
    fileprivate init(_ row: Row) throws(StorageError) {
        self.init(
            id: OrderedID(number: try row.integer("id")),
            organization: try row.optionalText("organization").map(ID.init(stored:)),
            receivedAt: try row.timestamp("received_at"), webhook: try row.optionalText("webhook"),
            token: try row.optionalText("token").map(ID.init(stored:)), cause: try row.text("cause"),
            causeAt: try row.optionalTimestamp("cause_at"), status: Int(clamping: try row.integer("status")),
            remoteAddress: try row.text("remote_address"), basicUser: try row.optionalText("basic_user"),
            count: try row.integer("count"), held: try row.optionalInteger("held").map(OrderedID.init(number:)),
            integrationToken: try row.optionalText("integration_token").map(ID.init(stored:)))
    }
}
