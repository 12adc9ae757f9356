import Domain
import Foundation
import Manage
import Storage
import WebSupport

/// One application: how its pipeline reports, the four DORA measures, and what was deployed.
struct ApplicationPage: Sendable {
    let request: PageRequest

    private static let spans = [7, 30, 90, 365]
    // Enough to have met every environment that is in use.
    private static let lookedThrough = 200

    func answer() async throws -> PageAnswer {
        let shown = try await request.operations.applications.show(request.id, request.actor)
        let application = shown.application
        let environments = try await environments(of: application)
        let environment = request.query["environment"] ?? environments.first ?? "production"
        let days = request.query["days"].flatMap { Int($0) }.flatMap { Limits.measureDays.contains($0) ? $0 : nil } ?? 30
        let deploys = try await request.operations.applications.deploys(
            of: application.id.text, environment: environment, after: request.query["after"], limit: 50, request.actor)
        let measures = try await request.operations.applications.measures(
            of: application.id.text, environment: environment, days: days, request.actor)
        return try request.page(
            "application", title: application.name.text, in: .applications, crumbs: [request.crumb(.applications)],
            [
                "path": ApplicationPages.path(application), "id": application.id.text, "name": application.name.text,
                "description": application.description.text.orFalseIfEmpty,
                "mayChange": request.may(.changeIntegrations), "mayReveal": request.may(.revealSecrets),
                "createdAt": request.input.time(application.createdAt), "token": token(shown.token),
                "filters": filters(environments, environment, days), "tiles": tiles(measures.measures, days),
                "deploys": deploys.items.map(row), "hasDeploys": !deploys.items.isEmpty,
                "pager": request.input.pager(deploys.next), "line": line,
            ])
    }

    private func environments(of application: Application) async throws -> [String] {
        let found = try await request.operations.applications.deploys(
            of: application.id.text, environment: nil, after: nil, limit: Self.lookedThrough, request.actor
        ).items.map(\.environment.text)
        let all = Set(found).union(request.query["environment"].map { [$0] } ?? [])
        // What matters most first.
        return all.sorted { ($0 == "production" ? 0 : 1, $0) < ($1 == "production" ? 0 : 1, $1) }
    }

    private func filters(_ environments: [String], _ environment: String, _ days: Int) -> [Model] {
        let known = environments.isEmpty ? [environment] : environments
        let spans = Set(Self.spans + [days]).sorted()
        return request.input.fields(
            [
                Field(
                    "environment", .choice(known.map { Field.Option($0, $0) }), key: "application.environment", isRequired: true),
                Field(
                    "days", .choice(spans.map { Field.Option("\($0)", request.words("application.days", ["n": $0])) }),
                    key: "application.span", isRequired: true),
            ], ["environment": environment, "days": "\(days)"])
    }

    private func token(_ token: IntegrationToken?) -> Any {
        guard let token else { return false }
        return [
            "hint": "\(token.hint)…", "createdAt": request.input.time(token.createdAt),
            "usedAt": request.input.time(token.lastUsedAt), "count": request.words.number(token.useCount),
            "address": token.lastAddress.orFalse,
        ] as Model
    }

    // Without the token: it stays hidden until the password is given again.
    private var line: Model {
        request.input.code(
            "report", "application.curl",
            """
            curl -sS -X POST '\(request.operations.applications.reportURL)' \\
              -H "Authorization: Bearer $INLET_DEPLOY_TOKEN" \\
              -H 'Content-Type: application/json' \\
              -d '{"version": "1.4.2", "environment": "production", "status": "succeeded", "commit": "9f2c1e7"}'
            """)
    }

    private func row(_ deploy: Deploy) -> Model {
        [
            "version": deploy.version.text, "status": ApplicationPages.status(deploy, request),
            // Only an address of the web is followed, whatever a pipeline reports.
            "url": deploy.url.flatMap { $0.hasPrefix("https://") || $0.hasPrefix("http://") ? $0 as Any : nil } ?? false,
            "commit": deploy.commit.map { $0.text as Any } ?? false, "environment": deploy.environment.text,
            "at": request.input.time(deploy.at),
            "took": deploy.startedAt.flatMap { start in
                deploy.finishedAt.map { request.words.length($0.since(start)) as Any }
            } ?? false,
            "address": deploy.remoteAddress,
        ]
    }

    private func tiles(_ measures: Measures, _ days: Int) -> [Model] {
        [
            ("deployment_frequency", measures.deploymentFrequency), ("lead_time", measures.leadTime),
            ("change_failure_rate", measures.changeFailureRate), ("time_to_restore", measures.timeToRestore),
        ].map { name, measure in
            [
                "name": request.words["application.\(name)"],
                "value": measure.value.map { value($0, measure.unit) as Any } ?? false,
                "meaning": request.words["application.\(name)_means"],
                "basis": request.words("application.\(name)_basis", ["n": measure.count]),
                "missing": request.words["application.\(name)_missing"],
            ]
        }
    }

    private func value(_ value: Double, _ unit: Measures.Unit) -> String {
        switch unit {
        case .perDay:
            // Rarer than daily reads better by the week, and rarer than that by the month.
            if value >= 1 { return request.words("application.per_day", ["n": request.words.decimal(value, digits: 1)]) }
            if value * 7 >= 1 { return request.words("application.per_week", ["n": request.words.decimal(value * 7, digits: 1)]) }
            return request.words("application.per_month", ["n": request.words.decimal(value * 30, digits: 1)])
        case .seconds: return request.words.length(.seconds(Int64(min(max(value, 0), 1e12))))
        case .ratio: return request.words.percent(value, digits: 1)
        }
    }
}
