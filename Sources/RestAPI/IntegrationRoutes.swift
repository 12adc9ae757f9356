import Contract
import Domain
import HTTPTypes
import Manage
import WebSupport

enum IntegrationRoutes {
    static let list: [Route] = [
        Route(.get, "credentials", .readIntegrations, query: ["after", "limit"]) { request, operations in
            let page = try await operations.integrations.list(
                after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map(CredentialView.init), next: page.next))
        },
        Route(.post, "credentials", .changeIntegrations) { request, operations in
            let asked = try request.decode(
                NewCredential.self, fields: ["type", "name", "description", "activation_lifetime_seconds"])
            let draft = IntegrationOperations.Draft(
                kind: try word(asked.type, field: "type"), name: asked.name, description: asked.description,
                activationLifetimeSeconds: asked.activationLifetimeSeconds)
            return try .secret(CredentialView(try await operations.integrations.create(draft, request.actor)))
        },
        Route(.get, "credentials/:id", .readIntegrations) { request, operations in
            try .json(CredentialView(try await operations.integrations.show(request.id, request.actor)))
        },
        Route(.patch, "credentials/:id", .changeIntegrations) { request, operations in
            let asked = try request.decode(
                CredentialEdit.self, fields: ["name", "description", "activation_lifetime_seconds", "regenerate"])
            let edit = IntegrationOperations.Edit(
                name: asked.name, description: asked.description,
                activationLifetimeSeconds: asked.activationLifetimeSeconds.wanted, regenerates: asked.regenerate ?? false)
            return try .secret(
                CredentialView(try await operations.integrations.edit(request.id, edit, request.actor)), status: 200)
        },
        Route(.delete, "credentials/:id", .changeIntegrations) { request, operations in
            let asked = try request.decode(ConfirmDeletion.self, fields: ["confirm_name"])
            try await operations.integrations.delete(request.id, confirmedName: asked.confirmName, request.actor)
            return .nothing
        },
        Route(.post, "credentials/:id/regenerate", .changeIntegrations) { request, operations in
            try .secret(CredentialView(try await operations.integrations.regenerate(request.id, request.actor)))
        },
        Route(
            .post, "credentials/:id/reveal", .revealSecrets,
            noteRefusal: { id, actor, operations in try await operations.integrations.noteRefusedLook(at: id, actor) }
        ) { request, operations in
            let asked = try request.decode(RevealSecret.self, fields: ["password"], mayBeEmpty: true)
            return try .secret(
                RevealedView(
                    try await operations.integrations.reveal(request.id, password: asked.password, request.actor)),
                status: 200)
        },
        Route(.get, "credentials/:id/activations", .readIntegrations, query: ["after", "limit"]) { request, operations in
            let page = try await operations.integrations.activations(
                of: request.id, after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map(ActivationView.init), next: page.next))
        },
        Route(.delete, "credentials/:id/activations/:activation", .changeIntegrations) { request, operations in
            try await operations.integrations.revoke(
                request.parameters["activation"] ?? "", of: request.id, request.actor)
            return .nothing
        },
    ]
}

extension CredentialView {
    init(_ shown: IntegrationOperations.Shown) {
        let (credential, token) = (shown.credential, shown.token)
        self.init(
            id: credential.id.text, type: credential.kind.rawValue, name: credential.name.text,
            description: credential.description.text, createdAt: credential.createdAt.text,
            activationLifetimeSeconds: credential.activationLifetime.map { $0.microseconds / 1_000_000 },
            hint: token?.hint, regeneratedAt: token?.createdAt.text, lastUsedAt: token?.lastUsedAt?.text,
            lastAddress: token?.lastAddress, useCount: token?.useCount ?? 0, activationCount: Int64(shown.activationCount),
            applicationCount: Int64(shown.applicationCount), secret: shown.revealed?.secret,
            header: shown.revealed?.header, curl: shown.revealed?.curl)
    }
}

extension ActivationView {
    init(_ shown: IntegrationOperations.ShownActivation) {
        let token = shown.token
        self.init(
            id: token.id.text, hint: token.hint, createdAt: token.createdAt.text, createdAddress: token.createdAddress,
            expiresAt: token.expiresAt?.text, state: shown.isExpired ? "expired" : "active",
            lastUsedAt: token.lastUsedAt?.text, lastAddress: token.lastAddress, useCount: token.useCount)
    }
}

extension RevealedView {
    init(_ revealed: Revealed) {
        self.init(secret: revealed.secret, header: revealed.header, curl: revealed.curl)
    }
}
