import Domain

/// Tokens, and the digests of their secrets.
package struct TokenTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// A token with its secrets, the newest first; without any once it is deleted.
    package struct Entry: Sendable {
        package let token: Token
        package let secrets: [SecretRecord]

        package init(token: Token, secrets: [SecretRecord]) {
            self.token = token
            self.secrets = secrets
        }
    }

    package func insert(_ token: Token, with secret: SecretRecord) throws(StorageError) {
        let state = LifecycleColumns(token.state)
        try connection.execute(
            """
            INSERT INTO tokens (id, organization, kind, webhook, owner, name, description, state, state_since,
                state_reason, created_at, expires_at, networks, rate_limit, may_reveal)
            VALUES (\(token.id), \(token.organization), \(token.scope.name), \(token.scope.webhook), \(token.owner),
                \(token.name), \(token.description), \(state.state), \(state.since), \(state.reason), \(token.createdAt),
                \(token.expiresAt), \(token.networksText), \(token.rateLimitPerMinute),
                \(token.mayReveal))
            """)
        try insert(secret)
    }

    /// Adds a secret to a token (N6).
    package func insert(_ secret: SecretRecord) throws(StorageError) {
        try connection.execute(
            """
            INSERT INTO secrets (digest, token, hint, key_number, created_at, ends_at, last_used_at, last_address, use_count)
            VALUES (\(secret.digest), \(secret.token), \(secret.hint), \(secret.keyNumber), \(secret.createdAt),
                \(secret.endsAt), \(secret.lastUsedAt), \(secret.lastAddress), \(secret.useCount))
            """)
    }

    /// Writes what can change of a token. A deleted token loses its secrets and stays as a tombstone (P7).
    package func update(_ token: Token) throws(StorageError) {
        let state = LifecycleColumns(token.state)
        try connection.execute(
            """
            UPDATE tokens
            SET owner = \(token.owner), name = \(token.name), description = \(token.description), state = \(state.state),
                state_since = \(state.since), state_reason = \(state.reason), expires_at = \(token.expiresAt),
                networks = \(token.networksText), rate_limit = \(token.rateLimitPerMinute)
            WHERE id = \(token.id) AND organization = \(token.organization)
            """)
        if case .deleted = token.state {
            try connection.execute("DELETE FROM secrets WHERE token = \(token.id)")
        }
    }

    /// Writes when a secret ends.
    package func update(_ secret: SecretRecord) throws(StorageError) {
        try connection.execute("UPDATE secrets SET ends_at = \(secret.endsAt) WHERE digest = \(secret.digest)")
    }

    /// Notes uses of a secret since the last note.
    ///
    /// - Parameter newer: the digest under which it may be kept by now.
    package func noteUse(
        of digest: SecretDigest, or newer: SecretDigest?, at moment: Timestamp, from address: String?, count: Int64
    ) throws(StorageError) {
        try connection.execute(
            """
            UPDATE secrets SET last_used_at = \(moment), last_address = COALESCE(\(address), last_address),
                use_count = use_count + \(count)
            WHERE digest IN (\(digest), \(newer ?? digest))
            """)
    }

    /// Keeps a secret under a newer master key from now on.
    ///
    /// - Returns: the token it belongs to; `nil` if it is not there under the old digest any more.
    package func rekey(_ old: SecretDigest, to new: KeyedDigest) throws(StorageError) -> ID<Token>? {
        try connection.row(
            "UPDATE secrets SET digest = \(new.digest), key_number = \(new.keyNumber) WHERE digest = \(old) RETURNING token"
        )?.id("token")
    }

    package func find(_ id: ID<Token>, in organization: ID<Organization>) throws(StorageError) -> Entry? {
        try entries("organization = \(organization) AND id = \(id) AND state <> 'deleted'", limit: 1).first
    }

    /// The token that a secret belongs to, with that secret alone.
    package func find(_ digest: SecretDigest) throws(StorageError) -> (token: Token, secret: SecretRecord)? {
        guard let row = try connection.row("SELECT \(raw: secretColumns) FROM secrets WHERE digest = \(digest)") else {
            return nil
        }
        let secret = try SecretRecord(row)
        guard let token = try tokens("id = \(secret.token)", limit: 1).first else { return nil }
        return (token, secret)
    }

    /// Tokens that are not deleted, in the order of their ids, after that one.
    package func list(
        in organization: ID<Organization>, owner: ID<Account>? = nil, kind: String? = nil, webhook: ID<Webhook>? = nil,
        after: ID<Token>?, limit: Int
    ) throws(StorageError) -> [Entry] {
        var condition: SQL = "organization = \(organization) AND id > \(after?.text ?? "") AND state <> 'deleted'"
        if let owner { condition = "\(sql: condition) AND owner = \(owner)" }
        if let kind { condition = "\(sql: condition) AND kind = \(kind)" }
        if let webhook { condition = "\(sql: condition) AND webhook = \(webhook)" }
        return try entries(condition, limit: limit)
    }

    /// How many tokens each account has, without deleted ones; accounts without any are left out.
    package func counts(in organization: ID<Organization>) throws(StorageError) -> [ID<Account>: Int64] {
        var counts: [ID<Account>: Int64] = [:]
        let rows = try connection.rows(
            """
            SELECT owner, COUNT(*) AS count FROM tokens WHERE organization = \(organization) AND state <> 'deleted'
            GROUP BY owner
            """)
        for row in rows { counts[try row.id("owner")] = try row.integer("count") }
        return counts
    }

    /// The name of each token, deleted ones included.
    package func names(
        of ids: Set<ID<Token>>, in organization: ID<Organization>
    ) throws(StorageError) -> [ID<Token>: Label] {
        var names: [ID<Token>: Label] = [:]
        for id in ids {
            let row = try connection.row("SELECT name FROM tokens WHERE id = \(id) AND organization = \(organization)")
            names[id] = try row?.label("name")
        }
        return names
    }

    /// One token whatever its organization, for the roster; `nil` once it is deleted.
    package func findAnywhere(_ id: ID<Token>) throws(StorageError) -> Entry? {
        try entries("id = \(id) AND state <> 'deleted'", limit: 1).first
    }

    /// All tokens that open ingest, for the roster.
    package func allForIngest() throws(StorageError) -> [Entry] {
        let tokens = try tokens("kind IN ('app', 'api') AND state <> 'deleted'", limit: .max)
        var secrets: [ID<Token>: [SecretRecord]] = [:]
        for row in try connection.rows("SELECT \(raw: secretColumns) FROM secrets ORDER BY \(raw: newestFirst)") {
            let secret = try SecretRecord(row)
            secrets[secret.token, default: []].append(secret)
        }
        return tokens.map { Entry(token: $0, secrets: secrets[$0.id, default: []]) }
    }

    /// How many secrets stand under each master key.
    package func countsByKey() throws(StorageError) -> [Int: Int64] {
        var counts: [Int: Int64] = [:]
        for row in try connection.rows("SELECT key_number, COUNT(*) AS count FROM secrets GROUP BY key_number") {
            counts[Int(clamping: try row.integer("key_number"))] = try row.integer("count")
        }
        return counts
    }

    /// Drops the secrets under a master key that is given up.
    ///
    /// - Returns: the tokens they belonged to.
    package func dropSecrets(underKey number: Int) throws(StorageError) -> [ID<Token>] {
        try connection.rows("DELETE FROM secrets WHERE key_number = \(number) RETURNING token")
            .map { row throws(StorageError) in try row.id("token") }
    }

    /// Drops at most that many secrets that ended before a moment; they are told apart from unknown ones no longer.
    ///
    /// - Returns: the tokens they belonged to.
    package func dropEnded(before moment: Timestamp, limit: Int) throws(StorageError) -> [ID<Token>] {
        try connection.rows(
            """
            DELETE FROM secrets WHERE digest IN (
                SELECT digest FROM secrets WHERE ends_at < \(moment) ORDER BY digest LIMIT \(limit))
            RETURNING token
            """
        ).map { row throws(StorageError) in try row.id("token") }
    }

    /// Keeps of the secrets of one token that have ended only so many, the last ended ones.
    package func dropEnded(of token: ID<Token>, now: Timestamp, keeping count: Int) throws(StorageError) {
        try connection.execute(
            """
            DELETE FROM secrets WHERE token = \(token) AND ends_at <= \(now) AND digest NOT IN (
                SELECT digest FROM secrets WHERE token = \(token) AND ends_at <= \(now)
                ORDER BY ends_at DESC, created_at DESC, digest LIMIT \(count))
            """)
    }

    private func entries(_ condition: SQL, limit: Int) throws(StorageError) -> [Entry] {
        try tokens(condition, limit: limit).map { token throws(StorageError) in
            let rows = try connection.rows(
                "SELECT \(raw: secretColumns) FROM secrets WHERE token = \(token.id) ORDER BY \(raw: newestFirst)")
            return Entry(token: token, secrets: try rows.map(SecretRecord.init))
        }
    }

    private func tokens(_ condition: SQL, limit: Int) throws(StorageError) -> [Token] {
        try connection.rows(
            """
            SELECT id, organization, kind, webhook, owner, name, description, state, state_since, state_reason, created_at,
                expires_at, networks, rate_limit, may_reveal
            FROM tokens WHERE \(sql: condition) ORDER BY id LIMIT \(limit)
            """
        ).map(Token.init)
    }
}

private let secretColumns: StaticString =
    "digest, token, hint, key_number, created_at, ends_at, last_used_at, last_address, use_count"

// The one that does not end is the newest, whatever the clock said when it was made.
private let newestFirst: StaticString = "CASE WHEN ends_at IS NULL THEN 0 ELSE 1 END, created_at DESC, digest"

extension Token.Scope {
    fileprivate var webhook: ID<Webhook>? {
        if case .app(let webhook) = self { webhook } else { nil }
    }
}

extension SecretRecord {
    fileprivate init(_ row: Row) throws(StorageError) {
        self.init(
            digest: try row.digest("digest"), token: try row.id("token"), hint: try row.text("hint"),
            keyNumber: Int(clamping: try row.integer("key_number")), createdAt: try row.timestamp("created_at"),
            endsAt: try row.optionalTimestamp("ends_at"), lastUsedAt: try row.optionalTimestamp("last_used_at"),
            lastAddress: try row.optionalText("last_address"), useCount: try row.integer("use_count"))
    }
}

extension Token {
    fileprivate var networksText: String {
        networks.map(\.text).joined(separator: ",")
    }

    fileprivate init(_ row: Row) throws(StorageError) {
        let scope: Scope
        switch try row.text("kind") {
        case "app": scope = .app(try row.id("webhook"))
        case "api": scope = .api
        case "management": scope = .management
        case let other: throw .unreadable("token kind \(other) is unknown")
        }
        let networks = try row.text("networks").split(separator: ",").map { text throws(StorageError) in
            // A network that cannot be read must not open the token to everybody.
            guard let network = IPNetwork(String(text)) else { throw .unreadable("network \(text) is unknown") }
            return network
        }
        self.init(
            id: try row.id("id"), organization: try row.id("organization"), scope: scope, owner: try row.id("owner"),
            name: try row.label("name"), description: try row.label("description"), state: try row.lifecycle(),
            createdAt: try row.timestamp("created_at"), expiresAt: try row.optionalTimestamp("expires_at"),
            networks: networks, rateLimitPerMinute: try row.optionalInteger("rate_limit"),
            mayReveal: try row.flag("may_reveal"))
    }
}
