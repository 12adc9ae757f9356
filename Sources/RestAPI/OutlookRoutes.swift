import Contract
import Domain
import HTTPTypes
import Manage
import WebSupport

enum OutlookRoutes {
    static let list: [Route] = [
        Route(.get, "outlook", .readAccounts, query: ["days"]) { request, operations in
            let (items, now) = try await operations.outlook.list(days: request.input.number("days"), request.actor)
            return try .json(PageView(items: items.map { OutlookItemView($0, now: now) }, next: nil))
        },
        Route(.get, "warnings", .readAccounts, query: ["after", "limit"]) { request, operations in
            let page = try await operations.outlook.warnings(
                after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map(WarningView.init), next: page.next))
        },
    ]
}

extension OutlookItemView {
    init(_ item: OutlookItem, now: Timestamp) {
        self.init(
            at: item.at.text, daysLeft: item.daysLeft(at: now), kind: item.kind.rawValue, subject: item.subject,
            name: item.name.text, owner: item.owner?.text, tokens: item.tokens.map(\.text))
    }
}

extension WarningView {
    init(_ warning: Warning) {
        self.init(
            id: warning.id.text, at: warning.at.text, kind: warning.kind.rawValue, subject: warning.subject,
            name: warning.name.text, dueAt: warning.dueAt.text, daysLeft: warning.mark,
            deliveredAt: warning.deliveredAt?.text)
    }
}
