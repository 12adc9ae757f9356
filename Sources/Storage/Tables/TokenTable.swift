import Domain

/// Tokens, and the digests of their secrets.
package struct TokenTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// A token with one of its secrets.
    package struct Entry: Sendable {
        package let token: Token
        package let secret: SecretRecord

        package init(token: Token, secret: SecretRecord) {
            self.token = token
            self.secret = secret
        }
    }

    package func insert(_ token: Token, with secret: SecretRecord) throws(StorageError) {
        let state = LifecycleColumns(token.state)
        try connection.execute(
            """
            INSERT INTO tokens (id, organization, kind, webhook, owner, name, description, state, state_since,
                state_reason, created_at, expires_at)
            VALUES (\(token.id), \(token.organization), \(token.scope.name), \(token.scope.webhook), \(token.owner),
                \(token.name), \(token.description), \(state.state), \(state.since), \(state.reason), \(token.createdAt),
                \(token.expiresAt))
            """)
        try connection.execute(
            """
            INSERT INTO secrets (digest, token, hint, created_at, last_used_at, use_count)
            VALUES (\(secret.digest), \(secret.token), \(secret.hint), \(secret.createdAt), \(secret.lastUsedAt),
                \(secret.useCount))
            """)
    }

    /// Writes name, description and state. A deleted token loses its secrets and stays as a tombstone (P7).
    package func update(_ token: Token) throws(StorageError) {
        let state = LifecycleColumns(token.state)
        try connection.execute(
            """
            UPDATE tokens
            SET name = \(token.name), description = \(token.description), state = \(state.state),
                state_since = \(state.since), state_reason = \(state.reason)
            WHERE id = \(token.id) AND organization = \(token.organization)
            """)
        if case .deleted = token.state {
            try connection.execute("DELETE FROM secrets WHERE token = \(token.id)")
        }
    }

    /// Notes uses of a secret since the last note.
    package func noteUse(of digest: SecretDigest, at moment: Timestamp, count: Int64) throws(StorageError) {
        try connection.execute(
            """
            UPDATE secrets SET last_used_at = \(moment), use_count = use_count + \(count) WHERE digest = \(digest)
            """)
    }

    package func find(_ id: ID<Token>, in organization: ID<Organization>) throws(StorageError) -> Entry? {
        try entries("t.organization = \(organization) AND t.id = \(id)", limit: 1).first
    }

    package func find(_ digest: SecretDigest) throws(StorageError) -> Entry? {
        try entries("s.digest = \(digest)", limit: 1).first
    }

    /// Tokens that are not deleted, with their newest secret, in the order of their ids, after that one.
    package func list(
        in organization: ID<Organization>, after: ID<Token>?, limit: Int
    ) throws(StorageError) -> [Entry] {
        try entries("t.organization = \(organization) AND t.id > \(after?.text ?? "")", limit: limit)
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

    /// All secrets of one token, for the roster; empty once it is deleted.
    package func secrets(of id: ID<Token>) throws(StorageError) -> [Entry] {
        try entries("t.id = \(id)", limit: 100)
    }

    /// All tokens that open ingest, for the roster.
    package func allForIngest() throws(StorageError) -> [Entry] {
        try entries("t.kind IN ('app', 'api')", limit: Int.max)
    }

    private func entries(_ condition: SQL, limit: Int) throws(StorageError) -> [Entry] {
        try connection.rows(
            """
            SELECT t.id, t.organization, t.kind, t.webhook, t.owner, t.name, t.description, t.state, t.state_since,
                t.state_reason, t.created_at, t.expires_at, s.digest, s.token, s.hint, s.created_at AS secret_created_at,
                s.last_used_at, s.use_count
            FROM tokens t JOIN secrets s ON s.token = t.id
            WHERE \(sql: condition)
            ORDER BY t.id, s.created_at DESC, s.digest LIMIT \(limit)
            """
        ).map(Entry.init)
    }
}

extension Token.Scope {
    fileprivate var webhook: ID<Webhook>? {
        if case .app(let webhook) = self { webhook } else { nil }
    }
}

extension TokenTable.Entry {
    fileprivate init(_ row: Row) throws(StorageError) {
        token = try Token(row)
        guard let digest = SecretDigest(bytes: try row.bytes("digest")) else {
            throw .unreadable("a digest has no 32 bytes")
        }
        secret = SecretRecord(
            digest: digest, token: try row.id("token"), hint: try row.text("hint"),
            createdAt: try row.timestamp("secret_created_at"), lastUsedAt: try row.optionalTimestamp("last_used_at"),
            useCount: try row.integer("use_count"))
    }
}

extension Token {
    fileprivate init(_ row: Row) throws(StorageError) {
        let scope: Scope
        switch try row.text("kind") {
        case "app": scope = .app(try row.id("webhook"))
        case "api": scope = .api
        case "management": scope = .management
        case let other: throw .unreadable("token kind \(other) is unknown")
        }
        self.init(
            id: try row.id("id"), organization: try row.id("organization"), scope: scope, owner: try row.id("owner"),
            name: try row.label("name"), description: try row.label("description"), state: try row.lifecycle(),
            createdAt: try row.timestamp("created_at"), expiresAt: try row.optionalTimestamp("expires_at"))
    }
}
