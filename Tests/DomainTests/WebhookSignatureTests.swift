import Domain
import Foundation
import Testing

@Suite struct WebhookSignatureTests {
    // The vectors that the specification's own reference library is tested with.
    let symmetricText = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    let asymmetricText = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="
    let publicText = "whpk_ZlN4eg7dSSqi0moX9hQUk3orrOouK3QVQSlJa248c/g="
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    let seconds: Int64 = 1_614_265_330
    let body = Data(#"{"test": 2432232314}"#.utf8)
    let symmetricSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    let asymmetricSignature =
        "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="

    @Test func `Flow signature is the one of the published vectors`() throws {
        let symmetric = try SigningSecret(symmetricText)
        let asymmetric = try SigningSecret(asymmetricText)

        let fields = try WebhookSignature.fields(
            id: id, at: Timestamp(microseconds: seconds * 1_000_000 + 999_999), body: body, secrets: [symmetric])

        #expect(fields.map(\.name) == ["webhook-id", "webhook-timestamp", "webhook-signature"])
        #expect(fields.map(\.value) == [id, "1614265330", symmetricSignature])
        #expect(asymmetric.publicKey?.text == publicText && symmetric.publicKey == nil)
        let publicKey = try WebhookPublicKey(publicText)
        #expect(publicKey.text == publicText)
        #expect(
            WebhookSignature.isValid(asymmetricSignature, id: id, seconds: seconds, body: body, publicKey: publicKey))
        #expect(WebhookSignature.isValid(asymmetricSignature, id: id, seconds: seconds, body: body, secret: asymmetric))
        #if !canImport(Darwin)
            // The cipher of other systems draws something of its own into each signature.
            let value = try WebhookSignature.value(id: id, seconds: seconds, body: body, secrets: [asymmetric])
            #expect(value == asymmetricSignature)
        #endif
    }

    @Test func `Flow signature is made with the new secret and the old one while a secret is replaced`() throws {
        let (old, new) = (try SigningSecret(symmetricText), SigningSecret.random(.symmetric))
        let pair = SigningSecret.random(.asymmetric)
        let value = try WebhookSignature.value(id: id, seconds: seconds, body: body, secrets: [new, old, pair])

        let parts = value.split(separator: " ")
        #expect(parts.count == 3 && parts[1] == symmetricSignature)
        #expect(parts[0].hasPrefix("v1,") && parts[2].hasPrefix("v1a,"))
        for secret in [new, old, pair] {
            #expect(WebhookSignature.isValid(value, id: id, seconds: seconds, body: body, secret: secret))
        }
        for other in SigningScheme.allCases.map({ SigningSecret.random($0) }) {
            #expect(!WebhookSignature.isValid(value, id: id, seconds: seconds, body: body, secret: other))
        }
    }

    @Test(arguments: SigningScheme.allCases)
    func `Flow signature is of this id, this moment and these bytes`(scheme: SigningScheme) throws {
        let secret = SigningSecret.random(scheme)
        for body in [Data(), body, Data((0...255).map { UInt8($0) }), Data(count: 1_000_000)] {
            let value = try WebhookSignature.value(id: id, seconds: seconds, body: body, secrets: [secret])
            #expect(WebhookSignature.isValid(value, id: id, seconds: seconds, body: body, secret: secret))
            #expect(!WebhookSignature.isValid(value, id: id + "x", seconds: seconds, body: body, secret: secret))
            #expect(!WebhookSignature.isValid(value, id: id, seconds: seconds + 1, body: body, secret: secret))
            #expect(!WebhookSignature.isValid(value, id: id, seconds: seconds, body: body + [0], secret: secret))
        }
        // A slice counts as what is in it.
        let slice = Data("xx".utf8 + body).dropFirst(2)
        let value = try WebhookSignature.value(id: id, seconds: seconds, body: slice, secrets: [secret])
        #expect(WebhookSignature.isValid(value, id: id, seconds: seconds, body: body, secret: secret))
    }

    @Test(arguments: [
        "", " ", "v1", "v1,", "v1a,", ",", "v1,=", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE",
        "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1A==",
        String(repeating: "v1, ", count: 100_000), String(repeating: " ", count: 1_000_000),
    ])
    func `Flow signature that is none is not valid`(value: String) throws {
        let symmetric = try SigningSecret(symmetricText)
        let asymmetric = try SigningSecret(asymmetricText)

        #expect(!WebhookSignature.isValid(value, id: id, seconds: seconds, body: body, secret: symmetric))
        #expect(!WebhookSignature.isValid(value, id: id, seconds: seconds, body: body, secret: asymmetric))
    }

    @Test func `Flow signature of another scheme is passed over`() throws {
        let value = "v1a,AAAA v9,AAAA nonsense \(symmetricSignature)"

        #expect(
            WebhookSignature.isValid(value, id: id, seconds: seconds, body: body, secret: try SigningSecret(symmetricText)))
    }

    @Test(arguments: ["", "evt.1", ".", "evt 1", "evt\n1", "evt\u{E9}"])
    func `Flow signature is not made for an id that could be read in two ways`(id: String) throws {
        let secret = try SigningSecret(symmetricText)

        #expect(throws: WebhookSignatureError.badID) {
            try WebhookSignature.value(id: id, seconds: seconds, body: body, secrets: [secret])
        }
    }

    @Test func `Flow signature without a secret is refused`() {
        #expect(throws: WebhookSignatureError.noSecret) {
            try WebhookSignature.fields(id: id, at: Timestamp(seconds: 0), body: body, secrets: [])
        }
    }

    @Test(arguments: [(Int64.min, "-9223372036855"), (-1, "-1"), (0, "0"), (999_999, "0"), (.max, "9223372036854")])
    func `Flow signature names the second that has begun`(microseconds: Int64, seconds: String) throws {
        let fields = try WebhookSignature.fields(
            id: id, at: Timestamp(microseconds: microseconds), body: body, secrets: [.random(.symmetric)])

        #expect(fields[1].value == seconds)
    }
}

@Suite struct SigningSecretTests {
    static func symmetric(_ count: Int) -> String { "whsec_" + Data(count: count).base64EncodedString() }
    static func asymmetric(_ count: Int) -> String { "whsk_" + Data(count: count).base64EncodedString() }

    @Test(arguments: SigningScheme.allCases)
    func `Flow secret that is drawn reads back as what it is`(scheme: SigningScheme) throws {
        let secret = SigningSecret.random(scheme)
        let text = secret.revealed()
        let read = try SigningSecret(text)

        #expect(secret.scheme == scheme && read.scheme == scheme && read.revealed() == text)
        #expect(text.hasPrefix(scheme == .symmetric ? "whsec_" : "whsk_"))
        #expect(Data(base64Encoded: String(text[text.index(after: text.lastIndex(of: "_") ?? text.startIndex)...]))?.count == 32)
        #expect(SigningSecret.random(scheme).revealed() != text)
        var (first, second) = (FlowDice(seed: 1), FlowDice(seed: 1))
        #expect(
            SigningSecret.random(scheme, using: &first).revealed() == SigningSecret.random(scheme, using: &second).revealed())
    }

    @Test(arguments: [24, 32, 63, 64])
    func `Flow secret that both sides have is 24 to 64 bytes long`(count: Int) throws {
        #expect(try SigningSecret(Self.symmetric(count)).revealed() == Self.symmetric(count))
    }

    @Test(
        arguments: [
            (symmetric(23), .byteCount(24...64)), (symmetric(65), .byteCount(24...64)), ("whsec_", .byteCount(24...64)),
            ("whsec_" + String(repeating: "A", count: 10_000_000), .byteCount(24...64)),
            (asymmetric(31), .byteCount(32...32)), (asymmetric(33), .byteCount(32...32)), (asymmetric(64), .byteCount(32...32)),
            ("whsk_", .byteCount(32...32)), ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa_-", .notBase64),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", .notBase64), ("whsec_MfKQ9r8GKYqrTwjU PD8ILPZIo2LaLaSw", .notBase64),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", .notBase64), ("whsk_é", .notBase64),
            ("whpk_ZlN4eg7dSSqi0moX9hQUk3orrOouK3QVQSlJa248c/g=", .isPublicKey), ("", .unknownPrefix),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", .unknownPrefix), ("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", .unknownPrefix),
            (" whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", .unknownPrefix), ("whsec-MfKQ", .unknownPrefix),
        ] as [(String, SigningSecretError)])
    func `Flow secret that is none is refused with the reason`(text: String, error: SigningSecretError) {
        #expect(throws: error) { try SigningSecret(text) }
    }

    @Test(
        arguments: [
            ("whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=", .unknownPrefix), ("whpk_", .byteCount(32...32)),
            ("whpk_" + Data(count: 33).base64EncodedString(), .byteCount(32...32)), ("whpk_!", .notBase64), ("", .unknownPrefix),
        ] as [(String, SigningSecretError)])
    func `Flow public key that is none is refused with the reason`(text: String, error: SigningSecretError) {
        #expect(throws: error) { try WebhookPublicKey(text) }
    }

    @Test(arguments: SigningScheme.allCases)
    func `Flow secret does not slip into a log`(scheme: SigningScheme) throws {
        let secret = SigningSecret.random(scheme)
        let encoded = secret.revealed().split(separator: "_", maxSplits: 1)[1]
        let bytes = try #require(Data(base64Encoded: String(encoded)))
        var dumped = ""
        dump(secret, to: &dumped)

        for text in ["\(secret)", String(describing: secret), String(reflecting: secret), dumped] {
            #expect(!text.contains(encoded))
            #expect(!text.contains(bytes.prefix(4).map(String.init).joined(separator: ", ")))
            #expect(!text.lowercased().contains(Data(bytes.prefix(4)).map { String($0, radix: 16) }.joined()))
        }
    }
}
