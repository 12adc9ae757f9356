import Domain

/// Secret variables (E11).
enum VariablePages {
    static let list: [PageRoute] = []
}
