import Domain
import FoundationEssentials

/// Every difference between the databases, so that tables need not know which one they run on.
package enum Dialect: String, Sendable {
    case sqlite
    case postgres

    /// A whole number of 64 bits.
    package var integer: DialectWord { word("INTEGER", "BIGINT") }
    /// Text, compared and sorted by its bytes, whatever language the database speaks.
    package var text: DialectWord { word("TEXT", #"TEXT COLLATE "C""#) }
    /// Bytes as they are.
    package var bytes: DialectWord { word("BLOB", "BYTEA") }
    /// What closes a table definition: column types are enforced.
    package var strict: DialectWord { word(" STRICT", "") }
    /// What closes the definition of a table of small rows that are only looked for by their key: no second index is kept for it.
    package var strictByKey: DialectWord { word(" STRICT, WITHOUT ROWID", "") }

    /// What closes the definition of a table that grows with the calls and whose ids carry the time: it is kept in parts.
    package var strictByTime: DialectWord { word(" STRICT", " PARTITION BY RANGE (id)") }
    /// Has a look for rows to change pass over those that another transaction is about to change.
    package var skipLocked: DialectWord { word("", " FOR UPDATE SKIP LOCKED") }

    /// Whether several servers may share the database.
    package var isShared: Bool { self == .postgres }

    /// The database's own time, in microseconds. An embedded database has one server alone, for which it stands still.
    package var now: SQL {
        switch self {
        case .sqlite: "0"
        case .postgres: "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
        }
    }

    /// Wakes the other servers when the transaction commits; `nil` where there are none.
    package var notify: SQL? {
        switch self {
        case .sqlite: nil
        case .postgres: "SELECT pg_notify(\(sql: Self.channel), '') IS NULL AS told"
        }
    }

    /// Lets one transaction at a time go on, over all servers, until it ends; `nil` where there is but one writer.
    package var steeringLock: SQL? {
        switch self {
        case .sqlite: nil
        case .postgres: "SELECT pg_advisory_xact_lock(hashtextextended(\(sql: Self.channel), 0)) IS NULL AS locked"
        }
    }

    /// The channel that ``notify`` wakes: each schema of a database has its own.
    static let channel: SQL = "'inlet_' || md5(current_schema())"

    /// How long the oldest transaction that may keep events has been at work, on any server, in microseconds; `nil` where there is one
    /// writer.
    package var longestKeeping: SQL? {
        guard self == .postgres else { return nil }
        return """
            SELECT CAST(extract(epoch FROM max(clock_timestamp() - xact_start)) * 1000000 AS BIGINT) AS microseconds
            FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL
                AND application_name = \(sql: Self.applicationName("'\(Lane.calls)'"))
            """
    }

    /// Has the transaction count among those that may keep events, though it runs in another lane.
    package var noteKeeping: SQL? {
        guard self == .postgres else { return nil }
        return "SELECT set_config('application_name', \(sql: Self.applicationName("'\(Lane.calls)'")), true) AS name"
    }

    /// What a connection calls itself in the server's list: what it is for, and on which schema. At most 63 bytes.
    ///
    /// - Parameter role: a column or a literal.
    static func applicationName(_ role: String) -> SQL {
        SQL(stringLiteral: "'inlet ' || \(role) || ' ' || left(md5(current_schema()), 8)")
    }

    /// Up to when rows are dropped one by one that are to go before that moment: where tables are kept in parts, a day that is not over
    /// yet is left to be dropped as a whole.
    package func endOfParts(_ moment: Timestamp) -> Timestamp {
        self == .sqlite ? moment : Timestamp(seconds: moment.day * 86_400)
    }

    /// Where a table that is kept in parts ends one and begins the next.
    package enum Part: Sendable {
        /// From an id up to another, which is not in it.
        case ids(Range<Int64>)
        /// What no other part takes.
        case rest
    }

    /// Makes a part of a table that is ``strictByTime``; nothing where there are no parts.
    ///
    /// - Parameters:
    ///   - name: made by the program, never from outside.
    ///   - columns: by which rows of it are looked for; see ``alwaysByIndex(_:of:)``.
    package func partition(
        of table: StaticString, named name: String, _ part: Part, soughtBy columns: [StaticString]
    ) -> [SQL] {
        guard self == .postgres else { return [] }
        // Bounds are part of the definition and cannot be bound as values.
        let bounds =
            switch part {
            case .ids(let ids): "FOR VALUES FROM (\(ids.lowerBound)) TO (\(ids.upperBound))"
            case .rest: "DEFAULT"
            }
        return [SQL(stringLiteral: "CREATE TABLE \(name) PARTITION OF \(table) \(bounds)")] + alwaysByIndex(columns, of: name)
    }

    /// Has rows that equal a value in one of those columns always found by its index.
    ///
    /// Where PostgreSQL knows how frequent values are, it looks for a frequent one in the order of the ids, and so reads all that came
    /// since the last row of a webhook that has been silent for a while. Of columns that it keeps no statistics of it takes every value
    /// for a rare one.
    ///
    /// - Parameter table: made by the program, never from outside.
    package func alwaysByIndex(_ columns: [StaticString], of table: String) -> [SQL] {
        guard self == .postgres else { return [] }
        return columns.map { SQL(stringLiteral: "ALTER TABLE \(table) ALTER COLUMN \($0) SET STATISTICS 0") }
    }

    /// Whether bytes stand in a column of bytes.
    package func holds(_ bytes: Data, inBytes column: StaticString) -> SQL {
        switch self {
        case .sqlite: "instr(\(raw: column), \(bytes)) > 0"
        case .postgres: "position(\(bytes) IN \(raw: column)) > 0"
        }
    }

    /// Whether bytes stand in a column of text, in UTF-8.
    package func holds(_ bytes: Data, inText column: StaticString) -> SQL {
        switch self {
        case .sqlite: "instr(CAST(\(raw: column) AS BLOB), \(bytes)) > 0"
        case .postgres: "position(\(bytes) IN convert_to(\(raw: column), 'UTF8')) > 0"
        }
    }

    private func word(_ sqlite: String, _ postgres: String) -> DialectWord {
        DialectWord(text: self == .sqlite ? sqlite : postgres)
    }
}

/// A word that only ``Dialect`` can make.
package struct DialectWord: Sendable {
    let text: String
}
