import Domain
import Foundation

/// Destinations, and the secrets they sign with.
package struct DestinationTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// A destination, and how long nothing but failures came back.
    package struct Entry: Sendable {
        package var destination: Destination
        package var failures: FailureRun

        package init(destination: Destination, failures: FailureRun = FailureRun()) {
            self.destination = destination
            self.failures = failures
        }
    }

    /// A secret that messages are signed with.
    package struct SigningEntry: Sendable {
        package let id: String
        package let destination: ID<Destination>
        package let sealed: SealedText
        package let createdAt: Timestamp
        /// From then on nothing is signed with it; `nil` for the newest.
        package var endsAt: Timestamp?

        package init(
            id: String, destination: ID<Destination>, sealed: SealedText, createdAt: Timestamp, endsAt: Timestamp? = nil
        ) {
            self.id = id
            self.destination = destination
            self.sealed = sealed
            self.createdAt = createdAt
            self.endsAt = endsAt
        }

        /// What it is sealed for: it opens for this destination alone.
        package static func sealingPurpose(of id: String, destination: ID<Destination>) -> String {
            "destination/\(destination.text)/signing-secret/\(id)"
        }
    }

    /// - Throws: ``StorageError/conflict(_:)`` if the organization has one of that name.
    package func insert(_ destination: Destination) throws(StorageError) {
        let state = StateColumns(destination.state)
        try connection.execute(
            """
            INSERT INTO destinations (id, organization, name, kind, settings, state, state_since, state_reason, schedule,
                concurrency, rate_per_second, ordered_by, created_at, failing_since, failures)
            VALUES (\(destination.id), \(destination.organization), \(destination.name), \(destination.kind),
                \(destination.settingsText), \(state.word), \(state.since), \(state.reason), \(destination.schedule.text),
                \(destination.concurrency), \(destination.ratePerSecond), \(destination.orderedBy), \(destination.createdAt),
                \(SQLValue.null), 0)
            """)
    }

    package func update(_ destination: Destination) throws(StorageError) {
        let state = StateColumns(destination.state)
        try connection.execute(
            """
            UPDATE destinations SET name = \(destination.name), settings = \(destination.settingsText), state = \(state.word),
                state_since = \(state.since), state_reason = \(state.reason), schedule = \(destination.schedule.text),
                concurrency = \(destination.concurrency), rate_per_second = \(destination.ratePerSecond),
                ordered_by = \(destination.orderedBy)
            WHERE id = \(destination.id) AND organization = \(destination.organization)
            """)
    }

    /// Writes how long nothing but failures came back.
    package func update(_ failures: FailureRun, of destination: ID<Destination>) throws(StorageError) {
        try connection.execute(
            """
            UPDATE destinations SET failing_since = \(failures.since), failures = \(failures.failures)
            WHERE id = \(destination)
            """)
    }

    package func delete(_ id: ID<Destination>) throws(StorageError) {
        try connection.execute("DELETE FROM destination_secrets WHERE destination = \(id)")
        try connection.execute("DELETE FROM flow_destinations WHERE destination = \(id)")
        try connection.execute("DELETE FROM destinations WHERE id = \(id)")
    }

    package func find(_ id: ID<Destination>, in organization: ID<Organization>) throws(StorageError) -> Destination? {
        try entries("organization = \(organization) AND id = \(id)", limit: 1).first?.destination
    }

    package func find(name: String, in organization: ID<Organization>) throws(StorageError) -> Destination? {
        try entries("organization = \(organization) AND name = \(name)", limit: 1).first?.destination
    }

    /// Destinations in the order of their ids, after that one.
    package func list(
        in organization: ID<Organization>, after: ID<Destination>?, limit: Int
    ) throws(StorageError) -> [Destination] {
        try entries("organization = \(organization) AND id > \(after?.text ?? "")", limit: limit).map(\.destination)
    }

    package func findAnywhere(_ id: ID<Destination>) throws(StorageError) -> Entry? {
        try entries("id = \(id)", limit: 1).first
    }

    /// All of them, for the dispatcher.
    package func all() throws(StorageError) -> [Entry] {
        try entries("1 = 1", limit: .max)
    }

    // MARK: Signing secrets

    package func insert(_ secret: SigningEntry) throws(StorageError) {
        try connection.execute(
            """
            INSERT INTO destination_secrets (id, destination, sealed, created_at, ends_at)
            VALUES (\(secret.id), \(secret.destination), \(secret.sealed.bytes), \(secret.createdAt), \(secret.endsAt))
            """)
    }

    package func update(_ secret: SigningEntry) throws(StorageError) {
        try connection.execute("UPDATE destination_secrets SET ends_at = \(secret.endsAt) WHERE id = \(secret.id)")
    }

    package func rewrap(_ id: String, to sealed: SealedText) throws(StorageError) {
        try connection.execute("UPDATE destination_secrets SET sealed = \(sealed.bytes) WHERE id = \(id)")
    }

    /// The secrets of a destination that have not ended, the newest first.
    package func secrets(of destination: ID<Destination>, at now: Timestamp) throws(StorageError) -> [SigningEntry] {
        try secrets("destination = \(destination) AND (ends_at IS NULL OR ends_at > \(now))")
    }

    /// All of them, to be wrapped under a new master key.
    package func allSecrets() throws(StorageError) -> [SigningEntry] {
        try secrets("1 = 1")
    }

    package func dropSecrets(endedBefore moment: Timestamp) throws(StorageError) {
        try connection.execute("DELETE FROM destination_secrets WHERE ends_at < \(moment)")
    }

    private func secrets(_ condition: SQL) throws(StorageError) -> [SigningEntry] {
        try connection.rows("SELECT * FROM destination_secrets WHERE \(sql: condition) ORDER BY created_at DESC, id").map {
            row throws(StorageError) in
            SigningEntry(
                id: try row.text("id"), destination: try row.id("destination"),
                sealed: SealedText(bytes: try row.bytes("sealed")), createdAt: try row.timestamp("created_at"),
                endsAt: try row.optionalTimestamp("ends_at"))
        }
    }

    private func entries(_ condition: SQL, limit: Int) throws(StorageError) -> [Entry] {
        try connection.rows("SELECT * FROM destinations WHERE \(sql: condition) ORDER BY id LIMIT \(limit)").map(Entry.init)
    }
}

private struct StateColumns {
    let word: String
    let since: Timestamp?
    let reason: String?

    init(_ state: DestinationState) {
        switch state {
        case .active: (word, since, reason) = ("active", nil, nil)
        case .disabled(let at, let why): (word, since, reason) = ("disabled", at, why.rawValue)
        }
    }
}

extension Destination {
    fileprivate var settingsText: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(settings)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}

extension DestinationTable.Entry {
    fileprivate init(_ row: Row) throws(StorageError) {
        let state: DestinationState
        switch try row.text("state") {
        case "active": state = .active
        case "disabled": state = .disabled(since: try row.timestamp("state_since"), reason: try row.word("state_reason"))
        case let other: throw .unreadable("state \(other) of a destination is unknown")
        }
        guard let settings = try? JSONDecoder().decode([String: String].self, from: Data(try row.text("settings").utf8)),
            let schedule = try? RetrySchedule(try row.text("schedule"))
        else { throw .unreadable("the settings of a destination") }
        let destination = Destination(
            id: try row.id("id"), organization: try row.id("organization"), name: try row.label("name"),
            kind: try row.text("kind"), settings: settings, state: state, schedule: schedule,
            concurrency: Int(clamping: try row.integer("concurrency")),
            ratePerSecond: try row.optionalInteger("rate_per_second").map { Int(clamping: $0) },
            orderedBy: try row.optionalText("ordered_by"), createdAt: try row.timestamp("created_at"))
        let since = try row.optionalTimestamp("failing_since")
        self.init(
            destination: destination,
            failures: FailureRun(since: since, last: since, failures: Int(clamping: try row.integer("failures"))))
    }
}
