import Domain
import Foundation
import Testing

@Suite struct FieldTreeTests {
    func node(_ text: String) throws -> JSONNode {
        try JSONNode(Array(text.utf8))
    }

    func texts(_ paths: [FieldPath]) -> [String] {
        paths.map(\.text)
    }

    func kinds(_ tree: FieldTree) -> [String: [String]] {
        Dictionary(uniqueKeysWithValues: tree.fields.map { ($0.path.text, $0.kinds.map(\.rawValue).sorted()) })
    }

    @Test func `D12 fields and their kinds are learned from bodies`() throws {
        var tree = FieldTree()
        let first = tree.learn(try node(#"{"order":{"id":1,"lines":[{"sku":"a"},{"sku":2,"n":null}]},"ok":true}"#))
        let second = tree.learn(try node(#"{"order":{"id":"x","lines":[]},"ok":false,"more":[[1.5]]}"#))

        #expect(
            texts(first.new) == [
                "$", "$.order", "$.order.id", "$.order.lines", "$.order.lines[]", "$.order.lines[].sku", "$.order.lines[].n",
                "$.ok",
            ])
        #expect(first.missing.isEmpty)
        #expect(texts(second.new) == ["$.more", "$.more[]", "$.more[][]"])
        #expect(second.missing.isEmpty)
        #expect(
            kinds(tree) == [
                "$": ["object"], "$.order": ["object"], "$.order.id": ["number", "text"], "$.order.lines": ["array"],
                "$.order.lines[]": ["object"], "$.order.lines[].sku": ["number", "text"], "$.order.lines[].n": ["null"],
                "$.ok": ["bool"],
                "$.more": ["array"], "$.more[]": ["array"], "$.more[][]": ["number"],
            ])
    }

    @Test func `D12 what a body lacks is told, but not what lies below it`() throws {
        var tree = FieldTree()
        _ = tree.learn(try node(#"{"a":{"b":{"c":1},"d":1},"l":[{"x":1,"y":1}],"z":null}"#))

        #expect(try texts(tree.learn(node(#"{"a":{"b":{"c":1},"d":1},"l":[{"x":1,"y":1}],"z":null}"#)).missing) == [])
        #expect(try texts(tree.learn(node(#"{"l":[]}"#)).missing) == ["$.a", "$.z"])
        #expect(try texts(tree.learn(node(#"{"a":{},"l":[{"x":1},{"y":1}],"z":1}"#)).missing) == ["$.a.b", "$.a.d"])
        #expect(try texts(tree.learn(node(#"{"a":null,"l":[{"x":1},{}],"z":1}"#)).missing) == ["$.l[].y"])
        #expect(try texts(tree.learn(node("[]")).missing) == [])
        #expect(try texts(tree.learn(node("null")).missing) == [])
        #expect(try texts(tree.learn(node("{}")).missing) == ["$.a", "$.l", "$.z"])
    }

    @Test(arguments: ["null", "1", "\"a\"", "true", "[]", "{}"])
    func `D12 of a body without fields the kind is learned`(text: String) throws {
        var tree = FieldTree()
        let learned = tree.learn(try node(text))

        #expect(texts(learned.new) == ["$"])
        #expect(tree.fields.count == 1)
        #expect(tree.fields.first?.kinds == [try node(text).kind])
        #expect(tree.fields.first?.path.mergeField?.text == "event.body")
    }

    @Test func `D12 each field is offered as a merge field that finds it`() throws {
        let body = try node(
            #"{"order":{"id":7,"a b":1,"l":[[{"s":"x"}]],"it's":2,"}}":3,"{{":4,"\n":5,"":6,"é":8,"\"":9,"0":10,"\\":11}}"#)
        var tree = FieldTree()
        _ = tree.learn(body)
        let offered = tree.fields.compactMap { $0.path.mergeField?.text }

        #expect(
            offered == [
                "event.body", "event.body.order", "event.body.order.id", "event.body.order['a b']", "event.body.order.l",
                "event.body.order.l[0]", "event.body.order.l[0][0]", "event.body.order.l[0][0].s", #"event.body.order['it\'s']"#,
                #"event.body.order['\u007d\u007d']"#, #"event.body.order['\u007b\u007b']"#, #"event.body.order['\n']"#,
                "event.body.order['']",
                "event.body.order.é", #"event.body.order['"']"#, "event.body.order['0']", #"event.body.order['\\']"#,
            ])
        for field in tree.fields {
            let merge = try #require(field.path.mergeField)
            guard case .body(let path) = merge else {
                Issue.record("\(merge.text) is no field of the body")
                continue
            }
            let value = try #require(path.value(in: body))
            let template = try BodyTemplate("[" + JSONNode.text("{{\(merge.text)}}").text + "]")
            #expect(field.kinds == [value.kind])
            #expect(template.fields == [merge])
        }
    }

    @Test func `D12 a field whose path is too long is learned, and not offered`() throws {
        var tree = FieldTree()
        let name = String(repeating: "n", count: 180)
        _ = tree.learn(try node("{\"\(name)\":{\"\(name)\":{\"\(name)\":1}}}"))

        #expect(tree.fields.map { $0.path.mergeField == nil } == [false, false, false, true])
    }

    @Test func `D12 names of more than 200 bytes are passed over, and what lies below them`() throws {
        var tree = FieldTree()
        let longest = String(repeating: "n", count: 200)
        let learned = tree.learn(
            try node("{\"\(longest)\":1,\"\(longest)n\":{\"a\":1},\"\(String(repeating: "é", count: 101))\":1,\"b\":1}"))

        #expect(texts(learned.new) == ["$", "$.\(longest)", "$.b"])
    }

    @Test func `D12 fields are learned ten steps deep and no deeper`() throws {
        var tree = FieldTree()
        let objects = String(repeating: "{\"a\":", count: 20) + "1" + String(repeating: "}", count: 20)
        let arrays = String(repeating: "[", count: 20) + "1" + String(repeating: "]", count: 20)
        _ = tree.learn(try node("{\"o\":\(objects),\"l\":\(arrays)}"))
        let paths = tree.fields.map(\.path.text)

        #expect(paths.contains("$.o" + String(repeating: ".a", count: 9)))
        #expect(!paths.contains("$.o" + String(repeating: ".a", count: 10)))
        #expect(paths.contains("$.l" + String(repeating: "[]", count: 9)))
        #expect(!paths.contains("$.l" + String(repeating: "[]", count: 10)))
        #expect(tree.fields.count == 21)
    }

    @Test func `D12 five hundred fields are learned and no more; those that are known still are`() throws {
        var tree = FieldTree()
        let many = try node("{" + (0..<1000).map { "\"n\($0)\":0" }.joined(separator: ",") + "}")
        let first = tree.learn(many)
        let again = tree.learn(many)
        let other = tree.learn(try node(#"{"n0":"text","new":1}"#))

        #expect(first.new.count == 500)
        #expect(tree.isFull)
        #expect(again.new.isEmpty)
        #expect(again.missing.isEmpty)
        #expect(other.new.isEmpty)
        #expect(other.missing.count == 498)
        #expect(tree.fields.count == 500)
        #expect(tree.fields.first { $0.path.text == "$.n0" }?.kinds == [.number, .text])
    }

    @Test(.timeLimit(.minutes(1)))
    func `D12 large bodies are learned without delay`() throws {
        let wide = try node("{" + (0..<90_000).map { "\"\($0)\":0" }.joined(separator: ",") + "}")
        let long = try node("[" + Array(repeating: "{\"a\":1}", count: 49_000).joined(separator: ",") + "]")
        var tree = FieldTree()
        for _ in 0..<5 {
            _ = tree.learn(wide)
            _ = tree.learn(long)
        }

        #expect(tree.fields.count == 500)
    }

    @Test func `D12 names that only look alike are two fields`() throws {
        var tree = FieldTree()
        _ = tree.learn(try node("{\"é\":1,\"e\u{301}\":1}"))

        #expect(tree.fields.count == 3)
        #expect(Set(tree.fields.map(\.path)).count == 3)
    }

    @Test func `D12 a tree is stored as JSON and read back the same`() throws {
        var tree = FieldTree()
        _ = tree.learn(try node(#"{"order":{"id":1,"lines":[{"sku":"a"}]}}"#))
        _ = tree.learn(try node(#"{"order":{"id":null}}"#))
        var again = try #require(FieldTree(JSONNode(tree.json.bytes)))
        let empty = try #require(FieldTree(FieldTree().json))

        #expect(
            tree.json.text
                == #"["object",[0,"order","object"],[1,"id","null number"],[1,"lines","array"],[3,null,"object"],[4,"sku","text"]]"#
        )
        #expect(again == tree)
        #expect(again.learn(try node(#"{"order":{"id":1,"x":1}}"#)).new.map(\.text) == ["$.order.x"])
        #expect(empty == FieldTree())
        #expect(FieldTree().json.text == "[]")
        #expect(FieldTree().fields.isEmpty)
    }

    @Test func `D12 the largest tree there is can be stored`() throws {
        var tree = FieldTree()
        let names = (0..<600).map { number in
            "\"" + String(repeating: "\\u0001", count: 196) + "\(number + 1000)\":[]"
        }
        _ = tree.learn(try node("{" + names.joined(separator: ",") + "}"))
        let stored = tree.json.bytes

        #expect(tree.isFull)
        #expect(stored.count < JSONNode.bytesMax)
        #expect(try FieldTree(JSONNode(stored)) == tree)
    }

    @Test(arguments: [
        "null", "{}", "1", #"[1]"#, #"[""]"#, #"["thing"]"#, #"["object object"]"#, #"[" object"]"#, #"["object "]"#,
        #"[["object"]]"#,
        #"[[0,"a","text"]]"#, #"["object","text"]"#, #"["object",[0,"a"]]"#, #"["object",[0,"a","text",1]]"#,
        #"["object",[1,"a","text"]]"#,
        #"["object",[-1,"a","text"]]"#, #"["object",[0.0,"a","text"]]"#, #"["object",[1e999,"a","text"]]"#,
        #"["object",[99999999999999999999,"a","text"]]"#, #"["object",["0","a","text"]]"#, #"["object",[0,1,"text"]]"#,
        #"["object",[0,"a",""]]"#, #"["object",[0,"a",null]]"#, #"["object",[0,"a","text"],[0,"a","text"]]"#,
        #"["array",[0,null,"text"],[0,null,"text"]]"#, "[\"object\",[0,\"\(String(repeating: "n", count: 201))\",\"text\"]]",
        "[\"array\"" + (0..<11).map { ",[\($0),null,\"array\"]" }.joined() + "]",
        "[\"object\"" + (0..<500).map { ",[0,\"\($0)\",\"text\"]" }.joined() + "]",
    ])
    func `D12 anything else is no stored tree`(text: String) throws {
        #expect(FieldTree(try node(text)) == nil)
    }
}
