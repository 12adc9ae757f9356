import Domain
import Manage
import WebSupport

/// A new secret as it is handed over, this once, in the formats that callers take (D1, P2, P3).
struct HandOver: Sendable {
    let secret: PresentedSecret
    let isManagement: Bool
    /// The webhook of the address and of the line that tries it out; `nil` if there is none yet.
    let webhook: Webhook?

    init(_ secret: PresentedSecret, _ scope: Token.Scope, webhook: Webhook?) {
        self.secret = secret
        isManagement = scope == .management
        self.webhook = webhook
    }

    /// Whether both formats open what it is for.
    private var accepts: Set<AuthMethodName> { webhook?.accepts ?? Set(AuthMethodName.allCases) }

    /// For the partial `hand-over`.
    ///
    /// - Parameter isOfAll: whether the secret opens more than that one webhook, so that both formats are shown.
    func model(_ request: PageRequest, isOfAll: Bool) -> Model {
        let input = request.input
        let showsBearer = isManagement || isOfAll || accepts.contains(.bearer)
        let showsBasic = !isManagement && (isOfAll || accepts.contains(.basic))
        let url = webhook.map { request.operations.webhooks.url(of: $0.id) }
        return [
            "example": isOfAll
                ? (webhook.map { request.words("token.example_webhook", ["name": $0.name.text]) }).orFalse : false,
            "url": url.map { input.code("url", "install.url", $0) as Any } ?? false,
            "token": input.code("secret", isManagement ? "token.the_token" : "install.token", secret.text, isSecret: true),
            "header": showsBearer ? input.code("header", "install.header", secret.bearerHeader, isSecret: true) as Any : false,
            "basic": showsBasic ? input.code("basic", "install.basic", secret.basicHeader, isSecret: true) as Any : false,
            "basicText": showsBasic ? request.words["install.basic_text"] as Any : false,
            "curl": curl(url, input),
            "lacksWebhook": !isManagement && webhook == nil,
        ]
    }

    private func curl(_ url: String?, _ input: OpenPageRequest) -> Any {
        guard let url else { return false }
        return input.code("curl", "install.curl", CurlLine.text(url: url, secret, accepts: accepts), isSecret: true)
    }
}

extension PageRequest {
    /// The page that shows a new secret this once, and goes on when it is saved (P3).
    ///
    /// - Parameters:
    ///   - title: the heading.
    ///   - text: what was made, and what to do with it.
    ///   - next: where "Done" leads: `token`, or `list` for the page where tokens of its kind are listed.
    func secretPage(
        _ secret: PresentedSecret, of token: Token, title: String, text: String, next: String, fault: Fault? = nil
    ) async throws -> PageAnswer {
        let webhook = try await input.operations.tokens.sampleWebhook(token.scope, actor)
        let fields = [
            Field("saved", .check, key: "token.saved", isRequired: true), Field("secret", .hidden, key: "token.saved"),
            Field("next", .hidden, key: "token.saved"),
        ]
        return try page(
            "secret", title: title, in: TokenPages.section(of: token, self),
            crumbs: TokenPages.crumbs(above: token, webhook, self),
            [
                "text": text, "steps": false, "hasSteps": false,
                "handOver": HandOver(secret, token.scope, webhook: webhook).model(self, isOfAll: token.scope == .api),
                "fault": input.errors(fault), "action": "/tokens/\(token.id.text)/saved", "button": input.words["token.done"],
                "fields": input.fields(fields, ["secret": secret.text, "next": next], fault: fault),
            ])
    }

    /// What is wrong with a form that shows a secret and was sent without the tick (P3).
    var unsaved: Fault {
        Fault(summary: input.words["fault.invalid"], field: ("saved", input.words["token.saved_needed"]))
    }
}
