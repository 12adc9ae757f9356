import Contract
import NIOHTTP1

extension InletClient {
    // MARK: Tokens

    /// - Parameter owner: id or login of an account; tokens of all when `nil`.
    public func tokens(
        owner: String? = nil, after: String? = nil, limit: Int? = nil
    ) async throws -> PageView<TokenView> {
        try await get("tokens", ["owner": owner, "after": after, "limit": limit.map(String.init)])
    }

    /// Makes a token; the answer shows its secret this once.
    public func createToken(_ token: NewToken) async throws -> TokenView {
        try await send(.POST, "tokens", token)
    }

    /// A token, without its secret.
    public func token(_ id: String) async throws -> TokenView { try await get(Self.token(id)) }

    /// Changes a token; what the edit leaves out stays, and so does the secret.
    public func editToken(_ id: String, _ edit: TokenEdit) async throws -> TokenView {
        try await send(.PATCH, Self.token(id), edit)
    }

    /// No call that starts after the answer is accepted.
    public func deactivateToken(_ id: String) async throws -> TokenView {
        try await send(.POST, Self.token(id) + "/deactivate")
    }

    /// The token works again at once.
    public func activateToken(_ id: String) async throws -> TokenView {
        try await send(.POST, Self.token(id) + "/activate")
    }

    /// Refused unless it is inactive.
    public func deleteToken(_ id: String) async throws {
        try await perform(.DELETE, Self.token(id))
    }

    /// Gives a token a new secret, shown this once; the old one goes on working for a while.
    public func rotateToken(_ id: String, _ rotation: RotateToken = RotateToken()) async throws -> TokenView {
        try await send(.POST, Self.token(id) + "/rotate", rotation)
    }

    /// Only the newest secret works from now on.
    public func endOverlap(_ id: String) async throws -> TokenView {
        try await send(.POST, Self.token(id) + "/end-overlap")
    }

    /// Gives a token to another account; the secret stays.
    public func transferToken(_ id: String, _ transfer: TransferToken) async throws -> TokenView {
        try await send(.POST, Self.token(id) + "/transfer", transfer)
    }

    /// What was called with it.
    public func tokenImpact(_ id: String) async throws -> ImpactView {
        try await get(Self.token(id) + "/impact")
    }

    private static func token(_ id: String) -> String { "tokens/\(escaped(id))" }
}
