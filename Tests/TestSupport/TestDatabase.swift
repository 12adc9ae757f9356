import CPostgres
import Domain
import Foundation
import Storage
import Synchronization
import Testing

extension Tag {
    /// Of suites that reach a store. The pass on PostgreSQL runs these suites and no others; `scripts/unit.sh` reads the tag.
    @Tag package static var store: Self

    /// Of tests whose store has to be on disk before it answers; those that hold the row id `N1` in their name need no tag.
    @Tag package static var durable: Self
}

/// Where tests keep their data: the embedded database, or a PostgreSQL whose connection string stands in `TEST_POSTGRES`.
///
/// What is kept is durable only for tests about that: those whose name holds the row id `N1`, and those with the tag `durable`. All
/// others use a folder in memory, where the machine has one, or a PostgreSQL that flushes nothing.
package enum TestDatabase {
    private static let environment = ProcessInfo.processInfo.environment
    /// Need not keep what it acknowledged.
    private static let server = environment["TEST_POSTGRES"]
    private static let durableServer = environment["TEST_POSTGRES_DURABLE"] ?? server

    /// Whether it is the embedded database, for tests about its file.
    package static let isEmbedded = server == nil

    /// How much later than its time the last of what is old is gone: where tables are kept in parts, a day goes as a whole.
    package static let daysLate: Interval = isEmbedded ? .days(0) : .days(1)

    /// Whether the test that runs is about durability.
    package static var isDurable: Bool {
        guard let test = Test.current else { return false }
        return test.tags.contains(.durable) || test.name.contains(/\bN1\b/)
    }

    /// The name of a folder that does not exist yet.
    ///
    /// - Parameter isDurable: whether it has to be on a disk.
    package static func newFolder(_ label: String, isDurable: Bool) -> URL {
        (isDurable ? disk : memory).appendingPathComponent("\(label)-\(UUID().uuidString)")
    }

    private static let disk = ownFolder(in: FileManager.default.temporaryDirectory)

    // In a container it may have room for nothing, and then a disk is better.
    private static let memory: URL = {
        let folder = URL(fileURLWithPath: "/dev/shm")
        guard FileManager.default.isWritableFile(atPath: folder.path), DiskSpace.free(at: folder) ?? 0 >= memoryBytesMin else {
            return disk
        }
        return ownFolder(in: folder)
    }()
    private static let memoryBytesMin: Int64 = 2 << 30

    // One for the process, which takes it along when it ends.
    private static func ownFolder(in place: URL) -> URL {
        let folder = place.appendingPathComponent("inlet-tests-\(ProcessInfo.processInfo.processIdentifier)")
        ownFolders.withLock { folders in
            if folders.isEmpty {
                atexit { for folder in ownFolders.withLock({ $0 }) { try? FileManager.default.removeItem(at: folder) } }
            }
            folders.append(folder)
        }
        return folder
    }

    /// Makes a database of its own on the PostgreSQL that tests run on.
    ///
    /// - Parameters:
    ///   - template: a database to copy, to which nobody is connected.
    ///   - isDurable: whether it keeps what it acknowledged.
    /// - Returns: `nil` where tests run on the embedded database.
    package static func make(
        copying template: PostgresDatabase? = nil, isDurable: Bool = TestDatabase.isDurable
    ) async throws -> PostgresDatabase? {
        guard let server = isDurable ? durableServer : server else { return nil }
        let database = PostgresDatabase(server: server)
        try await database.make(copying: template)
        return database
    }
}

private let ownFolders = Mutex<[URL]>([])

/// A database of a test on PostgreSQL.
package struct PostgresDatabase: Sendable {
    /// How to connect to any database of the server.
    private let server: String
    private let name: String

    fileprivate init(server: String) {
        self.server = server
        name = "test_\(UUID().uuidString.lowercased().replacing("-", with: ""))"
    }

    /// How to connect to it; libpq takes it as it is.
    package var conninfo: String {
        "\(server)\(server.contains("?") ? "&" : "?")dbname=\(name)"
    }

    fileprivate func make(copying template: PostgresDatabase?) async throws {
        try await PostgresServer.of(server).run("CREATE DATABASE \(name)\(template.map { " TEMPLATE \($0.name)" } ?? "")")
    }

    /// Drops it, whoever is connected.
    package func drop() async throws {
        try await PostgresServer.of(server).run("DROP DATABASE \(name) WITH (FORCE)")
    }
}

/// The one connection on which databases are made and dropped, which is done outside of any transaction.
private actor PostgresServer {
    private static let all = Connections()
    private let conninfo: String
    private var link: OpaquePointer?

    private init(_ conninfo: String) {
        self.conninfo = conninfo
    }

    static func of(_ conninfo: String) async -> PostgresServer {
        await all.server(conninfo)
    }

    func run(_ statement: String) throws {
        if link == nil { link = PQconnectdb(conninfo) }
        let result = PQexec(link, statement)
        defer { PQclear(result) }
        guard PQresultStatus(result) == PGRES_COMMAND_OK else {
            throw StorageError.unavailable("\(statement): \(String(cString: PQerrorMessage(link)))")
        }
    }

    private actor Connections {
        private var known: [String: PostgresServer] = [:]

        func server(_ conninfo: String) -> PostgresServer {
            if let server = known[conninfo] { return server }
            let server = PostgresServer(conninfo)
            known[conninfo] = server
            return server
        }
    }
}
