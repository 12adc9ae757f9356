/// The closed list of what a member may do. Every operation names the one it needs.
package enum Permission: String, Sendable, CaseIterable {
    case readOrganization = "organization.read"
    case changeOrganization = "organization.change"
    case readWebhooks = "webhooks.read"
    case changeWebhooks = "webhooks.change"
    case readTokens = "tokens.read"
    /// Tokens the actor owns.
    case changeOwnTokens = "tokens.change_own"
    /// Anybody's tokens, and API tokens; part of user management.
    case changeAllTokens = "tokens.change_all"
    case readAccounts = "accounts.read"
    /// User management: create, deactivate, reactivate accounts (D5–D10).
    case changeAccounts = "accounts.change"
    case readEvents = "events.read"
    case readCalls = "calls.read"
    case readStatus = "status.read"
    case readAudit = "audit.read"
}

/// What an account is in an organization.
package enum Role: String, Sendable, CaseIterable {
    case owner, admin, member, viewer

    /// What the role allows: owner and admin all of the list, a member webhooks and its own tokens, a viewer only to read.
    package func allows(_ permission: Permission) -> Bool {
        switch (self, permission) {
        case (.owner, _), (.admin, _):
            true
        case (_, .readOrganization), (_, .readWebhooks), (_, .readTokens), (_, .readAccounts), (_, .readEvents),
            (_, .readCalls), (_, .readStatus):
            true
        case (.member, .changeWebhooks), (.member, .changeOwnTokens):
            true
        case (.member, _), (.viewer, _):
            false
        }
    }
}
