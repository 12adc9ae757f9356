import Domain
import HTTPTypes
import Manage
import Storage
import WebSupport

/// What will stop and when, and the warnings about it (N4).
enum OutlookPages {
    private static let spans = [7, 30, 60, 90]
    private static let spanDefault = 30

    static let list: [PageRoute] = [
        PageRoute(.get, "/outlook", .readAccounts) { request in
            let asked = request.query["days"].flatMap { Int($0) } ?? spanDefault
            let days = spans.contains(asked) ? asked : spanDefault
            let (items, now) = try await request.operations.outlook.list(days: days, request.actor)
            let stopped = try await stopped(request)
            let warnings = try await request.operations.outlook.warnings(
                after: request.query["after"], limit: 20, request.actor)
            return try request.page(
                "outlook", title: request.words["nav.outlook"], in: .outlook,
                [
                    "spans": spans.map { span in
                        [
                            "label": request.words("outlook.days", ["n": span]), "href": "/outlook?days=\(span)",
                            "isCurrent": span == days,
                        ] as Model
                    },
                    "groups": groups(items, now, request), "isEmpty": items.isEmpty,
                    "nothing": request.words("outlook.nothing", ["n": days]), "stopped": stopped,
                    "hasStopped": !stopped.isEmpty, "warnings": warnings.items.map { row($0, request) },
                    "hasWarnings": !warnings.items.isEmpty, "pager": request.input.pager(warnings.next),
                    "maySet": request.may(.changeOrganization),
                ])
        }
    ]

    // MARK: What will stop

    private static func groups(_ items: [OutlookItem], _ now: Timestamp, _ request: PageRequest) -> [Model] {
        let ends: [(key: String, days: Int64)] = [
            ("outlook.within_day", 1), ("outlook.within_week", 7), ("outlook.within_month", 30), ("outlook.later", .max),
        ]
        var start: Int64 = 0
        return ends.compactMap { key, end -> Model? in
            let within = items.filter { (start + 1...end).contains(max(1, $0.daysLeft(at: now))) }
            start = end == .max ? start : end
            guard !within.isEmpty else { return nil }
            return ["title": request.words[key], "items": within.map { model($0, now, request) }]
        }
    }

    /// An item with the way to mend it, for the list of what stops and for the start page.
    static func model(_ item: OutlookItem, _ now: Timestamp, _ request: PageRequest) -> Model {
        let mend = mend(item, request)
        return [
            "title": request.words("outlook.\(item.kind.rawValue)", ["name": item.name.text]),
            "text": text(item, request), "at": request.input.time(item.at),
            "tone": item.daysLeft(at: now) <= 7 ? "warn" : "", "href": href(item),
            "mendHref": mend?.href ?? false, "mendLabel": mend.map { request.words[$0.key] } ?? "",
            "icon": item.kind == .accountLapses ? "account" : item.kind == .overlapEnds ? "key" : "clock",
        ]
    }

    // How many tokens stop along, or what happens to callers.
    private static func text(_ item: OutlookItem, _ request: PageRequest) -> String {
        guard item.kind == .accountLapses else { return request.words["outlook.\(item.kind.rawValue)_text"] }
        guard !item.tokens.isEmpty else { return request.words["outlook.account_lapses_alone"] }
        return request.words("outlook.account_lapses_text", ["n": item.tokens.count])
    }

    private static func href(_ item: OutlookItem) -> String {
        switch item.kind {
        case .accountLapses: "/accounts/\(item.subject)"
        case .tokenExpires, .overlapEnds: "/tokens/\(item.subject)"
        case .activationExpires: "/settings/integration-tokens"
        case .destinationDisabled: "/destinations/\(item.subject)"
        }
    }

    private static func mend(_ item: OutlookItem, _ request: PageRequest) -> (href: String, key: String)? {
        let isOwn = item.owner == request.actor.account
        switch item.kind {
        case .accountLapses:
            guard request.may(.changeAllTokens), !item.tokens.isEmpty else { return nil }
            return ("/accounts/\(item.subject)/move", "outlook.move_tokens")
        case .tokenExpires:
            guard request.may(.changeAllTokens) || (isOwn && request.may(.changeOwnTokens)) else { return nil }
            return ("/tokens/\(item.subject)/edit", "outlook.extend")
        case .overlapEnds:
            guard request.may(.changeAllTokens) || (isOwn && request.may(.changeOwnTokens)) else { return nil }
            return ("/tokens/\(item.subject)/end-overlap", "outlook.end_overlap")
        case .activationExpires:
            return request.may(.changeIntegrations) ? (href(item), "outlook.renew") : nil
        case .destinationDisabled:
            return request.may(.changeFlows) ? (href(item), "outlook.enable") : nil
        }
    }

    // MARK: What stopped already

    private static let stoppedMax = 50

    /// Accounts that fell inactive by themselves, with what reactivates them.
    static func stopped(_ request: PageRequest) async throws -> [Model] {
        let page = try await request.operations.accounts.list(after: nil, limit: 500, request.actor)
        let counts = try await request.operations.accounts.tokenCounts(request.actor)
        let idle = page.items.map(\.member).compactMap { member -> (member: AccountTable.Member, since: Timestamp)? in
            guard case .inactive(let since, .idle) = member.membership.state else { return nil }
            return (member, since)
        }
        return idle.sorted { $0.since > $1.since }.prefix(stoppedMax).map { member, since in
            let account = member.account
            let path = "/accounts/\(account.id.text)"
            let mayMend = request.may(.changeAccounts) && request.actor.role.mayManage(member.membership.role)
            return [
                "title": request.words("outlook.stopped_account", ["name": account.name.text]),
                "text": request.words("outlook.stopped_text", ["n": counts[account.id] ?? 0]),
                "at": request.input.time(since), "icon": "account", "tone": "bad", "href": path,
                "mendHref": mayMend ? "\(path)/activate" : false as Any,
                "mendLabel": request.words["account.activate_button"],
            ]
        }
    }

    // MARK: Warnings

    private static func row(_ warning: Warning, _ request: PageRequest) -> Model {
        let item = OutlookItem(
            at: warning.dueAt, kind: warning.kind, subject: warning.subject, name: warning.name, owner: nil, tokens: [])
        return [
            "text": request.words("outlook.\(warning.kind.rawValue)", ["name": warning.name.text]), "href": href(item),
            "at": request.input.time(warning.at), "due": request.input.time(warning.dueAt),
            "sent": request.input.time(warning.deliveredAt),
        ]
    }
}
