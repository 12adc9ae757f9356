/// One act of a person or program, written in the transaction that carries the act out. Row N8.
package struct AuditEntry: Identified, Sendable {
    package static let idPrefix = "aud"

    /// What was done; a closed list, `noun.verb`.
    package enum Action: String, Sendable, CaseIterable {
        case organizationCreate = "organization.create"
        case organizationChange = "organization.change"
        case accountCreate = "account.create"
        case accountActivate = "account.activate"
        case accountDeactivate = "account.deactivate"
        case webhookCreate = "webhook.create"
        case webhookPause = "webhook.pause"
        case webhookResume = "webhook.resume"
        case tokenCreate = "token.create"
        case tokenEdit = "token.edit"
        case tokenActivate = "token.activate"
        case tokenDeactivate = "token.deactivate"
        case tokenDelete = "token.delete"
    }

    package let id: OrderedID<AuditEntry>
    package let organization: ID<Organization>
    package let at: Timestamp
    /// The account that acted; `nil` when Inlet itself did, by a rule.
    package let actor: ID<Account>?
    package let actorToken: ID<Token>?
    package let action: Action
    /// The public id of what was acted on.
    package let subject: String
    /// What changed, as names and values that hold no secret.
    package let details: [String: String]

    package init(
        id: OrderedID<AuditEntry>, organization: ID<Organization>, at: Timestamp, actor: ID<Account>?,
        actorToken: ID<Token>?, action: Action, subject: String, details: [String: String]
    ) {
        self.id = id
        self.organization = organization
        self.at = at
        self.actor = actor
        self.actorToken = actorToken
        self.action = action
        self.subject = subject
        self.details = details
    }
}
