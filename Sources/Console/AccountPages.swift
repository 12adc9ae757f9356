import Domain

/// People and service accounts (D5–D10).
enum AccountPages {
    static let list: [PageRoute] = []
}
