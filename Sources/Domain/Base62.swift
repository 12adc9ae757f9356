/// Base62 with the alphabet `0-9A-Za-z`, and the CRC-32 that closes a secret.
package enum Base62 {
    /// The 62 digits in ascending order.
    package static let alphabet: [UInt8] = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    /// Says whether a byte is one of the 62 digits.
    package static func isDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    /// Writes a number with at least `width` digits, zero-padded on the left.
    package static func digits(of number: UInt32, width: Int) -> [UInt8] {
        var rest = number
        var reversed: [UInt8] = []
        while rest > 0 || reversed.count < width {
            reversed.append(alphabet[Int(rest % 62)])
            rest /= 62
        }
        return reversed.reversed()
    }

    /// Draws that many digits, each of the 62 as likely as any other.
    package static func random(count: Int, using generator: inout some RandomNumberGenerator) -> [UInt8] {
        (0..<count).map { _ in alphabet[Int.random(in: 0..<62, using: &generator)] }
    }
}

/// CRC-32 as in IEEE 802.3 (polynomial 0xEDB88320, reflected); catches typing errors, proves nothing.
package enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in
            value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1
        }
    }

    /// Says the checksum of those bytes.
    package static func checksum(of bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { value, byte in
            table[Int((value ^ UInt32(byte)) & 0xFF)] ^ (value >> 8)
        }
    }
}
