#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// An IPv4 or IPv6 address. An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is that IPv4 address.
package struct IPAddress: Hashable, Sendable {
    // 128 bits for both families; IPv4 stands where RFC 4291 maps it to, so one comparison serves both.
    fileprivate let high: UInt64
    fileprivate let low: UInt64

    /// Reads dotted quads and the forms of RFC 4291; the scope of an IPv6 address (`%eth0`) is cut off. `nil` for anything else.
    package init?(_ text: String) {
        // C ends a text at its first zero byte; what stands behind one must not go unread.
        guard text.utf8.count <= Self.textBytesMax, !text.utf8.contains(0) else { return nil }
        if text.utf8.contains(UInt8(ascii: ":")) {
            var words: (UInt64, UInt64) = (0, 0)
            guard inet_pton(AF_INET6, String(text.prefix { $0 != "%" }), &words) == 1 else { return nil }
            self.init(high: UInt64(bigEndian: words.0), low: UInt64(bigEndian: words.1))
        } else {
            var word: UInt32 = 0
            guard inet_pton(AF_INET, text, &word) == 1 else { return nil }
            self.init(high: 0, low: Self.mappedPrefix << 32 | UInt64(UInt32(bigEndian: word)))
        }
    }

    /// The canonical text: a dotted quad, or the shortest IPv6 form.
    package var text: String {
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let size = socklen_t(buffer.count)
        if isIPv4 {
            var word = UInt32(truncatingIfNeeded: low).bigEndian
            _ = inet_ntop(AF_INET, &word, &buffer, size)
        } else {
            var words = (high.bigEndian, low.bigEndian)
            _ = inet_ntop(AF_INET6, &words, &buffer, size)
        }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Whether it is an IPv4 address, in whichever way it was written.
    package var isIPv4: Bool {
        high == 0 && low >> 32 == Self.mappedPrefix
    }

    fileprivate init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    // Room for the longest address (45) and the name of an interface.
    private static let textBytesMax = 64
    private static let mappedPrefix: UInt64 = 0xFFFF
}

extension IPAddress {
    /// The network by which attempts to sign in are counted: an IPv4 address alone, an IPv6 address with its /64, because
    /// whoever has one address there has them all.
    package var throttleKey: String {
        isIPv4 ? text : IPNetwork(of: self, bits: 64).text
    }
}

extension IPAddress {
    /// Whether it is one of the open internet: none that IANA's registries set apart for private, local, special or future use, and none
    /// that wraps another address.
    package var isPublic: Bool {
        if isIPv4 { return !Self.setApart.contains { $0.contains(self) } }
        return Self.globalUnicast.contains { $0.contains(self) } && !Self.setApart.contains { $0.contains(self) }
    }

    private static let globalUnicast = ["2000::/3"].compactMap { IPNetwork($0) }
    private static let setApart = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        // Teredo, 6to4 and the like hold an IPv4 address; the rest is for documents and tests.
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    ].compactMap { IPNetwork($0) }
}

/// A range of addresses in CIDR notation. An IPv6 network holds no IPv4 address, not even `::/0`.
package struct IPNetwork: Hashable, Sendable {
    private let first: IPAddress
    private let mask: IPAddress
    // Of 128, also for IPv4, whose /8 is the /104 of the mapped addresses.
    private let bits: Int

    /// Reads `10.0.0.0/8`, `2001:db8::/32` or one address alone; bits behind the prefix are dropped.
    ///
    /// A scope (`%eth0`) is refused: a range that names an interface would otherwise hold on every interface.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let head = parts.first, !head.utf8.contains(UInt8(ascii: "%")), let address = IPAddress(String(head)) else {
            return nil
        }
        // Counted as it was written: `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
        let bitsMax = head.utf8.contains(UInt8(ascii: ":")) ? 128 : 32
        guard let prefix = parts.count == 1 ? bitsMax : Self.prefix(parts[1], atMost: bitsMax) else { return nil }
        self.init(of: address, bits: 128 - bitsMax + prefix)
    }

    /// The canonical text: the first address, `/`, and the length of the prefix; so also for one address.
    package var text: String {
        "\(first.text)/\(first.isIPv4 ? bits - 96 : bits)"
    }

    /// Says whether the address lies in the range.
    package func contains(_ address: IPAddress) -> Bool {
        address.high & mask.high == first.high && address.low & mask.low == first.low && address.isIPv4 == first.isIPv4
    }

    fileprivate init(of address: IPAddress, bits: Int) {
        // A shift by 64 gives zero.
        mask = IPAddress(high: .max << (64 - min(bits, 64)), low: .max << (64 - max(bits - 64, 0)))
        first = IPAddress(high: address.high & mask.high, low: address.low & mask.low)
        self.bits = bits
    }

    private static func prefix(_ text: Substring, atMost bitsMax: Int) -> Int? {
        let digits = text.utf8
        guard (1...3).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
            digits.count == 1 || digits.first != 0x30, let number = Int(text), number <= bitsMax
        else { return nil }
        return number
    }
}
