extension Migration {
    /// The first schema: who there is, what they hold, what came in.
    static let house = Migration(number: 1, name: "the house") { dialect in
        let text = dialect.text
        let integer = dialect.integer
        let bytes = dialect.bytes
        let strict = dialect.strict
        return [
            """
            CREATE TABLE installation (
                name \(dialect: text) NOT NULL PRIMARY KEY,
                value \(dialect: bytes) NOT NULL
            )\(dialect: strict)
            """,
            """
            CREATE TABLE organizations (
                id \(dialect: text) NOT NULL PRIMARY KEY,
                name \(dialect: text) NOT NULL,
                inactivity_days \(dialect: integer),
                daily_quota \(dialect: integer),
                created_at \(dialect: integer) NOT NULL
            )\(dialect: strict)
            """,
            """
            CREATE TABLE accounts (
                id \(dialect: text) NOT NULL PRIMARY KEY,
                kind \(dialect: text) NOT NULL,
                name \(dialect: text) NOT NULL,
                login \(dialect: text) UNIQUE,
                password_hash \(dialect: text),
                created_at \(dialect: integer) NOT NULL
            )\(dialect: strict)
            """,
            """
            CREATE TABLE memberships (
                organization \(dialect: text) NOT NULL REFERENCES organizations (id),
                account \(dialect: text) NOT NULL REFERENCES accounts (id),
                role \(dialect: text) NOT NULL,
                state \(dialect: text) NOT NULL,
                state_since \(dialect: integer),
                state_reason \(dialect: text),
                active_since \(dialect: integer) NOT NULL,
                last_token_use_at \(dialect: integer),
                last_sign_in_at \(dialect: integer),
                PRIMARY KEY (organization, account)
            )\(dialect: strict)
            """,
            """
            CREATE TABLE webhooks (
                id \(dialect: text) NOT NULL PRIMARY KEY,
                organization \(dialect: text) NOT NULL REFERENCES organizations (id),
                name \(dialect: text) NOT NULL,
                description \(dialect: text) NOT NULL,
                accepts \(dialect: text) NOT NULL,
                state \(dialect: text) NOT NULL,
                owner \(dialect: text) NOT NULL REFERENCES accounts (id),
                created_at \(dialect: integer) NOT NULL
            )\(dialect: strict)
            """,
            """
            CREATE TABLE tokens (
                id \(dialect: text) NOT NULL PRIMARY KEY,
                organization \(dialect: text) NOT NULL REFERENCES organizations (id),
                kind \(dialect: text) NOT NULL,
                webhook \(dialect: text) REFERENCES webhooks (id),
                owner \(dialect: text) NOT NULL REFERENCES accounts (id),
                name \(dialect: text) NOT NULL,
                description \(dialect: text) NOT NULL,
                state \(dialect: text) NOT NULL,
                state_since \(dialect: integer),
                state_reason \(dialect: text),
                created_at \(dialect: integer) NOT NULL,
                expires_at \(dialect: integer)
            )\(dialect: strict)
            """,
            "CREATE INDEX tokens_by_organization ON tokens (organization, id)",
            """
            CREATE TABLE secrets (
                digest \(dialect: bytes) NOT NULL PRIMARY KEY,
                token \(dialect: text) NOT NULL REFERENCES tokens (id),
                hint \(dialect: text) NOT NULL,
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
                organization \(dialect: text) NOT NULL,
                webhook \(dialect: text) NOT NULL,
                token \(dialect: text) NOT NULL,
                received_at \(dialect: integer) NOT NULL,
                remote_address \(dialect: text) NOT NULL,
                query \(dialect: text),
                content_type \(dialect: text),
                headers \(dialect: text) NOT NULL,
                context \(dialect: text),
                basic_user \(dialect: text),
                body_bytes \(dialect: integer) NOT NULL,
                body_sha256 \(dialect: bytes) NOT NULL,
                body \(dialect: bytes) NOT NULL
            )\(dialect: dialect.strictByTime)
            """,
            "CREATE INDEX events_by_webhook ON events (webhook, id)",
            """
            CREATE TABLE dedupe_keys (
                webhook \(dialect: text) NOT NULL,
                dedupe_key \(dialect: text) NOT NULL,
                event \(dialect: integer) NOT NULL,
                expires_at \(dialect: integer) NOT NULL,
                PRIMARY KEY (webhook, dedupe_key)
            )\(dialect: strict)
            """,
            "CREATE INDEX dedupe_keys_by_expiry ON dedupe_keys (expires_at)",
            """
            CREATE TABLE daily_usage (
                organization \(dialect: text) NOT NULL,
                day \(dialect: integer) NOT NULL,
                accepted \(dialect: integer) NOT NULL,
                PRIMARY KEY (organization, day)
            )\(dialect: strict)
            """,
            """
            CREATE TABLE refused_calls (
                id \(dialect: integer) PRIMARY KEY,
                organization \(dialect: text),
                received_at \(dialect: integer) NOT NULL,
                webhook \(dialect: text),
                token \(dialect: text),
                cause \(dialect: text) NOT NULL,
                cause_at \(dialect: integer),
                status \(dialect: integer) NOT NULL,
                remote_address \(dialect: text) NOT NULL,
                basic_user \(dialect: text),
                count \(dialect: integer) NOT NULL
            )\(dialect: dialect.strictByTime)
            """,
            """
            CREATE TABLE audit_entries (
                id \(dialect: integer) PRIMARY KEY,
                organization \(dialect: text) NOT NULL,
                at \(dialect: integer) NOT NULL,
                actor \(dialect: text),
                actor_token \(dialect: text),
                action \(dialect: text) NOT NULL,
                subject \(dialect: text) NOT NULL,
                details \(dialect: text) NOT NULL
            )\(dialect: strict)
            """,
        ]
    }
}
