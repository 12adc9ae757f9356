import Crypto
import Domain
import Foundation

/// Carries everything from one database over to another, table by table in the order of their keys, and compares both in the end.
///
/// It may be stopped at any time and goes on where it was. The record by which a database is known to be installed goes last, after all
/// was compared, so nobody can serve from a half.
package struct StoreMover: Sendable {
    private let source: any Engine
    private let target: any Engine
    /// What one transaction takes at most.
    private static let rowsPerStep = 2_000
    private static let bytesPerStep: Int64 = 16 << 20
    /// What belongs to a database itself.
    private static let own: Set<String> = ["schema_migrations", "nodes", "changes"]
    private static let last = "installation"

    /// - Parameters:
    ///   - source: the embedded database; nobody else may write to it.
    ///   - target: where it goes to; both have the schema of this program.
    package init(from source: any Engine, to target: any Engine) {
        self.source = source
        self.target = target
    }

    /// A table that was carried over.
    package struct Moved: Hashable, Sendable {
        package let table: String
        package let rows: Int
    }

    /// Carries everything over that is not there yet, and compares.
    ///
    /// - Parameter progress: is told of each step, with the rows of that table that were carried over by now; what it throws stops the move.
    /// - Returns: the tables with their rows.
    /// - Throws: ``StorageError/conflict(_:)`` if the target is installed already or holds rows that the source has not.
    package func run(progress: @escaping @Sendable (Moved) throws -> Void = { _ in }) async throws -> [Moved] {
        let isInstalled = try await target.read { try InstallationTable($0).homeOrganization() != nil }
        guard !isInstalled else { throw StorageError.conflict("there is an installation in the database to move to") }
        let tables = try await source.read { try Self.tables($0) }
        try await prepareParts()
        let (parts, rest) = (tables.filter { $0.name != Self.last }, tables.filter { $0.name == Self.last })
        for table in parts { try await carry(table, progress) }
        var moved: [Moved] = []
        for table in parts { moved.append(try await compared(table)) }
        for table in rest { try await carry(table, progress) }
        for table in rest { moved.append(try await compared(table)) }
        return moved
    }

    // MARK: Tables

    private struct Table: Sendable {
        let name: String
        let columns: [String]
        let key: [String]
        let bytes: [String]

        var columnList: String { columns.joined(separator: ", ") }
        var keyList: String { key.joined(separator: ", ") }

        // Names are the schema's own.
        func sql(_ text: String) -> SQL { SQL(stringLiteral: text) }

        /// Those behind a key, and up to another.
        func condition(behind: [SQLValue]?, upTo: [SQLValue]? = nil) -> SQL {
            var condition: SQL = "1 = 1"
            if let behind { condition = "(\(sql: sql(keyList))) > (\(sql: Self.list(behind)))" }
            if let upTo { condition = "\(sql: condition) AND (\(sql: sql(keyList))) <= (\(sql: Self.list(upTo)))" }
            return condition
        }

        private static func list(_ values: [SQLValue]) -> SQL {
            values.dropFirst().reduce(values.first.map { "\($0)" } ?? "") { "\(sql: $0), \($1)" }
        }

        func keyValues(_ row: Row) throws(StorageError) -> [SQLValue] {
            try key.map { column throws(StorageError) in try row.value(column) }
        }

        func values(_ row: Row) throws(StorageError) -> [SQLValue] {
            try columns.map { column throws(StorageError) in try row.value(column) }
        }
    }

    // In an order in which what is referred to comes first.
    private static func tables(_ connection: any Connection) throws(StorageError) -> [Table] {
        var left: [(table: Table, needs: Set<String>)] = []
        for row in try connection.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name") {
            let name = try row.text("name")
            guard !name.hasPrefix("sqlite_"), !own.contains(name) else { continue }
            let columns = try connection.rows("SELECT name, type, pk FROM pragma_table_info(\(name)) ORDER BY cid")
            var names: [String] = []
            var key: [(Int64, String)] = []
            var bytes: [String] = []
            for column in columns {
                let name = try column.text("name")
                names.append(name)
                if try column.text("type") == "BLOB" { bytes.append(name) }
                let place = try column.integer("pk")
                if place > 0 { key.append((place, name)) }
            }
            guard !key.isEmpty else { throw .statement("table \(name) has no key") }
            var needs: Set<String> = []
            for reference in try connection.rows("SELECT \"table\" AS name FROM pragma_foreign_key_list(\(name))") {
                let other = try reference.text("name")
                if other != name { needs.insert(other) }
            }
            let keys = key.sorted { $0.0 < $1.0 }.map(\.1)
            left.append((Table(name: name, columns: names, key: keys, bytes: bytes), needs))
        }
        var ordered: [Table] = []
        while !left.isEmpty {
            let names = Set(ordered.map(\.name))
            guard let next = left.firstIndex(where: { $0.needs.isSubset(of: names) }) else {
                throw .statement("tables refer to each other")
            }
            ordered.append(left.remove(at: next).table)
        }
        return ordered
    }

    // What came in lately stands in parts of its own from the beginning.
    private func prepareParts() async throws {
        let days = try await source.read { connection -> ClosedRange<Int64>? in
            let lasts = [try EventTable(connection).lastNumber(), try CallTable(connection).lastNumber()]
            let last = ((lasts.max() ?? 0) >> OrderedIDSource.lowBits) / 86_400_000
            return last > 0 ? (last - Self.daysInParts)...last : nil
        }
        if let days { try await target.write(.steering) { try PartTable($0).prepare(days) } }
    }

    private static let daysInParts: Int64 = 100

    // MARK: Steps

    private func carry(_ table: Table, _ progress: @Sendable (Moved) throws -> Void) async throws {
        // Rows come in the order of their keys, so the largest one there says how far it was.
        var (place, count) = try await target.read { connection in
            let last = try connection.row(
                table.sql("SELECT \(table.keyList) FROM \(table.name) ORDER BY \(Self.descending(table.key)) LIMIT 1"))
            let count = try connection.row(table.sql("SELECT count(*) AS count FROM \(table.name)"))?.integer("count") ?? 0
            return (try last.map(table.keyValues), Int(clamping: count))
        }
        while true {
            let rows = try await source.read { [place] in try Self.step(table, behind: place, $0) }
            guard let last = rows.last else { return }
            let values = try rows.map(table.values)
            try await target.write(.steering) { connection in
                try connection.insert(BulkInsert(intoTableOfSchema: table.name, columns: table.columns, rows: values))
            }
            place = try table.keyValues(last)
            count += rows.count
            try progress(Moved(table: table.name, rows: count))
        }
    }

    private static func descending(_ key: [String]) -> String {
        key.map { "\($0) DESC" }.joined(separator: ", ")
    }

    // As many rows as a transaction may take: first only how large they are.
    private static func step(_ table: Table, behind: [SQLValue]?, _ connection: any Connection) throws -> [Row] {
        let weight = (["0"] + table.bytes.map { "coalesce(length(\($0)), 0)" }).joined(separator: " + ")
        let sizes = try connection.rows(
            """
            SELECT \(sql: table.sql(table.keyList)), \(sql: table.sql(weight)) AS weight_of_row
            FROM \(sql: table.sql(table.name)) WHERE \(sql: table.condition(behind: behind))
            ORDER BY \(sql: table.sql(table.keyList)) LIMIT \(rowsPerStep)
            """)
        var total: Int64 = 0
        var end: Row?
        for row in sizes {
            total += try row.integer("weight_of_row")
            if end != nil, total > bytesPerStep { break }
            end = row
        }
        guard let end else { return [] }
        return try connection.rows(
            """
            SELECT \(sql: table.sql(table.columnList)) FROM \(sql: table.sql(table.name))
            WHERE \(sql: table.condition(behind: behind, upTo: table.keyValues(end))) ORDER BY \(sql: table.sql(table.keyList))
            """)
    }

    // MARK: Comparing

    private struct Digest: Equatable, Sendable {
        let rows: Int
        let sha256: Data
    }

    private func compared(_ table: Table) async throws -> Moved {
        let (before, after) = (try await digest(of: table, in: source), try await digest(of: table, in: target))
        guard before == after else {
            throw StorageError.conflict(
                "table \(table.name) is not the same in both: \(before.rows) rows here, \(after.rows) there. "
                    + "Begin again with an empty database")
        }
        return Moved(table: table.name, rows: after.rows)
    }

    private func digest(of table: Table, in engine: any Engine) async throws -> Digest {
        var hash = SHA256()
        var rows = 0
        var place: [SQLValue]?
        while true {
            let step = try await engine.read { [place] in try Self.step(table, behind: place, $0) }
            guard let last = step.last else { return Digest(rows: rows, sha256: Data(hash.finalize())) }
            for row in step {
                for value in try table.values(row) { hash.update(data: Self.bytes(of: value)) }
            }
            rows += step.count
            place = try table.keyValues(last)
        }
    }

    // Each value by its kind and length, so that no two rows look alike that are not.
    private static func bytes(of value: SQLValue) -> Data {
        let (kind, bytes): (UInt8, Data) =
            switch value {
            case .null: (0, Data())
            case .integer(let number): (1, withUnsafeBytes(of: number.bigEndian) { Data($0) })
            // PostgreSQL has no texts with a NUL in them.
            case .text(let text): (2, Data(text.replacing("\0", with: "\u{FFFD}").utf8))
            case .bytes(let bytes): (3, bytes)
            }
        return Data([kind]) + withUnsafeBytes(of: Int64(bytes.count).bigEndian) { Data($0) } + bytes
    }
}
