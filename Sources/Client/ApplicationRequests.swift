import Contract
import NIOHTTP1

extension InletClient {
    // MARK: Applications

    /// The applications of the organization.
    public func applications(after: String? = nil, limit: Int? = nil) async throws -> PageView<ApplicationView> {
        try await get("applications", ["after": after, "limit": limit.map(String.init)])
    }

    /// Makes an application; the answer shows its deploy token if there is a Deploy credential.
    public func createApplication(_ application: NewApplication) async throws -> ApplicationView {
        try await send(.POST, "applications", application)
    }

    /// - Parameter reference: id or name; so in all requests that name an application.
    public func application(_ reference: String) async throws -> ApplicationView {
        try await get(Self.application(reference))
    }

    /// Changes an application; what the edit leaves out stays. Another credential takes the token along.
    public func editApplication(_ reference: String, _ edit: ApplicationEdit) async throws -> ApplicationView {
        try await send(.PATCH, Self.application(reference), edit)
    }

    /// Its token ends and its history goes. Refused unless its name is confirmed.
    public func deleteApplication(_ reference: String, _ confirmation: ConfirmDeletion) async throws {
        try await perform(.DELETE, Self.application(reference), confirmation)
    }

    /// Looks at the deploy token: a session by its password, a management token by its scope `reveal`. Each look is in the audit
    /// log.
    public func revealDeployToken(
        of reference: String, _ reveal: RevealSecret = RevealSecret()
    ) async throws -> RevealedView {
        try await send(.POST, Self.application(reference) + "/token/reveal", reveal)
    }

    /// Makes a new deploy token; the old one ends at once.
    public func regenerateDeployToken(of reference: String) async throws -> RevealedView {
        try await send(.POST, Self.application(reference) + "/token/regenerate")
    }

    // MARK: Deploys

    /// Reports of deploys, newest first.
    ///
    /// - Parameter environment: those of all when `nil`.
    public func deploys(
        of reference: String, environment: String? = nil, after: String? = nil, limit: Int? = nil
    ) async throws -> PageView<DeployView> {
        try await get(
            Self.application(reference) + "/deploys",
            ["environment": environment, "after": after, "limit": limit.map(String.init)])
    }

    /// The four DORA measures.
    ///
    /// - Parameters:
    ///   - environment: `production` when `nil`.
    ///   - days: 1 to 365; 30 when `nil`.
    public func measures(
        of reference: String, environment: String? = nil, days: Int? = nil
    ) async throws -> MeasuresView {
        try await get(
            Self.application(reference) + "/measures", ["environment": environment, "days": days.map(String.init)])
    }

    private static func application(_ reference: String) -> String { "applications/\(escaped(reference))" }
}
