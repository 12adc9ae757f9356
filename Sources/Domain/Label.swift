/// A name or description that a person wrote: trimmed, within its length, without control characters.
package struct Label: Hashable, Sendable {
    package let text: String

    /// Reads a name of 1–100 characters.
    package init(name: String) throws(LabelError) {
        try self.init(name, characters: Limits.nameCharacters)
    }

    /// Reads a description of at most 500 characters; line breaks are allowed.
    package init(description: String) throws(LabelError) {
        try self.init(description, characters: 0...Limits.descriptionCharactersMax)
    }

    /// Takes a text that our own database holds.
    package init(stored text: String) {
        self.text = text
    }

    /// The name of the first webhook.
    package static let example = Label(stored: "example")

    /// No text at all; what a description is when none is given.
    package static let empty = Label(stored: "")

    private init(_ raw: String, characters: ClosedRange<Int>) throws(LabelError) {
        // A character can hold any number of combining marks, so bytes are bounded before characters are counted.
        guard raw.utf8.count <= characters.upperBound * 16 else { throw .length(characters) }
        let trimmed = String(raw.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        guard characters.contains(trimmed.count) else { throw .length(characters) }
        let allowsBreaks = characters.lowerBound == 0
        let hasControl = trimmed.unicodeScalars.contains { scalar in
            scalar.isUnseen && !(allowsBreaks && (scalar == "\n" || scalar == "\t"))
        }
        guard !hasControl else { throw .controlCharacter }
        text = trimmed
    }
}

extension Unicode.Scalar {
    /// Whether it steers what shows it instead of being shown: control characters, and those that turn the direction of a line
    /// or have no width. The joiners that scripts and emoji need are none of these.
    package var isUnseen: Bool {
        switch properties.generalCategory {
        case .control: true
        case .format: value != 0x200C && value != 0x200D
        default: false
        }
    }
}

/// Why a text is no name or description.
package enum LabelError: Error, Equatable {
    case length(ClosedRange<Int>)
    case controlCharacter
}
