import Destinations
import Domain
import Foundation
import HTTPTypes
import Manage
import Storage
import WebSupport

/// Destinations: where flows send to. Row P8.
enum DestinationPages {
    static let list: [PageRoute] = records + acts + secrets

    private static let records: [PageRoute] = [
        PageRoute(.get, "/destinations", .readFlows) { request in try await listing(request) },
        PageRoute(.get, "/destinations/new", .changeFlows) { request in
            guard let kind = request.query["kind"].flatMap({ AllKinds.kind(named: $0) }) else { return try kinds(request) }
            return try await DestinationForm(kind: kind, known: nil).page(request)
        },
        PageRoute(.post, "/destinations/new", .changeFlows) { request in
            guard let kind = request.form["kind"].flatMap({ AllKinds.kind(named: $0) }) else { return try kinds(request) }
            let form = DestinationForm(kind: kind, known: nil)
            return try await request.attempt {
                let made = try await request.operations.destinations.create(try form.draft(request), request.actor)
                if made.secret != nil { return try secretPage(made, isNew: true, request) }
                return .go(to: path(made.destination), done: "destination_created")
            } orShow: { fault in
                try await form.page(request, fault: fault)
            }
        },
        PageRoute(.get, "/destinations/:id", .readFlows) { request in try await page(request) },
        PageRoute(.get, "/destinations/:id/edit", .changeFlows) { request in
            try await editForm(request).page(request)
        },
        PageRoute(.post, "/destinations/:id/edit", .changeFlows) { request in
            let form = try await editForm(request)
            return try await request.attempt {
                let edited = try await request.operations.destinations.edit(request.id, try form.draft(request), request.actor)
                return .go(to: path(edited.destination), done: "destination_edited")
            } orShow: { fault in
                try await form.page(request, fault: fault)
            }
        },
    ]

    private static let acts: [PageRoute] = [
        PageRoute(.get, "/destinations/:id/disable", .changeFlows) { request in
            let shown = try await request.operations.destinations.show(request.id, request.actor)
            let flows = try await flows(to: shown.destination, request)
            return try request.confirm(
                Confirmation(
                    title: request.words("destination.disable_title", ["name": shown.destination.name.text]),
                    text: request.words[flows.isEmpty ? "destination.disable_text_unused" : "destination.disable_text"],
                    action: "\(path(shown.destination))/disable", button: request.words["destination.disable"],
                    back: path(shown.destination), items: flows.map(\.name.text)),
                in: .destinations, crumbs: crumbs(shown.destination, request))
        },
        PageRoute(.post, "/destinations/:id/disable", .changeFlows) { request in
            let shown = try await request.operations.destinations.disable(request.id, request.actor)
            return .go(to: path(shown.destination), done: "destination_disabled")
        },
        PageRoute(.post, "/destinations/:id/enable", .changeFlows) { request in
            let shown = try await request.operations.destinations.enable(request.id, request.actor)
            return .go(to: path(shown.destination), done: "destination_enabled")
        },
        PageRoute(.get, "/destinations/:id/delete", .changeFlows) { request in try await askDelete(request) },
        PageRoute(.post, "/destinations/:id/delete", .changeFlows) { request in
            try await request.attempt {
                try await request.operations.destinations.delete(request.id, request.actor)
                return .go(to: "/destinations", done: "destination_deleted")
            } orShow: { fault in
                try await askDelete(request, fault: fault)
            }
        },
    ]

    private static let secrets: [PageRoute] = [
        PageRoute(.get, "/destinations/:id/rotate", .changeFlows) { request in try await askRotate(request) },
        PageRoute(.post, "/destinations/:id/rotate", .changeFlows) { request in
            try await request.attempt {
                let overlap = request.form["overlap_seconds"].flatMap { Int64($0) }.map { Interval.seconds($0) }
                let rotated = try await request.operations.destinations.rotateSecret(
                    request.id, overlap: overlap, request.actor)
                return try secretPage(rotated, isNew: false, request)
            } orShow: { fault in
                try await askRotate(request, fault: fault)
            }
        },
        PageRoute(.get, "/destinations/:id/secret", .revealSecrets) { request in try await askReveal(request) },
        PageRoute(
            .post, "/destinations/:id/secret", .revealSecrets,
            noteRefusal: { try await $0.operations.destinations.noteRefusedLook(at: $0.id, $0.actor) }
        ) { request in
            try await request.attempt {
                let secret = try await request.operations.destinations.reveal(
                    request.id, password: request.form["password"], request.actor)
                let shown = try await request.operations.destinations.show(request.id, request.actor)
                return try secretPage(shown, secret: secret, isNew: false, request)
            } orShow: { fault in
                try await askReveal(request, fault: fault)
            }
        },
    ]

    static func path(_ destination: Destination) -> String { "/destinations/\(destination.id.text)" }

    static func kindName(_ kind: String, _ words: Words) -> String {
        words.text("destination.kind_\(kind.replacing("-", with: "_"))") ?? kind
    }

    static func state(_ destination: Destination, _ request: PageRequest) -> Model {
        switch destination.state {
        case .active: request.input.badge("destination.state_active", .good)
        case .disabled(_, .byHand): request.input.badge("destination.state_disabled", .quiet)
        case .disabled: request.input.badge("destination.state_disabled", .bad)
        }
    }

    private static func crumbs(_ destination: Destination?, _ request: PageRequest) -> [PageRequest.Crumb] {
        [request.crumb(.destinations)] + (destination.map { [PageRequest.Crumb(path($0), $0.name.text)] } ?? [])
    }

    private static func editForm(_ request: PageRequest) async throws -> DestinationForm {
        let shown = try await request.operations.destinations.show(request.id, request.actor)
        guard let kind = AllKinds.kind(named: shown.destination.kind) else { throw OperationError.notFound("destination") }
        return DestinationForm(kind: kind, known: shown.destination)
    }

    // MARK: Looking

    private static func listing(_ request: PageRequest) async throws -> PageAnswer {
        let found = try await request.operations.destinations.list(after: request.query["after"], limit: 50, request.actor)
        let flows = try await request.operations.flows.list(
            webhook: nil, after: nil, limit: Limits.flowsMax, request.actor
        ).items.filter { $0.state != .archived }
        var rows: [Model] = []
        for shown in found.items {
            let last = try await lastDeliveries(shown.destination, limit: 1, request).first
            rows.append(row(shown, flows.filter { $0.destinations.contains(shown.destination.id) }, last, request))
        }
        return try request.page(
            "destination-list", title: request.words["nav.destinations"], in: .destinations,
            [
                "destinations": rows, "isEmpty": rows.isEmpty && request.query["after"] == nil,
                "pager": request.input.pager(found.next), "mayChange": request.may(.changeFlows),
                "empty": emptyModel(request),
            ])
    }

    private static func emptyModel(_ request: PageRequest) -> Model {
        [
            "title": request.words["destination.none"], "text": request.words["destination.none_text"],
            "href": request.may(.changeFlows) ? "/destinations/new" as Any : false, "action": request.words["destination.new"],
        ]
    }

    private static func row(
        _ shown: DestinationOperations.Shown, _ flows: [Flow], _ last: Delivery?, _ request: PageRequest
    ) -> Model {
        let destination = shown.destination
        return [
            "name": destination.name.text, "href": path(destination),
            "kind": kindName(destination.kind, request.words), "state": state(destination, request),
            "open": request.words.number(Int64(shown.open.waiting + shown.open.due)),
            "last": last.map { delivery(of: $0, request) as Any } ?? false,
            "flows": flows.map { ["name": $0.name.text, "href": FlowPages.path($0)] as Model }, "hasFlows": !flows.isEmpty,
        ]
    }

    private static func lastDeliveries(
        _ destination: Destination, limit: Int, _ request: PageRequest
    ) async throws -> [Delivery] {
        try await request.operations.deliveries.list(
            DeliveryOperations.Query(destination: destination.id.text), after: nil, limit: limit, request.actor
        ).items
    }

    private static func delivery(of delivery: Delivery, _ request: PageRequest) -> Model {
        let tone: OpenPageRequest.Tone =
            switch delivery.state {
            case .delivered: .good
            case .dead: .bad
            case .due, .running: .warn
            case .waiting, .filtered, .cancelled: .quiet
            }
        return [
            "href": "/deliveries/\(delivery.id.text)", "id": delivery.id.text,
            "badge": request.input.badge("delivery.state_\(delivery.state.rawValue)", tone),
            "at": request.input.time(delivery.settledAt ?? delivery.createdAt),
        ]
    }

    /// The flows that send to a destination and are not archived.
    private static func flows(to destination: Destination, _ request: PageRequest) async throws -> [Flow] {
        try await request.operations.flows.list(webhook: nil, after: nil, limit: Limits.flowsMax, request.actor).items
            .filter { $0.state != .archived && $0.destinations.contains(destination.id) }
    }

    private static func page(_ request: PageRequest) async throws -> PageAnswer {
        let shown = try await request.operations.destinations.show(request.id, request.actor)
        let destination = shown.destination
        let kind = AllKinds.kind(named: destination.kind)
        let deliveries = try await lastDeliveries(destination, limit: 5, request).map { delivery(of: $0, request) }
        let flows = try await flows(to: destination, request)
        var disabledWhy: Any = false
        if case .disabled(let since, let reason) = destination.state {
            disabledWhy =
                [
                    "text": request.words["destination.disabled_\(reason.rawValue)"], "since": request.input.time(since),
                    "isBad": reason != .byHand,
                ] as Model
        }
        return try request.page(
            "destination", title: destination.name.text, in: .destinations, crumbs: [request.crumb(.destinations)],
            [
                "path": path(destination), "id": destination.id.text, "name": destination.name.text,
                "state": state(destination, request), "isActive": destination.state.isActive, "disabled": disabledWhy,
                "kind": kindName(destination.kind, request.words),
                "meaning": kind.map { DestinationForm.meaning($0, request.words) as Any } ?? false,
                "settings": settings(destination, kind, request), "sending": sending(destination, request),
                "createdAt": request.input.time(destination.createdAt),
                "waiting": request.words.number(Int64(shown.open.waiting)), "due": request.words.number(Int64(shown.open.due)),
                "failingSince": shown.failingSince.map { request.input.time($0) as Any } ?? false,
                "deliveries": deliveries, "hasDeliveries": !deliveries.isEmpty,
                "flows": flows.map {
                    ["name": $0.name.text, "href": FlowPages.path($0), "state": FlowPages.state($0, request)] as Model
                },
                "hasFlows": !flows.isEmpty, "mayChange": request.may(.changeFlows),
                "signing": signing(shown, kind, request),
                "listen": kind?.isPulled ?? false
                    ? request.input.code(
                        "listen", "destination.listen_line",
                        "inlet listen --destination \(destination.id.text) --forward http://localhost:3000/hook") as Any : false,
            ])
    }

    private static func settings(
        _ destination: Destination, _ kind: (any DestinationKind)?, _ request: PageRequest
    ) -> [Model] {
        (kind?.fields ?? []).map { field in
            let text = destination.settings[field.name] ?? field.standard
            return [
                "label": request.words.text("destination.field_\(field.name)") ?? field.name,
                "lines": (text ?? "").split(separator: "\n").map(String.init), "hasLines": !(text ?? "").isEmpty,
            ]
        }
    }

    private static func sending(_ destination: Destination, _ request: PageRequest) -> [Model] {
        let schedule = destination.schedule
        let whole = schedule.steps.reduce(Interval.seconds(0)) { Interval(microseconds: $0.microseconds + $1.microseconds) }
        let attempts = request.words("destination.attempts", ["n": schedule.steps.count])
        return [
            [
                "label": request.words["destination.schedule"],
                "text": schedule.steps.count == 1
                    ? attempts
                    : request.words(
                        "destination.attempts_within", ["attempts": attempts, "length": request.words.length(whole)]),
                "code": schedule.text,
            ],
            [
                "label": request.words["destination.concurrency"], "text": request.words.number(Int64(destination.concurrency)),
                "code": false,
            ],
            [
                "label": request.words["destination.rate_per_second"],
                "text": destination.ratePerSecond.map { request.words("destination.per_second", ["n": $0]) }
                    ?? request.words["destination.no_limit"],
                "code": false,
            ],
            [
                "label": request.words["destination.ordered_by"],
                "text": destination.orderedBy == nil ? request.words["destination.no_order"] as Any : false,
                "code": destination.orderedBy.orFalse,
            ],
        ]
    }

    private static func signing(
        _ shown: DestinationOperations.Shown, _ kind: (any DestinationKind)?, _ request: PageRequest
    ) -> Any {
        guard kind?.signing != nil else { return false }
        return [
            "text": request.words("destination.signing_text", ["n": shown.signingSecrets]),
            "publicKey": shown.publicKey.map { request.input.code("public-key", "destination.public_key", $0) as Any } ?? false,
            "mayReveal": request.may(.revealSecrets),
        ] as Model
    }

    private static func kinds(_ request: PageRequest) throws -> PageAnswer {
        try request.page(
            "destination-kinds", title: request.words["destination.new"], in: .destinations,
            crumbs: [request.crumb(.destinations)],
            [
                "kinds": AllKinds.list.map { kind in
                    [
                        "href": "/destinations/new?kind=\(kind.name)", "name": kindName(kind.name, request.words),
                        "meaning": DestinationForm.meaning(kind, request.words),
                    ] as Model
                }
            ])
    }

    // MARK: Asking

    private static func askDelete(_ request: PageRequest, fault: Fault? = nil) async throws -> PageAnswer {
        let destination = try await request.operations.destinations.show(request.id, request.actor).destination
        let flows = try await flows(to: destination, request)
        let known = flows.isEmpty ? fault : Fault(summary: request.words["conflict.destination_in_use"])
        return try request.confirm(
            Confirmation(
                title: request.words("destination.delete_title", ["name": destination.name.text]),
                text: request.words["destination.delete_text"], action: "\(path(destination))/delete",
                button: request.words["destination.delete"], back: path(destination), isDanger: true,
                items: flows.map { request.words("destination.used_by_flow", ["name": $0.name.text]) }),
            in: .destinations, crumbs: crumbs(destination, request), fault: known)
    }

    private static func askRotate(_ request: PageRequest, fault: Fault? = nil) async throws -> PageAnswer {
        let destination = try await request.operations.destinations.show(request.id, request.actor).destination
        let spans: [Int64] = [0, 3600, 86_400, 604_800]
        let options = spans.map { seconds in
            Field.Option(
                "\(seconds)",
                seconds == 0 ? request.words["destination.no_overlap"] : request.words.length(.seconds(seconds)))
        }
        return try request.confirm(
            Confirmation(
                title: request.words("destination.rotate_title", ["name": destination.name.text]),
                text: request.words["destination.rotate_text"], action: "\(path(destination))/rotate",
                button: request.words["destination.rotate"], back: path(destination),
                fields: [Field("overlap_seconds", .choice(options), key: "destination.overlap", isRequired: true)],
                values: ["overlap_seconds": "86400"]),
            in: .destinations, crumbs: crumbs(destination, request), fault: fault)
    }

    private static func askReveal(_ request: PageRequest, fault: Fault? = nil) async throws -> PageAnswer {
        let destination = try await request.operations.destinations.show(request.id, request.actor).destination
        return try request.confirm(
            Confirmation(
                title: request.words("destination.reveal_title", ["name": destination.name.text]),
                text: request.words["destination.reveal_text"], action: "\(path(destination))/secret",
                button: request.words["destination.reveal"], back: path(destination),
                fields: [
                    Field.ownPassword(key: "destination.password")
                ]),
            in: .destinations, crumbs: crumbs(destination, request), fault: fault)
    }

    // What a receiver needs to check who sent a message; answered to the form itself, so that no address leads to it.
    private static func secretPage(
        _ shown: DestinationOperations.Shown, secret: String? = nil, isNew: Bool, _ request: PageRequest
    ) throws -> PageAnswer {
        let destination = shown.destination
        let isPair = shown.publicKey != nil
        return try request.page(
            "destination-secret",
            title: request.words(isNew ? "destination.made_title" : "destination.secret_title", ["name": destination.name.text]),
            in: .destinations, crumbs: crumbs(destination, request),
            [
                "path": path(destination),
                "text": request.words[isPair ? "destination.give_public_key" : "destination.give_secret"],
                "publicKey": shown.publicKey.map { request.input.code("public-key", "destination.public_key", $0) as Any }
                    ?? false,
                "secret": request.input.code(
                    "secret", isPair ? "destination.private_key" : "destination.secret", secret ?? shown.secret ?? "",
                    isSecret: true),
            ])
    }
}
