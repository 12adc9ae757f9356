import Contract
import Domain
import Foundation
import HTTPTypes
import Manage

/// How an export is written.
enum ExportFormat: String, CaseIterable {
    case jsonl
    case csv

    fileprivate var contentType: String {
        switch self {
        case .jsonl: "application/jsonl"
        case .csv: "text/csv; charset=utf-8"
        }
    }
}

/// A part of an export's text. Bodies are long, and longer still when they are escaped, so they are written slice by slice.
enum ExportPart: Sendable {
    case ready(Data)
    /// Text, as it stands between the quotation marks of JSON.
    case json(Data)
    /// Text, as it stands between the quotation marks of a cell.
    case cell(Data)
    case base64(Data)

    // Divisible by three, so that slices of base64 can be put behind each other.
    private static let sliceBytes = 196_608

    // The text of the first slice, and what is left.
    fileprivate func taken() -> (text: Data, rest: ExportPart?) {
        switch self {
        case .ready(let text): return (text, nil)
        case .json(let bytes):
            let slice = Self.wholeScalars(bytes)
            let quoted = JSONNode.text(String(decoding: slice, as: UTF8.self)).bytes
            return (Data(quoted.dropFirst().dropLast()), Self.rest(bytes, slice).map(Self.json))
        case .cell(let bytes):
            let slice = bytes.prefix(Self.sliceBytes)
            return (CSV.doubled(slice), Self.rest(bytes, slice).map(Self.cell))
        case .base64(let bytes):
            let slice = bytes.prefix(Self.sliceBytes)
            return (slice.base64EncodedData(), Self.rest(bytes, slice).map(Self.base64))
        }
    }

    private static func rest(_ bytes: Data, _ slice: Data) -> Data? {
        slice.count < bytes.count ? bytes.dropFirst(slice.count) : nil
    }

    // No character is cut in two.
    private static func wholeScalars(_ bytes: Data) -> Data {
        let slice = bytes.prefix(sliceBytes)
        guard slice.count < bytes.count else { return slice }
        let tail = bytes.dropFirst(slice.count).prefix { $0 & 0xC0 == 0x80 }
        return bytes.prefix(slice.count + tail.count)
    }
}

/// Cells as RFC 4180 has them, safe to open in a spreadsheet.
enum CSV {
    static let lineEnd = Data("\r\n".utf8)

    /// One line of cells.
    static func line(_ cells: [String?]) -> Data {
        var line = start(of: cells)
        line.append(lineEnd)
        return line
    }

    /// Cells at the beginning of a line, without its end.
    static func start(of cells: [String?]) -> Data {
        var text = Data()
        for (index, cell) in cells.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            let bytes = Data((cell ?? "").utf8)
            let needsMarks = bytes.contains { [UInt8(ascii: ","), UInt8(ascii: "\""), 0x0A, 0x0D].contains($0) }
            if needsMarks { text.append(UInt8(ascii: "\"")) }
            text += guarding(bytes)
            text += needsMarks ? doubled(bytes) : bytes
            if needsMarks { text.append(UInt8(ascii: "\"")) }
        }
        return text
    }

    /// What is put before a cell so that no spreadsheet takes it for a formula: what callers send must not run there.
    static func guarding(_ cell: Data) -> Data {
        guard let first = cell.first, "=+-@\t\r\n".utf8.contains(first) else { return Data() }
        return Data("'".utf8)
    }

    static func doubled(_ cell: Data) -> Data {
        guard cell.contains(UInt8(ascii: "\"")) else { return cell }
        var text = Data(capacity: cell.count + 16)
        for byte in cell {
            if byte == UInt8(ascii: "\"") { text.append(byte) }
            text.append(byte)
        }
        return text
    }
}

/// Writes an export as it is consumed, page by page.
enum Export {
    // A page's short lines go out together.
    private static let pieceBytes = 65_536

    /// - Parameters:
    ///   - name: of the file that a browser keeps it as, without its ending.
    ///   - heading: the first line of CSV.
    ///   - parts: what one item is written as.
    ///   - page: reads what comes after a place, from the beginning without one.
    static func answer<Item: Sendable>(
        _ name: String, _ format: ExportFormat, heading: [String], parts: @escaping @Sendable (Item) throws -> [ExportPart],
        page: @escaping @Sendable (String?) async throws -> Page<Item>
    ) async throws -> RestAnswer {
        // Read before the answer begins, so that a bad query can still be refused.
        let place = Place(try await page(nil))
        if format == .csv { place.parts = [.ready(CSV.line(heading))] }
        let pieces = AsyncThrowingStream<Data, any Error> {
            var piece = Data()
            while piece.count < pieceBytes {
                if let part = place.parts.popLast() {
                    let (text, rest) = part.taken()
                    piece += text
                    if let rest { place.parts.append(rest) }
                } else if let item = place.items.popFirst() {
                    place.parts = try parts(item).reversed()
                } else if let after = place.next {
                    try Task.checkCancellation()
                    place.turn(to: try await page(after))
                } else {
                    break
                }
            }
            return piece.isEmpty ? nil : piece
        }
        return RestAnswer(
            headers: [
                (.contentType, format.contentType), (.cacheControl, "no-store"), (.xContentTypeOptions, "nosniff"),
                (.contentDisposition, "attachment; filename=\"\(name).\(format.rawValue)\""),
            ], pieces: pieces)
    }

    // Used by one consumer, one step after the other.
    private final class Place<Item: Sendable>: @unchecked Sendable {
        // The next one last.
        var parts: [ExportPart] = []
        var items: ArraySlice<Item>
        var next: String?

        init(_ page: Page<Item>) {
            items = page.items[...]
            next = page.next
        }

        func turn(to page: Page<Item>) {
            items = page.items[...]
            next = page.next
        }
    }
}

extension EventView {
    static let exportHeading = [
        "id", "webhook", "token", "received_at", "released_at", "remote_address", "query", "content_type", "context",
        "basic_user", "body_bytes", "body_sha256", "body_base64", "body",
    ]

    /// The event with its body, as text if it is some.
    static func exported(_ whole: EventOperations.Whole, _ format: ExportFormat) throws -> [ExportPart] {
        let (event, body) = (EventView(whole.event), whole.body)
        let isText = String(validating: body, as: UTF8.self) != nil
        switch format {
        case .jsonl:
            // The body comes behind all other fields, so that the whole line need never be in memory.
            let head = try Wire.encode(event).dropLast() + Data((isText ? #","body":""# : #","body_base64":""#).utf8)
            return [.ready(head), isText ? .json(body) : .base64(body), .ready(Data("\"}\n".utf8))]
        case .csv:
            let cells = [
                event.id, event.webhook, event.token, event.receivedAt, event.releasedAt, event.remoteAddress, event.query,
                event.contentType, whole.event.context, event.basicUser, String(event.bodyBytes), event.bodySha256,
            ]
            let head = CSV.start(of: cells) + Data(",".utf8)
            guard isText else { return [.ready(head), .base64(body), .ready(Data(",".utf8) + CSV.lineEnd)] }
            return [
                .ready(head + Data(",\"".utf8) + CSV.guarding(body)), .cell(body), .ready(Data("\"".utf8) + CSV.lineEnd),
            ]
        }
    }
}

extension CallView {
    static let exportHeading = [
        "id", "outcome", "received_at", "webhook", "token", "token_name", "cause", "cause_at", "status", "remote_address",
        "basic_user", "count", "held", "integration_token",
    ]

    static func exported(_ call: EventOperations.Call, _ format: ExportFormat) throws -> [ExportPart] {
        let call = CallView(call)
        switch format {
        case .jsonl: return [.ready(try Wire.encode(call) + Data("\n".utf8))]
        case .csv:
            return [
                .ready(
                    CSV.line([
                        call.id, call.outcome, call.receivedAt, call.webhook, call.token, call.tokenName, call.cause,
                        call.causeAt, String(call.status), call.remoteAddress, call.basicUser, String(call.count), call.held,
                        call.integrationToken,
                    ]))
            ]
        }
    }
}
