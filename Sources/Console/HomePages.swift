import Contract
import Domain
import HTTPTypes
import Manage
import Storage
import WebSupport

/// How things stand, and what waits for a person.
enum HomePages {
    static let list: [PageRoute] = [
        PageRoute(.get, "/", .readOrganization) { request in
            let today = try await today(request)
            let minutes = try await request.operations.events.perMinute(request.actor)
            let destinations = try await HomeAttention.destinations(request)
            let held = try await HomeAttention.heldCalls(request)
            let isNew = try await isNew(today, request)
            let attention = try await HomeAttention.list(held: held, destinations, request)
            return try request.page(
                "home", title: request.words["home.title"], in: .home,
                [
                    "isNew": isNew, "first": isNew ? try await firstSteps(request) : false,
                    "tiles": tiles(today, held: held, failing: destinations.failing, request),
                    "chart": CallChart(minutes).model(request),
                    "attention": attention, "hasAttention": !attention.isEmpty,
                    "mayInstall": request.may(.changeWebhooks),
                ])
        }
    ]

    private struct Today: Sendable {
        var accepted: Int64 = 0
        var refused: Int64 = 0
    }

    private static func today(_ request: PageRequest) async throws -> Today {
        try await request.operations.events.counts(by: .cause, days: 1, request.actor).reduce(into: Today()) { sum, count in
            sum.accepted += count.total.accepted
            sum.refused += count.total.refused
        }
    }

    // Nothing ever came in, or it is gone long since.
    private static func isNew(_ today: Today, _ request: PageRequest) async throws -> Bool {
        guard today.accepted == 0 else { return false }
        return try await request.operations.events.list(after: nil, limit: 1, request.actor).items.isEmpty
    }

    private static func tiles(
        _ today: Today, held: HomeAttention.Counted, failing: Int, _ request: PageRequest
    ) -> [Model] {
        let words = request.words
        func tile(_ key: String, _ number: String, _ href: String, note: String? = nil) -> Model {
            ["label": words[key], "number": number, "href": href, "note": note ?? false]
        }
        return [
            tile("home.events_today", words.number(today.accepted), "/events", note: words["home.since_midnight"]),
            tile("home.refused_today", words.number(today.refused), "/calls", note: words["home.since_midnight"]),
            tile("home.held", held.text(words), "/held", note: words["home.held_note"]),
            tile("home.failing", words.number(Int64(failing)), "/destinations", note: words["home.failing_note"]),
        ]
    }

    private static func firstSteps(_ request: PageRequest) async throws -> Any {
        let webhooks = try await request.operations.webhooks.list(after: nil, limit: 50, request.actor).items
        guard let webhook = webhooks.first(where: { $0.state == .active }) else { return ["curl": false] as Model }
        let line = CurlLine.text(url: request.operations.webhooks.url(of: webhook.id), secret: request.words["home.your_secret"])
        return ["curl": request.input.code("curl", "home.curl", line)] as Model
    }
}
