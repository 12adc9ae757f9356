import Domain
import Storage

/// What was called with some tokens in the last days: what to know before they are switched off. Row N5.
package struct Impact: Sendable {
    /// Calls at one webhook.
    package struct WebhookUse: Sendable {
        package let webhook: ID<Webhook>
        package let name: Label?
        package let count: Int64
        package let lastAt: Timestamp
        /// Where the calls came from, the latest first; at most 20.
        package let addresses: [String]
    }

    /// Calls with one token.
    package struct TokenUse: Sendable {
        package let token: ID<Token>
        package let name: Label
        package let count: Int64
        package let lastAt: Timestamp?
    }

    package let subject: String
    package let count: Int64
    package let lastAt: Timestamp?
    /// The most called first.
    package let webhooks: [WebhookUse]
    package let tokens: [TokenUse]

    private static let addressesMax = 20

    static func of(
        _ tokens: [Token], subject: String, in organization: ID<Organization>, today: Int64, _ connection: any Connection
    ) throws -> Impact {
        let since = today - Limits.usageDays + 1
        let uses = try CallCountTable(connection).uses(of: tokens.map(\.id), in: organization, since: since)
        let webhooks = try Dictionary(grouping: uses, by: \.webhook).map { webhook, uses in
            WebhookUse(
                webhook: webhook, name: try WebhookTable(connection).find(webhook, in: organization)?.name,
                count: sum(uses), lastAt: uses.map(\.lastAt).max() ?? Timestamp(microseconds: 0), addresses: addresses(uses))
        }
        let byToken = Dictionary(grouping: uses, by: \.token)
        return Impact(
            subject: subject, count: sum(uses), lastAt: uses.map(\.lastAt).max(),
            webhooks: webhooks.sorted { ($0.count, $1.webhook) > ($1.count, $0.webhook) },
            tokens: tokens.map { token in
                let own = byToken[token.id, default: []]
                return TokenUse(token: token.id, name: token.name, count: sum(own), lastAt: own.map(\.lastAt).max())
            })
    }

    private static func sum(_ uses: [CallCountTable.Use]) -> Int64 {
        uses.reduce(0) { $0 + $1.count }
    }

    private static func addresses(_ uses: [CallCountTable.Use]) -> [String] {
        var seen: Set<String> = []
        let latest = uses.sorted { $0.lastAt > $1.lastAt }.map(\.address).filter { !$0.isEmpty && seen.insert($0).inserted }
        return Array(latest.prefix(addressesMax))
    }
}
