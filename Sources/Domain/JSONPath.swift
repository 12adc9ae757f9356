/// A way to one value in a JSON text: `$`, `.name`, `['name']`, `["name"]` and `[index]` of RFC 9535, without blanks between
/// them. No wildcards, slices or filters, so it leads to one value or to none, in one walk. Row D12.
package struct JSONPath: Hashable, Sendable {
    /// One step down.
    package enum Step: Sendable {
        case name(String)
        /// From the beginning, or from the end if it is negative; within ±(2⁵³ − 1).
        case index(Int)
    }

    /// The steps of a path.
    package static let stepsMax = 32
    /// The bytes of the text, as it was written and as ``text`` gives it.
    package static let bytesMax = 500

    /// The steps from the whole down to the value.
    package let steps: [Step]
    /// The path in one form, `$.order['line items'][-1]`: a name stands behind a point if it may, and else between `'`.
    package let text: String

    /// Reads a path of at most 500 bytes and 32 steps; anything else throws where it goes wrong.
    package init(_ text: String) throws(JSONPathError) {
        guard text.utf8.count <= Self.bytesMax else { throw .tooLong(bytesMax: Self.bytesMax) }
        let bytes = Array(text.utf8)
        guard bytes.first == UInt8(ascii: "$") else { throw .bad(offset: 0) }
        var reader = PathReader(bytes: bytes, position: 1)
        var steps: [Step] = []
        while reader.position < bytes.count {
            guard steps.count < Self.stepsMax else { throw .tooManySteps(stepsMax: Self.stepsMax) }
            steps.append(try reader.step())
        }
        self.steps = steps
        self.text = Self.text(of: steps)
        guard self.text.utf8.count <= Self.bytesMax else { throw .tooLong(bytesMax: Self.bytesMax) }
    }

    /// Puts a path together; `nil` if it were too long or had too many steps, or an index is out of its bounds.
    package init?(steps: [Step]) {
        guard steps.count <= Self.stepsMax else { return nil }
        for case .index(let index) in steps {
            guard Self.indexes.contains(index) else { return nil }
        }
        self.steps = steps
        text = Self.text(of: steps)
        guard text.utf8.count <= Self.bytesMax else { return nil }
    }

    /// The value it leads to; `nil` if there is none. A value `null` is one.
    package func value(in node: JSONNode) -> JSONNode? {
        var current = node
        for step in steps {
            switch (step, current) {
            case (.name(let name), .object(let object)):
                guard let value = object[name] else { return nil }
                current = value
            case (.index(let index), .array(let elements)):
                // Far from overflow, for an index is within ±(2⁵³ − 1).
                let place = index < 0 ? elements.count + index : index
                guard elements.indices.contains(place) else { return nil }
                current = elements[place]
            default: return nil
            }
        }
        return current
    }

    package static func == (left: JSONPath, right: JSONPath) -> Bool {
        left.text.isExactly(right.text)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(ExactText(text))
    }

    fileprivate static let indexes = -9_007_199_254_740_991...9_007_199_254_740_991

    private static func text(of steps: [Step]) -> String {
        steps.reduce(into: "$") { text, step in
            switch step {
            case .name(let name): text += nameText(name)
            case .index(let index): text += "[\(index)]"
            }
        }
    }

    /// The step to a name as ``text`` writes it: `.name` or `['na me']`.
    static func nameText(_ name: String) -> String {
        let bytes = name.utf8
        if let first = bytes.first, isNameStart(first), bytes.allSatisfy(isNamePart) { return "." + name }
        var output = Array("['".utf8)
        // As RFC 9535, 2.7 writes it: `"` stays, `'` does not.
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "'"): output += #"\'"#.utf8
            case UInt8(ascii: "\""): output.append(byte)
            default: CanonicalJSON.escape(CollectionOfOne(byte), to: &output)
            }
        }
        output += "']".utf8
        return String(decoding: output, as: UTF8.self)
    }

    fileprivate static func isNameStart(_ byte: UInt8) -> Bool {
        byte >= 0x80 || byte == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    fileprivate static func isNamePart(_ byte: UInt8) -> Bool {
        isNameStart(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

/// Why a text is no path. Offsets count bytes from the beginning.
package enum JSONPathError: Error, Hashable, Sendable {
    case tooLong(bytesMax: Int)
    case tooManySteps(stepsMax: Int)
    /// What stands there does not belong into a path, or the path breaks off there.
    case bad(offset: Int)
}

private struct PathReader {
    let bytes: [UInt8]
    var position: Int

    private var next: UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    mutating func step() throws(JSONPathError) -> JSONPath.Step {
        switch next {
        case UInt8(ascii: "."):
            position += 1
            return .name(try plainName())
        case UInt8(ascii: "["):
            position += 1
            let step: JSONPath.Step
            if let mark = next, mark == UInt8(ascii: "'") || mark == UInt8(ascii: "\"") {
                step = .name(try quotedName(mark))
            } else {
                step = .index(try index())
            }
            guard next == UInt8(ascii: "]") else { throw .bad(offset: position) }
            position += 1
            return step
        default: throw .bad(offset: position)
        }
    }

    private mutating func plainName() throws(JSONPathError) -> String {
        let name = bytes[position...].prefix(while: JSONPath.isNamePart)
        guard let first = name.first, JSONPath.isNameStart(first) else { throw .bad(offset: position) }
        position += name.count
        return String(decoding: name, as: UTF8.self)
    }

    // Texts in paths are those of JSON, but for the quotation mark (RFC 9535, 2.3.1.1).
    private mutating func quotedName(_ mark: UInt8) throws(JSONPathError) -> String {
        var reader = JSONReader(bytes, at: position)
        do {
            let name = try reader.text(between: mark)
            position = reader.position
            return name
        } catch {
            switch error {
            case .unexpected(let offset), .badEscape(let offset), .controlCharacter(let offset): throw .bad(offset: offset)
            case .ends, .notUTF8, .tooLong, .tooDeep, .tooManyNodes: throw .bad(offset: bytes.count)
            }
        }
    }

    // `0`, or digits without a zero before them, with or without a minus (RFC 9535, 2.3.3.1).
    private mutating func index() throws(JSONPathError) -> Int {
        let isNegative = next == UInt8(ascii: "-")
        let digits = bytes[position...].dropFirst(isNegative ? 1 : 0).prefix { (0x30...0x39).contains($0) }
        guard let first = digits.first, first != UInt8(ascii: "0") || (digits.count == 1 && !isNegative),
            let number = Int(String(decoding: digits, as: UTF8.self)), JSONPath.indexes.contains(number)
        else { throw .bad(offset: position) }
        position += digits.count + (isNegative ? 1 : 0)
        return isNegative ? -number : number
    }
}
