import Crypto
import FoundationEssentials

/// What an authenticator app and Inlet share, to make codes that hold for half a minute (RFC 6238: HMAC-SHA-1, 6 digits, 30 s).
package struct TimeCodeSecret: Sendable {
    /// As long as a SHA-1 digest, as RFC 4226 advises.
    package static let byteCount = 20
    /// How long one code is the current one.
    package static let stepSeconds: Int64 = 30

    /// The 20 bytes. Never log them; store them sealed.
    package let bytes: Data

    /// Takes 20 bytes; `nil` for any other count.
    package init?(bytes: Data) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Draws a new secret.
    package static func random(using generator: inout some RandomNumberGenerator) -> TimeCodeSecret {
        TimeCodeSecret(drawn: .random(count: byteCount, using: &generator))
    }

    /// Draws a new secret from the system's generator.
    package static func random() -> TimeCodeSecret {
        var generator = SystemRandomNumberGenerator()
        return random(using: &generator)
    }

    /// The 32 characters that a person types who cannot scan (RFC 4648, without padding).
    package var base32: String {
        Base32.text(bytes, alphabet: Base32.standard)
    }

    /// The address that authenticator apps read from a QR code. Colons are dropped from both names: there they part one from the
    /// other.
    package func uri(issuer: String, account: String) -> String {
        let issuer = Self.percentEncoded(issuer)
        return "otpauth://totp/\(issuer):\(Self.percentEncoded(account))"
            + "?secret=\(base32)&issuer=\(issuer)&algorithm=SHA1&digits=6&period=\(Self.stepSeconds)"
    }

    /// The number of the half minute a moment falls in.
    package static func step(at now: Timestamp) -> Int64 {
        let (quotient, remainder) = now.microseconds.quotientAndRemainder(dividingBy: stepSeconds * 1_000_000)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// The six digits that hold in that half minute.
    package func code(at step: Int64) -> String {
        let counter = withUnsafeBytes(of: step.bigEndian) { Data($0) }
        let digest = Array(HMAC<Insecure.SHA1>.authenticationCode(for: counter, using: SymmetricKey(data: bytes)))
        let offset = Int((digest.last ?? 0) & 15)
        let number = digest.dropFirst(offset).prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        let digits = String(number % 1_000_000)
        return String(repeating: "0", count: 6 - digits.count) + digits
    }

    /// Says in which half minute a code that a person typed holds: this one, the one before or the one after; `nil` if in none.
    ///
    /// A step up to `lastStep`, the last one that was accepted, never counts again. Keep the result as the next `lastStep`.
    package func matchingStep(_ code: String, at now: Timestamp, after lastStep: Int64?) -> Int64? {
        guard let presented = Self.digits(of: code) else { return nil }
        let current = Self.step(at: now)
        var match: Int64?
        // Every candidate is tried, and the newest match wins: one code may hold in two steps, but must not open twice.
        for step in current - 1...current + 1 where step > lastStep ?? .min {
            let difference = zip(presented, self.code(at: step).utf8).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
            if difference == 0 { match = step }
        }
        return match
    }

    private init(drawn bytes: Data) {
        self.bytes = bytes
    }

    private static func digits(of code: String) -> [UInt8]? {
        guard code.utf8.count <= 64 else { return nil }
        let digits = code.unicodeScalars.filter { !$0.properties.isWhitespace }
        guard digits.count == 6, digits.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
        return digits.map { UInt8(truncatingIfNeeded: $0.value) }
    }

    private static func percentEncoded(_ text: String) -> String {
        text.utf8.reduce(into: "") { encoded, byte in
            if byte == UInt8(ascii: ":") { return }
            if Base62.isDigit(byte) || "-._~".utf8.contains(byte) {
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                encoded += "%" + Hex.text([byte]).uppercased()
            }
        }
    }
}

/// A code for the day the authenticator is lost; opens once. 16 characters of Crockford's base32, 80 random bits.
package enum RecoveryCode {
    /// How many a person gets at a time.
    package static let count = 10

    /// Draws a new code in the form it is shown, `xxxx-xxxx-xxxx-xxxx`.
    package static func random(using generator: inout some RandomNumberGenerator) -> String {
        let characters = Array(Base32.text(.random(count: 10, using: &generator), alphabet: Base32.crockford))
        return stride(from: 0, to: characters.count, by: 4)
            .map { String(characters.dropFirst($0).prefix(4)) }
            .joined(separator: "-")
    }

    /// Draws a new code from the system's generator.
    package static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return random(using: &generator)
    }

    /// The form to compare and digest: lower case, without blanks and hyphens, `o` read as 0, `i` and `l` as 1.
    package static func normalized(_ text: String) -> String {
        text.lowercased().unicodeScalars.reduce(into: "") { normalized, scalar in
            if scalar.properties.isWhitespace || scalar.properties.generalCategory == .dashPunctuation { return }
            switch scalar {
            case "o": normalized += "0"
            case "i", "l": normalized += "1"
            default: normalized.unicodeScalars.append(scalar)
            }
        }
    }
}

private enum Base32 {
    static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    static let crockford = Array("0123456789abcdefghjkmnpqrstvwxyz")

    /// Five bits a character, the last one filled up with zeros.
    static func text(_ bytes: Data, alphabet: [Character]) -> String {
        var text = ""
        var pending: UInt32 = 0
        var pendingBits = 0
        for byte in bytes {
            pending = pending << 8 | UInt32(byte)
            pendingBits += 8
            while pendingBits >= 5 {
                pendingBits -= 5
                text.append(alphabet[Int(pending >> pendingBits & 31)])
            }
        }
        if pendingBits > 0 { text.append(alphabet[Int(pending << (5 - pendingBits) & 31)]) }
        return text
    }
}

extension Data {
    fileprivate static func random(count: Int, using generator: inout some RandomNumberGenerator) -> Data {
        Data((0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }
}
