import Contract
import NIOHTTP1

extension InletClient {
    // MARK: Audit log

    /// Acts, newest first.
    ///
    /// - Parameters:
    ///   - from: RFC 3339; acts from that moment on.
    ///   - to: RFC 3339; acts before that moment.
    public func auditEntries(
        actor: String? = nil, action: String? = nil, subject: String? = nil, from: String? = nil, to: String? = nil,
        after: String? = nil, limit: Int? = nil
    ) async throws -> PageView<AuditEntryView> {
        try await get(
            "audit",
            [
                "actor": actor, "action": action, "subject": subject, "from": from, "to": to, "after": after,
                "limit": limit.map(String.init),
            ])
    }

    /// All acts as JSON lines, oldest first; docs/audit-log.md says how to check them.
    public func auditExport() async throws -> Download { try await download(.GET, "audit/export") }

    /// Has the server check its own log.
    public func verifyAudit() async throws -> AuditVerdictView { try await get("audit/verify") }

    /// The key that checks the codes of an export.
    public func auditKey() async throws -> AuditKeyView { try await get("audit/key") }
}
