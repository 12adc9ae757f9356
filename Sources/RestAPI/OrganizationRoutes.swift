import Contract
import Domain
import Foundation
import HTTPTypes
import Manage

enum OrganizationRoutes {
    static let list: [Route] = [
        Route(.get, "organization", .readOrganization) { request, operations in
            try .json(OrganizationView(try await operations.organization.show(request.actor)))
        },
        Route(.patch, "organization", .changeOrganization) { request, operations in
            let change = try change(request)
            return try .json(OrganizationView(try await operations.organization.change(change, request.actor)))
        },
        Route(.get, "audit", .readAudit, query: ["after", "limit"]) { request, operations in
            let page = try await operations.audit.list(after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map(AuditEntryView.init), next: page.next))
        },
    ]

    private struct Edit: Decodable {
        let name: String?
        let inactivityDays: Int?
        let dailyQuota: Int64?
    }

    // A field that is null differs here from one that is absent: it lifts the limit.
    private static func change(_ request: RestRequest) throws -> OrganizationOperations.Change {
        let edit = try request.decode(Edit.self, fields: ["name", "inactivity_days", "daily_quota"])
        let given = try request.decode([String: JSONValue].self, fields: ["name", "inactivity_days", "daily_quota"])
        var change = OrganizationOperations.Change(name: edit.name)
        if given.keys.contains("inactivity_days") {
            change.inactivity = edit.inactivityDays.map { .after(days: $0) } ?? .never
        }
        if given.keys.contains("daily_quota") {
            change.dailyQuota = .some(edit.dailyQuota)
        }
        return change
    }
}

extension OrganizationView {
    init(_ organization: Organization) {
        let days: Int? = if case .after(let days) = organization.inactivity { days } else { nil }
        self.init(
            id: organization.id.text, name: organization.name.text, inactivityDays: days,
            dailyQuota: organization.dailyQuota, createdAt: organization.createdAt.text)
    }
}

extension AuditEntryView {
    init(_ entry: AuditEntry) {
        self.init(
            id: entry.id.text, at: entry.at.text, actor: entry.actor?.text, actorToken: entry.actorToken?.text,
            action: entry.action.rawValue, subject: entry.subject, details: entry.details)
    }
}
