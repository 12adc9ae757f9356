import Contract
import NIOHTTP1

extension InletClient {
    // MARK: Accounts

    /// The accounts of the organization.
    public func accounts(after: String? = nil, limit: Int? = nil) async throws -> PageView<AccountView> {
        try await get("accounts", ["after": after, "limit": limit.map(String.init)])
    }

    /// Makes an account; the answer shows its token and its invitation this once.
    public func createAccount(_ account: NewAccount) async throws -> AccountView {
        try await send(.POST, "accounts", account)
    }

    /// - Parameter reference: id or login; so in all requests that name an account.
    public func account(_ reference: String) async throws -> AccountView { try await get(Self.account(reference)) }

    /// Changes name or role; what the edit leaves out stays.
    public func editAccount(_ reference: String, _ edit: AccountEdit) async throws -> AccountView {
        try await send(.PATCH, Self.account(reference), edit)
    }

    /// Refused while it has tokens.
    public func deleteAccount(_ reference: String) async throws {
        try await perform(.DELETE, Self.account(reference))
    }

    /// Its tokens stop at once.
    public func deactivateAccount(_ reference: String) async throws -> AccountView {
        try await send(.POST, Self.account(reference) + "/deactivate")
    }

    /// Its tokens work again at once.
    public func activateAccount(_ reference: String) async throws -> AccountView {
        try await send(.POST, Self.account(reference) + "/activate")
    }

    /// The person's access ends, with all sessions and management tokens; tokens of callers go on.
    public func blockSignIn(_ reference: String) async throws -> AccountView {
        try await send(.POST, Self.account(reference) + "/block-sign-in")
    }

    /// Gives a person access again.
    public func allowSignIn(_ reference: String) async throws -> AccountView {
        try await send(.POST, Self.account(reference) + "/allow-sign-in")
    }

    /// Makes a one-time link to choose a new password with; sessions end, tokens go on.
    public func resetPassword(_ reference: String) async throws -> OneTimeLinkView {
        try await send(.POST, Self.account(reference) + "/password-reset")
    }

    /// Makes a new one-time link for a person who has no password yet.
    public func inviteAgain(_ reference: String) async throws -> OneTimeLinkView {
        try await send(.POST, Self.account(reference) + "/invite")
    }

    /// Ends all sessions of a person.
    public func endSessions(of reference: String) async throws {
        try await perform(.POST, Self.account(reference) + "/end-sessions")
    }

    /// For a person who lost it.
    public func removeSecondFactor(of reference: String) async throws {
        try await perform(.POST, Self.account(reference) + "/remove-second-factor")
    }

    /// Gives tokens to another account; their secrets stay.
    public func transferTokens(of reference: String, _ transfer: TransferTokens) async throws -> TransferView {
        try await send(.POST, Self.account(reference) + "/transfer-tokens", transfer)
    }

    /// What was called with its tokens.
    public func accountImpact(_ reference: String) async throws -> ImpactView {
        try await get(Self.account(reference) + "/impact")
    }

    /// Confirms a sweep for idle accounts that held back.
    public func confirmSweep() async throws -> SweepView { try await send(.POST, "accounts/sweep") }

    private static func account(_ reference: String) -> String { "accounts/\(escaped(reference))" }

    // MARK: Invitations

    /// Makes a one-time link for a person of another organization of this server.
    public func invite(_ invitation: NewInvitation) async throws -> OneTimeLinkView {
        try await send(.POST, "invitations", invitation)
    }

    /// The signed-in person becomes a member.
    public func acceptInvitation(_ invitation: AcceptInvitation) async throws -> AcceptedView {
        try await send(.POST, "invitations/accept", invitation)
    }
}
