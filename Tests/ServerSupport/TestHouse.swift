import AsyncHTTPClient
import Client
import Contract
import Domain
import Foundation
import Ingest
import Logging
import Manage
import NIOCore
import NIOHTTP1
import RestAPI
import ServiceLifecycle
import Storage
import TestSupport
import Testing

@testable import inlet

/// The whole server on free ports of the loopback, with a real database in a folder of its own and a clock moved by hand.
package final class TestHouse: Sendable {
    package let house: House
    package let made: Installation.Made
    /// Of the first owner.
    package let password = TestInstallation.ownersPassword
    package let clock: HandClock
    package let folder: URL
    package let ingestPort: Int
    package let adminPort: Int
    // Its connections end before the server does, which waits for those that are open.
    private let http = HTTPClient(eventLoopGroupProvider: .singleton)

    private init(
        house: House, made: Installation.Made, clock: HandClock, folder: URL, ingestPort: Int, adminPort: Int
    ) {
        self.house = house
        self.made = made
        self.clock = clock
        self.folder = folder
        self.ingestPort = ingestPort
        self.adminPort = adminPort
    }

    /// Runs a house for as long as the body runs, and stops it as SIGTERM would.
    package static func open(
        _ flags: [Setting: String] = [:], body: (TestHouse) async throws -> Void
    ) async throws {
        try await inFolder(flags) { settings, installation in
            _ = try await opened(settings, installation, body: body)
        }
    }

    /// Runs a house, stops it, and runs it again on the same data and with the same clock, as a restart does.
    ///
    /// - Parameter keys: hands over the keys for the second run; is given the database's folder and the keys of the first run.
    package static func openTwice(
        _ flags: [Setting: String] = [:], first: (TestHouse) async throws -> Void,
        keys: (URL, KeyRing) async throws -> KeyRing, second: (TestHouse) async throws -> Void
    ) async throws {
        try await inFolder(flags) { settings, installation in
            let before = try await opened(settings, installation, body: first)
            let keyRing = try await keys(before.folder, before.house.desk.keys.ring)
            let store = try await House.openStore(settings, clock: before.clock, progress: { _ in })
            do {
                try await live(settings, store, keyRing, before.made, before.clock, body: second)
            } catch {
                try? await store.close()
                throw error
            }
        }
    }

    /// Runs several houses on one database, each with a folder and ports of its own, and stops them in the other order.
    package static func openSeveral(
        _ count: Int = 2, _ flags: [Setting: String] = [:], body: ([TestHouse]) async throws -> Void
    ) async throws {
        try await inFolder(flags) { settings, installation in
            _ = try await opened(settings, installation) { first in
                try await more(count - 1, beside: [first], settings, body: body)
            }
        }
    }

    private static func more(
        _ count: Int, beside houses: [TestHouse], _ settings: Settings, body: ([TestHouse]) async throws -> Void
    ) async throws {
        guard count > 0, let first = houses.first else { return try await body(houses) }
        let store = try await House.openStore(settings, clock: first.clock, progress: { _ in })
        try await live(settings, store, first.house.desk.keys.ring, first.made, first.clock) { next in
            try await more(count - 1, beside: houses + [next], settings, body: body)
        }
    }

    /// Runs a house on the embedded database, stops it, has something done to its folder, and runs another on PostgreSQL.
    package static func move<Kept>(
        first: (TestHouse) async throws -> Kept, between: (Settings) async throws -> Void,
        second: ((TestHouse, Kept) async throws -> Void)?
    ) async throws {
        try await inFolder([:], isEmpty: true) { settings, _ in
            var embedded = settings
            embedded.database = nil
            let installation = try await TestInstallation.template(isEmbedded: true, isDurable: TestDatabase.isDurable)
            _ = try await installation.store.copy(to: settings.data, isDurable: TestDatabase.isDurable)
            var kept: Kept?
            let before = try await opened(embedded, installation) { kept = try await first($0) }
            let keyRing = before.house.desk.keys.ring
            try PrivateFile.write(keyRing.fileText, to: settings.masterKeyFile)
            try await between(settings)
            guard let second, let kept else { return }
            let store = try await House.openStore(settings, clock: before.clock, progress: { _ in })
            try await live(settings, store, keyRing, before.made, before.clock) { try await second($0, kept) }
        }
    }

    // More at once would only wait for each other.
    private static let turnstile = Turnstile(places: 8)

    // An empty database is one on PostgreSQL into which a store is to be moved.
    private static func inFolder(
        _ flags: [Setting: String], isEmpty: Bool = false, body: (Settings, TestInstallation) async throws -> Void
    ) async throws {
        let isDurable = TestDatabase.isDurable
        let folder = TestDatabase.newFolder("server", isDurable: isDurable)
        defer { try? FileManager.default.removeItem(at: folder) }
        let standard: [Setting: String] = [
            .data: folder.path, .ingest: "127.0.0.1:0", .admin: "127.0.0.1:0", .freeBytesMin: "0",
            .unsafeSynchronous: isDurable ? "full" : "normal",
        ]
        let settings = try await Settings(
            flags: standard.merging(flags) { $1 }, environment: [:], file: nil)
        try await turnstile.pass {
            let installation = try await TestInstallation.template(isDurable: isDurable)
            let database =
                isEmpty
                ? try await TestDatabase.make(isDurable: isDurable)
                : try await installation.store.copy(to: folder, isDurable: isDurable)
            var settings = settings
            settings.database = database?.conninfo
            settings.isOnDatabaseTime = false
            do {
                try await body(settings, installation)
            } catch {
                try? await database?.drop()
                throw error
            }
            try await database?.drop()
        }
    }

    private static func opened(
        _ settings: Settings, _ installation: TestInstallation, body: (TestHouse) async throws -> Void
    ) async throws -> TestHouse {
        let clock = HandClock()
        let store = try await House.openStore(settings, clock: clock, progress: { _ in })
        return try await live(settings, store, installation.keyRing, installation.made, clock, body: body)
    }

    @discardableResult
    private static func live(
        _ settings: Settings, _ store: Store, _ keyRing: KeyRing, _ made: Installation.Made, _ clock: HandClock,
        body: (TestHouse) async throws -> Void
    ) async throws -> TestHouse {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let house = try await House(
            settings: settings, store: store, keyRing: keyRing, clock: clock, passwordCost: .least, logger: logger)
        var server: TestHouse?
        do {
            try await run(house, logger) { ingestPort, adminPort in
                let running = TestHouse(
                    house: house, made: made, clock: clock, folder: settings.data, ingestPort: ingestPort, adminPort: adminPort)
                server = running
                do {
                    try await body(running)
                } catch {
                    try? await running.http.shutdown()
                    throw error
                }
                try await running.http.shutdown()
            }
        } catch {
            await house.close()
            throw error
        }
        await house.close()
        guard let server else { throw CancellationError() }
        return server
    }

    private static func run(
        _ house: House, _ logger: Logger, body: (Int, Int) async throws -> Void
    ) async throws {
        let (ports, bound) = AsyncStream.makeStream(of: (String, Int).self)
        let services = house.services(
            onIngestBound: { bound.yield(("ingest", $0)) }, onAdminBound: { bound.yield(("admin", $0)) })
        let group = ServiceGroup(services: services, logger: logger)
        let running = Task { try await group.run() }
        var found: [String: Int] = [:]
        for await (name, port) in ports {
            found[name] = port
            if found.count == 2 { break }
        }
        do {
            // A test that moves the clock would otherwise race with the sweep of the start.
            while house.store.place.isLeader, !house.hasSwept { try await Task.sleep(for: .milliseconds(5)) }
            try await body(found["ingest"] ?? 0, found["admin"] ?? 0)
        } catch {
            await group.triggerGracefulShutdown()
            _ = try? await running.value
            throw error
        }
        await group.triggerGracefulShutdown()
        try await running.value
    }

    // MARK: What callers do

    /// A caller's answer.
    package struct Answer {
        package let status: Int
        package let headers: HTTPHeaders
        package let body: Data

        package init(status: Int, headers: HTTPHeaders, body: Data) {
            self.status = status
            self.headers = headers
            self.body = body
        }

        /// The event's id; `nil` if there is none in the answer.
        package var event: String? { (try? JSONDecoder().decode([String: String].self, from: body))?["id"] }
        package var problem: Problem? { try? Wire.decode(Problem.self, from: body) }
        /// What a report is answered with.
        package var receipt: Receipt? { try? Wire.decode(Receipt.self, from: body) }
        /// What an integration token is exchanged for.
        package var activation: ActivationAnswer? { try? Wire.decode(ActivationAnswer.self, from: body) }
        package var text: String { String(decoding: body, as: UTF8.self) }
    }

    package struct Receipt: Decodable, Equatable {
        package let id: String
        /// `nil` for a deploy.
        package let reports: Int?
    }

    package struct ActivationAnswer: Decodable {
        package let activationToken: String
        package let tokenType: String
        package let expiresAt: String?
        package let organization: String
        package let hitsUrl: String
    }

    /// Posts to a webhook.
    package func call(
        _ webhook: String? = nil, bearer: String? = nil, basic: (user: String, password: String)? = nil,
        headers: [(String, String)] = [], query: String = "", body: Data = Data("{}".utf8), method: HTTPMethod = .POST
    ) async throws -> Answer {
        var request = HTTPClientRequest(
            url: "http://127.0.0.1:\(ingestPort)/in/\(webhook ?? made.webhook.text)\(query)")
        request.method = method
        if let bearer { request.headers.add(name: "Authorization", value: "Bearer \(bearer)") }
        if let basic {
            let pair = Data("\(basic.user):\(basic.password)".utf8).base64EncodedString()
            request.headers.add(name: "Authorization", value: "Basic \(pair)")
        }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if method != .GET { request.body = .bytes(ByteBuffer(bytes: body)) }
        return try await send(request)
    }

    /// Sends a report, or asks for an activation token.
    package func report(
        _ path: ReportPath, _ json: String = "", bearer: String? = nil, headers: [(String, String)] = [], query: String = "",
        method: HTTPMethod = .POST
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(ingestPort)\(path.rawValue)\(query)")
        request.method = method
        if let bearer { request.headers.add(name: "Authorization", value: "Bearer \(bearer)") }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if method != .GET { request.body = .bytes(ByteBuffer(string: json)) }
        return try await send(request)
    }

    // MARK: What people and programs do

    /// Makes a Hits/Failure credential.
    ///
    /// - Parameter token: the management token of who makes it; the owner's by default.
    package func hitsCredential(
        _ name: String = "Hits", lifetime: Int64? = nil, token: String? = nil
    ) async throws -> (id: String, secret: String) {
        let made = try await client(token).createCredential(
            NewCredential(type: "hits_failure", name: name, activationLifetimeSeconds: lifetime))
        return (made.id, try #require(made.secret))
    }

    /// Makes a Hits/Failure credential, and exchanges its token once.
    package func activationToken(_ name: String = "Hits", token: String? = nil) async throws -> String {
        try await activate(hitsCredential(name, token: token).secret)
    }

    /// Exchanges an integration token.
    package func activate(_ secret: String) async throws -> String {
        let answer = try await report(.activations, bearer: secret)
        #expect(answer.status == 201)
        return try #require(answer.activation).activationToken
    }

    /// Makes an application with a deploy token, and a Deploy credential of that name.
    package func deployToken(_ name: String = "shop", token: String? = nil) async throws -> (id: String, secret: String) {
        let credential = try await client(token).createCredential(NewCredential(type: "deploy", name: name))
        let made = try await client(token).createApplication(NewApplication(name: name, credential: credential.id))
        return (made.id, try #require(made.secret))
    }

    /// A management token of the first owner that may not look at sealed secrets.
    package func scopelessToken() async throws -> String {
        try #require(try await client().createToken(NewToken(kind: "management", name: "scopeless")).secret)
    }

    /// The refused calls in the ledger, newest first, once all that happened so far is written down.
    package func refusedCalls() async throws -> [CallView] {
        await house.housekeeper.flush()
        return try await client().calls(outcome: "refused", limit: 500).items
    }

    /// A client that speaks as the owner, or with another management token.
    package func client(_ token: String? = nil) -> InletClient {
        InletClient(server: "http://127.0.0.1:\(adminPort)", token: token ?? made.managementToken)
    }

    /// A plain request to the REST API.
    package func api(
        _ method: HTTPMethod, _ path: String, _ json: String? = nil, token: String? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(adminPort)/api/v1/\(path)")
        request.method = method
        request.headers.add(name: "Authorization", value: "Bearer \(token ?? made.managementToken)")
        if let json { request.body = .bytes(ByteBuffer(string: json)) }
        return try await Self.send(request)
    }

    /// The causes in the ledger, newest first, once all that happened so far is written down.
    package func causes() async throws -> [String] {
        try await refusedCalls().compactMap(\.cause)
    }

    /// Lets days pass, and the hourly sweep run at their end.
    @discardableResult
    package func letDaysPass(_ days: Int64) async throws -> AccountOperations.SweepReport {
        await house.housekeeper.flush()
        clock.advance(by: .days(days))
        return try await AccountOperations(house.desk).sweep(wallElapsed: .days(days), steadyElapsed: .days(days))
    }

    /// Runs the hourly sweep now.
    @discardableResult
    package func sweep() async throws -> Sweep.Report {
        await house.housekeeper.flush()
        return try await house.sweep.run(wallElapsed: .seconds(3600), steadyElapsed: .seconds(3600))
    }

    /// Lets nobody write into the audit log.
    package func shutAuditLog() async throws {
        try await run(
            TestDatabase.isEmbedded
                ? ["CREATE TRIGGER shut BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'no entry today'); END"]
                : [
                    """
                    CREATE FUNCTION shut() RETURNS TRIGGER AS
                        'BEGIN RAISE EXCEPTION ''no entry today''; END' LANGUAGE plpgsql
                    """,
                    "CREATE TRIGGER shut BEFORE INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION shut()",
                ])
    }

    package func openAuditLog() async throws {
        try await run(
            TestDatabase.isEmbedded ? ["DROP TRIGGER shut"] : ["DROP TRIGGER shut ON audit_entries", "DROP FUNCTION shut"])
    }

    private func run(_ statements: [SQL]) async throws {
        try await house.store.write { transaction in
            for statement in statements { try transaction.connection.execute(statement) }
        }
    }

    /// Makes another member of the organization, with a management token of its own.
    package func member(_ role: Role) async throws -> (account: ID<Account>, managementToken: String) {
        let created = try await AccountOperations(house.desk).create(
            .init(
                kind: .person, name: role.rawValue, login: "\(role.rawValue)-\(UUID().uuidString.lowercased())",
                role: role, withToken: false), owner)
        let id = created.member.account.id
        let actor = Actor(organization: made.organization, account: id, role: .owner, token: nil)
        let token = try await TokenOperations(house.desk).create(.init(kind: .management, name: "own"), actor)
        return (id, token.secret)
    }

    /// The first owner, for operations that a test calls itself.
    package var owner: Actor {
        Actor(organization: made.organization, account: made.owner, role: .owner, token: nil)
    }

    /// Founds a second organization with an owner.
    package func stranger() async throws -> Actor {
        try await house.store.write { [clock] transaction in
            let now = clock.now()
            let organization = Organization(
                id: .random(), name: Label(stored: "Elsewhere"), inactivity: .never, dailyQuota: nil, createdAt: now)
            let account = Account(
                id: .random(), kind: .service, name: Label(stored: "Stranger"), login: nil, createdAt: now)
            try OrganizationTable(transaction.connection).insert(organization)
            try AccountTable(transaction.connection).insert(account, passwordHash: nil)
            try AccountTable(transaction.connection).insert(
                Membership(
                    organization: organization.id, account: account.id, role: .owner, state: .active, activeSince: now))
            transaction.announce(.organization(organization.id))
            transaction.announce(.membership(organization.id, account.id))
            return Actor(organization: organization.id, account: account.id, role: .owner, token: nil)
        }
    }

    /// Sends a request on a connection that ends with the server.
    func send(_ request: HTTPClientRequest) async throws -> Answer {
        try await Self.send(request, by: http)
    }

    /// Sends a request and takes the whole answer, whatever its status.
    package static func send(_ request: HTTPClientRequest, by http: HTTPClient = .shared) async throws -> Answer {
        let response = try await http.execute(request, timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 64 << 20)
        return Answer(status: Int(response.status.code), headers: response.headers, body: Data(body.readableBytesView))
    }
}

/// Lets so many in at once; the others wait in line.
private actor Turnstile {
    private var free: Int
    private var line: [CheckedContinuation<Void, Never>] = []

    init(places: Int) {
        free = places
    }

    nonisolated(nonsending) func pass(_ work: () async throws -> Void) async throws {
        await enter()
        do {
            try await work()
        } catch {
            await leave()
            throw error
        }
        await leave()
    }

    private func enter() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { line.append($0) }
        }
    }

    private func leave() {
        if line.isEmpty { free += 1 } else { line.removeFirst().resume() }
    }
}
