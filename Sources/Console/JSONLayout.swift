import Domain

extension JSONNode {
    /// The value over several lines for people to read and change; what stands in it stays as it was written.
    var laidOut: String {
        var text = ""
        layOut(into: &text, indent: "")
        return text
    }

    private func layOut(into text: inout String, indent: String) {
        let inner = indent + "  "
        switch self {
        case .array(let elements) where !elements.isEmpty && !isShort:
            text += "[\n"
            for (index, element) in elements.enumerated() {
                text += inner
                element.layOut(into: &text, indent: inner)
                text += index == elements.count - 1 ? "\n" : ",\n"
            }
            text += "\(indent)]"
        case .object(let object) where !object.members.isEmpty && !isShort:
            text += "{\n"
            for (index, member) in object.members.enumerated() {
                text += "\(inner)\(JSONNode.text(member.name).text): "
                member.value.layOut(into: &text, indent: inner)
                text += index == object.members.count - 1 ? "\n" : ",\n"
            }
            text += "\(indent)}"
        case .array(let elements):
            text += "[" + elements.map(\.text).joined(separator: ", ") + "]"
        case .object(let object):
            let members = object.members.map { "\(JSONNode.text($0.name).text): \($0.value.text)" }
            text += "{" + members.joined(separator: ", ") + "}"
        case .null, .bool, .number, .text:
            text += self.text
        }
    }

    // A condition of a filter fits on a line.
    private var isShort: Bool {
        bytes.count <= 60 && isFlat
    }

    private var isFlat: Bool {
        let values: [JSONNode]
        switch self {
        case .array(let elements): values = elements
        case .object(let object): values = object.members.map(\.value)
        case .null, .bool, .number, .text: return true
        }
        return values.allSatisfy {
            switch $0 {
            case .array, .object: false
            case .null, .bool, .number, .text: true
            }
        }
    }
}

/// The JSON of a filter or template as a form shows it: as it was written if that was over several lines, else laid out.
func laidOut(_ text: String?) -> String {
    guard let text else { return "" }
    guard !text.contains("\n"), let node = try? JSONNode(text.utf8) else { return text }
    return node.laidOut
}
