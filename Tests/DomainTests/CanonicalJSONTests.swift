import Domain
import Foundation
import Testing

@Suite struct CanonicalJSONTests {
    @Test func `Keys stand in the order of their UTF-16 code units, as in RFC 8785, section 3.2.3`() {
        let members: [String: CanonicalJSON] = [
            "\u{20ac}": .text("Euro Sign"), "\r": .text("Carriage Return"), "\u{fb33}": .text("Hebrew Letter Dalet With Dagesh"),
            "1": .text("One"), "\u{1f600}": .text("Emoji: Grinning Face"), "\u{80}": .text("Control"),
            "\u{f6}": .text("Latin Small Letter O With Diaeresis"),
        ]

        #expect(
            CanonicalJSON.object(members).text == """
                {"\\r":"Carriage Return","1":"One","\u{80}":"Control","\u{f6}":"Latin Small Letter O With Diaeresis",\
                "\u{20ac}":"Euro Sign","\u{1f600}":"Emoji: Grinning Face","\u{fb33}":"Hebrew Letter Dalet With Dagesh"}
                """)
    }

    @Test func `A text is escaped as in RFC 8785, section 3.2.2`() {
        let example = CanonicalJSON.object([
            "string": .text("\u{20ac}$\u{0F}\u{0A}A'\u{42}\u{22}\u{5c}\\\"/"),
            "literals": .array([.null, .bool(true), .bool(false)]),
        ])

        #expect(example.text == #"{"literals":[null,true,false],"string":"€$\u000f\nA'B\"\\\\\"/"}"#)
    }

    @Test func `Control characters are escaped, the short way where there is one, and nothing else is`() {
        let short: [UInt32: String] = [8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 0x22: "\\\"", 0x5C: "\\\\"]

        for value in UInt32(0)...0x3000 {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let long = "\\u00" + (value < 16 ? "0" : "") + String(value, radix: 16)
            let expected = short[value] ?? (value < 0x20 ? long : String(scalar))
            let written = CanonicalJSON.text(String(scalar)).bytes
            #expect(written == Data("\"\(expected)\"".utf8), "U+\(String(value, radix: 16))")
        }
    }

    @Test(arguments: [
        (CanonicalJSON.null, "null"), (.bool(true), "true"), (.integer(0), "0"), (.integer(-1), "-1"),
        (.integer(9_007_199_254_740_991), "9007199254740991"), (.integer(-9_007_199_254_740_991), "-9007199254740991"),
        (.integer(.min), "-9223372036854775808"), (.text(""), "\"\""), (.array([]), "[]"), (.object([:]), "{}"),
        (.array([.integer(1), .array([.text("a")]), .object(["b": .null])]), #"[1,["a"],{"b":null}]"#),
        (.object(["": .integer(1), "a": .integer(2), "aa": .integer(3), "A": .integer(4)]), #"{"":1,"A":4,"a":2,"aa":3}"#),
        (.text("\u{7F}\u{2028}</script>"), "\"\u{7F}\u{2028}</script>\""),
    ])
    func `A value has one text`(value: CanonicalJSON, text: String) {
        #expect(value.text == text)
        #expect(value.bytes == Data(text.utf8))
    }

    @Test func `Texts are written as they are, not brought into a normal form`() {
        #expect(CanonicalJSON.text("e\u{301}").bytes == Data([0x22, 0x65, 0xCC, 0x81, 0x22]))
        #expect(CanonicalJSON.text("\u{E9}").bytes == Data([0x22, 0xC3, 0xA9, 0x22]))
    }

    @Test func `Other readers of JSON read the same`() throws {
        let members: [String: CanonicalJSON] = [
            "a\"\\\u{1}": .text("\u{1F600}\t\u{1F}"), "b": .array([.bool(false), .null, .integer(-7)]),
            "é\n": .object(["x": .text("y")]),
        ]

        let read = try JSONSerialization.jsonObject(with: CanonicalJSON.object(members).bytes) as? NSDictionary

        #expect(
            read == ["a\"\\\u{1}": "\u{1F600}\t\u{1F}", "b": [false, NSNull(), -7] as [Any], "é\n": ["x": "y"]] as NSDictionary)
    }

    @Test func `A huge text is written whole`() {
        #expect(CanonicalJSON.text(String(repeating: "\"", count: 1_000_000)).bytes.count == 2_000_002)
    }
}
