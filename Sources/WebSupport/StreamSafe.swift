extension String {
    // Unicode Standard Annex 15, section 13: no writing needs more marks on one letter.
    private static let marksMax = 30

    /// Whether no letter of it bears more than thirty marks.
    ///
    /// Swift brings marks into order whenever it compares or hashes a text, which takes ever longer the more stand on one letter. So
    /// what comes from outside is looked at before anything compares it.
    package var isStreamSafe: Bool {
        var marks = 0
        for scalar in unicodeScalars {
            // No mark stands below this, and nearly all that is sent does.
            guard scalar.value >= 0x300, scalar.properties.canonicalCombiningClass != .notReordered else {
                marks = 0
                continue
            }
            marks += 1
            if marks > Self.marksMax { return false }
        }
        return true
    }
}
