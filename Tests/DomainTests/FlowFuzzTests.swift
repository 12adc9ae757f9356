import Domain
import Foundation
import Testing

/// Random input for what flows read, always the same for one seed. A failure names the seed and the round.
@Suite struct FlowFuzzTests {
    static let seed: UInt64 = 0x1D12_F10E

    @Test(.timeLimit(.minutes(2)))
    func `D12 whatever the bytes are, the reader ends, and what it reads is written and read the same`() throws {
        var source = FuzzSource(seed: Self.seed)
        print("seed \(Self.seed)")
        var read = 0
        for round in 0..<6000 {
            let bytes = round.isMultiple(of: 3) ? source.noise() : source.mutated(source.json(depth: 5).bytes)
            guard let node = try? JSONNode(bytes) else { continue }
            read += 1
            let again = try JSONNode(node.bytes)
            #expect(again == node, "seed \(Self.seed), round \(round)")
            #expect(again.bytes == node.bytes, "seed \(Self.seed), round \(round)")
        }
        #expect(read > 400)
    }

    @Test(.timeLimit(.minutes(2)))
    func `D12 values that were put together are written and read the same`() throws {
        var source = FuzzSource(seed: Self.seed + 1)
        print("seed \(Self.seed + 1)")
        for round in 0..<2000 {
            let node = source.json(depth: 6)
            #expect(try JSONNode(node.bytes) == node, "seed \(Self.seed + 1), round \(round)")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `D12 the reader takes what another strict reader takes, and refuses what that refuses`() throws {
        var source = FuzzSource(seed: Self.seed + 2)
        print("seed \(Self.seed + 2)")
        var (taken, refused) = (0, 0)
        for round in 0..<6000 {
            let bytes = round.isMultiple(of: 3) ? source.noise() : source.mutated(source.json(depth: 4).bytes)
            // Other codings and numbers that do not fit are where Foundation reads more, or less.
            guard !bytes.contains(0), !bytes.starts(with: [0xEF, 0xBB, 0xBF]), !bytes.contains(UInt8(ascii: "e")),
                !bytes.contains(UInt8(ascii: "E"))
            else { continue }
            let isOurs = (try? JSONNode(bytes)) != nil
            let isTheirs = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            #expect(isOurs == isTheirs, "seed \(Self.seed + 2), round \(round): \(String(decoding: bytes, as: UTF8.self))")
            taken += isOurs ? 1 : 0
            refused += isOurs ? 0 : 1
        }
        #expect(taken > 400 && refused > 400)
    }

    @Test(.timeLimit(.minutes(2)))
    func `Flow numbers are in the order that their digits are in, written out`() throws {
        var source = FuzzSource(seed: Self.seed + 3)
        print("seed \(Self.seed + 3)")
        for round in 0..<4000 {
            let (left, right) = (source.smallNumber(), source.smallNumber())
            let leftValue = try #require(JSONNumber(left)?.value)
            let rightValue = try #require(JSONNumber(right)?.value)
            let (leftDigits, rightDigits) = (writtenOut(left), writtenOut(right))
            #expect(
                (leftValue == rightValue) == (leftDigits == rightDigits),
                "seed \(Self.seed + 3), round \(round): \(left) \(right)")
            #expect(
                (leftValue < rightValue) == isLess(leftDigits, rightDigits),
                "seed \(Self.seed + 3), round \(round): \(left) \(right)")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `Flow whatever a path is, reading and following it ends, and its text reads the same`() throws {
        var source = FuzzSource(seed: Self.seed + 4)
        print("seed \(Self.seed + 4)")
        var read = 0
        for round in 0..<4000 {
            let text =
                source.bool()
                ? source.path()
                : String(
                    decoding: round.isMultiple(of: 5)
                        ? Array("$".utf8) + source.noise() : source.mutated(Array(source.path().utf8)), as: UTF8.self)
            guard let path = try? JSONPath(text) else { continue }
            read += 1
            _ = path.value(in: source.json(depth: 3))
            #expect(try JSONPath(path.text) == path, "seed \(Self.seed + 4), round \(round)")
            #expect(MergeField.body(path).text.utf8.count > 500 || MergeField(MergeField.body(path).text) == .body(path))
        }
        #expect(read > 1000)
    }

    @Test(.timeLimit(.minutes(2)))
    func `Flow whatever a filter is, reading it and deciding ends, and the decision is the same each time`() throws {
        var source = FuzzSource(seed: Self.seed + 5)
        print("seed \(Self.seed + 5)")
        var read = 0
        for round in 0..<3000 {
            let json = source.bool() ? source.filter(depth: 3).bytes : source.mutated(source.filter(depth: 3).bytes)
            guard let node = try? JSONNode(json), let filter = try? FlowFilter(node) else { continue }
            read += 1
            let input = source.input()
            let decision = filter.decision(input)
            let turned = try? FlowFilter(.object(JSONObject([.init(name: "not", value: node)])))
            #expect(try FlowFilter(text: filter.json.text) == filter, "seed \(Self.seed + 5), round \(round)")
            #expect(filter.matches(input) == decision.matches, "seed \(Self.seed + 5), round \(round)")
            #expect(turned?.matches(input) != decision.matches, "seed \(Self.seed + 5), round \(round)")
            #expect(!decision.words.isEmpty)
        }
        #expect(read > 1000)
    }

    @Test(.timeLimit(.minutes(2)))
    func `Flow whatever a template and a body are, filling it ends, and gives JSON or an error`() throws {
        var source = FuzzSource(seed: Self.seed + 6)
        print("seed \(Self.seed + 6)")
        var read = 0
        for round in 0..<3000 {
            let text = source.template(depth: 3).text
            let mutated = source.bool() ? text : String(decoding: source.mutated(Array(text.utf8)), as: UTF8.self)
            guard let template = try? BodyTemplate(mutated) else { continue }
            read += 1
            let event = TemplateInput(
                id: OrderedID(number: 1), receivedAt: Timestamp(seconds: 0), webhook: ID(stored: "whk_00000000000000000000"),
                content: source.input())
            let output = try template.filled(event: event) { _ in "{{event.body}}\"\\\u{0}" }
            // A body may stand as deep in it as the template and the body together.
            let isJSON = (try? JSONNode(output)) != nil
            #expect(isJSON, "seed \(Self.seed + 6), round \(round): \(String(decoding: output, as: UTF8.self))")
        }
        #expect(read > 1000)
    }

    @Test(.timeLimit(.minutes(2)))
    func `D12 whatever bodies are, learning them ends within the bounds, and the tree is stored and read the same`() throws {
        var source = FuzzSource(seed: Self.seed + 7)
        print("seed \(Self.seed + 7)")
        var tree = FieldTree()
        for round in 0..<1500 {
            if round.isMultiple(of: 100) { tree = FieldTree() }
            let body = source.json(depth: 6)
            let before = Set(tree.fields.map(\.path))
            let learned = tree.learn(body)
            let after = Set(tree.fields.map(\.path))
            #expect(after.subtracting(before) == Set(learned.new), "seed \(Self.seed + 7), round \(round)")
            #expect(before.isSuperset(of: learned.missing), "seed \(Self.seed + 7), round \(round)")
            #expect(tree.fields.count <= FieldTree.pathsMax)
            #expect(tree.learn(body).new.isEmpty)
            if round.isMultiple(of: 10) {
                #expect(FieldTree(try JSONNode(tree.json.bytes)) == tree, "seed \(Self.seed + 7), round \(round)")
                let mutated = source.mutated(tree.json.bytes)
                if let node = try? JSONNode(mutated), let other = FieldTree(node) {
                    #expect(FieldTree(other.json) == other, "seed \(Self.seed + 7), round \(round)")
                }
            }
        }
    }

    // Sign and digits of a number of this size, 80 before the point and 80 behind it.
    private func writtenOut(_ number: String) -> (isNegative: Bool, digits: [UInt8]) {
        let isNegative = number.hasPrefix("-")
        let parts = number.drop { $0 == "-" }.lowercased().split(separator: "e")
        let mantissa = parts[0].split(separator: ".")
        let whole = Array(mantissa[0].utf8)
        let fraction = mantissa.count > 1 ? Array(mantissa[1].utf8) : []
        let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        var digits = [UInt8](repeating: 0, count: 160)
        for (index, digit) in (whole + fraction).enumerated() { digits[80 - whole.count - exponent + index] = digit - 0x30 }
        return (isNegative && digits.contains { $0 > 0 }, digits)
    }

    private func isLess(_ left: (isNegative: Bool, digits: [UInt8]), _ right: (isNegative: Bool, digits: [UInt8])) -> Bool {
        if left.isNegative != right.isNegative { return left.isNegative }
        return left.isNegative
            ? right.digits.lexicographicallyPrecedes(left.digits) : left.digits.lexicographicallyPrecedes(right.digits)
    }
}

/// Seeded dice, and what they make.
struct FuzzSource: RandomNumberGenerator {
    private var dice: FlowDice

    init(seed: UInt64) {
        dice = FlowDice(seed: seed)
    }

    mutating func next() -> UInt64 {
        dice.next()
    }

    mutating func bool() -> Bool {
        number(2) == 0
    }

    mutating func number(_ bound: Int) -> Int {
        Int.random(in: 0..<bound, using: &self)
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[number(elements.count)]
    }

    private static let names = [
        "a", "b", "c", "order", "id", "a b", "", "é", "e\u{301}", "'", "\"", "\\", "}}", "{{", "\u{0}", "😀", "0", "b-c",
    ]

    mutating func json(depth: Int) -> JSONNode {
        switch number(depth > 0 ? 8 : 5) {
        case 0: .null
        case 1: .bool(bool())
        case 2: JSONNumber(smallNumber()).map { .number($0) } ?? .null
        case 3: .text(pick(Self.names) + pick(Self.names))
        case 4: .text(String(decoding: (0..<number(12)).map { _ in UInt8(truncatingIfNeeded: next()) }, as: UTF8.self))
        case 5: .array((0..<number(5)).map { _ in json(depth: depth - 1) })
        default: .object(JSONObject((0..<number(6)).map { _ in .init(name: pick(Self.names), value: json(depth: depth - 1)) }))
        }
    }

    // At most 30 digits on each side of the point, and an exponent of at most ±45.
    mutating func smallNumber() -> String {
        if number(4) == 0 {
            return pick(["0", "-0", "1", "1.0", "10e-1", "0.1e1", "-1", "100", "1e2", "9007199254740993", "9007199254740992"])
        }
        var text = bool() ? "-" : ""
        text += bool() ? "0" : "\(number(9) + 1)" + digits(number(bool() ? 3 : 29))
        if bool() { text += "." + digits(number(bool() ? 3 : 30) + 1) }
        if bool() { text += pick(["e", "E"]) + pick(["", "+", "-"]) + "\(number(bool() ? 4 : 46))" }
        return text
    }

    private mutating func digits(_ count: Int) -> String {
        (0..<count).map { _ in "\(pick([0, 0, 1, 5, 9]))" }.joined()
    }

    mutating func path() -> String {
        let parts = [
            ".a", ".b", ".order", "[0]", "[-1]", "[1]", "['a b']", "[\"é\"]", ".é", #"['\'']"#, #"["\u0041"]"#, "['{{']",
            "['}}']", "['']", ".id",
            #"['\ud83d\ude00']"#, "[9007199254740991]",
        ]
        return "$" + (0..<number(8)).map { _ in pick(parts) }.joined()
    }

    mutating func filter(depth: Int) -> JSONNode {
        func object(_ members: (String, JSONNode)...) -> JSONNode {
            .object(JSONObject(members.map { .init(name: $0.0, value: $0.1) }))
        }
        if depth > 0, number(3) > 0 {
            switch number(3) {
            case 0: return object(("all", .array((0...number(3)).map { _ in filter(depth: depth - 1) })))
            case 1: return object(("any", .array((0...number(3)).map { _ in filter(depth: depth - 1) })))
            default: return object(("not", filter(depth: depth - 1)))
            }
        }
        let subject: (String, JSONNode) = pick([
            ("header", .text(pick(["X-A", "x-a", "X-B"]))), ("content_type", .bool(true)), ("context", .bool(true)),
            ("path", .text(path())), ("path", .text(path())), ("path", .text("$.a")), ("path", .text("$")),
        ])
        let test: (String, JSONNode) = pick([
            ("equals", json(depth: 0)), ("contains", json(depth: 0)), ("exists", .bool(bool())),
            ("in", .array((0...number(4)).map { _ in json(depth: 0) })),
            (pick(["less", "at_most", "greater", "at_least"]), JSONNumber(smallNumber()).map { .number($0) } ?? .null),
        ])
        return bool() ? object(subject, test) : object(test, subject)
    }

    mutating func template(depth: Int) -> JSONNode {
        let fields = [
            "{{event.id}}", "{{ event.context }}", "{{event.body}}", "{{event.body.a}}", "{{event.body.order.id}}",
            "{{event.headers.X-A}}",
            "{{SECRET}}", "{{event.content_type}}", "{{event.received_at}}", "{{event.body['a b'][0]}}", "{{event.webhook}}",
        ]
        switch number(depth > 0 ? 6 : 4) {
        case 0: return .text(pick(fields))
        case 1: return .text(pick(["", "a", "\"", "é"]) + pick(fields) + pick(["", " ", "}", "\\"]) + pick(fields))
        case 2: return .text(pick(fields) + (number(10) == 0 ? "{{" : "."))
        case 3: return JSONNumber(smallNumber()).map { .number($0) } ?? .null
        case 4: return .array((0..<number(5)).map { _ in template(depth: depth - 1) })
        default:
            let names = ["a", "b", "é", "", "c\"d"].shuffled(using: &self).prefix(number(5))
            return .object(JSONObject(names.map { .init(name: $0, value: template(depth: depth - 1)) }))
        }
    }

    mutating func input() -> FilterInput {
        let body = json(depth: 4).bytes
        return FilterInput(
            headers: CallHeaders([("X-A", pick(["1", "a", "1.0", "\u{1}\"", "\u{0}"])), ("x-a", "2"), ("X-C", "é")]),
            contentType: pick(["application/json", "a/b;c", "", nil]), context: pick([nil, "a", "\\\"", "1e2"]),
            body: Data(number(4) == 0 ? mutated(body) : body))
    }

    // Pieces of what is read, in no order.
    mutating func noise() -> [UInt8] {
        (0..<number(12)).flatMap { _ in Array(pick(Self.tokens).utf8) }
    }

    // With some bytes taken out, put in, changed or repeated.
    mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<number(4) {
            let place = number(bytes.count + 1)
            switch number(5) {
            case 0 where place < bytes.count: bytes.remove(at: place)
            case 1 where place < bytes.count: bytes[place] = UInt8(truncatingIfNeeded: next())
            case 2: bytes.insert(contentsOf: Array(pick(Self.tokens).utf8), at: place)
            case 3 where place < bytes.count:
                let end = min(bytes.count, place + number(20) + 1)
                bytes.insert(contentsOf: bytes[place..<end], at: number(bytes.count + 1))
            default: bytes.removeLast(min(bytes.count, number(4)))
            }
        }
        return bytes
    }

    private static let tokens = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "\\udc00", "0", "-", ".", "1.", "e", "E+", "null", "true",
        " ", "\n", "\u{0}",
        "\u{FEFF}", "é", "'", "{{", "}}", "$", "[-", "\"a\":", "01", "//", "\u{301}", "\"\"", "[]", "{}", "1", "\"all\":",
        "\"not\":", "\"path\":\"$\"", "\"exists\":true",
    ]
}
