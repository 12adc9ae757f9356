/// Who really calls, when a proxy stands in between.
package enum TrustedProxies {
    /// Finds the caller's address.
    ///
    /// - Parameters:
    ///   - peer: the other end of the connection.
    ///   - forwarded: the addresses that `X-Forwarded-For` lists, in order.
    ///   - trusted: networks of proxies whose word is taken.
    /// - Returns: `peer` unless it is a trusted proxy; else the last address that is not one. Whoever stands behind what cannot be
    ///   read is not known, and then it is `peer` too.
    package static func caller(peer: String, forwarded: [String], trusted: [IPNetwork]) -> String {
        guard !trusted.isEmpty, let address = IPAddress(peer), trusted.contains(where: { $0.contains(address) }) else {
            return peer
        }
        for hop in forwarded.reversed() {
            guard let address = IPAddress(hop) else { return peer }
            if !trusted.contains(where: { $0.contains(address) }) { return hop }
        }
        return peer
    }
}
