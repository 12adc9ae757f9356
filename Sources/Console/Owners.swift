import Domain
import Manage
import Storage
import WebSupport

/// The accounts that own what a page shows.
struct Owners: Sendable {
    private var known: [ID<Account>: AccountOperations.Shown] = [:]

    /// Reads the accounts of those ids, each once; those that have left are missing.
    init(_ ids: some Sequence<ID<Account>>, _ request: PageRequest) async throws {
        for id in Set(ids) {
            do {
                known[id] = try await request.operations.accounts.show(id.text, request.actor)
            } catch OperationError.notFound {
                continue
            }
        }
    }

    /// Whether calls with the account's tokens are refused now (D6).
    func isInactive(_ id: ID<Account>) -> Bool {
        known[id].map { !$0.member.membership.state.isActive } ?? true
    }

    /// When the account fell inactive; `nil` if it did not, or has left.
    func inactiveSince(_ id: ID<Account>) -> Timestamp? {
        guard case .inactive(let since, _) = known[id]?.member.membership.state else { return nil }
        return since
    }

    func name(_ id: ID<Account>, _ words: Words) -> String {
        known[id]?.member.account.name.text ?? words["token.owner_left"]
    }

    /// For the partial `owner`.
    func model(_ id: ID<Account>, _ request: PageRequest) -> Model {
        [
            "name": name(id, request.words), "href": known[id] == nil ? false : "/accounts/\(id.text)" as Any,
            "badge": known[id] != nil && isInactive(id) ? request.input.badge("token.owner_inactive", .warn) as Any : false,
        ]
    }
}

extension PageRequest {
    /// The active accounts of the organization as options, for those who may choose an owner; the first one is none.
    func accountOptions() async throws -> [Field.Option] {
        var options: [Field.Option] = []
        var next: String?
        repeat {
            let page = try await input.operations.accounts.list(after: next, limit: Limits.pageItems.upperBound, actor)
            options += page.items.filter { $0.member.membership.state.isActive }.map { shown in
                let account = shown.member.account
                let second = account.login ?? input.words["token.service_account"]
                return Field.Option(account.id.text, "\(account.name.text) (\(second))")
            }
            next = page.next
        } while next != nil && options.count < 5_000
        let sorted = options.sorted { $0.label.lowercased() < $1.label.lowercased() }
        return [Field.Option("", input.words["token.choose_account"])] + sorted
    }
}
