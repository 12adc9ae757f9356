extension Migration {
    /// The first schema: who there is, what they hold, what came in.
    static let house = Migration(number: 1, name: "the house") { dialect in
        let integer = dialect.integer
        let bytes = dialect.bytes
        let strict = dialect.strict
        return [
            """
            CREATE TABLE installation (
                name TEXT NOT NULL PRIMARY KEY,
                value \(dialect: bytes) NOT NULL
            )\(dialect: strict)
            """,
            """
            CREATE TABLE organizations (
                id TEXT NOT NULL PRIMARY KEY,
                name TEXT NOT NULL,
                inactivity_days \(dialect: integer),
                daily_quota \(dialect: integer),
                created_at \(dialect: integer) NOT NULL
            )\(dialect: strict)
            """,
            """
            CREATE TABLE accounts (
                id TEXT NOT NULL PRIMARY KEY,
                kind TEXT NOT NULL,
                name TEXT NOT NULL,
                login TEXT UNIQUE,
                password_hash TEXT,
                created_at \(dialect: integer) NOT NULL
            )\(dialect: strict)
            """,
            """
            CREATE TABLE memberships (
                organization TEXT NOT NULL REFERENCES organizations (id),
                account TEXT NOT NULL REFERENCES accounts (id),
                role TEXT NOT NULL,
                state TEXT NOT NULL,
                state_since \(dialect: integer),
                state_reason TEXT,
                active_since \(dialect: integer) NOT NULL,
                last_token_use_at \(dialect: integer),
                last_sign_in_at \(dialect: integer),
                PRIMARY KEY (organization, account)
            )\(dialect: strict)
            """,
            """
            CREATE TABLE webhooks (
                id TEXT NOT NULL PRIMARY KEY,
                organization TEXT NOT NULL REFERENCES organizations (id),
                name TEXT NOT NULL,
                description TEXT NOT NULL,
                accepts TEXT NOT NULL,
                state TEXT NOT NULL,
                owner TEXT NOT NULL REFERENCES accounts (id),
                created_at \(dialect: integer) NOT NULL
            )\(dialect: strict)
            """,
            """
            CREATE TABLE tokens (
                id TEXT NOT NULL PRIMARY KEY,
                organization TEXT NOT NULL REFERENCES organizations (id),
                kind TEXT NOT NULL,
                webhook TEXT REFERENCES webhooks (id),
                owner TEXT NOT NULL REFERENCES accounts (id),
                name TEXT NOT NULL,
                description TEXT NOT NULL,
                state TEXT NOT NULL,
                state_since \(dialect: integer),
                state_reason TEXT,
                created_at \(dialect: integer) NOT NULL,
                expires_at \(dialect: integer)
            )\(dialect: strict)
            """,
            "CREATE INDEX tokens_by_organization ON tokens (organization, id)",
            """
            CREATE TABLE secrets (
                digest \(dialect: bytes) NOT NULL PRIMARY KEY,
                token TEXT NOT NULL REFERENCES tokens (id),
                hint TEXT NOT NULL,
                created_at \(dialect: integer) NOT NULL,
                last_used_at \(dialect: integer),
                use_count \(dialect: integer) NOT NULL
            )\(dialect: strict)
            """,
            "CREATE INDEX secrets_by_token ON secrets (token)",
            // No references from events: they cost a look-up per call, and an event outlives its token.
            """
            CREATE TABLE events (
                id \(dialect: integer) PRIMARY KEY,
                organization TEXT NOT NULL,
                webhook TEXT NOT NULL,
                token TEXT NOT NULL,
                received_at \(dialect: integer) NOT NULL,
                remote_address TEXT NOT NULL,
                query TEXT,
                content_type TEXT,
                headers TEXT NOT NULL,
                context TEXT,
                basic_user TEXT,
                body_bytes \(dialect: integer) NOT NULL,
                body_sha256 \(dialect: bytes) NOT NULL,
                body \(dialect: bytes) NOT NULL
            )\(dialect: strict)
            """,
            "CREATE INDEX events_by_webhook ON events (webhook, id)",
            """
            CREATE TABLE dedupe_keys (
                webhook TEXT NOT NULL,
                dedupe_key TEXT NOT NULL,
                event \(dialect: integer) NOT NULL,
                expires_at \(dialect: integer) NOT NULL,
                PRIMARY KEY (webhook, dedupe_key)
            )\(dialect: strict)
            """,
            "CREATE INDEX dedupe_keys_by_expiry ON dedupe_keys (expires_at)",
            """
            CREATE TABLE daily_usage (
                organization TEXT NOT NULL,
                day \(dialect: integer) NOT NULL,
                accepted \(dialect: integer) NOT NULL,
                PRIMARY KEY (organization, day)
            )\(dialect: strict)
            """,
            """
            CREATE TABLE refused_calls (
                id \(dialect: integer) PRIMARY KEY,
                organization TEXT,
                received_at \(dialect: integer) NOT NULL,
                webhook TEXT,
                token TEXT,
                cause TEXT NOT NULL,
                cause_at \(dialect: integer),
                status \(dialect: integer) NOT NULL,
                remote_address TEXT NOT NULL,
                basic_user TEXT,
                count \(dialect: integer) NOT NULL
            )\(dialect: strict)
            """,
            """
            CREATE TABLE audit_entries (
                id \(dialect: integer) PRIMARY KEY,
                organization TEXT NOT NULL,
                at \(dialect: integer) NOT NULL,
                actor TEXT,
                actor_token TEXT,
                action TEXT NOT NULL,
                subject TEXT NOT NULL,
                details TEXT NOT NULL
            )\(dialect: strict)
            """,
        ]
    }
}
