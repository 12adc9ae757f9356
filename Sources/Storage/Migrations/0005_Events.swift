extension Migration {
    /// Search and retention of events, and the fields that their bodies have had.
    static let events = Migration(number: 5, name: "search and retention of events") { dialect in
        indexes + retention(dialect)
    }

    // Each index of events costs every call that is kept, one by token as much as half of the rest, so there is but one, and a wide
    // one. Refused calls are written in groups and may have more.
    private static var indexes: [SQL] {
        [
            "DROP INDEX events_by_webhook",
            // With the bytes and the token, so that those are known without a look at the events.
            "CREATE INDEX events_by_webhook ON events (webhook, id, body_bytes, token)",
            // With the organization, which is asked for each time.
            "DROP INDEX refused_calls_by_webhook",
            "DROP INDEX refused_calls_by_token",
            "CREATE INDEX refused_calls_by_organization ON refused_calls (organization, id)",
            "CREATE INDEX refused_calls_by_webhook ON refused_calls (organization, webhook, id)",
            "CREATE INDEX refused_calls_by_token ON refused_calls (organization, token, id)",
            "CREATE INDEX refused_calls_by_cause ON refused_calls (organization, cause, id)",
        ]
    }

    private static func retention(_ dialect: Dialect) -> [SQL] {
        let text = dialect.text
        let integer = dialect.integer
        return [
            "ALTER TABLE webhooks ADD COLUMN retention_days \(dialect: integer)",
            "ALTER TABLE webhooks ADD COLUMN retention_bytes \(dialect: integer)",
            "ALTER TABLE webhooks ADD COLUMN echo_body \(dialect: integer) NOT NULL DEFAULT 0",
            // For each field of the tree, in its order, `first_events` has the event that had it first.
            """
            CREATE TABLE webhook_fields (
                webhook \(dialect: text) NOT NULL PRIMARY KEY REFERENCES webhooks (id),
                tree \(dialect: text) NOT NULL,
                first_events \(dialect: text) NOT NULL,
                learned_events \(dialect: integer) NOT NULL,
                last_event \(dialect: integer) NOT NULL
            )\(dialect: dialect.strict)
            """,
        ]
    }
}
