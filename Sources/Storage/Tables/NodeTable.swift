import Domain

/// The servers that share the database. Each has a place for as long as it says now and then that it lives; the time for that is the
/// database's, so that no server's clock decides about another.
package struct NodeTable {
    private let connection: any Connection
    private static let numbers: Int64 = 1024

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// Gives a server a place, for so long. On an embedded database for good: those before it are gone.
    ///
    /// - Throws: ``StorageError/unavailable(_:)`` if 1,024 servers live.
    package func join(_ id: ID<Node>, lease: Interval) throws(StorageError) -> Node {
        guard connection.dialect.isShared else {
            try connection.execute("DELETE FROM nodes")
            let node = Node(id: id, number: 0)
            try insert(node, until: "\(Int64.max)")
            return node
        }
        // A number rests a day before it is given away: a server that was cut off for long may still come back.
        try connection.execute("DELETE FROM nodes WHERE until < \(sql: now) - \(Interval.days(1).microseconds)")
        let taken = try connection.rows("SELECT number FROM nodes ORDER BY number")
            .map { row throws(StorageError) in try row.integer("number") }
        guard let number = (0..<Self.numbers).first(where: { !taken.contains($0) }) else {
            throw .unavailable("\(Self.numbers) servers have a place already; one that ended is forgotten after a day")
        }
        let node = Node(id: id, number: number)
        try insert(node, until: "\(sql: now) + \(lease.microseconds)")
        return node
    }

    private func insert(_ node: Node, until: SQL) throws(StorageError) {
        try connection.execute("INSERT INTO nodes (number, id, until) VALUES (\(node.number), \(node.id), \(sql: until))")
    }

    /// Says that a server lives, for so long.
    ///
    /// - Returns: the database's time; `nil` if the place is another's by now.
    package func renew(_ id: ID<Node>, lease: Interval) throws(StorageError) -> Timestamp? {
        try connection.row(
            "UPDATE nodes SET until = \(sql: now) + \(lease.microseconds) WHERE id = \(id) RETURNING \(sql: now) AS now"
        )?.timestamp("now")
    }

    /// Gives a place up.
    package func leave(_ id: ID<Node>) throws(StorageError) {
        try connection.execute("DELETE FROM nodes WHERE id = \(id)")
    }

    /// Those that live.
    package func living() throws(StorageError) -> [Node] {
        try connection.rows("SELECT id, number FROM nodes WHERE until > \(sql: now) ORDER BY number").map {
            row throws(StorageError) in Node(id: try row.id("id"), number: try row.integer("number"))
        }
    }

    private var now: SQL { connection.dialect.now }
}
