extension Migration {
    /// Credentials of organizations, applications and deploys, resources and their figures, secret variables.
    static let integrations = Migration(number: 3, name: "integrations") { dialect in
        credentials(dialect) + deploys(dialect) + resources(dialect) + settings(dialect)
    }

    private static func credentials(_ dialect: Dialect) -> [SQL] {
        let text = dialect.text
        let integer = dialect.integer
        let bytes = dialect.bytes
        let strict = dialect.strict
        return [
            """
            CREATE TABLE integration_credentials (
                id \(dialect: text) NOT NULL PRIMARY KEY,
                organization \(dialect: text) NOT NULL REFERENCES organizations (id),
                kind \(dialect: text) NOT NULL,
                name \(dialect: text) NOT NULL,
                description \(dialect: text) NOT NULL,
                activation_seconds \(dialect: integer),
                created_at \(dialect: integer) NOT NULL,
                UNIQUE (organization, name)
            )\(dialect: strict)
            """,
            // No references: a token that was taken away is told apart from unknown ones for a while, also when its credential is gone.
            """
            CREATE TABLE integration_tokens (
                digest \(dialect: bytes) NOT NULL PRIMARY KEY,
                id \(dialect: text) NOT NULL UNIQUE,
                organization \(dialect: text) NOT NULL,
                credential \(dialect: text) NOT NULL,
                kind \(dialect: text) NOT NULL,
                application \(dialect: text),
                hint \(dialect: text) NOT NULL,
                key_number \(dialect: integer) NOT NULL,
                sealed \(dialect: bytes),
                created_at \(dialect: integer) NOT NULL,
                created_address \(dialect: text),
                expires_at \(dialect: integer),
                ended_at \(dialect: integer),
                last_used_at \(dialect: integer),
                last_address \(dialect: text),
                use_count \(dialect: integer) NOT NULL
            )\(dialect: strict)
            """,
            "CREATE INDEX integration_tokens_by_credential ON integration_tokens (credential, kind, id)",
            "CREATE INDEX integration_tokens_by_time ON integration_tokens (credential, kind, created_at)",
            "CREATE INDEX integration_tokens_by_application ON integration_tokens (application, id)",
            "ALTER TABLE refused_calls ADD COLUMN integration_token \(dialect: text)",
        ]
    }

    private static func deploys(_ dialect: Dialect) -> [SQL] {
        let text = dialect.text
        let integer = dialect.integer
        let strict = dialect.strict
        return [
            """
            CREATE TABLE applications (
                id \(dialect: text) NOT NULL PRIMARY KEY,
                organization \(dialect: text) NOT NULL REFERENCES organizations (id),
                name \(dialect: text) NOT NULL,
                description \(dialect: text) NOT NULL,
                credential \(dialect: text) REFERENCES integration_credentials (id),
                created_at \(dialect: integer) NOT NULL,
                UNIQUE (organization, name)
            )\(dialect: strict)
            """,
            "CREATE INDEX applications_by_credential ON applications (credential, id)",
            """
            CREATE TABLE deploys (
                id \(dialect: integer) PRIMARY KEY,
                application \(dialect: text) NOT NULL,
                environment \(dialect: text) NOT NULL,
                version \(dialect: text) NOT NULL,
                status \(dialect: text) NOT NULL,
                revision \(dialect: text),
                url \(dialect: text),
                started_at \(dialect: integer),
                finished_at \(dialect: integer),
                committed_at \(dialect: integer),
                at \(dialect: integer) NOT NULL,
                received_at \(dialect: integer) NOT NULL,
                remote_address \(dialect: text) NOT NULL,
                UNIQUE (application, environment, version, status)
            )\(dialect: strict)
            """,
            "CREATE INDEX deploys_by_application ON deploys (application, id)",
            "CREATE INDEX deploys_by_time ON deploys (application, environment, at, id)",
        ]
    }

    private static func resources(_ dialect: Dialect) -> [SQL] {
        let text = dialect.text
        let integer = dialect.integer
        return [
            """
            CREATE TABLE resources (
                id \(dialect: integer) PRIMARY KEY,
                organization \(dialect: text) NOT NULL REFERENCES organizations (id),
                name \(dialect: text) NOT NULL,
                objective \(dialect: integer) NOT NULL,
                created_at \(dialect: integer) NOT NULL,
                UNIQUE (organization, name)
            )\(dialect: dialect.strict)
            """,
            // A step is 60, 3600 or 86400 seconds; start is in seconds since 1970.
            """
            CREATE TABLE hit_buckets (
                resource \(dialect: integer) NOT NULL,
                step \(dialect: integer) NOT NULL,
                start \(dialect: integer) NOT NULL,
                hits \(dialect: integer) NOT NULL,
                failures \(dialect: integer) NOT NULL,
                PRIMARY KEY (resource, step, start)
            )\(dialect: dialect.strictByKey)
            """,
        ]
    }

    private static func settings(_ dialect: Dialect) -> [SQL] {
        let text = dialect.text
        let integer = dialect.integer
        return [
            """
            CREATE TABLE secret_variables (
                organization \(dialect: text) NOT NULL REFERENCES organizations (id),
                name \(dialect: text) NOT NULL,
                sealed \(dialect: dialect.bytes) NOT NULL,
                created_at \(dialect: integer) NOT NULL,
                updated_at \(dialect: integer) NOT NULL,
                PRIMARY KEY (organization, name)
            )\(dialect: dialect.strict)
            """,
            "ALTER TABLE organizations ADD COLUMN rename_regenerates \(dialect: integer) NOT NULL DEFAULT 0",
            "ALTER TABLE organizations ADD COLUMN notification_url \(dialect: text)",
            "ALTER TABLE organizations ADD COLUMN notification_headers \(dialect: text) NOT NULL DEFAULT ''",
            "ALTER TABLE tokens ADD COLUMN may_reveal \(dialect: integer) NOT NULL DEFAULT 0",
        ]
    }
}
