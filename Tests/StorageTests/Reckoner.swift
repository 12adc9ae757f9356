import Storage

/// Has PostgreSQL say of each statement how many rows it went through, and then has it read.
final class Reckoner: Connection {
    private let connection: any Connection
    /// Of tables and indexes, those among them that it passed over.
    private(set) var rowsRead = 0
    /// As PostgreSQL shows them.
    private(set) var plans: [String] = []

    init(_ connection: any Connection) {
        self.connection = connection
    }

    var dialect: Dialect { connection.dialect }

    func execute(_ sql: SQL) throws(StorageError) -> Int {
        try connection.execute(sql)
    }

    func rows(_ sql: SQL) throws(StorageError) -> [Row] {
        let lines = try connection.rows("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) \(sql: sql)")
            .map { row throws(StorageError) in try row.text("QUERY PLAN") }
        plans.append(lines.joined(separator: "\n"))
        var loops = 0
        for line in lines {
            // Rows are those of one loop, rounded.
            if let found = line.firstMatch(of: /actual rows=(\d+)\S* loops=(\d+)/) {
                loops = Int(found.2) ?? 0
                if line.contains("Scan") { rowsRead += (Int(found.1) ?? 0) * loops }
            } else if let passed = line.firstMatch(of: /Rows Removed by (?:Filter|Index Recheck): (\d+)/) {
                rowsRead += (Int(passed.1) ?? 0) * loops
            }
        }
        return try connection.rows(sql)
    }

    func run(_ statements: [SQL]) throws(StorageError) -> [(rows: [Row], changed: Int)] {
        try statements.map { sql throws(StorageError) in
            let rows = try rows(sql)
            return (rows, rows.count)
        }
    }

    func insert(_ bulk: BulkInsert) throws(StorageError) {
        try connection.insert(bulk)
    }
}
