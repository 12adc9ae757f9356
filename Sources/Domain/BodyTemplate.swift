/// The body a flow sends: a JSON text in whose texts `{{…}}` stands for merge fields. A text that is one merge field and nothing
/// else becomes the field's own value, a number a number; inside a longer text it is put in as text. docs/flows.md has the form.
///
/// It holds no value of a secret variable, so it may be shown.
package struct BodyTemplate: Equatable, Sendable {
    /// The bytes of a template.
    package static let bytesMax = 32_768
    /// The merge fields of a template, each as often as it stands there.
    package static let fieldsMax = 500
    /// The bytes of a body that is made of it.
    package static let outputBytesMax = 1_048_576

    /// The template as it was written.
    package let text: String
    private let pieces: [Piece]

    private enum Piece: Sendable {
        case bytes([UInt8])
        // A value of its own.
        case whole(MergeField)
        // Between the quotation marks of a text.
        case within(MergeField)
    }

    /// Reads a template: JSON of at most 64 KiB with at most 500 merge fields, none of them in the name of a member, and no name twice
    /// in one object. Blanks around a field are allowed, `}}` without `{{` before it is plain text.
    package init(_ text: String) throws(BodyTemplateError) {
        let node: JSONNode
        do {
            node = try JSONNode(text.utf8, bytesMax: Self.bytesMax)
        } catch {
            throw BodyTemplateError(.whole, .unreadable(error))
        }
        var writer = PieceWriter()
        try writer.add(node, .whole)
        writer.close()
        self.text = text
        pieces = writer.pieces
    }

    /// The merge fields in the order they stand in it, as often as they do.
    package var fields: [MergeField] {
        pieces.compactMap { piece in
            switch piece {
            case .bytes: nil
            case .whole(let field), .within(let field): field
            }
        }
    }

    /// The secret variables it uses.
    package var secretNames: Set<SecretVariableName> {
        fields.reduce(into: []) { names, field in
            if case .secret(let name) = field { names.insert(name) }
        }
    }

    /// Makes a body: compact JSON. What is put in is never read as template again.
    ///
    /// What is missing becomes `null`, and inside a longer text nothing; so does a `null` there. Arrays and objects are compact
    /// JSON in a longer text. A header field that repeats is one text, parted by `, ` (RFC 9110, 5.3).
    ///
    /// - Parameter secrets: the value of a secret variable; `nil` throws ``BodyFillError/missingSecret(_:)``.
    package func filled(
        event: TemplateInput, secrets: (SecretVariableName) -> String?
    ) throws(BodyFillError) -> [UInt8] {
        var output: [UInt8] = []
        for piece in pieces {
            switch piece {
            case .bytes(let bytes): output += bytes
            case .whole(let field): (try event.value(of: field, secrets) ?? .null).write(to: &output)
            case .within(let field):
                switch try event.value(of: field, secrets) {
                case nil, .null: break
                case .text(let text): CanonicalJSON.escape(text.utf8, to: &output)
                case .some(let value): CanonicalJSON.escape(value.bytes, to: &output)
                }
            }
            // After each piece, so that what is too long does not grow on.
            guard output.count <= Self.outputBytesMax else { throw .tooLong(bytesMax: Self.outputBytesMax) }
        }
        return output
    }

    package static func == (left: BodyTemplate, right: BodyTemplate) -> Bool {
        left.text.isExactly(right.text)
    }

    private struct PieceWriter {
        private(set) var pieces: [Piece] = []
        private var pending: [UInt8] = []
        private var fields = 0

        mutating func close() {
            if !pending.isEmpty { pieces.append(.bytes(pending)) }
            pending = []
        }

        mutating func add(_ node: JSONNode, _ place: JSONPlace) throws(BodyTemplateError) {
            switch node {
            case .null, .bool, .number: node.write(to: &pending)
            case .text(let text): try add(text, place)
            case .array(let elements):
                pending.append(UInt8(ascii: "["))
                for (index, element) in elements.enumerated() {
                    if index > 0 { pending.append(UInt8(ascii: ",")) }
                    try add(element, place.index(index))
                }
                pending.append(UInt8(ascii: "]"))
            case .object(let object):
                if let name = object.repeatedName { throw BodyTemplateError(place.name(name), .repeatedName) }
                pending.append(UInt8(ascii: "{"))
                for (index, member) in object.members.enumerated() {
                    if index > 0 { pending.append(UInt8(ascii: ",")) }
                    guard Array(member.name.utf8)[...].firstPair(of: UInt8(ascii: "{")) == nil else {
                        throw BodyTemplateError(place.name(member.name), .fieldInName)
                    }
                    CanonicalJSON.write(member.name, to: &pending)
                    pending.append(UInt8(ascii: ":"))
                    try add(member.value, place.name(member.name))
                }
                pending.append(UInt8(ascii: "}"))
            }
        }

        // Braces are paired as in ``SecretTemplate``.
        private mutating func add(_ text: String, _ place: JSONPlace) throws(BodyTemplateError) {
            var rest = Array(text.utf8)[...]
            var isFirst = true
            while let opening = rest.firstPair(of: UInt8(ascii: "{")) {
                let before = rest[..<opening]
                rest = rest[opening...].dropFirst(2)
                guard let closing = rest.firstPair(of: UInt8(ascii: "}")) else { throw Self.badField(rest, place) }
                let inner = rest[..<closing]
                guard let field = MergeField(String(decoding: inner.withoutBlanksAround, as: UTF8.self)) else {
                    throw Self.badField(inner, place)
                }
                rest = rest[closing...].dropFirst(2)
                fields += 1
                guard fields <= BodyTemplate.fieldsMax else {
                    throw BodyTemplateError(place, .tooManyFields(fieldsMax: BodyTemplate.fieldsMax))
                }
                if isFirst, before.isEmpty, rest.isEmpty {
                    close()
                    pieces.append(.whole(field))
                    return
                }
                if isFirst { pending.append(UInt8(ascii: "\"")) }
                isFirst = false
                CanonicalJSON.escape(before, to: &pending)
                close()
                pieces.append(.within(field))
            }
            if isFirst { pending.append(UInt8(ascii: "\"")) }
            CanonicalJSON.escape(rest, to: &pending)
            pending.append(UInt8(ascii: "\""))
        }

        private static func badField(_ bytes: ArraySlice<UInt8>, _ place: JSONPlace) -> BodyTemplateError {
            BodyTemplateError(place, .badField(String(decoding: bytes, as: UTF8.self).shown))
        }
    }
}

/// What may stand between `{{` and `}}` in a template.
package enum MergeField: Hashable, Sendable {
    case id
    case receivedAt
    case webhook
    case context
    case contentType
    /// A header field by its name, case aside.
    case header(String)
    /// The body if it is JSON, or what that path leads to in it.
    case body(JSONPath)
    case secret(SecretVariableName)

    /// Reads a merge field without its braces and the blanks in them: `event.body.order.id`, `SHOP_KEY`; `nil` if it is none.
    package init?(_ text: String) {
        switch text {
        case "event.id": self = .id
        case "event.received_at": self = .receivedAt
        case "event.webhook": self = .webhook
        case "event.context": self = .context
        case "event.content_type": self = .contentType
        default:
            let bytes = text.utf8
            if bytes.starts(with: Self.header.utf8) {
                let name = String(decoding: bytes.dropFirst(Self.header.utf8.count), as: UTF8.self)
                guard name.isFieldName else { return nil }
                self = .header(name)
            } else if bytes.starts(with: Self.body.utf8) {
                let rest = String(decoding: bytes.dropFirst(Self.body.utf8.count), as: UTF8.self)
                guard let path = try? JSONPath("$" + rest) else { return nil }
                self = .body(path)
            } else {
                guard let name = SecretVariableName(text) else { return nil }
                self = .secret(name)
            }
        }
    }

    /// The field as it stands between the braces. In names of the body braces are escaped, lest they be taken for the end. Inside
    /// JSON it must be escaped like any text.
    package var text: String {
        switch self {
        case .id: "event.id"
        case .receivedAt: "event.received_at"
        case .webhook: "event.webhook"
        case .context: "event.context"
        case .contentType: "event.content_type"
        case .header(let name): Self.header + name
        case .secret(let name): name.text
        case .body(let path): Self.body + Self.withoutBraces(path)
        }
    }

    // Braces stand between the quotation marks of a name or not at all, so they may be escaped (RFC 9535, 2.3.1.1).
    private static func withoutBraces(_ path: JSONPath) -> String {
        var output: [UInt8] = []
        for byte in path.text.utf8.dropFirst() {
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "}"): output += (#"\u00"# + Hex.text([byte])).utf8
            default: output.append(byte)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static let header = "event.headers."
    private static let body = "event.body"
}

/// What a template is filled with.
package struct TemplateInput: Sendable {
    package let id: OrderedID<Event>
    package let receivedAt: Timestamp
    package let webhook: ID<Webhook>
    /// Headers, content type, context and body.
    package let content: FilterInput

    /// - Parameter content: what the filter looked at, so that the body is read once for both.
    package init(id: OrderedID<Event>, receivedAt: Timestamp, webhook: ID<Webhook>, content: FilterInput) {
        self.id = id
        self.receivedAt = receivedAt
        self.webhook = webhook
        self.content = content
    }

    // `nil` if it is missing.
    fileprivate func value(
        of field: MergeField, _ secrets: (SecretVariableName) -> String?
    ) throws(BodyFillError) -> JSONNode? {
        switch field {
        case .id: return .text(id.text)
        case .receivedAt: return .text(receivedAt.text)
        case .webhook: return .text(webhook.text)
        case .context: return content.context.map { .text($0) }
        case .contentType: return content.contentType.map { .text($0) }
        case .header(let name):
            let values = content.headers.values(name)
            return values.isEmpty ? nil : .text(values.joined(separator: ", "))
        case .body(let path): return content.json.flatMap(path.value)
        case .secret(let name):
            guard let value = secrets(name) else { throw .missingSecret(name) }
            return .text(value)
        }
    }
}

/// What is wrong with a template, and where.
package struct BodyTemplateError: Error, Equatable, Sendable {
    /// `order.lines[0]`, empty for the whole template; of each name no more than 60 characters.
    package let place: String
    /// What is wrong there.
    package let fault: Fault

    /// The faults a template can have.
    package enum Fault: Hashable, Sendable {
        /// No JSON, or beyond its bounds.
        case unreadable(JSONReadError)
        case tooManyFields(fieldsMax: Int)
        /// What stands behind `{{` is no merge field with `}}` after it; the beginning of it.
        case badField(String)
        /// The names of an object may hold no merge fields.
        case fieldInName
        case repeatedName
    }

    fileprivate init(_ place: JSONPlace, _ fault: Fault) {
        self.place = place.text
        self.fault = fault
    }
}

/// Why a template cannot be filled.
package enum BodyFillError: Error, Hashable, Sendable {
    /// The body would be longer.
    case tooLong(bytesMax: Int)
    /// There is no variable of that name.
    case missingSecret(SecretVariableName)
}

extension BodyFillError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooLong(let bytesMax): "the body would be longer than \(bytesMax) bytes"
        case .missingSecret(let name): "the secret variable \(name.text) is not there"
        }
    }
}
