import Domain
import Testing

@Suite struct PasswordRuleTests {
    @Test(arguments: [
        "", "a", "kT9#vQ2", String(repeating: "correct zebra ", count: 10), String(repeating: "x", count: 1_000_000), "😀😀😀😀😀😀😀",
        "zebra" + String(repeating: "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}", count: 100),
    ])
    func `A password has 8 to 128 characters and at most 1024 bytes`(password: String) {
        #expect(PasswordRule.fault(of: password, login: nil) == .length)
    }

    @Test func `The bounds of the length are allowed`() {
        let long = String((0..<128).map { Character(UnicodeScalar(UInt8(33 + $0 * $0 * 7 % 89))) })

        #expect(PasswordRule.fault(of: "kT9#vQ2x", login: nil) == nil)
        #expect(PasswordRule.fault(of: long, login: nil) == nil)
        #expect(PasswordRule.fault(of: long + "x", login: nil) == .length)
        #expect(PasswordRule.fault(of: "пароль из слов", login: nil) == nil)
    }

    @Test(arguments: [
        "password", "PASSWORD", "Password1", "password123456789", "P@ssw0rd", "p@$$w0rd!", "Pa55word2024!", "passw0rd1!",
        "pass word",
        "p.a.s.s.w.o.r.d", "123password", "!!password!!", "hell0123", "letmein1", "L3tM31n!", "trustno1", "tru5tn01!", "iloveyou",
        "1l0vey0u", "ILoveYou2", "I love you", "sunshine", "princess1", "football99", "monkey123", "dragon!!!", "welcome1",
        "Welcome2024", "w3lc0me!!", "changeme", "administrator", "admin123", "Admin@123", "superman", "passwort", "hallo123",
        "motdepasse", "contraseña", "starwars", "pokemon1", "charlie1", "michael1", "liverpool", "summer2024", "Sommer2024!",
        "webhook1", "inlet123", "secret99", "$ecret99", "password😀", "correcthorsebatterystaple", "11223344", "147258369",
        "31415926",
    ])
    func `Well-known passwords are refused, however dressed up`(password: String) {
        #expect(PasswordRule.fault(of: password, login: nil) == .common)
    }

    @Test(arguments: [
        "aaaaaaaa", "00000000", "........", "        ", "ÄÄÄÄÄÄÄÄ", String(repeating: "👩‍👩‍👧‍👦", count: 8), "aAaAaAaA", "abcabcabc",
        "abcabcab", "xy7xy7xy7", "k9q2k9q2k9", "q7!zq7!z", "passwordpassword", "dragonfly dragonfly ",
        "abababababababab", "11112222", "aaabbbccc", "aaaaaaaab",
    ])
    func `One character or one short block over and over is refused`(password: String) {
        #expect(PasswordRule.fault(of: password, login: nil) == .common)
    }

    @Test(arguments: [
        "12345678", "123456789", "1234567890", "87654321", "0987654321", "01234567890123", "abcdefgh", "ABCDEFGHIJ", "zyxwvuts",
        "tuvwxyzab", "abcd1234", "1234abcd", "12344321", "abcdefg1", "abcdef!!", "13579135", "98765432100", "12345699",
    ])
    func `Sequences of digits and letters are refused`(password: String) {
        #expect(PasswordRule.fault(of: password, login: nil) == .common)
    }

    @Test(arguments: [
        "qwertyui", "qwerty123", "Qwertyuiop", "poiuytrewq", "asdfghjkl", "lkjhgfdsa", "zxcvbnm1", "qwertz123", "qwertzuiop",
        "poiuztrewq", "azertyuiop", "AZERTY2024", "poiuytreza", "qsdfghjklm", "wxcvbn123", "yxcvbnm1", "1qaz2wsx", "zaq12wsx",
        "!QAZ2wsx", "1q2w3e4r", "q1w2e3r4t5", "qweasdzxc", "123qweasd", "qwer1234", "asdfqwer", "!@#$%^&*", "asdfghjklö",
    ])
    func `Rows of keys are refused, forwards and backwards`(password: String) {
        #expect(PasswordRule.fault(of: password, login: nil) == .common)
    }

    @Test(arguments: [
        ("anna.berg@example.com", "anna.berg@example.com"), ("anna.berg@example.com", "Anna.Berg@Example.com1"),
        ("anna.berg@example.com", "anna.berg"), ("anna.berg@example.com", "annaberg"),
        ("anna.berg@example.com", "ANNA_BERG_2024"),
        ("anna.berg@example.com", "123anna.berg!"), ("anna.berg92@example.com", "anna.berg1999"), ("a.kowalska", "a.kowalska"),
        ("Kowalska", "kowalska77"), ("kowalska", "!kowalska!"), ("kowalska7", "kowalska"),
        ("müller-lüdenscheidt@x.de", "MÜLLER-LÜDENSCHEIDT"),
        ("4915112378@x.de", "4915112378"), ("anna.berg@x.de", "anna.berganna.berg"), ("jo@x.de", "jo830472"),
        ("j2k9q@x.de", "83j2k9q04"),
    ])
    func `The login, whole or before the at sign, is refused with digits and punctuation around`(login: String, password: String)
    {
        #expect(PasswordRule.fault(of: password, login: login) == .likeLogin)
        #expect(PasswordRule.fault(of: password, login: nil) == nil)
    }

    @Test(arguments: [
        "", "@", "@@", "@example.com", "1", "123@x", "a", "correct", "vivid", "example.com", "anna.berg@example.com", "....",
        String(repeating: "a", count: 1_000_000), String(repeating: "@", count: 1_000_000),
    ])
    func `A password that only mentions the login, or has nothing of it, is allowed`(login: String) {
        for password in ["vivid zebra counts to ten", "83920174", "anna counts bergs", "#%&*)(;:~", "a7#kQ!x2"] {
            #expect(PasswordRule.fault(of: password, login: login) == nil, "\(password)")
        }
    }

    @Test(arguments: [
        "vivid zebra counts to ten", "correct horse battery stapler", "dragon eats my password", "monkey sunshine football",
        "iloveyou more than cheese", "Der Hund frisst um 7 Uhr", "мама мыла раму утром", "password manager made this 4u?",
        "qwerty is a bad password", "my abc teacher sings", "three-blue-otters", "J'aime les pommes vertes", "床前明月光疑是地上霜",
        "kT9#vQ2x", "x7#Lm!2p", "tr0ub4dor&3", "83920174", "5f4dcc3b5aa765d6", "e3b0c44298fc1c14", "bread9cellar2moss",
        "Wer reitet so spaet", "poetry over treasure", "the rewrite of wertheim", "stuvia defends hijack",
    ])
    func `Passphrases and random passwords are allowed`(password: String) {
        #expect(PasswordRule.fault(of: password, login: "anna.berg@example.com") == nil)
    }

    @Test func `Of 10000 random passwords none is refused`() {
        var generator = SystemRandomNumberGenerator()

        for _ in 0..<10_000 {
            let password = String(decoding: Base62.random(count: 12, using: &generator), as: UTF8.self)
            #expect(PasswordRule.fault(of: password, login: "anna.berg@example.com") == nil, "\(password)")
        }
    }
}
