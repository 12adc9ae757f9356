import Contract
import NIOHTTP1

extension InletClient {
    // MARK: Organization

    /// The organization acted in.
    public func organization() async throws -> OrganizationView { try await get("organization") }

    /// Changes the organization acted in; what the edit leaves out stays.
    public func editOrganization(_ edit: OrganizationEdit) async throws -> OrganizationView {
        try await send(.PATCH, "organization", edit)
    }

    /// Those that the actor is a member of.
    public func organizations() async throws -> PageView<OrganizationSummaryView> {
        try await get("organizations")
    }

    /// Makes an organization; the answer shows its management token this once.
    public func createOrganization(_ organization: NewOrganization) async throws -> OrganizationCreatedView {
        try await send(.POST, "organizations", organization)
    }
}
