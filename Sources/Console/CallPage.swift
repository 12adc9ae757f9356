import Domain
import Foundation
import Manage
import Storage
import WebSupport

/// One refused call: why, and what mends it (N2).
enum CallPage {
    /// What somebody can do about a cause.
    enum Mend {
        case activateToken, activateOwner, extendToken, resumeWebhook
        /// Only by hand, on another page.
        case lookAtToken, lookAtWebhook, lookAtSettings, lookAtResources
        /// Whoever calls must call otherwise.
        case caller

        init(_ cause: String) {
            self =
                switch cause {
                case "token_inactive": .activateToken
                case "owner_inactive": .activateOwner
                case "token_expired": .extendToken
                case "webhook_paused": .resumeWebhook
                case "secret_ended", "network_not_allowed", "rate_limited", "wrong_kind_of_token", "token_of_another_webhook":
                    .lookAtToken
                case "method_not_accepted": .lookAtWebhook
                case "quota_used_up": .lookAtSettings
                case "too_many_resources": .lookAtResources
                default: .caller
                }
        }
    }

    static func show(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let (call, tokenName) = try await request.operations.events.refused(request.id, request.actor)
        var mentions = NameOperations.Mentions()
        mentions.webhooks = Set([call.webhook.flatMap(ID<Webhook>.init)].compactMap(\.self))
        let names = try await request.operations.names.names(mentions, request.actor)
        let words = request.words
        return try request.page(
            "call", title: CallPages.name(of: call.cause, request), in: .calls, crumbs: [request.crumb(.calls)],
            [
                "lead": words.text("cause.\(call.cause)_text") ?? call.cause,
                "since": CallPages.since(call.cause, call.causeAt, request).orFalse,
                "by": try await whoDid(call, request).orFalse,
                "fault": request.input.errors(fault), "facts": facts(call, tokenName, names, request),
                "mendText": words.text("cause.\(call.cause)_mend") ?? words["cause.unknown_mend"],
                "mend": try await mendModel(call, fault, request),
                "held": try await held(call, request).orFalse,
                "path": "/calls/\(call.id.text)",
            ])
    }

    /// The token of a call for lists; without one false.
    static func token(_ call: RefusedCall, _ name: Label?, _ request: PageRequest) -> Any {
        if let token = call.token { return request.input.link("/tokens/\(token.text)", name, token.text) }
        if let token = call.integrationToken {
            return ["href": false, "name": name?.text ?? token.text] as Model
        }
        return false
    }

    /// The webhook of a call, as it was called if it is none of ours; false if nobody said.
    static func webhook(_ call: RefusedCall, _ names: NameOperations.Names, _ request: PageRequest) -> Any {
        guard let written = call.webhook else { return false }
        if let id = ID<Webhook>(written), let name = names.webhooks[id] {
            return request.input.link("/webhooks/\(id.text)", name, id.text)
        }
        return ["href": false, "name": BodyText.seen(written).text] as Model
    }

    private static func facts(
        _ call: RefusedCall, _ tokenName: Label?, _ names: NameOperations.Names, _ request: PageRequest
    ) -> [Model] {
        let (input, words) = (request.input, request.words)
        var facts = [input.fact("call.received", .moment(call.receivedAt))]
        if let token = call.token {
            facts.append(input.fact("event.token", .link("/tokens/\(token.text)", tokenName?.text ?? token.text)))
        } else if let token = call.integrationToken {
            facts.append(input.fact("call.integration_token", .text(tokenName?.text ?? token.text)))
        } else {
            facts.append(input.fact("event.token", .text(words["call.no_token"])))
        }
        if let written = call.webhook {
            if let id = ID<Webhook>(written), let name = names.webhooks[id] {
                facts.append(input.fact("event.webhook", .link("/webhooks/\(id.text)", name.text)))
            } else {
                facts.append(input.fact("call.webhook_written", .code(BodyText.seen(written).text)))
            }
        }
        facts.append(input.fact("event.address", .code(call.remoteAddress)))
        if let user = call.basicUser { facts.append(input.fact("event.basic_user", .code(BodyText.seen(user).text))) }
        if call.count > 1 { facts.append(input.fact("call.how_often", .text(words("call.times", ["n": call.count])))) }
        facts.append(input.fact("call.answer", .text(words("call.answer_text", ["status": "\(call.status)"]))))
        facts.append(input.fact("call.cause_code", .code(call.cause)))
        facts.append(input.fact("call.id", .code(call.id.text)))
        return facts
    }

    // MARK: Who did it

    // As far as it is known: by the inactivity rule, or by a person whom the audit log names.
    private static func whoDid(_ call: RefusedCall, _ request: PageRequest) async throws -> String? {
        guard let at = call.causeAt, let id = call.token,
            let token = try? await request.operations.tokens.show(id.text, request.actor).token
        else { return nil }
        let (state, action, subject): (Lifecycle, AuditEntry.Action, String)
        switch call.cause {
        case "token_inactive": (state, action, subject) = (token.state, .tokenDeactivate, token.id.text)
        case "owner_inactive":
            guard let owner = try? await request.operations.accounts.show(token.owner.text, request.actor).member else {
                return nil
            }
            (state, action, subject) = (owner.membership.state, .accountDeactivate, token.owner.text)
        default: return nil
        }
        if case .inactive(let since, .idle) = state, since == at { return request.words["call.by_rule"] }
        guard request.may(.readAudit) else { return nil }
        let entries = try await request.operations.audit.list(
            .init(action: action, subject: subject), after: nil, limit: 20, request.actor
        ).items
        guard let entry = entries.map(\.entry).first(where: { $0.at.since(at).magnitude < .seconds(2) }), let actor = entry.actor
        else { return nil }
        var mentions = NameOperations.Mentions()
        mentions.accounts = [actor]
        let names = try await request.operations.names.names(mentions, request.actor)
        return request.words("call.by", ["name": names.accounts[actor]?.text ?? actor.text])
    }

    // MARK: What mends it

    // What stands below the words: a button, a link, or why there is none.
    private struct Offer {
        var button: String?
        var fields: [Model] = []
        var link: Model?
        var note: String?

        var model: Model {
            [
                "button": button.orFalse, "fields": fields, "link": link.orFalse,
                "note": note.orFalse,
            ]
        }
    }

    private static func mendModel(_ call: RefusedCall, _ fault: Fault?, _ request: PageRequest) async throws -> Model {
        let words = request.words
        var token: Token?
        if let id = call.token { token = try? await request.operations.tokens.show(id.text, request.actor).token }
        var offer = Offer()
        switch Mend(call.cause) {
        case .activateToken: offer = tokenOffer(token, isExpired: false, fault, request)
        case .extendToken: offer = tokenOffer(token, isExpired: true, fault, request)
        case .activateOwner: offer = await ownerOffer(token, request)
        case .resumeWebhook: offer = await webhookOffer(call, mayResume: true, request)
        case .lookAtWebhook: offer = await webhookOffer(call, mayResume: false, request)
        case .lookAtToken: offer.link = token.map { request.input.link("/tokens/\($0.id.text)", $0.name, $0.id.text) }
        case .lookAtSettings: offer.link = ["href": "/settings", "name": words["nav.settings"]]
        case .lookAtResources: offer.link = ["href": "/resources", "name": words["nav.resources"]]
        case .caller: break
        }
        return offer.model
    }

    private static func tokenOffer(_ token: Token?, isExpired: Bool, _ fault: Fault?, _ request: PageRequest) -> Offer {
        let words = request.words
        guard let token, !token.state.isDeleted else { return Offer(note: words["call.token_gone"]) }
        let isPutRight = isExpired ? token.expiresAt.map { $0 > request.now } ?? true : token.state.isActive
        guard !isPutRight else { return Offer(note: words["call.put_right"]) }
        guard TokenPages.mayChange(token, request) else { return Offer(note: words["call.ask_token"]) }
        guard isExpired else { return Offer(button: words["call.activate_token"]) }
        let length = Field("days", .choice(lengths(words)), key: "call.extend_by", isRequired: true)
        return Offer(
            button: words["call.extend_token"], fields: request.input.fields([length], ["days": "90"], fault: fault))
    }

    private static func ownerOffer(_ token: Token?, _ request: PageRequest) async -> Offer {
        let words = request.words
        guard let token,
            let owner = try? await request.operations.accounts.show(token.owner.text, request.actor).member
        else { return Offer() }
        var offer = Offer(link: request.input.link("/accounts/\(token.owner.text)", owner.account.name, token.owner.text))
        if owner.membership.state.isActive {
            offer.note = words["call.put_right"]
        } else if request.may(.changeAccounts), request.actor.role.mayManage(owner.membership.role) {
            offer.button = words("call.activate_owner", ["name": owner.account.name.text])
        } else {
            offer.note = words["call.ask_owner"]
        }
        return offer
    }

    private static func webhookOffer(_ call: RefusedCall, mayResume: Bool, _ request: PageRequest) async -> Offer {
        guard let id = call.webhook, let webhook = try? await request.operations.webhooks.show(id, request.actor) else {
            return Offer()
        }
        guard mayResume else {
            return Offer(link: request.input.link("/webhooks/\(webhook.id.text)", webhook.name, webhook.id.text))
        }
        if webhook.state == .active { return Offer(note: request.words["call.put_right"]) }
        guard request.may(.changeWebhooks) else { return Offer() }
        return Offer(button: request.words("call.resume_webhook", ["name": webhook.name.text]))
    }

    private static func lengths(_ words: Words) -> [Field.Option] {
        [30, 90, 365].map { days in
            Field.Option("\(days)", words("call.extend_days", ["n": days]))
        } + [Field.Option("never", words["call.extend_never"])]
    }

    /// Puts the cause right.
    ///
    /// - Returns: what was done, as a key below `done.`.
    static func mend(_ request: PageRequest) async throws -> String {
        let call = try await request.operations.events.refused(request.id, request.actor).call
        switch (Mend(call.cause), call.token?.text) {
        case (.activateToken, let token?):
            _ = try await request.operations.tokens.activate(token, request.actor)
            return "call_token_activated"
        case (.activateOwner, let token?):
            let owner = try await request.operations.tokens.show(token, request.actor).token.owner
            _ = try await request.operations.accounts.activate(owner.text, request.actor)
            return "call_owner_activated"
        case (.extendToken, let token?):
            var end: Timestamp?
            if request.form["days"] != "never" {
                guard let days = request.form["days"].flatMap(Int64.init), (1...3650).contains(days) else {
                    throw OperationError.invalid(field: "days", "must be one of those listed.")
                }
                end = request.now.adding(.days(days))
            }
            _ = try await request.operations.tokens.edit(token, .init(expiresAt: .some(end)), request.actor)
            return "call_token_extended"
        case (.resumeWebhook, _):
            _ = try await request.operations.webhooks.resume(call.webhook ?? "", request.actor)
            return "call_webhook_resumed"
        default: throw OperationError.notFound("mend")
        }
    }

    // The call as it was kept aside, if it was.
    private static func held(_ call: RefusedCall, _ request: PageRequest) async throws -> Model? {
        guard let id = call.held else { return nil }
        let kept = try await request.operations.held.list(
            webhook: nil, token: call.token?.text, after: nil, limit: Limits.pageItems.upperBound, request.actor
        ).items.first { $0.call.id == id }
        let words = request.words
        return [
            "href": "/held?token=\(call.token?.text ?? "")#\(id.text)", "id": id.text,
            "text": words[kept == nil ? "call.held_over" : kept?.canRelease == true ? "call.held_ready" : "call.held_not_yet"],
            "isKept": kept != nil, "mayRelease": kept?.canRelease == true && request.may(.releaseCalls),
        ]
    }
}
