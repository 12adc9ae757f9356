import Domain
import Foundation
import Storage
import Synchronization
import TestSupport
import Testing

/// Deliveries on a real SQLite: what is found, and by which index, for there may be a great many that are done with.
@Suite(.tags(.store)) struct DeliveryTableTests {
    private let organization = ID<Organization>.random()
    private let webhook = ID<Webhook>.random()
    private let flow = ID<Flow>.random()
    private let destination = ID<Destination>.random()
    private let now = Timestamp(seconds: 1_800_000_000)

    private func delivery(
        _ number: Int64, _ state: DeliveryState = .due, event: Int64? = nil, flow: ID<Flow>? = nil,
        to destination: ID<Destination>? = nil, attempts: Int = 0, due: Int64 = 0, lease: Int64? = nil, key: String? = nil
    ) -> Delivery {
        Delivery(
            id: OrderedID(number: number), organization: organization, webhook: webhook,
            event: OrderedID(number: event ?? number), flow: flow ?? self.flow, destination: destination ?? self.destination,
            state: state, attempts: attempts, dueAt: now.adding(.seconds(due)),
            leaseUntil: lease.map { now.adding(.seconds($0)) }, createdAt: now,
            settledAt: state.isSettled ? now : nil, orderKey: key)
    }

    // MARK: Plans

    @Test(arguments: Question.allCases)
    func `N1 what the dispatcher and people ask for is read by an index, and nothing is sorted`(question: Question) async throws {
        try await withEmbedded { store, _, _ in
            try await fill(store, (0..<40).map { _ in .random() })

            let plans = try await store.read { connection in
                let planner = Planner(connection)
                try question.ask(DeliveryTable(planner), organization, destination, flow)
                return planner.plans
            }

            #expect(!plans.isEmpty)
            for plan in plans {
                #expect(plan.contains { question.indexes.contains(where: $0.contains) }, "\(plan)")
                #expect(question.sortsFew || !plan.contains { $0.contains("TEMP B-TREE") }, "\(plan)")
                #expect(!plan.contains { $0.hasPrefix("SCAN deliveries") && !$0.contains("INDEX") }, "\(plan)")
                // The deliveries of one event are few, those of a destination are not.
                #expect(question != .last || !plan.contains { $0.contains("deliveries_by_destination") }, "\(plan)")
            }
        }
    }

    @Test(.enabled(if: !TestDatabase.isEmbedded, "it is about what PostgreSQL reads"), arguments: Question.allCases)
    func `N1 what the dispatcher and people ask for reads no more than it finds, however much is done with`(
        question: Question
    ) async throws {
        try await withStore { store in
            // Frequent, but not lately.
            try await fill(store, (0..<40).map { $0 < 20 ? destination : .random() })
            try await store.write { transaction in
                try DeliveryTable(transaction.connection).insert((4_001...6_000).map { delivery($0, .delivered, to: .random()) })
            }
            try await store.write { _ = try $0.connection.execute("ANALYZE deliveries") }

            let rowsRead = try await store.read { connection in
                let planner = Planner(connection)
                try question.ask(DeliveryTable(planner), organization, destination, flow)
                return planner.rowsRead
            }

            // Forty of four thousand are due.
            #expect(rowsRead <= 200, "\(rowsRead) rows")
        }
    }

    // Many that are done with, few that are due, at those destinations in turn.
    private func fill(_ store: Store, _ destinations: [ID<Destination>]) async throws {
        try await store.write { transaction in
            try DeliveryTable(transaction.connection).insert(
                (1...4_000).map { number in
                    delivery(
                        number, number.isMultiple(of: 100) ? .due : .delivered, to: destinations[Int(number % 40)],
                        key: number.isMultiple(of: 200) ? "k" : nil)
                })
        }
    }

    enum Question: CaseIterable, Sendable {
        case due, dueAgain, heads, nextDue, running, late, waiting, waysWaiting, dueOfFlow, last, openCounts
        case listAll, listEvent, listDestination, listDead, listCancelled, listFiltered, listDeadOfDestination, dropExpired

        func ask(
            _ table: DeliveryTable, _ organization: ID<Organization>, _ destination: ID<Destination>, _ flow: ID<Flow>
        ) throws {
            let now = Timestamp(seconds: 1_800_000_000)
            func list(_ filter: DeliveryTable.Filter) throws {
                _ = try table.list(in: organization, filter, before: OrderedID(number: .max), limit: 50)
            }
            switch self {
            case .due: _ = try table.due(of: destination, isRetry: false, now: now, limit: 4)
            case .dueAgain: _ = try table.due(of: destination, isRetry: true, now: now, limit: 4)
            case .heads: _ = try table.heads(of: destination, behind: "", limit: 256)
            case .nextDue: _ = try table.nextDue(of: destination)
            case .running: _ = try table.orphans(limit: 256)
            case .late: _ = try table.running(leasedBefore: now, limit: 1)
            case .waiting: _ = try table.waiting(on: DeliveryTable.Way(flow: flow, destination: destination), limit: 500)
            case .waysWaiting: _ = try table.waysWaiting()
            case .dueOfFlow: _ = try table.due(at: destination, in: flow, limit: 500)
            case .last: _ = try table.last(of: OrderedID(number: 7))
            case .openCounts: _ = try table.openCounts(at: destination, limit: 1_000)
            case .listAll: try list(DeliveryTable.Filter())
            case .listEvent: try list(DeliveryTable.Filter(event: OrderedID(number: 7)))
            case .listDestination: try list(DeliveryTable.Filter(destination: destination))
            case .listDead: try list(DeliveryTable.Filter(state: .dead))
            case .listCancelled: try list(DeliveryTable.Filter(state: .cancelled))
            case .listFiltered: try list(DeliveryTable.Filter(state: .filtered))
            case .dropExpired: _ = try table.dropExpired(before: OrderedID(number: 4_000), limit: 500)
            case .listDeadOfDestination: try list(DeliveryTable.Filter(destination: destination, state: .dead))
            }
        }

        /// Whether what it sorts is no more than it hands out: heads that were walked to, deliveries of one event.
        var sortsFew: Bool { self == .heads || self == .last }

        var indexes: [String] {
            switch self {
            case .due, .dueAgain: ["deliveries_due (destination=? AND is_retry=? AND due_at<?)"]
            case .nextDue: ["deliveries_due (destination=? AND is_retry=?)"]
            case .heads: ["deliveries_in_order (destination=? AND order_key>?)"]
            case .running: ["deliveries_running"]
            case .late: ["deliveries_running (lease_until<?)"]
            case .waiting: ["deliveries_waiting (destination=? AND flow=?)"]
            case .waysWaiting: ["deliveries_waiting"]
            case .dueOfFlow: ["deliveries_due (destination=?", "deliveries_in_order (destination=?"]
            case .openCounts: ["deliveries_due (", "deliveries_in_order (", "deliveries_waiting ("]
            case .last: ["deliveries_by_event (event=?"]
            case .listAll: ["PRIMARY KEY"]
            case .listEvent: ["deliveries_by_event (event=? AND id<?)"]
            case .listDestination: ["deliveries_by_destination (destination=? AND id<?)"]
            case .listDead, .listCancelled, .listFiltered: ["deliveries_astray (state=? AND organization=? AND id<?)"]
            case .dropExpired: ["deliveries_astray (state=?"]
            case .listDeadOfDestination: ["deliveries_astray (state=?", "deliveries_by_destination (destination=?"]
            }
        }
    }

    // MARK: What is found

    @Test func `N1 what is due comes oldest first, first attempts and repeated ones apart, and nothing in order`() async throws {
        try await withStore { store in
            let (first, again, next, none) = try await store.write { transaction in
                let table = DeliveryTable(transaction.connection)
                try table.insert([
                    delivery(1, due: -1), delivery(2, due: -3), delivery(3, due: 0), delivery(4, due: 1),
                    delivery(5, attempts: 2, due: -2), delivery(6, attempts: 1, due: 5), delivery(7, due: -9, key: "k"),
                    delivery(8, .waiting, due: -9), delivery(9, .delivered, due: -9), delivery(10, .running, due: -9, lease: 9),
                    delivery(11, to: .random(), due: -9),
                ])
                return (
                    try table.due(of: destination, isRetry: false, now: now, limit: 9).map(\.id.number),
                    try table.due(of: destination, isRetry: true, now: now, limit: 9).map(\.id.number),
                    try table.nextDue(of: destination), try table.nextDue(of: .random())
                )
            }

            #expect(first == [2, 1, 3])
            #expect(again == [5])
            #expect(next == now.adding(.seconds(-3)) && none == nil)
        }
    }

    @Test func `N1 heads are the oldest open delivery of each key, from key to key, however many stand behind it`() async throws {
        try await withStore { store in
            let (all, behind, few) = try await store.write { transaction in
                let table = DeliveryTable(transaction.connection)
                try table.insert([
                    delivery(1, .delivered, key: "a"), delivery(2, .running, lease: 9, key: "a"), delivery(3, key: "a"),
                    delivery(4, .waiting, key: "b"), delivery(5, .dead, key: "c"), delivery(6, due: 99, key: "d"),
                    delivery(7, key: "Z"), delivery(8), delivery(9, to: .random(), key: "e"), delivery(10, key: "é"),
                ])
                try table.insert((100..<5_100).map { delivery($0, key: "a") })
                return (
                    try table.heads(of: destination, behind: "", limit: 9).map(\.id.number),
                    try table.heads(of: destination, behind: "a", limit: 9).map(\.id.number),
                    try table.heads(of: destination, behind: "", limit: 2).map(\.id.number)
                )
            }

            #expect(all == [7, 2, 4, 6, 10])
            #expect(behind == [4, 6, 10])
            #expect(few == [7, 2])
        }
    }

    @Test func `N10 the last delivery of an event on each way is found, whatever came before it`() async throws {
        try await withStore { store in
            let other = ID<Destination>.random()
            let otherFlow = ID<Flow>.random()
            let last = try await store.write { transaction in
                let table = DeliveryTable(transaction.connection)
                try table.insert([
                    delivery(1, .dead, event: 7), delivery(2, .delivered, event: 7), delivery(3, .dead, event: 7, to: other),
                    delivery(4, .filtered, event: 7, flow: otherFlow), delivery(5, event: 8),
                ])
                return try table.last(of: OrderedID(number: 7)).map(\.id.number)
            }

            #expect(last == [2, 3, 4])
        }
    }

    @Test func `N1 what waits and what is due is counted up to a limit, in order or not`() async throws {
        try await withStore { store in
            let (few, many) = try await store.write { transaction in
                let table = DeliveryTable(transaction.connection)
                try table.insert([
                    delivery(1), delivery(2, attempts: 1), delivery(3, key: "k"), delivery(4, .waiting),
                    delivery(5, .waiting, key: "k"),
                    delivery(6, .running, lease: 9), delivery(7, .dead),
                ])
                let few = try table.openCounts(at: destination, limit: 1_000)
                try table.insert((10..<40).map { delivery($0) } + (40..<70).map { delivery($0, .waiting) })
                return (few, try table.openCounts(at: destination, limit: 20))
            }

            #expect(few.waiting == 2 && few.due == 3)
            #expect(many.waiting == 20 && many.due == 20)
        }
    }

    @Test func `N1 a delivery and its attempts come back as they were written`() async throws {
        try await withStore { store in
            let written = delivery(1, key: "schlüssel")
            let (read, attempts) = try await store.write { transaction in
                let table = DeliveryTable(transaction.connection)
                try table.insert([written])
                let running = try written.claimed(at: now, lease: .seconds(60))
                try table.update(running)
                let attempt = Attempt(of: running, startedAt: now)
                try table.insert([attempt])
                try table.update([
                    attempt.finished(
                        .answered(status: 503), at: now.adding(.seconds(1)), milliseconds: 7, answer: Data([0, 255]),
                        errorText: nil)
                ])
                return (try table.findAnywhere(written.id), try table.attempts(of: written.id))
            }

            #expect(read?.state == .running && read?.attempts == 1 && read?.orderKey == written.orderKey)
            #expect(read?.leaseUntil == now.adding(.seconds(60)))
            #expect(attempts.map(\.status) == [503] && attempts.map(\.answer) == [Data([0, 255])])
            #expect(attempts.map(\.outcome) == [.refused] && attempts.map(\.milliseconds) == [7])
        }
    }

    @Test func `N1 of deliveries that are settled together, those that another attempt holds stay as they are`() async throws {
        try await withStore { store in
            let (held, states) = try await store.write { transaction in
                let table = DeliveryTable(transaction.connection)
                let due = (1...4).map { delivery($0) }
                try table.insert(due)
                let running = try due.map { try $0.claimed(at: now, lease: .seconds(60)) }
                for one in running { try table.update(one) }
                // The second was settled already, and the fourth is due again.
                try table.update(running[1].filtered(attempt: 1, at: now))
                try table.update(due[3])
                let held = try table.update(try running.map { (try $0.filtered(attempt: 1, at: now), heldBy: 1) })
                return (held, try due.map { try table.findAnywhere($0.id)?.state })
            }

            #expect(held == [true, false, true, false])
            #expect(states == [.filtered, .filtered, .filtered, .due])
        }
    }

    @Test func `N1 a delivery that a later attempt holds, or that is not running any more, stays as it is`() async throws {
        try await withStore { store in
            let (held, states) = try await store.write { transaction in
                let table = DeliveryTable(transaction.connection)
                // Of all but the last one the first attempt was given up for lost, or has told already.
                let there = [
                    delivery(1, .running, attempts: 2, lease: 60), delivery(2, attempts: 1), delivery(3, .delivered, attempts: 1),
                    delivery(4, .running, attempts: 1, lease: 60),
                ]
                try table.insert(there)
                let held = try table.update((1...4).map { (delivery($0, .dead, attempts: 1), heldBy: 1) })
                return (held, try there.map { try table.findAnywhere($0.id)?.state })
            }

            #expect(held == [false, false, false, true])
            #expect(states == [.running, .due, .delivered, .dead])
        }
    }

    @Test func `Deliveries of a range of events go in steps, and what never arrived stays as cancelled`() async throws {
        try await withStore { store in
            let (steps, left) = try await store.write { transaction in
                let table = DeliveryTable(transaction.connection)
                // Two of each event, of which every third did not arrive.
                let all = (1...14).map { delivery($0, $0.isMultiple(of: 3) ? .due : .delivered, event: ($0 + 1) / 2) }
                try table.insert(all)
                try table.insert(all.map { Attempt(of: $0, startedAt: now) })
                var steps: [Int] = []
                repeat { steps.append(try table.drop(of: 2..<7, at: now, limit: 4)) } while steps.last != 0
                let left = try all.compactMap { try table.findAnywhere($0.id) }
                return (
                    steps, try left.map { ($0.id.number, $0.state, $0.reason, try table.attempts(of: $0.id).count) }
                )
            }

            #expect(steps.reduce(0, +) == 5 && steps.count == 4)
            #expect(left.map(\.0) == [1, 2, 3, 6, 9, 12, 13, 14])
            #expect(
                left.map(\.1) == [.delivered, .delivered, .cancelled, .cancelled, .cancelled, .cancelled, .delivered, .delivered])
            #expect(left.map { $0.2 == .eventExpired } == [false, false, true, true, true, true, false, false])
            #expect(left.allSatisfy { $0.3 == 1 })
        }
    }
}
