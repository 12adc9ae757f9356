import Domain
import Foundation
import HTTPTypes
import Manage
import Storage
import WebSupport

/// Refused calls and why (N2).
enum CallPages {
    static let list: [PageRoute] = [
        PageRoute(.get, "/calls", .readCalls, search),
        PageRoute(.get, "/calls/:id", .readCalls) { request in try await CallPage.show(request, fault: nil) },
        PageRoute(.post, "/calls/:id/mend", .readCalls) { request in
            try await request.attempt {
                let done = try await CallPage.mend(request)
                return .go(to: "/calls/\(request.id)", done: done)
            } orShow: { fault in
                try await CallPage.show(request, fault: fault)
            }
        },
    ]

    // Causes that are counted in sight; the others unfold.
    private static let causesInSight = 4

    private static func search(_ request: PageRequest) async throws -> PageAnswer {
        let choices = try await request.operations.names.choices(request.actor)
        return try await request.attempt {
            let (from, to) = try request.input.span()
            let query = EventOperations.CallQuery(
                outcome: .refused, webhook: request.query["webhook"], token: request.query["token"],
                cause: request.query["cause"], from: from, to: to)
            let found = try await request.operations.events.calls(
                query, after: request.query["after"], limit: 50, request.actor)
            return try await page(request, choices, found, fault: nil)
        } orShow: { fault in
            try await page(request, choices, nil, fault: fault)
        }
    }

    private static func page(
        _ request: PageRequest, _ choices: NameOperations.Choices, _ found: Page<EventOperations.Call>?, fault: Fault?
    ) async throws -> PageAnswer {
        let words = request.words
        let filters = [
            Filter("cause", .choice(causes(words)), key: "call.cause"),
            Filter("webhook", .choice(choices.webhooks.options), key: "event.webhook"),
            Filter("token", choices.tokens.map { .choice($0.options) } ?? .text(isWide: false), key: "event.token"),
            Filter("from", .moment, key: "filter.from"),
            Filter("to", .moment, key: "filter.to"),
        ]
        let isNarrowed = filters.contains { request.query[$0.name] != nil }
        let items = found?.items ?? []
        let counts = try await counts(request)
        return try request.page(
            "call-list", title: words["nav.calls"], in: .calls,
            [
                "fault": request.input.errors(fault), "filters": request.input.filters(filters, fault: fault),
                "rows": try await rows(items, request), "hasRows": !items.isEmpty,
                "empty": items.isEmpty
                    ? [
                        "title": words[isNarrowed ? "call.none_match" : "call.empty"],
                        "text": words[isNarrowed ? "call.none_match_text" : "call.empty_text"], "href": false, "action": "",
                    ] as Model as Any : false,
                "counts": Array(counts.prefix(causesInSight)), "hasCounts": !counts.isEmpty,
                "allCounts": counts, "hasMoreCounts": counts.count > causesInSight, "pager": request.input.pager(found?.next),
            ])
    }

    private static func causes(_ words: Words) -> [Field.Option] {
        Rejection.causes.map { Field.Option($0, words["cause.\($0)"]) }.sorted { $0.label < $1.label }
    }

    private static func counts(_ request: PageRequest) async throws -> [Model] {
        try await request.operations.events.counts(by: .cause, days: nil, request.actor)
            .filter { !$0.total.key.isEmpty && $0.total.refused > 0 }
            .map { count in
                [
                    "href": "/calls?cause=\(count.total.key)", "cause": name(of: count.total.key, request),
                    "count": request.words.number(count.total.refused), "last": request.input.time(count.total.lastAt),
                ]
            }
    }

    /// A cause in plain words.
    static func name(of cause: String, _ request: PageRequest) -> String {
        request.words.text("cause.\(cause)") ?? cause
    }

    /// Since when the cause held, as a short sentence.
    static func since(_ cause: String, _ moment: Timestamp?, _ request: PageRequest) -> String? {
        moment.map { moment in
            let isEnd = cause == "token_expired" || cause == "secret_ended"
            return request.words(isEnd ? "call.on" : "call.since", ["when": request.words.moment(moment)])
        }
    }

    /// Rows of a list of refused calls.
    private static func rows(_ calls: [EventOperations.Call], _ request: PageRequest) async throws -> [Model] {
        let refused = calls.compactMap { call in
            if case .refused(let call, let name) = call { (call, name) } else { nil }
        }
        var mentions = NameOperations.Mentions()
        mentions.webhooks = Set(refused.compactMap { $0.0.webhook.flatMap(ID<Webhook>.init) })
        let names = try await request.operations.names.names(mentions, request.actor)
        return refused.map { call, tokenName in
            [
                "href": "/calls/\(call.id.text)", "at": request.input.exactly(call.receivedAt),
                "cause": name(of: call.cause, request),
                "since": since(call.cause, call.causeAt, request).orFalse,
                "token": CallPage.token(call, tokenName, request), "webhook": CallPage.webhook(call, names, request),
                "address": call.remoteAddress, "user": call.basicUser.map { BodyText.seen($0).text as Any } ?? false,
                "count": call.count > 1 ? request.words("call.times", ["n": call.count]) as Any : false,
                "held": call.held != nil,
            ]
        }
    }
}
