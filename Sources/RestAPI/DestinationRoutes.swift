import Contract
import Deliver
import Destinations
import Domain
import HTTPTypes
import Manage
import WebSupport

enum DestinationRoutes {
    static let list: [Route] = records + acts

    private static let records: [Route] = [
        Route(.get, "destination-kinds", .readFlows) { _, _ in
            try .json(PageView(items: AllKinds.list.map(DestinationKindView.init), next: nil))
        },
        Route(.get, "destinations", .readFlows, query: ["after", "limit"]) { request, operations in
            let page = try await operations.destinations.list(
                after: request.after, limit: request.limit(), request.actor)
            return try .json(PageView(items: page.items.map(DestinationView.init), next: page.next))
        },
        Route(.post, "destinations", .changeFlows) { request, operations in
            let asked = try request.decode(
                NewDestination.self,
                fields: ["name", "kind", "settings", "schedule", "concurrency", "rate_per_second", "ordered_by"])
            let draft = DestinationOperations.Draft(
                name: asked.name, kind: asked.kind, settings: asked.settings ?? [:], schedule: .some(asked.schedule),
                concurrency: asked.concurrency, ratePerSecond: .some(asked.ratePerSecond), orderedBy: .some(asked.orderedBy))
            return try .secret(DestinationView(try await operations.destinations.create(draft, request.actor)))
        },
        Route(.get, "destinations/:id", .readFlows) { request, operations in
            try .json(DestinationView(try await operations.destinations.show(request.id, request.actor)))
        },
        Route(.patch, "destinations/:id", .changeFlows) { request, operations in
            let asked = try request.decode(
                DestinationEdit.self,
                fields: ["name", "settings", "schedule", "concurrency", "rate_per_second", "ordered_by"])
            let draft = DestinationOperations.Draft(
                name: asked.name, settings: asked.settings, schedule: asked.schedule.wanted, concurrency: asked.concurrency,
                ratePerSecond: asked.ratePerSecond.wanted, orderedBy: asked.orderedBy.wanted)
            return try .json(DestinationView(try await operations.destinations.edit(request.id, draft, request.actor)))
        },
        Route(.delete, "destinations/:id", .changeFlows) { request, operations in
            try await operations.destinations.delete(request.id, request.actor)
            return .nothing
        },
    ]

    private static let acts: [Route] = [
        Route(.post, "destinations/:id/disable", .changeFlows) { request, operations in
            try .json(DestinationView(try await operations.destinations.disable(request.id, request.actor)))
        },
        Route(.post, "destinations/:id/enable", .changeFlows) { request, operations in
            try .json(DestinationView(try await operations.destinations.enable(request.id, request.actor)))
        },
        Route(.post, "destinations/:id/rotate", .changeFlows) { request, operations in
            let asked = try request.decode(RotateSigningSecret.self, fields: ["overlap_seconds"], mayBeEmpty: true)
            let overlap = try asked.overlapSeconds.map { seconds throws(OperationError) in
                guard (0...604_800).contains(seconds) else {
                    throw .invalid(field: "overlap_seconds", "must be 0 to 604800, seven days.")
                }
                return Interval.seconds(seconds)
            }
            return try .secret(
                DestinationView(
                    try await operations.destinations.rotateSecret(request.id, overlap: overlap, request.actor)))
        },
        Route(
            .post, "destinations/:id/reveal", .revealSecrets,
            noteRefusal: { id, actor, operations in try await operations.destinations.noteRefusedLook(at: id, actor) }
        ) { request, operations in
            let asked = try request.decode(RevealSecret.self, fields: ["password"], mayBeEmpty: true)
            return try .secret(
                SigningSecretView(
                    secret: try await operations.destinations.reveal(request.id, password: asked.password, request.actor)),
                status: 200)
        },
        Route(.post, "destinations/:id/claims", .changeFlows) { request, operations in
            let asked = try request.decode(
                ClaimRequest.self, fields: ["limit", "lease_seconds", "wait_seconds"], mayBeEmpty: true)
            return try await request.staying(asked.waitSeconds) {
                let handed = try await operations.destinations.claim(
                    at: request.id, limit: asked.limit, leaseSeconds: asked.leaseSeconds, waitSeconds: asked.waitSeconds,
                    request.actor)
                return try .json(PageView(items: handed.map(ClaimView.init), next: nil))
            }
        },
    ]
}

extension DestinationKindView {
    init(_ kind: any DestinationKind) {
        self.init(
            name: kind.name, meaning: kind.meaning, signs: kind.signing != nil, isPulled: kind.isPulled,
            fields: kind.fields.map(DestinationFieldView.init))
    }
}

extension DestinationFieldView {
    init(_ field: DestinationField) {
        let type: String
        var choices: [String]?
        var range: ClosedRange<Int>?
        switch field.content {
        case .text: type = "text"
        case .url: type = "url"
        case .headers: type = "headers"
        case .choice(let words):
            type = "choice"
            choices = words
        case .number(let numbers):
            type = "number"
            range = numbers
        }
        self.init(
            name: field.name, type: type, isRequired: field.isRequired, default: field.standard, meaning: field.meaning,
            choices: choices, minimum: range?.lowerBound, maximum: range?.upperBound, takesSecrets: field.takesSecrets)
    }
}

extension DestinationView {
    init(_ shown: DestinationOperations.Shown) {
        let destination = shown.destination
        var since: String?
        var reason: String?
        if case .disabled(let moment, let why) = destination.state { (since, reason) = (moment.text, why.rawValue) }
        self.init(
            id: destination.id.text, name: destination.name.text, kind: destination.kind, settings: destination.settings,
            state: destination.state.isActive ? "active" : "disabled", disabledSince: since, disabledReason: reason,
            schedule: destination.schedule.text, concurrency: destination.concurrency,
            ratePerSecond: destination.ratePerSecond, orderedBy: destination.orderedBy, createdAt: destination.createdAt.text,
            publicKey: shown.publicKey, signingSecrets: shown.signingSecrets, failingSince: shown.failingSince?.text,
            waiting: shown.open.waiting, due: shown.open.due, secret: shown.secret)
    }
}

extension ClaimView {
    init(_ handed: Claims.Handed) {
        let delivery = handed.delivery
        let (text, base64) = textOrBase64(handed.body)
        self.init(
            delivery: delivery.id.text, attempt: delivery.attempts, event: delivery.event.text, webhook: delivery.webhook.text,
            leaseUntil: (delivery.leaseUntil ?? delivery.createdAt).text, headers: handed.headers.map { [$0.name, $0.value] },
            body: text, bodyBase64: base64)
    }
}
