import Domain

package struct OrganizationTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    package func insert(_ organization: Organization) throws(StorageError) {
        try connection.execute(
            """
            INSERT INTO organizations (id, name, inactivity_days, daily_quota, hold_calls, created_at, rename_regenerates,
                notification_url, notification_headers, language)
            VALUES (\(organization.id), \(organization.name), \(organization.inactivity.days), \(organization.dailyQuota),
                \(organization.holdsCalls), \(organization.createdAt), \(organization.renameRegenerates),
                \(organization.notification?.url.text), \(organization.notification?.headersText ?? ""),
                \(organization.language.rawValue))
            """)
    }

    package func update(_ organization: Organization) throws(StorageError) {
        try connection.execute(
            """
            UPDATE organizations
            SET name = \(organization.name), inactivity_days = \(organization.inactivity.days),
                daily_quota = \(organization.dailyQuota), hold_calls = \(organization.holdsCalls),
                rename_regenerates = \(organization.renameRegenerates),
                notification_url = \(organization.notification?.url.text),
                notification_headers = \(organization.notification?.headersText ?? ""), language = \(organization.language.rawValue)
            WHERE id = \(organization.id)
            """)
    }

    package func find(_ id: ID<Organization>) throws(StorageError) -> Organization? {
        try connection.row("SELECT \(raw: columns) FROM organizations WHERE id = \(id)").map(Organization.init)
    }

    /// All of them; there are few, and the server needs them at start.
    package func all() throws(StorageError) -> [Organization] {
        try connection.rows("SELECT \(raw: columns) FROM organizations ORDER BY id").map(Organization.init)
    }
}

private let columns: StaticString =
    """
    id, name, inactivity_days, daily_quota, hold_calls, created_at, rename_regenerates, notification_url, notification_headers,
        language
    """

extension Organization.Notification {
    // As header lines; neither names nor values hold a line break.
    fileprivate var headersText: String {
        headers.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.text)" }.joined(separator: "\n")
    }

    fileprivate init?(url: String?, headersText: String) throws(StorageError) {
        guard let url else { return nil }
        do {
            var headers: [String: SecretTemplate] = [:]
            for line in headersText.split(separator: "\n") {
                guard let colon = line.firstIndex(of: ":") else { continue }
                headers[String(line[..<colon])] = try SecretTemplate(String(line[colon...].dropFirst(2)))
            }
            self.init(url: try SecretTemplate(url), headers: headers)
        } catch {
            throw .unreadable("the notification address of an organization")
        }
    }
}

extension InactivityRule {
    fileprivate var days: Int? {
        switch self {
        case .never: nil
        case .after(let days): days
        }
    }
}

extension Organization {
    fileprivate init(_ row: Row) throws(StorageError) {
        let days = try row.optionalInteger("inactivity_days")
        self.init(
            id: try row.id("id"), name: try row.label("name"),
            inactivity: days.map { .after(days: Int(clamping: $0)) } ?? .never,
            dailyQuota: try row.optionalInteger("daily_quota"), holdsCalls: try row.flag("hold_calls"),
            createdAt: try row.timestamp("created_at"),
            renameRegenerates: try row.flag("rename_regenerates"),
            notification: try Notification(
                url: try row.optionalText("notification_url"), headersText: try row.text("notification_headers")),
            language: try row.word("language"))
    }
}
