import Domain
import Storage
import Synchronization

/// Who may call, in memory: digest to token, token to webhook and owner. Loaded at start, changed in the same step as the database.
///
/// It holds identities, never verdicts: every call is judged anew against what stands here at that moment.
package final class Roster: CredentialObserver {
    private let state: Mutex<State>
    private let counter = Atomic<Int>(0)

    private struct State {
        var organizations: [ID<Organization>: Organization] = [:]
        var webhooks: [String: Webhook] = [:]
        var tokens: [SecretDigest: Holder] = [:]
        var digests: [ID<Token>: [SecretDigest]] = [:]
        var members: [MemberKey: Lifecycle] = [:]
        var integrationTokens: [SecretDigest: IntegrationToken] = [:]
        var integrationDigests: [ID<IntegrationToken>: SecretDigest] = [:]
        var routes: [ID<Webhook>: [FlowRoute]] = [:]
        var home: ID<Organization>?

        mutating func replace(_ id: ID<Token>, with entry: TokenTable.Entry?) {
            for digest in digests.removeValue(forKey: id) ?? [] { tokens[digest] = nil }
            guard let entry, entry.token.scope != .management else { return }
            for secret in entry.secrets {
                tokens[secret.digest] = Holder(token: entry.token, endsAt: secret.endsAt)
                digests[id, default: []].append(secret.digest)
            }
        }

        mutating func replace(_ id: ID<IntegrationToken>, with token: IntegrationToken?) {
            if let digest = integrationDigests.removeValue(forKey: id) { integrationTokens[digest] = nil }
            guard var token else { return }
            // Nothing here looks into it.
            token.sealed = nil
            integrationTokens[token.digest.digest] = token
            integrationDigests[id] = token.digest.digest
        }

        func standing(of digest: SecretDigest) -> Standing? {
            guard let holder = tokens[digest] else { return nil }
            let token = holder.token
            let organization = organizations[token.organization]
            let member = MemberKey(organization: token.organization, account: token.owner)
            return Standing(
                token: token, secretEndsAt: holder.endsAt,
                // An owner who is no member any more opens nothing.
                owner: members[member] ?? .deleted(at: token.createdAt),
                dailyQuota: organization?.dailyQuota, holdsCalls: organization?.holdsCalls ?? false)
        }
    }

    /// Whom a secret belongs to.
    private struct Holder {
        let token: Token
        let endsAt: Timestamp?
    }

    private struct MemberKey: Hashable {
        let organization: ID<Organization>
        let account: ID<Account>

        func hash(into hasher: inout Hasher) {
            hasher.combine(account)
        }
    }

    /// Whether there is any flow at all.
    var hasRoutes: Bool {
        state.withLock { !$0.routes.isEmpty }
    }

    /// The routes of a webhook's events; most have none or one.
    func routes(of webhook: ID<Webhook>) -> [FlowRoute] {
        state.withLock { $0.routes[webhook] ?? [] }
    }

    /// Reads everything once.
    package init(loading connection: any Connection) throws {
        var state = State()
        state.home = try InstallationTable(connection).homeOrganization()
        for organization in try OrganizationTable(connection).all() { state.organizations[organization.id] = organization }
        for webhook in try WebhookTable(connection).all() { state.webhooks[webhook.id.text] = webhook }
        for webhook in Set(try FlowTable(connection).allTaking().map(\.webhook)) {
            state.routes[webhook] = try FlowRoute.read(webhook, connection)
        }
        for membership in try AccountTable(connection).allMemberships() {
            let key = MemberKey(organization: membership.organization, account: membership.account)
            state.members[key] = membership.state
        }
        for entry in try TokenTable(connection).allForIngest() { state.replace(entry.token.id, with: entry) }
        for token in try IntegrationTable(connection).allTokens() { state.replace(token.id, with: token) }
        self.state = Mutex(state)
    }

    /// Opens the roster of a store and keeps it current from then on.
    package static func open(_ store: Store) async throws -> Roster {
        // On the writer, so that no change can slip in between the reading and the listening.
        try await store.write { transaction in
            let roster = try Roster(loading: transaction.connection)
            store.add(roster)
            return roster
        }
    }

    /// Counts changes. As long as it stands still, no credential has changed.
    package var generation: Int {
        counter.load(ordering: .acquiring)
    }

    /// The organization that lists refused calls which belong to no other.
    var home: ID<Organization>? {
        state.withLock { $0.home }
    }

    /// Finds the webhook of that public id, and the organization it belongs to.
    func webhook(_ id: String) -> Webhook? {
        state.withLock { $0.webhooks[id] }
    }

    /// What stands here about a caller's secret.
    struct Standing {
        let token: Token
        /// When this secret of the token ends, or has ended (N6).
        let secretEndsAt: Timestamp?
        let owner: Lifecycle
        let dailyQuota: Int64?
        let holdsCalls: Bool
    }

    func standing(of digest: SecretDigest) -> Standing? {
        state.withLock { $0.standing(of: digest) }
    }

    /// The first of one secret's digests that is known. Looked for in one step, for a secret moves from one to another.
    func standing(ofAny digests: [KeyedDigest]) -> (KeyedDigest, Standing)? {
        state.withLock { state in
            for keyed in digests {
                if let standing = state.standing(of: keyed.digest) { return (keyed, standing) }
            }
            return nil
        }
    }

    /// What stands here about the secret of an integration token.
    struct IntegrationStanding {
        let token: IntegrationToken
        let dailyQuota: Int64?
    }

    /// The first of one secret's digests that is an integration token's.
    func integrationStanding(ofAny digests: [KeyedDigest]) -> (KeyedDigest, IntegrationStanding)? {
        state.withLock { state in
            for keyed in digests {
                guard let token = state.integrationTokens[keyed.digest] else { continue }
                let quota = state.organizations[token.organization]?.dailyQuota
                return (keyed, IntegrationStanding(token: token, dailyQuota: quota))
            }
            return nil
        }
    }

    package func prepareAll(_ connection: any Connection) throws -> @Sendable () -> Void {
        let all = try Roster(loading: connection)
        return { [self] in
            state.withLock { state in state = all.state.withLock { $0 } }
            counter.add(1, ordering: .releasing)
        }
    }

    package func prepare(
        _ changes: [CredentialChange], _ connection: any Connection
    ) throws -> @Sendable () -> Void {
        var updates: [@Sendable (inout State) -> Void] = []
        for change in Set(changes) {
            switch change {
            case .organization(let id):
                let organization = try OrganizationTable(connection).find(id)
                let home = try InstallationTable(connection).homeOrganization()
                updates.append { state in
                    state.organizations[id] = organization
                    state.home = home
                }
            case .webhook(let id):
                let webhook = try WebhookTable(connection).findAnywhere(id)
                updates.append { $0.webhooks[id.text] = webhook }
            case .token(let id):
                let entry = try TokenTable(connection).findAnywhere(id)
                updates.append { $0.replace(id, with: entry) }
            case .flow(let id):
                guard let flow = try FlowTable(connection).findAnywhere(id) else { continue }
                let routes = try FlowRoute.read(flow.webhook, connection)
                updates.append { $0.routes[flow.webhook] = routes.isEmpty ? nil : routes }
            case .destination(let id):
                for flow in try FlowTable(connection).using(id) {
                    let routes = try FlowRoute.read(flow.webhook, connection)
                    updates.append { $0.routes[flow.webhook] = routes.isEmpty ? nil : routes }
                }
            case .integrationToken(let id):
                let token = try IntegrationTable(connection).findAnywhere(id)
                updates.append { $0.replace(id, with: token) }
            case .membership(let organization, let account):
                let membership = try AccountTable(connection).find(account, in: organization)?.membership
                updates.append {
                    $0.members[MemberKey(organization: organization, account: account)] = membership?.state
                }
            }
        }
        return { [updates, self] in
            state.withLock { state in
                for update in updates { update(&state) }
            }
            counter.add(1, ordering: .releasing)
        }
    }
}
