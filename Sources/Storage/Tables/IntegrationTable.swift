import Domain
import FoundationEssentials

/// Credentials of organizations and the tokens that belong to them. Rows E1–E10.
package struct IntegrationTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    // MARK: Credentials

    /// - Throws: ``StorageError/conflict(_:)`` if the organization has one of that name.
    package func insert(_ credential: IntegrationCredential) throws(StorageError) {
        try connection.execute(
            """
            INSERT INTO integration_credentials (id, organization, kind, name, description, activation_seconds, created_at)
            VALUES (\(credential.id), \(credential.organization), \(credential.kind.rawValue), \(credential.name),
                \(credential.description), \(credential.activationSeconds), \(credential.createdAt))
            """)
    }

    package func update(_ credential: IntegrationCredential) throws(StorageError) {
        try connection.execute(
            """
            UPDATE integration_credentials
            SET name = \(credential.name), description = \(credential.description),
                activation_seconds = \(credential.activationSeconds)
            WHERE id = \(credential.id) AND organization = \(credential.organization)
            """)
    }

    package func delete(_ id: ID<IntegrationCredential>) throws(StorageError) {
        try connection.execute("DELETE FROM integration_credentials WHERE id = \(id)")
    }

    package func find(
        _ id: ID<IntegrationCredential>, in organization: ID<Organization>
    ) throws(StorageError) -> IntegrationCredential? {
        try credentials("organization = \(organization) AND id = \(id)", limit: 1).first
    }

    package func find(name: String, in organization: ID<Organization>) throws(StorageError) -> IntegrationCredential? {
        try credentials("organization = \(organization) AND name = \(name)", limit: 1).first
    }

    /// The Deploy credential that was made first; what applications belong to if nobody says.
    package func firstDeployCredential(in organization: ID<Organization>) throws(StorageError) -> IntegrationCredential? {
        try connection.row(
            """
            SELECT \(raw: credentialColumns) FROM integration_credentials
            WHERE organization = \(organization) AND kind = \(IntegrationCredential.Kind.deploy.rawValue)
            ORDER BY created_at, id LIMIT 1
            """
        ).map(IntegrationCredential.init)
    }

    /// Credentials in the order of their ids, after that one.
    package func list(
        in organization: ID<Organization>, after: ID<IntegrationCredential>?, limit: Int
    ) throws(StorageError) -> [IntegrationCredential] {
        try credentials("organization = \(organization) AND id > \(after?.text ?? "")", limit: limit)
    }

    // MARK: Tokens

    package func insert(_ token: IntegrationToken) throws(StorageError) {
        try connection.execute(
            """
            INSERT INTO integration_tokens (digest, id, organization, credential, kind, application, hint, key_number, sealed,
                created_at, created_address, expires_at, ended_at, last_used_at, last_address, use_count)
            VALUES (\(token.digest.digest), \(token.id), \(token.organization), \(token.credential), \(token.purpose.word),
                \(token.purpose.application), \(token.hint), \(token.digest.keyNumber), \(token.sealed?.bytes),
                \(token.createdAt), \(token.createdAddress), \(token.expiresAt), \(token.endedAt), \(token.lastUsedAt),
                \(token.lastAddress), \(token.useCount))
            """)
    }

    /// Takes tokens away; what was sealed of them goes at once.
    package func end(_ tokens: [IntegrationToken], at now: Timestamp) throws(StorageError) {
        for token in tokens {
            try connection.execute(
                """
                UPDATE integration_tokens SET ended_at = \(now), sealed = \(SQLValue.null)
                WHERE id = \(token.id) AND ended_at IS NULL
                """)
        }
    }

    /// Has the token of an application belong to another credential; callers notice nothing.
    package func move(
        _ token: ID<IntegrationToken>, to credential: ID<IntegrationCredential>
    ) throws(StorageError) {
        try connection.execute("UPDATE integration_tokens SET credential = \(credential) WHERE id = \(token)")
    }

    /// Notes uses of a token, and keeps it under a newer master key from now on if there is one.
    ///
    /// - Returns: whether it moved to another digest.
    package func noteUse(
        of token: ID<IntegrationToken>, at moment: Timestamp, from address: String, count: Int64, newer: KeyedDigest?
    ) throws(StorageError) -> Bool {
        try connection.execute(
            """
            UPDATE integration_tokens
            SET last_used_at = \(moment), last_address = \(address), use_count = use_count + \(count) WHERE id = \(token)
            """)
        guard let newer else { return false }
        return try rekey(token, to: newer, sealed: nil) > 0
    }

    /// Keeps a token under another digest from now on.
    ///
    /// - Parameter sealed: the secret wrapped anew; `nil` leaves it.
    @discardableResult
    package func rekey(
        _ token: ID<IntegrationToken>, to digest: KeyedDigest, sealed: SealedText?
    ) throws(StorageError) -> Int {
        try connection.execute(
            """
            UPDATE integration_tokens
            SET digest = \(digest.digest), key_number = \(digest.keyNumber), sealed = COALESCE(\(sealed?.bytes), sealed)
            WHERE id = \(token)
            """)
    }

    /// The tokens of a credential that still open something.
    package func living(
        of credential: ID<IntegrationCredential>, at now: Timestamp
    ) throws(StorageError) -> [IntegrationToken] {
        try tokens(
            "credential = \(credential) AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > \(now))", limit: .max)
    }

    /// The integration token of a Hits/Failure credential.
    package func integrationToken(of credential: ID<IntegrationCredential>) throws(StorageError) -> IntegrationToken? {
        try tokens("credential = \(credential) AND kind = 'activate' AND ended_at IS NULL", limit: 1).first
    }

    /// Activation tokens that were not taken away, in the order of their ids, after that one.
    package func activations(
        of credential: ID<IntegrationCredential>, after: ID<IntegrationToken>?, limit: Int
    ) throws(StorageError) -> [IntegrationToken] {
        try tokens(
            "credential = \(credential) AND kind = 'hits' AND id > \(after?.text ?? "") AND ended_at IS NULL", limit: limit)
    }

    /// How many activation tokens of a credential still open something.
    package func livingActivations(
        of credential: ID<IntegrationCredential>, at now: Timestamp
    ) throws(StorageError) -> Int64 {
        try connection.row(
            """
            SELECT COUNT(*) AS count FROM integration_tokens WHERE credential = \(credential) AND kind = 'hits'
                AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > \(now))
            """)?.integer("count") ?? 0
    }

    /// How many activation tokens of a credential were made since a moment.
    package func activationsMade(
        of credential: ID<IntegrationCredential>, since moment: Timestamp
    ) throws(StorageError) -> Int64 {
        try connection.row(
            """
            SELECT COUNT(*) AS count FROM integration_tokens
            WHERE credential = \(credential) AND kind = 'hits' AND created_at > \(moment)
            """)?.integer("count") ?? 0
    }

    /// The token of an application; it has one, or none as long as there is no Deploy credential.
    package func token(of application: ID<Application>) throws(StorageError) -> IntegrationToken? {
        try tokens("application = \(application) AND ended_at IS NULL", limit: 1).first
    }

    /// One token whatever its organization, also if it was taken away.
    package func findAnywhere(_ id: ID<IntegrationToken>) throws(StorageError) -> IntegrationToken? {
        try tokens("id = \(id)", limit: 1).first
    }

    /// All of them, for the roster.
    package func allTokens() throws(StorageError) -> [IntegrationToken] {
        try tokens("1 = 1", limit: .max)
    }

    /// What each token is listed as: the name of its application, or else of its credential. Those that are gone are left out.
    package func names(
        of ids: Set<ID<IntegrationToken>>, in organization: ID<Organization>
    ) throws(StorageError) -> [ID<IntegrationToken>: Label] {
        var names: [ID<IntegrationToken>: Label] = [:]
        for id in ids {
            names[id] = try connection.row(
                """
                SELECT COALESCE(applications.name, integration_credentials.name) AS name FROM integration_tokens
                LEFT JOIN applications ON applications.id = integration_tokens.application
                LEFT JOIN integration_credentials ON integration_credentials.id = integration_tokens.credential
                WHERE integration_tokens.id = \(id) AND integration_tokens.organization = \(organization)
                """)?.optionalText("name").map(Label.init(stored:))
        }
        return names
    }

    /// Activation tokens that end by themselves between two moments.
    package func expiring(
        in organization: ID<Organization>, from: Timestamp, to: Timestamp
    ) throws(StorageError) -> [IntegrationToken] {
        try tokens(
            """
            organization = \(organization) AND ended_at IS NULL AND expires_at > \(from) AND expires_at <= \(to)
            """, limit: .max)
    }

    // MARK: Master keys

    /// Tokens that are not kept under that key alone, among those whose secret can be opened.
    package func sealed() throws(StorageError) -> [IntegrationToken] {
        try tokens("sealed IS NOT NULL", limit: .max)
    }

    /// How many tokens that still open something stand under each master key.
    package func countsByKey() throws(StorageError) -> [Int: Int64] {
        var counts: [Int: Int64] = [:]
        let rows = try connection.rows(
            """
            SELECT key_number, COUNT(*) AS count FROM integration_tokens WHERE ended_at IS NULL
            GROUP BY key_number ORDER BY key_number
            """)
        for row in rows { counts[Int(clamping: try row.integer("key_number"))] = try row.integer("count") }
        return counts
    }

    /// Drops the tokens under a master key that is given up.
    ///
    /// - Returns: which.
    package func drop(underKey number: Int) throws(StorageError) -> [ID<IntegrationToken>] {
        try connection.rows("DELETE FROM integration_tokens WHERE key_number = \(number) RETURNING id")
            .map { row throws(StorageError) in try row.id("id") }
    }

    /// Drops at most that many tokens that were taken away before a moment, or ran out before another.
    ///
    /// - Returns: which.
    package func dropOver(
        endedBefore ended: Timestamp, expiredBefore expired: Timestamp, limit: Int
    ) throws(StorageError) -> [ID<IntegrationToken>] {
        try connection.rows(
            """
            DELETE FROM integration_tokens WHERE id IN (
                SELECT id FROM integration_tokens
                WHERE ended_at < \(ended) OR (ended_at IS NULL AND expires_at < \(expired)) ORDER BY id LIMIT \(limit))
            RETURNING id
            """
        ).map { row throws(StorageError) in try row.id("id") }
    }

    private func credentials(_ condition: SQL, limit: Int) throws(StorageError) -> [IntegrationCredential] {
        try connection.rows(
            """
            SELECT \(raw: credentialColumns) FROM integration_credentials WHERE \(sql: condition) ORDER BY id LIMIT \(limit)
            """
        ).map(IntegrationCredential.init)
    }

    private func tokens(_ condition: SQL, limit: Int) throws(StorageError) -> [IntegrationToken] {
        try connection.rows("SELECT * FROM integration_tokens WHERE \(sql: condition) ORDER BY id LIMIT \(limit)")
            .map(IntegrationToken.init)
    }
}

private let credentialColumns: StaticString =
    "id, organization, kind, name, description, activation_seconds, created_at"

extension IntegrationCredential {
    fileprivate var activationSeconds: Int64? {
        activationLifetime.map { $0.microseconds / 1_000_000 }
    }

    fileprivate init(_ row: Row) throws(StorageError) {
        self.init(
            id: try row.id("id"), organization: try row.id("organization"), kind: try row.word("kind"),
            name: try row.label("name"), description: try row.label("description"),
            activationLifetime: try row.optionalInteger("activation_seconds").map(Interval.seconds),
            createdAt: try row.timestamp("created_at"))
    }
}

extension IntegrationToken.Purpose {
    fileprivate var word: String {
        switch self {
        case .activate: "activate"
        case .reportHits: "hits"
        case .reportDeploys: "deploys"
        }
    }

    fileprivate var application: ID<Application>? {
        if case .reportDeploys(let application) = self { application } else { nil }
    }
}

extension IntegrationToken {
    fileprivate init(_ row: Row) throws(StorageError) {
        let purpose: Purpose
        switch try row.text("kind") {
        case "activate": purpose = .activate
        case "hits": purpose = .reportHits
        case "deploys": purpose = .reportDeploys(try row.id("application"))
        case let other: throw .unreadable("kind of integration token \(other) is unknown")
        }
        self.init(
            id: try row.id("id"), organization: try row.id("organization"), credential: try row.id("credential"),
            purpose: purpose,
            digest: KeyedDigest(
                digest: try row.digest("digest"), keyNumber: Int(clamping: try row.integer("key_number"))),
            hint: try row.text("hint"), sealed: try row.optionalBytes("sealed").map(SealedText.init(bytes:)),
            createdAt: try row.timestamp("created_at"), createdAddress: try row.optionalText("created_address"),
            expiresAt: try row.optionalTimestamp("expires_at"), endedAt: try row.optionalTimestamp("ended_at"),
            lastUsedAt: try row.optionalTimestamp("last_used_at"), lastAddress: try row.optionalText("last_address"),
            useCount: try row.integer("use_count"))
    }
}
