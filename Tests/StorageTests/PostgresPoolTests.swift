import Storage
import Testing

@Suite struct PostgresPoolTests {
    @Test func `Connections are made when they are needed, up to a bound, and who comes after that waits in line`() {
        var pool = PostgresPool<String, Int>(linksMax: 2)

        #expect(words(pool.ask(1)) == "open 1")
        #expect(words(pool.ask(2)) == "open 2")
        #expect(words(pool.ask(3)) == "rest")
        #expect(words(pool.ask(4)) == "rest")
        #expect(words(pool.giveBack("a")) == "use a 3")
        #expect(words(pool.giveBack("b")) == "use b 4")
        #expect(words(pool.giveBack("a")) == "rest")
        #expect(words(pool.ask(5)) == "use a 5")
    }

    @Test func `In the place of a connection that broke another is made, for who waits or for who comes next`() {
        var pool = PostgresPool<String, Int>(linksMax: 1)

        #expect(words(pool.ask(1)) == "open 1")
        #expect(words(pool.ask(2)) == "rest")
        #expect(words(pool.giveBack(nil)) == "open 2")
        #expect(words(pool.giveBack(nil)) == "rest")
        #expect(words(pool.ask(3)) == "open 3")
    }

    @Test func `A closed pool lends nothing, and says who waits in vain`() {
        var pool = PostgresPool<String, Int>(linksMax: 1)
        _ = pool.ask(1)
        _ = pool.ask(2)

        #expect(pool.close() == [2])
        #expect(words(pool.ask(3)) == "refuse 3")
        #expect(words(pool.giveBack("a")) == "rest")
        #expect(pool.close().isEmpty)
    }

    private func words(_ step: PostgresPool<String, Int>.Step) -> String {
        switch step {
        case .use(let link, let job): "use \(link) \(job)"
        case .open(let job): "open \(job)"
        case .rest: "rest"
        case .refuse(let job): "refuse \(job)"
        }
    }
}

@Suite struct PostgresValueTests {
    private static let numeric: UInt32 = 1700
    private static let int8: UInt32 = 20

    /// Digits of base 10,000 as the protocol has them: their count, the weight of the first, the sign, and the scale.
    private func read(_ digits: [UInt16], weight: Int16, sign: UInt16 = 0) -> SQLValue? {
        let words = [UInt16(digits.count), UInt16(bitPattern: weight), sign, 0] + digits
        let bytes = words.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        return bytes.withUnsafeBytes { SQLValue(postgres: $0, type: Self.numeric) }
    }

    @Test func `Sums of whole numbers are read to the last digit`() {
        #expect(read([], weight: 0) == .integer(0))
        #expect(read([1], weight: 0) == .integer(1))
        // Zeros at the end are not sent.
        #expect(read([12], weight: 1) == .integer(120_000))
        #expect(read([1, 2345, 6789], weight: 2) == .integer(123_456_789))
        #expect(read([1, 2345, 6789], weight: 2, sign: 0x4000) == .integer(-123_456_789))
        #expect(read([922, 3372, 368, 5477, 5807], weight: 4) == .integer(.max))
        #expect(read([922, 3372, 368, 5477, 5808], weight: 4, sign: 0x4000) == .integer(.min))
    }

    @Test func `What is no whole number of 64 bits is not read at all`() {
        #expect(read([922, 3372, 368, 5477, 5808], weight: 4) == nil)
        #expect(read([1], weight: 5) == nil)
        #expect(read([1, 5000], weight: 0) == nil)
        #expect(read([5], weight: -1) == nil)
        #expect(read([1], weight: 0, sign: 0xC000) == nil)
        #expect([UInt8](repeating: 1, count: 3).withUnsafeBytes { SQLValue(postgres: $0, type: Self.numeric) } == nil)
        #expect([UInt8](repeating: 1, count: 3).withUnsafeBytes { SQLValue(postgres: $0, type: Self.int8) } == nil)
        #expect([UInt8]().withUnsafeBytes { SQLValue(postgres: $0, type: Self.int8) } == nil)
    }
}
