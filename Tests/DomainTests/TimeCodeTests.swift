import Domain
import Foundation
import Testing

@Suite struct TimeCodeTests {
    let secret = TimeCodeSecret(bytes: Data("12345678901234567890".utf8))
    let now = Timestamp(seconds: 1_800_000_000)

    @Test(arguments: [
        (59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ])
    func `Codes are those of RFC 6238, appendix B`(seconds: Int64, code: String) throws {
        let step = TimeCodeSecret.step(at: Timestamp(seconds: seconds))

        #expect(try #require(secret).code(at: step) == code)
    }

    @Test func `A step is half a minute, also before 1970`() {
        #expect(TimeCodeSecret.step(at: Timestamp(seconds: 29)) == 0)
        #expect(TimeCodeSecret.step(at: Timestamp(seconds: 30)) == 1)
        #expect(TimeCodeSecret.step(at: Timestamp(microseconds: -1)) == -1)
        #expect(TimeCodeSecret.step(at: Timestamp(seconds: -30)) == -1)
    }

    @Test func `A code holds in its own half minute, the one before and the one after`() throws {
        let secret = try #require(secret)
        let step = TimeCodeSecret.step(at: now)

        for offset: Int64 in -1...1 {
            #expect(secret.matchingStep(secret.code(at: step + offset), at: now, after: nil) == step + offset)
        }
        for offset: Int64 in [-1000, -2, 2, 1000] {
            #expect(secret.matchingStep(secret.code(at: step + offset), at: now, after: nil) == nil)
        }
    }

    @Test func `A code opens once, and no older one opens after it`() throws {
        let secret = try #require(secret)
        let step = TimeCodeSecret.step(at: now)
        let code = secret.code(at: step)

        #expect(secret.matchingStep(code, at: now, after: step - 1) == step)
        #expect(secret.matchingStep(code, at: now, after: step) == nil)
        #expect(secret.matchingStep(secret.code(at: step - 1), at: now, after: step) == nil)
        #expect(secret.matchingStep(secret.code(at: step + 1), at: now, after: step) == step + 1)
        #expect(secret.matchingStep(secret.code(at: step + 1), at: now, after: step + 1) == nil)
        #expect(secret.matchingStep(code, at: now, after: .max) == nil)
        #expect(secret.matchingStep(code, at: now, after: .min) == step)
    }

    @Test func `A code that by chance holds in two steps counts as the newer one`() throws {
        // One step in a million has the code of the one before; this is the first of this secret.
        let secret = try #require(secret)
        let step: Int64 = 910_737
        #expect(secret.code(at: step) == secret.code(at: step + 1))

        let match = secret.matchingStep(secret.code(at: step), at: Timestamp(seconds: step * 30), after: nil)

        #expect(match == step + 1)
    }

    @Test(arguments: [" 353130", "353 130", "353130\n", "3 5\t3 1 3 0", "353\u{A0}130"])
    func `Blanks in a code mean nothing`(code: String) throws {
        let step = try #require(secret).matchingStep(code, at: Timestamp(seconds: 20_000_000_000), after: nil)

        #expect(step == 666_666_666)
    }

    @Test(arguments: [
        "", " ", "35313", "3531300", "35313O", "-53130", "353-130", "٣٥٣١٣٠", "３５３１３０", "353130\0",
        String(repeating: " ", count: 1_000_000) + "353130", String(repeating: "353130", count: 100_000),
    ])
    func `What is not six digits is refused`(code: String) throws {
        #expect(try #require(secret).matchingStep(code, at: Timestamp(seconds: 20_000_000_000), after: nil) == nil)
    }

    @Test func `No date and no step traps`() throws {
        let secret = try #require(secret)

        for moment in [Timestamp(microseconds: .min), Timestamp(microseconds: .max), Timestamp(seconds: 0)] {
            let step = TimeCodeSecret.step(at: moment)
            #expect(secret.matchingStep(secret.code(at: step), at: moment, after: nil) == step)
        }
        for step in [Int64.min, .max] { #expect(secret.code(at: step).utf8.count == 6) }
    }

    @Test func `A secret has 20 bytes and shows them as 32 characters`() throws {
        #expect(try #require(secret).base32 == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
        #expect(TimeCodeSecret(bytes: Data()) == nil)
        #expect(TimeCodeSecret(bytes: Data(count: 19)) == nil)
        #expect(TimeCodeSecret(bytes: Data(count: 21)) == nil)

        let drawn = TimeCodeSecret.random()
        #expect(drawn.bytes.count == 20 && drawn.base32.utf8.count == 32)
        #expect(drawn.bytes != TimeCodeSecret.random().bytes)
        #expect(TimeCodeSecret(bytes: drawn.bytes)?.base32 == drawn.base32)
    }

    @Test func `The address for the authenticator says everything, percent-encoded`() throws {
        let uri = try #require(secret).uri(issuer: "Inlet: Äpfel & Co", account: "anna+x@example.com?a=b%20/#")

        #expect(
            uri == "otpauth://totp/Inlet%20%C3%84pfel%20%26%20Co:anna%2Bx%40example.com%3Fa%3Db%2520%2F%23"
                + "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Inlet%20%C3%84pfel%20%26%20Co"
                + "&algorithm=SHA1&digits=6&period=30")
        #expect(URLComponents(string: uri)?.path == "/Inlet Äpfel & Co:anna+x@example.com?a=b%20/#")
    }
}

@Suite struct RecoveryCodeTests {
    @Test func `A recovery code has four groups of four characters and no look-alikes`() {
        let codes = (0..<1000).map { _ in RecoveryCode.random() }

        for code in codes {
            #expect(code.split(separator: "-", omittingEmptySubsequences: false).map(\.count) == [4, 4, 4, 4])
            #expect(code.allSatisfy { "0123456789abcdefghjkmnpqrstvwxyz-".contains($0) })
        }
        #expect(Set(codes).count == codes.count)
        #expect(Set(codes.joined()).count == 33)
        #expect(RecoveryCode.count == 10)
    }

    @Test func `A recovery code is read as people type it`() {
        let code = "0123-4567-89ab-1cd0"

        for typed in ["0123-4567-89ab-1cd0", " 0123 4567 89AB lCDo\n", "O1234567-89ab-icdO", "0123–4567—89ab‐Icd0"] {
            #expect(RecoveryCode.normalized(typed) == RecoveryCode.normalized(code))
        }
        #expect(RecoveryCode.normalized(code) == "0123456789ab1cd0")
        #expect(RecoveryCode.normalized("") == "")
        #expect(RecoveryCode.normalized("0123-4567-89ab-1cd1") != RecoveryCode.normalized(code))
    }

    @Test func `The normal form of a code is its characters, and its own normal form`() {
        for code in (0..<100).map({ _ in RecoveryCode.random() }) {
            let normal = RecoveryCode.normalized(code)
            #expect(normal == code.filter { $0 != "-" })
            #expect(RecoveryCode.normalized(normal) == normal)
            #expect(RecoveryCode.normalized(code.uppercased()) == normal)
        }
    }
}
