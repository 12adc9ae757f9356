import Domain

/// Deliveries and their attempts.
enum DeliveryPages {
    static let list: [PageRoute] = []
}
