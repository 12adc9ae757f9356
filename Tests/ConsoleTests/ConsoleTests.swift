import AsyncHTTPClient
import Console
import Contract
import Domain
import Foundation
import HTTPTypes
import NIOCore
import NIOHTTP1
import ServerSupport
import TestSupport
import Testing

/// What holds for every page of the console, whatever stands on it.
@Suite(.tags(.store)) struct ConsoleTests {
    // MARK: Who may see what

    @Test func `Every page asks for the permission that its line names, and trips over no id`() async throws {
        try await TestHouse.open { house async throws in
            for role in [Role.owner, .admin, .member, .viewer] {
                let person = try await house.person(role)
                let reader = try await Reader(house, person)
                for page in AllPages.list where !Self.endsTheSession(page) {
                    let permission = try #require(page.permission ?? .useOwnAccount)
                    let isAllowed = role.allows(permission)
                    let ids = ["nobody", "%00", "%2e%2e%2f", String(repeating: "e%CC%81", count: 300)]
                    for id in page.path.contains(":id") ? ids : ["nobody"] {
                        let answer = try await reader.ask(page, id: id)
                        let place = "\(role) \(page.method) \(page.path) \(id.prefix(12)): \(answer.status)"
                        #expect(answer.status < 500, "\(place)")
                        if page.permission != nil, !isAllowed, id == "nobody" { #expect(answer.status == 403, "\(place)") }
                        if isAllowed { #expect(answer.status != 403, "\(place)") }
                    }
                }
            }
        }
    }

    @Test func `Without a session every page leads to signing in, and back to where one wanted to go`() async throws {
        try await TestHouse.open { house async throws in
            let stranger = Reader(house)
            for page in AllPages.list where page.permission != nil {
                let answer = try await stranger.ask(page, id: "some")
                #expect(answer.status == 303, "\(page.method) \(page.path)")
                let place = answer.headers.first(name: "Location") ?? ""
                #expect(place.hasPrefix("/sign-in"), "\(page.path): \(place)")
            }
            let answer = try await stranger.get("/webhooks?after=x%26y")
            #expect(answer.headers.first(name: "Location") == "/sign-in?next=%2Fwebhooks%3Fafter%3Dx%2526y")
        }
    }

    @Test func `A form that another site could send does nothing`() async throws {
        try await TestHouse.open { house async throws in
            let reader = try await Reader(house, house.person(.owner))
            for page in AllPages.list where page.permission != nil && page.method == .post {
                let path = page.path.replacing(":id", with: "some")
                let forged = try await reader.post(path, ["a": "b"], isForged: true)
                #expect(forged.headers.first(name: "Location") == "/sign-in?ended=1", "\(page.path)")
                let foreign = try await reader.post(path, ["a": "b"], headers: [("Origin", "https://evil.example")])
                #expect(foreign.headers.first(name: "Location") == "/sign-in?ended=1", "\(page.path)")
            }
            let foreign = try await Reader(house).post(
                "/sign-in", ["login": "x", "password": "y"], headers: [("Origin", "https://evil.example")])
            #expect(foreign.status == 303)
        }
    }

    @Test func `D10 who is blocked is out at the next page`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person(.member)
            let reader = try await Reader(house, person)
            #expect(try await reader.get("/webhooks").status == 200)

            #expect(try await house.api(.POST, "accounts/\(person.id)/block-sign-in").status == 200)

            #expect(try await reader.get("/webhooks").status == 303)
        }
    }

    // MARK: Signing in

    @Test func `Signing in leads to a page of ours and to no other`() async throws {
        try await TestHouse.open { house async throws in
            let person = try await house.person(.viewer)
            for (wanted, place) in [
                ("/events?a=b", "/events?a=b"), ("", "/"), ("//evil.example", "/"), ("https://evil.example", "/"),
                ("/\\evil.example", "/"), ("/x\r\nSet-Cookie: a=b", "/"), ("javascript:alert(1)", "/"),
            ] {
                let next = wanted.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
                let answer = try await Reader(house).post(
                    "/sign-in?next=\(next)", ["login": person.login, "password": person.password])
                #expect(answer.status == 303)
                #expect(answer.headers.first(name: "Location") == place, "\(wanted)")
                let cookies = answer.headers["Set-Cookie"]
                #expect(cookies.contains { $0.hasPrefix("__Host-inlet_session=") })
                for cookie in cookies { #expect(cookie.contains("Secure; HttpOnly; SameSite=Lax"), "\(cookie)") }
            }
        }
    }

    @Test func `A wrong password is said in the reader's language, and the login stays`() async throws {
        try await TestHouse.open { house async throws in
            let answer = try await Reader(house).post(
                "/sign-in", ["login": "<b>pat</b>", "password": "wrong"], headers: [("Accept-Language", "nl-BE, en;q=0.5")])

            #expect(answer.status == 422)
            #expect(answer.text.contains("Loginnaam of wachtwoord klopt niet."))
            #expect(answer.text.contains(#"value="&lt;b&gt;pat&lt;/b&gt;""#))
            #expect(answer.text.contains(#"<html lang="nl">"#))
            #expect(!answer.text.contains("wrong"))
        }
    }

    @Test func `A letter under many marks costs no time, whoever sends it`() async throws {
        try await TestHouse.open { house async throws in
            let stranger = Reader(house)
            let pile = "a" + String(repeating: "\u{301}\u{323}\u{334}\u{345}\u{5b0}\u{f71}", count: 300)
            let pages = AllPages.list.filter { $0.method == .post }
            for page in pages.prefix(40) {
                let answer = try await stranger.post(
                    page.path.replacing(":id", with: "some"), ["csrf": pile, "language": pile, "role": pile, "login": pile])
                #expect(answer.status == 400, "\(page.path)")
            }
            let cookie = try await stranger.request(
                .GET, "/sign-in",
                headers: [("Cookie", "__Host-inlet_language=\(pile.unicodeScalars.prefix(400).map(String.init).joined())")])
            #expect(cookie.status == 200)
        }
    }

    // MARK: What every answer carries

    @Test func `Every page forbids what is not from here, and to be kept`() async throws {
        try await TestHouse.open { house async throws in
            let reader = try await Reader(house, house.person(.owner))
            for path in ["/", "/webhooks", "/nothing/here", "/webhooks/whk_none"] {
                let answer = try await reader.get(path)
                let policy = answer.headers.first(name: "Content-Security-Policy") ?? ""
                #expect(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "\(path)")
                #expect(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"), "\(path)")
                #expect(answer.headers.first(name: "Cache-Control") == "no-store", "\(path)")
                #expect(answer.headers.first(name: "X-Content-Type-Options") == "nosniff", "\(path)")
                #expect(answer.headers.first(name: "Content-Type") == "text/html; charset=utf-8", "\(path)")
            }
        }
    }

    @Test func `What browsers load is kept by them, and has a type`() async throws {
        try await TestHouse.open { house async throws in
            let reader = Reader(house)
            for (name, type) in [
                ("console.css", "text/css; charset=utf-8"), ("copy.js", "text/javascript; charset=utf-8"),
                ("icons.svg", "image/svg+xml"),
            ] {
                let answer = try await reader.get("/assets/\(name)")
                #expect(answer.status == 200 && !answer.body.isEmpty)
                #expect(answer.headers.first(name: "Content-Type") == type)
                #expect(answer.headers.first(name: "Cache-Control")?.contains("immutable") == true)
            }
            #expect(try await reader.get("/assets/../layout.mustache").status == 404)
            #expect(try await reader.get("/assets/en.json").status == 404)
        }
    }

    @Test func `A page that is not there says so in HTML, an address of the REST API in JSON`() async throws {
        try await TestHouse.open { house async throws in
            let reader = try await Reader(house, house.person(.viewer))
            let page = try await reader.get("/nothing")
            #expect(page.status == 404 && page.text.contains("<h1>There is nothing here</h1>"))
            #expect(try await Reader(house).get("/nothing").status == 404)
            let address = try await reader.get("/api/v1/nothing")
            #expect(address.status == 404)
            #expect(address.headers.first(name: "Content-Type") == "application/problem+json")
        }
    }

    @Test func `A quote with a mark on it ends no attribute, and a bracket with one begins no tag`() async throws {
        try await TestHouse.open { house async throws in
            let reader = try await Reader(house, house.person(.owner))
            let name = "x\"\u{301} autofocus onfocus=\u{27}\u{301}alert(1) <\u{200d}b>"
            let login = try await Reader(house).post("/sign-in", ["login": name, "password": "wrong"])
            _ = try await house.client().createWebhook(NewWebhook(name: name))

            for page in [login, try await reader.get("/webhooks")] {
                #expect(page.text.utf8.firstRange(of: "x&quot;\u{301} autofocus".utf8) != nil)
                #expect(page.text.utf8.firstRange(of: "\"\u{301}".utf8) == nil)
                #expect(page.text.utf8.firstRange(of: "'\u{301}".utf8) == nil)
                #expect(page.text.utf8.firstRange(of: "<\u{200d}".utf8) == nil)
            }
        }
    }

    @Test func `A page is asked for by GET and HEAD, and says so to others`() async throws {
        try await TestHouse.open { house async throws in
            let reader = Reader(house)
            let head = try await reader.request(.HEAD, "/sign-in", headers: [])
            #expect(head.status == 200 && head.body.isEmpty)
            let put = try await reader.request(.PUT, "/sign-in", headers: [])
            #expect(put.status == 405)
            #expect(put.headers.first(name: "Allow") == "GET, HEAD, POST")
        }
    }

    @Test func `What no form of ours sends is refused in plain words`() async throws {
        try await TestHouse.open { house async throws in
            let reader = try await Reader(house, house.person(.owner))
            #expect(try await reader.post("/sign-in", ["login": "a\u{0}b"]).status == 400)
            #expect(try await reader.get("/webhooks?after=%00").status == 400)
            let large = try await reader.post("/sign-in", ["login": String(repeating: "x", count: 300_000)])
            #expect(large.status == 413)
            let marks = "a" + String(repeating: "\u{301}", count: 18_000)
            #expect(try await reader.post("/sign-in", ["login": marks, marks: "x"]).status == 400)
            #expect(try await Reader(house).get("/sign-in?lang=\(String(repeating: "%CC%81", count: 40))").status == 400)
            let told = try await reader.get("/webhooks?after=%00")
            #expect(told.headers.first(name: "Content-Security-Policy") != nil && told.text.contains("<h1>"))
            // To a browser that would be another host.
            #expect(try await reader.get("//sign-in").status == 404)
        }
    }

    private static func endsTheSession(_ page: PageRoute) -> Bool {
        ["/sign-out", "/organization/switch"].contains(page.path) || page.path.hasPrefix("/live/")
            || page.path.hasPrefix("/me/sessions")
    }
}

/// A browser that takes pages: keeps cookies, sends forms, and follows no redirect.
final class Reader: Sendable {
    private let house: TestHouse
    private let cookies: String
    private let csrf: String

    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// Nobody.
    init(_ house: TestHouse) {
        self.house = house
        cookies = ""
        csrf = ""
    }

    /// A person who signs in by the page for it.
    init(_ house: TestHouse, _ person: Person) async throws {
        self.house = house
        let stranger = Reader(house)
        let answer = try await stranger.post("/sign-in", ["login": person.login, "password": person.password])
        let pairs = answer.headers["Set-Cookie"].map { String($0.prefix { $0 != ";" }) }
        let cookies = pairs.joined(separator: "; ")
        self.cookies = cookies
        let page = try await stranger.request(.GET, "/", headers: [("Cookie", cookies)])
        let mark = #"name="csrf" value=""#
        csrf = page.text.range(of: mark).map { String(page.text[$0.upperBound...].prefix { $0 != "\"" }) } ?? ""
        #expect(!csrf.isEmpty, "signed in as \(person.login)")
    }

    func get(_ path: String) async throws -> TestHouse.Answer {
        try await request(.GET, path, headers: cookies.isEmpty ? [] : [("Cookie", cookies)])
    }

    /// Sends a form.
    ///
    /// - Parameter isForged: leaves out what only a page of ours can know.
    func post(
        _ path: String, _ fields: [String: String], headers: [(String, String)] = [], isForged: Bool = false
    ) async throws -> TestHouse.Answer {
        var fields = fields
        if !isForged, !csrf.isEmpty { fields["csrf"] = csrf }
        let body = fields.map { "\(Self.encoded($0.key))=\(Self.encoded($0.value))" }.joined(separator: "&")
        let type = ("Content-Type", "application/x-www-form-urlencoded")
        let own = cookies.isEmpty ? [type] : [type, ("Cookie", cookies)]
        return try await request(.POST, path, headers: own + headers, body: body)
    }

    /// Asks for a page, with something for each place in its address.
    func ask(_ page: PageRoute, id: String) async throws -> TestHouse.Answer {
        let path = page.path.split(separator: "/", omittingEmptySubsequences: false)
            .map { $0.hasPrefix(":") ? id : String($0) }.joined(separator: "/")
        return page.method == .get ? try await get(path) : try await post(path, [:])
    }

    func request(
        _ method: HTTPMethod, _ path: String, headers: [(String, String)], body: String? = nil
    ) async throws -> TestHouse.Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(house.adminPort)\(path)")
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await Self.client.execute(request, timeout: .seconds(30))
        let bytes = try await response.body.collect(upTo: 64 << 20)
        return TestHouse.Answer(
            status: Int(response.status.code), headers: response.headers, body: Data(bytes.readableBytesView))
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain = byte.isLetterOrDigit
            return isPlain ? String(UnicodeScalar(byte)) : String(format: "%%%02X", byte)
        }.joined()
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        (0x30...0x39).contains(self) || (0x41...0x5a).contains(self) || (0x61...0x7a).contains(self)
    }
}
