import Crypto
import FoundationEssentials

/// A secret that Inlet must be able to read again, sealed for the database under a master key that is not in it.
///
/// AES-256-GCM under a data key of its own; the data key is wrapped, also with AES-256-GCM, under a sub-key of a master key.
/// Layout: version (1 byte, 1), number of the master key (4, big-endian), wrapped data key (60: nonce, key, tag), then nonce
/// (12), ciphertext, tag (16). The purpose is authenticated with both: for the wrapped key behind the first five bytes, for the
/// content behind the version alone, so that a new master key leaves the content as it is.
package struct SealedText: Hashable, Sendable {
    /// What the database keeps.
    package let bytes: Data

    /// Takes any bytes; whether they open shows ``KeyRing/open(_:for:)``.
    package init(bytes: Data) {
        self.bytes = bytes
    }

    /// The number of the master key it is sealed under; `nil` if the bytes cannot be sealed text.
    package var keyNumber: Int? {
        guard bytes.count >= Self.bytesMin, bytes.first == Self.version else { return nil }
        return Int(bytes.dropFirst().prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
    }

    fileprivate static let version: UInt8 = 1
    fileprivate static let headBytes = 5
    private static let wrappedKeyBytes = 60
    private static let bytesMin = headBytes + wrappedKeyBytes + 28

    fileprivate init(keyNumber: UInt32, wrappedKey: Data, content: Data) {
        bytes = Self.head(keyNumber: keyNumber) + wrappedKey + content
    }

    fileprivate static func head(keyNumber: UInt32) -> Data {
        withUnsafeBytes(of: keyNumber.bigEndian) { Data([version]) + Data($0) }
    }

    fileprivate var wrappedKey: Data {
        Data(bytes.dropFirst(Self.headBytes).prefix(Self.wrappedKeyBytes))
    }

    fileprivate var content: Data {
        Data(bytes.dropFirst(Self.headBytes + Self.wrappedKeyBytes))
    }
}

/// Why nothing can be sealed under the current key.
package enum SealingError: Error, Equatable {
    /// Sealed text has four bytes for the number of its key.
    case keyNumberTooLarge(Int)
}

extension KeyRing {
    /// Seals bytes under the current key. It opens only for the same purpose, for example `account/acc_…/second-factor`.
    ///
    /// - Throws: ``SealingError``, or what the cipher has to say.
    package func seal(_ plain: Data, for purpose: String) throws -> SealedText {
        let dataKey = SymmetricKey(size: .bits256)
        let content = try Self.encrypted(plain, under: dataKey, bound: Data([SealedText.version]) + Data(purpose.utf8))
        return try wrapped(dataKey, content: content, purpose: purpose)
    }

    /// Opens what was sealed; `nil` if its key is not in the ring, it is for another purpose, or any byte of it was changed.
    package func open(_ sealed: SealedText, for purpose: String) -> Data? {
        dataKey(of: sealed, purpose: purpose).flatMap { dataKey in
            Self.decrypted(sealed.content, under: dataKey, bound: Data([SealedText.version]) + Data(purpose.utf8))
        }
    }

    /// The same content with its data key under the current key; `nil` if it cannot be opened or the current key cannot seal.
    /// What already stands under the current key comes back as it is.
    package func rewrapped(_ sealed: SealedText, for purpose: String) -> SealedText? {
        guard let dataKey = dataKey(of: sealed, purpose: purpose), open(sealed, for: purpose) != nil else { return nil }
        if sealed.keyNumber == current.number { return sealed }
        return try? wrapped(dataKey, content: sealed.content, purpose: purpose)
    }

    private func wrapped(_ dataKey: SymmetricKey, content: Data, purpose: String) throws -> SealedText {
        guard let number = UInt32(exactly: current.number) else { throw SealingError.keyNumberTooLarge(current.number) }
        let wrappedKey = try Self.encrypted(
            dataKey.withUnsafeBytes { Data($0) }, under: current.wrappingKey,
            bound: SealedText.head(keyNumber: number) + Data(purpose.utf8))
        return SealedText(keyNumber: number, wrappedKey: wrappedKey, content: content)
    }

    private func dataKey(of sealed: SealedText, purpose: String) -> SymmetricKey? {
        guard let number = sealed.keyNumber, let key = key(numbered: number) else { return nil }
        let head = Data(sealed.bytes.prefix(SealedText.headBytes))
        return Self.decrypted(sealed.wrappedKey, under: key.wrappingKey, bound: head + Data(purpose.utf8))
            .map { SymmetricKey(data: $0) }
    }

    private static func encrypted(_ plain: Data, under key: SymmetricKey, bound: Data) throws -> Data {
        let box = try AES.GCM.seal(plain, using: key, authenticating: bound)
        return Data(box.nonce) + box.ciphertext + box.tag
    }

    private static func decrypted(_ combined: Data, under key: SymmetricKey, bound: Data) -> Data? {
        guard let box = try? AES.GCM.SealedBox(combined: combined) else { return nil }
        return try? AES.GCM.open(box, using: key, authenticating: bound)
    }
}
