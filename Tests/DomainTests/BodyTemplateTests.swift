import Domain
import Foundation
import Testing

@Suite struct BodyTemplateTests {
    let id: OrderedID<Event> = OrderedID(number: 12_345_678_901_234)
    let webhook = ID<Webhook>(stored: "whk_01234567890123456789")
    let body = """
        {"order": {"id": 9007199254740993, "total": 0.10, "paid": true, "note": "a \\"b\\" {{SHOP_KEY}} {{event.id}}\\n", "gone": null,
        "lines": [{"sku": "x"}, {"sku": "y"}], "a b": 1, "é": "ü", "}}": 2}}
        """
    let secrets = ["SHOP_KEY": "k\"ey{{event.id}}", "EMPTY": ""]

    func event(_ body: String? = nil, context: String? = "night\"ly", contentType: String? = "application/json") -> TemplateInput
    {
        let headers = CallHeaders([("X-Shop", "nl"), ("x-kind", "one"), ("X-Kind", "two"), ("Cookie", "c")])
        return TemplateInput(
            id: id, receivedAt: Timestamp(seconds: 1_700_000_000), webhook: webhook,
            content: FilterInput(
                headers: headers, contentType: contentType, context: context, body: Data((body ?? self.body).utf8)))
    }

    func filled(_ template: String, _ event: TemplateInput? = nil) throws -> String {
        let bytes = try BodyTemplate(template).filled(event: event ?? self.event()) { secrets[$0.text] }
        // Whatever was put in, it is JSON.
        _ = try JSONNode(bytes, bytesMax: BodyTemplate.outputBytesMax)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(arguments: [
        // No merge fields.
        ("{}", "{}"), (" [ 1.0 , \"a\" , null ] ", "[1.0,\"a\",null]"), ("\"\\u0041\\n\"", "\"A\\n\""), ("0.10", "0.10"),
        ("\"}} { {a} }\"", "\"}} { {a} }\""), (#"{"a{b}":"c"}"#, #"{"a{b}":"c"}"#),
        // Each of them alone.
        ("\"{{event.id}}\"", "\"evt_0000b79swwbzj\""), ("\"{{event.received_at}}\"", "\"2023-11-14T22:13:20.000Z\""),
        ("\"{{event.webhook}}\"", "\"whk_01234567890123456789\""), ("\"{{event.context}}\"", #""night\"ly""#),
        ("\"{{event.content_type}}\"", "\"application/json\""), ("\"{{event.headers.X-Shop}}\"", "\"nl\""),
        ("\"{{event.headers.x-shop}}\"", "\"nl\""), ("\"{{event.headers.X-Kind}}\"", "\"one, two\""),
        ("\"{{event.headers.X-None}}\"", "null"), ("\"{{event.headers.Cookie}}\"", "null"),
        ("\"{{SHOP_KEY}}\"", #""k\"ey{{event.id}}""#),
        ("\"{{EMPTY}}\"", "\"\""), ("\"{{ event.headers.X-Shop\\t}}\"", "\"nl\""),
        // A value of its own keeps its kind.
        ("\"{{event.body.order.id}}\"", "9007199254740993"), ("\"{{event.body.order.total}}\"", "0.10"),
        ("\"{{event.body.order.paid}}\"", "true"), ("\"{{event.body.order.gone}}\"", "null"),
        ("\"{{event.body.order.none}}\"", "null"),
        ("\"{{event.body.order.lines}}\"", #"[{"sku":"x"},{"sku":"y"}]"#),
        ("\"{{event.body.order.lines[-1]}}\"", #"{"sku":"y"}"#),
        ("\"{{event.body.order['a b']}}\"", "1"), (#""{{event.body.order[\"a b\"]}}""#, "1"),
        ("\"{{event.body.order.é}}\"", "\"ü\""),
        (#""{{event.body['order']['\\u007d\\u007d']}}""#, "2"),
        (#"{"a":["{{event.body.order.id}}",{"b":"{{event.headers.X-Shop}}"}]}"#, #"{"a":[9007199254740993,{"b":"nl"}]}"#),
        // Inside a longer text it is text.
        ("\"#{{event.body.order.id}}\"", "\"#9007199254740993\""), ("\" {{event.body.order.total}}\"", "\" 0.10\""),
        ("\"{{event.body.order.paid}}.\"", "\"true.\""), ("\"[{{event.body.order.gone}}]\"", "\"[]\""),
        ("\"[{{event.body.order.none}}]\"", "\"[]\""), ("\"[{{event.headers.X-None}}]\"", "\"[]\""),
        ("\"{{event.body.order.lines}}!\"", #""[{\"sku\":\"x\"},{\"sku\":\"y\"}]!""#),
        ("\"k={{SHOP_KEY}}\"", #""k=k\"ey{{event.id}}""#),
        ("\"{{event.headers.X-Shop}}{{event.headers.X-Shop}}\"", "\"nlnl\""), ("\"{{event.headers.X-Shop}}}\"", "\"nl}\""),
        ("\"\\\"{{event.headers.X-Shop}}\\\\\"", #""\"nl\\""#), ("\"ä{{event.context}}\u{301}\"", "\"änight\\\"ly\u{301}\""),
        // What is put in is not read again.
        ("\"{{event.body.order.note}}\"", #""a \"b\" {{SHOP_KEY}} {{event.id}}\n""#),
        ("\"- {{event.body.order.note}}\"", #""- a \"b\" {{SHOP_KEY}} {{event.id}}\n""#),
    ])
    func `Flow a template is filled from the event`(template: String, expected: String) throws {
        let filled = try filled(template)

        #expect(Array(filled.utf8) == Array(expected.utf8))
    }

    @Test func `Flow a body is put in whole, as a value or as text`() throws {
        let event = event(#" {"b": 1.0, "a": ["x"], "b": 2} "#)

        #expect(try filled("\"{{event.body}}\"", event) == #"{"b":1.0,"a":["x"],"b":2}"#)
        #expect(try filled("\"> {{event.body}}\"", event) == #""> {\"b\":1.0,\"a\":[\"x\"],\"b\":2}""#)
        #expect(try filled("\"{{event.body.b}}\"", event) == "2")
        #expect(try filled("\"{{event.body[0]}}\"", self.event("[7]")) == "7")
    }

    @Test func `Flow what an event does not have is null, and nothing inside a text`() throws {
        let event = event("no JSON", context: nil, contentType: nil)
        let template = #"["{{event.body}}","{{event.body.a}}","{{event.context}}","{{event.content_type}}"]"#

        #expect(try filled(template, event) == "[null,null,null,null]")
        #expect(try filled("\"({{event.body}}{{event.context}}{{event.content_type}}{{event.body.a}})\"", event) == "\"()\"")
    }

    @Test(
        arguments: [
            ("", "", .unreadable(.ends)), ("{{event.body}}", "", .unreadable(.unexpected(offset: 1))),
            ("\"{{\"", "", .badField("")),
            ("\"{{}}\"", "", .badField("")), ("[\"{{event}}\"]", "[0]", .badField("event")),
            (#"{"a":{"b":["x","{{ event.ID }}"]}}"#, "a.b[1]", .badField(" event.ID ")),
            ("\"{{event.id\"", "", .badField("event.id")),
            ("\"{{event.id}\"", "", .badField("event.id}")), ("\"{{{event.id}}}\"", "", .badField("{event.id")),
            ("\"{{event.bodyx}}\"", "", .badField("event.bodyx")), ("\"{{event.body.}}\"", "", .badField("event.body.")),
            ("\"{{event.body[*]}}\"", "", .badField("event.body[*]")),
            ("\"{{event.body.a-b}}\"", "", .badField("event.body.a-b")),
            ("\"{{event.headers}}\"", "", .badField("event.headers")),
            ("\"{{event.headers.}}\"", "", .badField("event.headers.")),
            ("\"{{event.headers.A B}}\"", "", .badField("event.headers.A B")), ("\"{{shop_key}}\"", "", .badField("shop_key")),
            ("\"{{event.id\\n}}\"", "", .badField("event.id\n")), ("\"{{event.id|upper}}\"", "", .badField("event.id|upper")),
            ("\"{{event.body['}}']}}\"", "", .badField("event.body['")),
            ("\"{{event.id\u{301}}}\"", "", .badField("event.id\u{301}")),
            (#"{"{{event.id}}":1}"#, "{{event.id}}", .fieldInName), (#"{"a":{"x{{":1}}"#, "a.x{{", .fieldInName),
            (#"{"a":1,"a":2}"#, "a", .repeatedName), (#"[{"b":{"a":1,"a":2}}]"#, "[0].b.a", .repeatedName),
        ] as [(String, String, BodyTemplateError.Fault)])
    func `Flow what is no template is refused, and the place is named`(
        template: String, place: String, fault: BodyTemplateError.Fault
    ) throws {
        let error = try #require(throws: BodyTemplateError.self) { try BodyTemplate(template) }

        #expect(error.place == place)
        #expect(error.fault == fault)
    }

    @Test func `Flow of a bad merge field no more than the beginning is shown`() throws {
        let error = try #require(throws: BodyTemplateError.self) {
            try BodyTemplate("\"{{" + String(repeating: "x", count: 10_000) + "}}\"")
        }

        #expect(error.fault == .badField(String(repeating: "x", count: 60)))
    }

    @Test func `Flow a template knows its merge fields and its secret variables`() throws {
        let text = #"{"a":"{{event.id}}","b":"{{B}} {{event.body.x}} {{ A }}","c":"{{B}}","d":"plain"}"#
        let template = try BodyTemplate(text)

        #expect(template.text == text)
        #expect(template.fields.map(\.text) == ["event.id", "B", "event.body.x", "A", "B"])
        #expect(template.secretNames.map(\.text).sorted() == ["A", "B"])
        #expect(try BodyTemplate("{}").fields.isEmpty)
    }

    @Test func `Flow a secret variable that does not exist is named`() throws {
        let gone = try #require(SecretVariableName("GONE"))

        #expect(throws: BodyFillError.missingSecret(gone)) {
            try BodyTemplate(#"["{{SHOP_KEY}}","x{{GONE}}"]"#).filled(event: event()) { secrets[$0.text] }
        }
    }

    @Test func `Flow a template has 32 KiB and 500 merge fields, and no more`() throws {
        let fields = Array(repeating: "\"{{A}}\"", count: 500).joined(separator: ",")
        let long = "\"" + String(repeating: "a", count: 32_766) + "\""
        let tooMany = try #require(throws: BodyTemplateError.self) { try BodyTemplate("[\(fields),\"{{A}}\"]") }
        let tooLong = try #require(throws: BodyTemplateError.self) { try BodyTemplate(long + " ") }

        #expect(try BodyTemplate("[\(fields)]").fields.count == 500)
        #expect(tooMany == (try #require(throws: BodyTemplateError.self) { try BodyTemplate("[\(fields),\"x{{A}}\"]") }))
        #expect(tooMany.place == "[500]")
        #expect(tooMany.fault == .tooManyFields(fieldsMax: 500))
        #expect(try BodyTemplate(long).text == long)
        #expect(tooLong.fault == .unreadable(.tooLong(bytesMax: 32_768)))
    }

    @Test(.timeLimit(.minutes(1)))
    func `Flow a body that is made has 1 MiB and no more`() throws {
        let half = event("\"" + String(repeating: "a", count: 524_284) + "\"")
        let large = event("{" + (0..<60_000).map { "\"\($0)\":0" }.joined(separator: ",") + "}")
        let many = "[" + Array(repeating: "\"{{event.body['59999']}}\"", count: 500).joined(separator: ",") + "]"

        #expect(try filled(#"["{{event.body}}","{{event.body}}"]"#, half).utf8.count == 1_048_575)
        #expect(try filled(#"["{{event.body}}","{{event.body}}"]  "#, half).utf8.count == 1_048_575)
        #expect(throws: BodyFillError.tooLong(bytesMax: 1_048_576)) {
            try filled(#"["{{event.body}}","{{event.body}}",1]"#, half)
        }
        #expect(throws: BodyFillError.tooLong(bytesMax: 1_048_576)) {
            try filled("\"" + String(repeating: "{{event.body}}", count: 500) + "\"", large)
        }
        #expect(try filled(many, large).utf8.count == 1001)
    }
}

@Suite struct MergeFieldTests {
    @Test(arguments: [
        "event.id", "event.received_at", "event.webhook", "event.context", "event.content_type", "event.headers.X-Shop",
        "event.body",
        "event.body.a.b[0]", "event.body[0]", "event.body['a b'][-1]", "SHOP_KEY", "A", #"event.body['\u007b\u007d']"#,
    ])
    func `Flow a merge field has one text, and that reads as the same field`(text: String) throws {
        let field = try #require(MergeField(text))

        #expect(field.text == text)
        #expect(MergeField(field.text) == field)
    }

    @Test(arguments: [
        "", "event", "event.", "Event.id", "event.id.x", "id", "event.body.", "event.body a", "event.body.a ", " event.id", "a",
        "event.headers.",
        "event.headers.a{", "event.body\u{301}", "event.headers\u{301}.a", "A B", "$.a", "event.body$.a",
    ])
    func `Flow anything else is no merge field`(text: String) {
        #expect(MergeField(text) == nil)
    }
}
