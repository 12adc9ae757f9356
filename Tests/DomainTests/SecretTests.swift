import Crypto
import Domain
import Foundation
import Testing

@Suite struct SecretTests {
    @Test func `CRC-32 gives the check value of the standard`() {
        #expect(CRC32.checksum(of: "123456789".utf8) == 0xCBF4_3926)
    }

    @Test func `The checksum routine agrees with another product's published token`() {
        // Six base62 characters over the thirty behind the prefix, as that product documents it.
        let token = "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"
        let random = token.dropFirst(4).prefix(30)

        let digits = Base62.digits(of: CRC32.checksum(of: random.utf8), width: 6)

        #expect(String(decoding: digits, as: UTF8.self) == token.suffix(6))
    }

    @Test(arguments: SecretKind.allCases)
    func `A new secret reads back as what it is`(kind: SecretKind) throws {
        let text = Secret.random(kind).revealed()

        let read = try #require(Secret(text.utf8))

        #expect(text.utf8.count == 43)
        #expect(text.hasPrefix("inl\(kind.rawValue)_"))
        #expect(read.kind == kind)
        #expect(read.revealed() == text)
        #expect(text.hasPrefix(read.hint) && read.hint.utf8.count == 9)
    }

    @Test func `A secret with any one character changed is refused before any look-up`() {
        let bytes = Array(Secret.random(.app).revealed().utf8)

        for index in bytes.indices {
            for replacement in Base62.alphabet + Array("_- \0".utf8) where replacement != bytes[index] {
                var changed = bytes
                changed[index] = replacement
                #expect(Secret(changed) == nil, "position \(index), byte \(replacement)")
            }
        }
    }

    @Test(arguments: ["", "inl", "inla_", String(repeating: "a", count: 43), String(repeating: "\u{E9}", count: 22)])
    func `What has not the shape of a secret is refused`(text: String) {
        #expect(Secret(text.utf8) == nil)
    }

    @Test func `The digest depends on the key and comes back from its bytes`() throws {
        let secret = Secret.random(.api)
        let one = MasterKey.random(number: 1)
        let other = MasterKey.random(number: 2)

        let digest = secret.digest(under: one.digestKey)

        #expect(digest == secret.digest(under: one.digestKey))
        #expect(digest != secret.digest(under: other.digestKey))
        #expect(try #require(SecretDigest(bytes: digest.bytes)) == digest)
        #expect(SecretDigest(bytes: Data(count: 31)) == nil)
    }
}

@Suite struct KeyRingTests {
    @Test func `A key ring reads back from its file, with the same check value`() throws {
        let ring = KeyRing.random()

        let read = try KeyRing(fileText: ring.fileText)

        #expect(read.current.checkValue == ring.current.checkValue)
        #expect(read.keys.count == 1)
    }

    @Test func `The newest key of a ring is the current one`() throws {
        let first = KeyRing.random().fileText
        let second = "2 " + String(repeating: "ab", count: 32)

        let ring = try KeyRing(fileText: first + second + "\n")

        #expect(ring.current.number == 2)
        #expect(ring.keys.map(\.number) == [1, 2])
    }

    @Test(arguments: ["1 abcd", "x " + String(repeating: "0", count: 64), "1", "0 " + String(repeating: "0", count: 64)])
    func `A line that is no key is named`(line: String) {
        #expect(throws: KeyRingError.unreadable(line: 2)) { try KeyRing(fileText: "# a comment\n\(line)\n") }
    }

    @Test func `A file without a key is refused`() {
        #expect(throws: KeyRingError.empty) { try KeyRing(fileText: "# nothing\n\n") }
    }
}
