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
        var tokens: [SecretDigest: Token] = [:]
        var digests: [ID<Token>: [SecretDigest]] = [:]
        var members: [MemberKey: Lifecycle] = [:]
        var home: ID<Organization>?

        mutating func replace(_ id: ID<Token>, with entries: [TokenTable.Entry]) {
            for digest in digests.removeValue(forKey: id) ?? [] { tokens[digest] = nil }
            for entry in entries where entry.token.scope != .management {
                tokens[entry.secret.digest] = entry.token
                digests[id, default: []].append(entry.secret.digest)
            }
        }
    }

    private struct MemberKey: Hashable {
        let organization: ID<Organization>
        let account: ID<Account>

        func hash(into hasher: inout Hasher) {
            hasher.combine(account)
        }
    }

    /// Reads everything once.
    package init(loading connection: any Connection) throws {
        var state = State()
        state.home = try InstallationTable(connection).homeOrganization()
        for organization in try OrganizationTable(connection).all() { state.organizations[organization.id] = organization }
        for webhook in try WebhookTable(connection).all() { state.webhooks[webhook.id.text] = webhook }
        for membership in try AccountTable(connection).allMemberships() {
            let key = MemberKey(organization: membership.organization, account: membership.account)
            state.members[key] = membership.state
        }
        for entry in try TokenTable(connection).allForIngest() {
            state.tokens[entry.secret.digest] = entry.token
            state.digests[entry.token.id, default: []].append(entry.secret.digest)
        }
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
        let owner: Lifecycle
        let dailyQuota: Int64?
    }

    func standing(of digest: SecretDigest) -> Standing? {
        state.withLock { state in
            guard let token = state.tokens[digest] else { return nil }
            let member = MemberKey(organization: token.organization, account: token.owner)
            return Standing(
                token: token,
                // An owner who is no member any more opens nothing.
                owner: state.members[member] ?? .deleted(at: token.createdAt),
                dailyQuota: state.organizations[token.organization]?.dailyQuota)
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
                let entries = try TokenTable(connection).secrets(of: id)
                updates.append { $0.replace(id, with: entries) }
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
