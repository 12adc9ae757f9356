import Contract
import Domain
import HTTPTypes
import Manage

enum WebhookRoutes {
    static let list: [Route] = [
        Route(.get, "webhooks", .readWebhooks, query: ["after", "limit"]) { request, operations in
            let page = try await operations.webhooks.list(after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map { WebhookView($0, operations.webhooks) }, next: page.next))
        },
        Route(.post, "webhooks", .changeWebhooks) { request, operations in
            let asked = try request.decode(NewWebhook.self, fields: ["name", "description", "accepts"])
            let draft = WebhookOperations.Draft(
                name: asked.name, description: asked.description, accepts: asked.accepts)
            let webhook = try await operations.webhooks.create(draft, request.actor)
            return try .json(WebhookView(webhook, operations.webhooks), status: 201)
        },
        Route(.get, "webhooks/:id", .readWebhooks) { request, operations in
            try .json(WebhookView(try await operations.webhooks.show(request.id, request.actor), operations.webhooks))
        },
        Route(.post, "webhooks/:id/pause", .changeWebhooks) { request, operations in
            try .json(WebhookView(try await operations.webhooks.pause(request.id, request.actor), operations.webhooks))
        },
        Route(.post, "webhooks/:id/resume", .changeWebhooks) { request, operations in
            try .json(WebhookView(try await operations.webhooks.resume(request.id, request.actor), operations.webhooks))
        },
    ]
}

extension WebhookView {
    init(_ webhook: Webhook, _ operations: WebhookOperations) {
        self.init(
            id: webhook.id.text, name: webhook.name.text, description: webhook.description.text,
            url: operations.url(of: webhook.id), accepts: webhook.accepts.sorted().map(\.rawValue),
            state: webhook.state.rawValue, owner: webhook.owner.text, createdAt: webhook.createdAt.text)
    }
}
