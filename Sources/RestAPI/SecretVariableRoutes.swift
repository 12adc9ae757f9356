import Contract
import Domain
import HTTPTypes
import Manage
import Storage
import WebSupport

enum SecretVariableRoutes {
    static let list: [Route] = [
        Route(.get, "secret-variables", .readVariables, query: ["after", "limit"]) { request, operations in
            let page = try await operations.variables.list(after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map(SecretVariableView.init), next: page.next))
        },
        Route(.put, "secret-variables/:id", .changeVariables) { request, operations in
            let asked = try request.decode(NewSecretVariable.self, fields: ["value"])
            let (shown, isNew) = try await operations.variables.set(request.id, to: asked.value, request.actor)
            return try .json(SecretVariableView(shown), status: isNew ? 201 : 200)
        },
        Route(.delete, "secret-variables/:id", .changeVariables) { request, operations in
            try await operations.variables.delete(request.id, request.actor)
            return .nothing
        },
    ]
}

extension SecretVariableView {
    init(_ shown: SecretVariableOperations.Shown) {
        self.init(
            name: shown.entry.name.text, createdAt: shown.entry.createdAt.text, updatedAt: shown.entry.updatedAt.text,
            uses: shown.uses)
    }
}
