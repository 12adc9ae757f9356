import AuthMethods
import Domain
import Foundation

/// The bytes of an HTTP answer on the ingest listener.
struct IngestReply {
    let status: Int
    private let head: String
    private let body: String

    /// Makes the answer to a call.
    ///
    /// - Parameters:
    ///   - echo: the body of the call, where the webhook sends it back.
    ///   - now: what `Retry-After` and the rate-limit fields of 429 are counted from.
    init(_ answer: IngestAnswer, dailyQuota: Int64?, echo: BodyEcho? = nil, now: Timestamp) {
        switch answer {
        case .accepted(let id): self.init(status: 202, event: id, echo: echo)
        case .duplicate(let id): self.init(status: 200, event: id)
        case .reported(let receipt): self.init(receipt)
        case .activated(let activation): self.init(activation)
        case .refused(let rejection), .held(let rejection, _): self.init(rejection, dailyQuota: dailyQuota, now: now)
        }
    }

    /// The whole answer, ready for the wire.
    ///
    /// - Parameters:
    ///   - date: the `Date` header's value.
    ///   - isKeptAlive: whether the connection serves another request.
    ///   - version10: whether the caller spoke HTTP/1.0, which has to be told that a connection is kept.
    func text(date: String, isKeptAlive: Bool, version10: Bool) -> String {
        var text = head
        text.reserveCapacity(head.utf8.count + body.utf8.count + 80)
        text += date
        if !isKeptAlive {
            text += "\r\nConnection: close\r\n\r\n"
        } else if version10 {
            text += "\r\nConnection: keep-alive\r\n\r\n"
        } else {
            text += "\r\n\r\n"
        }
        text += body
        return text
    }

    /// The same answer as HEAD gets it: the fields, and no body.
    var withoutBody: IngestReply {
        IngestReply(status: status, head: head, body: "")
    }

    private init(status: Int, head: String, body: String) {
        self.status = status
        self.head = head
        self.body = body
    }

    private init(status: Int, event id: OrderedID<Event>, echo: BodyEcho? = nil) {
        let text = id.text
        self.status = status
        body = "{\"id\":\"\(text)\"\(echo?.members ?? "")}"
        head =
            (status == 202 ? "HTTP/1.1 202 Accepted\r\n" : "HTTP/1.1 200 OK\r\n")
            + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\nInlet-Event: \(text)\r\nDate: "
    }

    private init(_ receipt: ReportReceipt) {
        status = receipt.isNew ? 202 : 200
        body = "{\"id\":\"\(receipt.id)\"\(receipt.reports.map { ",\"reports\":\($0)" } ?? "")}"
        head =
            "HTTP/1.1 \(status) \(StatusPhrase.text(status))\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(body.utf8.count)\r\nDate: "
    }

    private init(_ activation: Activation) {
        status = 201
        let expiry = activation.expiresAt.map { "\"\($0.text)\"" } ?? "null"
        // The one part that a setting gives is quoted as JSON asks.
        let url = (try? JSONEncoder().encode(activation.hitsURL)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
        body = """
            {"activation_token":"\(activation.token)","token_type":"Bearer","expires_at":\(expiry),\
            "organization":"\(activation.organization.text)","hits_url":\(url.replacing("\\/", with: "/"))}
            """
        head =
            "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
            + "Content-Length: \(body.utf8.count)\r\nDate: "
    }

    private init(_ rejection: Rejection, dailyQuota: Int64?, now: Timestamp) {
        status = rejection.status
        body = """
            {"type":"about:blank","title":"\(StatusPhrase.text(status))","status":\(status),"code":"\(rejection.code)",\
            "detail":"\(rejection.advice)"\(rejection.field.map { ",\"field\":\"\($0)\"" } ?? "")}
            """
        var head = "HTTP/1.1 \(status) \(StatusPhrase.text(status))\r\nContent-Type: application/problem+json\r\n"
        head += "Content-Length: \(body.utf8.count)\r\n"
        switch status {
        case 401:
            for method in AllMethods.list { head += "WWW-Authenticate: \(method.challenge)\r\n" }
        case 405:
            head += "Allow: POST\r\n"
        case 429:
            head += Self.limitFields(rejection, dailyQuota: dailyQuota, now: now)
        case 503:
            head += "Retry-After: \(rejection == .diskNearlyFull ? 30 : 2)\r\n"
        default:
            break
        }
        self.head = head + "Date: "
    }

    private static func limitFields(_ rejection: Rejection, dailyQuota: Int64?, now: Timestamp) -> String {
        if case .rateLimited(let limit, let seconds) = rejection {
            return "Retry-After: \(seconds)\r\nRateLimit: \"minute\";r=0;t=\(seconds)\r\n"
                + "RateLimit-Policy: \"minute\";q=\(limit);w=60\r\n"
        }
        let tomorrow = Timestamp(seconds: (now.day + 1) * 86_400)
        let seconds = max(1, tomorrow.since(now).microseconds / 1_000_000)
        return "Retry-After: \(seconds)\r\nRateLimit: \"daily\";r=0;t=\(seconds)\r\n"
            + "RateLimit-Policy: \"daily\";q=\(dailyQuota ?? 0);w=86400\r\n"
    }
}
