import Crypto
import FoundationEssentials

/// What a secret is for; the letter after `inl`.
package enum SecretKind: Character, Sendable, CaseIterable {
    /// Opens exactly one webhook.
    case app = "a"
    /// Opens every webhook of its organization.
    case api = "o"
    /// The integration token of a Hits/Failure credential.
    case hitsIntegration = "h"
    /// What a Hits/Failure credential is exchanged for.
    case activation = "v"
    /// Lets a pipeline report deploys of one application.
    case deploy = "d"
    /// Opens the REST API; never ingest.
    case management = "m"
    /// What a browser holds while a person is signed in.
    case session = "s"
    /// A one-time link: an invitation, or a new password.
    case oneTime = "l"
    /// Tells a browser again in which a person signed in before; opens nothing.
    case device = "b"
}

/// What a caller presents: 43 characters that prove who is calling.
///
/// Format: `inl`, kind letter, `_`, 32 random base62 characters (190 bits), 6 base62 characters of the CRC-32 over everything
/// before them. Has no `description`, so it cannot slip into a log by interpolation.
package struct Secret: Sendable {
    package static let length = 43
    private static let randomCharacters = 32

    package let kind: SecretKind
    private let bytes: [UInt8]

    /// Reads what a caller sent; `nil` unless shape, kind and checksum are right. No look-up is made for less.
    package init?(_ text: some Collection<UInt8>) {
        guard text.count == Self.length, text.starts(with: "inl".utf8) else { return nil }
        let bytes = Array(text)
        guard let kind = SecretKind(rawValue: Character(UnicodeScalar(bytes[3]))), bytes[4] == UInt8(ascii: "_"),
            bytes[5...].allSatisfy(Base62.isDigit),
            bytes[37...].elementsEqual(Self.checksum(of: bytes[..<37]))
        else { return nil }
        self.kind = kind
        self.bytes = bytes
    }

    /// Draws a new secret.
    package static func random(_ kind: SecretKind, using generator: inout some RandomNumberGenerator) -> Secret {
        let head = Array("inl\(kind.rawValue)_".utf8) + Base62.random(count: randomCharacters, using: &generator)
        return Secret(kind: kind, bytes: head + checksum(of: head))
    }

    /// Draws a new secret from the system's generator.
    package static func random(_ kind: SecretKind) -> Secret {
        var generator = SystemRandomNumberGenerator()
        return random(kind, using: &generator)
    }

    /// The 43 characters, to be shown once. Never log or store them.
    package func revealed() -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// What people recognise the secret by later: prefix and the first 4 random characters, `inla_x1Yz`.
    package var hint: String {
        String(decoding: bytes[..<9], as: UTF8.self)
    }

    /// The keyed digest under which the secret is kept and found.
    package func digest(under key: DigestKey) -> SecretDigest {
        SecretDigest(code: HMAC<SHA256>.authenticationCode(for: bytes, using: key.key))
    }

    private init(kind: SecretKind, bytes: [UInt8]) {
        self.kind = kind
        self.bytes = bytes
    }

    static func checksum(of bytes: some Sequence<UInt8>) -> [UInt8] {
        Base62.digits(of: CRC32.checksum(of: bytes), width: 6)
    }
}

/// HMAC-SHA-256 of a secret under a key that is not in the database. Useless to a caller; safe to store.
package struct SecretDigest: Hashable, Sendable {
    // Four words hash and compare faster than an array. Timing tells nothing: without the key nobody can choose a digest.
    private let words: (UInt64, UInt64, UInt64, UInt64)

    init(code: HMAC<SHA256>.MAC) {
        words = code.withUnsafeBytes { Self.load($0) }
    }

    /// Reads the 32 stored bytes; `nil` if there are not 32.
    package init?(bytes: Data) {
        guard bytes.count == 32 else { return nil }
        words = bytes.withUnsafeBytes { Self.load($0) }
    }

    /// The 32 bytes as the database keeps them.
    package var bytes: Data {
        var data = Data(capacity: 32)
        for word in [words.0, words.1, words.2, words.3] {
            withUnsafeBytes(of: word.bigEndian) { data.append(contentsOf: $0) }
        }
        return data
    }

    package static func == (left: SecretDigest, right: SecretDigest) -> Bool {
        (left.words.0 ^ right.words.0) | (left.words.1 ^ right.words.1)
            | (left.words.2 ^ right.words.2) | (left.words.3 ^ right.words.3) == 0
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
    }

    private static func load(_ raw: UnsafeRawBufferPointer) -> (UInt64, UInt64, UInt64, UInt64) {
        func word(_ index: Int) -> UInt64 {
            UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
        }
        return (word(0), word(1), word(2), word(3))
    }
}

extension Secret {
    /// A value that only who has the secret can make, for that purpose: 32 hexadecimal digits.
    package func derived(for purpose: String) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: Data(purpose.utf8), using: SymmetricKey(data: bytes))
        return Hex.text(code.prefix(16))
    }
}
