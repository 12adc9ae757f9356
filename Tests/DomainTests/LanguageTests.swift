import Domain
import Testing

@Suite struct LanguageTests {
    @Test(arguments: [
        ("en", Language.english), ("nl", .dutch), ("pt-BR", .brazilianPortuguese), ("pt", .brazilianPortuguese),
        ("PT-br", .brazilianPortuguese), ("nl-BE", .dutch), ("en-GB,en;q=0.9", .english),
        ("nl-NL,nl;q=0.9,en-US;q=0.8,en;q=0.7", .dutch), ("en;q=0.4, pt-BR ; q=0.5 , nl;q=0.3", .brazilianPortuguese),
        ("de, fr;q=0.9, nl;q=0.1", .dutch), ("nl,en", .dutch), ("en,nl", .english), ("*", .english), ("nl;q=0.5,*;q=0.1", .dutch),
        ("en;q=0,*", .dutch), ("nl;q=1.000", .dutch), ("nl;Q=0.2,en;q=0.1", .dutch), ("nl;q=.5,en;q=0.4", .dutch),
        (",, ,nl", .dutch),
    ])
    func `D13 a browser's language is the one that it likes best`(header: String, language: Language) {
        #expect(Language.preferred(in: header) == language)
    }

    @Test(arguments: [
        "", "de", "de-DE,fr;q=0.3", "nl;q=0", "en;q=0, nl;q=0.0", "english", "n l", "nl;q=2", "nl;q=-1", "nl;q=0.12345",
        "nl;q=1e-1", "nl;q", "nl;q=", "nl;q=0.5;x=1", ";q=1", "*;q=0", "ñl", "nl\u{301}", "en_US",
    ])
    func `D13 a header that asks for none of ours, or is badly written, names no language`(header: String) {
        #expect(Language.preferred(in: header) == nil)
    }

    @Test func `D13 only the head of a very long header is read`() {
        #expect(Language.preferred(in: String(repeating: "de,", count: 29) + "nl") == .dutch)
        #expect(Language.preferred(in: String(repeating: "de,", count: 30) + "nl") == nil)
        #expect(Language.preferred(in: String(repeating: " ", count: 999) + "nl") == nil)
        #expect(Language.preferred(in: String(repeating: "x;", count: 1_000_000)) == nil)
    }
}
