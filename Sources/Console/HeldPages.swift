import Domain
import HTTPTypes
import Manage
import WebSupport

/// Calls that were kept aside (N3).
enum HeldPages {
    static let list: [PageRoute] = [
        PageRoute(.get, "/held", .readCalls) { request in try await page(request, fault: nil) },
        PageRoute(.post, "/held/release", .releaseCalls) { request in
            try await request.attempt {
                let ids = request.form["one"].map { [$0] } ?? request.form.all("ids")
                guard !ids.isEmpty else { throw OperationError.invalid(field: "ids", "must name 1 to 500 held calls.") }
                return back(try await request.operations.held.release(.ids(ids), request.actor), request.form)
            } orShow: { fault in
                try await page(request, fault: fault)
            }
        },
        PageRoute(.get, "/held/release-all", .releaseCalls) { request in try await askAll(request) },
        PageRoute(.post, "/held/release-all", .releaseCalls) { request in
            let report = try await request.operations.held.release(
                .all(webhook: request.form["webhook"], token: request.form["token"]), request.actor)
            return back(report, request.form)
        },
    ]

    // The list again, with what was done.
    private static func back(_ report: HeldOperations.Report, _ form: Form) -> PageAnswer {
        var path = "/held?released=\(report.released)&duplicates=\(report.duplicates)&lapsed=\(report.stillLapsed)"
        for name in ["webhook", "token"] {
            if let value = form[name] { path += "&\(name)=\(Form.encoded(value))" }
        }
        return .go(to: path)
    }

    private static func page(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let choices = try await request.operations.names.choices(request.actor)
        let narrowed = narrowing(request)
        do {
            let found = try await request.operations.held.list(
                webhook: narrowed.webhook, token: narrowed.token, after: request.query["after"], limit: 50, request.actor)
            return try await page(request, choices, found, fault: fault)
        } catch let error as OperationError {
            guard fault == nil, let fault = Fault(error, request.words) else { throw error }
            var answer = try await page(request, choices, nil, fault: fault)
            answer.status = 422
            return answer
        }
    }

    private static func narrowing(_ request: PageRequest) -> (webhook: String?, token: String?) {
        (request.form["webhook"] ?? request.query["webhook"], request.form["token"] ?? request.query["token"])
    }

    private static func page(
        _ request: PageRequest, _ choices: NameOperations.Choices, _ found: Page<HeldOperations.Shown>?, fault: Fault?
    ) async throws -> PageAnswer {
        let words = request.words
        let narrowed = narrowing(request)
        let isNarrowed = narrowed.webhook != nil || narrowed.token != nil
        let items = found?.items ?? []
        let filters = [
            Filter("webhook", .choice(choices.webhooks.options), key: "event.webhook"),
            Filter("token", choices.tokens.map { .choice($0.options) } ?? .text(isWide: false), key: "event.token"),
        ]
        let days = request.operations.held.keep.microseconds / Interval.days(1).microseconds
        return try request.page(
            "held-list", title: words["nav.held"], in: .held,
            [
                "about": words("held.about", ["n": days]), "room": try await room(request),
                "report": report(request), "fault": request.input.errors(fault),
                "filters": request.input.filters(filters, fault: fault, action: "/held"), "rows": try await rows(items, request),
                "hasRows": !items.isEmpty, "mayRelease": request.may(.releaseCalls),
                "hasReady": request.may(.releaseCalls) && items.contains(where: \.canRelease),
                "releaseAll": address("/held/release-all", narrowed),
                "releaseAllWords": words[isNarrowed ? "held.release_these" : "held.release_all"],
                "webhookAsked": narrowed.webhook.orFalse,
                "tokenAsked": narrowed.token.orFalse,
                "empty": items.isEmpty
                    ? [
                        "title": words[isNarrowed ? "held.none_match" : "held.empty"],
                        "text": words[isNarrowed ? "held.none_match_text" : "held.empty_text"], "href": false, "action": "",
                    ] as Model as Any : false,
                "pager": fault == nil ? pager(found?.next, request) : false,
            ])
    }

    private static func address(_ path: String, _ narrowed: (webhook: String?, token: String?)) -> String {
        let pairs = [("webhook", narrowed.webhook), ("token", narrowed.token)]
        let given = pairs.compactMap { name, value in value.map { "\(name)=\(Form.encoded($0))" } }
        return given.isEmpty ? path : path + "?" + given.joined(separator: "&")
    }

    // The oldest stand first, for they are dropped first.
    private static func pager(_ next: String?, _ request: PageRequest) -> Any {
        let isFirst = request.query["after"] == nil
        guard next != nil || !isFirst else { return false }
        return [
            "newer": next.map { request.input.address(with: "after", $0) as Any } ?? false,
            "older": isFirst ? false : request.input.address(with: "after", nil) as Any,
        ] as Model
    }

    private static func room(_ request: PageRequest) async throws -> Any {
        let (used, max) = try await request.operations.held.room(request.actor)
        guard let max, max > 0 else { return false }
        let words = request.words
        return [
            "text": words("held.room", ["used": words.bytes(used), "max": words.bytes(max)]), "value": "\(used)",
            "max": "\(max)", "isNearlyFull": used > max / 10 * 9,
        ] as Model
    }

    // What a release did; the numbers stand in the address that it leads to.
    private static func report(_ request: PageRequest) -> Any {
        let numbers = ["released", "duplicates", "lapsed"].map { request.query[$0].flatMap(Int64.init) }
        guard let released = numbers[0], let duplicates = numbers[1], let lapsed = numbers[2],
            numbers.allSatisfy({ (0...1_000_000_000).contains($0 ?? -1) })
        else { return false }
        let words = request.words
        var parts = [words("held.released", ["n": released])]
        if duplicates > 0 { parts.append(words("held.duplicates", ["n": duplicates])) }
        if lapsed > 0 { parts.append(words("held.still_lapsed", ["n": lapsed])) }
        return ["text": parts.joined(separator: " "), "isGood": released > 0 && lapsed == 0] as Model
    }

    private static func rows(_ shown: [HeldOperations.Shown], _ request: PageRequest) async throws -> [Model] {
        var mentions = NameOperations.Mentions()
        mentions.webhooks = Set(shown.map(\.call.webhook))
        let names = try await request.operations.names.names(mentions, request.actor)
        let mayRelease = request.may(.releaseCalls)
        let sent = Set(request.form.all("ids"))
        return shown.map { one in
            let call = one.call
            return [
                "id": call.id.text, "at": request.input.exactly(call.receivedAt), "isTicked": sent.contains(call.id.text),
                "webhook": request.input.link("/webhooks/\(call.webhook.text)", names.webhooks[call.webhook], call.webhook.text),
                "token": request.input.link("/tokens/\(call.token.text)", one.tokenName, call.token.text),
                "cause": CallPages.name(of: call.cause, request),
                "since": CallPages.since(call.cause, call.causeAt, request).orFalse,
                "why": request.words[one.canRelease ? "held.ready_text" : "held.not_yet_\(lapse(call.cause))"],
                "state": one.canRelease
                    ? request.input.badge("held.ready", .good) : request.input.badge("held.not_yet", .warn),
                "until": request.input.time(one.dropsAt), "size": request.words.bytes(call.bodyBytes),
                "address": call.remoteAddress, "mayRelease": mayRelease && one.canRelease,
            ]
        }
    }

    private static func lapse(_ cause: String) -> String {
        switch cause {
        case "owner_inactive": "owner"
        case "token_expired": "expired"
        default: "token"
        }
    }

    private static func askAll(_ request: PageRequest) async throws -> PageAnswer {
        let narrowed = narrowing(request)
        let found = try await request.operations.held.list(
            webhook: narrowed.webhook, token: narrowed.token, after: nil, limit: Limits.pageItems.upperBound, request.actor)
        let ready = found.items.filter(\.canRelease).count
        let words = request.words
        let isMore = found.next != nil
        let isNone = ready == 0 && !isMore
        return try request.confirm(
            Confirmation(
                title: words["held.all_title"],
                text: isNone
                    ? words["held.none_ready"]
                    : words(isMore ? "held.all_text_more" : "held.all_text", ["n": found.items.count, "ready": ready]),
                action: "/held/release-all", button: words["held.release"], back: address("/held", narrowed),
                fields: [Field("webhook", .hidden, key: "event.webhook"), Field("token", .hidden, key: "event.token")]
                    .filter { $0.name == "webhook" ? narrowed.webhook != nil : narrowed.token != nil },
                values: ["webhook": narrowed.webhook ?? "", "token": narrowed.token ?? ""],
                notes: isNone ? [] : [words["held.all_note"]],
                instead: isNone ? .init(address("/held", narrowed), words["held.to_list"]) : nil),
            in: .held, crumbs: [request.crumb(.held)])
    }
}
