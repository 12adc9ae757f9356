/// A person signed in at a browser or program, in one organization.
package struct Session: Identified, Sendable {
    package static let idPrefix = "ses"

    package let id: ID<Session>
    package let account: ID<Account>
    package let organization: ID<Organization>
    package let digest: SecretDigest
    /// The number of the master key it is digested under.
    package let keyNumber: Int
    package let createdAt: Timestamp
    package var lastUsedAt: Timestamp
    package let remoteAddress: String
    /// As the browser named itself, at most 200 characters.
    package let userAgent: String?

    package init(
        id: ID<Session>, account: ID<Account>, organization: ID<Organization>, digest: SecretDigest, keyNumber: Int,
        createdAt: Timestamp, lastUsedAt: Timestamp, remoteAddress: String, userAgent: String?
    ) {
        self.id = id
        self.account = account
        self.organization = organization
        self.digest = digest
        self.keyNumber = keyNumber
        self.createdAt = createdAt
        self.lastUsedAt = lastUsedAt
        self.remoteAddress = remoteAddress
        self.userAgent = userAgent
    }

    /// When it ends if nothing more happens: 12 hours after it was made, or 30 minutes after its last use.
    package var endsAt: Timestamp {
        min(createdAt.adding(Limits.sessionLifetime), lastUsedAt.adding(Limits.sessionIdleTime))
    }
}

/// A link that works once: it sets a password, or makes its reader a member.
package struct OneTimeLink: Sendable {
    package enum Purpose: String, Sendable, CaseIterable {
        /// A new person chooses the first password.
        case invitation
        /// A person chooses a new password.
        case passwordReset = "password_reset"
        /// Who runs the machine sets up a new installation: the first owner's password, and names.
        case setUp = "set_up"
        /// A person of another organization becomes a member of this one.
        case membership
    }

    package let digest: SecretDigest
    package let keyNumber: Int
    package let purpose: Purpose
    package let organization: ID<Organization>
    package let account: ID<Account>
    /// What a new member will be.
    package let role: Role?
    /// Who made it; it works as long as that account may manage what it is for. `nil` if whoever runs the machine did.
    package let issuer: ID<Account>?
    package let createdAt: Timestamp
    package let expiresAt: Timestamp

    package init(
        digest: SecretDigest, keyNumber: Int, purpose: Purpose, organization: ID<Organization>, account: ID<Account>,
        role: Role?, issuer: ID<Account>?, createdAt: Timestamp, expiresAt: Timestamp
    ) {
        self.digest = digest
        self.keyNumber = keyNumber
        self.purpose = purpose
        self.organization = organization
        self.account = account
        self.role = role
        self.issuer = issuer
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }
}
