import Contract
import NIOHTTP1

extension InletClient {
    // MARK: Resources

    /// What services report hits and failures of.
    public func resources(after: String? = nil, limit: Int? = nil) async throws -> PageView<ResourceView> {
        try await get("resources", ["after": after, "limit": limit.map(String.init)])
    }

    /// - Parameter reference: name or id; so in all requests that name a resource.
    public func resource(_ reference: String) async throws -> ResourceView {
        try await get(Self.resource(reference))
    }

    /// Changes how much is aimed at.
    public func editResource(_ reference: String, _ edit: ResourceEdit) async throws -> ResourceView {
        try await send(.PATCH, Self.resource(reference), edit)
    }

    /// Its figures go; the next report makes it anew.
    public func deleteResource(_ reference: String) async throws {
        try await perform(.DELETE, Self.resource(reference))
    }

    /// How available it was, in steps of equal length.
    ///
    /// - Parameters:
    ///   - from: RFC 3339; a day before the end when `nil`.
    ///   - to: RFC 3339; now when `nil`.
    ///   - step: `60`, `5m`, `1h`, `1d`: whole minutes; the server chooses when `nil`.
    public func availability(
        of reference: String, from: String? = nil, to: String? = nil, step: String? = nil
    ) async throws -> AvailabilityView {
        try await get(Self.resource(reference) + "/availability", ["from": from, "to": to, "step": step])
    }

    private static func resource(_ reference: String) -> String { "resources/\(escaped(reference))" }
}
