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
    /// Lets calls that were kept aside become events (N3).
    case releaseCalls = "calls.release"
    case readFlows = "flows.read"
    /// Flows and destinations, replays, and sending again what is dead.
    case changeFlows = "flows.change"
    case readStatus = "status.read"
    /// Credentials of the organization, applications, resources; never their secrets.
    case readIntegrations = "integrations.read"
    case changeIntegrations = "integrations.change"
    /// Looks at a sealed secret (E7).
    case revealSecrets = "secrets.reveal"
    /// Names of secret variables (E11).
    case readVariables = "variables.read"
    case changeVariables = "variables.change"
    case readAudit = "audit.read"
    /// The key that proves who wrote the audit log; who has it and the database could forge entries.
    case readAuditKey = "audit.key"
    /// Master keys, backups, new organizations: what concerns the whole server. Only in the organization made first.
    case manageInstallation = "installation.manage"
    /// One's own account and sessions; everybody has it.
    case useOwnAccount = "account.use_own"
}

/// What an account is in an organization.
package enum Role: String, Sendable, CaseIterable {
    case owner, admin, member, viewer

    /// What the role allows: an owner all; an admin all but what only owners may; a member webhooks and its own tokens; a viewer only
    /// to read.
    package func allows(_ permission: Permission) -> Bool {
        switch permission {
        case .readOrganization, .readWebhooks, .readTokens, .readAccounts, .readEvents, .readCalls, .readStatus,
            .readIntegrations, .readVariables, .readFlows, .useOwnAccount:
            true
        case .changeWebhooks, .changeOwnTokens, .changeFlows:
            self != .viewer
        case .changeOrganization, .changeAllTokens, .changeAccounts, .releaseCalls, .readAudit, .changeIntegrations,
            .revealSecrets, .changeVariables:
            self == .owner || self == .admin
        case .readAuditKey, .manageInstallation:
            self == .owner
        }
    }

    /// Whether it allows more than the other one.
    package func isAbove(_ other: Role) -> Bool {
        Permission.allCases.filter { allows($0) }.count > Permission.allCases.filter { other.allows($0) }.count
    }

    /// Whether somebody of this role may make, change or remove an account of the other one: only owners touch owners.
    package func mayManage(_ other: Role) -> Bool {
        self == .owner || (self == .admin && other != .owner)
    }
}
