/// One inbound endpoint, `POST /in/{webhook}`.
package struct Webhook: Identified, Hashable, Sendable {
    package static let idPrefix = "whk"

    package enum State: String, Sendable, CaseIterable {
        case active
        /// Known callers get 404 until it is resumed.
        case paused
    }

    package let id: ID<Webhook>
    package let organization: ID<Organization>
    package var name: Label
    package var description: Label
    /// The ways a caller may prove itself here; never empty.
    package var accepts: Set<AuthMethodName>
    package var state: State
    package let owner: ID<Account>
    package let createdAt: Timestamp
    /// How long its events are kept; `nil` is as long as the server's setting says.
    package var retentionDays: Int?
    /// How many bytes of bodies are kept, the newest ones; `nil` is without a bound.
    package var retentionBytes: Int64?
    /// Whether the answer to a call holds its body (D12).
    package var echoesBody: Bool

    package init(
        id: ID<Webhook>, organization: ID<Organization>, name: Label, description: Label,
        accepts: Set<AuthMethodName>, state: State, owner: ID<Account>, createdAt: Timestamp, retentionDays: Int? = nil,
        retentionBytes: Int64? = nil, echoesBody: Bool = false
    ) {
        self.id = id
        self.organization = organization
        self.name = name
        self.description = description
        self.accepts = accepts
        self.state = state
        self.owner = owner
        self.createdAt = createdAt
        self.retentionDays = retentionDays
        self.retentionBytes = retentionBytes
        self.echoesBody = echoesBody
    }
}

/// A way to prove who is calling; each has a file in AuthMethods.
package enum AuthMethodName: String, Sendable, CaseIterable, Comparable {
    case bearer
    case basic

    package static func < (left: AuthMethodName, right: AuthMethodName) -> Bool {
        left.rawValue < right.rawValue
    }
}
