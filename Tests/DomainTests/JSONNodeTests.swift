import Domain
import Foundation
import Testing

@Suite struct JSONReaderTests {
    @Test(arguments: [
        // Values alone, and blanks around them.
        "null", "true", "false", "0", #""""#, "[]", "{}", " 1 ", "\t\n\r [\t\n\r ] \t\n\r ", "{ }",
        // Numbers.
        "-0", "0.0", "-0.0", "1", "-1", "10", "123456789012345678901234567890", "0.10", "1.000", "-0.5", "1e1", "1E1", "1e+1",
        "1e-1", "0e0", "0E+00", "1.5e-300", "1e400", "-1e-99999999999999999999", "18446744073709551616", "9007199254740993",
        "[0,1.0,-2e3]", "[1 , 2]",
        // Texts.
        #""a""#, #""é""#, #""\u00e9""#, #""\u00E9""#, #""\"\\\/\b\f\n\r\t""#, #""\u0000""#, #""\uD83D\uDE00""#,
        #""\udbff\udfff""#,
        #""\ud7ff\ue000\uffff""#, "\"\u{7F}\"", "\"\u{2028}\u{2029}\"", "\"\u{FEFF}\"", "\"\u{FFFF}\u{10FFFF}\"", "\"e\u{301}\"",
        "\"\u{301}\"", #""//""#, #""\\u0041""#, #""\\\\\"""#, #""\u005C\u0022""#,
        // Arrays.
        "[[]]", "[[],[[]]]", "[null,true,false]", "[\"a\" ]", "[1\n,2\r]",
        // Objects.
        #"{"":0}"#, #"{"a":{}}"#, #"{"a":1,"b":2}"#, #"{ "a" : 1 , "b" : [ ] }"#, #"{"a":1,"a":2}"#, #"{"\u0000":0}"#,
        #"{"a\"b":"c"}"#, "{\"é\":1,\"e\u{301}\":2}", #"{"a":[{"b":[{"c":null}]}]}"#, "{\"\u{301}\":1}",
    ])
    func `D12 what RFC 8259 calls JSON is read, and written without blanks`(text: String) throws {
        let node = try JSONNode(Array(text.utf8))
        let again = try JSONNode(node.bytes)

        #expect(again == node)
        #expect(again.bytes == node.bytes)
        #expect(Array(node.text.utf8) == node.bytes)
    }

    @Test(arguments: [
        // Nothing, or too little of it.
        "", " ", "[", "{", "\"", "[1", "[1,", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "\"a", "\"\\", "\"\\u", "\"\\u12",
        "tru",
        "nul", "-", "1.", "1e", "1e+", "[[[[", "[\"",
        // Too much of it.
        "1 2", "[]]", "{}}", "null,", "[],", "\"a\"b", "true false", "[] //", "{}/**/", "#", "1#", "\u{FEFF}1", "\u{FEFF}{}",
        // Numbers.
        "01", "-01", "00", "+1", ".5", "-.5", "1.e1", "1.5.5", "0x10", "1e1.5", "1_000", "1,000", "NaN", "Infinity", "-Infinity",
        "-a", "--1", "1e++1", "1 e1", "١", "1٣", "∞", "[-]", "[1.]", "[- 1]", "2.e+3", "0e", "0.e1", "1ea", "1f",
        // Texts.
        "'a'", "\"\t\"", "\"\n\"", "\"\u{0}\"", "\"\u{1F}\"", #""\a""#, #""\x41""#, #""\'""#, #""\u{41}""#, #""\u004""#,
        #""\u004G""#,
        #""\u 041""#, #""\u-041""#, #""\U0041""#, #""\ud800""#, #""\udc00""#, #""\ud800\ud800""#, #""\ud800a""#, #""\ud800\n""#,
        #""\udc00\ud800""#, #""\ud83d\u0041""#, #""\ud83d\ude0""#, "\"\\\u{301}\"", "\"\\é\"", #""\""#, "a", "“a”", "\"\\\n\"",
        // Words.
        "True", "NULL", "nulll", "truee", "undefined", "nu ll", "n", "[nul]", "none", "tRue",
        // Arrays.
        "]", "[,]", "[1,]", "[,1]", "[1 2]", "[1;2]", "[1,,2]", "[}", "[1}", "[\"a\":1]", "[1\u{A0}]", "[\u{B}1]", "[\u{C}]",
        "[\u{2028}]", "[\\n]", "(1)", "[1],[2]", "[1]1", "[\"a\",\n4\n,1,",
        // Objects.
        "}", "{,}", "{1:1}", "{a:1}", "{'a':1}", "{\"a\" 1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,\"a\":1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1;\"b\":2}", "{\"a\"::1}", "{\"a\":1:2}", "{]", "{\"a\":1]", "{null:1}", "{[]:1}", "{\"a\",1}", "{{}}",
        "{\"a\":\"b\"}#",
        "{\"a\":/*b*/1}", "{\"a\":1,\"b\"}", "{\"a\":1,,\"b\":2}", "{\"x\"\u{301}:1}",
    ])
    func `D12 what RFC 8259 does not call JSON is refused`(text: String) {
        #expect(throws: JSONReadError.self) { try JSONNode(Array(text.utf8)) }
    }

    @Test(
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xE2, 0x82, 0x22],
            [0x22, 0xED, 0xA0, 0x80, 0x22],
            [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], [0x22, 0xF8, 0x88, 0x80, 0x80, 0x80, 0x22], [0x22, 0x80, 0x22],
            [0xFF, 0xFE, 0x31, 0x00], [0x22, 0xF0, 0x80, 0x80, 0xAF, 0x22], [0xE9], [0x22, 0xE0, 0xFF, 0x22],
        ] as [[UInt8]])
    func `D12 what is not UTF-8 is refused`(bytes: [UInt8]) {
        #expect(throws: JSONReadError.notUTF8) { try JSONNode(bytes) }
    }

    @Test(arguments: [
        ("", JSONReadError.ends), ("[1,", .ends), ("\"a", .ends), ("tr", .ends), ("trap", .unexpected(offset: 2)),
        ("[1,]", .unexpected(offset: 3)), ("1 2", .unexpected(offset: 2)), ("{\"a\":1,b}", .unexpected(offset: 7)),
        ("\"é\\x\"", .badEscape(offset: 3)), ("[\"\\ud800\"]", .badEscape(offset: 2)), ("\"a\tb\"", .controlCharacter(offset: 2)),
        ("[1] x", .unexpected(offset: 4)), ("\u{FEFF}1", .unexpected(offset: 0)), ("1\u{0}", .unexpected(offset: 1)),
    ])
    func `D12 an error says where`(text: String, error: JSONReadError) {
        #expect(throws: error) { try JSONNode(Array(text.utf8)) }
    }

    @Test func `D12 a text says what it says, however it is escaped`() throws {
        let text = #"["\u0041\u00e9\ud83d\ude00\n\/\"\\", "x\u0000y", "\u2028", "\u007f"]"#
        let expected = "[\"Aé😀\\n/\\\"\\\\\",\"x\\u0000y\",\"\u{2028}\",\"\u{7F}\"]"

        #expect(try JSONNode(Array(text.utf8)).text == expected)
    }

    @Test(arguments: [
        "9223372036854775808", "18446744073709551616", "0.10", "1.0", "1E2", "1e400", "-0", "-0.0", "1e-400",
        "3.14159265358979323846264338327950288419716939937510582097494459", "123456789012345678901234567890.12345678901234567890",
    ])
    func `D12 a number comes out as it came in`(number: String) throws {
        #expect(try JSONNode(Array("{\"a\": [ \(number) ]}".utf8)).text == "{\"a\":[\(number)]}")
    }

    @Test func `D12 members keep their order, and of a name that repeats the last is found`() throws {
        let few = try JSONNode(Array(#"{"b":1,"a":2,"b":3}"#.utf8))
        guard case .object(let object) = few else {
            Issue.record("no object")
            return
        }

        #expect(few.text == #"{"b":1,"a":2,"b":3}"#)
        #expect(object["b"]?.text == "3")
        #expect(object["a"]?.text == "2")
        #expect(object["c"] == nil)
        #expect(object.repeatedName == "b")
    }

    @Test(arguments: [1, 2, 15, 16, 17, 100])
    func `D12 names that only look alike are two, in small objects and in large ones`(count: Int) throws {
        let others = (0..<count).map { #""n\#($0)":\#($0)"# }.joined(separator: ",")
        let node = try JSONNode(Array("{\"é\":\"one\",\"e\u{301}\":\"two\",\"n0\":\"first\",\(others)}".utf8))
        guard case .object(let object) = node else {
            Issue.record("no object")
            return
        }

        #expect(object["\u{E9}"]?.text == "\"one\"")
        #expect(object["e\u{301}"]?.text == "\"two\"")
        #expect(object["n0"]?.text == "0")
        #expect(object["n\(count - 1)"]?.text == "\(count - 1)")
        #expect(object["n\(count)"] == nil)
    }

    @Test func `D12 values are equal if they are written the same`() throws {
        func node(_ text: String) throws -> JSONNode {
            try JSONNode(Array(text.utf8))
        }

        #expect(try node(" [1, \"a\"] ") == node("[1,\"a\"]"))
        #expect(try node("1") != node("1.0"))
        #expect(try node("\"é\"") != node("\"e\u{301}\""))
        #expect(try node("\"\\u0041\"") == node("\"A\""))
        #expect(try node(#"{"a":1,"b":2}"#) != node(#"{"b":2,"a":1}"#))
        #expect(try node("null") != node("false"))
    }

    @Test func `D12 arrays and objects nest 32 deep and no deeper`() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array(
                (String(repeating: "[{\"a\":", count: depth / 2) + (depth.isMultiple(of: 2) ? "1" : "[]")
                    + String(repeating: "}]", count: depth / 2)).utf8)
        }

        #expect(try JSONNode(nested(32)).bytes == nested(32))
        #expect(throws: JSONReadError.tooDeep(depthMax: 32)) { try JSONNode(nested(33)) }
        #expect(throws: JSONReadError.tooDeep(depthMax: 32)) {
            try JSONNode(Array(repeating: UInt8(ascii: "["), count: 1_000_000))
        }
    }

    @Test func `D12 a text holds 100,000 values and no more`() throws {
        let zeros = String(repeating: "0,", count: 99_998) + "0"

        #expect(try JSONNode(Array("[\(zeros)]".utf8)).kind == .array)
        #expect(throws: JSONReadError.tooManyNodes(nodesMax: 100_000)) { try JSONNode(Array("[\(zeros),0]".utf8)) }
    }

    @Test func `D12 a text has 1 MiB and no more, or what the caller says`() throws {
        let text = Array("\"\(String(repeating: "a", count: 1_048_574))\"".utf8)

        #expect(try JSONNode(text).bytes == text)
        #expect(throws: JSONReadError.tooLong(bytesMax: 1_048_576)) { try JSONNode(text + [0x20]) }
        #expect(try JSONNode(text + [0x20], bytesMax: 1_048_577).bytes == text)
        #expect(throws: JSONReadError.tooLong(bytesMax: 2)) { try JSONNode(Array("123".utf8), bytesMax: 2) }
        #expect(try JSONNode(Data("12".utf8), bytesMax: 2).text == "12")
    }

    @Test(.timeLimit(.minutes(1)))
    func `D12 a text of one long thing is read in time linear to its length`() throws {
        let long = 1_000_000
        let texts = [
            String(repeating: "1", count: long), "0." + String(repeating: "1", count: long),
            "\"" + String(repeating: "\\n", count: long / 2) + "\"",
            "\"" + String(repeating: "\u{301}", count: long / 2) + "\"", String(repeating: " ", count: long) + "1",
            "{" + (0..<60_000).map { "\"\($0)\":0" }.joined(separator: ",") + "}",
            "{" + Array(repeating: "\"same\":0", count: 90_000).joined(separator: ",") + "}",
        ]

        for text in texts {
            let node = try JSONNode(Array(text.utf8))
            #expect(try JSONNode(node.bytes) == node)
        }
    }
}

@Suite struct JSONNumberTests {
    @Test(arguments: [
        ("1", "1.0"), ("1", "10e-1"), ("1", "0.1E+1"), ("100", "1e2"), ("0", "-0"), ("0", "0.000e5"),
        ("0", "0e99999999999999999999"),
        ("-1.50", "-15e-1"), ("9007199254740993", "9007199254740993.0"), ("0.10", "0.1"), ("1e0000000000000000000000001", "10"),
        ("123e-5", "0.00123"), ("1e-0", "1"), ("1e999999999999999", "10e999999999999998"),
    ])
    func `Flow numbers are equal by value, however they are written`(left: String, right: String) throws {
        let left = try #require(JSONNumber(left)?.value)
        let right = try #require(JSONNumber(right)?.value)

        #expect(left == right)
        #expect(!(left < right) && !(right < left))
    }

    @Test func `Flow numbers are in the order of their values, beyond what a Double can tell apart`() throws {
        let ascending = [
            "-1e999999999999999", "-1e400", "-18446744073709551617", "-18446744073709551616", "-2", "-1.5", "-1", "-0.1", "-0.01",
            "-1e-400", "0", "1e-999999999999999", "1e-400", "0.01", "0.099", "0.1",
            "0.10000000000000000000000000000000000000000001",
            "1", "1.5", "2", "10", "11", "100", "9007199254740992", "9007199254740993", "9007199254740993.0000000000000001",
            "18446744073709551616", "18446744073709551617", "1e400", "1.1e400", "1e999999999999999",
        ]
        let values = try ascending.map { try #require(JSONNumber($0)?.value) }

        for (left, smaller) in values.enumerated() {
            for (right, larger) in values.enumerated() {
                #expect((smaller < larger) == (left < right), "\(ascending[left]) and \(ascending[right])")
                #expect((smaller == larger) == (left == right), "\(ascending[left]) and \(ascending[right])")
            }
        }
    }

    @Test func `Flow a number that is too large to compare is kept and has no value`() throws {
        let texts = [
            "1e1000000000000000", "-1e-1000000000000000", "1e99999999999999999999999", String(repeating: "1", count: 4_097),
        ]

        for text in texts {
            let number = try #require(JSONNumber(text))
            #expect(number.text == text)
            #expect(number.value == nil)
        }
        #expect(JSONNumber(String(repeating: "1", count: 4_096))?.value != nil)
    }

    @Test(arguments: [
        "", " 1", "1 ", "01", "+1", "1.", ".1", "1e", "a", "1a", "0x1", "١", "1\u{301}", "NaN", "--1", "-", "1e5e5",
    ])
    func `D12 a text that is no number is none`(text: String) {
        #expect(JSONNumber(text) == nil)
    }

    @Test func `D12 a number that is written as an integer is one, if it fits`() {
        #expect(JSONNumber("-12")?.integer == -12)
        #expect(JSONNumber(7).text == "7")
        #expect(JSONNumber("9223372036854775807")?.integer == .max)
        #expect(JSONNumber("9223372036854775808")?.integer == nil)
        #expect(JSONNumber("1.0")?.integer == nil)
        #expect(JSONNumber("1e1")?.integer == nil)
    }
}
