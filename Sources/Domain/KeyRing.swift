import Crypto
import FoundationEssentials

/// The key under which secrets are digested. Made from a master key; never in the database.
package struct DigestKey: Sendable {
    let key: SymmetricKey
}

/// One 32-byte master key with the number it has in the ring.
package struct MasterKey: Sendable {
    package let number: Int
    private let key: SymmetricKey

    /// Takes 32 bytes; `nil` for any other count.
    package init?(number: Int, bytes: Data) {
        guard bytes.count == 32 else { return nil }
        self.number = number
        key = SymmetricKey(data: bytes)
    }

    /// Draws a new key from the system's generator.
    package static func random(number: Int) -> MasterKey {
        MasterKey(number: number, key: SymmetricKey(size: .bits256))
    }

    /// The sub-key that digests secrets.
    package var digestKey: DigestKey {
        DigestKey(key: derived("inlet/secret-digest/v1"))
    }

    /// The sub-key that wraps the data keys of sealed texts.
    var wrappingKey: SymmetricKey {
        derived("inlet/wrapping/v1")
    }

    /// A value that only this key makes; kept in the database so that a wrong key is noticed at start.
    package var checkValue: Data {
        Data(HMAC<SHA256>.authenticationCode(for: Data("inlet key check".utf8), using: derived("inlet/key-check/v1")))
    }

    /// The 32 bytes, for the key file alone.
    package var bytes: Data {
        key.withUnsafeBytes { Data($0) }
    }

    private init(number: Int, key: SymmetricKey) {
        self.number = number
        self.key = key
    }

    private func derived(_ label: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: key, info: Data(label.utf8), outputByteCount: 32)
    }
}

/// The master keys in use, newest last. The file form is one line a key: number, space, 64 hex digits; `#` starts a comment.
package struct KeyRing: Sendable {
    package let keys: [MasterKey]

    /// The key that new secrets are digested under.
    package let current: MasterKey

    /// Makes a ring with one new key, number 1.
    package static func random() -> KeyRing {
        let key = MasterKey.random(number: 1)
        return KeyRing(keys: [key], current: key)
    }

    /// Reads the file form.
    ///
    /// - Throws: ``KeyRingError`` naming the line that cannot be read.
    package init(fileText: String) throws(KeyRingError) {
        var keys: [MasterKey] = []
        for (index, line) in fileText.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let content = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            if content.isEmpty { continue }
            guard content.count == 2, let number = Int(content[0]), number > (keys.last?.number ?? 0),
                let bytes = Hex.bytes(String(content[1])), let key = MasterKey(number: number, bytes: bytes)
            else { throw .unreadable(line: index + 1) }
            keys.append(key)
        }
        guard let current = keys.last else { throw .empty }
        self.init(keys: keys, current: current)
    }

    /// The file form.
    package var fileText: String {
        "# Inlet master keys. Whoever has this file and the database can check and open secrets; keep it apart from backups.\n"
            + keys.map { "\($0.number) \(Hex.text($0.bytes))\n" }.joined()
    }

    /// Finds a key by its number.
    package func key(numbered number: Int) -> MasterKey? {
        keys.first { $0.number == number }
    }

    /// The ring with one more key, which becomes the current one; the same ring unless its number is above all others.
    package func adding(_ key: MasterKey) -> KeyRing {
        key.number > current.number ? KeyRing(keys: keys + [key], current: key) : self
    }

    /// The ring without that key; `nil` if it is the current one or not there.
    package func removing(_ number: Int) -> KeyRing? {
        guard number != current.number, key(numbered: number) != nil else { return nil }
        return KeyRing(keys: keys.filter { $0.number != number }, current: current)
    }

    private init(keys: [MasterKey], current: MasterKey) {
        self.keys = keys
        self.current = current
    }
}

/// Why a key file cannot be used.
package enum KeyRingError: Error, Equatable {
    case unreadable(line: Int)
    case empty
}

/// Hexadecimal text of bytes, lower case.
package enum Hex {
    /// Two digits a byte.
    package static func text(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Reads an even number of digits, either case; `nil` for anything else.
    package static func bytes(_ text: String) -> Data? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var data = Data(capacity: digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[index]), let low = value(digits[index + 1]) else { return nil }
            data.append(high << 4 | low)
        }
        return data
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}
