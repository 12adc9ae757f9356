/// A JSON value exactly as it came: numbers keep their text, objects the order of their members. For flows, which pass on what
/// they were sent. Row D12.
///
/// Foundation's readers cannot give this. They turn numbers into `Double` or 38 digits, so that long ids and amounts change
/// without a word and `1e400` is refused; they lose the order of members, keep one of two names that only look alike (`é` in one
/// scalar or two), and read more than RFC 8259 allows. So there is a reader of our own, strict and bounded.
///
/// Two values are equal if they are written the same: `1` and `1.0` differ, and so do `é` in one scalar and in two. By value
/// numbers are compared with ``JSONNumber/value``.
package enum JSONNode: Equatable, Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case text(String)
    case array([JSONNode])
    case object(JSONObject)

    /// The bytes that are read unless the caller says otherwise: 1 MiB.
    package static let bytesMax = 1_048_576
    /// How deep arrays and objects may stand in each other; a value that is neither has depth 0.
    package static let depthMax = 32
    /// How many values a text may hold, those in arrays and objects counted singly.
    package static let nodesMax = 100_000

    /// Reads a JSON text as RFC 8259 defines it: UTF-8 without a byte order mark, and no half of a surrogate pair in an escape,
    /// for it stands for no text. In time linear to its length.
    ///
    /// - Parameter bytesMax: how many bytes are read at most; more throw ``JSONReadError/tooLong(bytesMax:)``.
    package init(_ bytes: some Collection<UInt8>, bytesMax: Int = JSONNode.bytesMax) throws(JSONReadError) {
        guard bytes.count <= bytesMax else { throw .tooLong(bytesMax: bytesMax) }
        let bytes = Array(bytes)
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .notUTF8 }
        var reader = JSONReader(bytes)
        self = try reader.document()
    }

    /// Compact JSON: no blanks, numbers as they came, texts escaped no more than they must be.
    package var text: String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// ``text`` in UTF-8.
    package var bytes: [UInt8] {
        var output: [UInt8] = []
        write(to: &output)
        return output
    }

    /// Appends ``bytes``. It recurses as deep as the value does.
    package func write(to output: inout [UInt8]) {
        switch self {
        case .null: output += "null".utf8
        case .bool(let flag): output += (flag ? "true" : "false").utf8
        case .number(let number): output += number.text.utf8
        case .text(let text): CanonicalJSON.write(text, to: &output)
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                element.write(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let object):
            output.append(UInt8(ascii: "{"))
            for (index, member) in object.members.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                CanonicalJSON.write(member.name, to: &output)
                output.append(UInt8(ascii: ":"))
                member.value.write(to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }

    /// What kind of value it is.
    package var kind: JSONKind {
        switch self {
        case .null: .null
        case .bool: .bool
        case .number: .number
        case .text: .text
        case .array: .array
        case .object: .object
        }
    }

    package static func == (left: JSONNode, right: JSONNode) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.text(let left), .text(let right)): left.isExactly(right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }
}

/// The six kinds of JSON value.
package enum JSONKind: String, Sendable, CaseIterable {
    case null
    case bool
    case number
    case text
    case object
    case array
}

/// The members of a JSON object in the order they came, names that repeat included.
package struct JSONObject: Equatable, Sendable {
    /// A name and its value.
    package struct Member: Equatable, Sendable {
        package let name: String
        package let value: JSONNode

        /// Puts a member together.
        package init(name: String, value: JSONNode) {
            self.name = name
            self.value = value
        }

        package static func == (left: Member, right: Member) -> Bool {
            left.name.isExactly(right.name) && left.value == right.value
        }
    }

    /// All of them, in the order they came.
    package let members: [Member]
    // Where the last member of each name stands; empty where there are few, for they are found as fast without.
    private let places: [ExactText: Int]

    /// Puts an object together; names may repeat.
    package init(_ members: [Member]) {
        self.members = members
        var places: [ExactText: Int] = [:]
        if members.count > Self.searchedMax {
            places.reserveCapacity(members.count)
            for (place, member) in members.enumerated() { places[ExactText(member.name)] = place }
        }
        self.places = places
    }

    /// The value of that name, the last one where it repeats. Names are compared byte by byte, as RFC 9535, 2.3.1 asks.
    package subscript(name: String) -> JSONNode? {
        if places.isEmpty { return members.last { $0.name.isExactly(name) }?.value }
        return places[ExactText(name)].map { members[$0].value }
    }

    /// The first name that stands there for the second time; `nil` if none does.
    package var repeatedName: String? {
        var names: Set<ExactText> = []
        return members.first { !names.insert(ExactText($0.name)).inserted }?.name
    }

    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.members == right.members
    }

    private static let searchedMax = 16
}

/// A number as it is written in JSON, of any length and any size.
package struct JSONNumber: Hashable, Sendable {
    /// The text as it was written, `0.10` for example.
    package let text: String

    /// Reads a number; `nil` unless the text is one by the grammar of RFC 8259, section 6.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard JSONReader(bytes).numberEnd == bytes.count else { return nil }
        self.text = text
    }

    /// Writes an integer.
    package init(_ number: Int) {
        text = String(number)
    }

    // Takes what the reader found to be a number.
    fileprivate init(read bytes: ArraySlice<UInt8>) {
        text = String(decoding: bytes, as: UTF8.self)
    }

    /// The number as an integer; `nil` if it is written with a point or an exponent, or does not fit.
    package var integer: Int? {
        Int(text)
    }

    /// What it is worth, to be compared; `nil` if it is longer than 4,096 bytes or has an exponent beyond ± 10¹⁵, for such
    /// numbers are compared with nothing.
    package var value: Value? {
        Value(text)
    }

    /// What a number is worth, without rounding: `1`, `1.0` and `10e-1` are one value, and so are `0` and `-0`.
    package struct Value: Hashable, Comparable, Sendable {
        // ±0.d₁d₂d₃… × 10^exponent with neither first nor last digit 0; zero has no digits.
        private let isNegative: Bool
        private let digits: [UInt8]
        private let exponent: Int

        fileprivate init?(_ text: String) {
            guard text.utf8.count <= Self.bytesMax else { return nil }
            let mantissa = text.utf8.prefix { $0 | 0x20 != UInt8(ascii: "e") }
            var digits: [UInt8] = []
            // Far from overflow: a few thousand digits, and then 10¹⁵.
            var exponent = 0
            var isBehindPoint = false
            for byte in mantissa {
                if byte == UInt8(ascii: ".") {
                    isBehindPoint = true
                } else if digits.isEmpty, byte == UInt8(ascii: "0") {
                    exponent -= isBehindPoint ? 1 : 0
                } else if Self.isDigit(byte) {
                    digits.append(byte)
                    exponent += isBehindPoint ? 0 : 1
                }
            }
            guard !digits.isEmpty else {
                (isNegative, self.digits, self.exponent) = (false, [], 0)
                return
            }
            guard let power = Self.power(text.utf8[mantissa.endIndex...].dropFirst()) else { return nil }
            while digits.last == UInt8(ascii: "0") { digits.removeLast() }
            isNegative = text.utf8.first == UInt8(ascii: "-")
            self.digits = digits
            self.exponent = exponent + power
        }

        package static func < (left: Value, right: Value) -> Bool {
            if left.isNegative != right.isNegative { return left.isNegative }
            return left.isNegative ? right.isSmaller(than: left) : left.isSmaller(than: right)
        }

        // Without regard to the sign.
        private func isSmaller(than other: Value) -> Bool {
            if digits.isEmpty || other.digits.isEmpty { return digits.count < other.digits.count }
            if exponent != other.exponent { return exponent < other.exponent }
            return digits.lexicographicallyPrecedes(other.digits)
        }

        // The exponent behind its `e`; 0 if there is none.
        private static func power(_ text: Substring.UTF8View) -> Int? {
            let digits = text.drop { !isDigit($0) }.drop { $0 == UInt8(ascii: "0") }
            guard digits.count <= exponentDigitsMax else { return nil }
            let power = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
            return text.first == UInt8(ascii: "-") ? -power : power
        }

        private static func isDigit(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }

        private static let bytesMax = 4_096
        private static let exponentDigitsMax = 15
    }
}

/// Why bytes are no JSON that is read. Offsets count bytes from the beginning; nothing of what was read is in it.
package enum JSONReadError: Error, Hashable, Sendable {
    /// More bytes than are read.
    case tooLong(bytesMax: Int)
    /// Arrays and objects nest deeper.
    case tooDeep(depthMax: Int)
    /// More values.
    case tooManyNodes(nodesMax: Int)
    case notUTF8
    /// The text ends where more must come.
    case ends
    /// What stands there is not what may stand there; the end of the JSON is meant too.
    case unexpected(offset: Int)
    /// A backslash with something behind it that RFC 8259, section 7 does not know, or half of a surrogate pair.
    case badEscape(offset: Int)
    /// A control character that must be escaped in a text.
    case controlCharacter(offset: Int)
}

// Reads JSON from bytes that are known to be UTF-8. It never looks behind the end, and recurses no deeper than `depthMax`.
struct JSONReader {
    private let bytes: [UInt8]
    private(set) var position: Int
    private var nodes = 0

    init(_ bytes: [UInt8], at position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    private var next: UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    // The one value of a whole text.
    mutating func document() throws(JSONReadError) -> JSONNode {
        skipBlanks()
        let node = try value(depth: 0)
        skipBlanks()
        guard position == bytes.count else { throw .unexpected(offset: position) }
        return node
    }

    private mutating func value(depth: Int) throws(JSONReadError) -> JSONNode {
        nodes += 1
        guard nodes <= JSONNode.nodesMax else { throw .tooManyNodes(nodesMax: JSONNode.nodesMax) }
        switch next {
        case nil: throw .ends
        case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
        case UInt8(ascii: "\""): return .text(try text(between: UInt8(ascii: "\"")))
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func object(depth: Int) throws(JSONReadError) -> JSONObject {
        guard depth <= JSONNode.depthMax else { throw .tooDeep(depthMax: JSONNode.depthMax) }
        position += 1
        skipBlanks()
        var members: [JSONObject.Member] = []
        if take(UInt8(ascii: "}")) { return JSONObject(members) }
        while true {
            guard next == UInt8(ascii: "\"") else { throw unexpected }
            let name = try text(between: UInt8(ascii: "\""))
            skipBlanks()
            guard take(UInt8(ascii: ":")) else { throw unexpected }
            skipBlanks()
            members.append(JSONObject.Member(name: name, value: try value(depth: depth)))
            skipBlanks()
            if take(UInt8(ascii: "}")) { return JSONObject(members) }
            guard take(UInt8(ascii: ",")) else { throw unexpected }
            skipBlanks()
        }
    }

    private mutating func array(depth: Int) throws(JSONReadError) -> [JSONNode] {
        guard depth <= JSONNode.depthMax else { throw .tooDeep(depthMax: JSONNode.depthMax) }
        position += 1
        skipBlanks()
        var elements: [JSONNode] = []
        if take(UInt8(ascii: "]")) { return elements }
        while true {
            elements.append(try value(depth: depth))
            skipBlanks()
            if take(UInt8(ascii: "]")) { return elements }
            guard take(UInt8(ascii: ",")) else { throw unexpected }
            skipBlanks()
        }
    }

    // A text from its opening quotation mark to behind the closing one. In JSON both are `"`; JSON paths know `'` too.
    mutating func text(between mark: UInt8) throws(JSONReadError) -> String {
        position += 1
        var kept: [UInt8] = []
        var start = position
        while let byte = next {
            if byte == mark {
                let rest = bytes[start..<position]
                position += 1
                return String(decoding: kept.isEmpty ? rest : kept[...] + rest, as: UTF8.self)
            }
            guard byte >= 0x20 else { throw .controlCharacter(offset: position) }
            if byte == UInt8(ascii: "\\") {
                kept += bytes[start..<position]
                kept += UTF8.encode(try escaped(mark)) ?? UTF8.encodedReplacementCharacter
                start = position
            } else {
                position += 1
            }
        }
        throw .ends
    }

    // From the backslash to behind what belongs to it.
    private mutating func escaped(_ mark: UInt8) throws(JSONReadError) -> Unicode.Scalar {
        let offset = position
        position += 1
        guard let byte = next else { throw .ends }
        position += 1
        switch byte {
        case mark, UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            guard let unit = fourHexDigits() else { throw .badEscape(offset: offset) }
            if let scalar = Unicode.Scalar(unit) { return scalar }
            // Half of a pair, or no text.
            guard UTF16.isLeadSurrogate(unit), take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")), let trail = fourHexDigits(),
                UTF16.isTrailSurrogate(trail),
                let scalar = Unicode.Scalar(0x1_0000 + (UInt32(unit & 0x3FF) << 10 | UInt32(trail & 0x3FF)))
            else { throw .badEscape(offset: offset) }
            return scalar
        default: throw .badEscape(offset: offset)
        }
    }

    private mutating func fourHexDigits() -> UInt16? {
        var number: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Self.hexDigit(byte) else { return nil }
            number = number << 4 | digit
            position += 1
        }
        return number
    }

    private static func hexDigit(_ byte: UInt8) -> UInt16? {
        switch byte {
        case 0x30...0x39: UInt16(byte - 0x30)
        case 0x41...0x46: UInt16(byte - 0x41 + 10)
        case 0x61...0x66: UInt16(byte - 0x61 + 10)
        default: nil
        }
    }

    private mutating func word(_ word: String, _ node: JSONNode) throws(JSONReadError) -> JSONNode {
        for byte in word.utf8 {
            guard take(byte) else { throw unexpected }
        }
        return node
    }

    private mutating func number() throws(JSONReadError) -> JSONNumber {
        guard let end = numberEnd else { throw unexpected }
        defer { position = end }
        return JSONNumber(read: bytes[position..<end])
    }

    // Where the number ends that begins here; `nil` if none does.
    var numberEnd: Int? {
        var reader = self
        _ = reader.take(UInt8(ascii: "-"))
        if !reader.take(UInt8(ascii: "0")) {
            guard reader.takeDigits() else { return nil }
        }
        if reader.take(UInt8(ascii: ".")) {
            guard reader.takeDigits() else { return nil }
        }
        if reader.take(UInt8(ascii: "e")) || reader.take(UInt8(ascii: "E")) {
            if !reader.take(UInt8(ascii: "+")) { _ = reader.take(UInt8(ascii: "-")) }
            guard reader.takeDigits() else { return nil }
        }
        return reader.position
    }

    private mutating func takeDigits() -> Bool {
        let start = position
        while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
        return position > start
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private var unexpected: JSONReadError {
        position < bytes.count ? .unexpected(offset: position) : .ends
    }
}

// A text that is equal to another only if its bytes are; to Swift's own texts those are equal that look alike.
struct ExactText: Hashable, Sendable {
    let text: String

    init(_ text: String) {
        self.text = text
    }

    static func == (left: ExactText, right: ExactText) -> Bool {
        left.text.isExactly(right.text)
    }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

extension String {
    // Whether both have the same bytes.
    func isExactly(_ other: String) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }

    // So much of it as an error shows.
    var shown: String {
        String(UnicodeScalarView(unicodeScalars.prefix(60)))
    }
}

// Where something stands in a JSON text, as errors name it: `all[1].path`, empty for the whole.
struct JSONPlace: Equatable, Sendable {
    let text: String

    static let whole = JSONPlace(text: "")

    func name(_ name: String) -> JSONPlace {
        JSONPlace(text: text.isEmpty ? name.shown : text + "." + name.shown)
    }

    func index(_ index: Int) -> JSONPlace {
        JSONPlace(text: text + "[\(index)]")
    }
}
