/// The fields that the bodies of a webhook have had, learned from its events and offered as merge fields. It holds names and
/// kinds, never values. Row D12.
package struct FieldTree: Equatable, Sendable {
    /// The fields of a tree, the body itself among them; what comes later is not learned.
    package static let pathsMax = 500
    /// The steps of a path, those into arrays too; what lies deeper is not learned.
    package static let depthMax = 10
    /// The bytes of a name; what has a longer one is not learned, nor what lies below it.
    package static let nameBytesMax = 200

    /// One field.
    package struct Field: Equatable, Sendable {
        /// Where it stands.
        package let path: FieldPath
        /// The kinds of value it has had; never empty.
        package let kinds: Set<JSONKind>
    }

    // In the order they were learned, so that a parent stands before its children; the first is the body itself.
    private var known: [Known] = []
    private var places: [Key: Int] = [:]

    private struct Known: Equatable {
        // `nil` for the body itself.
        let key: Key?
        let depth: Int
        var kinds: Set<JSONKind>
    }

    private struct Key: Hashable {
        let parent: Int
        let step: FieldPath.Step
    }

    /// Knows no field yet.
    package init() {}

    /// The fields in the order they were learned; a parent stands before its children.
    package var fields: [Field] {
        known.indices.map { Field(path: path(of: $0), kinds: known[$0].kinds) }
    }

    /// Whether it holds as many fields as it may, so that it learns no more.
    package var isFull: Bool {
        known.count >= Self.pathsMax
    }

    /// Learns the fields of one body.
    ///
    /// - Returns: the fields that were not known before, and the known ones that the body lacks: members that are missing from an
    ///   object it has (for the elements of an array: from all of them). What would lie below something that is missing, or is no
    ///   object this time, is not listed.
    package mutating func learn(_ body: JSONNode) -> (new: [FieldPath], missing: [FieldPath]) {
        let before = known.count
        var sight = Sight()
        if known.isEmpty { known.append(Known(key: nil, depth: 0, kinds: [])) }
        learn(body, at: 0, &sight)
        let missing = known.indices.filter { place in
            guard let key = known[place].key, key.step != .element else { return false }
            return !sight.seen.contains(place) && sight.objects.contains(key.parent)
        }
        return ((before..<known.count).map(path), missing.map(path))
    }

    // What was seen of the known fields in one body.
    private struct Sight {
        var seen: Set<Int> = []
        // Those that were an object.
        var objects: Set<Int> = []
    }

    private mutating func learn(_ node: JSONNode, at place: Int, _ sight: inout Sight) {
        known[place].kinds.insert(node.kind)
        sight.seen.insert(place)
        switch node {
        case .null, .bool, .number, .text: return
        case .array(let elements):
            guard !elements.isEmpty, let child = child(of: place, .element) else { return }
            for element in elements { learn(element, at: child, &sight) }
        case .object(let object):
            sight.objects.insert(place)
            for member in object.members where member.name.utf8.count <= Self.nameBytesMax {
                guard let child = child(of: place, .name(ExactText(member.name))) else { continue }
                learn(member.value, at: child, &sight)
            }
        }
    }

    // Where the field is kept; `nil` if it is new and there is no room for it.
    private mutating func child(of parent: Int, _ step: FieldPath.Step) -> Int? {
        let key = Key(parent: parent, step: step)
        if let place = places[key] { return place }
        guard known.count < Self.pathsMax, known[parent].depth < Self.depthMax else { return nil }
        places[key] = known.count
        known.append(Known(key: key, depth: known[parent].depth + 1, kinds: []))
        return known.count - 1
    }

    private func path(of place: Int) -> FieldPath {
        var steps: [FieldPath.Step] = []
        var key = known[place].key
        while let last = key {
            steps.append(last.step)
            key = known[last.parent].key
        }
        return FieldPath(steps: steps.reversed())
    }
}

extension FieldTree {
    /// The tree as compact JSON to be stored, at most 1 MiB: first the kinds of the body itself, then for each field the place of
    /// its parent in the list, its name (`null` for the elements of an array) and its kinds.
    package var json: JSONNode {
        .array(
            known.map { field in
                let words = JSONKind.allCases.filter(field.kinds.contains).map(\.rawValue).joined(separator: " ")
                guard let key = field.key else { return .text(words) }
                let name: JSONNode =
                    switch key.step {
                    case .name(let name): .text(name.text)
                    case .element: .null
                    }
                return .array([.number(JSONNumber(key.parent)), name, .text(words)])
            })
    }

    /// Reads what ``json`` wrote; `nil` for anything else, and for what is beyond the bounds.
    package init?(_ json: JSONNode) {
        guard case .array(let entries) = json, entries.count <= Self.pathsMax else { return nil }
        for entry in entries {
            if known.isEmpty {
                guard case .text(let words) = entry, let kinds = Self.kinds(words) else { return nil }
                known.append(Known(key: nil, depth: 0, kinds: kinds))
            } else {
                guard case .array(let parts) = entry, parts.count == 3, case .number(let number) = parts[0],
                    let parent = number.integer, known.indices.contains(parent), case .text(let words) = parts[2],
                    let kinds = Self.kinds(words), let step = Self.step(parts[1]), let place = child(of: parent, step),
                    known[place].kinds.isEmpty
                else { return nil }
                known[place].kinds = kinds
            }
        }
    }

    private static func kinds(_ words: String) -> Set<JSONKind>? {
        // Longer than all kinds together it cannot be.
        guard words.utf8.count <= 64 else { return nil }
        let parts = words.split(separator: " ", omittingEmptySubsequences: false)
        let kinds = Set(parts.compactMap { JSONKind(rawValue: String($0)) })
        return kinds.count == parts.count ? kinds : nil
    }

    private static func step(_ node: JSONNode) -> FieldPath.Step? {
        switch node {
        case .null: .element
        case .text(let text) where text.utf8.count <= nameBytesMax: .name(ExactText(text))
        default: nil
        }
    }
}

/// Where a field stands in the bodies of a webhook, whichever element of an array it is in.
package struct FieldPath: Hashable, Sendable {
    enum Step: Hashable {
        case name(ExactText)
        // Any element of an array.
        case element
    }

    fileprivate let steps: [Step]

    /// Written like a ``JSONPath``, but with `[]` for the elements of an array: `$.order.lines[].sku`; `$` is the body itself.
    package var text: String {
        steps.reduce(into: "$") { text, step in
            switch step {
            case .name(let name): text += JSONPath.nameText(name.text)
            case .element: text += "[]"
            }
        }
    }

    /// The merge field to offer, with the first element of each array: `event.body.order.lines[0].sku`; `nil` if it were longer
    /// than a path may be.
    package var mergeField: MergeField? {
        let steps = steps.map { step -> JSONPath.Step in
            switch step {
            case .name(let name): .name(name.text)
            case .element: .index(0)
            }
        }
        // With its braces escaped it is longer, so whether it can be read back shows only then.
        return JSONPath(steps: steps).flatMap { MergeField(MergeField.body($0).text) }
    }
}
