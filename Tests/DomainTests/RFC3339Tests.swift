import Domain
import Testing

@Suite struct RFC3339Tests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59Z", -1_000_000), ("2027-01-15T08:00:00Z", 1_800_000_000_000_000),
        ("2027-01-15t08:00:00z", 1_800_000_000_000_000), ("2027-01-15T09:30:00+01:30", 1_800_000_000_000_000),
        ("2027-01-14T20:00:00-12:00", 1_800_000_000_000_000), ("2027-01-15T08:00:00-00:00", 1_800_000_000_000_000),
        ("2027-01-15T08:00:00.5Z", 1_800_000_000_500_000), ("2027-01-15T08:00:00.000001Z", 1_800_000_000_000_001),
        ("2027-01-15T08:00:00.123456789+00:00", 1_800_000_000_123_456), ("2027-01-15T08:00:00.000000999Z", 1_800_000_000_000_000),
        ("1969-12-31T23:59:59.25Z", -750_000), ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999), ("0001-01-01T00:00:00+23:59", -62_135_683_140_000_000),
        ("9999-12-31T23:59:59-23:59", 253_402_387_139_000_000),
    ])
    func `A moment is read as RFC 3339 writes it`(text: String, microseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
        #expect(Timestamp(rfc3339: Substring("x" + text).dropFirst())?.microseconds == microseconds)
    }

    @Test(arguments: [
        ("2024-02-29", true), ("2023-02-29", false), ("2000-02-29", true), ("1900-02-29", false), ("2100-02-29", false),
        ("2400-02-29", true), ("0004-02-29", true), ("2027-02-28", true), ("2027-02-30", false), ("2027-04-31", false),
        ("2027-04-30", true), ("2027-12-31", true), ("2027-01-32", false), ("2027-01-00", false), ("2027-00-10", false),
        ("2027-13-01", false), ("0000-01-01", false),
    ])
    func `A day that does not exist is refused, leap days by the Gregorian rule`(day: String, exists: Bool) {
        #expect((Timestamp(rfc3339: day + "T00:00:00Z") != nil) == exists)
    }

    @Test func `Each day of 800 years follows the one before it by 86,400 seconds`() throws {
        var last = try #require(Timestamp(rfc3339: "1699-12-31T12:00:00Z"))
        for year in 1700..<2500 {
            for month in 1...12 {
                for day in 1...31 {
                    let text = [month, day].reduce("\(year)") { "\($0)-\($1 < 10 ? "0" : "")\($1)" } + "T12:00:00Z"
                    guard let moment = Timestamp(rfc3339: text) else {
                        #expect(day > 28, "\(text)")
                        continue
                    }
                    if moment.since(last) != .days(1) { Issue.record("\(text)") }
                    last = moment
                }
            }
        }
        #expect(last.text == "2499-12-31T12:00:00.000Z")
    }

    @Test(arguments: [
        "", "now", "2027-01-15", "2027-01-15T08:00:00", "2027-01-15T08:00Z", "2027-01-15 08:00:00Z", " 2027-01-15T08:00:00Z",
        "2027-01-15T08:00:00Z ", "2027-01-15T08:00:00 Z", "2027-01-15T08:00:60Z", "2027-01-15T08:60:00Z",
        "2027-01-15T24:00:00Z", "2027-01-15T08:00:00.Z", "2027-01-15T08:00:00,5Z", "2027-01-15T08:00:00.1234567890Z",
        "2027-01-15T08:00:00+1:00", "2027-01-15T08:00:00+0100", "2027-01-15T08:00:00+01", "2027-01-15T08:00:00+24:00",
        "2027-01-15T08:00:00+01:60", "2027-01-15T08:00:00+01:00Z", "2027-01-15T08:00:00ZZ", "2027/01/15T08:00:00Z",
        "27-01-15T08:00:00Z", "+2027-01-15T08:00:00Z", "-027-01-15T08:00:00Z", "2027-1-15T08:00:00Z", "2027-W03-5T08:00:00Z",
        "20270115T080000Z", "1800000000", "２027-01-15T08:00:00Z", "٢٠٢٧-01-15T08:00:00Z", "2027-01-15T08:00:0\u{0}Z",
        "2027-01-15T08:00:00\u{2212}01:00", "2027-01-15T08:00:00.5\u{0}Z", "2027-0\u{2D}1-15T08:00:00Z",
        "2027-01-15T08:00:00." + String(repeating: "0", count: 30) + "Z", String(repeating: "2", count: 1_000_000),
    ])
    func `What is no moment of RFC 3339 is refused`(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func `What is shown is read as the same moment`() {
        var state: UInt64 = 7
        for _ in 0..<2_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let moment = Timestamp(microseconds: Int64(state >> 16) % 253_402_300_800_000 * 1000)
            #expect(Timestamp(rfc3339: moment.text) == moment)
        }
    }
}
