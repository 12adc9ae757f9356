import Domain
import Foundation
import Testing

@Suite struct SealingTests {
    let ring = KeyRing.random()
    let purpose = "account/acc_00000000000000000000/second-factor"

    @Test(arguments: [0, 1, 20, 100_000])
    func `What was sealed opens for its purpose alone`(count: Int) throws {
        let plain = Data((0..<count).map { UInt8(truncatingIfNeeded: $0) })

        let sealed = try ring.seal(plain, for: purpose)

        #expect(ring.open(sealed, for: purpose) == plain)
        #expect(sealed.keyNumber == 1)
        #expect(sealed.bytes.count == 93 + count)
        #expect(sealed.bytes.prefix(5) == Data([1, 0, 0, 0, 1]))
        for other in ["", purpose + " ", String(purpose.dropLast()), "account/acc_00000000000000000001/second-factor"] {
            #expect(ring.open(sealed, for: other) == nil)
            #expect(ring.rewrapped(sealed, for: other) == nil)
        }
    }

    @Test func `The same bytes are sealed differently each time`() throws {
        let texts = try (0..<100).map { _ in try ring.seal(Data("secret".utf8), for: purpose) }

        #expect(Set(texts).count == 100)
        for part in [5..<17, 17..<65, 65..<77, 77..<83] {
            #expect(Set(texts.map { $0.bytes.subdata(in: part) }).count == 100)
        }
    }

    @Test func `A change of any byte, or of the length, is noticed`() throws {
        let newer = ring.adding(.random(number: 2))
        let sealed = try ring.seal(Data("secret".utf8), for: purpose)

        for index in sealed.bytes.indices {
            for change: UInt8 in [1, 2, 3, 0x80, 0xFF] {
                var bytes = sealed.bytes
                bytes[index] ^= change
                #expect(newer.open(SealedText(bytes: bytes), for: purpose) == nil, "byte \(index)")
                #expect(newer.rewrapped(SealedText(bytes: bytes), for: purpose) == nil, "byte \(index)")
            }
            #expect(ring.open(SealedText(bytes: sealed.bytes.prefix(index)), for: purpose) == nil)
            #expect(ring.open(SealedText(bytes: sealed.bytes.dropFirst(index + 1)), for: purpose) == nil)
        }
        #expect(ring.open(SealedText(bytes: sealed.bytes + [0]), for: purpose) == nil)
        #expect(ring.open(SealedText(bytes: sealed.bytes), for: purpose) == Data("secret".utf8))
    }

    @Test func `Parts of two sealed texts do not fit together`() throws {
        let one = try ring.seal(Data("one".utf8), for: purpose).bytes
        let other = try ring.seal(Data("two".utf8), for: purpose).bytes

        #expect(ring.open(SealedText(bytes: one.prefix(65) + other.dropFirst(65)), for: purpose) == nil)
    }

    @Test func `What is too short or of another version has no key number and does not open`() {
        for bytes in [
            Data(), Data([1]), Data(count: 93), Data([1]) + Data(count: 91), Data([2]) + Data(count: 92), Data(count: 1_000_000),
        ] {
            #expect(SealedText(bytes: bytes).keyNumber == nil)
            #expect(ring.open(SealedText(bytes: bytes), for: purpose) == nil)
            #expect(ring.rewrapped(SealedText(bytes: bytes), for: purpose) == nil)
        }
        #expect(SealedText(bytes: Data([1, 0xFF, 0xFF, 0xFF, 0xFF]) + Data(count: 88)).keyNumber == 0xFFFF_FFFF)
    }

    @Test func `A part of greater data opens like data of its own`() throws {
        let sealed = try ring.seal(Data("secret".utf8), for: purpose)
        let padded = Data(count: 7) + sealed.bytes + Data(count: 7)

        let part = SealedText(bytes: padded.dropFirst(7).dropLast(7))

        #expect(part == sealed && part.keyNumber == 1)
        #expect(ring.open(part, for: purpose) == Data("secret".utf8))
    }

    @Test func `Another ring with the same key number opens nothing`() throws {
        let sealed = try ring.seal(Data("secret".utf8), for: purpose)

        #expect(KeyRing.random().open(sealed, for: purpose) == nil)
        #expect(try KeyRing(fileText: ring.fileText).open(sealed, for: purpose) == Data("secret".utf8))
    }

    @Test func `A new master key takes the text over without a new ciphertext, and the old key can go`() throws {
        let sealed = try ring.seal(Data("secret".utf8), for: purpose)
        let both = ring.adding(.random(number: 2))
        let newest = try #require(both.removing(1))

        let rewrapped = try #require(both.rewrapped(sealed, for: purpose))

        #expect(both.open(sealed, for: purpose) == Data("secret".utf8))
        #expect(rewrapped.keyNumber == 2)
        #expect(rewrapped.bytes.dropFirst(65) == sealed.bytes.dropFirst(65))
        #expect(rewrapped.bytes.dropFirst(5).prefix(60) != sealed.bytes.dropFirst(5).prefix(60))
        #expect(newest.open(rewrapped, for: purpose) == Data("secret".utf8))
        #expect(newest.open(sealed, for: purpose) == nil)
        #expect(newest.rewrapped(sealed, for: purpose) == nil)
        #expect(both.rewrapped(rewrapped, for: purpose) == rewrapped)
    }

    @Test func `A key with a number over four bytes seals nothing`() throws {
        let large = ring.adding(.random(number: 0x1_0000_0000))
        let sealed = try ring.seal(Data("secret".utf8), for: purpose)

        #expect(throws: SealingError.keyNumberTooLarge(0x1_0000_0000)) { try large.seal(Data(), for: purpose) }
        #expect(large.rewrapped(sealed, for: purpose) == nil)
        #expect(large.open(sealed, for: purpose) == Data("secret".utf8))
    }
}

@Suite struct KeyRotationTests {
    @Test func `A key with a higher number becomes the current one, any other changes nothing`() {
        let ring = KeyRing.random()

        let grown = ring.adding(.random(number: 5))

        #expect(grown.keys.map(\.number) == [1, 5] && grown.current.number == 5)
        for number in [5, 4, 1, 0, -1, Int.min] {
            let same = grown.adding(.random(number: number))
            #expect(same.keys.map(\.bytes) == grown.keys.map(\.bytes))
            #expect(same.current.checkValue == grown.current.checkValue)
        }
    }

    @Test func `Any key but the current one can be taken out`() throws {
        let ring = KeyRing.random().adding(.random(number: 2)).adding(.random(number: 3))

        let smaller = try #require(ring.removing(2))

        #expect(smaller.keys.map(\.number) == [1, 3] && smaller.current.number == 3)
        #expect(smaller.removing(2) == nil)
        #expect(ring.removing(3) == nil)
        #expect(ring.removing(4) == nil)
        #expect(try KeyRing(fileText: smaller.fileText).keys.map(\.bytes) == smaller.keys.map(\.bytes))
    }

    @Test func `A key is found by its number`() {
        let ring = KeyRing.random().adding(.random(number: 7))

        #expect(ring.key(numbered: 7)?.checkValue == ring.current.checkValue)
        #expect(ring.key(numbered: 1)?.number == 1)
        #expect(ring.key(numbered: 2) == nil)
    }
}
