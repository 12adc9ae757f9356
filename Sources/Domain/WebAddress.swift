import FoundationEssentials

extension URLComponents {
    /// Whether one can connect to the port, or none is written.
    // A number beyond all numbers is read as no port at all.
    package var hasUsablePort: Bool {
        rangeOfPort == nil || port.map { (1...65_535).contains($0) } ?? false
    }
}
