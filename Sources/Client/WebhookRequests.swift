import Contract
import NIOHTTP1

extension InletClient {
    // MARK: Webhooks

    /// The webhooks of the organization.
    public func webhooks(after: String? = nil, limit: Int? = nil) async throws -> PageView<WebhookView> {
        try await get("webhooks", ["after": after, "limit": limit.map(String.init)])
    }

    /// Makes a webhook.
    public func createWebhook(_ webhook: NewWebhook) async throws -> WebhookView {
        try await send(.POST, "webhooks", webhook)
    }

    /// - Parameter reference: id, or a name that only one webhook has.
    public func webhook(_ reference: String) async throws -> WebhookView {
        try await get("webhooks/\(Self.escaped(reference))")
    }

    /// Changes a webhook; what its events are kept for, among others.
    public func editWebhook(_ reference: String, _ edit: WebhookEdit) async throws -> WebhookView {
        try await send(.PATCH, "webhooks/\(Self.escaped(reference))", edit)
    }

    /// The fields that the bodies of its events have had.
    public func webhookFields(_ reference: String) async throws -> WebhookFieldsView {
        try await get("webhooks/\(Self.escaped(reference))/fields")
    }

    /// Which tokens opened it in the last 30 days, the latest first.
    public func webhookCallers(_ reference: String) async throws -> PageView<WebhookCallerView> {
        try await get("webhooks/\(Self.escaped(reference))/callers")
    }

    /// Known callers get 404 while it is paused.
    public func pauseWebhook(_ reference: String) async throws -> WebhookView {
        try await send(.POST, "webhooks/\(Self.escaped(reference))/pause")
    }

    /// Takes calls again.
    public func resumeWebhook(_ reference: String) async throws -> WebhookView {
        try await send(.POST, "webhooks/\(Self.escaped(reference))/resume")
    }
}
