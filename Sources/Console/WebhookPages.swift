import Domain
import HTTPTypes
import Manage
import WebSupport

enum WebhookPages {
    static let list: [PageRoute] = [
        PageRoute(.get, "/webhooks", .readWebhooks) { request in
            let found = try await request.operations.webhooks.list(after: request.query["after"], limit: 50, request.actor)
            return try request.page(
                "webhook-list", title: request.words["nav.webhooks"], in: .webhooks,
                [
                    "webhooks": found.items.map { row($0, request) }, "isEmpty": found.items.isEmpty,
                    "pager": request.input.pager(found.next),
                ])
        }
    ]

    private static func row(_ webhook: Webhook, _ request: PageRequest) -> Model {
        [
            "name": webhook.name.text, "href": "/webhooks/\(webhook.id.text)", "createdAt": request.input.time(webhook.createdAt),
            "state": request.input.badge(
                "webhook.state_\(webhook.state.rawValue)", webhook.state == .active ? .good : .quiet),
        ]
    }
}
