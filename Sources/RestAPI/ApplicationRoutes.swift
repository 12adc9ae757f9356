import Contract
import Domain
import HTTPTypes
import Manage
import WebSupport

enum ApplicationRoutes {
    static let list: [Route] = records + acts

    private static let records: [Route] = [
        Route(.get, "applications", .readIntegrations, query: ["after", "limit"]) { request, operations in
            let page = try await operations.applications.list(
                after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map(ApplicationView.init), next: page.next))
        },
        Route(.post, "applications", .changeIntegrations) { request, operations in
            let asked = try request.decode(NewApplication.self, fields: ["name", "description", "credential"])
            return try .secret(
                ApplicationView(
                    try await operations.applications.create(
                        name: asked.name, description: asked.description, credential: asked.credential, request.actor)))
        },
        Route(.get, "applications/:id", .readIntegrations) { request, operations in
            try .json(ApplicationView(try await operations.applications.show(request.id, request.actor)))
        },
        Route(.patch, "applications/:id", .changeIntegrations) { request, operations in
            let asked = try request.decode(ApplicationEdit.self, fields: ["name", "description", "credential"])
            return try .json(
                ApplicationView(
                    try await operations.applications.edit(
                        request.id, name: asked.name, description: asked.description, credential: asked.credential,
                        request.actor)))
        },
        Route(.delete, "applications/:id", .changeIntegrations) { request, operations in
            let asked = try request.decode(ConfirmDeletion.self, fields: ["confirm_name"])
            try await operations.applications.delete(request.id, confirmedName: asked.confirmName, request.actor)
            return .nothing
        },
        Route(.get, "applications/:id/deploys", .readIntegrations, query: ["environment", "after", "limit"]) {
            request, operations in
            let page = try await operations.applications.deploys(
                of: request.id, environment: request.query["environment"], after: request.after, limit: request.limit(),
                request.actor)
            return try .json(PageView(items: page.items.map(DeployView.init), next: page.next))
        },
        Route(.get, "applications/:id/measures", .readIntegrations, query: ["environment", "days"]) { request, operations in
            try .json(
                MeasuresView(
                    try await operations.applications.measures(
                        of: request.id, environment: request.query["environment"], days: request.input.number("days"),
                        request.actor)))
        },
    ]

    private static let acts: [Route] = [
        Route(
            .post, "applications/:id/token/reveal", .revealSecrets,
            noteRefusal: { id, actor, operations in try await operations.applications.noteRefusedLook(at: id, actor) }
        ) { request, operations in
            let asked = try request.decode(RevealSecret.self, fields: ["password"], mayBeEmpty: true)
            return try .secret(
                RevealedView(
                    try await operations.applications.revealToken(request.id, password: asked.password, request.actor)),
                status: 200)
        },
        Route(.post, "applications/:id/token/regenerate", .changeIntegrations) { request, operations in
            try .secret(
                RevealedView(try await operations.applications.regenerateToken(request.id, request.actor)))
        },
    ]
}

extension ApplicationView {
    init(_ shown: ApplicationOperations.Shown) {
        let (application, token) = (shown.application, shown.token)
        self.init(
            id: application.id.text, name: application.name.text, description: application.description.text,
            credential: application.credential?.text, createdAt: application.createdAt.text, hint: token?.hint,
            tokenCreatedAt: token?.createdAt.text, lastUsedAt: token?.lastUsedAt?.text, lastAddress: token?.lastAddress,
            useCount: token?.useCount ?? 0, secret: shown.revealed?.secret, header: shown.revealed?.header,
            curl: shown.revealed?.curl)
    }
}

extension DeployView {
    init(_ deploy: Deploy) {
        self.init(
            id: deploy.id.text, application: deploy.application.text, version: deploy.version.text,
            commit: deploy.commit?.text, environment: deploy.environment.text, status: deploy.status.rawValue,
            startedAt: deploy.startedAt?.text, finishedAt: deploy.finishedAt?.text, committedAt: deploy.committedAt?.text,
            url: deploy.url, at: deploy.at.text, receivedAt: deploy.receivedAt.text, remoteAddress: deploy.remoteAddress)
    }
}

extension MeasuresView {
    init(_ shown: ApplicationOperations.ShownMeasures) {
        let measures = shown.measures
        self.init(
            application: shown.application.id.text, environment: shown.environment, days: shown.days,
            from: shown.from.text, to: shown.to.text, deploymentFrequency: MeasureView(measures.deploymentFrequency),
            leadTime: MeasureView(measures.leadTime), changeFailureRate: MeasureView(measures.changeFailureRate),
            timeToRestore: MeasureView(measures.timeToRestore))
    }
}

extension MeasureView {
    init(_ measure: Measures.Measure) {
        self.init(
            value: measure.value, unit: measure.unit.rawValue, count: measure.count, definition: measure.definition,
            note: measure.value == nil ? "not enough data" : nil)
    }
}
