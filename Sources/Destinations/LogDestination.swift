import Domain
import Foundation

/// Writes each event as one line of JSON, to standard output or to a file in the folder of logs.
package struct LogDestination: DestinationKind {
    package init() {}

    package let name = "log"
    package let meaning = "Writes each event as one line of JSON, to standard output or to a file."
    package let fields = [
        DestinationField(
            "file", .text, meaning: "Name of a file in the folder of logs, orders.jsonl for example; standard output by default.")
    ]

    package func check(_ settings: [String: String]) throws(DestinationFault) {
        guard let file = settings["file"] else { return }
        // A name and no path: whoever may make destinations must not choose where on the machine they write.
        let isName =
            (1...100).contains(file.utf8.count) && !file.hasPrefix(".")
            && file.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || "-_.".utf8.contains($0)
            }
        guard isName else { throw DestinationFault("file", "must be a plain name of letters, digits, `-`, `_` and `.`.") }
    }

    package func request(
        for message: OutgoingMessage, _ settings: [String: String]
    ) throws(DestinationFault) -> OutgoingRequest {
        try check(settings)
        var line: [String: Line] = [
            "organization": .text(message.organization.text), "event": .text(message.event.text),
            "delivery": .text(message.delivery.text),
            "webhook": .text(message.webhook.text), "at": .text(message.at.text), "attempt": .number(message.attempt),
        ]
        if let contentType = message.contentType { line["content_type"] = .text(contentType) }
        if let context = message.context { line["context"] = .text(context) }
        if message.isReplay { line["is_replay"] = .flag(true) }
        if let text = String(validating: message.body, as: UTF8.self) {
            line["body"] = .text(text)
        } else {
            line["body_base64"] = .text(message.body.base64EncodedString())
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let bytes = try? encoder.encode(line) else { throw DestinationFault("file", "cannot be written to.") }
        // A folder for each organization, so that none writes into another's files.
        let file = settings["file"].map { "\(message.organization.text)/\($0)" }
        return .line(String(decoding: bytes, as: UTF8.self), file: file)
    }

    private enum Line: Encodable {
        case text(String)
        case number(Int)
        case flag(Bool)

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .number(let number): try container.encode(number)
            case .flag(let flag): try container.encode(flag)
            }
        }
    }
}
