import Domain
import Storage

/// Resources of the actor's organization, and how available they were. Row E5.
package struct ResourceOperations: Sendable {
    private let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// How many days the error budget of a resource is counted over.
    package static let budgetDays: Int64 = 30

    /// A resource, and how it does.
    package struct Shown: Sendable {
        package let resource: Resource
        package let state: ResourceState
        /// When the newest minute began that a report tells of.
        package let lastReportAt: Timestamp?
        package let usualInterval: Interval?
        /// Of the last 30 days.
        package let sum: HitSum
        package let lastHour: HitSum
        package let lastDay: HitSum
    }

    /// Availability over a span of time.
    package struct Availability: Sendable {
        package let resource: Resource
        package let from: Timestamp
        package let to: Timestamp
        package let step: AvailabilityStep
        package let sum: HitSum
        package let points: [Point]
    }

    /// One step of the span.
    package struct Point: Sendable {
        package let at: Timestamp
        package var sum: HitSum
    }

    package func list(after: String?, limit: Int?, _ actor: Actor) async throws -> Page<Shown> {
        let limit = try Limits.page(limit)
        let after: OrderedID<Resource>? = try Cursor.orderedID(after)
        let now = desk.clock.now()
        return try await desk.look(actor, .readIntegrations) { connection in
            let read = try ResourceTable(connection).list(in: actor.organization, after: after, limit: limit + 1)
            return try Page(read.map { try Self.shown($0, now: now, connection) }, limit: limit) { $0.resource.id.text }
        }
    }

    /// - Parameter reference: name or id.
    package func show(_ reference: String, _ actor: Actor) async throws -> Shown {
        let now = desk.clock.now()
        return try await desk.look(actor, .readIntegrations) { connection in
            try Self.shown(try Self.find(reference, in: actor.organization, connection), now: now, connection)
        }
    }

    /// Sets the objective, in percent.
    package func edit(_ reference: String, objective percent: Double, _ actor: Actor) async throws -> Shown {
        guard let objective = Objective(percent: percent) else {
            throw OperationError.invalid(field: "objective", "must be 50 to 99.999, in percent.")
        }
        return try await desk.act(actor, .changeIntegrations) { act in
            var resource = try Self.find(reference, in: act.organization, act.connection)
            if resource.objective != objective {
                resource.objective = objective
                try ResourceTable(act.connection).update(resource)
                try act.record(
                    .resourceEdit, resource.id.text, ["name": resource.name.text, "objective": "\(objective.percent)"])
            }
            return try Self.shown(resource, now: act.now, act.connection)
        }
    }

    /// Deletes a resource with its figures. The next report makes it anew.
    package func delete(_ reference: String, _ actor: Actor) async throws {
        try await desk.act(actor, .changeIntegrations) { act in
            let resource = try Self.find(reference, in: act.organization, act.connection)
            try ResourceTable(act.connection).delete(resource.id)
            try act.record(.resourceDelete, resource.id.text, ["name": resource.name.text])
        }
    }

    /// How available a resource was, step by step; steps without reports hold no hits.
    ///
    /// - Parameters:
    ///   - from: by default 24 hours before `to`; moved back to where a step begins.
    ///   - to: by default now; moved on to where a step ends.
    ///   - step: `60`, `5m`, `1h`, `1d`; by default one that gives a readable number of points.
    package func availability(
        of reference: String, from: Timestamp?, to: Timestamp?, step: String?, _ actor: Actor
    ) async throws -> Availability {
        let now = desk.clock.now()
        // A moment later, so that what was reported just now is in it.
        let to = to ?? now.adding(Interval(microseconds: 1))
        let from = from ?? to.adding(.days(-1))
        guard from < to else { throw OperationError.invalid(field: "from", "must lie before `to`.") }
        guard to.since(from) <= .days(3650) else { throw OperationError.invalid(field: "from", "lies too far before `to`.") }
        let step = try Self.step(step, for: to.since(from))
        let oldest = now.adding(step.bucket.keep.negated)
        guard from >= oldest.adding(.days(-1)) else {
            throw OperationError.invalid(
                field: "from", "lies before \(oldest.text), from when on such steps are kept; ask for a longer `step`.")
        }
        let start = Self.floor(from, step)
        let end = Self.floor(to.adding(Interval(microseconds: -1)), step) + step.seconds
        let count = (end - start) / step.seconds
        guard count <= Limits.availabilityPointsMax else {
            throw OperationError.invalid(
                field: "step", "gives \(count) points; at most \(Limits.availabilityPointsMax) are answered.")
        }
        return try await desk.look(actor, .readIntegrations) { connection in
            let resource = try Self.find(reference, in: actor.organization, connection)
            var points = (0..<count).map { Point(at: Timestamp(seconds: start + $0 * step.seconds), sum: HitSum()) }
            var sum = HitSum()
            for bucket in try ResourceTable(connection).buckets(of: resource.id, step.bucket, from: start, to: end) {
                let index = Int((bucket.start - start) / step.seconds)
                if points.indices.contains(index) { points[index].sum.add(bucket.sum) }
                sum.add(bucket.sum)
            }
            return Availability(
                resource: resource, from: Timestamp(seconds: start), to: Timestamp(seconds: end), step: step, sum: sum,
                points: points)
        }
    }

    private static func floor(_ moment: Timestamp, _ step: AvailabilityStep) -> Int64 {
        let minute = BucketStep.minute.start(of: moment)
        let rest = minute % step.seconds
        return minute - (rest < 0 ? rest + step.seconds : rest)
    }

    private static func step(_ text: String?, for span: Interval) throws(OperationError) -> AvailabilityStep {
        let standard =
            switch span {
            case ...Interval.seconds(6 * 3600): "1m"
            case ...Interval.days(2): "5m"
            case ...Interval.days(31): "1h"
            default: "1d"
            }
        guard let step = AvailabilityStep(text ?? standard) else {
            throw .invalid(field: "step", "must be whole minutes up to 31 days: 60, 5m, 1h or 1d for example.")
        }
        return step
    }

    private static func shown(_ resource: Resource, now: Timestamp, _ connection: any Connection) throws -> Shown {
        let table = ResourceTable(connection)
        let minutes = try table.lastMinutes(of: resource.id, limit: Heartbeat.minutesMax)
        let heartbeat = Heartbeat(minutes: minutes)
        // A sender's clock may be ahead of ours.
        let end = now.adding(Limits.reportAheadMax)
        func sum(_ step: BucketStep, _ span: Interval) throws -> HitSum {
            let from = step.start(of: now.adding(span.negated)) + step.rawValue
            return try table.buckets(of: resource.id, step, from: from, to: step.start(of: end) + step.rawValue)
                .reduce(into: HitSum()) { $0.add($1.sum) }
        }
        let lastHour = try sum(.minute, .seconds(3600))
        return Shown(
            resource: resource,
            state: .of(
                heartbeat: heartbeat, lastMinute: minutes.first, lastHour: lastHour, objective: resource.objective, now: now),
            lastReportAt: minutes.first.map { Timestamp(seconds: $0) }, usualInterval: heartbeat.usualInterval,
            sum: try sum(.hour, .days(budgetDays)), lastHour: lastHour, lastDay: try sum(.hour, .days(1)))
    }

    private static func find(
        _ reference: String, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> Resource {
        let table = ResourceTable(connection)
        if let found = try table.find(name: reference, in: organization) { return found }
        if let id = OrderedID<Resource>(reference), let found = try table.find(id, in: organization) { return found }
        throw OperationError.notFound("resource")
    }
}
