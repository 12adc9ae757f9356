import Contract
import Domain
import HTTPTypes
import Manage
import Storage
import WebSupport

enum WebhookRoutes {
    static let list: [Route] = [
        Route(.get, "webhooks", .readWebhooks, query: ["after", "limit"]) { request, operations in
            let page = try await operations.webhooks.list(after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map { WebhookView($0, operations.webhooks) }, next: page.next))
        },
        Route(.post, "webhooks", .changeWebhooks) { request, operations in
            let asked = try request.decode(NewWebhook.self, fields: ["name", "description", "accepts", "echo_body"])
            let draft = WebhookOperations.Draft(
                name: asked.name, description: asked.description, accepts: asked.accepts,
                echoesBody: asked.echoBody ?? false)
            let webhook = try await operations.webhooks.create(draft, request.actor)
            return try .json(WebhookView(webhook, operations.webhooks), status: 201)
        },
        Route(.get, "webhooks/:id", .readWebhooks) { request, operations in
            try .json(WebhookView(try await operations.webhooks.show(request.id, request.actor), operations.webhooks))
        },
        Route(.patch, "webhooks/:id", .changeWebhooks) { request, operations in
            let asked = try request.decode(
                WebhookEdit.self,
                fields: ["name", "description", "accepts", "retention_days", "retention_bytes", "echo_body"])
            let edit = WebhookOperations.Edit(
                name: asked.name, description: asked.description, accepts: asked.accepts,
                retentionDays: asked.retentionDays.wanted, retentionBytes: asked.retentionBytes.wanted, echoesBody: asked.echoBody
            )
            let webhook = try await operations.webhooks.edit(request.id, edit, request.actor)
            return try .json(WebhookView(webhook, operations.webhooks))
        },
        Route(.get, "webhooks/:id/fields", .readWebhooks) { request, operations in
            try .json(WebhookFieldsView(try await operations.fields.fields(ofWebhook: request.id, request.actor)))
        },
        Route(.get, "webhooks/:id/callers", .readTokens) { request, operations in
            let callers = try await operations.webhooks.callers(request.id, request.actor)
            return try .json(PageView(items: callers.map(WebhookCallerView.init), next: nil))
        },
        Route(.post, "webhooks/:id/pause", .changeWebhooks) { request, operations in
            try .json(WebhookView(try await operations.webhooks.pause(request.id, request.actor), operations.webhooks))
        },
        Route(.post, "webhooks/:id/resume", .changeWebhooks) { request, operations in
            try .json(WebhookView(try await operations.webhooks.resume(request.id, request.actor), operations.webhooks))
        },
    ]
}

extension WebhookCallerView {
    init(_ caller: CallCountTable.Caller) {
        self.init(token: caller.token.text, name: caller.name.text, count: caller.count, lastAt: caller.lastAt.text)
    }
}

extension WebhookView {
    init(_ webhook: Webhook, _ operations: WebhookOperations) {
        self.init(
            id: webhook.id.text, name: webhook.name.text, description: webhook.description.text,
            url: operations.url(of: webhook.id), accepts: webhook.accepts.sorted().map(\.rawValue),
            state: webhook.state.rawValue, owner: webhook.owner.text, createdAt: webhook.createdAt.text,
            retentionDays: webhook.retentionDays, retentionBytes: webhook.retentionBytes, echoBody: webhook.echoesBody)
    }
}
