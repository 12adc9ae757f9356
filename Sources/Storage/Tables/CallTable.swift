import Domain

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
                    "remote_address", "basic_user", "count",
                ],
                rows: calls.map { call in
                    [
                        call.id.sqlValue, call.organization?.sqlValue ?? .null, call.receivedAt.sqlValue,
                        call.webhook?.sqlValue ?? .null, call.token?.sqlValue ?? .null, call.cause.sqlValue,
                        call.causeAt?.sqlValue ?? .null, call.status.sqlValue, call.remoteAddress.sqlValue,
                        call.basicUser?.sqlValue ?? .null, call.count.sqlValue,
                    ]
                }))
    }

    /// The largest id there is; 0 if there are none.
    package func lastNumber() throws(StorageError) -> Int64 {
        try connection.row("SELECT max(id) AS last FROM refused_calls")?.optionalInteger("last") ?? 0
    }

    /// Refused calls newest first, older than that one.
    package func list(
        in organization: ID<Organization>, before: OrderedID<RefusedCall>?, limit: Int
    ) throws(StorageError) -> [RefusedCall] {
        let before = before ?? OrderedID(number: .max)
        return try connection.rows(
            """
            SELECT id, organization, received_at, webhook, token, cause, cause_at, status, remote_address, basic_user, count
            FROM refused_calls WHERE organization = \(organization) AND id < \(before) ORDER BY id DESC LIMIT \(limit)
            """
        ).map(RefusedCall.init)
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
            count: try row.integer("count"))
    }
}
