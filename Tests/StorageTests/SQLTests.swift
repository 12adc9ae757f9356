import Domain
import Foundation
import Storage
import Testing

@Suite struct SQLTests {
    @Test func `Interpolated values are bound, and their numbers ascend`() {
        let name = "x'; DROP TABLE tokens; --"
        let missing: String? = nil

        let sql: SQL = "SELECT * FROM t WHERE a = \(name) AND b = \(Int64(7)) AND c = \(missing) AND d = \(name)"

        #expect(sql.text == "SELECT * FROM t WHERE a = $1 AND b = $2 AND c = $3 AND d = $4")
        #expect(sql.values == [.text(name), .integer(7), .null, .text(name)])
    }

    @Test func `A part inside a statement keeps its values and gets new numbers`() {
        let part: SQL = "a = \("one") AND b = \("two")"

        let sql: SQL = "WHERE z = \("zero") AND \(sql: part) LIMIT \(3)"

        #expect(sql.text == "WHERE z = $1 AND a = $2 AND b = $3 LIMIT $4")
        #expect(sql.values == [.text("zero"), .text("one"), .text("two"), .integer(3)])
    }

    @Test func `Parts of more than nine values are numbered right`() {
        let part: SQL = "\(1), \(2), \(3), \(4), \(5), \(6), \(7), \(8), \(9), \(10), \(11)"

        let sql: SQL = "(\(0), \(sql: part))"

        #expect(sql.text == "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)")
        #expect(sql.values == (0...11).map { .integer(Int64($0)) })
    }
}
