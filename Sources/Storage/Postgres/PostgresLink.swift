import CPostgres
import Foundation

/// One connection of libpq: prepares each statement once, and sends and reads values in binary.
///
/// Used by one thread at a time; whoever owns it sees to that.
final class PostgresLink: @unchecked Sendable {
    private let handle: OpaquePointer
    private var prepared: [PostgresStatement.Kind: String] = [:]
    /// Statements are few, but a list of conditions may make many of one.
    private static let preparedMax = 500

    /// What is sent together with the next statement whose answer is waited for: each way there and back costs both sides a change of
    /// the process, and the network its time.
    private var waiting: [PostgresStatement] = []

    /// Connects as the text says, whose form is libpq's: `postgres://user@host/database?sslmode=verify-full`.
    ///
    /// - Parameter role: what the connection is for; the server lists it.
    /// - Throws: ``StorageError/unavailable(_:)``.
    init(_ conninfo: String, as role: String) throws(StorageError) {
        // What stands before `dbname` holds unless the text says otherwise, what stands behind it in any case.
        let settings = [
            ("connect_timeout", "5"), ("keepalives_idle", "5"), ("keepalives_interval", "2"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "10000"), ("dbname", conninfo), ("client_encoding", "UTF8"),
        ]
        guard let handle = Self.connect(settings) else { throw .unavailable("out of memory") }
        self.handle = handle
        guard PQstatus(handle) == CONNECTION_OK else {
            // The connection is ours from here on, so whatever is thrown ends it.
            throw .unavailable(Self.firstLine(PQerrorMessage(handle)))
        }
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        // Who was cut off in the middle of a transaction must not hold up the other servers, nor one whose machine is gone in the middle of a
        // statement (without effect on a socket of the same machine). And what is listed is read in the order of an index until there is
        // enough of it: a bitmap has no order, so all that matches would be fetched and sorted first.
        try command(
            """
            SET lock_timeout = '15s'; SET idle_in_transaction_session_timeout = '15s';
            SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 10000;
            SET enable_bitmapscan = off
            """)
        try command("SELECT set_config('application_name', \(Dialect.applicationName("'\(role)'").text), false)")
    }

    private static func connect(_ settings: [(String, String)]) -> OpaquePointer? {
        // Kept until libpq has read them.
        let names = settings.map { strdup($0.0) }
        let values = settings.map { strdup($0.1) }
        defer { for text in names + values { free(text) } }
        return PQconnectdbParams(names.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 1)
    }

    deinit { PQfinish(handle) }

    /// Whether it can be used again.
    var isWhole: Bool { !isSpoilt && PQstatus(handle) == CONNECTION_OK }

    /// Whether a pipeline did not come to its end, so that nobody knows whose the next answer would be.
    private var isSpoilt = false

    /// Whether a transaction is open, failed or not.
    var isInTransaction: Bool {
        let status = PQtransactionStatus(handle)
        return status == PQTRANS_INTRANS || status == PQTRANS_INERROR
    }

    /// Whether a statement failed since the transaction was begun.
    private var hasFailed = false

    /// Whether the last failure was for the sake of another transaction, so that the same work may succeed now.
    var mayTryAgain = false
    /// Whether it was because of statements that were prepared before the schema changed.
    private(set) var hasStalePlans = false

    /// Has each statement prepared anew.
    func forgetPlans() {
        hasStalePlans = false
        prepared.removeAll(keepingCapacity: true)
        // Where it fails the names are taken still.
        do { try command("DEALLOCATE ALL") } catch { isSpoilt = true }
    }

    /// Has the server tell of ``Dialect/notify``.
    func listen() throws(StorageError) {
        guard let channel = try run("SELECT \(sql: Dialect.channel) AS channel").rows.first?.text("channel") else { return }
        try command("LISTEN \(channel)")
    }

    /// Waits until the server has told something, or for that time.
    ///
    /// - Returns: whether it has.
    func hasNotifications(within milliseconds: Int32) -> Bool {
        var socket = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
        guard poll(&socket, 1, milliseconds) > 0 else { return false }
        _ = PQconsumeInput(handle)
        var hasSome = false
        while let notification = PQnotifies(handle) {
            PQfreemem(notification)
            hasSome = true
        }
        return hasSome
    }

    /// Runs a command without values and without an answer.
    func command(_ text: String) throws(StorageError) {
        let result = PQexec(handle, text)
        defer { PQclear(result) }
        try check(result)
    }

    // MARK: Transactions

    /// Begins a transaction with the first statement in it.
    func begin(_ text: StaticString) {
        waiting = [PostgresStatement("\(raw: text)")]
        mayTryAgain = false
        hasFailed = false
    }

    /// Ends the transaction; returns when what it did is on the server's disk.
    func commit() throws(StorageError) {
        try refuseAfterFailure()
        let last = waiting
        waiting = []
        // Nothing was sent at all.
        if last.count == 1, !isInTransaction { return }
        _ = try pipelined(last + [PostgresStatement("COMMIT")])
    }

    // PostgreSQL would answer COMMIT with success and keep nothing; and what it never heard the BEGIN of would be kept at once.
    private func refuseAfterFailure() throws(StorageError) {
        if hasFailed { throw .statement("a statement of the transaction failed, and the work went on") }
    }

    func rollBack() {
        waiting = []
        hasFailed = false
        if isWhole, isInTransaction { try? command("ROLLBACK") }
        if hasStalePlans { forgetPlans() }
    }

    /// Whether the server has hung up since it was asked last.
    func hasHungUp() -> Bool {
        var socket = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
        // What the server says before it hangs up is little.
        for _ in 0..<100 where isWhole {
            guard poll(&socket, 1, 0) > 0 else { return false }
            if PQconsumeInput(handle) == 0 { return true }
        }
        return true
    }

    // MARK: Statements

    /// Runs a statement.
    ///
    /// - Returns: its rows, and how many it changed.
    func run(_ sql: SQL) throws(StorageError) -> (rows: [Row], changed: Int) {
        try refuseAfterFailure()
        let statement = PostgresStatement(sql)
        guard waiting.isEmpty else { return try flushed([statement]).last ?? ([], 0) }
        let name = try prepare(statement)
        let result = Parameter.withPointers(statement.parameters) { values, lengths, formats in
            PQexecPrepared(handle, name, Int32(statement.parameters.count), values, lengths, formats, 1)
        }
        defer { PQclear(result) }
        try check(result)
        return (try rows(of: result), Int(String(cString: PQcmdTuples(result))) ?? 0)
    }

    /// Runs statements in pipeline mode: all are sent before the first answer is waited for.
    ///
    /// - Returns: the rows of each, and how many it changed.
    func run(_ statements: [SQL]) throws(StorageError) -> [(rows: [Row], changed: Int)] {
        guard statements.count > 1 else { return try statements.map { sql throws(StorageError) in try run(sql) } }
        var answers: [(rows: [Row], changed: Int)] = []
        answers.reserveCapacity(statements.count)
        var rest = statements[...]
        while !rest.isEmpty {
            // So few that their answers fit into the buffers on the way, or both sides would wait to be read.
            answers += try flushed(rest.prefix(Self.pipelineMax).map { PostgresStatement($0) })
            rest = rest.dropFirst(Self.pipelineMax)
        }
        return answers
    }

    private static let pipelineMax = 100

    /// Writes rows: with the next statement, or by `COPY` if they are so many bytes that they are better not kept here twice.
    func insert(_ bulk: BulkInsert) throws(StorageError) {
        if bulk.rows.isEmpty { return }
        try refuseAfterFailure()
        guard let statement = PostgresStatement(bulk, bytesMax: Self.waitingBytesMax) else {
            _ = try flushed([])
            return try copy(bulk)
        }
        waiting.append(statement)
    }

    private static let waitingBytesMax = 4 << 20

    // The answers of those statements, after those that waited.
    private func flushed(_ statements: [PostgresStatement]) throws(StorageError) -> [(rows: [Row], changed: Int)] {
        let before = waiting
        waiting = []
        if before.isEmpty, statements.isEmpty { return [] }
        try refuseAfterFailure()
        return Array(try pipelined(before + statements).suffix(statements.count))
    }

    private func pipelined(_ statements: [PostgresStatement]) throws(StorageError) -> [(rows: [Row], changed: Int)] {
        // Preparing is not part of the pipeline, nor may a name vanish while it waits in it.
        if prepared.count + statements.count > Self.preparedMax { forgetPlans() }
        let names = try statements.map { statement throws(StorageError) in try prepare(statement) }
        guard PQenterPipelineMode(handle) == 1 else { throw failure(nil) }
        defer { if PQexitPipelineMode(handle) != 1 { isSpoilt = true } }
        for (statement, name) in zip(statements, names) {
            let isSent = Parameter.withPointers(statement.parameters) { values, lengths, formats in
                PQsendQueryPrepared(handle, name, Int32(statement.parameters.count), values, lengths, formats, 1)
            }
            guard isSent == 1 else { throw failure(nil) }
        }
        guard PQpipelineSync(handle) == 1 else { throw failure(nil) }
        var answers: [(rows: [Row], changed: Int)] = []
        answers.reserveCapacity(statements.count)
        var fault: StorageError?
        var isOver = false
        var nothings = 0
        // After each statement's result comes none once, and at the end that of the sync.
        while !isOver, isWhole {
            guard let result = PQgetResult(handle) else {
                nothings += 1
                // Never twice, unless the connection broke in a way that libpq has not noticed.
                if nothings > 1 { isSpoilt = true }
                continue
            }
            nothings = 0
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_PIPELINE_SYNC: isOver = true
            case PGRES_PIPELINE_ABORTED: continue
            default:
                do throws(StorageError) {
                    try check(result)
                    answers.append((try rows(of: result), Int(String(cString: PQcmdTuples(result))) ?? 0))
                } catch {
                    fault = fault ?? error
                }
            }
        }
        if let fault { throw fault }
        guard isOver, answers.count == statements.count else { throw failure(nil) }
        return answers
    }

    /// Writes rows by binary `COPY`, in which a value has no type of its own but that of its column.
    private func copy(_ bulk: BulkInsert) throws(StorageError) {
        let names = bulk.columns.joined(separator: ", ")
        let began = PQexec(handle, "COPY \(bulk.table) (\(names)) FROM STDIN (FORMAT binary)")
        defer { PQclear(began) }
        guard PQresultStatus(began) == PGRES_COPY_IN else { return try check(began) }
        let bytes = CopyStream.bytes(of: bulk.rows, columns: bulk.columns.count)
        let isSent = bytes.withUnsafeBytes { buffer in
            // libpq takes at most 2 GiB at a time.
            var rest = buffer[...]
            while !rest.isEmpty {
                let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 24))
                guard PQputCopyData(handle, part.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(part.count)) == 1
                else { return false }
                rest = rest.dropFirst(part.count)
            }
            return true
        }
        let isEnded = PQputCopyEnd(handle, isSent ? nil : "the rows could not be sent") == 1
        guard isSent, isEnded else { throw failure(nil) }
        var fault: StorageError?
        while let result = PQgetResult(handle) {
            defer { PQclear(result) }
            do throws(StorageError) { try check(result) } catch { fault = fault ?? error }
        }
        if let fault { throw fault }
    }

    private func prepare(_ statement: PostgresStatement) throws(StorageError) -> String {
        let kind = statement.kind
        if let name = prepared[kind] { return name }
        if prepared.count >= Self.preparedMax { forgetPlans() }
        let name = "s\(prepared.count)"
        let result = PQprepare(handle, name, kind.text, Int32(kind.types.count), kind.types)
        defer { PQclear(result) }
        try check(result)
        prepared[kind] = name
        return name
    }

    private func rows(of result: OpaquePointer?) throws(StorageError) -> [Row] {
        guard PQresultStatus(result) == PGRES_TUPLES_OK else { return [] }
        let count = PQnfields(result)
        var columns: [String: Int] = [:]
        var types: [Oid] = []
        for column in 0..<count {
            if let name = PQfname(result, column) {
                let name = String(cString: name)
                if columns[name] == nil { columns[name] = Int(column) }
            }
            types.append(PQftype(result, column))
        }
        var rows: [Row] = []
        rows.reserveCapacity(Int(PQntuples(result)))
        for number in 0..<PQntuples(result) {
            var values: [SQLValue] = []
            values.reserveCapacity(Int(count))
            for (column, type) in zip(0..<count, types) {
                if PQgetisnull(result, number, column) == 1 {
                    values.append(.null)
                } else {
                    let bytes = UnsafeRawBufferPointer(
                        start: PQgetvalue(result, number, column), count: Int(PQgetlength(result, number, column)))
                    guard let value = SQLValue(postgres: bytes, type: type) else {
                        throw .unreadable("a column of type \(type)")
                    }
                    values.append(value)
                }
            }
            rows.append(Row(columns: columns, values: values))
        }
        return rows
    }

    private func check(_ result: OpaquePointer?) throws(StorageError) {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_COPY_IN: return
        default: throw failure(result)
        }
    }

    private func failure(_ result: OpaquePointer?) -> StorageError {
        mayTryAgain = false
        hasFailed = true
        let words = Self.firstLine(result.map { PQresultErrorMessage($0) } ?? PQerrorMessage(handle))
        // PG_DIAG_SQLSTATE is a macro of a character, which does not come through.
        guard let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))) else { return .unavailable(words) }
        let code = String(cString: state)
        // A newer server changed the schema, and what was prepared here gives other columns now.
        hasStalePlans = code == "0A000" && !prepared.isEmpty
        // Serialization failure, deadlock (the manual's appendix A).
        mayTryAgain = hasStalePlans || ["40001", "40P01"].contains(code)
        return StorageError(state: code, words)
    }

    private static func firstLine(_ text: UnsafePointer<CChar>?) -> String {
        guard let text else { return "no reason given" }
        return String(String(cString: text).split(separator: "\n").first ?? "no reason given")
    }
}

extension StorageError {
    /// What one of PostgreSQL's codes means to us (its manual, appendix A).
    init(state: String, _ words: String) {
        switch state {
        case "23505": self = .conflict(words)
        case "53100": self = .full
        // Connections, resources, an operator's doing; and what was rolled back because others wrote the same.
        case _ where ["08", "53", "55", "57", "58", "40", "25"].contains(state.prefix(2)): self = .unavailable(words)
        case _ where state.hasPrefix("XX"): self = .unreadable(words)
        default: self = .statement("\(words) (\(state))")
        }
    }
}
