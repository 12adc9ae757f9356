import Domain
import Foundation
import Testing

@Suite struct FlowFilterTests {
    let order = """
        {"order": {"id": 9007199254740993, "total": 100.50, "paid": true, "note": "Größe: L, {{x}}", "lines": [{"sku": "a"}, {"sku": "b"}],
        "tags": ["new", 1, null, true, 2.50], "coupon": null, "empty": "", "zero": 0, "text": "42"}}
        """

    func input(_ body: String? = nil, contentType: String? = "application/json; charset=utf-8", context: String? = "nightly")
        -> FilterInput
    {
        let headers = CallHeaders([
            ("X-Shop", "nl"), ("x-kind", "one"), ("X-Kind", "two"), ("X-Count", "10"), ("X-Empty", ""),
            ("Authorization", "Bearer x"),
        ])
        return FilterInput(headers: headers, contentType: contentType, context: context, body: Data((body ?? order).utf8))
    }

    @Test(arguments: [
        // Header fields.
        (#"{"header":"X-Shop","equals":"nl"}"#, true), (#"{"header":"x-shop","equals":"nl"}"#, true),
        (#"{"header":"X-Shop","equals":"NL"}"#, false), (#"{"header":"X-Shop","contains":"n"}"#, true),
        (#"{"header":"X-Shop","contains":"nlx"}"#, false), (#"{"header":"X-Shop","in":["de","nl"]}"#, true),
        (#"{"header":"X-Kind","equals":"one"}"#, true), (#"{"header":"X-Kind","equals":"two"}"#, true),
        (#"{"header":"X-Kind","equals":"one, two"}"#, false), (#"{"header":"X-Kind","in":["zwei","two"]}"#, true),
        (#"{"header":"X-None","equals":"a"}"#, false), (#"{"header":"X-None","exists":false}"#, true),
        (#"{"header":"X-None","exists":true}"#, false), (#"{"header":"X-Shop","exists":true}"#, true),
        (#"{"header":"X-Empty","exists":true}"#, true), (#"{"header":"X-Empty","equals":""}"#, true),
        (#"{"header":"X-Count","equals":10}"#, true), (#"{"header":"X-Count","equals":"10"}"#, true),
        (#"{"header":"X-Count","equals":10.0}"#, true), (#"{"header":"X-Count","equals":"10.0"}"#, false),
        (#"{"header":"X-Count","at_least":10}"#, true), (#"{"header":"X-Count","less":10}"#, false),
        (#"{"header":"X-Shop","less":10}"#, false), (#"{"header":"Authorization","exists":false}"#, true),
        // Content type.
        (#"{"content_type":true,"equals":"application/json"}"#, true),
        (#"{"content_type":true,"equals":"Application/JSON"}"#, true),
        (#"{"content_type":true,"equals":"application/json; charset=latin1"}"#, true),
        (#"{"content_type":true,"equals":"text/plain"}"#, false), (#"{"content_type":true,"contains":"JSON"}"#, true),
        (#"{"content_type":true,"contains":"charset"}"#, false),
        (#"{"content_type":true,"in":["text/json","APPLICATION/json"]}"#, true),
        // Context.
        (#"{"context":true,"equals":"nightly"}"#, true), (#"{"context":true,"equals":"Nightly"}"#, false),
        (#"{"context":true,"exists":true}"#, true), (#"{"context":true,"contains":"night"}"#, true),
        // Paths: presence.
        (#"{"path":"$.order","exists":true}"#, true), (#"{"path":"$.order.none","exists":true}"#, false),
        (#"{"path":"$.order.none","exists":false}"#, true), (#"{"path":"$.order.coupon","exists":true}"#, true),
        (#"{"path":"$.order.coupon","equals":null}"#, true), (#"{"path":"$.order.none","equals":null}"#, false),
        (#"{"path":"$","exists":true}"#, true),
        // Paths: equality, exact beyond 2^53.
        (#"{"path":"$.order.id","equals":9007199254740993}"#, true), (#"{"path":"$.order.id","equals":9007199254740992}"#, false),
        (#"{"path":"$.order.id","equals":9007199254740993.000}"#, true),
        (#"{"path":"$.order.id","greater":9007199254740992}"#, true),
        (#"{"path":"$.order.id","equals":"9007199254740993"}"#, false), (#"{"path":"$.order.total","equals":100.5}"#, true),
        (#"{"path":"$.order.total","equals":1.005e2}"#, true), (#"{"path":"$.order.paid","equals":true}"#, true),
        (#"{"path":"$.order.paid","equals":1}"#, false), (#"{"path":"$.order.paid","equals":"true"}"#, false),
        (#"{"path":"$.order.zero","equals":false}"#, false), (#"{"path":"$.order.zero","equals":-0.0}"#, true),
        (#"{"path":"$.order.empty","equals":""}"#, true), (#"{"path":"$.order.empty","equals":null}"#, false),
        (#"{"path":"$.order.note","equals":"Größe: L, {{x}}"}"#, true), (#"{"path":"$.order.lines","equals":"a"}"#, false),
        // Paths: order.
        (#"{"path":"$.order.total","at_least":100.50}"#, true), (#"{"path":"$.order.total","at_least":100.51}"#, false),
        (#"{"path":"$.order.total","at_most":100.5}"#, true), (#"{"path":"$.order.total","at_most":100.49}"#, false),
        (#"{"path":"$.order.total","greater":100.5}"#, false), (#"{"path":"$.order.total","greater":-1e400}"#, true),
        (#"{"path":"$.order.total","less":100.5}"#, false), (#"{"path":"$.order.total","less":1e400}"#, true),
        (#"{"path":"$.order.text","less":100}"#, false), (#"{"path":"$.order.text","equals":42}"#, false),
        (#"{"path":"$.order.paid","at_least":0}"#, false), (#"{"path":"$.order.coupon","less":1}"#, false),
        (#"{"path":"$.order.none","less":1}"#, false),
        // Paths: lists and parts.
        (#"{"path":"$.order.lines[0].sku","in":["a","b"]}"#, true), (#"{"path":"$.order.lines[-1].sku","in":["a"]}"#, false),
        (#"{"path":"$.order.zero","in":[null,false,"0",0.0]}"#, true), (#"{"path":"$.order.zero","in":[null,false,"0"]}"#, false),
        (#"{"path":"$.order.note","contains":"Größe"}"#, true), (#"{"path":"$.order.note","contains":"größe"}"#, false),
        (#"{"path":"$.order.note","contains":""}"#, true), (#"{"path":"$.order.tags","contains":"new"}"#, true),
        (#"{"path":"$.order.tags","contains":"ne"}"#, false), (#"{"path":"$.order.tags","contains":1.0}"#, true),
        (#"{"path":"$.order.tags","contains":2.5}"#, true), (#"{"path":"$.order.tags","contains":null}"#, true),
        (#"{"path":"$.order.tags","contains":true}"#, true), (#"{"path":"$.order.tags","contains":false}"#, false),
        (#"{"path":"$.order.tags","contains":"1"}"#, false), (#"{"path":"$.order.total","contains":"100"}"#, false),
        (#"{"path":"$.order","contains":"total"}"#, false), (#"{"path":"$.order.lines","contains":"a"}"#, false),
        // Groups.
        (#"{"all":[{"header":"X-Shop","equals":"nl"},{"path":"$.order.paid","equals":true}]}"#, true),
        (#"{"all":[{"header":"X-Shop","equals":"nl"},{"path":"$.order.paid","equals":false}]}"#, false),
        (#"{"any":[{"header":"X-Shop","equals":"de"},{"path":"$.order.paid","equals":true}]}"#, true),
        (#"{"any":[{"header":"X-Shop","equals":"de"},{"path":"$.order.paid","equals":false}]}"#, false),
        (#"{"not":{"path":"$.order.none","equals":1}}"#, true), (#"{"not":{"path":"$.order.none","exists":false}}"#, false),
        (#"{"not":{"not":{"header":"X-Kind","equals":"two"}}}"#, true), (#"{"not":{"header":"X-Kind","equals":"two"}}"#, false),
        (
            #"{"all":[{"header":"X-Shop","equals":"nl"},{"content_type":true,"equals":"application/json"},"#
                + #"{"any":[{"path":"$.order.total","at_least":1000},{"path":"$.order.lines[0].sku","in":["a","b"]}]},"#
                + #"{"not":{"path":"$.test","exists":true}}]}"#, true
        ),
    ])
    func `Flow a filter says which events are sent`(filter: String, expected: Bool) throws {
        let filter = try FlowFilter(text: filter)
        let again = try FlowFilter(JSONNode(filter.json.bytes))

        #expect(filter.matches(input()) == expected)
        #expect(filter.decision(input()).matches == expected)
        #expect(again == filter)
        #expect(again.matches(input()) == expected)
    }

    @Test(arguments: [
        "", "no JSON", "[1", "\u{FEFF}{}", String(repeating: "[", count: 40), "\"\(String(repeating: "a", count: 1_048_576))\"",
    ])
    func `Flow a body that is no JSON, or too long, has no paths`(body: String) throws {
        let event = input(body)

        #expect(try FlowFilter(text: #"{"path":"$","exists":false}"#).matches(event))
        #expect(try !FlowFilter(text: #"{"path":"$","exists":true}"#).matches(event))
        #expect(try !FlowFilter(text: #"{"path":"$.a","equals":null}"#).matches(event))
        #expect(try FlowFilter(text: #"{"header":"X-Shop","equals":"nl"}"#).matches(event))
        #expect(event.json == nil)
    }

    @Test func `Flow what an event does not have satisfies nothing but that it is missing`() throws {
        let event = input("{}", contentType: nil, context: nil)
        let subjects = [#""header":"X-None""#, #""content_type":true"#, #""context":true"#, #""path":"$.a""#]
        let tests = [
            #""equals":"a""#, #""equals":null"#, #""equals":"""#, #""contains":"""#, #""in":[null,""]"#, #""less":1e9"#,
            #""at_most":1e9"#,
            #""greater":-1e9"#, #""at_least":-1e9"#, #""exists":true"#,
        ]

        for subject in subjects {
            for test in tests {
                #expect(try !FlowFilter(text: "{\(subject),\(test)}").matches(event), "\(subject) \(test)")
                #expect(try FlowFilter(text: "{\"not\":{\(subject),\(test)}}").matches(event), "\(subject) \(test)")
            }
            #expect(try FlowFilter(text: "{\(subject),\"exists\":false}").matches(event))
        }
    }

    @Test(arguments: ["", ";charset=utf-8", "  ; a=b"])
    func `Flow a content type without a type is missing`(contentType: String) throws {
        #expect(try FlowFilter(text: #"{"content_type":true,"exists":false}"#).matches(input(contentType: contentType)))
    }

    @Test(arguments: [
        " application/json", "application/json ;charset=utf-8", "APPLICATION/JSON;x=\"a;b\"", "\tapplication/json\t",
    ])
    func `Flow of a content type only type and subtype are compared`(contentType: String) throws {
        #expect(
            try FlowFilter(text: #"{"content_type":true,"equals":"application/json"}"#).matches(input(contentType: contentType)))
    }

    @Test func `Flow a number that is too large to compare equals only what is written the same`() throws {
        let event = input(#"{"n":1e9999999999999999999,"a":[1e9999999999999999999]}"#)

        #expect(try FlowFilter(text: #"{"path":"$.n","equals":1e9999999999999999999}"#).matches(event))
        #expect(try FlowFilter(text: #"{"path":"$.a","contains":1e9999999999999999999}"#).matches(event))
        #expect(try !FlowFilter(text: #"{"path":"$.n","equals":1e99999999999999999999}"#).matches(event))
        #expect(try !FlowFilter(text: #"{"path":"$.n","greater":0}"#).matches(event))
        #expect(try !FlowFilter(text: #"{"path":"$.n","at_most":0}"#).matches(event))
    }

    @Test(arguments: [
        ("aaab", "aaaaaaab", true), ("abab", "abacabab", true), ("ababd", "abababc", false), ("aab", "aaaaac", false),
        ("b", "aaab", true),
        ("abcabd", "abcabcabd", true), ("ß", "Straße", true), ("e\u{301}", "é", false), ("e", "e\u{301}", true),
        ("abc", "ab", false),
    ])
    func `Flow a part is found wherever it stands, byte by byte`(part: String, whole: String, expected: Bool) throws {
        let members = [JSONObject.Member(name: "path", value: .text("$")), .init(name: "contains", value: .text(part))]
        let filter = try FlowFilter(.object(JSONObject(members)))

        #expect(filter.matches(input(JSONNode.text(whole).text)) == expected)
    }
}

@Suite struct FlowFilterReadingTests {
    @Test(
        arguments: [
            ("", "", .unreadable(.ends)), ("{", "", .unreadable(.ends)), ("[]", "", .noObject), ("null", "", .noObject),
            ("{}", "", .noSubject),
            (#"{"all":{}}"#, "all", .noList), (#"{"any":null}"#, "any", .noList), (#"{"all":[]}"#, "all", .empty),
            (#"{"any":[]}"#, "any", .empty), (#"{"not":[]}"#, "not", .noObject), (#"{"not":{}}"#, "not", .noSubject),
            (#"{"all":[1]}"#, "all[0]", .noObject), (#"{"all":[{"context":true,"exists":true}],"any":[]}"#, "any", .unknownName),
            (#"{"all":[{"context":true,"exists":true}],"note":1}"#, "note", .unknownName),
            (#"{"not":{"context":true,"exists":true},"equals":1}"#, "equals", .unknownName),
            (#"{"path":"$.a"}"#, "", .noTest), (#"{"equals":1}"#, "", .noSubject),
            (#"{"path":"$.a","equals":1,"less":2}"#, "less", .severalTests),
            (#"{"path":"$.a","header":"X","equals":1}"#, "header", .severalSubjects),
            (#"{"path":"$.a","path":"$.b","equals":1}"#, "path", .repeatedName),
            (#"{"path":"$.a","equals":1,"equals":1}"#, "equals", .repeatedName),
            (#"{"path":"$.a","matches":"x"}"#, "matches", .unknownName), (#"{"path":"$.a","Equals":1}"#, "Equals", .unknownName),
            (#"{"body":true,"equals":1}"#, "body", .unknownName),
            (#"{"all":[{"context":true,"exists":true},{"path":"a","equals":1}]}"#, "all[1].path", .badPath(.bad(offset: 0))),
            (#"{"all":[{"not":{"any":[{"path":"$.a[*]","equals":1}]}}]}"#, "all[0].not.any[0].path", .badPath(.bad(offset: 4))),
            (#"{"path":1,"equals":1}"#, "path", .badPath(.bad(offset: 0))),
            (#"{"header":"","equals":"a"}"#, "header", .badHeaderName),
            (#"{"header":"X Y","equals":"a"}"#, "header", .badHeaderName),
            (#"{"header":"X:","equals":"a"}"#, "header", .badHeaderName),
            (#"{"header":"Ä","equals":"a"}"#, "header", .badHeaderName),
            (#"{"header":true,"equals":"a"}"#, "header", .badHeaderName),
            (#"{"content_type":"a/b","equals":"a/b"}"#, "content_type", .notTrue),
            (#"{"context":false,"equals":"a"}"#, "context", .notTrue),
            (#"{"path":"$.a","equals":[1]}"#, "equals", .noScalar), (#"{"path":"$.a","equals":{}}"#, "equals", .noScalar),
            (#"{"path":"$.a","contains":["a"]}"#, "contains", .noScalar), (#"{"path":"$.a","exists":1}"#, "exists", .noBool),
            (#"{"path":"$.a","exists":null}"#, "exists", .noBool), (#"{"path":"$.a","in":"a"}"#, "in", .noList),
            (#"{"path":"$.a","in":[]}"#, "in", .empty), (#"{"path":"$.a","in":["a",[]]}"#, "in[1]", .noScalar),
            (#"{"path":"$.a","less":"1"}"#, "less", .noNumber), (#"{"path":"$.a","at_most":null}"#, "at_most", .noNumber),
            (#"{"path":"$.a","greater":1e9999999999999999}"#, "greater", .noNumber),
            (#"{"path":"$.a","at_least":[1]}"#, "at_least", .noNumber),
        ] as [(String, String, FlowFilterError.Fault)])
    func `Flow what is no filter is refused, and the place is named`(text: String, place: String, fault: FlowFilterError.Fault)
        throws
    {
        let error = try #require(throws: FlowFilterError.self) { try FlowFilter(text: text) }

        #expect(error.place == place)
        #expect(error.fault == fault)
    }

    let condition = #"{"context":true,"exists":true}"#

    @Test func `Flow conditions nest five deep and no deeper`() throws {
        let deep = #"{"all":[{"any":[{"not":{"all":[\#(condition)]}}]}]}"#
        let error = try #require(throws: FlowFilterError.self) { try FlowFilter(text: #"{"not":\#(deep)}"#) }

        #expect(throws: Never.self) { try FlowFilter(text: deep) }
        #expect(error.place == "not.all[0].any[0].not.all[0]")
        #expect(error.fault == .tooDeep(depthMax: 5))
    }

    @Test func `Flow a filter has 50 conditions and no more`() throws {
        let fifty = Array(repeating: condition, count: 50).joined(separator: ",")
        let error = try #require(throws: FlowFilterError.self) { try FlowFilter(text: #"{"any":[\#(fifty),\#(condition)]}"#) }

        #expect(throws: Never.self) { try FlowFilter(text: #"{"any":[\#(fifty)]}"#) }
        #expect(error.place == "any[50]")
        #expect(error.fault == .tooManyConditions(conditionsMax: 50))
    }

    @Test func `Flow a filter has 16 KiB and no more`() throws {
        func filter(_ count: Int) -> String {
            #"{"context":true,"equals":"\#(String(repeating: "a", count: count))"}"#
        }
        let room = 16_384 - filter(0).utf8.count
        let tooLong = FlowFilterError.Fault.unreadable(.tooLong(bytesMax: 16_384))
        let asText = try #require(throws: FlowFilterError.self) { try FlowFilter(text: filter(room + 1)) }
        let asNode = try #require(throws: FlowFilterError.self) { try FlowFilter(JSONNode(Array(filter(room + 1).utf8))) }

        #expect(throws: Never.self) { try FlowFilter(text: filter(room)) }
        #expect(asText.fault == tooLong)
        #expect(asNode.fault == tooLong)
    }

    @Test func `Flow of a name in an error no more than the beginning is shown`() throws {
        let error = try #require(throws: FlowFilterError.self) {
            try FlowFilter(text: #"{"context":true,"\#(String(repeating: "x", count: 1000))":1}"#)
        }

        #expect(error.place == String(repeating: "x", count: 60))
    }

    @Test func `Flow a filter is written as it was read`() throws {
        let text = #"{"all":[{"path":"$['a']","at_least":1.50},{"header":"X-A","equals":"b"}]}"#

        #expect(try FlowFilter(text: " " + text).json.text == text)
    }
}

@Suite struct FlowFilterDecisionTests {
    let event = FilterInput(
        headers: CallHeaders([("X-Shop", "secret-nl")]), contentType: "application/json", context: nil,
        body: Data(#"{"a":{"b":5},"t":"secret-text","n":null}"#.utf8))

    @Test(arguments: [
        (#"{"path":"$.a.b","equals":5}"#, true, "", "the path $.a.b equals what it must"),
        (#"{"path":"$.a.b","less":5}"#, false, "", "the path $.a.b is not a number less than the bound"),
        (#"{"path":"$.a.b","at_least":5}"#, true, "", "the path $.a.b is at least the bound"),
        (#"{"path":"$.a.c","equals":5}"#, false, "", "the path $.a.c is missing"),
        (#"{"path":"$.a.c","exists":false}"#, true, "", "the path $.a.c is missing"),
        (#"{"path":"$.n","exists":false}"#, false, "", "the path $.n is there"),
        (#"{"header":"X-Shop","in":["nl"]}"#, false, "", "the header X-Shop is not in the list"),
        (#"{"header":"X-None","in":["nl"]}"#, false, "", "the header X-None is missing"),
        (#"{"context":true,"equals":"a"}"#, false, "", "the context is missing"),
        (#"{"content_type":true,"contains":"xml"}"#, false, "", "the content type does not contain what it must"),
        (
            #"{"all":[{"path":"$.a","exists":true},{"path":"$.t","equals":"x"},{"context":true,"exists":true}]}"#, false,
            "all[1]",
            "the path $.t does not equal what it must"
        ),
        (#"{"all":[{"path":"$.a","exists":true},{"path":"$.t","exists":true}]}"#, true, "all", "every one of these holds"),
        (
            #"{"any":[{"path":"$.x","exists":true},{"path":"$.t","contains":"text"}]}"#, true, "any[1]",
            "the path $.t contains what it must"
        ),
        (#"{"any":[{"path":"$.x","exists":true},{"path":"$.y","exists":true}]}"#, false, "any", "none of these holds"),
        (
            #"{"not":{"any":[{"path":"$.x","exists":true},{"path":"$.t","exists":true}]}}"#, false, "not.any[1]",
            "the path $.t is there"
        ),
        (#"{"all":[{"not":{"path":"$.t","exists":true}}]}"#, false, "all[0].not", "the path $.t is there"),
        (#"{"any":[{"path":"$.x","exists":true}]}"#, false, "any[0]", "the path $.x is missing"),
    ])
    func `Flow a decision says which condition decided, without values`(
        filter: String, matches: Bool, place: String, words: String
    ) throws {
        let decision = try FlowFilter(text: filter).decision(event)

        #expect(decision.matches == matches)
        #expect(decision.place == place)
        #expect(decision.words == words)
        #expect(!decision.words.contains("secret"))
    }

    @Test func `Flow a decision says when there are no paths at all`() throws {
        let event = FilterInput(headers: CallHeaders([]), contentType: nil, context: nil, body: Data("no JSON".utf8))
        let decision = try FlowFilter(text: #"{"path":"$.a","equals":1}"#).decision(event)

        #expect(decision.words == "the path $.a is missing, for the body is no JSON")
    }
}

@Suite struct FlowFilterBoundTests {
    @Test(.timeLimit(.minutes(1)))
    func `Flow fifty conditions on a body of 1 MiB are decided without delay`() throws {
        let part = String(repeating: "a", count: 200) + "b"
        let conditions = (0..<50).map { _ in #"{"path":"$.t","contains":"\#(part)"}"# }.joined(separator: ",")
        let numbers = (0..<50).map { #"{"path":"$.n","in":[\#($0),\#($0).5,1e\#($0)]}"# }.joined(separator: ",")
        let bodies = [
            #"{"t":"\#(String(repeating: "a", count: 1_000_000))"}"#, #"{"n":\#(String(repeating: "1", count: 1_000_000))}"#,
            "{" + (0..<60_000).map { "\"\($0)\":0" }.joined(separator: ",") + "}",
        ]

        for body in bodies {
            let event = FilterInput(headers: CallHeaders([]), contentType: nil, context: nil, body: Data(body.utf8))
            #expect(try !FlowFilter(text: #"{"any":[\#(conditions)]}"#).matches(event))
            #expect(try !FlowFilter(text: #"{"any":[\#(numbers)]}"#).matches(event))
        }
    }
}
