import Contract
import Domain
import HTTPTypes
import Manage
import WebSupport

enum ResourceRoutes {
    static let list: [Route] = [
        Route(.get, "resources", .readIntegrations, query: ["after", "limit"]) { request, operations in
            let page = try await operations.resources.list(after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map(ResourceView.init), next: page.next))
        },
        Route(.get, "resources/:id", .readIntegrations) { request, operations in
            try .json(ResourceView(try await operations.resources.show(request.id, request.actor)))
        },
        Route(.patch, "resources/:id", .changeIntegrations) { request, operations in
            let asked = try request.decode(ResourceEdit.self, fields: ["objective"])
            return try .json(
                ResourceView(
                    try await operations.resources.edit(request.id, objective: asked.objective, request.actor)))
        },
        Route(.delete, "resources/:id", .changeIntegrations) { request, operations in
            try await operations.resources.delete(request.id, request.actor)
            return .nothing
        },
        Route(.get, "resources/:id/availability", .readIntegrations, query: ["from", "to", "step"]) { request, operations in
            try .json(
                AvailabilityView(
                    try await operations.resources.availability(
                        of: request.id, from: request.input.moment("from"), to: request.input.moment("to"),
                        step: request.query["step"], request.actor)))
        },
    ]
}

extension ResourceView {
    init(_ shown: ResourceOperations.Shown) {
        let resource = shown.resource
        self.init(
            id: resource.id.text, name: resource.name.text, objective: resource.objective.percent,
            state: shown.state.rawValue, createdAt: resource.createdAt.text, lastReportAt: shown.lastReportAt?.text,
            usualIntervalSeconds: shown.usualInterval.map { $0.microseconds / 1_000_000 },
            days: Int(ResourceOperations.budgetDays), hits: shown.sum.hits, failures: shown.sum.failures,
            availability: shown.sum.availability, errorBudgetLeft: shown.sum.errorBudgetLeft(resource.objective),
            burnRateHour: shown.lastHour.burnRate(resource.objective),
            burnRateDay: shown.lastDay.burnRate(resource.objective))
    }
}

extension AvailabilityView {
    init(_ shown: ResourceOperations.Availability) {
        let (resource, sum) = (shown.resource, shown.sum)
        self.init(
            resource: resource.id.text, name: resource.name.text, from: shown.from.text, to: shown.to.text,
            stepSeconds: shown.step.seconds, objective: resource.objective.percent, hits: sum.hits, failures: sum.failures,
            availability: sum.availability, errorBudgetLeft: sum.errorBudgetLeft(resource.objective),
            burnRate: sum.burnRate(resource.objective),
            points: shown.points.map {
                AvailabilityPointView(
                    at: $0.at.text, hits: $0.sum.hits, failures: $0.sum.failures, availability: $0.sum.availability)
            })
    }
}
