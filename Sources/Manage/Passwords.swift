import CArgon2
import Dispatch
import Domain
import Synchronization

/// Hashes people's passwords: Argon2id with one lane; two at a time, off the event loops.
package final class Passwords: Sendable {
    /// What a hash costs whoever makes or guesses one.
    package struct Cost: Hashable, Sendable {
        /// Passes over the memory.
        let passes: UInt32
        /// Memory, in KiB.
        let kibibytes: UInt32

        /// What a server uses: 19 MiB, two passes (OWASP's Password Storage Cheat Sheet).
        package static let standard = Cost(passes: 2, kibibytes: 19_456)

        /// The least that Argon2 takes. Only for tests, which make hundreds of installations; no setting leads to it.
        package static let least = Cost(passes: 1, kibibytes: 8)
    }

    private static let queue = DispatchQueue(label: "inlet.passwords", attributes: .concurrent)
    private static let places = DispatchSemaphore(value: 2)
    private static let waiting = Mutex(0)
    // Strangers can't fill the line so far that people whose browser is known don't get their turn.
    private static let waitingMax = 32
    private static let waitingOfKnownMax = 64

    private let cost: Cost
    private let nobodysHash = Mutex<String?>(nil)

    package init(cost: Cost) {
        self.cost = cost
    }

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
        return try await Self.inTurn(isKnown: true) { [cost] in
            try Self.encodedHash(of: Array(password.utf8), salt: salt, cost)
        }
    }

    /// Whether a password is the one that was hashed; takes as long when there is no hash.
    ///
    /// - Parameter isKnown: whether the browser is one in which the person signed in before.
    package func matches(_ password: String, hash: String?, isKnown: Bool = true) async throws -> Bool {
        guard password.utf8.count <= 1024 else { return false }
        return try await Self.inTurn(isKnown: isKnown) { [self] in
            let bytes = Array(password.utf8)
            return argon2id_verify(try hash ?? hashOfNobody(), bytes, bytes.count) == 0 && hash != nil
        }
    }

    // The hash of random bytes that were thrown away, as dear as all others.
    private func hashOfNobody() throws -> String {
        try nobodysHash.withLock { known in
            if let known { return known }
            var generator = SystemRandomNumberGenerator()
            let bytes = Base62.random(count: 20, using: &generator)
            let hash = try Self.encodedHash(of: bytes, salt: Array(bytes.prefix(16)), cost)
            known = hash
            return hash
        }
    }

    private static func encodedHash(of bytes: [UInt8], salt: [UInt8], _ cost: Cost) throws -> String {
        var encoded = [CChar](repeating: 0, count: 200)
        let code = argon2id_hash_encoded(
            cost.passes, cost.kibibytes, 1, bytes, bytes.count, salt, salt.count, 32, &encoded, encoded.count)
        guard code == 0 else { throw OperationError.defect("argon2 answered \(code)") }
        return String(decoding: encoded.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

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
