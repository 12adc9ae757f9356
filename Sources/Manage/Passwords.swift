import CArgon2
import Dispatch
import Domain
import Synchronization

/// Hashes people's passwords: Argon2id, 19 MiB, two passes, one lane; two at a time, off the event loops.
package struct Passwords: Sendable {
    private static let queue = DispatchQueue(label: "inlet.passwords", attributes: .concurrent)
    private static let places = DispatchSemaphore(value: 2)
    private static let waiting = Mutex(0)
    // Strangers can't fill the line so far that people whose browser is known don't get their turn.
    private static let waitingMax = 32
    private static let waitingOfKnownMax = 64

    package init() {}

    /// Makes the encoded hash of a password, with salt and parameters in it.
    ///
    /// - Throws: ``OperationError/invalid(field:_:)`` if it is too short, too long or easy to guess.
    package func hash(_ password: String, login: String?, field: String = "password") async throws -> String {
        switch PasswordRule.fault(of: password, login: login) {
        case .length:
            let range = Limits.passwordCharacters
            throw OperationError.invalid(
                field: field, "must have \(range.lowerBound) to \(range.upperBound) characters.")
        case .common:
            throw OperationError.invalid(field: field, "is one that many people use, so it is guessed first. Choose another.")
        case .likeLogin:
            throw OperationError.invalid(field: field, "must not be like the login.")
        case nil:
            break
        }
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return try await Self.inTurn(isKnown: true) {
            var encoded = [CChar](repeating: 0, count: 200)
            let bytes = Array(password.utf8)
            let code = argon2id_hash_encoded(
                2, 19_456, 1, bytes, bytes.count, salt, salt.count, 32, &encoded, encoded.count)
            guard code == 0 else { throw OperationError.defect("argon2 answered \(code)") }
            return String(decoding: encoded.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
    }

    /// Whether a password is the one that was hashed; takes as long when there is no hash.
    ///
    /// - Parameter isKnown: whether the browser is one in which the person signed in before.
    package func matches(_ password: String, hash: String?, isKnown: Bool = true) async throws -> Bool {
        guard password.utf8.count <= 1024 else { return false }
        return try await Self.inTurn(isKnown: isKnown) {
            let bytes = Array(password.utf8)
            return argon2id_verify(hash ?? Self.nobodysHash, bytes, bytes.count) == 0 && hash != nil
        }
    }

    // The hash of random bytes that were thrown away, with the parameters of all others.
    private static let nobodysHash: String = {
        var encoded = [CChar](repeating: 0, count: 200)
        var generator = SystemRandomNumberGenerator()
        let bytes = Base62.random(count: 20, using: &generator)
        argon2id_hash_encoded(2, 19_456, 1, bytes, bytes.count, bytes, 16, 32, &encoded, encoded.count)
        return String(decoding: encoded.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }()

    private static func inTurn<Answer: Sendable>(
        isKnown: Bool, _ work: @escaping @Sendable () throws -> Answer
    ) async throws -> Answer {
        let hasRoom = waiting.withLock { waiting in
            guard waiting < (isKnown ? waitingOfKnownMax : waitingMax) else { return false }
            waiting += 1
            return true
        }
        guard hasRoom else { throw OperationError.tooManyAttempts(seconds: 2) }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async {
                places.wait()
                let answer = Result { try work() }
                places.signal()
                waiting.withLock { $0 -= 1 }
                continuation.resume(with: answer)
            }
        }
    }
}
