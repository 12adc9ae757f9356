extension Migration {
    /// Several servers on one database: who lives, what changed, and who holds which attempt.
    static let nodes = Migration(number: 7, name: "several servers") { dialect in
        let text = dialect.text
        let integer = dialect.integer
        return [
            """
            CREATE TABLE nodes (
                number \(dialect: integer) NOT NULL PRIMARY KEY,
                id \(dialect: text) NOT NULL UNIQUE,
                until \(dialect: integer) NOT NULL
            )\(dialect: dialect.strict)
            """,
            """
            CREATE TABLE changes (
                number \(dialect: integer) NOT NULL PRIMARY KEY,
                at \(dialect: integer) NOT NULL,
                kind \(dialect: text) NOT NULL,
                first \(dialect: text) NOT NULL,
                second \(dialect: text)
            )\(dialect: dialect.strict)
            """,
            // The server whose attempt is under way; none where somebody came for the delivery.
            "ALTER TABLE deliveries ADD COLUMN claimed_by \(dialect: text)",
        ] + dialect.partition(of: "events", named: "events_rest", .rest, soughtBy: ["webhook"])
            + dialect.partition(
                of: "refused_calls", named: "refused_calls_rest", .rest, soughtBy: ["webhook", "token", "cause"])
            + dialect.alwaysByIndex(["destination", "event", "state"], of: "deliveries")
    }
}
