import AsyncHTTPClient
import Contract
import Domain
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

/// A person who can sign in.
package struct Person: Sendable {
    package let id: String
    package let login: String
    package var password: String

    package init(id: String, login: String, password: String) {
        self.id = id
        self.login = login
        self.password = password
    }
}

/// Tells tasks to go on for as long as it burns.
package final class Lamp: Sendable {
    private let value = Atomic(true)

    package init() {}

    package var burns: Bool { value.load(ordering: .relaxed) }

    package func putOut() {
        value.store(false, ordering: .relaxed)
    }
}

/// A browser at the admin listener: keeps cookies, and sends what a page of Inlet's would send.
package final class Browser: Sendable {
    private let house: TestHouse
    private let state = Mutex(State())

    private struct State {
        var cookies: [String: String] = [:]
        var csrfToken: String?
    }

    package init(_ house: TestHouse) {
        self.house = house
    }

    package static let sessionCookie = "__Host-inlet_session"
    package static let deviceCookie = "__Host-inlet_device"

    /// The value of a cookie it keeps.
    package subscript(cookie name: String) -> String? {
        get { state.withLock { $0.cookies[name] } }
        set { state.withLock { $0.cookies[name] = newValue } }
    }

    package var csrfToken: String? {
        get { state.withLock { $0.csrfToken } }
        set { state.withLock { $0.csrfToken = newValue } }
    }

    /// Signs in, and keeps the session if that works.
    package func signIn(
        _ login: String, _ password: String, code: String? = nil, organization: String? = nil,
        headers: [(String, String)] = []
    ) async throws -> TestHouse.Answer {
        let asked = NewSession(login: login, password: password, code: code, organization: organization)
        let answer = try await request(
            .POST, "sessions", String(decoding: try Wire.encode(asked), as: UTF8.self), headers: headers, isForged: true)
        if answer.status == 201 { csrfToken = try Wire.decode(SessionView.self, from: answer.body).csrfToken }
        return answer
    }

    /// Sends a request with the cookies it keeps.
    ///
    /// - Parameter isForged: leaves the header out that only a page of Inlet's can send.
    package func request(
        _ method: HTTPMethod, _ path: String, _ json: String? = nil, headers: [(String, String)] = [], isForged: Bool = false
    ) async throws -> TestHouse.Answer {
        let (cookies, csrfToken) = state.withLock { ($0.cookies, $0.csrfToken) }
        var headers = headers
        if !cookies.isEmpty {
            headers.append(("Cookie", cookies.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }.joined(separator: "; ")))
        }
        if !isForged, method != .GET, let csrfToken { headers.append(("Inlet-CSRF", csrfToken)) }
        let answer = try await house.request(method, path, json, headers: headers)
        for line in answer.headers["Set-Cookie"] {
            let pair = line.split(separator: ";")[0].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            self[cookie: String(pair[0])] = line.contains("Max-Age=0") ? nil : String(pair[1])
        }
        return answer
    }

    /// Reads something with the session.
    package func get<Value: Decodable>(_ path: String, as type: Value.Type = Value.self) async throws -> Value {
        let answer = try await request(.GET, path)
        #expect(answer.status == 200, "\(path)")
        return try Wire.decode(type, from: answer.body)
    }
}

extension TestHouse {
    /// A request to the REST API of which nothing is taken for granted, not even who asks.
    package func request(
        _ method: HTTPMethod, _ path: String, _ json: String? = nil, headers: [(String, String)] = []
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(adminPort)/api/v1/\(path)")
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let json { request.body = .bytes(ByteBuffer(string: json)) }
        return try await Self.send(request)
    }

    /// Posts to the first webhook without saying beforehand how much comes.
    package func callInChunks(_ secret: String, _ pieces: [Data]) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(ingestPort)/in/\(made.webhook.text)")
        request.method = .POST
        request.headers.add(name: "Authorization", value: "Bearer \(secret)")
        let stream = AsyncStream { continuation in
            for piece in pieces { continuation.yield(ByteBuffer(bytes: piece)) }
            continuation.finish()
        }
        request.body = .stream(stream, length: .unknown)
        return try await send(request)
    }

    /// Makes a person who chose a password by an invitation.
    package func person(_ role: Role = .member, login: String = "p-\(UUID().uuidString.lowercased())") async throws -> Person {
        let created = try await client().createAccount(
            NewAccount(kind: "person", name: "Pat", login: login, role: role.rawValue))
        let password = "correct horse \(UUID().uuidString)"
        try await client().setPassword(NewPassword(code: #require(created.invitation).code, password: password))
        return Person(id: created.id, login: login, password: password)
    }

    /// Makes a person who has an invitation and no password yet.
    ///
    /// - Parameter token: the management token of who invites; the owner's by default.
    package func invited(
        login: String = "p-\(UUID().uuidString.lowercased())", by token: String? = nil
    ) async throws -> (id: String, code: String) {
        let created = try await client(token).createAccount(NewAccount(kind: "person", name: "Ann", login: login))
        return (created.id, try #require(created.invitation).code)
    }

    /// Sets a password by a one-time code.
    package func setPassword(_ code: String, _ password: String = "a good long one") async throws -> Answer {
        let body = String(decoding: try Wire.encode(NewPassword(code: code, password: password)), as: UTF8.self)
        return try await request(.POST, "passwords", body)
    }

    /// A new browser in which that person is signed in.
    package func browser(of person: Person, organization: String? = nil) async throws -> Browser {
        let browser = Browser(self)
        let answer = try await browser.signIn(person.login, person.password, organization: organization)
        #expect(answer.status == 201)
        return browser
    }

    /// The first owner, who chose no other password yet.
    package var firstOwner: Person {
        Person(id: made.owner.text, login: made.login, password: password)
    }

    /// Makes one call after another for as long as the lamp burns, and says how each was answered.
    package func calls(bearer secret: String, while lamp: Lamp) async throws -> [Int] {
        var statuses: [Int] = []
        repeat {
            statuses.append(try await call(bearer: secret).status)
        } while lamp.burns
        return statuses
    }

    /// Waits until everything is written down that the server does not wait for.
    package func settle() async throws {
        await house.housekeeper.flush()
        try await house.store.write { _ in }
    }
}
