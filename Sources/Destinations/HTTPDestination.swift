import Domain
import Foundation

/// Posts or puts an event's exact bytes, or what the flow's template made of them, to an address.
package struct HTTPDestination: DestinationKind {
    package init() {}

    package let name = "http"
    package let meaning = "Sends the event to an http or https address."
    package let fields = [
        DestinationField("url", .url, isRequired: true, meaning: "Where to; secret variables may stand behind the host."),
        DestinationField("method", .choice(["POST", "PUT"]), standard: "POST", meaning: "How."),
        DestinationField("headers", .headers, meaning: "Header lines that go along; secret variables may stand in the values."),
        DestinationField(
            "timeout_seconds", .number(1...60), standard: "15", meaning: "How long an answer may take, in seconds."),
    ]

    package func check(_ settings: [String: String]) throws(DestinationFault) {
        _ = try Self.address(settings)
        _ = try HeaderLines(settings["headers"] ?? "")
    }

    package func request(
        for message: OutgoingMessage, _ settings: [String: String]
    ) throws(DestinationFault) -> OutgoingRequest {
        .http(try Self.outgoing(message, settings, signed: []))
    }

    static func outgoing(
        _ message: OutgoingMessage, _ settings: [String: String], signed: [(name: String, value: String)]
    ) throws(DestinationFault) -> HTTPOutgoing {
        var headers = try HeaderLines(settings["headers"] ?? "").fields
        headers += message.ownHeaders + signed
        let seconds = settings["timeout_seconds"].flatMap { Int64($0) } ?? 15
        return HTTPOutgoing(
            method: settings["method"] ?? "POST", url: try address(settings), headers: headers, body: message.body,
            timeout: .seconds(min(max(seconds, 1), 60)))
    }

    // The one reading of an address: what is checked here is what is connected to.
    static func address(_ settings: [String: String]) throws(DestinationFault) -> URL {
        let text = settings["url"] ?? ""
        let isPlain = text.unicodeScalars.allSatisfy { $0.isASCII && $0.value > 0x20 && $0.value != 0x7F && $0 != "\\" }
        guard text.utf8.count <= Limits.urlBytesMax, isPlain, let url = URL(string: text),
            ["http", "https"].contains(url.scheme?.lowercased()), let host = url.host(), !host.isEmpty,
            !host.utf8.contains(UInt8(ascii: "%")), url.user() == nil, url.password() == nil, url.fragment == nil,
            URLComponents(string: text)?.hasUsablePort ?? false
        else {
            throw DestinationFault(
                "url", "must be an http or https address of at most 2000 bytes, without a user, a password or a fragment.")
        }
        return url
    }
}

extension OutgoingMessage {
    /// What every message says of itself.
    var ownHeaders: [(name: String, value: String)] {
        var headers = [
            (name: "webhook-id", value: event.text), (name: "webhook-timestamp", value: "\(at.microseconds / 1_000_000)"),
            (name: "Inlet-Event", value: event.text), (name: "Inlet-Attempt", value: "\(attempt)"),
            (name: "Inlet-Webhook", value: webhook.text),
        ]
        if let contentType { headers.append((name: "Content-Type", value: contentType)) }
        if let context { headers.append((name: "Inlet-Context", value: context)) }
        if isReplay { headers.append((name: "Inlet-Replay", value: "true")) }
        return headers
    }
}

/// Header fields written as lines.
struct HeaderLines {
    let fields: [(name: String, value: String)]

    // What belongs to the connection, to the message itself, or to us.
    private static let reserved: Set<String> = [
        "host", "content-length", "content-type", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer",
        "keep-alive", "proxy-connection", "webhook-id", "webhook-timestamp", "webhook-signature", "inlet-event",
        "inlet-attempt", "inlet-webhook", "inlet-context", "inlet-replay",
    ]

    init(_ text: String) throws(DestinationFault) {
        var fields: [(name: String, value: String)] = []
        for line in text.split(whereSeparator: { $0 == "\n" || $0 == "\r\n" }) {
            guard let colon = line.firstIndex(of: ":") else {
                throw DestinationFault("headers", "must be lines such as `Name: value`.")
            }
            let name = String(line[..<colon])
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            let isName = !name.isEmpty && name.utf8.count <= 100 && name.utf8.allSatisfy(Self.isTokenByte)
            let isValue = value.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && $0.isASCII || $0 == "\t" }
            guard isName, isValue, value.utf8.count <= Limits.urlBytesMax else {
                throw DestinationFault(
                    "headers", "must have proper names, and values of at most 2000 bytes of ASCII on one line.")
            }
            guard !Self.reserved.contains(name.lowercased()) else {
                throw DestinationFault("headers", "must not set fields that belong to the message or the connection.")
            }
            fields.append((name: name, value: value))
        }
        guard fields.count <= 20 else { throw DestinationFault("headers", "may be 20 at most.") }
        self.fields = fields
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
