import Domain
import FoundationEssentials
import Storage

/// The actor's organization and its settings.
package struct OrganizationOperations: Sendable {
    private let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// What to change; `nil` leaves a setting as it is.
    package struct Change: Sendable {
        package var name: String?
        /// Days without activity after which an account becomes inactive (D6).
        package var inactivity: InactivityRule?
        /// Accepted calls a UTC day; an inner `nil` lifts the quota.
        package var dailyQuota: Int64??
        /// Whether calls are kept aside when a known token or its owner lapsed (N3).
        package var holdsCalls: Bool?
        /// Whether a new name of a credential always comes with a new secret (E9).
        package var renameRegenerates: Bool?
        /// Where warnings go; an inner `nil` lifts it, with its headers.
        package var notificationURL: String??
        /// Header fields that go with them, all at once.
        package var notificationHeaders: [String: String]?
        /// What members read who have not chosen a language of their own (D13).
        package var language: Language?

        package init(
            name: String? = nil, inactivity: InactivityRule? = nil, dailyQuota: Int64?? = nil, holdsCalls: Bool? = nil,
            renameRegenerates: Bool? = nil, notificationURL: String?? = nil, notificationHeaders: [String: String]? = nil,
            language: Language? = nil
        ) {
            self.name = name
            self.inactivity = inactivity
            self.dailyQuota = dailyQuota
            self.holdsCalls = holdsCalls
            self.renameRegenerates = renameRegenerates
            self.notificationURL = notificationURL
            self.notificationHeaders = notificationHeaders
            self.language = language
        }
    }

    /// A new organization, and the token by which its owner steers it, shown this once.
    package struct Created: Sendable {
        package let organization: Organization
        package let managementToken: String
    }

    /// Makes an organization; the actor owns it.
    package func create(name: String, _ actor: Actor) async throws -> Created {
        let name = try Label.name(name)
        return try await desk.act(actor, .manageInstallation) { act in
            let organization = Organization(
                id: .random(), name: name, inactivity: .after(days: Limits.inactivityDaysDefault), dailyQuota: nil,
                createdAt: act.now)
            try OrganizationTable(act.connection).insert(organization)
            try AccountTable(act.connection).insert(
                Membership(
                    organization: organization.id, account: act.actor.account, role: .owner, state: .active,
                    activeSince: act.now))
            act.transaction.announce(.organization(organization.id))
            act.transaction.announce(.membership(organization.id, act.actor.account))
            try act.record(.organizationCreate, organization.id.text, ["name": name.text])
            // Who made the links administers one organization, and they would now open two.
            try CredentialTable(act.connection).dropIssuedPasswordLinks(of: act.actor.account)
            // The new organization's own log begins with it.
            let owner = Actor(organization: organization.id, account: act.actor.account, role: .owner, token: nil)
            let there = Act(desk: act.desk, actor: owner, transaction: act.transaction, now: act.now)
            try there.record(.organizationCreate, organization.id.text, ["name": name.text])
            let terms = TokenOperations.Terms(
                name: Label(stored: "First management token"), expiresAt: act.now.adding(Limits.managementTokenLifetimeMax))
            let token = try TokenOperations.issue(.management, owner: act.actor.account, terms, there)
            return Created(organization: organization, managementToken: token.secret)
        }
    }

    package func show(_ actor: Actor) async throws -> Organization {
        try await desk.look(actor, .readOrganization) { connection in
            guard let organization = try OrganizationTable(connection).find(actor.organization) else {
                throw OperationError.notFound("organization")
            }
            return organization
        }
    }

    /// Changes settings. Takes effect for the next call.
    package func change(_ change: Change, _ actor: Actor) async throws -> Organization {
        let name = try change.name.map { try Label.name($0) }
        if case .after(let days)? = change.inactivity, !(1...3650).contains(days) {
            throw OperationError.invalid(field: "inactivity_days", "must be 1 to 3650, or null for never.")
        }
        if case .some(.some(let quota)) = change.dailyQuota, quota < 0 {
            throw OperationError.invalid(field: "daily_quota", "must be 0 or more, or null for no quota.")
        }
        return try await desk.act(actor, .changeOrganization) { act in
            guard var organization = try OrganizationTable(act.connection).find(act.organization) else {
                throw OperationError.notFound("organization")
            }
            let before = organization
            organization.name = name ?? organization.name
            organization.inactivity = change.inactivity ?? organization.inactivity
            organization.dailyQuota = change.dailyQuota ?? organization.dailyQuota
            organization.holdsCalls = change.holdsCalls ?? organization.holdsCalls
            organization.renameRegenerates = change.renameRegenerates ?? organization.renameRegenerates
            organization.language = change.language ?? organization.language
            organization.notification = try Self.notification(change, before.notification, act)
            guard organization != before else { return organization }
            try OrganizationTable(act.connection).update(organization)
            act.transaction.announce(.organization(organization.id))
            try act.record(.organizationChange, organization.id.text, Self.details(of: organization))
            return organization
        }
    }

    /// What the audit log says of the settings after a change.
    static func details(of organization: Organization) -> [String: String] {
        [
            "name": organization.name.text, "inactivity": "\(organization.inactivity)",
            "daily_quota": organization.dailyQuota.map(String.init) ?? "none",
            "hold_calls": "\(organization.holdsCalls)",
            "rename_regenerates": "\(organization.renameRegenerates)",
            // Where secrets go is said, and which. Of the address no more than the host: whoever wrote it may have put a secret
            // into the rest that is no variable.
            "notifies": organization.notification.map(Self.host) ?? "no",
            "variables": organization.notification?.names.map(\.text).sorted().joined(separator: " ") ?? "",
            "language": organization.language.rawValue,
        ]
    }

    // No variable stands before the host's end.
    private static func host(_ notification: Organization.Notification) -> String {
        URL(string: (try? notification.url.resolved { _ in "x" }) ?? "")?.host() ?? ""
    }

    private static func notification(
        _ change: Change, _ before: Organization.Notification?, _ act: Act
    ) throws -> Organization.Notification? {
        var notification = before
        if let url = change.notificationURL {
            notification = try url.map { url in
                Organization.Notification(
                    url: try template(url, field: "notification_url"), headers: before?.headers ?? [:])
            }
            if let url = notification?.url { try requireAddress(url) }
        }
        if let headers = change.notificationHeaders {
            guard notification != nil || headers.isEmpty else {
                throw OperationError.invalid(field: "notification_headers", "belong to a `notification_url`; name one first.")
            }
            guard headers.count <= Limits.notificationHeadersMax else {
                throw OperationError.invalid(
                    field: "notification_headers", "takes at most \(Limits.notificationHeadersMax).")
            }
            notification?.headers = try headers.reduce(into: [:]) { checked, header in
                guard maySet(header.key) else {
                    throw OperationError.invalid(
                        field: "notification_headers", "`\(header.key.prefix(60))` is no name that can be set.")
                }
                checked[header.key] = try template(header.value, field: "notification_headers")
            }
        }
        if let notification, notification != before {
            try SecretVariableOperations.requireKnown(
                notification.names, field: change.notificationURL == nil ? "notification_headers" : "notification_url", act)
        }
        return notification
    }

    private static func template(_ text: String, field: String) throws(OperationError) -> SecretTemplate {
        guard text.utf8.count <= Limits.urlBytesMax,
            text.unicodeScalars.allSatisfy({ $0.isASCII && $0.value >= 0x20 && $0.value != 0x7F })
        else { throw .invalid(field: field, "must be at most 2000 bytes of ASCII on one line.") }
        do {
            return try SecretTemplate(text)
        } catch {
            throw .invalid(field: field, "names a secret variable as {{NAME}}, of A-Z, 0-9 and _; one in it is not written so.")
        }
    }

    // A variable may stand in the path or query; the host is for everybody to see.
    private static func requireAddress(_ template: SecretTemplate) throws(OperationError) {
        let filled = (try? template.resolved { _ in "x" }) ?? ""
        let head = template.text.prefix { $0 != "{" }
        let hasHost = ["https://", "http://"].contains { head.hasPrefix($0) && head.dropFirst($0.count).contains("/") }
        let isWhole = template.names.isEmpty || hasHost
        guard isWhole, !filled.contains(" "), let url = URL(string: filled), let host = url.host(), !host.isEmpty,
            url.user() == nil, ["http", "https"].contains(url.scheme), URLComponents(string: filled)?.hasUsablePort ?? false,
            // Those who check and those who connect must read one and the same name.
            !host.utf8.contains(UInt8(ascii: "%"))
        else {
            throw .invalid(
                field: "notification_url",
                "must be an http or https address; secret variables may stand behind the host, and a password goes into a header."
            )
        }
    }

    // What the connection itself needs is not for others to set.
    private static func maySet(_ name: String) -> Bool {
        let own = [
            "host", "content-length", "content-type", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer",
            "keep-alive", "proxy-connection",
        ]
        return name.isFieldName && name.utf8.count <= 100 && !own.contains(name.lowercased())
    }
}
