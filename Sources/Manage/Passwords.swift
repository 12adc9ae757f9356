import CArgon2
import Dispatch
import Domain

/// Hashes people's passwords: Argon2id, 19 MiB, two passes, one lane; two at a time, off the event loops.
package struct Passwords: Sendable {
    private static let queue = DispatchQueue(label: "inlet.passwords", attributes: .concurrent)
    private static let places = DispatchSemaphore(value: 2)

    package init() {}

    /// Draws a password for a first sign-in: 20 base62 characters.
    package static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return String(decoding: Base62.random(count: 20, using: &generator), as: UTF8.self)
    }

    /// Makes the encoded hash of a password, with salt and parameters in it.
    ///
    /// - Throws: ``OperationError/invalid(field:_:)`` unless it has 8 to 128 characters.
    package func hash(_ password: String) async throws -> String {
        guard Limits.passwordCharacters.contains(password.count), password.utf8.count <= 1024 else {
            throw OperationError.invalid(
                field: "password",
                "must have \(Limits.passwordCharacters.lowerBound) to \(Limits.passwordCharacters.upperBound) characters.")
        }
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return try await Self.inTurn {
            var encoded = [CChar](repeating: 0, count: 200)
            let bytes = Array(password.utf8)
            let code = argon2id_hash_encoded(
                2, 19_456, 1, bytes, bytes.count, salt, salt.count, 32, &encoded, encoded.count)
            guard code == 0 else { throw OperationError.defect("argon2 answered \(code)") }
            return String(decoding: encoded.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
    }

    /// Whether a password is the one that was hashed.
    package func matches(_ password: String, hash: String) async throws -> Bool {
        guard password.utf8.count <= 1024 else { return false }
        return try await Self.inTurn {
            let bytes = Array(password.utf8)
            return argon2id_verify(hash, bytes, bytes.count) == 0
        }
    }

    private static func inTurn<Answer: Sendable>(_ work: @escaping @Sendable () throws -> Answer) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            queue.async {
                places.wait()
                defer { places.signal() }
                continuation.resume(with: Result { try work() })
            }
        }
    }
}
