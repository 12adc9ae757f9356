import Contract
import Domain
import HTTPTypes
import Manage
import WebSupport

enum HeldRoutes {
    static let list: [Route] = [
        Route(.get, "held", .readCalls, query: ["webhook", "token", "after", "limit"]) { request, operations in
            let page = try await operations.held.list(
                webhook: request.query["webhook"], token: request.query["token"], after: request.after,
                limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map(HeldCallView.init), next: page.next))
        },
        Route(.post, "held/release", .releaseCalls) { request, operations in
            let asked = try request.decode(ReleaseHeld.self, fields: ["ids", "all", "webhook", "token"])
            let report = try await operations.held.release(selection(asked), request.actor)
            return try .json(
                ReleaseView(
                    released: Int64(report.released), duplicates: Int64(report.duplicates),
                    stillLapsed: Int64(report.stillLapsed), events: report.events.map(\.text)))
        },
    ]

    private static func selection(_ asked: ReleaseHeld) throws(OperationError) -> HeldOperations.Selection {
        switch (asked.ids, asked.all) {
        case (let ids?, nil), (let ids?, false):
            guard asked.webhook == nil, asked.token == nil else {
                throw .invalid(field: "ids", "stands alone; `webhook` and `token` narrow `all`.")
            }
            return .ids(ids)
        case (nil, true):
            return .all(webhook: asked.webhook, token: asked.token)
        default:
            throw .invalid(field: "ids", "must be given, or else `all` as true.")
        }
    }
}

extension HeldCallView {
    init(_ shown: HeldOperations.Shown) {
        let call = shown.call
        self.init(
            id: call.id.text, receivedAt: call.receivedAt.text, webhook: call.webhook.text, token: call.token.text,
            tokenName: shown.tokenName?.text, cause: call.cause, causeAt: call.causeAt?.text, bodyBytes: call.bodyBytes,
            remoteAddress: call.remoteAddress, basicUser: call.basicUser, contentType: call.contentType,
            dropsAt: shown.dropsAt.text, canRelease: shown.canRelease)
    }
}
