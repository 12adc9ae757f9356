import Contract

extension InletClient {
    // MARK: Outlook

    /// What will stop by itself, soonest first.
    ///
    /// - Parameter days: how far to look, 1 to 365; 30 when `nil`.
    public func outlook(days: Int? = nil) async throws -> PageView<OutlookItemView> {
        try await get("outlook", ["days": days.map(String.init)])
    }

    /// The warnings that were given.
    public func warnings(after: String? = nil, limit: Int? = nil) async throws -> PageView<WarningView> {
        try await get("warnings", ["after": after, "limit": limit.map(String.init)])
    }
}
