import Domain
import Testing

@Suite struct JSONPathTests {
    let body = """
        {"a": {"b": [10, 20, {"c": "deep"}], "b-c": 1, "": 2, "'": 3, "\\"": 4, "\\\\": 5, "é": 6, "n": null, "a b": 7, "]": 8, "$": 9}, \
        "_x1": 10, "a.b": 11, "\\u0000": 12, "\\n": 13, "😀": 14, "0": 15, "twice": 1, "twice": 2}
        """

    @Test(
        arguments: [
            ("$.a.b[0]", "10"), ("$.a.b[1]", "20"), ("$.a.b[2].c", "\"deep\""), ("$.a.b[-1].c", "\"deep\""), ("$.a.b[-3]", "10"),
            ("$['a']['b'][0]", "10"), ("$[\"a\"].b[0]", "10"), ("$.a['b-c']", "1"), ("$.a['']", "2"), ("$.a[\"\"]", "2"),
            ("$.a[\"'\"]", "3"), (#"$.a['\'']"#, "3"), (#"$.a['"']"#, "4"), (#"$.a["\""]"#, "4"), (#"$.a['\\']"#, "5"),
            ("$.a.é", "6"),
            (#"$.a['\u00e9']"#, "6"), ("$.a.n", "null"), ("$.a['a b']", "7"), ("$.a[']']", "8"), ("$.a['$']", "9"),
            ("$._x1", "10"),
            ("$['a.b']", "11"), (#"$['\u0000']"#, "12"), (#"$['\n']"#, "13"), ("$.😀", "14"), (#"$['\ud83d\ude00']"#, "14"),
            ("$['0']", "15"), ("$.twice", "2"), (#"$['\u0061'].b[0]"#, "10"), (#"$['\/']"#, nil),
            ("$.b", nil), ("$.a.b.c", nil), ("$.a.b[3]", nil), ("$.a.b[-4]", nil), ("$.a[0]", nil), ("$[0]", nil),
            ("$.a.b['0']", nil),
            ("$.a.n.x", nil), ("$.a.b[9007199254740991]", nil), ("$.a.b[-9007199254740991]", nil), ("$.A", nil),
            ("$.a.e\u{301}", nil),
            ("$.a.b[0][0]", nil), ("$.a.b[2].c.d", nil),
        ] as [(String, String?)])
    func `Flow a path leads to one value or to none`(path: String, expected: String?) throws {
        let node = try JSONNode(Array(body.utf8))

        #expect(try JSONPath(path).value(in: node)?.text == expected)
    }

    @Test func `Flow a path without steps leads to the whole`() throws {
        #expect(try JSONPath("$").value(in: .null) == .null)
        #expect(try JSONPath("$").value(in: JSONNode(Array("[1]".utf8)))?.text == "[1]")
    }

    @Test(arguments: [
        ("$", "$"), ("$.a", "$.a"), ("$['a']", "$.a"), ("$[\"a b\"]", "$['a b']"), ("$[0]", "$[0]"), ("$[-1].x", "$[-1].x"),
        (#"$["'"]"#, #"$['\'']"#), (#"$["\""]"#, #"$['"']"#), (#"$['\u00e9']"#, "$.é"), (#"$['\/']"#, "$['/']"),
        ("$['1a']", "$['1a']"),
        (#"$['\u000B\u0008\t']"#, #"$['\u000b\b\t']"#), (#"$['\\']"#, #"$['\\']"#), ("$['']", "$['']"), ("$['a1_']", "$.a1_"),
        ("$['a-b']", "$['a-b']"), ("$.é\u{301}", "$.é\u{301}"), (#"$['\u007b\u007d']"#, "$['{}']"),
    ])
    func `Flow a path has one text, and that reads as the same path`(path: String, text: String) throws {
        let read = try JSONPath(path)
        let again = try JSONPath(read.text)

        #expect(Array(read.text.utf8) == Array(text.utf8))
        #expect(again == read)
        #expect(again.hashValue == read.hashValue)
        #expect(JSONPath(steps: read.steps) == read)
    }

    @Test(arguments: [
        ("", 0), ("a", 0), (".a", 0), (" $", 0), ("@.a", 0), ("$ ", 1), ("$a", 1), ("$.", 2), ("$..a", 2), ("$.*", 2),
        ("$[*]", 2),
        ("$.1a", 2), ("$.-", 2), ("$. a", 2), ("$ .a", 1), ("$.a b", 3), ("$.a-b", 3), ("$[", 2), ("$[]", 2), ("$[0", 3),
        ("$['a'", 5),
        ("$['a", 4), ("$['a]", 5), ("$['a\"]", 6), ("$[a]", 2), ("$[ 0]", 2), ("$[0 ]", 3), ("$[00]", 2), ("$[01]", 2),
        ("$[-0]", 2),
        ("$[-]", 2), ("$[--1]", 2), ("$[+1]", 2), ("$[1.0]", 3), ("$[1e1]", 3), ("$[0:1]", 3), ("$[0,1]", 3), ("$[?@.a]", 2),
        ("$[9007199254740992]", 2), ("$[-9007199254740992]", 2), ("$[99999999999999999999]", 2), (#"$['\"']"#, 3),
        (#"$["\'"]"#, 3),
        (#"$['\x']"#, 3), (#"$['\u12']"#, 3), (#"$['\ud800']"#, 3), (#"$['\udc00']"#, 3), ("$['\n']", 3), ("$['a'b]", 5),
        ("$['a']b", 6),
        ("$.a.", 4), ("$.a[0].", 7), ("$['a']]", 6), ("$.a[", 4), ("$.a\u{0}", 3), ("$[١]", 2), ("$\u{301}.a", 1),
        ("$['a'\u{301}]", 5),
    ])
    func `Flow anything else is no path, and the error says where`(path: String, offset: Int) {
        #expect(throws: JSONPathError.bad(offset: offset)) { try JSONPath(path) }
    }

    @Test func `Flow a path has 32 steps and 500 bytes, and no more`() throws {
        let names = String(repeating: ".a", count: 32)
        let long = String(repeating: "x", count: 498)
        // Shorter between quotation marks than in the one text there is.
        let quoted = "$[\"" + String(repeating: "'", count: 300) + "\"]"

        #expect(try JSONPath("$" + names).steps.count == 32)
        #expect(throws: JSONPathError.tooManySteps(stepsMax: 32)) { try JSONPath("$" + names + "[0]") }
        #expect(try JSONPath("$." + long).text.utf8.count == 500)
        #expect(throws: JSONPathError.tooLong(bytesMax: 500)) { try JSONPath("$." + long + "x") }
        #expect(throws: JSONPathError.tooLong(bytesMax: 500)) { try JSONPath(quoted) }
        #expect(JSONPath(steps: Array(repeating: .index(0), count: 33)) == nil)
        #expect(JSONPath(steps: [.name(long + "x")]) == nil)
        #expect(JSONPath(steps: [.index(9_007_199_254_740_992)]) == nil)
        #expect(JSONPath(steps: [.index(.min)]) == nil)
        #expect(JSONPath(steps: [.name("a b"), .index(-1)])?.text == "$['a b'][-1]")
    }

    @Test func `Flow paths to names that only look alike are two`() throws {
        #expect(try JSONPath("$.\u{E9}") != JSONPath("$.e\u{301}"))
    }
}
