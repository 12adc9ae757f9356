import Domain
import Foundation
import TestSupport
import Testing

@testable import Storage

/// What PostgreSQL reads for what is asked often, where tables are kept in parts and hold far more than is found.
@Suite(.tags(.store), .enabled(if: !TestDatabase.isEmbedded, "it is about what PostgreSQL reads"))
struct PostgresPlanTests {
    private static let start = Timestamp(seconds: 1_800_000_000)
    private static let webhooks = (0..<20).map { _ in ID<Webhook>.random() }
    private static let organization = ID<Organization>.random()
    private static let count: Int64 = 6_000

    // Three days, one event and one refused call each 43 seconds, of twenty webhooks in turn.
    private static func moment(_ number: Int64) -> Timestamp { start.adding(.seconds(number * 43)) }

    private static func id<Record>(_ number: Int64) -> OrderedID<Record> { .first(at: moment(number)) }

    /// How the calls of the first webhook, which is asked for, stand among the others.
    enum Spread: CaseIterable, Sendable {
        /// One in twenty.
        case even
        /// Nine in ten.
        case most
        /// One in twenty until noon, and none after it.
        case early

        func webhook(_ number: Int64) -> ID<Webhook> {
            let isMorning = (number * 43) % 86_400 < 43_200
            let place =
                switch self {
                case .even: number % 20
                case .most: number % 10 == 0 ? 1 + number % 19 : 0
                case .early: isMorning ? number % 20 : 1 + number % 19
                }
            return webhooks[Int(place)]
        }
    }

    private func fill(_ store: Store, _ spread: Spread) async throws {
        try await store.write { transaction in
            let connection = transaction.connection
            try PartTable(connection).prepare(Self.start.day...(Self.start.day + 2))
            try EventTable(connection).insert(
                (0..<Self.count).map { number in
                    let id: OrderedID<Event> = Self.id(number)
                    return sampleEvent(id.number, organization: Self.organization, webhook: spread.webhook(number))
                })
            try CallTable(connection).insert(
                (0..<Self.count).map { number in
                    RefusedCall(
                        id: Self.id(number), organization: Self.organization, receivedAt: Self.moment(number),
                        webhook: spread.webhook(number).text, token: ID(stored: "tok_\(number % 30)"),
                        cause: "cause_\(number % 40)",
                        causeAt: nil, status: 401, remoteAddress: "", basicUser: nil, count: 1)
                })
        }
        try await store.write { transaction in
            for statement: SQL in ["ANALYZE events", "ANALYZE refused_calls"] { try transaction.connection.execute(statement) }
        }
    }

    enum Question: CaseIterable, Sendable {
        case newest, ofWebhook, ofDay, ofWebhookOnDay, followed, ofFollowedWebhook, counted, eldest, learned, stretch, search
        case ofNobody, body, refusedNewest, refusedOfWebhook, refusedOfToken, refusedOfCause, refusedOfMinutes, lastNumber

        /// - Returns: how many rows are found.
        func ask(_ connection: any Connection) throws -> Int {
            let (organization, webhook) = (PostgresPlanTests.organization, PostgresPlanTests.webhooks[0])
            let (from, to) = (PostgresPlanTests.moment(2_500), PostgresPlanTests.moment(3_000))
            let (events, calls) = (EventTable(connection), CallTable(connection))
            let middle: OrderedID<Event> = PostgresPlanTests.id(3_000)
            func list(_ filter: CallFilter, before: Int64? = nil) throws -> Int {
                try events.list(in: organization, filter, before: before, limit: 50).count
            }
            func refused(_ filter: CallFilter) throws -> Int {
                try calls.list(in: organization, filter, before: middle.number, limit: 50).count
            }
            switch self {
            case .newest: return try list(CallFilter())
            case .ofWebhook: return try list(CallFilter(webhook: webhook.text), before: middle.number)
            case .ofDay: return try list(CallFilter(from: from, to: to))
            case .ofWebhookOnDay: return try list(CallFilter(webhook: webhook.text, from: from, to: to))
            case .followed:
                return try events.list(in: organization, webhook: nil, newerThan: middle, before: .init(number: .max), limit: 50)
                    .count
            case .ofFollowedWebhook:
                return try events.list(
                    in: organization, webhook: webhook, newerThan: middle, before: .init(number: .max), limit: 50
                )
                .count
            case .counted:
                return Int(try events.count(of: webhook, newerThan: middle, upTo: PostgresPlanTests.id(5_000)))
            case .eldest: return try events.oldest(of: webhook, before: middle, limit: 50).count
            case .learned: return try events.newest(of: webhook, behind: middle, limit: 20, bodyBytesMax: 100).count
            case .stretch:
                let filter = CallFilter(webhook: webhook.text)
                return try EventSearchTable(connection).stretch(filter, before: middle.number, rows: 50)?.rows ?? 0
            case .search:
                var narrowing = EventSearchTable.Narrowing()
                narrowing.text = Data("{}".utf8)
                let oldest: OrderedID<Event> = PostgresPlanTests.id(2_950)
                return try EventSearchTable(connection).events(
                    in: organization, CallFilter(), narrowing, before: middle.number, from: oldest.number
                ).count
            case .ofNobody: return try list(CallFilter(webhook: "whk_none"))
            case .body: return try events.find(middle, in: organization) == nil ? 0 : 1
            case .refusedNewest: return try refused(CallFilter())
            case .refusedOfWebhook: return try refused(CallFilter(webhook: webhook.text))
            case .refusedOfToken: return try refused(CallFilter(token: ID(stored: "tok_7")))
            case .refusedOfCause: return try refused(CallFilter(cause: "cause_9"))
            case .refusedOfMinutes:
                let minute = CallRateTable.minute(of: from)
                return try CallRateTable(connection).refused(in: organization, minute...(minute + 60)).count
            case .lastNumber: return try calls.lastNumber() > 0 ? 1 : 0
            }
        }
    }

    @Test(arguments: Spread.allCases)
    func `N2 lists, searches and counts of calls read about as many rows as they find, over all parts`(spread: Spread)
        async throws
    {
        try await withStore { store in
            try await fill(store, spread)
            for question in Question.allCases {
                let (found, rowsRead, plans) = try await store.read { connection in
                    let planner = Planner(connection)
                    return (try question.ask(planner), planner.rowsRead, planner.plans)
                }

                // Each of the parts may be asked for its first row, and a count is one row of what was counted.
                #expect(rowsRead <= 2 * max(found, 60), "\(question): \(rowsRead) rows for \(found): \(plans)")
                #expect((found > 0) == (question != .ofNobody), "\(question)")
            }
        }
    }
}
