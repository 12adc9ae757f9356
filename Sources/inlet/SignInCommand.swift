import ArgumentParser
import Client
import Contract
import Domain
import Foundation

/// `inlet sign-in`: a password becomes a management token for the command line.
struct SignInCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign-in",
        abstract: "Sign in by password, and let the command line act as you for 30 days.",
        discussion: """
            Asks for the password and, if you have one, the second factor; without a terminal they are the lines of standard \
            input. Makes a management token and writes a profile with it; a profile that is there already is kept beside it.
            """)
    @OptionGroup var address: ServerAddress
    @Option(help: "What you sign in with.") var login: String
    @Option(help: "Id of the organization to act in (default: the one you used last).") var organization: String?
    @Option(help: "What the token may do beside the usual: reveal, to look at sealed secrets.") var scope: [String] = []
    @Flag(help: "Print one JSON object.") var json = false

    /// What was done; never the token's secret.
    struct Printed: Encodable {
        let server: String
        let account: String
        let organization: String
        let role: String
        let token: String
        let expiresAt: String?
        let profile: String
    }

    func run() async throws {
        try await Failures.shown {
            let client = try address.client()
            let password = try Terminal.secret("Password of \(Output.printable(login)): ")
            let signedIn = try await signIn(client, password)
            let token = try await makeToken(client.acting(as: signedIn), password)
            guard let secret = token.secret else {
                throw ClientError.unreadable("\(try address.url()) made a token and did not say its secret.")
            }
            let written = try Profile(server: try address.url(), token: secret).writeReplacingOlder()
            if json {
                return try Output.json(
                    Printed(
                        server: try address.url(), account: signedIn.session.account,
                        organization: signedIn.session.organization, role: signedIn.session.role, token: token.id,
                        expiresAt: token.expiresAt, profile: Profile.file.path))
            }
            try Output.text("Signed in as \(signedIn.session.role) until \(token.expiresAt ?? "further notice"). \(written)")
        }
    }

    private func signIn(_ client: InletClient, _ password: String) async throws -> SignedIn {
        var asked = NewSession(login: login, password: password, organization: organization)
        do {
            return try await client.signIn(asked)
        } catch ClientError.problem(let problem) where problem.code == "second_factor_required" {
            asked.code = try Terminal.line("Code of the authenticator app: ")
            return try await client.signIn(asked)
        }
    }

    // The session has done its work with that.
    private func makeToken(_ client: InletClient, _ password: String) async throws -> TokenView {
        let asked = NewToken(
            kind: "management", name: Self.tokenName, expiresAt: SystemClock().now().adding(.days(30)).text,
            scopes: scope.isEmpty ? nil : scope, password: scope.isEmpty ? nil : password)
        do {
            let token = try await client.createToken(asked)
            try? await client.endSession("current")
            return token
        } catch {
            try? await client.endSession("current")
            throw error
        }
    }

    private static var tokenName: String {
        var bytes = [CChar](repeating: 0, count: 256)
        let isKnown = gethostname(&bytes, bytes.count - 1) == 0
        let host = String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return String("Command line of \(NSUserName())@\(isKnown ? host : "unknown")".prefix(100))
    }
}
