/// One act of a person or program, written in the transaction that carries the act out. Row N8.
package struct AuditEntry: Identified, Sendable {
    package static let idPrefix = "aud"

    /// What was done; a closed list, `noun.verb`.
    package enum Action: String, Sendable, CaseIterable {
        case organizationCreate = "organization.create"
        case organizationChange = "organization.change"
        case accountCreate = "account.create"
        case accountEdit = "account.edit"
        case accountActivate = "account.activate"
        case accountDeactivate = "account.deactivate"
        case accountBlockSignIn = "account.block_sign_in"
        case accountAllowSignIn = "account.allow_sign_in"
        case accountInvite = "account.invite"
        case accountJoin = "account.join"
        case accountPasswordReset = "account.password_reset"
        case accountPasswordSet = "account.password_set"
        case accountSecondFactorAdd = "account.second_factor_add"
        case accountSecondFactorRemove = "account.second_factor_remove"
        case accountEndSessions = "account.end_sessions"
        case accountDelete = "account.delete"
        case accountSweepConfirm = "account.sweep_confirm"
        case sessionStart = "session.start"
        case sessionEnd = "session.end"
        case sessionSecondFactorFailed = "session.second_factor_failed"
        case webhookCreate = "webhook.create"
        case webhookEdit = "webhook.edit"
        case webhookPause = "webhook.pause"
        case webhookResume = "webhook.resume"
        case tokenCreate = "token.create"
        case tokenEdit = "token.edit"
        case tokenActivate = "token.activate"
        case tokenDeactivate = "token.deactivate"
        case tokenDelete = "token.delete"
        case tokenRotate = "token.rotate"
        case tokenEndOverlap = "token.end_overlap"
        case tokenTransfer = "token.transfer"
        case heldRelease = "held.release"
        case credentialCreate = "credential.create"
        case credentialEdit = "credential.edit"
        case credentialRegenerate = "credential.regenerate"
        case credentialReveal = "credential.reveal"
        case credentialDelete = "credential.delete"
        case activationCreate = "activation.create"
        case activationRevoke = "activation.revoke"
        case applicationCreate = "application.create"
        case applicationEdit = "application.edit"
        case applicationRegenerate = "application.regenerate"
        case applicationReveal = "application.reveal"
        case applicationDelete = "application.delete"
        case revealRefuse = "reveal.refuse"
        case resourceEdit = "resource.edit"
        case resourceDelete = "resource.delete"
        case flowCreate = "flow.create"
        case flowEdit = "flow.edit"
        case flowPause = "flow.pause"
        case flowResume = "flow.resume"
        case flowArchive = "flow.archive"
        case destinationCreate = "destination.create"
        case destinationEdit = "destination.edit"
        case destinationDisable = "destination.disable"
        case destinationEnable = "destination.enable"
        case destinationRotate = "destination.rotate"
        case destinationReveal = "destination.reveal"
        case destinationDelete = "destination.delete"
        case deliveryRetry = "delivery.retry"
        case deliveryCancel = "delivery.cancel"
        case eventReplay = "event.replay"
        case replayStart = "replay.start"
        case replayCancel = "replay.cancel"
        case variableSet = "variable.set"
        case variableDelete = "variable.delete"
        case auditKeyRead = "audit.key_read"
        case keyRotate = "key.rotate"
        case keyRetire = "key.retire"
        case backupMake = "backup.make"
        case installationRecover = "installation.recover"
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
