import Domain

/// The audit log (N8).
enum AuditPages {
    static let list: [PageRoute] = []
}
