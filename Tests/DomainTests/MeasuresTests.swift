import Domain
import Testing

@Suite struct MeasuresTests {
    static let start = Timestamp(seconds: 1_800_000_000)
    static let hour: Double = 3600
    let from = MeasuresTests.start
    let to = MeasuresTests.start.adding(.days(10))

    // Hours are counted from the beginning of the window.
    static func deploy(
        _ number: Int64, _ version: String, _ status: DeployStatus, at hours: Double, committed: Double? = nil
    ) -> Deploy {
        Deploy(
            id: OrderedID(number: number), application: ID(stored: "app_00000000000000000000"),
            version: Label(stored: version), environment: Label(stored: "production"), status: status,
            finishedAt: moment(hours), committedAt: committed.map(moment), receivedAt: moment(hours),
            remoteAddress: "127.0.0.1")
    }

    static func moment(_ hours: Double) -> Timestamp {
        start.adding(.seconds(Int64(hours * hour)))
    }

    func measures(_ deploys: [Deploy]) -> Measures {
        Measures(of: deploys, from: from, to: to)
    }

    /// Frequency: 1, 3, 6, 7, 8 and 11 succeeded: 6 in 10 days, 0.6 a day.
    ///
    /// Lead time: 1 took 2 − −2 = 4 h, 3 took 21 − 11 = 10 h, 6 took 30 − 29 = 1 h, 11 took 110 − 98 = 12 h; 7 has no commit and 8 a
    /// negative time. The middle two of 1, 4, 10, 12 are 4 and 10, their mean 7 h.
    ///
    /// Change failure rate: 1.0 to 1.8 ended, 9 versions; 1.1, 1.2, 1.6 and 1.8 failed or were rolled back: 4/9.
    ///
    /// Time to restore: 1.1 was live from 3 to its rollback in 4, 24 − 21 = 3 h; 5 to 6 is 30 − 26 = 4 h; 9 to 10 is 101 − 100 = 1 h;
    /// 12 is not over. The middle one of 1, 3, 4 is 3 h.
    static let table = [
        deploy(1, "1.0", .succeeded, at: 2, committed: -2),
        deploy(2, "1.1", .started, at: 20),
        deploy(3, "1.1", .succeeded, at: 21, committed: 11),
        deploy(4, "1.1", .rolledBack, at: 24, committed: 11),
        deploy(5, "1.2", .failed, at: 26, committed: 25),
        deploy(6, "1.3", .succeeded, at: 30, committed: 29),
        deploy(7, "1.4", .succeeded, at: 50),
        deploy(8, "1.5", .succeeded, at: 60, committed: 61),
        deploy(9, "1.6", .failed, at: 100),
        deploy(10, "1.6", .rolledBack, at: 101),
        deploy(11, "1.7", .succeeded, at: 110, committed: 98),
        deploy(12, "1.8", .failed, at: 230),
    ]

    @Test func `E6 the four measures are those worked out by hand`() {
        let measures = measures(Self.table)

        #expect(measures.deploymentFrequency.value == 0.6)
        #expect(measures.deploymentFrequency.count == 6)
        #expect(measures.leadTime.value == 7 * Self.hour)
        #expect(measures.leadTime.count == 4)
        #expect(measures.changeFailureRate.value == 4.0 / 9.0)
        #expect(measures.changeFailureRate.count == 9)
        #expect(measures.timeToRestore.value == 3 * Self.hour)
        #expect(measures.timeToRestore.count == 3)
    }

    @Test func `E6 the order in which the reports are given changes nothing`() {
        let expected = measures(Self.table)
        let reversed = measures(Self.table.reversed())
        let shuffled = measures((0..<12).map { Self.table[$0 * 5 % 12] })

        #expect(reversed == expected)
        #expect(shuffled == expected)
    }

    @Test func `E6 reports before and after the window change nothing that they are not part of`() {
        let around = [
            Self.deploy(13, "0.9", .succeeded, at: -1, committed: -50), Self.deploy(14, "0.8", .failed, at: -3),
            Self.deploy(15, "2.0", .started, at: 241), Self.deploy(16, "2.1", .failed, at: 242),
        ]

        let expected = measures(Self.table)
        let widened = measures(Self.table + around)

        #expect(widened == expected)
    }

    @Test func `E6 every measure says in words how it is worked out, and what it is in`() {
        let measures = measures([])
        let all = [
            measures.deploymentFrequency, measures.leadTime, measures.changeFailureRate, measures.timeToRestore,
        ]
        let units = all.map(\.unit.rawValue)
        let definitions = all.map(\.definition)
        let areOnOneLine = definitions.allSatisfy { $0.hasSuffix(".") && !$0.contains("\n") && !$0.contains("  ") }

        #expect(units == ["per_day", "seconds", "ratio", "seconds"])
        #expect(Set(definitions).count == 4)
        #expect(areOnOneLine)
    }

    @Test func `E6 without a report no measure has a value`() {
        let measures = measures([])
        let all = [
            measures.deploymentFrequency, measures.leadTime, measures.changeFailureRate, measures.timeToRestore,
        ]
        let haveNone = all.allSatisfy { $0.value == nil && $0.count == 0 }

        #expect(haveNone)
    }

    @Test func `E6 a deploy that only started is no end, no failure and no success`() {
        let measures = measures([Self.deploy(1, "1.0", .started, at: 1, committed: 0)])

        #expect(measures.deploymentFrequency.value == nil)
        #expect(measures.leadTime.value == nil)
        #expect(measures.changeFailureRate.value == nil)
        #expect(measures.timeToRestore.value == nil)
    }

    @Test func `E6 with nothing but failures only the change failure rate has a value, and it is 1`() {
        let measures = measures([
            Self.deploy(1, "1.0", .failed, at: 1, committed: 0), Self.deploy(2, "1.1", .failed, at: 2, committed: 0),
        ])

        #expect(measures.deploymentFrequency.value == nil)
        #expect(measures.leadTime.value == nil)
        #expect(measures.changeFailureRate.value == 1)
        #expect(measures.changeFailureRate.count == 2)
        #expect(measures.timeToRestore.value == nil)
        #expect(measures.timeToRestore.count == 0)
    }

    @Test func `E6 the rollback of a version that failed ends the outage, which began with the first failure`() {
        let measures = measures([
            Self.deploy(1, "1.0", .failed, at: 1, committed: 0), Self.deploy(2, "1.1", .failed, at: 2, committed: 0),
            Self.deploy(3, "1.1", .rolledBack, at: 3, committed: 0),
        ])

        #expect(measures.changeFailureRate.value == 1)
        #expect(measures.timeToRestore.value == 7200)
        #expect(measures.timeToRestore.count == 1)
    }

    @Test func `E6 with nothing but successes the change failure rate is 0 and nothing was restored`() {
        let measures = measures([Self.deploy(1, "1.0", .succeeded, at: 1)])

        #expect(measures.changeFailureRate.value == 0)
        #expect(measures.changeFailureRate.count == 1)
        #expect(measures.timeToRestore.value == nil)
    }

    @Test func `E6 a deploy of the moment it was committed took no time, and one before took none that counts`() {
        let atOnce = measures([Self.deploy(1, "1.0", .succeeded, at: 1, committed: 1)])
        let before = measures([Self.deploy(1, "1.0", .succeeded, at: 1, committed: 1.001)])

        #expect(atOnce.leadTime.value == 0)
        #expect(atOnce.leadTime.count == 1)
        #expect(before.leadTime.value == nil)
        #expect(before.leadTime.count == 0)
    }

    @Test func `E6 the median of an odd count is the one in the middle`() {
        let measures = measures([
            Self.deploy(1, "1.0", .succeeded, at: 100, committed: 99), Self.deploy(2, "1.1", .succeeded, at: 100, committed: 0),
            Self.deploy(3, "1.2", .succeeded, at: 100, committed: 97),
        ])

        #expect(measures.leadTime.value == 3 * Self.hour)
    }

    @Test func `E6 at the same moment the smaller id came first`() {
        let failedFirst = measures([
            Self.deploy(2, "1.1", .succeeded, at: 5), Self.deploy(1, "1.0", .failed, at: 5),
            Self.deploy(3, "1.2", .succeeded, at: 6),
        ])
        let succeededFirst = measures([
            Self.deploy(2, "1.0", .failed, at: 5), Self.deploy(1, "1.1", .succeeded, at: 5),
            Self.deploy(3, "1.2", .succeeded, at: 6),
        ])

        #expect(failedFirst.timeToRestore.value == 0)
        #expect(succeededFirst.timeToRestore.value == Self.hour)
    }

    @Test func `E6 the beginning of the window belongs to it and the end does not`() {
        func count(of moment: Timestamp) -> Int {
            let deploy = Deploy(
                id: OrderedID(number: 1), application: .random(), version: Label(stored: "1"),
                environment: Label(stored: "production"), status: .succeeded, finishedAt: moment,
                receivedAt: Self.moment(1), remoteAddress: "127.0.0.1")
            return measures([deploy]).deploymentFrequency.count
        }

        #expect(count(of: from.adding(Interval(microseconds: -1))) == 0)
        #expect(count(of: from) == 1)
        #expect(count(of: to.adding(Interval(microseconds: -1))) == 1)
        #expect(count(of: to) == 0)
    }

    @Test func `E6 an outage counts if it began in the window, whenever it ended`() {
        let endedAfter = measures([
            Self.deploy(1, "1.0", .failed, at: 239), Self.deploy(2, "1.1", .succeeded, at: 244),
        ])
        let beganBefore = measures([
            Self.deploy(1, "1.0", .failed, at: -1), Self.deploy(2, "1.0", .rolledBack, at: 1),
            Self.deploy(3, "1.1", .succeeded, at: 2),
        ])
        let beganAtTheStart = measures([
            Self.deploy(1, "1.0", .failed, at: 0), Self.deploy(2, "1.1", .succeeded, at: 2),
        ])
        let beganAtTheEnd = measures([
            Self.deploy(1, "1.0", .failed, at: 240), Self.deploy(2, "1.1", .succeeded, at: 242),
        ])

        #expect(endedAfter.timeToRestore.value == 5 * Self.hour)
        #expect(beganBefore.timeToRestore.value == nil)
        #expect(beganAtTheStart.timeToRestore.value == 2 * Self.hour)
        #expect(beganAtTheEnd.timeToRestore.value == nil)
    }

    @Test func `E6 a rollback ends the outage that began when the version went live, and one of an unknown version is none`() {
        let wentLive = measures([
            Self.deploy(1, "1.0", .succeeded, at: 1), Self.deploy(2, "1.1", .succeeded, at: 5),
            Self.deploy(3, "1.1", .rolledBack, at: 7), Self.deploy(4, "1.2", .succeeded, at: 100),
        ])
        let unknown = measures([Self.deploy(1, "1.0", .rolledBack, at: 1), Self.deploy(2, "1.1", .succeeded, at: 3)])

        #expect(wentLive.timeToRestore.value == 2 * Self.hour)
        #expect(wentLive.timeToRestore.count == 1)
        #expect(unknown.timeToRestore.value == nil)
        #expect(unknown.changeFailureRate.value == 0.5)
    }

    @Test func `E6 a version that started again does not end an outage`() {
        let measures = measures([
            Self.deploy(1, "1.0", .failed, at: 1), Self.deploy(2, "1.1", .started, at: 2),
            Self.deploy(3, "1.1", .succeeded, at: 3),
        ])

        #expect(measures.timeToRestore.value == 2 * Self.hour)
        #expect(measures.timeToRestore.count == 1)
    }

    @Test func `E6 a version that failed and then succeeded is one version that failed`() {
        let measures = measures([
            Self.deploy(1, "1.0", .failed, at: 1), Self.deploy(2, "1.0", .succeeded, at: 2),
            Self.deploy(3, "1.1", .succeeded, at: 3),
        ])

        #expect(measures.changeFailureRate.value == 0.5)
        #expect(measures.changeFailureRate.count == 2)
    }

    @Test func `E6 a window that ends before it begins, and moments at the ends of time, have no value and no trap`() {
        let furthest = Deploy(
            id: OrderedID(number: 1), application: .random(), version: Label(stored: "1"),
            environment: Label(stored: "production"), status: .succeeded, finishedAt: Timestamp(microseconds: .max),
            committedAt: Timestamp(microseconds: .min), receivedAt: from, remoteAddress: "127.0.0.1")

        let backwards = Measures(of: Self.table, from: to, to: from)
        let all = Measures(
            of: [furthest], from: Timestamp(microseconds: .min), to: Timestamp(microseconds: .max))
        let rest = Measures(of: [furthest], from: from, to: Timestamp(microseconds: .max))

        #expect(backwards.deploymentFrequency.value == nil)
        #expect(backwards.timeToRestore.value == nil)
        #expect(all.deploymentFrequency.value == nil)
        #expect(rest.leadTime.value == nil)
    }

    @Test func `E6 a deploy counts for when it finished, else when it started, else when it came in`() {
        func deploy(started: Double?, finished: Double?) -> Deploy {
            Deploy(
                id: OrderedID(number: 1), application: .random(), version: Label(stored: "1"),
                environment: Label(stored: "production"), status: .started, startedAt: started.map(Self.moment),
                finishedAt: finished.map(Self.moment), receivedAt: Self.moment(3), remoteAddress: "127.0.0.1")
        }

        #expect(deploy(started: 1, finished: 2).at == Self.moment(2))
        #expect(deploy(started: nil, finished: 2).at == Self.moment(2))
        #expect(deploy(started: 1, finished: nil).at == Self.moment(1))
        #expect(deploy(started: nil, finished: nil).at == Self.moment(3))
    }

    @Test func `E6 the words for what a report says are those of the page`() {
        let words = DeployStatus.allCases.map(\.rawValue)

        #expect(words == ["started", "succeeded", "failed", "rolled_back"])
    }
}
