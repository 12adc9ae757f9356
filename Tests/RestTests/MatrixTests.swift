import AsyncHTTPClient
import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import Manage
import NIOCore
import NIOHTTP1
import RestAPI
import ServerSupport
import Storage
import TestSupport
import Testing

/// Who may do what. Everybody asks for everything, by a real request with a valid body for a target made for it, and the answers
/// are compared with docs/permissions.md.
///
/// After a change that is meant, `WRITE_TABLES=1 make unit MODULE=Rest` writes that page anew; read the difference before it
/// is committed.
@Suite(.tags(.store)) struct MatrixTests {
    @Test func `Every operation answers every role as docs/permissions.md says, and the page knows every operation`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let stage = try await Stage(house)
            var routes: [PermissionRow] = []
            for route in AllRoutes.list {
                routes.append(
                    try await stage.row(
                        route.method.rawValue, route.path, route.permission?.rawValue ?? "–",
                        try stage.requests(for: route)))
            }
            var special: [PermissionRow] = []
            for (method, path, what, request) in stage.specialRequests {
                special.append(try await stage.row(method, path, what, request))
            }

            let page = PermissionPage.text(routes: routes, special: special)
            if ProcessInfo.processInfo.environment["WRITE_TABLES"] == "1" {
                try Data(page.utf8).write(to: PermissionPage.file)
            }
            let kept = try String(contentsOf: PermissionPage.file, encoding: .utf8)

            for line in PermissionPage.difference(from: kept, to: page) { Issue.record("\(line)") }
        }
    }
}

/// A column of the table.
private enum Who: String, CaseIterable {
    case owner, admin, member, viewer
    case service = "service account"
    case elsewhere = "owner elsewhere"
    case nobody
}

/// A line of the table: what is asked for, and the answer to each.
private struct PermissionRow {
    let method: String
    let path: String
    let note: String
    let cells: [String]

    private var shownPath: String {
        path.split(separator: "/").map { $0.hasPrefix(":") ? "{\($0.dropFirst())}" : String($0) }.joined(separator: "/")
    }

    var line: String {
        "| \(method) `/\(shownPath)` | \(note) | " + cells.joined(separator: " | ") + " |"
    }
}

/// The page that people read.
private enum PermissionPage {
    static let file = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("docs/permissions.md")

    static func text(routes: [PermissionRow], special: [PermissionRow]) -> String {
        let names = Who.allCases.map(\.rawValue).joined(separator: " | ")
        let rule = String(repeating: "|---", count: Who.allCases.count + 2) + "|"
        let head = """
            # Who may do what

            Every operation of the [REST API](rest-api.md), and what it answers to whom. Nobody wrote this page by hand: the test
            `MatrixTests` asks the real server for each cell and compares. After a change that is meant,
            `WRITE_TABLES=1 make unit MODULE=Rest` writes it anew.

            | who | |
            |---|---|
            | owner, admin, member, viewer | people of the first organization, each with a management token of their own; only the owner's has the scope `reveal` |
            | service account | of the first organization, role member, with a management token that the owner made |
            | owner elsewhere | the owner of another organization of the same server |
            | nobody | a request without any credential |

            | cell | |
            |---|---|
            | yes | done, or refused with 409 for the state of the thing; never for who asks |
            | 401 | nobody is known to ask |
            | 403 | the role lacks the permission |
            | 404 | there is no such thing for who asks: it is another organization's, or another person's session |
            | 409 | only the person itself may |

            Where a path has an `{id}`, it names a thing of the first organization: a token that the one who asks owns, a
            session of one's own, an account that is a viewer. Who can sign in asks for a look at a secret in a session.

            """
        return
            (head.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            + ["| method and path | permission | \(names) |", rule] + routes.map(\.line)
            + ["", "## Where it matters whose it is", "", "| method and path | what | \(names) |", rule]
            + special.map(\.line)).joined(separator: "\n") + "\n"
    }

    /// The lines that only one of the two has, told apart by their first word.
    static func difference(from kept: String, to found: String) -> [String] {
        let kept = kept.split(separator: "\n").map(String.init)
        let found = found.split(separator: "\n").map(String.init)
        let gone = Set(kept).subtracting(found)
        let new = Set(found).subtracting(kept)
        return kept.filter(gone.contains).map { "page:   \($0)" } + found.filter(new.contains).map { "server: \($0)" }
    }
}

/// A request for one cell, after its target was made.
private struct Asked {
    var path: String
    var json: String?
    /// The session it is asked in, instead of with the management token.
    var session: SignedIn?

    init(_ path: String, _ json: String? = nil, in session: SignedIn? = nil) {
        self.path = path
        self.json = json
        self.session = session
    }
}

/// Two organizations, and those who ask.
private struct Stage {
    typealias Request = (Who) async throws -> Asked

    /// An operation that nobody has written a request for.
    struct UnknownRoute: Error, CustomStringConvertible {
        let description: String
    }

    struct Person {
        let account: String
        var login = ""
        var password = ""
        let token: String?
        let webhook: String
    }

    private let house: TestHouse
    private let people: [Who: Person]
    private let elsewhere: Actor
    private let event: String
    private let deployCredential: String
    private let activation: String

    init(_ house: TestHouse) async throws {
        self.house = house
        elsewhere = try await house.stranger()
        var people: [Who: Person] = [
            .owner: Person(
                account: house.made.owner.text, login: house.made.login, password: house.password,
                token: house.made.managementToken, webhook: house.made.webhook.text)
        ]
        for (who, role) in [(Who.admin, Role.admin), (.member, .member), (.viewer, .viewer)] {
            let (account, token) = try await house.member(role)
            let invitation = try await house.client().inviteAgain(account.text)
            people[who] = Person(
                account: account.text, login: try await house.client().account(account.text).login ?? "",
                password: try await Self.password(by: invitation.code, house), token: token,
                webhook: house.made.webhook.text)
        }
        let service = try await house.client().createAccount(NewAccount(kind: "service", name: "Service"))
        let serviceToken = try await house.client().createToken(
            NewToken(kind: "management", owner: service.id, name: "made by the owner"))
        people[.service] = Person(
            account: service.id, token: try #require(serviceToken.secret), webhook: house.made.webhook.text)
        people[.elsewhere] = try await Self.ownerElsewhere(elsewhere, house)
        people[.nobody] = Person(account: "", token: nil, webhook: house.made.webhook.text)
        self.people = people
        event = try #require(try await house.call(bearer: house.made.apiToken).event)
        deployCredential = try await house.client().createCredential(NewCredential(type: "deploy", name: "Deploys")).id
        activation = try await house.activationToken()
    }

    private static func ownerElsewhere(_ first: Actor, _ house: TestHouse) async throws -> Person {
        let desk = house.house.desk
        let created = try await AccountOperations(desk).create(
            .init(kind: .person, name: "Owner there", login: "owner-there", role: .owner, withToken: false), first)
        let id = created.member.account.id
        let actor = Actor(organization: first.organization, account: id, role: .owner, token: nil)
        let webhook = try await WebhookOperations(desk).create(.init(name: "there"), actor)
        return Person(
            account: id.text, login: "owner-there",
            password: try await password(by: try #require(created.invitation).code, house),
            token: try await TokenOperations(desk).create(.init(kind: .management, name: "own"), actor).secret,
            webhook: webhook.id.text)
    }

    private static func password(by code: String, _ house: TestHouse) async throws -> String {
        let password = "correct horse \(code.suffix(8))"
        try await house.client("").setPassword(NewPassword(code: code, password: password))
        return password
    }

    /// Has everybody ask.
    func row(_ method: String, _ path: String, _ note: String, _ request: Request) async throws -> PermissionRow {
        var cells: [String] = []
        for who in Who.allCases {
            let asked = try await request(who)
            let answer = try await house.ask(method, asked, token: people[who]?.token)
            switch answer.status {
            case 401, 403, 404:
                cells.append("\(answer.status)")
            case 409 where answer.problem?.code == "management_token_of_another":
                cells.append("409")
            case 200..<300, 409:
                cells.append("yes")
            // A service account can't be invited and has no password, so there is no code that would be right.
            case 400 where answer.problem?.field == "code" && who == .service:
                cells.append("yes")
            default:
                let words = String(decoding: answer.body.prefix(300), as: UTF8.self)
                Issue.record("\(method) \(asked.path) by \(who.rawValue) gave \(answer.status): \(words)")
                cells.append("\(answer.status)")
            }
        }
        return PermissionRow(method: method, path: path, note: note, cells: cells)
    }

    // MARK: One request for each operation

    func requests(for route: Route) throws -> Request {
        let name = "\(route.method.rawValue) \(route.path)"
        let groups = [
            accountRequest, personRequest, tokenRequest, webhookRequest, credentialRequest, applicationRequest, resourceRequest,
            flowRequest, destinationRequest, deliveryRequest,
        ]
        let known = plain(name, route.path) ?? groups.lazy.compactMap { $0(name) }.first
        guard let known else { throw UnknownRoute(description: "MatrixTests has no request for \(name); write one.") }
        return known
    }

    // Where nothing has to be made first.
    private func plain(_ name: String, _ path: String) -> Request? {
        switch name {
        case "GET organization", "GET organizations", "GET accounts", "GET sessions", "GET me", "GET webhooks", "GET tokens",
            "GET events", "GET events/export", "GET calls", "GET calls/export", "GET calls/per-minute", "GET held", "GET outlook",
            "GET warnings",
            "GET audit", "GET audit/export",
            "GET audit/verify", "GET audit/key", "GET status", "GET openapi.yaml", "GET keys", "POST keys/rotate",
            "POST backup", "POST accounts/sweep", "GET credentials", "GET applications", "GET resources", "GET secret-variables",
            "GET flows", "GET destinations", "GET destination-kinds", "GET deliveries", "GET replays":
            { _ in Asked(path) }
        case "GET events/:id": { _ in Asked("events/\(event)") }
        case "GET events/:id/body": { _ in Asked("events/\(event)/body") }
        case "GET events/:id/fields": { _ in Asked("events/\(event)/fields") }
        case "GET calls/counts": { _ in Asked("calls/counts?by=cause") }
        case "PATCH organization": { _ in Asked(path, #"{"hold_calls":true}"#) }
        case "POST organizations": { _ in Asked(path, #"{"name":"Another"}"#) }
        case "POST held/release": { _ in Asked(path, #"{"all":true}"#) }
        case "POST keys/:id/retire": { _ in Asked("keys/1/retire", "{}") }
        default: nil
        }
    }

    private func accountRequest(_ name: String) -> Request? {
        switch name {
        case "POST accounts": { _ in Asked("accounts", #"{"kind":"service","name":"New"}"#) }
        case "GET accounts/:id": { _ in Asked("accounts/\(house.made.owner.text)") }
        case "GET accounts/:id/impact": { _ in Asked("accounts/\(house.made.owner.text)/impact") }
        case "PATCH accounts/:id": { _ in Asked("accounts/\(try await person(.viewer))", #"{"role":"member"}"#) }
        case "DELETE accounts/:id": { _ in Asked("accounts/\(try await person(.viewer))") }
        case "POST accounts/:id/deactivate": { _ in Asked("accounts/\(try await person(.viewer))/deactivate") }
        case "POST accounts/:id/activate": { _ in Asked("accounts/\(try await person(.viewer))/activate") }
        case "POST accounts/:id/block-sign-in": { _ in Asked("accounts/\(try await person(.viewer))/block-sign-in") }
        case "POST accounts/:id/allow-sign-in": { _ in Asked("accounts/\(try await person(.viewer))/allow-sign-in") }
        case "POST accounts/:id/end-sessions": { _ in Asked("accounts/\(try await person(.viewer))/end-sessions") }
        case "POST accounts/:id/remove-second-factor":
            { _ in Asked("accounts/\(try await person(.viewer))/remove-second-factor") }
        case "POST accounts/:id/password-reset": { _ in Asked("accounts/\(try await person(.viewer))/password-reset") }
        case "POST accounts/:id/invite": { _ in Asked("accounts/\(try await person(.viewer))/invite") }
        case "POST accounts/:id/transfer-tokens":
            { who in
                let holder = try await house.client().createAccount(
                    NewAccount(kind: "service", name: "Holder", withToken: true))
                return Asked("accounts/\(holder.id)/transfer-tokens", #"{"to":"\#(owner(for: who))"}"#)
            }
        case "POST invitations": { who in Asked("invitations", #"{"login":"\#(try await outsider(to: who))"}"#) }
        case "POST invitations/accept":
            { who in Asked("invitations/accept", #"{"code":"\#(try await invitation(for: who))"}"#) }
        default: nil
        }
    }

    private func personRequest(_ name: String) -> Request? {
        switch name {
        case "POST sessions":
            { _ in
                return Asked("sessions", #"{"login":"\#(house.made.login)","password":"\#(house.password)"}"#)
            }
        case "POST passwords":
            { _ in
                let invitation = try await house.client().inviteAgain(try await person(.viewer))
                return Asked("passwords", #"{"code":"\#(invitation.code)","password":"a phrase of my own"}"#)
            }
        case "POST set-up":
            { _ in
                let code = try await setUpCode()
                return Asked("set-up", #"{"code":"\#(code)","password":"\#(house.password)"}"#)
            }
        case "DELETE sessions/current": { who in Asked("sessions/current", in: try await ownSession(of: who)) }
        case "DELETE sessions/:id":
            { who in
                // Who has none of the first organization asks for its owner's.
                let whose: Who = [.admin, .member, .viewer].contains(who) ? who : .owner
                return Asked("sessions/\(try await ownSession(of: whose)?.session.id ?? "")")
            }
        case "POST sessions/current/organization":
            { who in
                let home = who == .elsewhere ? elsewhere.organization : house.made.organization
                return Asked(
                    "sessions/current/organization", #"{"organization":"\#(home.text)"}"#,
                    in: try await ownSession(of: who))
            }
        case "PATCH me": { _ in Asked("me", #"{"language":"nl"}"#) }
        case "POST me/password":
            { who in
                let password = people[who]?.password ?? ""
                return Asked("me/password", #"{"password":"\#(password)","new_password":"\#(password)"}"#)
            }
        case "POST me/second-factor": { who in Asked("me/second-factor", proof(of: who)) }
        case "POST me/second-factor/confirm":
            { who in Asked("me/second-factor/confirm", #"{"code":"\#(try await timeCode(of: who))"}"#) }
        case "POST me/second-factor/remove": { who in Asked("me/second-factor/remove", proof(of: who)) }
        default: nil
        }
    }

    private func tokenRequest(_ name: String) -> Request? {
        switch name {
        case "POST tokens":
            { who in
                Asked("tokens", #"{"kind":"app","webhook":"\#(people[who]?.webhook ?? "")","name":"new"}"#)
            }
        case "GET tokens/:id": { who in Asked("tokens/\(try await token(of: owner(for: who)))") }
        case "GET tokens/:id/impact": { who in Asked("tokens/\(try await token(of: owner(for: who)))/impact") }
        case "POST tokens/:id/transfer":
            { who in
                let id = try await token(of: owner(for: who))
                return Asked("tokens/\(id)/transfer", #"{"to":"\#(house.made.owner.text)"}"#)
            }
        default: tokenAct(name) { try await token(of: owner(for: $0)) }
        }
    }

    /// What is done to a token, which is made for each cell.
    private func tokenAct(_ name: String, _ made: @escaping (Who) async throws -> String) -> Request? {
        switch name {
        case "PATCH tokens/:id": { who in Asked("tokens/\(try await made(who))", #"{"name":"edited"}"#) }
        case "POST tokens/:id/deactivate": { who in Asked("tokens/\(try await made(who))/deactivate") }
        case "POST tokens/:id/rotate": { who in Asked("tokens/\(try await made(who))/rotate", "{}") }
        case "POST tokens/:id/end-overlap": { who in Asked("tokens/\(try await made(who))/end-overlap") }
        case "POST tokens/:id/activate":
            { who in
                let id = try await made(who)
                _ = try await house.client().deactivateToken(id)
                return Asked("tokens/\(id)/activate")
            }
        case "DELETE tokens/:id":
            { who in
                let id = try await made(who)
                _ = try await house.client().deactivateToken(id)
                return Asked("tokens/\(id)")
            }
        default: nil
        }
    }

    private func webhookRequest(_ name: String) -> Request? {
        switch name {
        case "POST webhooks": { _ in Asked("webhooks", #"{"name":"new"}"#) }
        case "GET webhooks/:id": { _ in Asked("webhooks/\(house.made.webhook.text)") }
        case "GET webhooks/:id/callers": { _ in Asked("webhooks/\(house.made.webhook.text)/callers") }
        case "GET webhooks/:id/fields": { _ in Asked("webhooks/\(house.made.webhook.text)/fields") }
        case "PATCH webhooks/:id": { _ in Asked("webhooks/\(try await webhook())", #"{"retention_days":7}"#) }
        case "POST webhooks/:id/pause": { _ in Asked("webhooks/\(try await webhook())/pause") }
        case "POST webhooks/:id/resume": { _ in Asked("webhooks/\(try await webhook())/resume") }
        default: nil
        }
    }

    private func credentialRequest(_ name: String) -> Request? {
        switch name {
        case "POST credentials": { _ in Asked("credentials", #"{"type":"deploy","name":"\#(fresh("new"))"}"#) }
        case "GET credentials/:id": { _ in Asked("credentials/\(try await credential().id)") }
        case "PATCH credentials/:id":
            { _ in Asked("credentials/\(try await credential().id)", #"{"name":"\#(fresh("edited"))"}"#) }
        case "DELETE credentials/:id":
            { _ in
                let target = try await credential()
                return Asked("credentials/\(target.id)", #"{"confirm_name":"\#(target.name)"}"#)
            }
        case "POST credentials/:id/regenerate": { _ in Asked("credentials/\(try await credential().id)/regenerate") }
        case "POST credentials/:id/reveal":
            { who in
                Asked("credentials/\(try await credential().id)/reveal", proof(of: who), in: try await ownSession(of: who))
            }
        case "GET credentials/:id/activations": { _ in Asked("credentials/\(try await credential().id)/activations") }
        case "DELETE credentials/:id/activations/:activation":
            { _ in
                let target = try await credential()
                _ = try await house.activate(try #require(target.secret))
                let activation = try #require(try await house.client().activations(of: target.id).items.first)
                return Asked("credentials/\(target.id)/activations/\(activation.id)")
            }
        default: nil
        }
    }

    private func applicationRequest(_ name: String) -> Request? {
        switch name {
        case "POST applications": { _ in Asked("applications", #"{"name":"\#(fresh("new"))"}"#) }
        case "GET applications/:id": { _ in Asked("applications/\(try await application().id)") }
        case "PATCH applications/:id":
            { _ in Asked("applications/\(try await application().id)", #"{"name":"\#(fresh("edited"))"}"#) }
        case "DELETE applications/:id":
            { _ in
                let target = try await application()
                return Asked("applications/\(target.id)", #"{"confirm_name":"\#(target.name)"}"#)
            }
        case "GET applications/:id/deploys": { _ in Asked("applications/\(try await application().id)/deploys") }
        case "GET applications/:id/measures": { _ in Asked("applications/\(try await application().id)/measures") }
        case "POST applications/:id/token/regenerate":
            { _ in Asked("applications/\(try await application().id)/token/regenerate") }
        case "POST applications/:id/token/reveal":
            { who in
                Asked(
                    "applications/\(try await application().id)/token/reveal", proof(of: who),
                    in: try await ownSession(of: who))
            }
        default: nil
        }
    }

    private func resourceRequest(_ name: String) -> Request? {
        switch name {
        case "GET resources/:id": { _ in Asked("resources/\(try await resource())") }
        case "PATCH resources/:id": { _ in Asked("resources/\(try await resource())", #"{"objective":99}"#) }
        case "DELETE resources/:id": { _ in Asked("resources/\(try await resource())") }
        case "GET resources/:id/availability": { _ in Asked("resources/\(try await resource())/availability") }
        case "PUT secret-variables/:id": { _ in Asked("secret-variables/NEW", #"{"value":"v"}"#) }
        case "DELETE secret-variables/:id":
            { _ in
                _ = try await house.client().setSecretVariable("TARGET", NewSecretVariable(value: "v"))
                return Asked("secret-variables/TARGET")
            }
        default: nil
        }
    }

    private func flowRequest(_ name: String) -> Request? {
        switch name {
        case "POST flows":
            { _ in
                let destination = try await destination("listen")
                return Asked(
                    "flows",
                    #"{"name":"\#(fresh("new"))","webhook":"\#(house.made.webhook.text)","destinations":["\#(destination)"]}"#)
            }
        case "GET flows/:id": { _ in Asked("flows/\(try await flow().id)") }
        case "PATCH flows/:id": { _ in Asked("flows/\(try await flow().id)", #"{"name":"\#(fresh("edited"))"}"#) }
        case "POST flows/:id/pause": { _ in Asked("flows/\(try await flow().id)/pause") }
        case "POST flows/:id/resume": { _ in Asked("flows/\(try await flow().id)/resume") }
        case "POST flows/:id/archive": { _ in Asked("flows/\(try await flow().id)/archive") }
        case "POST flows/:id/dry-run":
            { _ in Asked("flows/\(try await flow().id)/dry-run", #"{"event":"\#(event)"}"#) }
        default: nil
        }
    }

    private func destinationRequest(_ name: String) -> Request? {
        switch name {
        case "POST destinations": { _ in Asked("destinations", #"{"name":"\#(fresh("new"))","kind":"listen"}"#) }
        case "GET destinations/:id": { _ in Asked("destinations/\(try await destination("listen"))") }
        case "PATCH destinations/:id":
            { _ in Asked("destinations/\(try await destination("listen"))", #"{"concurrency":2}"#) }
        case "DELETE destinations/:id": { _ in Asked("destinations/\(try await destination("listen"))") }
        case "POST destinations/:id/disable": { _ in Asked("destinations/\(try await destination("listen"))/disable") }
        case "POST destinations/:id/enable": { _ in Asked("destinations/\(try await destination("listen"))/enable") }
        case "POST destinations/:id/rotate":
            { _ in Asked("destinations/\(try await destination("standard-webhooks"))/rotate") }
        case "POST destinations/:id/reveal":
            { who in
                Asked(
                    "destinations/\(try await destination("standard-webhooks"))/reveal", proof(of: who),
                    in: try await ownSession(of: who))
            }
        case "POST destinations/:id/claims": { _ in Asked("destinations/\(try await destination("listen"))/claims") }
        default: nil
        }
    }

    private func deliveryRequest(_ name: String) -> Request? {
        switch name {
        case "GET deliveries/:id": { _ in Asked("deliveries/\(try await delivery())") }
        case "POST deliveries/:id/retry": { _ in Asked("deliveries/\(try await delivery())/retry") }
        case "POST deliveries/:id/cancel": { _ in Asked("deliveries/\(try await delivery())/cancel") }
        case "POST deliveries/:id/attempts/:number":
            { _ in
                let flow = try await flow()
                let delivery = try await delivery(by: flow)
                let claims = try await house.client().claimDeliveries(of: try #require(flow.destinations.first))
                let claim = try #require(claims.first { $0.delivery == delivery })
                return Asked("deliveries/\(delivery)/attempts/\(claim.attempt)", #"{"status":200}"#)
            }
        case "POST events/:id/replay":
            { _ in
                _ = try await flow()
                return Asked("events/\(event)/replay")
            }
        case "POST replays":
            { _ in
                let flow = try await flow()
                return Asked("replays", #"{"webhook":"\#(flow.webhook)","flow":"\#(flow.id)","dry_run":true}"#)
            }
        case "GET replays/:id": { _ in Asked("replays/\(try await replay())") }
        case "POST replays/:id/cancel": { _ in Asked("replays/\(try await replay())/cancel") }
        default: nil
        }
    }

    /// Where the permission alone does not say it.
    var specialRequests: [(method: String, path: String, what: String, request: Request)] {
        tokenSpecials + ownerSpecials + [
            (
                "DELETE", "sessions/:id", "somebody else's session",
                { who in
                    let other = try await ownSession(of: who == .owner ? .member : .owner)
                    return Asked("sessions/\(other?.session.id ?? "")")
                }
            )
        ]
    }

    private var tokenSpecials: [(String, String, String, Request)] {
        let names = [
            "PATCH tokens/:id", "DELETE tokens/:id", "POST tokens/:id/deactivate", "POST tokens/:id/activate",
            "POST tokens/:id/rotate", "POST tokens/:id/end-overlap",
        ]
        let whose: [(String, (Who) async throws -> String)] = [
            ("somebody else's token", { try await token(of: somebodyElse(than: $0)) }),
            ("an owner's management token", { _ in try await managementToken(ofPerson: .owner) }),
            ("a viewer's management token", { _ in try await managementToken(ofPerson: .viewer) }),
            ("a service account's management token", { _ in try await managementTokenOfService() }),
        ]
        let acts = whose.flatMap { what, made in
            names.compactMap { name -> (String, String, String, Request)? in
                let parts = name.split(separator: " ").map(String.init)
                return tokenAct(name, made).map { (parts[0], parts[1], what, $0) }
            }
        }
        let new: [(String, (Who) async throws -> String)] = [
            ("an API token", { _ in #"{"kind":"api","name":"new"}"# }),
            (
                "an API token of another account",
                { who in
                    #"{"kind":"api","owner":"\#(try await serviceAccount(of: who))","name":"new"}"#
                }
            ),
            ("a management token of one's own", { _ in #"{"kind":"management","name":"new"}"# }),
            (
                "a management token of a service account",
                { who in
                    #"{"kind":"management","owner":"\#(try await serviceAccount(of: who))","name":"new"}"#
                }
            ),
        ]
        let scopes: [(String, (Who) async throws -> SignedIn?)] = [
            ("with the scope reveal, in a session", { try await ownSession(of: $0) }),
            ("with the scope reveal, by a management token", { _ in nil }),
        ]
        return acts + new.map { what, body in ("POST", "tokens", what, { who in Asked("tokens", try await body(who)) }) }
            + scopes.map { what, session in
                (
                    "POST", "tokens", what,
                    { who in
                        let password = people[who]?.password ?? ""
                        let body = #"{"kind":"management","name":"new","scopes":["reveal"],"password":"\#(password)"}"#
                        return Asked("tokens", body, in: try await session(who))
                    }
                )
            }
    }

    private var ownerSpecials: [(String, String, String, Request)] {
        let acts: [(String, String, String?)] = [
            ("PATCH", "", #"{"role":"viewer"}"#), ("DELETE", "", nil), ("POST", "/deactivate", nil),
            ("POST", "/activate", nil), ("POST", "/block-sign-in", nil), ("POST", "/allow-sign-in", nil),
            ("POST", "/end-sessions", nil), ("POST", "/remove-second-factor", nil), ("POST", "/password-reset", nil),
            ("POST", "/invite", nil),
        ]
        return acts.map { method, act, json in
            (
                method, "accounts/:id\(act)", "an account that is an owner",
                { _ in
                    Asked("accounts/\(try await person(.owner))\(act)", json)
                }
            )
        } + [
            (
                "PATCH", "accounts/:id", "making an owner of it",
                { _ in
                    Asked("accounts/\(try await person(.viewer))", #"{"role":"owner"}"#)
                }
            ),
            (
                "POST", "accounts", "with the role owner",
                { _ in
                    Asked("accounts", #"{"kind":"service","name":"New","role":"owner"}"#)
                }
            ),
            (
                "POST", "invitations", "with the role owner",
                { who in
                    Asked("invitations", #"{"login":"\#(try await outsider(to: who))","role":"owner"}"#)
                }
            ),
        ]
    }

    // MARK: Targets, made for one cell each

    /// Whose token is acted on: one's own, where one has an account in the first organization.
    private func owner(for who: Who) -> String {
        switch who {
        case .elsewhere, .nobody: house.made.owner.text
        default: people[who]?.account ?? ""
        }
    }

    private func somebodyElse(than who: Who) -> String {
        people[who == .owner ? .member : .owner]?.account ?? ""
    }

    private func person(_ role: Role) async throws -> String {
        try await house.client().createAccount(
            NewAccount(kind: "person", name: "Target", login: fresh("target"), role: role.rawValue)
        ).id
    }

    private func token(of owner: String) async throws -> String {
        try await house.client().createToken(
            NewToken(kind: "app", webhook: house.made.webhook.text, owner: owner, name: "target")
        ).id
    }

    private func managementToken(ofPerson role: Role) async throws -> String {
        let account: ID<Account> = try #require(ID(try await person(role)))
        // As an owner: what a viewer can't make, it may still have from the time when it was more.
        let then = Actor(organization: house.made.organization, account: account, role: .owner, token: nil)
        let created = try await TokenOperations(house.house.desk).create(.init(kind: .management, name: "target"), then)
        return created.entry.token.id.text
    }

    private func managementTokenOfService() async throws -> String {
        let service = try await house.client().createAccount(NewAccount(kind: "service", name: "Target", role: "viewer"))
        return try await house.client().createToken(
            NewToken(kind: "management", owner: service.id, name: "target")
        ).id
    }

    private func webhook() async throws -> String {
        try await house.client().createWebhook(NewWebhook(name: "target")).id
    }

    private func credential() async throws -> CredentialView {
        try await house.client().createCredential(NewCredential(type: "hits_failure", name: fresh("target")))
    }

    private func application() async throws -> ApplicationView {
        try await house.client().createApplication(NewApplication(name: fresh("target"), credential: deployCredential))
    }

    private func resource() async throws -> String {
        let name = fresh("target")
        let report = try await house.report(.hits, #"{"resource":"\#(name)","hits":1}"#, bearer: activation)
        #expect(report.status == 202)
        return name
    }

    private func destination(_ kind: String) async throws -> String {
        let settings = kind == "listen" ? [:] : ["url": "https://example.com/hook"]
        return try await house.client().createDestination(
            NewDestination(name: fresh("target"), kind: kind, settings: settings)
        ).id
    }

    private func flow() async throws -> FlowView {
        try await house.client().createFlow(
            NewFlow(
                name: fresh("target"), webhook: house.made.webhook.text, destinations: [try await destination("listen")]))
    }

    // Of an event that was there before, so that each has one by its own flow alone that matters.
    private func delivery(by flow: FlowView? = nil) async throws -> String {
        let flow = if let flow { flow } else { try await self.flow() }
        let deliveries = try await house.client().replayEvent(event)
        return try #require(deliveries.first { $0.flow == flow.id }).id
    }

    private func replay() async throws -> String {
        let flow = try await flow()
        let replay = try await house.client().startReplay(NewReplay(webhook: flow.webhook, flow: flow.id))
        // No more than a few may be under way.
        _ = try await house.client().cancelReplay(replay.id)
        return replay.id
    }

    private func serviceAccount(of who: Who) async throws -> String {
        let client = house.client(who == .elsewhere ? people[.elsewhere]?.token : nil)
        return try await client.createAccount(NewAccount(kind: "service", name: "Target", role: "viewer")).id
    }

    // A person who belongs to the other organization alone.
    private func outsider(to who: Who) async throws -> String {
        let client = house.client(who == .elsewhere ? nil : people[.elsewhere]?.token)
        let login = fresh("outsider")
        _ = try await client.createAccount(NewAccount(kind: "person", name: "Outsider", login: login))
        return login
    }

    // Into the organization where who asks is not yet.
    private func invitation(for who: Who) async throws -> String {
        guard let login = people[who]?.login, !login.isEmpty else { return Secret.random(.oneTime).revealed() }
        let host = house.client(who == .elsewhere ? nil : people[.elsewhere]?.token)
        return try await host.invite(NewInvitation(login: login)).code
    }

    // As before the first sign-in of the owner, who gets the same password again.
    private func setUpCode() async throws -> String {
        try await house.house.store.write { [owner = house.made.owner] transaction in
            try CredentialTable(transaction.connection).dropPassword(of: owner)
            try transaction.connection.execute("UPDATE memberships SET last_sign_in_at = NULL WHERE account = \(owner)")
        }
        return try #require(try await Installation(house.house.desk).setUpAgain()).code
    }

    /// Signs in who can, in the organization that is home.
    private func ownSession(of who: Who) async throws -> SignedIn? {
        guard let person = people[who], !person.password.isEmpty else { return nil }
        let home = who == .elsewhere ? elsewhere.organization : house.made.organization
        return try await house.client("").signIn(
            NewSession(login: person.login, password: person.password, organization: home.text))
    }

    private func proof(of who: Who) -> String {
        #"{"password":"\#(people[who]?.password ?? "")"}"#
    }

    private func timeCode(of who: Who) async throws -> String {
        guard let person = people[who], !person.login.isEmpty, let token = person.token else { return "000000" }
        let offered = try await house.client(token).addSecondFactor(PasswordProof(password: person.password))
        let secret = try #require(TimeCodeSecret(bytes: Self.bytes(ofBase32: offered.secret)))
        return secret.code(at: TimeCodeSecret.step(at: house.clock.now()))
    }

    private static func bytes(ofBase32 text: String) -> Data {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        let bits = text.compactMap { alphabet.firstIndex(of: $0) }.flatMap { value in
            (0..<5).map { value >> (4 - $0) & 1 }
        }
        return Data(
            stride(from: 0, to: bits.count - 7, by: 8).map { start in
                bits[start..<start + 8].reduce(UInt8(0)) { $0 << 1 | UInt8($1) }
            })
    }

    private func fresh(_ name: String) -> String {
        "\(name)-\(UUID().uuidString.lowercased())"
    }
}

extension TestHouse {
    /// A request to the REST API in a session, with a management token, or with no credential at all.
    fileprivate func ask(_ method: String, _ asked: Asked, token: String?) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(adminPort)/api/v1/\(asked.path)")
        request.method = HTTPMethod(rawValue: method)
        if let session = asked.session {
            request.headers.add(name: "Cookie", value: session.cookie)
            request.headers.add(name: "Inlet-CSRF", value: session.session.csrfToken ?? "")
        } else if let token {
            request.headers.add(name: "Authorization", value: "Bearer \(token)")
        }
        if let json = asked.json { request.body = .bytes(ByteBuffer(string: json)) }
        return try await Self.send(request)
    }
}
