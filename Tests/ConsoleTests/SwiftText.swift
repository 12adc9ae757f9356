import Foundation

/// Source text, looked through for the texts that stand in it.
struct SwiftText {
    /// One text between quotes.
    struct Literal {
        /// What stands there; the gaps between are filled in while the program runs.
        let pieces: [String]
        /// What stands before it, blanks and line ends as one blank.
        let before: String

        var whole: String? { pieces.count == 1 ? pieces.first : nil }

        /// Whether a text can come of it. A gap holds something.
        func fits(_ text: String) -> Bool {
            guard let first = pieces.first, let last = pieces.last else { return false }
            guard pieces.count > 1 else { return first == text }
            guard text.count > first.count + last.count, text.hasPrefix(first), text.hasSuffix(last) else { return false }
            var rest = text.dropFirst(first.count).dropLast(last.count)
            for piece in pieces.dropFirst().dropLast() {
                guard let found = rest.dropFirst().range(of: piece) else { return false }
                rest = rest[found.upperBound...]
            }
            return !rest.isEmpty
        }
    }

    private let characters: [Character]
    private(set) var literals: [Literal] = []

    init(_ text: String) {
        characters = Array(text)
        _ = code(from: 0, untilParenthesis: false)
    }

    /// All Swift files below a folder of the repository.
    static func files(_ folders: String...) throws -> [(name: String, text: String)] {
        try folders.flatMap { folder in
            let place = repository.appending(path: folder)
            let found = FileManager.default.enumerator(at: place, includingPropertiesForKeys: nil)
            return try (found?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "swift" }.map {
                ($0.lastPathComponent, try String(contentsOf: $0, encoding: .utf8))
            }
        }
    }

    static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    // Reads code up to its end, or to the parenthesis that closes an interpolation; gives the place behind.
    private mutating func code(from start: Int, untilParenthesis: Bool) -> Int {
        var place = start
        var depth = 0
        while place < characters.count {
            switch characters[place] {
            case "/" where next(place) == "/":
                while place < characters.count, !characters[place].isNewline { place += 1 }
            case "#" where next(place) == "\"": place = raw(from: place + 2)
            case "\"": place = literal(from: place)
            case "(":
                depth += 1
                place += 1
            case ")":
                if depth == 0, untilParenthesis { return place + 1 }
                depth -= 1
                place += 1
            default: place += 1
            }
        }
        return place
    }

    private mutating func literal(from start: Int) -> Int {
        let isLong = next(start) == "\"" && next(start + 1) == "\""
        var place = start + (isLong ? 3 : 1)
        var pieces = [""]
        while place < characters.count {
            let character = characters[place]
            if character == "\\", next(place) == "(" {
                place = code(from: place + 2, untilParenthesis: true)
                pieces.append("")
            } else if character == "\\" {
                if let escaped = next(place) { pieces[pieces.count - 1].append(escaped == "n" ? "\n" : escaped) }
                place += 2
            } else if character == "\"", !isLong || (next(place) == "\"" && next(place + 1) == "\"") {
                place += isLong ? 3 : 1
                break
            } else {
                pieces[pieces.count - 1].append(character)
                place += 1
            }
        }
        let before = String(characters[max(0, start - 200)..<start]).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let ending = start > 0 && characters[start - 1].isWhitespace ? " " : ""
        literals.append(Literal(pieces: pieces, before: before + ending))
        return place
    }

    private func raw(from start: Int) -> Int {
        var place = start
        while place < characters.count, !(characters[place] == "\"" && next(place) == "#") { place += 1 }
        return place + 2
    }

    private func next(_ place: Int) -> Character? { place + 1 < characters.count ? characters[place + 1] : nil }
}
