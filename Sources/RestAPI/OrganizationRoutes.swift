import Contract
import Domain
import HTTPTypes
import Manage
import WebSupport

enum OrganizationRoutes {
    static let list: [Route] = [
        Route(.get, "organization", .readOrganization) { request, operations in
            try .json(OrganizationView(try await operations.organization.show(request.actor)))
        },
        Route(.patch, "organization", .changeOrganization) { request, operations in
            let edit = try request.decode(
                OrganizationEdit.self,
                fields: [
                    "name", "inactivity_days", "daily_quota", "hold_calls", "rename_regenerates", "notification_url",
                    "notification_headers", "language",
                ])
            return try .json(
                OrganizationView(try await operations.organization.change(try change(edit), request.actor)))
        },
        Route(.get, "organizations", .useOwnAccount) { request, operations in
            let places = try await operations.person.organizations(request.actor)
            return try .json(PageView(items: places.map(OrganizationSummaryView.init), next: nil))
        },
        Route(.post, "organizations", .manageInstallation) { request, operations in
            let asked = try request.decode(NewOrganization.self, fields: ["name"])
            let created = try await operations.organization.create(name: asked.name, request.actor)
            return try .secret(
                OrganizationCreatedView(
                    id: created.organization.id.text, name: created.organization.name.text,
                    managementToken: created.managementToken))
        },
    ]

    private static func change(_ edit: OrganizationEdit) throws(OperationError) -> OrganizationOperations.Change {
        var change = OrganizationOperations.Change(name: edit.name, holdsCalls: edit.holdCalls)
        switch edit.inactivityDays {
        case .keep: break
        case .set(let days): change.inactivity = .after(days: days)
        case .lift: change.inactivity = .never
        }
        change.dailyQuota = edit.dailyQuota.wanted
        change.renameRegenerates = edit.renameRegenerates
        change.notificationURL = edit.notificationUrl.wanted
        change.notificationHeaders = edit.notificationHeaders
        if let tag = edit.language { change.language = try word(tag, field: "language") }
        return change
    }
}

extension Change {
    /// As operations take it: `nil` to keep, an inner `nil` to lift.
    var wanted: Value?? {
        switch self {
        case .keep: nil
        case .set(let value): .some(value)
        case .lift: .some(nil)
        }
    }
}

extension OrganizationView {
    init(_ organization: Organization) {
        let days: Int? = if case .after(let days) = organization.inactivity { days } else { nil }
        self.init(
            id: organization.id.text, name: organization.name.text, inactivityDays: days,
            dailyQuota: organization.dailyQuota, holdCalls: organization.holdsCalls,
            createdAt: organization.createdAt.text, renameRegenerates: organization.renameRegenerates,
            notificationUrl: organization.notification?.url.text,
            notificationHeaders: organization.notification?.headers.mapValues(\.text) ?? [:],
            language: organization.language.rawValue)
    }
}

extension OrganizationSummaryView {
    init(_ place: PersonOperations.Place) {
        self.init(
            id: place.organization.id.text, name: place.organization.name.text, role: place.membership.role.rawValue,
            state: StateWords(place.membership.state).state)
    }
}
