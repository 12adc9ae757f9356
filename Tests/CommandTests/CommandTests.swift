import ArgumentParser
import RestAPI
import Testing

@testable import inlet

@Suite struct CommandTests {
    /// The command for each address of the REST API; `nil` for the two that need none.
    static let commands: [String: String?] = [
        "GET organization": "org show", "PATCH organization": "org edit", "GET organizations": "org list",
        "POST organizations": "org create",
        "GET accounts": "account list", "POST accounts": "account create", "POST accounts/sweep": "account sweep",
        "GET accounts/:id": "account show", "PATCH accounts/:id": "account edit", "DELETE accounts/:id": "account delete",
        "GET accounts/:id/impact": "account impact", "POST accounts/:id/deactivate": "account deactivate",
        "POST accounts/:id/activate": "account activate", "POST accounts/:id/block-sign-in": "account block-sign-in",
        "POST accounts/:id/allow-sign-in": "account allow-sign-in", "POST accounts/:id/end-sessions": "account end-sessions",
        "POST accounts/:id/remove-second-factor": "account remove-second-factor",
        "POST accounts/:id/transfer-tokens": "account transfer-tokens",
        "POST accounts/:id/password-reset": "account password-reset", "POST accounts/:id/invite": "account invite",
        "POST invitations": "invitation create", "POST invitations/accept": "invitation accept",
        // The command line acts in another organization by signing in there.
        "POST sessions": "sign-in", "POST sessions/current/organization": nil, "POST passwords": "password set",
        "POST set-up": "set-up",
        "GET sessions": "session list", "DELETE sessions/current": "session end", "DELETE sessions/:id": "session end",
        "GET me": "me show", "PATCH me": "me edit",
        "POST me/password": "password change", "POST me/second-factor": "second-factor enable",
        "POST me/second-factor/confirm": "second-factor confirm", "POST me/second-factor/remove": "second-factor remove",
        "GET webhooks": "webhook list", "POST webhooks": "webhook create", "GET webhooks/:id": "webhook show",
        "PATCH webhooks/:id": "webhook edit", "GET webhooks/:id/fields": "webhook fields",
        "GET webhooks/:id/callers": "webhook callers",
        "POST webhooks/:id/pause": "webhook pause", "POST webhooks/:id/resume": "webhook resume",
        "GET tokens": "token list", "POST tokens": "token create", "GET tokens/:id": "token show",
        "PATCH tokens/:id": "token edit",
        "DELETE tokens/:id": "token delete", "GET tokens/:id/impact": "token impact",
        "POST tokens/:id/deactivate": "token deactivate", "POST tokens/:id/activate": "token activate",
        "POST tokens/:id/rotate": "token rotate", "POST tokens/:id/end-overlap": "token end-overlap",
        "POST tokens/:id/transfer": "token transfer",
        "GET events": "event list", "GET events/:id": "event show", "GET events/:id/body": "event body",
        "GET events/export": "event export", "GET events/:id/fields": "event fields", "GET calls/export": "call export",
        "GET calls": "call list", "GET calls/counts": "call counts",
        "GET calls/per-minute": "call rate", "GET held": "held list", "POST held/release": "held release",
        "GET outlook": "outlook show", "GET warnings": "outlook warnings",
        "GET audit": "audit list", "GET audit/export": "audit export", "GET audit/verify": "audit verify",
        "GET audit/key": "audit key",
        // The document of the REST API itself.
        "GET status": "status", "GET openapi.yaml": nil,
        "GET keys": "keys status", "POST keys/rotate": "keys rotate", "POST keys/:id/retire": "keys retire",
        "POST backup": "backup",
        "GET credentials": "credential list", "POST credentials": "credential create",
        "GET credentials/:id": "credential show", "PATCH credentials/:id": "credential edit",
        "DELETE credentials/:id": "credential delete", "POST credentials/:id/regenerate": "credential regenerate",
        "POST credentials/:id/reveal": "credential reveal", "GET credentials/:id/activations": "credential activations",
        "DELETE credentials/:id/activations/:activation": "credential revoke-activation",
        "GET applications": "application list", "POST applications": "application create",
        "GET applications/:id": "application show", "PATCH applications/:id": "application edit",
        "DELETE applications/:id": "application delete", "GET applications/:id/deploys": "application deploys",
        "GET applications/:id/measures": "application measures",
        "POST applications/:id/token/reveal": "application reveal",
        "POST applications/:id/token/regenerate": "application regenerate",
        "GET resources": "resource list", "GET resources/:id": "resource show", "PATCH resources/:id": "resource edit",
        "DELETE resources/:id": "resource delete", "GET resources/:id/availability": "resource availability",
        "GET secret-variables": "secret list", "PUT secret-variables/:id": "secret set",
        "DELETE secret-variables/:id": "secret delete",
        "GET flows": "flow list", "POST flows": "flow create", "GET flows/:id": "flow show", "PATCH flows/:id": "flow edit",
        "POST flows/:id/pause": "flow pause", "POST flows/:id/resume": "flow resume",
        "POST flows/:id/archive": "flow archive", "POST flows/:id/dry-run": "flow dry-run",
        "GET destination-kinds": "destination kinds", "GET destinations": "destination list",
        "POST destinations": "destination create", "GET destinations/:id": "destination show",
        "PATCH destinations/:id": "destination edit", "DELETE destinations/:id": "destination delete",
        "POST destinations/:id/disable": "destination disable", "POST destinations/:id/enable": "destination enable",
        "POST destinations/:id/rotate": "destination rotate", "POST destinations/:id/reveal": "destination reveal",
        "POST destinations/:id/claims": "destination claim",
        "GET deliveries": "delivery list", "GET deliveries/:id": "delivery show",
        "POST deliveries/:id/retry": "delivery retry", "POST deliveries/:id/cancel": "delivery cancel",
        "POST deliveries/:id/attempts/:number": "delivery settle", "POST events/:id/replay": "event replay",
        "GET replays": "replay list", "POST replays": "replay start", "GET replays/:id": "replay show",
        "POST replays/:id/cancel": "replay cancel",
    ]

    @Test func `N9 for everything that the REST API does there is a command`() {
        let routes = Set(AllRoutes.list.map { "\($0.method.rawValue) \($0.path)" })
        let known = Self.words(of: Inlet.self)

        // A new address fails here until its command is named, and a command that goes does too.
        #expect(routes == Set(Self.commands.keys))
        for command in Self.commands.values.compactMap(\.self) { #expect(known.contains(command)) }
    }

    /// What is typed for each command that does something, `token list` for example.
    private static func words(of command: any ParsableCommand.Type, after prefix: String = "") -> Set<String> {
        command.configuration.subcommands.reduce(into: []) { words, subcommand in
            let word = prefix + subcommand._commandName
            words.insert(word)
            words.formUnion(Self.words(of: subcommand, after: word + " "))
        }
    }
}
