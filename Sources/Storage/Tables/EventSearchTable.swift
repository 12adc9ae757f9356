import Domain
import FoundationEssentials

/// Looks through events stretch by stretch, so that what a search costs can be bounded.
package struct EventSearchTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// What the database itself decides about an event; all where `nil`.
    package struct Narrowing: Sendable {
        /// Stands in the body or in the context, byte for byte.
        package var text: Data?
        /// The name of a header field in small letters.
        package var headerName: String?
        /// Stands in the header fields.
        package var headerValue: Data?
        /// Stand in the body, unless it holds a backslash: what is escaped there may be written in other ways.
        package var unescaped: [Data] = []
        /// Whether the bodies are wanted too, those of at most ``JSONNode/bytesMax``; longer ones come empty.
        package var readsBodies = false

        package init() {}

        /// Whether bodies are looked at, so that their length counts.
        package var looksAtBodies: Bool {
            readsBodies || text != nil || !unescaped.isEmpty
        }
    }

    /// Events of one range of ids, whatever they hold.
    package struct Stretch: Sendable {
        /// The smallest id in it.
        package let oldest: Int64
        package let rows: Int
        package let bodyBytes: Int64
    }

    /// The newest events older than that one; `nil` if there are none.
    ///
    /// Counts events of all tokens, and without a webhook of all organizations, for all of them have to be passed.
    package func stretch(_ filter: CallFilter, before: Int64?, rows: Int) throws(StorageError) -> Stretch? {
        guard let row = try connection.row(Self.stretching(filter, before: before, rows: rows)),
            let oldest = try row.optionalInteger("oldest")
        else { return nil }
        return Stretch(
            oldest: oldest, rows: Int(clamping: try row.integer("counted")),
            bodyBytes: try row.optionalInteger("body_bytes") ?? 0)
    }

    static func stretching(_ filter: CallFilter, before: Int64?, rows: Int) -> SQL {
        var passed = filter
        passed.token = nil
        let condition = passed.condition(before: before)
        return """
            SELECT min(id) AS oldest, count(*) AS counted, sum(body_bytes) AS body_bytes
            FROM (SELECT id, body_bytes FROM events WHERE \(sql: condition) ORDER BY id DESC LIMIT \(rows)) AS stretch
            """
    }

    /// The events of a stretch that match, newest first; with their bodies, if they are wanted.
    package func events(
        in organization: ID<Organization>, _ filter: CallFilter, _ narrowing: Narrowing, before: Int64?, from oldest: Int64
    ) throws(StorageError) -> [(event: Event, body: Data)] {
        let sql = Self.searching(in: organization, filter, narrowing, before: before, from: oldest, connection.dialect)
        var found: [(event: Event, body: Data)] = []
        for row in try connection.rows(sql) {
            found.append((try Event(row), narrowing.readsBodies ? try row.optionalBytes("body") ?? Data() : Data()))
        }
        return found
    }

    static func searching(
        in organization: ID<Organization>, _ filter: CallFilter, _ narrowing: Narrowing, before: Int64?, from oldest: Int64,
        _ dialect: Dialect
    ) -> SQL {
        var condition = filter.condition("organization = \(organization)", before: before, from: oldest)
        if let name = narrowing.headerName {
            condition = "\(sql: condition) AND \(sql: dialect.holds(Data(name.utf8), inText: "lower(headers)"))"
        }
        if let value = narrowing.headerValue {
            condition = "\(sql: condition) AND \(sql: dialect.holds(value, inText: "headers"))"
        }
        let backslash = dialect.holds(Data(#"\"#.utf8), inBytes: "body")
        for bytes in narrowing.unescaped {
            condition = "\(sql: condition) AND (\(sql: dialect.holds(bytes, inBytes: "body")) OR \(sql: backslash))"
        }
        if let text = narrowing.text {
            condition = """
                \(sql: condition) AND (\(sql: dialect.holds(text, inBytes: "body")) OR \(sql: dialect.holds(text, inText: "context")))
                """
        }
        let body: SQL =
            narrowing.readsBodies ? ", CASE WHEN body_bytes <= \(JSONNode.bytesMax) THEN body END AS body" : ""
        return "SELECT \(raw: EventTable.columns)\(sql: body) FROM events WHERE \(sql: condition) ORDER BY id DESC"
    }
}
