extension Migration {
    /// Flows, destinations, deliveries and their attempts, replays.
    static let flows = Migration(number: 4, name: "flows") { dialect in
        plans(dialect) + deliveries(dialect) + replays(dialect)
    }

    private static func plans(_ dialect: Dialect) -> [SQL] {
        let text = dialect.text
        let integer = dialect.integer
        let strict = dialect.strict
        return [
            """
            CREATE TABLE flows (
                id \(dialect: text) NOT NULL PRIMARY KEY,
                organization \(dialect: text) NOT NULL REFERENCES organizations (id),
                webhook \(dialect: text) NOT NULL REFERENCES webhooks (id),
                name \(dialect: text) NOT NULL,
                description \(dialect: text) NOT NULL,
                filter \(dialect: text),
                template \(dialect: text),
                state \(dialect: text) NOT NULL,
                created_at \(dialect: integer) NOT NULL,
                UNIQUE (organization, name)
            )\(dialect: strict)
            """,
            "CREATE INDEX flows_by_webhook ON flows (webhook, id)",
            """
            CREATE TABLE destinations (
                id \(dialect: text) NOT NULL PRIMARY KEY,
                organization \(dialect: text) NOT NULL REFERENCES organizations (id),
                name \(dialect: text) NOT NULL,
                kind \(dialect: text) NOT NULL,
                settings \(dialect: text) NOT NULL,
                state \(dialect: text) NOT NULL,
                state_since \(dialect: integer),
                state_reason \(dialect: text),
                schedule \(dialect: text) NOT NULL,
                concurrency \(dialect: integer) NOT NULL,
                rate_per_second \(dialect: integer),
                ordered_by \(dialect: text),
                created_at \(dialect: integer) NOT NULL,
                failing_since \(dialect: integer),
                failures \(dialect: integer) NOT NULL,
                UNIQUE (organization, name)
            )\(dialect: strict)
            """,
            """
            CREATE TABLE flow_destinations (
                flow \(dialect: text) NOT NULL REFERENCES flows (id),
                destination \(dialect: text) NOT NULL REFERENCES destinations (id),
                position \(dialect: integer) NOT NULL,
                PRIMARY KEY (flow, destination)
            )\(dialect: strict)
            """,
            "CREATE INDEX flow_destinations_by_destination ON flow_destinations (destination, flow)",
            """
            CREATE TABLE destination_secrets (
                id \(dialect: text) NOT NULL PRIMARY KEY,
                destination \(dialect: text) NOT NULL REFERENCES destinations (id),
                sealed \(dialect: dialect.bytes) NOT NULL,
                created_at \(dialect: integer) NOT NULL,
                ends_at \(dialect: integer)
            )\(dialect: strict)
            """,
            "CREATE INDEX destination_secrets_by_destination ON destination_secrets (destination, created_at)",
        ]
    }

    private static func deliveries(_ dialect: Dialect) -> [SQL] {
        let text = dialect.text
        let integer = dialect.integer
        return [
            // No references: an event may be dropped by retention before the record of where it went.
            """
            CREATE TABLE deliveries (
                id \(dialect: integer) PRIMARY KEY,
                organization \(dialect: text) NOT NULL,
                webhook \(dialect: text) NOT NULL,
                event \(dialect: integer) NOT NULL,
                flow \(dialect: text) NOT NULL,
                destination \(dialect: text) NOT NULL,
                state \(dialect: text) NOT NULL,
                is_retry \(dialect: integer) NOT NULL,
                attempts \(dialect: integer) NOT NULL,
                due_at \(dialect: integer) NOT NULL,
                lease_until \(dialect: integer),
                order_key \(dialect: text),
                is_replay \(dialect: integer) NOT NULL,
                replay \(dialect: integer),
                created_at \(dialect: integer) NOT NULL,
                settled_at \(dialect: integer),
                reason \(dialect: text)
            )\(dialect: dialect.strict)
            """,
            // Only what is still to be done stands in these, so that they stay small however much was delivered.
            """
            CREATE INDEX deliveries_due ON deliveries (destination, is_retry, due_at, id)
            WHERE state = 'due' AND order_key IS NULL
            """,
            """
            CREATE INDEX deliveries_in_order ON deliveries (destination, order_key, id)
            WHERE order_key IS NOT NULL AND state IN ('waiting', 'due', 'running')
            """,
            "CREATE INDEX deliveries_waiting ON deliveries (destination, flow, id) WHERE state = 'waiting'",
            "CREATE INDEX deliveries_running ON deliveries (lease_until) WHERE state = 'running'",
            // What people look for among a great many that went well.
            """
            CREATE INDEX deliveries_astray ON deliveries (state, organization, id)
            WHERE state IN ('dead', 'cancelled', 'filtered')
            """,
            "CREATE INDEX deliveries_by_event ON deliveries (event, id)",
            "CREATE INDEX deliveries_by_destination ON deliveries (destination, id)",
            """
            CREATE TABLE attempts (
                delivery \(dialect: integer) NOT NULL,
                number \(dialect: integer) NOT NULL,
                started_at \(dialect: integer) NOT NULL,
                finished_at \(dialect: integer),
                outcome \(dialect: text),
                status \(dialect: integer),
                milliseconds \(dialect: integer),
                answer \(dialect: dialect.bytes),
                error \(dialect: text),
                PRIMARY KEY (delivery, number)
            )\(dialect: dialect.strictByKey)
            """,
        ]
    }

    private static func replays(_ dialect: Dialect) -> [SQL] {
        let text = dialect.text
        let integer = dialect.integer
        return [
            """
            CREATE TABLE replays (
                id \(dialect: integer) PRIMARY KEY,
                organization \(dialect: text) NOT NULL,
                webhook \(dialect: text) NOT NULL,
                received_from \(dialect: integer),
                received_to \(dialect: integer),
                delivery_state \(dialect: text),
                destination \(dialect: text),
                flow \(dialect: text),
                filter \(dialect: text),
                rate_per_second \(dialect: integer) NOT NULL,
                state \(dialect: text) NOT NULL,
                events_total \(dialect: integer) NOT NULL,
                events_looked_at \(dialect: integer) NOT NULL,
                events_sent \(dialect: integer) NOT NULL,
                last_looked_at \(dialect: integer) NOT NULL,
                last_to_look_at \(dialect: integer) NOT NULL,
                created_at \(dialect: integer) NOT NULL,
                created_by \(dialect: text) NOT NULL,
                ended_at \(dialect: integer)
            )\(dialect: dialect.strict)
            """,
            "CREATE INDEX replays_running ON replays (id) WHERE state = 'running'",
        ]
    }
}
