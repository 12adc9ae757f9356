import Client
import Contract
import Domain
import Foundation
import HTTPTypes
import NIOHTTP1
import ServerSupport
import TestSupport
import Testing

/// What is shown of resources: figures, states, availability step by step. Row E5.
@Suite(.tags(.store)) struct ResourceHouseTests {
    // MARK: Availability

    @Test func `E5 availability is shown by the minute, five minutes, the hour and the day`() async throws {
        try await TestHouse.open { house async throws in
            try await fill(house)
            let shown = { (from: String, to: String, step: String) in
                try await house.client().availability(of: "checkout", from: from, to: to, step: step)
            }

            let minutes = try await shown("2027-01-15T07:58:20Z", "2027-01-15T08:01:00Z", "1m")
            #expect(minutes.points.map(\.at) == ["07:58", "07:59", "08:00"].map { "2027-01-15T\($0):00.000Z" })
            #expect(minutes.points.map(\.hits) == [50, 100, 10] && minutes.points.map(\.failures) == [0, 1, 1])
            #expect(minutes.points.map(\.availability) == [1, 0.99, 0.9] && minutes.stepSeconds == 60)
            #expect(minutes.from == "2027-01-15T07:58:00.000Z" && minutes.to == "2027-01-15T08:01:00.000Z")
            #expect(minutes.hits == 160 && minutes.failures == 2)
            let fives = try await shown("2027-01-15T07:50:00Z", "2027-01-15T08:05:00Z", "5m")
            #expect(fives.points.map(\.hits) == [0, 150, 10] && fives.points.map(\.availability) == [nil, 149.0 / 150, 0.9])
            let hours = try await shown("2027-01-15T06:00:00Z", "2027-01-15T08:00:00.001Z", "1h")
            #expect(hours.points.map(\.hits) == [200, 150, 10] && hours.points.map(\.failures) == [10, 1, 1])
            let days = try await shown("2027-01-14T00:00:00Z", "2027-01-16T00:00:00Z", "1d")
            #expect(days.points.map(\.hits) == [1000, 360] && days.points.map(\.failures) == [0, 12])
            #expect(days.points.map(\.at) == ["2027-01-14T00:00:00.000Z", "2027-01-15T00:00:00.000Z"])
            for same in ["60", "60s"] {
                #expect(try await shown("2027-01-15T07:58:20Z", "2027-01-15T08:01:00Z", same) == minutes)
            }
        }
    }

    @Test func `E5 without more said it is the last 24 hours, with the figures that follow from the objective`() async throws {
        try await TestHouse.open { house async throws in
            try await fill(house)

            let shown = try await house.client().availability(of: "checkout")

            #expect(shown.stepSeconds == 300 && shown.points.count == 289)
            #expect(shown.from == "2027-01-14T08:00:00.000Z" && shown.to == "2027-01-15T08:05:00.000Z")
            #expect(shown.hits == 1360 && shown.failures == 12 && shown.objective == 99.9 && shown.name == "checkout")
            // 1,360 hits allow 1.36 failures.
            #expect(shown.availability == 1348.0 / 1360)
            #expect(isNear(shown.burnRate, 12 / 1.36) && isNear(shown.errorBudgetLeft, 1 - 12 / 1.36))
            #expect(shown.points.map(\.hits).reduce(0, +) == 1360)
            let empty = try await house.client().availability(
                of: "checkout", from: "2027-01-15T00:00:00Z", to: "2027-01-15T01:00:00Z")
            #expect(empty.points.count == 60 && empty.hits == 0)
            #expect(empty.availability == nil && empty.burnRate == nil && empty.errorBudgetLeft == nil)
        }
    }

    @Test func `E5 what cannot be shown is refused, and says why`() async throws {
        let cases: [(query: String, field: String)] = [
            ("step=90", "step"), ("step=0", "step"), ("step=1y", "step"), ("step=32d", "step"), ("from=yesterday", "from"),
            ("to=then", "to"), ("from=2027-01-15T09:00:00Z", "from"),
            ("from=2027-01-15T08:00:00Z&to=2027-01-15T08:00:00Z", "from"),
            ("from=2027-01-01T00:00:00Z&step=1m", "step"), ("from=2026-11-01T00:00:00Z&step=1h&to=2027-01-15T00:00:00Z&x=1", "x"),
            ("from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z&step=1m", "from"), ("from=0001-01-01T00:00:00Z", "from"),
            ("from=2000-01-01T00:00:00Z&to=2000-01-02T00:00:00Z&step=1d", "from"),
        ]
        try await TestHouse.open { house async throws in
            try await fill(house)

            for (query, field) in cases {
                let answer = try await house.api(.GET, "resources/checkout/availability?\(query)")

                #expect(answer.status == 400 && answer.problem?.field == field, "\(query) \(field) \(answer.text.prefix(300))")
            }
        }
    }

    @Test func `E5 minutes are kept for 31 days, hours and days for longer`() async throws {
        try await TestHouse.open { house async throws in
            try await fill(house)
            house.clock.advance(by: .days(33))
            try await house.sweep()

            let (from, to) = ("2027-01-14T00:00:00Z", "2027-01-16T00:00:00Z")
            let hours = try await house.client().availability(of: "checkout", from: from, to: to, step: "1h")
            let days = try await house.client().availability(of: "checkout", from: from, to: to, step: "1d")

            #expect(hours.hits == 1360 && days.hits == 1360 && hours.points.count == 48)
            #expect(try await house.api(.GET, "resources/checkout/availability?from=\(from)&to=\(to)&step=5m").status == 400)
            let shown = try await house.client().resource("checkout")
            #expect(shown.state == "silent" && shown.hits == 0 && shown.availability == nil && shown.lastReportAt == nil)
        }
    }

    // MARK: Objective and budget

    @Test func `E5 a resource has an objective, an error budget of 30 days, and a rate at which it burns`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()
            house.clock.advance(by: .seconds(30))
            let now = house.clock.now()
            let reports: [(ago: Interval, hits: Int, failures: Int)] = [
                (.seconds(0), 1_000, 2), (.seconds(10 * 3600), 1_000, 0), (.days(6), 8_000, 4),
            ]
            for report in reports {
                let at = now.adding(report.ago.negated).text
                let json = #"{"resource":"r","hits":\#(report.hits),"failures":\#(report.failures),"at":"\#(at)"}"#
                #expect(try await house.report(.hits, json, bearer: token).status == 202)
            }

            var shown = try await house.client().resource("r")
            #expect(shown.objective == 99.9 && shown.days == 30 && shown.hits == 10_000 && shown.failures == 6)
            #expect(shown.availability == 0.9994 && shown.state == "learning")
            #expect(isNear(shown.errorBudgetLeft, 0.4) && isNear(shown.burnRateHour, 2) && isNear(shown.burnRateDay, 1))

            shown = try await house.client().editResource("r", ResourceEdit(objective: 99.95))
            #expect(shown.objective == 99.95 && isNear(shown.errorBudgetLeft, -0.2))
            #expect(isNear(shown.burnRateHour, 4) && isNear(shown.burnRateDay, 2))
            #expect(try await house.client().resource("r") == shown)
            for objective in ["49.9", "100", "99.9999", "-1", "1e9", "null", #""99""#] {
                let refused = try await house.api(.PATCH, "resources/r", #"{"objective":\#(objective)}"#)
                #expect(refused.status == 400 && refused.problem?.field == "objective", "\(objective)")
            }

            house.clock.advance(by: .days(24))
            #expect(try await house.client().resource("r").hits == 2_000)
            house.clock.advance(by: .days(6))
            shown = try await house.client().resource("r")
            #expect(shown.hits == 0 && shown.errorBudgetLeft == nil && shown.burnRateHour == nil && shown.burnRateDay == nil)
        }
    }

    // MARK: States

    @Test func `E5 a resource that falls silent is silent and not healthy, and comes back with its next report`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()
            let send = { (failures: Int) in
                try await house.report(
                    .hits, #"{"resource":"r","hits":100,"failures":\#(failures)}"#, bearer: token
                ).status
            }
            let state = { try await house.client().resource("r").state }
            for minute in 0..<10 {
                #expect(try await send(0) == 202)
                let shown = try await house.client().resource("r")
                #expect(shown.state == (minute < 3 ? "learning" : "healthy"), "\(minute)")
                #expect(shown.usualIntervalSeconds == (minute < 3 ? nil : 60), "\(minute)")
                house.clock.advance(by: .seconds(60))
            }

            // The last minute ended now; 2 more minutes may pass without a report.
            house.clock.advance(by: .seconds(120))
            #expect(try await state() == "healthy")
            house.clock.advance(by: .milliseconds(1))
            #expect(try await state() == "silent")
            #expect(try await house.client().resources().items.map(\.state) == ["silent"])
            let shown = try await house.client().resource("r")
            #expect(shown.hits == 1_000 && shown.availability == 1)

            #expect(try await send(0) == 202)
            #expect(try await state() == "healthy")
            #expect(try await send(3) == 202)
            #expect(try await state() == "failing")
            house.clock.advance(by: .days(1))
            #expect(try await state() == "silent")
        }
    }

    @Test func `E5 one that was reported a few times is being learned, and silent after a day`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()
            _ = try await house.report(.hits, #"{"resource":"r","hits":1}"#, bearer: token)
            let state = { try await house.client().resource("r").state }

            house.clock.advance(by: .days(1).adding(.seconds(60)))
            #expect(try await state() == "learning")
            house.clock.advance(by: .milliseconds(1))
            #expect(try await state() == "silent")
        }
    }

    // MARK: Names, and the end

    @Test func `E5 a resource is reached by its name, whatever stands in it`() async throws {
        let cases: [String] = [
            "a/b", "100%", "%2F", "%", "a b", "a+b", "?x=1&y", "#", "Bücher", "☕️", "..", ".", "a\\b", "\"",
            "'; DROP TABLE resources",
            "res_0", "availability",
        ]
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()

            for name in cases {
                let report = String(decoding: try JSONEncoder().encode(["resource": name]), as: UTF8.self).dropLast()
                #expect(try await house.report(.hits, report + #","hits":3}"#, bearer: token).status == 202, "\(name)")
                let id = try #require(try await house.client().resources().items.first).id

                let shown = try await house.client().resource(name)

                #expect(shown.name == name && shown.hits == 3 && shown.id == id, "\(name)")
                #expect(try await house.client().resource(id) == shown, "\(name)")
                #expect(try await house.client().availability(of: name).resource == id, "\(name)")
                #expect(try await house.client().editResource(name, ResourceEdit(objective: 90)).objective == 90, "\(name)")
                try await house.client().deleteResource(name)
                #expect(try await house.client().resources().items.isEmpty, "\(name)")
            }
        }
    }

    @Test func `E5 a deleted resource is made anew by the next report, without its figures and its objective`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()
            let send = { try await house.report(.hits, #"{"resource":"r","hits":5,"failures":1}"#, bearer: token).status }
            #expect(try await send() == 202)
            let first = try await house.client().editResource("r", ResourceEdit(objective: 90))

            #expect(try await house.api(.DELETE, "resources/r").status == 204)

            for (method, path) in [(HTTPMethod.GET, "r"), (.DELETE, "r"), (.GET, "r/availability"), (.GET, first.id)] {
                #expect(try await house.api(method, "resources/\(path)").status == 404, "\(path)")
            }
            #expect(try await send() == 202)
            let second = try await house.client().resource("r")
            #expect(second.id != first.id && second.hits == 5 && second.objective == 99.9)
        }
    }

    @Test func `E5 another organization sees no resource, and no role below admin changes one`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.activationToken()
            _ = try await house.report(.hits, #"{"resource":"r","hits":1}"#, bearer: token)
            let there = try await house.client().createOrganization(NewOrganization(name: "Elsewhere")).managementToken
            let others = [try await house.member(.member).managementToken, try await house.member(.viewer).managementToken]
            let id = try await house.client().resource("r").id

            for path in ["resources/r", "resources/\(id)", "resources/r/availability"] {
                #expect(try await house.api(.GET, path, token: there).status == 404)
                #expect(try await house.request(.GET, path).status == 401)
                for other in others { #expect(try await house.api(.GET, path, token: other).status == 200) }
            }
            for (token, status) in others.map({ ($0, 403) }) + [(there, 404)] {
                #expect(try await house.api(.PATCH, "resources/r", #"{"objective":90}"#, token: token).status == status)
                #expect(try await house.api(.DELETE, "resources/\(id)", token: token).status == status)
            }
            #expect(try await house.client().resource("r").objective == 99.9)
        }
    }

    // MARK: Helpers of the above

    /// Reports `checkout` at five moments around 2027-01-15T08:00, which it is now.
    private func fill(_ house: TestHouse) async throws {
        let token = try await house.activationToken()
        house.clock.advance(by: .seconds(30))
        let answer = try await house.report(
            .hits,
            """
            [{"resource":"checkout","hits":100,"failures":1,"at":"2027-01-15T07:59:30Z"},
            {"resource":"checkout","hits":50,"at":"2027-01-15T07:58:10+00:00"},
            {"resource":"checkout","hits":200,"failures":10,"at":"2027-01-15T08:30:00+02:00"},
            {"resource":"checkout","hits":1000,"at":"2027-01-14T12:00:00.123456789Z"},
            {"resource":"checkout","hits":10,"failures":1},
            {"resource":"search","hits":77,"failures":7}]
            """, bearer: token)
        #expect(answer.status == 202)
    }

    private func isNear(_ value: Double?, _ wanted: Double) -> Bool {
        value.map { abs($0 - wanted) < 1e-9 } ?? false
    }
}
