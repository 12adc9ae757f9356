import Storage

/// Asks the database how it reads each statement, and then has it read.
final class Planner: Connection {
    private let connection: any Connection
    /// Of each statement, line by line as the database shows it.
    private(set) var plans: [[String]] = []

    init(_ connection: any Connection) {
        self.connection = connection
    }

    var dialect: Dialect { connection.dialect }

    /// How many rows of tables and indexes PostgreSQL went through, those among them that it passed over.
    var rowsRead: Int {
        plans.reduce(0) { $0 + Self.rowsRead(by: $1) }
    }

    private static func rowsRead(by plan: [String]) -> Int {
        var (loops, rowsRead) = (0, 0)
        for line in plan {
            // Rows are those of one loop, rounded.
            if let found = line.firstMatch(of: /actual rows=(\d+)\S* loops=(\d+)/) {
                loops = Int(found.2) ?? 0
                if line.contains("Scan") { rowsRead += (Int(found.1) ?? 0) * loops }
            } else if let passed = line.firstMatch(of: /Rows Removed by (?:Filter|Index Recheck): (\d+)/) {
                rowsRead += (Int(passed.1) ?? 0) * loops
            }
        }
        return rowsRead
    }

    func execute(_ sql: SQL) throws(StorageError) -> Int {
        try connection.execute(sql)
    }

    func rows(_ sql: SQL) throws(StorageError) -> [Row] {
        let (question, column): (SQL, String) =
            switch dialect {
            case .sqlite: ("EXPLAIN QUERY PLAN \(sql: sql)", "detail")
            case .postgres: ("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) \(sql: sql)", "QUERY PLAN")
            }
        plans.append(try connection.rows(question).map { row throws(StorageError) in try row.text(column) })
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
