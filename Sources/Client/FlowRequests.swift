import Contract
import NIOHTTP1

extension InletClient {
    // MARK: Flows

    /// The flows of the organization.
    ///
    /// - Parameter webhook: only those that take its events: id or name.
    public func flows(webhook: String? = nil, after: String? = nil, limit: Int? = nil) async throws -> PageView<FlowView> {
        try await get("flows", ["webhook": webhook, "after": after, "limit": limit.map(String.init)])
    }

    /// Makes a flow; events that come from now on go by it.
    public func createFlow(_ flow: NewFlow) async throws -> FlowView {
        try await send(.POST, "flows", flow)
    }

    /// - Parameter reference: id or name; so in all requests that name a flow.
    public func flow(_ reference: String) async throws -> FlowView {
        try await get(Self.flow(reference))
    }

    /// Changes a flow; what the edit leaves out stays.
    public func editFlow(_ reference: String, _ edit: FlowEdit) async throws -> FlowView {
        try await send(.PATCH, Self.flow(reference), edit)
    }

    /// Lets its events wait until it is resumed.
    public func pauseFlow(_ reference: String) async throws -> FlowView {
        try await send(.POST, Self.flow(reference) + "/pause")
    }

    /// Lets a paused flow send again, what waited first.
    public func resumeFlow(_ reference: String) async throws -> FlowView {
        try await send(.POST, Self.flow(reference) + "/resume")
    }

    /// Ends a flow for good; what waits is cancelled.
    public func archiveFlow(_ reference: String) async throws -> FlowView {
        try await send(.POST, Self.flow(reference) + "/archive")
    }

    /// What would be sent of a kept event; nothing is.
    public func dryRunFlow(_ reference: String, _ request: DryRunRequest) async throws -> DryRunView {
        try await send(.POST, Self.flow(reference) + "/dry-run", request)
    }

    private static func flow(_ reference: String) -> String { "flows/\(escaped(reference))" }

    // MARK: Destinations

    /// The kinds of destinations, with what each must know.
    public func destinationKinds() async throws -> PageView<DestinationKindView> {
        try await get("destination-kinds")
    }

    /// The destinations of the organization.
    public func destinations(after: String? = nil, limit: Int? = nil) async throws -> PageView<DestinationView> {
        try await get("destinations", ["after": after, "limit": limit.map(String.init)])
    }

    /// Makes a destination; the answer shows the secret of one that signs, this once.
    public func createDestination(_ destination: NewDestination) async throws -> DestinationView {
        try await send(.POST, "destinations", destination)
    }

    /// - Parameter reference: id or name; so in all requests that name a destination.
    public func destination(_ reference: String) async throws -> DestinationView {
        try await get(Self.destination(reference))
    }

    /// Changes a destination; what the edit leaves out stays. Its settings are given whole.
    public func editDestination(_ reference: String, _ edit: DestinationEdit) async throws -> DestinationView {
        try await send(.PATCH, Self.destination(reference), edit)
    }

    /// Lets its deliveries wait until it is enabled.
    public func disableDestination(_ reference: String) async throws -> DestinationView {
        try await send(.POST, Self.destination(reference) + "/disable")
    }

    /// Sends to it again, whatever had switched it off.
    public func enableDestination(_ reference: String) async throws -> DestinationView {
        try await send(.POST, Self.destination(reference) + "/enable")
    }

    /// Makes a new signing secret, shown in the answer; the old one signs beside it until the overlap is over.
    public func rotateDestination(
        _ reference: String, _ rotation: RotateSigningSecret = RotateSigningSecret()
    ) async throws -> DestinationView {
        try await send(.POST, Self.destination(reference) + "/rotate", rotation)
    }

    /// Looks at the newest signing secret: a session by its password, a management token by its scope `reveal`. Each look is in the
    /// audit log.
    public func revealDestination(
        _ reference: String, _ reveal: RevealSecret = RevealSecret()
    ) async throws -> SigningSecretView {
        try await send(.POST, Self.destination(reference) + "/reveal", reveal)
    }

    /// Refused while a flow sends to it.
    public func deleteDestination(_ reference: String) async throws {
        try await perform(.DELETE, Self.destination(reference))
    }

    /// Takes deliveries that are due, to send them oneself; each is to be settled by ``settleClaim(_:attempt:_:)``.
    public func claimDeliveries(
        of reference: String, _ request: ClaimRequest = ClaimRequest()
    ) async throws -> [ClaimView] {
        let claims: PageView<ClaimView> = try await send(
            .POST, Self.destination(reference) + "/claims", request, waitSeconds: request.waitSeconds)
        return claims.items
    }

    private static func destination(_ reference: String) -> String { "destinations/\(escaped(reference))" }
}
