import Crypto
import FoundationEssentials

/// The signature of a delivery, as Standard Webhooks 1.0.0 has it ("Signature scheme" and "Webhook headers").
///
/// What is signed are the id, the seconds and the body, with full stops between them.
package enum WebhookSignature {
    /// The field with the id of the event, the same for every attempt.
    package static let idField = "webhook-id"
    /// The field with the moment of the attempt, in whole seconds since 1970.
    package static let timestampField = "webhook-timestamp"
    /// The field with the signatures, the newest secret's first.
    package static let signatureField = "webhook-signature"

    /// The three fields that go with a body.
    ///
    /// - Parameters:
    ///   - id: holds no full stop.
    ///   - now: when the attempt is made.
    ///   - secrets: the current one first, then those that still count.
    package static func fields(
        id: String, at now: Timestamp, body: Data, secrets: [SigningSecret]
    ) throws(WebhookSignatureError) -> [(name: String, value: String)] {
        let seconds = seconds(of: now)
        let signatures = try value(id: id, seconds: seconds, body: body, secrets: secrets)
        return [(idField, id), (timestampField, String(seconds)), (signatureField, signatures)]
    }

    /// The value of ``signatureField``: one signature for each secret, in their order, with a blank between them.
    package static func value(
        id: String, seconds: Int64, body: Data, secrets: [SigningSecret]
    ) throws(WebhookSignatureError) -> String {
        // A full stop could move the border between the id and what follows.
        guard !id.isEmpty, id.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ".") }) else { throw .badID }
        guard !secrets.isEmpty else { throw .noSecret }
        let head = head(id: id, seconds: seconds)
        var signatures: [String] = []
        for secret in secrets {
            let bytes = try secret.signature(head: head, body: body)
            signatures.append("\(secret.scheme.rawValue),\(bytes.base64EncodedString())")
        }
        return signatures.joined(separator: " ")
    }

    /// Whether any of the signatures is that secret's.
    ///
    /// - Parameter value: what ``signatureField`` says. Signatures of schemes that are not the secret's are passed over.
    package static func isValid(
        _ value: String, id: String, seconds: Int64, body: Data, secret: SigningSecret
    ) -> Bool {
        let head = head(id: id, seconds: seconds)
        return signatures(in: value, of: secret.scheme).contains { secret.matches($0, head: head, body: body) }
    }

    /// Whether any of the signatures is of the key pair that this is the public half of.
    package static func isValid(
        _ value: String, id: String, seconds: Int64, body: Data, publicKey: WebhookPublicKey
    ) -> Bool {
        let head = head(id: id, seconds: seconds)
        return signatures(in: value, of: .asymmetric).contains { publicKey.matches($0, head: head, body: body) }
    }

    // Rounded down, also before 1970.
    private static func seconds(of moment: Timestamp) -> Int64 {
        let (quotient, remainder) = moment.microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return remainder < 0 ? quotient - 1 : quotient
    }

    private static func head(id: String, seconds: Int64) -> Data {
        Data("\(id).\(seconds).".utf8)
    }

    private static func signatures(in value: String, of scheme: SigningScheme) -> [Data] {
        value.split(separator: " ").prefix(signaturesMax).compactMap { signature in
            let parts = signature.split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0] == scheme.rawValue else { return nil }
            return Data(base64Encoded: String(parts[1]))
        }
    }

    // More than any rotation has.
    private static let signaturesMax = 16
}

/// Why nothing is signed.
package enum WebhookSignatureError: Error, Equatable {
    /// The id is empty, or has a full stop or what is no visible ASCII in it.
    case badID
    case noSecret
    /// The cipher failed.
    case cipherFailed
}

/// How is signed; the raw value is what stands before a signature.
package enum SigningScheme: String, Sendable, CaseIterable {
    /// HMAC-SHA-256 under a secret that both sides have.
    case symmetric = "v1"
    /// Ed25519: only the sender can sign, everybody who has the public key can check.
    case asymmetric = "v1a"
}

/// What deliveries are signed with. It has no `description`, and what it holds shows no bytes when it is printed.
///
/// As text, `whsec_` and the base64 of 24–64 bytes, or `whsk_` and the base64 of the 32 bytes an Ed25519 key is made from.
package struct SigningSecret: Sendable {
    /// How many bytes a symmetric secret may have.
    package static let symmetricBytes = 24...64
    /// How many bytes a new symmetric secret has.
    package static let symmetricBytesDrawn = 32
    /// How many bytes an asymmetric secret has.
    package static let seedBytes = 32

    private enum Key: Sendable {
        case symmetric(SymmetricKey)
        case asymmetric(Curve25519.Signing.PrivateKey)
    }

    private let key: Key

    /// Reads the text of a secret; the prefix says which scheme it is of.
    package init(_ text: String) throws(SigningSecretError) {
        if text.hasPrefix(Self.symmetricPrefix) {
            let bytes = try Base64Text.bytes(text, after: Self.symmetricPrefix, count: Self.symmetricBytes)
            key = .symmetric(SymmetricKey(data: bytes))
        } else if text.hasPrefix(Self.asymmetricPrefix) {
            let bytes = try Base64Text.bytes(text, after: Self.asymmetricPrefix, count: Self.seedBytes...Self.seedBytes)
            guard let pair = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes) else { throw .badKey }
            key = .asymmetric(pair)
        } else {
            throw text.hasPrefix(WebhookPublicKey.prefix) ? .isPublicKey : .unknownPrefix
        }
    }

    /// Draws a new secret.
    package static func random(_ scheme: SigningScheme, using generator: inout some RandomNumberGenerator) -> SigningSecret {
        func draw(_ count: Int) -> Data {
            Data((0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
        }
        switch scheme {
        case .symmetric: return SigningSecret(key: .symmetric(SymmetricKey(data: draw(symmetricBytesDrawn))))
        case .asymmetric:
            // Any 32 bytes make a key; were they refused, the cipher's own generator would draw one.
            let pair = (try? Curve25519.Signing.PrivateKey(rawRepresentation: draw(seedBytes))) ?? Curve25519.Signing.PrivateKey()
            return SigningSecret(key: .asymmetric(pair))
        }
    }

    /// Draws a new secret from the system's generator.
    package static func random(_ scheme: SigningScheme) -> SigningSecret {
        var generator = SystemRandomNumberGenerator()
        return random(scheme, using: &generator)
    }

    /// Which scheme it signs by.
    package var scheme: SigningScheme {
        switch key {
        case .symmetric: .symmetric
        case .asymmetric: .asymmetric
        }
    }

    /// The text of the secret, `whsec_…` or `whsk_…`. Never log it; store it sealed.
    package func revealed() -> String {
        switch key {
        case .symmetric(let key): Self.symmetricPrefix + key.withUnsafeBytes { Data($0) }.base64EncodedString()
        case .asymmetric(let pair): Self.asymmetricPrefix + pair.rawRepresentation.base64EncodedString()
        }
    }

    /// What receivers check signatures with; `nil` of a symmetric secret, which has no public half.
    package var publicKey: WebhookPublicKey? {
        switch key {
        case .symmetric: nil
        case .asymmetric(let pair): WebhookPublicKey(key: pair.publicKey)
        }
    }

    fileprivate func signature(head: Data, body: Data) throws(WebhookSignatureError) -> Data {
        switch key {
        case .symmetric(let key):
            var code = HMAC<SHA256>(key: key)
            code.update(data: head)
            code.update(data: body)
            return Data(code.finalize())
        case .asymmetric(let pair):
            guard let signature = try? pair.signature(for: head + body) else { throw .cipherFailed }
            return signature
        }
    }

    fileprivate func matches(_ signature: Data, head: Data, body: Data) -> Bool {
        switch key {
        case .symmetric(let key):
            HMAC<SHA256>.isValidAuthenticationCode(signature, authenticating: head + body, using: key)
        case .asymmetric(let pair): pair.publicKey.isValidSignature(signature, for: head + body)
        }
    }

    private init(key: Key) {
        self.key = key
    }

    private static let symmetricPrefix = "whsec_"
    private static let asymmetricPrefix = "whsk_"
}

/// The public half of an asymmetric secret: `whpk_` and the base64 of 32 bytes. No secret; it may be shown.
package struct WebhookPublicKey: Sendable {
    fileprivate static let prefix = "whpk_"

    private let key: Curve25519.Signing.PublicKey

    /// Reads the text of a public key.
    package init(_ text: String) throws(SigningSecretError) {
        guard text.hasPrefix(Self.prefix) else { throw .unknownPrefix }
        let bytes = try Base64Text.bytes(text, after: Self.prefix, count: 32...32)
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes) else { throw .badKey }
        self.key = key
    }

    /// The text that receivers get.
    package var text: String {
        Self.prefix + key.rawRepresentation.base64EncodedString()
    }

    fileprivate init(key: Curve25519.Signing.PublicKey) {
        self.key = key
    }

    fileprivate func matches(_ signature: Data, head: Data, body: Data) -> Bool {
        key.isValidSignature(signature, for: head + body)
    }
}

/// Why a text is no secret or public key. Holds nothing of what was given.
package enum SigningSecretError: Error, Hashable {
    /// It begins with neither `whsec_` nor `whsk_`; where a public key is wanted, not with `whpk_`.
    case unknownPrefix
    /// It begins with `whpk_`, by which nothing can be signed.
    case isPublicKey
    /// What stands behind the prefix is no base64 with its padding (RFC 4648, section 4).
    case notBase64
    /// It is to have so many bytes.
    case byteCount(ClosedRange<Int>)
    /// The cipher takes no such key.
    case badKey
}

private enum Base64Text {
    static func bytes(_ text: String, after prefix: String, count: ClosedRange<Int>) throws(SigningSecretError) -> Data {
        let encoded = text.utf8.dropFirst(prefix.utf8.count)
        // Four characters hold three bytes; what is much longer is not decoded.
        guard encoded.count <= count.upperBound * 2 else { throw .byteCount(count) }
        guard let bytes = Data(base64Encoded: Data(encoded)) else { throw .notBase64 }
        guard count.contains(bytes.count) else { throw .byteCount(count) }
        return bytes
    }
}
