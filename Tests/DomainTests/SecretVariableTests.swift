import Domain
import Foundation
import Testing

@Suite struct SecretVariableNameTests {
    @Test(arguments: ["A", "SLACK_TOKEN", "A1", "A_", "Z9_Z9", "A" + String(repeating: "B", count: 63)])
    func `E11 a name is a capital letter with capitals, digits and underscores behind it`(text: String) throws {
        #expect(try #require(SecretVariableName(text)).text == text)
    }

    @Test(arguments: [
        "", "a", "Aa", "1A", "_A", "A-B", "A B", " A", "A ", "A\n", "A.B", "{{A}}", "Ä", "AÄ", "A\u{301}", "Α", "A٣",
        "A" + String(repeating: "B", count: 64),
    ])
    func `E11 anything else is no name`(text: String) {
        #expect(SecretVariableName(text) == nil)
    }

    @Test func `E11 names are in the order of their letters`() {
        let names = ["B", "A_B", "A1", "AB", "A"].compactMap { SecretVariableName($0) }
        let sorted = names.sorted().map(\.text)

        #expect(sorted == ["A", "A1", "AB", "A_B", "B"])
    }
}

@Suite struct SecretTemplateTests {
    let values = ["HOST": "hooks.example", "TOKEN": "s3cret", "ODD": "{{TOKEN}}", "BRACES": "{{", "EMPTY": ""]

    func resolved(_ text: String) throws -> String {
        try SecretTemplate(text).resolved { values[$0.text] }
    }

    @Test(arguments: [
        ("", ""), ("https://example.com/x", "https://example.com/x"),
        ("https://{{HOST}}/{{TOKEN}}?a={{TOKEN}}", "https://hooks.example/s3cret?a=s3cret"), ("{{TOKEN}}", "s3cret"),
        ("Bearer {{ TOKEN }}", "Bearer s3cret"), ("{{\t TOKEN \t}}!", "s3cret!"), ("{{HOST}}{{TOKEN}}", "hooks.examples3cret"),
        ("[{{EMPTY}}]", "[]"), ("}} {{TOKEN}} }}", "}} s3cret }}"), ("{TOKEN} { {TOKEN} }", "{TOKEN} { {TOKEN} }"),
        ("{\"a\":{\"b\":\"{{TOKEN}}\"}}", "{\"a\":{\"b\":\"s3cret\"}}"), ("ü{{TOKEN}}\u{301}é", "üs3cret\u{301}é"),
        ("{{TOKEN}}}", "s3cret}"),
    ])
    func `E11 a name between double braces stands for the value`(text: String, expected: String) throws {
        let resolved = try resolved(text)

        #expect(Array(resolved.utf8) == Array(expected.utf8))
    }

    @Test func `E11 what a value holds is not looked into`() throws {
        #expect(try resolved("{{ODD}}") == "{{TOKEN}}")
        #expect(try resolved("{{BRACES}}TOKEN}}") == "{{TOKEN}}")
        #expect(try resolved("{{BRACES}}{{TOKEN}}") == "{{s3cret")
    }

    @Test(arguments: [
        ("{{token}}", "token"), ("{{}}", ""), ("{{  }}", "  "), ("{{A B}}", "A B"), ("{{A", "A"), ("{{", ""),
        ("{{A}", "A}"), ("x {{A}} {{1}} {{b}}", "1"), ("{{{A}}}", "{A"), ("{{{{A}}}}", "{{A"), ("{{A\n}}", "A\n"),
        ("{{A|upper}}", "A|upper"), ("{{A\u{301}}}", "A\u{301}"), ("{{{", "{"),
    ])
    func `E11 anything else behind double braces is refused, and named`(text: String, shown: String) {
        #expect(throws: SecretTemplateError.badName(shown)) { try SecretTemplate(text) }
    }

    @Test func `E11 of a bad name no more than the beginning is shown`() {
        let accents = String(repeating: "\u{301}", count: 10_000)

        #expect(throws: SecretTemplateError.badName(String(repeating: "x", count: 60))) {
            try SecretTemplate("{{" + String(repeating: "x", count: 10_000) + "}}")
        }
        #expect(throws: SecretTemplateError.badName(String(accents.unicodeScalars.prefix(60)))) {
            try SecretTemplate("{{" + accents + "}}")
        }
    }

    @Test func `E11 a variable that does not exist is named`() throws {
        let name = try #require(SecretVariableName("GONE"))
        let template = try SecretTemplate("{{HOST}} {{GONE}} {{GONE_TOO}}")

        #expect(throws: SecretTemplateError.missing(name)) { try template.resolved { values[$0.text] } }
    }

    @Test func `E11 a template knows its text and the names in it, and no value`() throws {
        let template = try SecretTemplate("{{A}} {{ B }} {{A}}")
        let names = template.names.map(\.text).sorted()
        let plain = try SecretTemplate("no variables")

        #expect(template.text == "{{A}} {{ B }} {{A}}")
        #expect(names == ["A", "B"])
        #expect(plain.names.isEmpty)
    }
}

@Suite struct RedactorTests {
    let secret = "p@ss/w ör+d"

    @Test func `E11 a secret is taken out wherever it stands`() {
        let redactor = Redactor(["s3cret"])

        #expect(redactor.redacted("s3cret") == "[redacted]")
        #expect(redactor.redacted("a s3cret, s3crets3cret") == "a [redacted], [redacted][redacted]")
        #expect(redactor.redacted("nothing, s3cre") == "nothing, s3cre")
        #expect(redactor.redacted("") == "")
    }

    @Test func `E11 a secret is taken out in every way to percent-encode it`() {
        let redactor = Redactor([secret])
        let forms = [
            "p%40ss%2Fw%20%C3%B6r%2Bd", "p%40ss%2fw%20%c3%b6r%2bd", "p@ss/w%20%C3%B6r+d", "p%40ss%2Fw+%C3%B6r%2Bd",
            secret.utf8.map { "%" + String($0, radix: 16) }.joined(),
        ]
        let redacted = forms.map { redactor.redacted("https://x/\($0)?y") }
        let expected = Array(repeating: "https://x/[redacted]?y", count: forms.count)

        #expect(redacted == expected)
    }

    @Test func `E11 a secret is taken out in base64, with both alphabets, padded or not, and percent-encoded`() {
        // The digits 62 and 63 are in it, and padding is behind it.
        let secret = "\u{3E}~?>~?\u{7F}~"
        let redactor = Redactor([secret])
        let base64 = Data(secret.utf8).base64EncodedString()
        let safe = base64.replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
        let encoded = base64.replacingOccurrences(of: "/", with: "%2F").replacingOccurrences(of: "=", with: "%3D")
            .replacingOccurrences(of: "+", with: "%2B")

        #expect(base64 != safe && base64.hasSuffix("="))
        #expect(redactor.redacted("Basic \(base64)!") == "Basic [redacted]!")
        #expect(redactor.redacted("Basic \(safe)!") == "Basic [redacted]!")
        #expect(redactor.redacted("Basic \(safe.filter { $0 != "=" })!") == "Basic [redacted]!")
        #expect(redactor.redacted("?x=\(encoded)&y") == "?x=[redacted]&y")
    }

    @Test func `E11 of secrets that hold or overlap one another no end stays`() {
        let redactor = Redactor(["abc", "abcdef", "defghi", "aa"])

        #expect(redactor.redacted("abcdef") == "[redacted]")
        #expect(redactor.redacted("abcd") == "[redacted]d")
        #expect(redactor.redacted("xabcdefghiy") == "x[redacted]y")
        #expect(redactor.redacted("aaabc") == "[redacted]")
    }

    @Test func `E11 what stands for a secret is not looked into`() {
        #expect(Redactor(["red", "e"]).redacted("red tape") == "[redacted] tap[redacted]")
    }

    @Test func `E11 short and odd secrets are taken out too, and empty ones take nothing`() {
        #expect(Redactor(["x"]).redacted("axb") == "a[redacted]b")
        #expect(Redactor(["%25"]).redacted("a %25 b %2525 c") == "a [redacted] b [redacted] c")
        #expect(Redactor(["%2"]).redacted("%252!") == "[redacted]!")
        #expect(Redactor(["", ""]).redacted("as it was %") == "as it was %")
        #expect(Redactor([]).redacted("as it was") == "as it was")
    }

    @Test func `E11 a mark that combines with its end does not hide a secret`() {
        let redacted = Redactor(["s3cret"]).redacted("s3cret\u{301}")

        #expect(Array(redacted.utf8) == Array("[redacted]\u{301}".utf8))
    }

    @Test func `E11 a text that breaks off in an encoded byte stays as it is`() {
        let redactor = Redactor(["ab c"])

        #expect(redactor.redacted("ab%") == "ab%")
        #expect(redactor.redacted("ab%2") == "ab%2")
        #expect(redactor.redacted("ab%2\u{301}c") == "ab%2\u{301}c")
        #expect(redactor.redacted("ab%20") == "ab%20")
    }
}
