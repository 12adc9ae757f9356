import Domain
import Foundation
import HTTPTypes
import Manage
import Storage
import WebSupport

/// What is done to a webhook: edit, pause, resume, one more app token (D3).
enum WebhookActs {
    static let list: [PageRoute] = [
        PageRoute(.get, "/webhooks/:id/edit", .changeWebhooks) { try await form($0, fault: nil) },
        PageRoute(.post, "/webhooks/:id/edit", .changeWebhooks) { try await edit($0) },
        PageRoute(.get, "/webhooks/:id/pause", .changeWebhooks) { try await askToPause($0) },
        PageRoute(.post, "/webhooks/:id/pause", .changeWebhooks) { request in
            let webhook = try await request.operations.webhooks.pause(request.id, request.actor)
            return .go(to: "/webhooks/\(webhook.id.text)", done: "webhook_paused")
        },
        PageRoute(.post, "/webhooks/:id/resume", .changeWebhooks) { request in
            let webhook = try await request.operations.webhooks.resume(request.id, request.actor)
            return .go(to: "/webhooks/\(webhook.id.text)", done: "webhook_resumed")
        },
    ]

    static func crumbs(_ webhook: Webhook, _ request: PageRequest) -> [PageRequest.Crumb] {
        [request.crumb(.webhooks), .init("/webhooks/\(webhook.id.text)", webhook.name.text)]
    }

    // MARK: Edit

    private static let bytesPerMegabyte: Int64 = 1_000_000
    private static let megabytesMax = Int(Limits.retentionBytes.upperBound / bytesPerMegabyte)

    private static func fields(_ words: Words) -> [Field] {
        [
            Field("name", key: "webhook.name", isRequired: true, maxLength: Limits.nameCharacters.upperBound),
            Field("description", .area(rows: 3), key: "webhook.description", maxLength: Limits.descriptionCharactersMax),
            Field(
                "accepts",
                .boxes(AuthMethodName.allCases.map { Field.Option($0.rawValue, words["webhook.accepts_\($0.rawValue)"]) }),
                key: "webhook.accepts", isRequired: true),
            Field("retention_days", .number(Limits.retentionDays), key: "webhook.retention_days"),
            Field("retention_bytes", .number(1...megabytesMax), key: "webhook.retention_bytes"),
            Field("echo_body", .check, key: "webhook.echo"),
        ]
    }

    private static func values(_ webhook: Webhook) -> [String: String] {
        [
            "name": webhook.name.text, "description": webhook.description.text,
            "accepts": webhook.accepts.sorted().map(\.rawValue).joined(separator: ","),
            "retention_days": webhook.retentionDays.map(String.init) ?? "",
            "retention_bytes": webhook.retentionBytes.map { String(megabytes($0)) } ?? "",
            "echo_body": webhook.echoesBody ? "yes" : "",
        ]
    }

    private static func megabytes(_ bytes: Int64) -> Int64 { max(1, bytes / bytesPerMegabyte) }

    private static func form(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let webhook = try await request.operations.webhooks.show(request.id, request.actor)
        return try request.page(
            "plain-form", title: request.words("webhook.edit_title", ["name": webhook.name.text]), in: .webhooks,
            crumbs: crumbs(webhook, request),
            [
                "fault": request.input.errors(fault), "text": false,
                "fields": request.input.fields(fields(request.words), values(webhook), fault: fault),
                "action": "/webhooks/\(webhook.id.text)/edit", "button": request.words["webhook.save"],
                "back": "/webhooks/\(webhook.id.text)",
            ])
    }

    private static func edit(_ request: PageRequest) async throws -> PageAnswer {
        try await request.attempt {
            let form = request.form
            let webhook = try await request.operations.webhooks.show(request.id, request.actor)
            let days = try form.wholeNumber("retention_days").map { number throws(OperationError) in
                guard let days = Int(exactly: number) else { throw .notWhole("retention_days") }
                return days
            }
            let bytes = try form.wholeNumber("retention_bytes")
            let isSame = bytes == webhook.retentionBytes.map(megabytes)
            let edit = WebhookOperations.Edit(
                name: form.text("name"), description: form.text("description"), accepts: form.all("accepts"),
                retentionDays: .some(days),
                retentionBytes: isSame ? nil : .some(bytes.map { $0.multipliedOrMax(by: bytesPerMegabyte) }),
                echoesBody: form.isTicked("echo_body"))
            _ = try await request.operations.webhooks.edit(webhook.id.text, edit, request.actor)
            return .go(to: "/webhooks/\(webhook.id.text)", done: "webhook_saved")
        } orShow: { fault in
            try await form(request, fault: fault)
        }
    }

    // MARK: Pause

    private static func askToPause(_ request: PageRequest) async throws -> PageAnswer {
        let words = request.words
        let webhook = try await request.operations.webhooks.show(request.id, request.actor)
        let callers = try await request.operations.webhooks.callers(webhook.id.text, request.actor)
        let items = callers.prefix(20).map { caller in
            words(
                "webhook.caller",
                ["name": caller.name.text, "n": caller.count, "ago": words.distance(caller.lastAt, now: request.now)])
        }
        return try request.confirm(
            Confirmation(
                title: words("webhook.pause_title", ["name": webhook.name.text]), text: words["webhook.pause_text"],
                action: "/webhooks/\(webhook.id.text)/pause", button: words["webhook.pause"],
                back: "/webhooks/\(webhook.id.text)", isDanger: true,
                notes: [words[items.isEmpty ? "webhook.no_callers" : "webhook.callers"]], items: items),
            in: .webhooks, crumbs: crumbs(webhook, request))
    }
}

extension Form {
    /// A whole number that may be left out.
    func wholeNumber(_ name: String) throws(OperationError) -> Int64? {
        guard let text = self[name] else { return nil }
        guard let number = Int64(text.filter { !$0.isWhitespace }) else { throw .notWhole(name) }
        return number
    }
}

extension OperationError {
    static func notWhole(_ field: String) -> OperationError { .invalid(field: field, "must be a whole number.") }
}

extension Int64 {
    fileprivate func multipliedOrMax(by factor: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}
