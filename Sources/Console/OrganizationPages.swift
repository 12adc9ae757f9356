import Domain
import HTTPTypes
import Manage
import WebSupport

/// The organization: switching, settings, new ones.
enum OrganizationPages {
    static let list: [PageRoute] = own + InstallationPages.list

    private static let own: [PageRoute] = [
        PageRoute(.post, "/organization/switch", .useOwnAccount) { request in try await switchOrganization(request) },
        PageRoute(.get, "/settings", .readOrganization) { request in try await settingsPage(request, fault: nil) },
        PageRoute(.post, "/settings", .changeOrganization) { request in
            try await request.attempt {
                _ = try await request.operations.organization.change(try change(request.form), request.actor)
                return .go(to: "/settings", done: "settings_changed")
            } orShow: { fault in
                try await settingsPage(request, fault: fault)
            }
        },
        PageRoute(.get, newPath, .manageInstallation) { request in try newPage(request, fault: nil) },
        PageRoute(.post, newPath, .manageInstallation) { request in
            try await request.attempt {
                let created = try await request.operations.organization.create(
                    name: request.form.text("name"), request.actor)
                return try request.page(
                    "organization-created",
                    title: request.words("organization.created_title", ["name": created.organization.name.text]),
                    in: .settings, crumbs: [request.crumb(.settings)],
                    [
                        "id": created.organization.id.text,
                        "token": request.input.code("token", "organization.token", created.managementToken, isSecret: true),
                    ])
            } orShow: { fault in
                try newPage(request, fault: fault)
            }
        },
    ]

    private static let newPath = "/settings/organizations/new"

    private static func switchOrganization(_ request: PageRequest) async throws -> PageAnswer {
        let wanted = request.form.text("organization")
        guard wanted != request.actor.organization.text else { return .go(to: "/") }
        return try await request.attempt {
            let started = try await request.operations.signIn.switchOrganization(
                to: wanted, address: request.address, userAgent: request.userAgent, request.actor)
            return SignInPages.enter(started, at: "/")
        } orShow: { fault in
            try request.page(
                "error", title: request.words["organization.closed_title"], in: .home,
                ["text": fault.summary, "hasNumber": false], status: 409)
        }
    }

    private static func newPage(_ request: PageRequest, fault: Fault?) throws -> PageAnswer {
        let name = Field("name", key: "organization.name", isRequired: true, maxLength: 100)
        return try request.page(
            "organization-new", title: request.words["organization.new"], in: .settings, crumbs: [request.crumb(.settings)],
            [
                "fields": request.input.fields([name], fault: fault), "fault": request.input.errors(fault),
                "action": newPath, "back": "/settings",
            ])
    }

    // MARK: Settings

    private static func settingsPage(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let organization = try await request.operations.organization.show(request.actor)
        let mayChange = request.may(.changeOrganization)
        var model: Model = [
            "tabs": request.settingsTabs("/settings"), "mayChange": mayChange, "fault": request.input.errors(fault),
            "new": request.may(.manageInstallation) ? newPath as Any : false, "example": "{{NAME}}",
            "id": organization.id.text, "createdAt": request.input.time(organization.createdAt),
        ]
        if mayChange {
            for (key, fields) in parts(request.words) {
                model[key] = request.input.fields(fields, values(of: organization), fault: fault)
            }
        } else {
            model["facts"] = facts(of: organization, request.words)
        }
        return try request.page("settings", title: request.words["nav.settings"], in: .settings, model)
    }

    private static func parts(_ words: Words) -> [(key: String, fields: [Field])] {
        let languages = Language.allCases.map { Field.Option($0.rawValue, words["language.\($0.rawValue)"]) }
        return [
            (
                "about",
                [
                    Field("name", key: "settings.name", isRequired: true, maxLength: 100),
                    Field("language", .choice(languages), key: "settings.language", isRequired: true),
                ]
            ),
            (
                "rules",
                [
                    Field("inactivity_days", .number(inactivityDays), key: "settings.inactivity_days"),
                    Field("daily_quota", .number(0...Int(Int32.max)), key: "settings.daily_quota"),
                    Field("hold_calls", .check, key: "settings.hold_calls"),
                    Field("rename_regenerates", .check, key: "settings.rename_regenerates"),
                ]
            ),
            (
                "warnings",
                [
                    Field(
                        "notification_url", key: "settings.notification_url", maxLength: Limits.urlBytesMax,
                        placeholder: "https://", isCode: true),
                    Field("notification_headers", .area(rows: 3), key: "settings.notification_headers", isCode: true),
                ]
            ),
        ]
    }

    private static let inactivityDays = 1...3650

    private static func values(of organization: Organization) -> [String: String] {
        let headers = organization.notification?.headers.sorted { $0.key < $1.key }
            .map { "\($0.key): \($0.value.text)" }.joined(separator: "\n")
        return [
            "name": organization.name.text, "language": organization.language.rawValue,
            "inactivity_days": days(of: organization).map(String.init) ?? "",
            "daily_quota": organization.dailyQuota.map(String.init) ?? "",
            "hold_calls": organization.holdsCalls ? "yes" : "",
            "rename_regenerates": organization.renameRegenerates ? "yes" : "",
            "notification_url": organization.notification?.url.text ?? "", "notification_headers": headers ?? "",
        ]
    }

    // The same for those who may not change it. Where warnings go may hold more than they should know.
    private static func facts(of organization: Organization, _ words: Words) -> [Model] {
        let none = words["settings.none"]
        let yes = { (isOn: Bool) in words[isOn ? "settings.yes" : "settings.no"] }
        let days = days(of: organization).map { words("settings.days", ["n": $0]) } ?? words["settings.never"]
        return [
            ("settings.name", organization.name.text),
            ("settings.language", words["language.\(organization.language.rawValue)"]),
            ("settings.inactivity_days", days),
            ("settings.daily_quota", organization.dailyQuota.map { words.number($0) } ?? none),
            ("settings.hold_calls", yes(organization.holdsCalls)),
            ("settings.rename_regenerates", yes(organization.renameRegenerates)),
            ("settings.notification_url", organization.notification?.url.text ?? none),
        ].map { ["label": words[$0.0], "value": $0.1] as Model }
    }

    private static func days(of organization: Organization) -> Int? {
        if case .after(let days) = organization.inactivity { days } else { nil }
    }

    // MARK: What was sent

    private static func change(_ form: Form) throws(OperationError) -> OrganizationOperations.Change {
        let address = form["notification_url"]
        let headers = try headers(form.text("notification_headers"))
        return OrganizationOperations.Change(
            name: form.text("name"), inactivity: try inactivity(form["inactivity_days"]),
            dailyQuota: .some(try quota(form["daily_quota"])), holdsCalls: form.isTicked("hold_calls"),
            renameRegenerates: form.isTicked("rename_regenerates"), notificationURL: .some(address),
            notificationHeaders: headers, language: form["language"].flatMap(Language.init(rawValue:)))
    }

    private static func inactivity(_ text: String?) throws(OperationError) -> InactivityRule {
        guard let text else { return .never }
        guard let days = Int(text), inactivityDays.contains(days) else {
            throw .invalid(field: "inactivity_days", "must be 1 to 3650, or empty for never.")
        }
        return .after(days: days)
    }

    private static func quota(_ text: String?) throws(OperationError) -> Int64? {
        guard let text else { return nil }
        guard let quota = Int64(text), quota >= 0 else {
            throw .invalid(field: "daily_quota", "must be 0 or more, or empty for no quota.")
        }
        return quota
    }

    // One header field a line, as HTTP writes them.
    private static func headers(_ text: String) throws(OperationError) -> [String: String] {
        var headers: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(trimmed)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw .invalid(field: "notification_headers", "must be lines of a name, a colon and a value.")
            }
            headers[parts[0]] = parts[1]
        }
        return headers
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
