import Contract
import NIOHTTP1

extension InletClient {
    // MARK: Secret variables

    /// The secret variables of the organization; never their values.
    public func secretVariables(after: String? = nil, limit: Int? = nil) async throws -> PageView<SecretVariableView> {
        try await get("secret-variables", ["after": after, "limit": limit.map(String.init)])
    }

    /// Makes a secret variable, or gives one that is there a new value.
    public func setSecretVariable(_ name: String, _ variable: NewSecretVariable) async throws -> SecretVariableView {
        try await send(.PUT, Self.secretVariable(name), variable)
    }

    /// Refused while it is used.
    public func deleteSecretVariable(_ name: String) async throws {
        try await perform(.DELETE, Self.secretVariable(name))
    }

    private static func secretVariable(_ name: String) -> String { "secret-variables/\(escaped(name))" }
}
