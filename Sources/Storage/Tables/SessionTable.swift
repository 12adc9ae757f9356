import Domain

package struct SessionTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    package func insert(_ session: Session) throws(StorageError) {
        try connection.execute(
            """
            INSERT INTO sessions (id, account, organization, digest, key_number, created_at, last_used_at, remote_address,
                user_agent)
            VALUES (\(session.id), \(session.account), \(session.organization), \(session.digest), \(session.keyNumber),
                \(session.createdAt), \(session.lastUsedAt), \(session.remoteAddress), \(session.userAgent))
            """)
    }

    package func find(_ digest: SecretDigest) throws(StorageError) -> Session? {
        try connection.row("SELECT * FROM sessions WHERE digest = \(digest)").map(Session.init)
    }

    package func find(_ id: ID<Session>) throws(StorageError) -> Session? {
        try connection.row("SELECT * FROM sessions WHERE id = \(id)").map(Session.init)
    }

    /// Keeps a session under a newer master key from now on.
    package func rekey(_ id: ID<Session>, to new: KeyedDigest) throws(StorageError) {
        try connection.execute(
            "UPDATE sessions SET digest = \(new.digest), key_number = \(new.keyNumber) WHERE id = \(id)")
    }

    /// Sessions under a master key.
    package func list(underKey number: Int) throws(StorageError) -> [Session] {
        try connection.rows("SELECT * FROM sessions WHERE key_number = \(number) ORDER BY id").map(Session.init)
    }

    /// Ends the sessions under a master key that is given up.
    package func endAll(underKey number: Int) throws(StorageError) {
        try connection.execute("DELETE FROM sessions WHERE key_number = \(number)")
    }

    /// A person's sessions in all organizations, newest first.
    package func list(of account: ID<Account>) throws(StorageError) -> [Session] {
        try connection.rows(
            "SELECT * FROM sessions WHERE account = \(account) ORDER BY created_at DESC, id LIMIT 500"
        ).map(Session.init)
    }

    package func noteUse(of id: ID<Session>, at moment: Timestamp) throws(StorageError) {
        try connection.execute("UPDATE sessions SET last_used_at = \(moment) WHERE id = \(id) AND last_used_at < \(moment)")
    }

    /// Ends one session of a person.
    ///
    /// - Returns: `false` if there is none.
    package func end(_ id: ID<Session>, of account: ID<Account>) throws(StorageError) -> Bool {
        try connection.execute("DELETE FROM sessions WHERE id = \(id) AND account = \(account)") == 1
    }

    /// Ends a person's sessions, in one organization or in all, but for one that may stay.
    package func endAll(
        of account: ID<Account>, in organization: ID<Organization>?, except kept: ID<Session>? = nil
    ) throws(StorageError) {
        var condition: SQL = "account = \(account) AND id <> \(kept?.text ?? "")"
        if let organization { condition = "\(sql: condition) AND organization = \(organization)" }
        try connection.execute("DELETE FROM sessions WHERE \(sql: condition)")
    }

    /// Drops sessions that have ended by themselves.
    package func dropEnded(now: Timestamp) throws(StorageError) {
        let oldest = now.adding(Interval(microseconds: -Limits.sessionLifetime.microseconds))
        let idle = now.adding(Interval(microseconds: -Limits.sessionIdleTime.microseconds))
        try connection.execute("DELETE FROM sessions WHERE created_at <= \(oldest) OR last_used_at <= \(idle)")
    }
}

extension Session {
    fileprivate init(_ row: Row) throws(StorageError) {
        self.init(
            id: try row.id("id"), account: try row.id("account"), organization: try row.id("organization"),
            digest: try row.digest("digest"), keyNumber: Int(clamping: try row.integer("key_number")),
            createdAt: try row.timestamp("created_at"), lastUsedAt: try row.timestamp("last_used_at"),
            remoteAddress: try row.text("remote_address"), userAgent: try row.optionalText("user_agent"))
    }
}
