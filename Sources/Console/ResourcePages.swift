import Domain
import Foundation
import HTTPTypes
import Manage
import WebSupport

/// Resources and how available they were. Row E5.
enum ResourcePages {
    static let list: [PageRoute] = [
        PageRoute(.get, "/resources", .readIntegrations) { request in try await listing(request) },
        PageRoute(.get, "/resources/:id", .readIntegrations) { request in try await page(request) },
        PageRoute(.get, "/resources/:id/edit", .changeIntegrations) { request in try await form(request) },
        PageRoute(.post, "/resources/:id/edit", .changeIntegrations) { request in
            try await request.attempt {
                guard let percent = percent(request.form.text("objective")) else {
                    throw OperationError.invalid(field: "objective", "must be 50 to 99.999, in percent.")
                }
                let edited = try await request.operations.resources.edit(request.id, objective: percent, request.actor)
                return .go(to: path(edited.resource), done: "resource_edited")
            } orShow: { fault in
                try await form(request, fault: fault)
            }
        },
        PageRoute(.get, "/resources/:id/delete", .changeIntegrations) { request in try await askDelete(request) },
        PageRoute(.post, "/resources/:id/delete", .changeIntegrations) { request in
            try await request.operations.resources.delete(request.id, request.actor)
            return .go(to: "/resources", done: "resource_deleted")
        },
    ]

    static func path(_ resource: Resource) -> String { "/resources/\(resource.id.text)" }

    static func state(_ shown: ResourceOperations.Shown, _ request: PageRequest) -> Model {
        let tone: OpenPageRequest.Tone =
            switch shown.state {
            case .learning: .quiet
            case .healthy: .good
            case .failing: .bad
            case .silent: .warn
            }
        return request.input.badge("resource.state_\(shown.state.rawValue)", tone)
    }

    // People write 99,9 as well as 99.9, and the sign behind it.
    private static func percent(_ text: String) -> Double? {
        Double(text.replacing(",", with: ".").replacing("%", with: "").trimmingCharacters(in: .whitespaces))
    }

    private static func availability(_ share: Double?, _ words: Words) -> String {
        // Rounded down, so that not quite all never reads as all.
        share.map { words.percent(($0 * 100_000).rounded(.down) / 100_000, digits: 3) } ?? words["resource.no_data"]
    }

    private static func objective(_ objective: Objective, _ words: Words) -> String {
        words.percent(objective.ratio, digits: 3)
    }

    // MARK: Listing

    private static func listing(_ request: PageRequest) async throws -> PageAnswer {
        let found = try await request.operations.resources.list(after: request.query["after"], limit: 50, request.actor)
        return try request.page(
            "resource-list", title: request.words["nav.resources"], in: .resources,
            [
                "resources": found.items.map { row($0, request) },
                "isEmpty": found.items.isEmpty && request.query["after"] == nil, "pager": request.input.pager(found.next),
                "empty": [
                    "title": request.words["resource.none"], "text": request.words["resource.none_text"],
                    "href": "/settings/integration-tokens", "action": request.words["resource.how_to_report"],
                ] as Model,
            ])
    }

    private static func row(_ shown: ResourceOperations.Shown, _ request: PageRequest) -> Model {
        let resource = shown.resource
        return [
            "name": resource.name.text, "href": path(resource), "state": state(shown, request),
            "availability": availability(shown.sum.availability, request.words),
            "objective": objective(resource.objective, request.words),
            "hits": request.words.number(shown.sum.hits), "failures": request.words.number(shown.sum.failures),
            "budget": shown.sum.errorBudgetLeft(resource.objective).map { budget($0, request.words) as Any } ?? false,
            "lastAt": request.input.time(shown.lastReportAt),
        ]
    }

    /// What is left of an error budget, as a bar 100 units wide with its words.
    private static func budget(_ left: Double, _ words: Words) -> Model {
        let share = min(max(left, 0), 1)
        return [
            "width": Int((share * 100).rounded()), "isLow": left < 0.25,
            "text": left < 0
                ? words("resource.budget_overdrawn", ["share": words.percent(min(-left, 99), digits: 0)])
                : words("resource.budget_left", ["share": words.percent(share, digits: 0)]),
        ]
    }

    // MARK: One resource

    private static func page(_ request: PageRequest) async throws -> PageAnswer {
        let shown = try await request.operations.resources.show(request.id, request.actor)
        let (resource, span) = (shown.resource, ChartSpan.named(request.query["range"]))
        // By its id, for another resource may have the name.
        let availability = try await request.operations.resources.availability(
            of: resource.id.text, from: request.now.adding(span.length.negated), to: nil, step: span.step, request.actor)
        let chart = AvailabilityChart(availability, span, request.words)
        return try request.page(
            "resource", title: resource.name.text, in: .resources, crumbs: [request.crumb(.resources)],
            [
                "path": path(resource), "id": resource.id.text, "name": resource.name.text, "state": state(shown, request),
                "stateText": request.words["resource.state_\(shown.state.rawValue)_means"],
                "mayChange": request.may(.changeIntegrations), "objective": objective(resource.objective, request.words),
                "ranges": ChartSpan.all.map { one in
                    [
                        "href": "\(path(resource))?range=\(one.name)", "label": request.words["resource.range_\(one.name)"],
                        "isCurrent": one.name == span.name,
                    ] as Model
                },
                "rangeText": request.words["resource.range_\(span.name)"], "tiles": tiles(availability, request),
                "chart": chart.model, "hasData": availability.sum.hits > 0, "facts": facts(shown, request),
                "createdAt": request.input.time(resource.createdAt),
            ])
    }

    private static func tiles(_ shown: ResourceOperations.Availability, _ request: PageRequest) -> [Model] {
        let (sum, words, goal) = (shown.sum, request.words, shown.resource.objective)
        let left = sum.errorBudgetLeft(goal)
        let allowed = Int64((Double(sum.hits) * (1 - goal.ratio)).rounded(.down))
        return [
            [
                "name": words["resource.availability"], "value": availability(sum.availability, words),
                "note": words("resource.objective_is", ["objective": objective(goal, words)]), "bar": false,
            ],
            [
                "name": words["resource.hits"], "value": words.number(sum.hits), "note": words["resource.hits_means"],
                "bar": false,
            ],
            [
                "name": words["resource.failures"], "value": words.number(sum.failures),
                "note": words("resource.failures_allowed", ["n": allowed]), "bar": false,
            ],
            [
                "name": words["resource.budget"],
                "value": left.map { words.percent(max($0, 0), digits: 0) } ?? words["resource.no_data"],
                "note": words["resource.budget_means"],
                "bar": left.map { left in
                    // The share itself stands above it.
                    left < 0 ? budget(left, words) as Any : budget(left, words).merging(["text": false]) { $1 } as Any
                } ?? false,
            ],
        ]
    }

    private static func facts(_ shown: ResourceOperations.Shown, _ request: PageRequest) -> [Model] {
        let words = request.words
        func burn(_ sum: HitSum) -> String {
            sum.burnRate(shown.resource.objective).map {
                words("resource.burn_times", ["n": words.decimal($0, digits: $0 < 10 ? 1 : 0)])
            } ?? words["resource.no_data"]
        }
        return [
            ["label": words["resource.burn_hour"], "text": burn(shown.lastHour)],
            ["label": words["resource.burn_day"], "text": burn(shown.lastDay)],
            [
                "label": words["resource.last_report"],
                "text": shown.lastReportAt.map { words.distance($0, now: request.now) } ?? words["resource.no_data"],
            ],
            [
                "label": words["resource.usual_interval"],
                "text": shown.usualInterval.map { words.length($0) } ?? words["resource.not_known"],
            ],
        ]
    }

    // MARK: Asking

    private static func form(_ request: PageRequest, fault: Fault? = nil) async throws -> PageAnswer {
        let resource = try await request.operations.resources.show(request.id, request.actor).resource
        let fields = [Field("objective", key: "resource.objective", isRequired: true, maxLength: 10)]
        return try request.page(
            "resource-form", title: request.words("resource.edit_title", ["name": resource.name.text]), in: .resources,
            crumbs: [request.crumb(.resources), PageRequest.Crumb(path(resource), resource.name.text)],
            [
                "action": "\(path(resource))/edit", "back": path(resource), "fault": request.input.errors(fault),
                "fields": request.input.fields(
                    fields, ["objective": request.words.decimal(resource.objective.percent, digits: 3)], fault: fault),
            ])
    }

    private static func askDelete(_ request: PageRequest) async throws -> PageAnswer {
        let shown = try await request.operations.resources.show(request.id, request.actor)
        let resource = shown.resource
        return try request.confirm(
            Confirmation(
                title: request.words("resource.delete_title", ["name": resource.name.text]),
                text: request.words["resource.delete_text"], action: "\(path(resource))/delete",
                button: request.words["resource.delete"], back: path(resource), isDanger: true,
                notes: shown.lastReportAt.map {
                    [
                        request.words(
                            "resource.delete_used",
                            ["n": shown.sum.hits, "ago": request.words.distance($0, now: request.now)])
                    ]
                } ?? []),
            in: .resources, crumbs: [request.crumb(.resources), PageRequest.Crumb(path(resource), resource.name.text)])
    }
}
