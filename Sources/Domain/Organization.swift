/// The tenant: owns webhooks, tokens and memberships.
package struct Organization: Identified, Hashable, Sendable {
    package static let idPrefix = "org"

    package let id: ID<Organization>
    package var name: Label
    /// How long an account may go without activity (D6).
    package var inactivity: InactivityRule
    /// Accepted calls a UTC day; `nil` is no quota.
    package var dailyQuota: Int64?
    /// Whether calls are kept aside that were refused only because a known token or its owner lapsed (N3).
    package var holdsCalls: Bool
    package let createdAt: Timestamp
    /// Whether renaming an integration credential always makes a new secret (E9).
    package var renameRegenerates: Bool
    /// Where the organization's warnings are posted to; `nil` for where the server's go.
    package var notification: Notification?
    /// What it speaks to members who have not chosen a language of their own (D13).
    package var language: Language

    /// An address for warnings; secret variables may stand in it (E11).
    package struct Notification: Hashable, Sendable {
        package var url: SecretTemplate
        /// By the name of the header field.
        package var headers: [String: SecretTemplate]

        package init(url: SecretTemplate, headers: [String: SecretTemplate] = [:]) {
            self.url = url
            self.headers = headers
        }

        /// The secret variables it uses.
        package var names: Set<SecretVariableName> {
            headers.values.reduce(into: url.names) { $0.formUnion($1.names) }
        }
    }

    package init(
        id: ID<Organization>, name: Label, inactivity: InactivityRule, dailyQuota: Int64?, holdsCalls: Bool = true,
        createdAt: Timestamp, renameRegenerates: Bool = false, notification: Notification? = nil,
        language: Language = .english
    ) {
        self.id = id
        self.name = name
        self.inactivity = inactivity
        self.dailyQuota = dailyQuota
        self.holdsCalls = holdsCalls
        self.createdAt = createdAt
        self.renameRegenerates = renameRegenerates
        self.notification = notification
        self.language = language
    }
}
