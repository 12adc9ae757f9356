extension Migration {
    /// Rotation, limits of tokens, signing in, held calls, counts, warnings, master keys, and the chain of the audit log.
    static let credentialLife = Migration(number: 2, name: "the life of credentials") { dialect in
        tokens(dialect) + people(dialect) + calls(dialect) + records(dialect)
    }

    private static func tokens(_ dialect: Dialect) -> [SQL] {
        let text = dialect.text
        let integer = dialect.integer
        return [
            "ALTER TABLE tokens ADD COLUMN networks \(dialect: text) NOT NULL DEFAULT ''",
            "ALTER TABLE tokens ADD COLUMN rate_limit \(dialect: integer)",
            "ALTER TABLE secrets ADD COLUMN key_number \(dialect: integer) NOT NULL DEFAULT 1",
            "ALTER TABLE secrets ADD COLUMN ends_at \(dialect: integer)",
            "ALTER TABLE secrets ADD COLUMN last_address \(dialect: text)",
            "CREATE INDEX tokens_by_owner ON tokens (owner, id)",
            """
            CREATE TABLE master_keys (
                number \(dialect: integer) NOT NULL PRIMARY KEY,
                check_value \(dialect: dialect.bytes) NOT NULL,
                added_at \(dialect: integer) NOT NULL,
                retired_at \(dialect: integer)
            )\(dialect: dialect.strict)
            """,
            """
            INSERT INTO master_keys (number, check_value, added_at)
            SELECT 1, value, (SELECT MIN(created_at) FROM organizations) FROM installation WHERE name = 'key_check_value'
            """,
        ]
    }

    private static func people(_ dialect: Dialect) -> [SQL] {
        let text = dialect.text
        let integer = dialect.integer
        let bytes = dialect.bytes
        let strict = dialect.strict
        return [
            "ALTER TABLE organizations ADD COLUMN hold_calls \(dialect: integer) NOT NULL DEFAULT 1",
            "ALTER TABLE memberships ADD COLUMN sign_in_blocked_at \(dialect: integer)",
            "ALTER TABLE accounts ADD COLUMN second_factor \(dialect: bytes)",
            "ALTER TABLE accounts ADD COLUMN second_factor_pending \(dialect: bytes)",
            "ALTER TABLE accounts ADD COLUMN second_factor_step \(dialect: integer)",
            "CREATE INDEX memberships_by_account ON memberships (account)",
            """
            CREATE TABLE recovery_codes (
                account \(dialect: text) NOT NULL REFERENCES accounts (id),
                digest \(dialect: bytes) NOT NULL,
                PRIMARY KEY (account, digest)
            )\(dialect: strict)
            """,
            """
            CREATE TABLE sessions (
                id \(dialect: text) NOT NULL PRIMARY KEY,
                account \(dialect: text) NOT NULL REFERENCES accounts (id),
                organization \(dialect: text) NOT NULL REFERENCES organizations (id),
                digest \(dialect: bytes) NOT NULL UNIQUE,
                key_number \(dialect: integer) NOT NULL,
                created_at \(dialect: integer) NOT NULL,
                last_used_at \(dialect: integer) NOT NULL,
                remote_address \(dialect: text) NOT NULL,
                user_agent \(dialect: text)
            )\(dialect: strict)
            """,
            "CREATE INDEX sessions_by_account ON sessions (account, organization)",
            """
            CREATE TABLE known_devices (
                digest \(dialect: bytes) NOT NULL PRIMARY KEY,
                account \(dialect: text) NOT NULL REFERENCES accounts (id),
                last_used_at \(dialect: integer) NOT NULL
            )\(dialect: strict)
            """,
            "CREATE INDEX known_devices_by_account ON known_devices (account)",
            """
            CREATE TABLE one_time_links (
                digest \(dialect: bytes) NOT NULL PRIMARY KEY,
                key_number \(dialect: integer) NOT NULL,
                purpose \(dialect: text) NOT NULL,
                organization \(dialect: text) NOT NULL REFERENCES organizations (id),
                account \(dialect: text) NOT NULL REFERENCES accounts (id),
                role \(dialect: text),
                issuer \(dialect: text),
                created_at \(dialect: integer) NOT NULL,
                expires_at \(dialect: integer) NOT NULL
            )\(dialect: strict)
            """,
            "CREATE INDEX one_time_links_by_account ON one_time_links (account)",
        ]
    }

    private static func calls(_ dialect: Dialect) -> [SQL] {
        let text = dialect.text
        let integer = dialect.integer
        let bytes = dialect.bytes
        let strict = dialect.strict
        return [
            "ALTER TABLE events ADD COLUMN released_at \(dialect: integer)",
            "ALTER TABLE refused_calls ADD COLUMN held \(dialect: integer)",
            "CREATE INDEX refused_calls_by_token ON refused_calls (token, id)",
            "CREATE INDEX refused_calls_by_webhook ON refused_calls (webhook, id)",
            """
            CREATE TABLE held_calls (
                id \(dialect: integer) PRIMARY KEY,
                organization \(dialect: text) NOT NULL,
                webhook \(dialect: text) NOT NULL,
                token \(dialect: text) NOT NULL,
                owner \(dialect: text) NOT NULL,
                received_at \(dialect: integer) NOT NULL,
                cause \(dialect: text) NOT NULL,
                cause_at \(dialect: integer),
                remote_address \(dialect: text) NOT NULL,
                query \(dialect: text),
                content_type \(dialect: text),
                headers \(dialect: text) NOT NULL,
                context \(dialect: text),
                basic_user \(dialect: text),
                dedupe_key \(dialect: text),
                body_bytes \(dialect: integer) NOT NULL,
                body_sha256 \(dialect: bytes) NOT NULL,
                weight \(dialect: integer) NOT NULL,
                body \(dialect: bytes) NOT NULL
            )\(dialect: strict)
            """,
            "CREATE INDEX held_calls_by_organization ON held_calls (organization, id)",
            """
            CREATE TABLE held_totals (
                organization \(dialect: text) NOT NULL PRIMARY KEY,
                weight \(dialect: integer) NOT NULL
            )\(dialect: strict)
            """,
            // An accepted call has the empty cause; where addresses are too many, or not told apart, the address is empty.
            """
            CREATE TABLE call_counts (
                organization \(dialect: text) NOT NULL,
                token \(dialect: text) NOT NULL,
                day \(dialect: integer) NOT NULL,
                webhook \(dialect: text) NOT NULL,
                cause \(dialect: text) NOT NULL,
                address \(dialect: text) NOT NULL,
                count \(dialect: integer) NOT NULL,
                last_at \(dialect: integer) NOT NULL,
                PRIMARY KEY (organization, token, day, webhook, cause, address)
            )\(dialect: strict)
            """,
            "CREATE INDEX call_counts_by_day ON call_counts (day)",
        ]
    }

    private static func records(_ dialect: Dialect) -> [SQL] {
        let text = dialect.text
        let integer = dialect.integer
        let bytes = dialect.bytes
        let strict = dialect.strict
        return [
            """
            CREATE TABLE warnings (
                id \(dialect: integer) PRIMARY KEY,
                organization \(dialect: text) NOT NULL,
                at \(dialect: integer) NOT NULL,
                kind \(dialect: text) NOT NULL,
                subject \(dialect: text) NOT NULL,
                name \(dialect: text) NOT NULL,
                due_at \(dialect: integer) NOT NULL,
                mark \(dialect: integer) NOT NULL,
                delivered_at \(dialect: integer),
                UNIQUE (organization, kind, subject, due_at, mark)
            )\(dialect: strict)
            """,
            // Entries from before the chain have sequence 0 until the server links them at its start.
            "ALTER TABLE audit_entries ADD COLUMN sequence \(dialect: integer) NOT NULL DEFAULT 0",
            "ALTER TABLE audit_entries ADD COLUMN previous \(dialect: bytes)",
            "ALTER TABLE audit_entries ADD COLUMN hash \(dialect: bytes)",
            "ALTER TABLE audit_entries ADD COLUMN mac \(dialect: bytes)",
            "CREATE INDEX audit_entries_by_sequence ON audit_entries (organization, sequence)",
            """
            CREATE TABLE audit_heads (
                organization \(dialect: text) NOT NULL PRIMARY KEY,
                sequence \(dialect: integer) NOT NULL,
                hash \(dialect: bytes) NOT NULL
            )\(dialect: strict)
            """,
        ]
    }
}
