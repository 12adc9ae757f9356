import Domain
import Foundation
import Storage

/// Which database the tests run on: the embedded one, or a PostgreSQL whose connection string stands in `TEST_POSTGRES`.
///
/// There each house has a schema of its own.
enum TestDatabase {
    private static let server = ProcessInfo.processInfo.environment["TEST_POSTGRES"]

    /// Whether it is the embedded one, for tests about its file.
    static let isEmbedded = server == nil

    /// How much later than its time the last of what is old is gone: where tables are kept in parts, a day goes as a whole.
    static let daysLate: Interval = isEmbedded ? .days(0) : .days(1)

    static func make() async throws -> String? {
        guard let server else { return nil }
        let name = "house_\(UUID().uuidString.lowercased().replacing("-", with: ""))"
        try await run("CREATE SCHEMA \(name)", on: server)
        return "\(server)\(server.contains("?") ? "&" : "?")options=-csearch_path%3D\(name)"
    }

    /// Drops what ``make()`` made.
    static func drop(_ conninfo: String?) async throws {
        guard let server, let name = conninfo?.split(separator: "%3D").last else { return }
        try await run("DROP SCHEMA \(name) CASCADE", on: server)
    }

    private static func run(_ statement: String, on server: String) async throws {
        let engine = try PostgresEngine(conninfo: server)
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            engine.enqueueWrite(
                .steering, { _ = try $0.execute(SQL(stringLiteral: statement)) }, done: { continuation.resume(with: $0) })
        }
        try engine.close()
    }
}
