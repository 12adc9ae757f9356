import Domain
import Foundation

/// The parts of the tables that grow with the calls: one for each day, so that a day that is over is dropped as a whole and the indexes
/// in use stay small. An embedded database has none.
package struct PartTable {
    private let connection: any Connection

    /// A table that is kept in parts; its ids carry the time.
    package enum Whole: String, CaseIterable, Sendable {
        case events
        case refusedCalls = "refused_calls"

        fileprivate var name: StaticString {
            switch self {
            case .events: "events"
            case .refusedCalls: "refused_calls"
            }
        }

        // What its indexes begin with, behind the organization.
        fileprivate var soughtBy: [StaticString] {
            switch self {
            case .events: ["webhook"]
            case .refusedCalls: ["webhook", "token", "cause"]
            }
        }
    }

    /// One day of a table, in UTC.
    package struct Part: Hashable, Sendable {
        package let whole: Whole
        /// Days since 1970.
        package let day: Int64

        /// The ids that stand in it.
        package var ids: Range<Int64> {
            let bounds = [day, day + 1].map { OrderedID<Event>.first(at: Timestamp(seconds: $0 * 86_400)).number }
            return bounds[0]..<bounds[1]
        }

        // events_20270131
        fileprivate var name: String {
            let date = Timestamp(seconds: day * 86_400).text.prefix(10)
            return "\(whole.rawValue)_\(date.filter(\.isNumber))"
        }

        fileprivate init?(_ whole: Whole, named name: String) {
            let digits = name.suffix(8)
            let date = "\(digits.prefix(4))-\(digits.dropFirst(4).prefix(2))-\(digits.suffix(2))"
            guard let start = Timestamp(rfc3339: "\(date)T00:00:00Z") else { return nil }
            self.init(whole, day: start.day)
            guard name == self.name else { return nil }
        }

        fileprivate init(_ whole: Whole, day: Int64) {
            self.whole = whole
            self.day = day
        }
    }

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// Makes the parts of those days that are missing. A day of which rows stand in the rest already stays there.
    ///
    /// - Throws: ``StorageError/unavailable(_:)`` if somebody reads in the table for long, as a dump does; then none is made.
    package func prepare(_ days: ClosedRange<Int64>) throws(StorageError) {
        guard connection.dialect.isShared else { return }
        for whole in Whole.allCases {
            let known = Set(try list(whole).map(\.day))
            for day in days where !known.contains(day) {
                let part = Part(whole, day: day)
                guard try !hasRest(of: part) else { continue }
                try waitBriefly()
                let statements = connection.dialect.partition(
                    of: whole.name, named: part.name, .ids(part.ids), soughtBy: whole.soughtBy)
                for statement in statements {
                    try connection.execute(statement)
                }
            }
        }
    }

    /// The parts of a table, the oldest first; without the one for the rest.
    package func list(_ whole: Whole) throws(StorageError) -> [Part] {
        guard connection.dialect.isShared else { return [] }
        let rows = try connection.rows(
            """
            SELECT CAST(part.relname AS TEXT) AS name FROM pg_inherits JOIN pg_class AS part ON part.oid = pg_inherits.inhrelid
            WHERE pg_inherits.inhparent = to_regclass(\(whole.rawValue)) ORDER BY part.relname
            """)
        var parts: [Part] = []
        for row in rows {
            if let part = Part(whole, named: try row.text("name")) { parts.append(part) }
        }
        return parts
    }

    /// Drops a part with all that stands in it.
    ///
    /// - Throws: ``StorageError/unavailable(_:)`` if somebody reads in the table for long; then nothing is dropped.
    package func drop(_ part: Part) throws(StorageError) {
        try waitBriefly()
        try connection.execute(SQL(stringLiteral: "DROP TABLE \(part.name)"))
    }

    // Those who write calls wait behind who waits for the table.
    private func waitBriefly() throws(StorageError) {
        try connection.execute("SET LOCAL lock_timeout = '1s'")
    }

    private func hasRest(of part: Part) throws(StorageError) -> Bool {
        let (from, to) = (part.ids.lowerBound, part.ids.upperBound)
        let found: SQL =
            switch part.whole {
            case .events: "SELECT 1 FROM events_rest WHERE id >= \(from) AND id < \(to) LIMIT 1"
            case .refusedCalls: "SELECT 1 FROM refused_calls_rest WHERE id >= \(from) AND id < \(to) LIMIT 1"
            }
        return try connection.row(found) != nil
    }
}
