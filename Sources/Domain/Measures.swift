/// The four DORA measures of one application in one environment. Row E6.
package struct Measures: Hashable, Sendable {
    /// One figure and what it rests on.
    package struct Measure: Hashable, Sendable {
        /// `nil` if there is not enough data.
        package let value: Double?
        package let unit: Unit
        /// How many deploys, versions or outages it rests on.
        package let count: Int
        /// How it is worked out, in words for a person.
        package let definition: String
    }

    /// What a figure is in; the word on the wire.
    package enum Unit: String, Sendable, CaseIterable {
        case perDay = "per_day"
        case seconds
        case ratio
    }

    package let deploymentFrequency: Measure
    package let leadTime: Measure
    package let changeFailureRate: Measure
    package let timeToRestore: Measure

    /// Measures the window from `from` to just before `to`.
    ///
    /// - Parameter deploys: reports of one application in one environment, in any order. Those before the window only say whether
    ///   an outage had begun already, and those after it only whether one was over at last.
    package init(of deploys: [Deploy], from: Timestamp, to: Timestamp) {
        // The id settles what happened first at the same moment.
        let ordered = deploys.sorted { ($0.at, $0.id) < ($1.at, $1.id) }
        let window = ordered.filter { from <= $0.at && $0.at < to }
        deploymentFrequency = Self.deploymentFrequency(window, length: to.since(from))
        leadTime = Self.leadTime(window)
        changeFailureRate = Self.changeFailureRate(window)
        timeToRestore = Self.timeToRestore(ordered, from: from, to: to)
    }

    private static func deploymentFrequency(_ window: [Deploy], length: Interval) -> Measure {
        let succeeded = window.count { $0.status == .succeeded }
        let days = Double(length.microseconds) / Double(Interval.days(1).microseconds)
        return Measure(
            value: succeeded == 0 ? nil : Double(succeeded) / days, unit: .perDay, count: succeeded,
            definition: "How many deploys succeeded in the window, divided by its days.")
    }

    private static func leadTime(_ window: [Deploy]) -> Measure {
        let times = window.filter { $0.status == .succeeded }
            .compactMap { deploy in deploy.committedAt.map { deploy.at.since($0).seconds } }
            .filter { $0 >= 0 }
        return Measure(
            value: median(times), unit: .seconds, count: times.count,
            definition: """
                The median time from the commit to the deploy, over the deploys that succeeded in the window and say when they \
                were committed; those that say it was after the deploy are left out.
                """)
    }

    private static func changeFailureRate(_ window: [Deploy]) -> Measure {
        let ended = Set(window.filter { $0.status != .started }.map(\.version))
        let failed = Set(window.filter(\.status.isFailure).map(\.version))
        return Measure(
            value: ended.isEmpty ? nil : Double(failed.count) / Double(ended.count), unit: .ratio, count: ended.count,
            definition: """
                The versions that failed or were rolled back in the window, divided by the versions that succeeded, failed or \
                were rolled back in it.
                """)
    }

    private static func timeToRestore(_ ordered: [Deploy], from: Timestamp, to: Timestamp) -> Measure {
        var times: [Double] = []
        var outageStart: Timestamp?
        // A version that is rolled back later was bad since it went live.
        var liveSince: [Label: Timestamp] = [:]
        func end(_ start: Timestamp?, at moment: Timestamp) {
            outageStart = nil
            if let start, from <= start, start < to { times.append(moment.since(start).seconds) }
        }
        for deploy in ordered {
            switch deploy.status {
            case .started: break
            case .failed: outageStart = outageStart ?? deploy.at
            case .rolledBack: end(outageStart ?? liveSince[deploy.version], at: deploy.at)
            case .succeeded:
                end(outageStart, at: deploy.at)
                liveSince[deploy.version] = deploy.at
            }
        }
        return Measure(
            value: median(times), unit: .seconds, count: times.count,
            definition: """
                The median length of the outages that began in the window. One begins with a failed deploy, or with the success \
                of a version that is rolled back later; it ends with the rollback, or with the next deploy that succeeded. \
                Failures in a row are one outage. One that has not ended does not count, nor does the rollback of a version that \
                was never reported before.
                """)
    }

    // The mean of the middle two if the count is even; `nil` of nothing.
    private static func median(_ values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
}

extension Interval {
    fileprivate var seconds: Double {
        Double(microseconds) / 1_000_000
    }
}
