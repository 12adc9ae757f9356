import Contract
import NIOHTTP1

extension InletClient {
    // MARK: Integration credentials

    /// The credentials of the organization, by which its services report.
    public func credentials(after: String? = nil, limit: Int? = nil) async throws -> PageView<CredentialView> {
        try await get("credentials", ["after": after, "limit": limit.map(String.init)])
    }

    /// Makes a credential; the answer shows the secret of one for hits and failures.
    public func createCredential(_ credential: NewCredential) async throws -> CredentialView {
        try await send(.POST, "credentials", credential)
    }

    /// - Parameter reference: id or name; so in all requests that name a credential.
    public func credential(_ reference: String) async throws -> CredentialView {
        try await get(Self.credential(reference))
    }

    /// Changes a credential; what the edit leaves out stays. A new name can ask for a new secret, by a rule of the organization.
    public func editCredential(_ reference: String, _ edit: CredentialEdit) async throws -> CredentialView {
        try await send(.PATCH, Self.credential(reference), edit)
    }

    /// Makes a new secret, shown in the answer; the old one and all tokens made by it end at once.
    public func regenerateCredential(_ reference: String) async throws -> CredentialView {
        try await send(.POST, Self.credential(reference) + "/regenerate")
    }

    /// Looks at the secret: a session by its password, a management token by its scope `reveal`. Each look is in the audit log.
    public func revealCredential(
        _ reference: String, _ reveal: RevealSecret = RevealSecret()
    ) async throws -> RevealedView {
        try await send(.POST, Self.credential(reference) + "/reveal", reveal)
    }

    /// All tokens made by it end at once. Refused unless its name is confirmed.
    public func deleteCredential(_ reference: String, _ confirmation: ConfirmDeletion) async throws {
        try await perform(.DELETE, Self.credential(reference), confirmation)
    }

    /// The activation tokens made by a credential that have not ended; never their secrets.
    public func activations(
        of reference: String, after: String? = nil, limit: Int? = nil
    ) async throws -> PageView<ActivationView> {
        try await get(
            Self.credential(reference) + "/activations", ["after": after, "limit": limit.map(String.init)])
    }

    /// Ends an activation token at once.
    public func revokeActivation(_ id: String, of reference: String) async throws {
        try await perform(.DELETE, Self.credential(reference) + "/activations/\(Self.escaped(id))")
    }

    private static func credential(_ reference: String) -> String { "credentials/\(escaped(reference))" }
}
