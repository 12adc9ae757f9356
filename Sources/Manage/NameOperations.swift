import Domain
import Storage

/// The names of what pages mention by id, and what their filters offer.
package struct NameOperations: Sendable {
    private let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// What a page mentions.
    package struct Mentions: Sendable {
        package var webhooks: Set<ID<Webhook>> = []
        package var tokens: Set<ID<Token>> = []
        package var integrationTokens: Set<ID<IntegrationToken>> = []
        package var flows: Set<ID<Flow>> = []
        package var destinations: Set<ID<Destination>> = []
        package var accounts: Set<ID<Account>> = []

        package init() {}
    }

    /// Names by id; what was deleted has none, but for tokens.
    package struct Names: Sendable {
        package var webhooks: [ID<Webhook>: Label] = [:]
        package var tokens: [ID<Token>: Label] = [:]
        package var integrationTokens: [ID<IntegrationToken>: Label] = [:]
        package var flows: [ID<Flow>: Label] = [:]
        package var destinations: [ID<Destination>: Label] = [:]
        package var accounts: [ID<Account>: Label] = [:]
    }

    /// Looks up the names of what is mentioned.
    package func names(_ asked: Mentions, _ actor: Actor) async throws -> Names {
        try await desk.look(actor, .readOrganization) { connection in
            let place = actor.organization
            var names = Names()
            for id in asked.webhooks { names.webhooks[id] = try WebhookTable(connection).find(id, in: place)?.name }
            names.tokens = try TokenTable(connection).names(of: asked.tokens, in: place)
            names.integrationTokens = try IntegrationTable(connection).names(of: asked.integrationTokens, in: place)
            for id in asked.flows { names.flows[id] = try FlowTable(connection).find(id, in: place)?.name }
            for id in asked.destinations { names.destinations[id] = try DestinationTable(connection).find(id, in: place)?.name }
            for id in asked.accounts { names.accounts[id] = try AccountTable(connection).find(id, in: place)?.account.name }
            return names
        }
    }

    /// Something to choose, by id and name.
    package struct Choice: Sendable {
        package let id: String
        package let name: Label
    }

    /// What the filters of a listing offer, each sorted by name.
    package struct Choices: Sendable {
        package let webhooks: [Choice]
        /// `nil` if there are more tokens than a list of choices helps with.
        package let tokens: [Choice]?
        package let flows: [Choice]
        package let destinations: [Choice]
    }

    private static let webhooksMax = 1_000
    private static let tokensMax = 300

    /// All webhooks, tokens that open ingest, flows and destinations of the organization.
    package func choices(_ actor: Actor) async throws -> Choices {
        try await desk.look(actor, .readOrganization) { connection in
            let place = actor.organization
            let webhooks = try WebhookTable(connection).list(in: place, after: nil, limit: Self.webhooksMax)
            let tokens = try TokenTable(connection).list(in: place, after: nil, limit: Self.tokensMax + 1)
            let flows = try FlowTable(connection).list(in: place, webhook: nil, after: nil, limit: Limits.flowsMax)
            let destinations = try DestinationTable(connection).list(in: place, after: nil, limit: Limits.destinationsMax)
            return Choices(
                webhooks: Self.sorted(webhooks.map { Choice(id: $0.id.text, name: $0.name) }),
                tokens: tokens.count > Self.tokensMax
                    ? nil
                    : Self.sorted(
                        tokens.map(\.token).filter { $0.scope != .management }.map { Choice(id: $0.id.text, name: $0.name) }),
                flows: Self.sorted(flows.map { Choice(id: $0.id.text, name: $0.name) }),
                destinations: Self.sorted(
                    destinations.map { Choice(id: $0.id.text, name: $0.name) }))
        }
    }

    private static func sorted(_ choices: [Choice]) -> [Choice] {
        choices.sorted { ($0.name.text.lowercased(), $0.id) < ($1.name.text.lowercased(), $1.id) }
    }
}
