import Domain

/// API tokens as connections of other systems (P1–P7).
enum IntegrationPages {
    static let list: [PageRoute] = []
}
