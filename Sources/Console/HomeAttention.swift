import Contract
import Domain
import Manage
import Storage
import WebSupport

/// What waits for a person, each with the way to mend it.
enum HomeAttention {
    private static let countMax = 100
    private static let itemsMax = 8
    private static let outlookDays = 7

    /// A number that was not counted further than it matters.
    struct Counted: Sendable {
        let count: Int
        let isMore: Bool

        init(_ found: Int) {
            count = min(found, countMax)
            isMore = found > countMax
        }

        func text(_ words: Words) -> String { words.number(Int64(count)) + (isMore ? "+" : "") }
    }

    static func heldCalls(_ request: PageRequest) async throws -> Counted {
        let page = try await request.operations.held.list(
            webhook: nil, token: nil, after: nil, limit: countMax + 1, request.actor)
        return Counted(page.items.count)
    }

    /// Destinations that do not get what is sent to them.
    struct Destinations: Sendable {
        var disabled: [DestinationOperations.Shown] = []
        var failingNow: [DestinationOperations.Shown] = []

        var failing: Int { disabled.count + failingNow.count }
    }

    static func destinations(_ request: PageRequest) async throws -> Destinations {
        var found = Destinations()
        for shown in try await request.operations.destinations.list(after: nil, limit: 500, request.actor).items {
            switch shown.destination.state {
            case .active where shown.failingSince != nil: found.failingNow.append(shown)
            case .disabled(_, let reason) where reason != .byHand || shown.open.waiting + shown.open.due > 0:
                found.disabled.append(shown)
            default: break
            }
        }
        return found
    }

    /// All of it, the most urgent first.
    static func list(held: Counted, _ destinations: Destinations, _ request: PageRequest) async throws -> [Model] {
        var items = server(request)
        if let sweep = try await AccountPages.sweepNotice(request) as? Model, let text = sweep["text"] as? String,
            let why = sweep["why"] as? String
        {
            let mend = request.may(.changeAccounts) ? ("/accounts/sweep", "account.sweep_look") : nil
            items.append(item("warning", isBad: false, text, why, href: "/accounts", mend: mend, request))
        }
        items += disabled(destinations, request) + failing(destinations, request)
        items += try await dead(request)
        if held.count > 0 {
            items.append(
                item(
                    "held", isBad: false,
                    request.words("home.held_waiting", ["n": held.count, "text": held.text(request.words)]),
                    request.words["home.held_waiting_text"], href: "/held",
                    mend: request.may(.releaseCalls) ? ("/held", "home.release") : nil, request))
        }
        return try await items + stops(request)
    }

    private static func server(_ request: PageRequest) -> [Model] {
        let status = request.operations.status()
        guard status.obstacle != nil else { return [] }
        let free = status.diskFreeBytes.map { request.words("home.disk_free", ["size": request.words.bytes($0)]) }
        return [
            item(
                "warning", isBad: true, request.words["home.obstacle"], free ?? request.words["home.obstacle_text"],
                href: "/calls?cause=disk_nearly_full", mend: nil, request)
        ]
    }

    private static func disabled(_ destinations: Destinations, _ request: PageRequest) -> [Model] {
        destinations.disabled.prefix(itemsMax).compactMap { shown in
            guard case .disabled(_, let reason) = shown.destination.state else { return nil }
            let path = "/destinations/\(shown.destination.id.text)"
            return item(
                "destination", isBad: true, request.words("home.disabled", ["name": shown.destination.name.text]),
                request.words["home.disabled_\(reason.rawValue)"], href: path,
                mend: request.may(.changeFlows) ? (path, "outlook.enable") : nil, request)
        }
    }

    private static func failing(_ destinations: Destinations, _ request: PageRequest) -> [Model] {
        destinations.failingNow.prefix(itemsMax).compactMap { shown in
            guard let since = shown.failingSince else { return nil }
            let path = "/destinations/\(shown.destination.id.text)"
            let ago = request.words.distance(since, now: request.now)
            return item(
                "destination", isBad: true, request.words("home.failing_destination", ["name": shown.destination.name.text]),
                request.words("home.failing_text", ["ago": ago, "n": shown.open.due]), href: path,
                mend: ("/deliveries?destination=\(shown.destination.id.text)", "home.look_deliveries"), request)
        }
    }

    // What was given up on within a day.
    private static func dead(_ request: PageRequest) async throws -> [Model] {
        let dayAgo = request.now.adding(.days(-1))
        let page = try await request.operations.deliveries.list(
            DeliveryOperations.Query(state: .dead), after: nil, limit: countMax + 1, request.actor)
        let count = Counted(page.items.filter { ($0.settledAt ?? $0.createdAt) > dayAgo }.count)
        guard count.count > 0 else { return [] }
        return [
            item(
                "delivery", isBad: true, request.words("home.dead", ["n": count.count, "text": count.text(request.words)]),
                request.words["home.dead_text"], href: "/deliveries?state=dead",
                mend: ("/deliveries?state=dead", "home.look_dead"),
                request)
        ]
    }

    private static func stops(_ request: PageRequest) async throws -> [Model] {
        let stopped = try await OutlookPages.stopped(request).prefix(itemsMax).map { item($0, icon: "account", isBad: true) }
        let (found, now) = try await request.operations.outlook.list(days: outlookDays, request.actor)
        let soon = found.prefix(itemsMax).map { entry -> Model in
            let model = OutlookPages.model(entry, now, request)
            return item(model, icon: model["icon"] as? String ?? "clock", isBad: false)
        }
        guard found.count > itemsMax else { return stopped + soon }
        let rest = item(
            "outlook", isBad: false, request.words("home.more_stops", ["n": found.count - itemsMax]),
            request.words["home.more_stops_text"], href: "/outlook?days=\(outlookDays)", mend: nil, request)
        return stopped + soon + [rest]
    }

    // MARK: Models

    private static func item(_ entry: Model, icon: String, isBad: Bool) -> Model {
        entry.merging(["icon": icon, "tone": isBad ? "bad" : "warn"]) { _, new in new }
    }

    private static func item(
        _ icon: String, isBad: Bool, _ title: String, _ text: String, href: String, mend: (href: String, key: String)?,
        _ request: PageRequest
    ) -> Model {
        [
            "icon": icon, "tone": isBad ? "bad" : "warn", "title": title, "text": text, "href": href, "at": false,
            "mendHref": mend?.href ?? false, "mendLabel": mend.map { request.words[$0.key] } ?? "",
        ]
    }
}
