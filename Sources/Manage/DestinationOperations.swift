import Deliver
import Destinations
import Domain
import Foundation
import Storage

/// Destinations of the actor's organization.
package struct DestinationOperations: Sendable {
    private let desk: Desk
    private let claims: Claims

    package init(_ desk: Desk, claims: Claims) {
        self.desk = desk
        self.claims = claims
    }

    /// A destination as it is asked for; `nil` leaves a field as it is, or as it is by default.
    package struct Draft: Sendable {
        package var name: String?
        /// Only for a new one.
        package var kind: String?
        /// By field name; all at once.
        package var settings: [String: String]?
        /// `0,5s,5m,…`; an inner `nil` is the standard one.
        package var schedule: String??
        package var concurrency: Int?
        package var ratePerSecond: Int??
        /// A header name; an inner `nil` is no order.
        package var orderedBy: String??

        package init(
            name: String? = nil, kind: String? = nil, settings: [String: String]? = nil, schedule: String?? = nil,
            concurrency: Int? = nil, ratePerSecond: Int?? = nil, orderedBy: String?? = nil
        ) {
            self.name = name
            self.kind = kind
            self.settings = settings
            self.schedule = schedule
            self.concurrency = concurrency
            self.ratePerSecond = ratePerSecond
            self.orderedBy = orderedBy
        }
    }

    /// A destination, and what it signs with if a secret was made in this act.
    package struct Shown: Sendable {
        package let destination: Destination
        /// The public half of the newest key pair; `nil` where there is none.
        package let publicKey: String?
        /// How many signing secrets work.
        package let signingSecrets: Int
        package let failingSince: Timestamp?
        /// Deliveries that wait and that are due, each counted up to ``countMax``.
        package let open: (waiting: Int, due: Int)
        package let secret: String?
    }

    private static let countMax = 1_000

    package func list(after: String?, limit: Int?, _ actor: Actor) async throws -> Page<Shown> {
        let limit = try Limits.page(limit)
        let after: ID<Destination>? = try Cursor.id(after)
        let now = desk.clock.now()
        return try await desk.look(actor, .readFlows) { [desk] connection in
            let read = try DestinationTable(connection).list(in: actor.organization, after: after, limit: limit + 1)
            return try Page(read.map { try Self.shown($0, desk, now, connection) }, limit: limit) { $0.destination.id.text }
        }
    }

    /// - Parameter reference: id or name.
    package func show(_ reference: String, _ actor: Actor) async throws -> Shown {
        let now = desk.clock.now()
        return try await desk.look(actor, .readFlows) { [desk] connection in
            try Self.shown(try Self.find(reference, in: actor.organization, connection), desk, now, connection)
        }
    }

    /// Makes a destination; one that signs gets a secret, shown in the answer.
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `name_taken`.
    package func create(_ draft: Draft, _ actor: Actor) async throws -> Shown {
        guard let name = draft.name else { throw OperationError.invalid(field: "name", "is missing.") }
        guard let kind = draft.kind.flatMap({ AllKinds.kind(named: $0) }) else {
            let known = AllKinds.list.map(\.name).joined(separator: ", ")
            throw OperationError.invalid(field: "kind", "must be one of: \(known).")
        }
        let label = try Label.name(name)
        return try await desk.act(actor, .changeFlows) { act in
            try Self.requireFree(label, act)
            let known = try DestinationTable(act.connection).list(
                in: act.organization, after: nil, limit: Limits.destinationsMax)
            guard known.count < Limits.destinationsMax else {
                throw OperationError.conflict(
                    code: "too_many", "An organization has at most \(Limits.destinationsMax) destinations. Delete one first.")
            }
            var destination = Destination(
                id: .random(), organization: act.organization, name: label, kind: kind.name, settings: [:],
                createdAt: act.now)
            try Self.apply(draft, to: &destination, kind, act)
            try Self.check(destination.settings, kind, act)
            try DestinationTable(act.connection).insert(destination)
            act.transaction.announce(.destination(destination.id))
            try act.record(.destinationCreate, destination.id.text, destination.auditDetails)
            let secret = kind.signing == nil ? nil : try Self.addSecret(destination, act)
            return try Self.shown(destination, act.desk, act.now, act.connection, secret: secret)
        }
    }

    /// Changes a destination; what is on its way goes by the new settings from its next attempt on.
    package func edit(_ reference: String, _ draft: Draft, _ actor: Actor) async throws -> Shown {
        let name = try draft.name.map { try Label.name($0) }
        return try await desk.act(actor, .changeFlows) { act in
            let before = try Self.find(reference, in: act.organization, act.connection)
            guard let kind = AllKinds.kind(named: before.kind) else { throw OperationError.notFound("destination") }
            var destination = before
            destination.name = name ?? before.name
            if destination.name != before.name { try Self.requireFree(destination.name, act) }
            try Self.apply(draft, to: &destination, kind, act)
            guard destination != before else { return try Self.shown(before, act.desk, act.now, act.connection) }
            try Self.check(destination.settings, kind, act)
            try DestinationTable(act.connection).update(destination)
            act.transaction.announce(.destination(destination.id))
            try act.record(.destinationEdit, destination.id.text, destination.auditDetails)
            return try Self.shown(destination, act.desk, act.now, act.connection)
        }
    }

    /// Sends nothing to it from now on; what is due waits. Safe to repeat.
    package func disable(_ reference: String, _ actor: Actor) async throws -> Shown {
        try await desk.act(actor, .changeFlows) { act in
            var destination = try Self.find(reference, in: act.organization, act.connection)
            if destination.state.isActive {
                destination.state = destination.state.disabled(at: act.now, reason: .byHand)
                try DestinationTable(act.connection).update(destination)
                act.transaction.announce(.destination(destination.id))
                try act.record(.destinationDisable, destination.id.text, ["name": destination.name.text])
            }
            return try Self.shown(destination, act.desk, act.now, act.connection)
        }
    }

    /// Sends to it again, what waited first. Safe to repeat.
    package func enable(_ reference: String, _ actor: Actor) async throws -> Shown {
        try await desk.act(actor, .changeFlows) { act in
            var destination = try Self.find(reference, in: act.organization, act.connection)
            if !destination.state.isActive {
                destination.state = destination.state.enabled()
                let table = DestinationTable(act.connection)
                try table.update(destination)
                try table.update(FailureRun(), of: destination.id)
                act.transaction.announce(.destination(destination.id))
                try act.record(.destinationEnable, destination.id.text, ["name": destination.name.text])
            }
            return try Self.shown(destination, act.desk, act.now, act.connection)
        }
    }

    /// Deletes a destination that no flow uses; its history stays.
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `destination_in_use` with the flows.
    package func delete(_ reference: String, _ actor: Actor) async throws {
        try await desk.act(actor, .changeFlows) { act in
            let destination = try Self.find(reference, in: act.organization, act.connection)
            let flows = try FlowTable(act.connection).using(destination.id)
            guard flows.isEmpty else {
                let names = flows.prefix(10).map(\.name.text).joined(separator: ", ")
                throw OperationError.conflict(
                    code: "destination_in_use", "Flows send to this destination: \(names). Take it out of them first.")
            }
            try DestinationTable(act.connection).delete(destination.id)
            act.transaction.announce(.destination(destination.id))
            try act.record(.destinationDelete, destination.id.text, ["name": destination.name.text])
        }
    }

    /// Gives a destination a new signing secret; the old one signs too, for the overlap.
    package func rotateSecret(_ reference: String, overlap: Interval?, _ actor: Actor) async throws -> Shown {
        let overlap = overlap ?? Overlap.standard
        guard overlap >= Interval(microseconds: 0), overlap <= Overlap.longest else {
            throw OperationError.invalid(field: "overlap_seconds", "must be 0 to 604800, seven days.")
        }
        return try await desk.act(actor, .changeFlows) { act in
            let destination = try Self.find(reference, in: act.organization, act.connection)
            guard AllKinds.kind(named: destination.kind)?.signing != nil else { throw Self.noSecret }
            let table = DestinationTable(act.connection)
            let working = try table.secrets(of: destination.id, at: act.now)
            guard working.count < Overlap.secretsMax || overlap == Interval(microseconds: 0) else {
                throw OperationError.conflict(
                    code: "too_many_secrets", "\(working.count) secrets sign already. Rotate without an overlap, or wait.")
            }
            for var secret in working {
                let end = act.now.adding(overlap)
                secret.endsAt = min(secret.endsAt ?? end, end)
                try table.update(secret)
            }
            let secret = try Self.addSecret(destination, act)
            try act.record(.destinationRotate, destination.id.text, ["name": destination.name.text])
            return try Self.shown(destination, act.desk, act.now, act.connection, secret: secret)
        }
    }

    /// Shows the newest signing secret again.
    package func reveal(_ reference: String, password: String?, _ actor: Actor) async throws -> String {
        let destination = try await desk.look(actor, .revealSecrets) {
            try Self.find(reference, in: actor.organization, $0)
        }
        let entry = try await Reveal(desk)(
            .destinationReveal, subject: destination.id.text, password: password, actor
        ) { act in
            guard let entry = try DestinationTable(act.connection).secrets(of: destination.id, at: act.now).first else {
                throw Self.noSecret
            }
            return (entry, ["name": destination.name.text])
        }
        guard let secret = Self.open(entry, desk) else {
            throw OperationError.defect("the signing secret of \(destination.id.text) cannot be opened")
        }
        return secret.revealed()
    }

    /// Writes down that somebody asked to see a signing secret without the right to.
    package func noteRefusedLook(at reference: String, _ actor: Actor) async throws {
        let found = try await desk.read { try? Self.find(reference, in: actor.organization, $0) }
        guard let found else { return }
        try await Reveal(desk).noteRefusal(of: found.id.text, "permission", actor)
    }

    // MARK: Pulled destinations

    /// Hands out what is due at a destination whose deliveries are pulled.
    ///
    /// - Parameters:
    ///   - leaseSeconds: after that time without an answer a delivery is tried again.
    ///   - waitSeconds: how long to wait for the first one. A task that is cancelled waits no longer.
    /// - Throws: ``OperationError/conflict(code:_:)`` `not_pulled`.
    package func claim(
        at reference: String, limit: Int?, leaseSeconds: Int?, waitSeconds: Int?, _ actor: Actor
    ) async throws -> [Claims.Handed] {
        let limit = limit ?? 10
        let lease = leaseSeconds ?? 60
        guard Limits.claimItems.contains(limit) else { throw OperationError.invalid(field: "limit", "must be 1 to 100.") }
        guard Limits.claimLeaseSeconds.contains(lease) else {
            throw OperationError.invalid(field: "lease_seconds", "must be 5 to 300.")
        }
        let end = ContinuousClock.now + .seconds(try Limits.wait(waitSeconds))
        do {
            while true {
                let destination = try await claimable(reference, actor)
                let handed = try await claims.claim(at: destination, limit: limit, lease: .seconds(Int64(lease)))
                let left = ContinuousClock.now.duration(to: end)
                if !handed.isEmpty || left <= .zero { return handed }
                try await Task.sleep(for: min(left, Limits.waitStep))
            }
        } catch is CancellationError {
            return []
        }
    }

    private func claimable(_ reference: String, _ actor: Actor) async throws -> Destination {
        try actor.require(.readEvents)
        return try await desk.look(actor, .changeFlows) { connection in
            let destination = try Self.find(reference, in: actor.organization, connection)
            guard AllKinds.kind(named: destination.kind)?.isPulled ?? false else {
                throw OperationError.conflict(
                    code: "not_pulled", "Inlet sends to this destination by itself. Claims are for the kind `listen`.")
            }
            return destination
        }
    }

    // MARK: For the rules

    /// Writes down that a rule disabled a destination: in the audit log, and as a warning to the organization.
    package static func noteDisabled(
        _ destination: Destination, _ desk: Desk, _ outlook: OutlookOperations, _ transaction: Transaction, at now: Timestamp
    ) throws {
        var reason = ""
        if case .disabled(_, let why) = destination.state { reason = why.rawValue }
        try desk.record(
            .destinationDisable, destination.id.text, ["name": destination.name.text, "reason": reason],
            in: destination.organization, by: nil, with: nil, at: now, transaction.connection)
        try outlook.warn(
            of: .destinationDisabled, destination.id.text, destination.name, in: destination.organization, at: now,
            transaction.connection)
    }

    // MARK: Inside an act

    static func find(
        _ reference: String, in organization: ID<Organization>, _ connection: any Connection, field: String? = nil
    ) throws -> Destination {
        let table = DestinationTable(connection)
        if let id = ID<Destination>(reference), let found = try table.find(id, in: organization) { return found }
        if let found = try table.find(name: reference, in: organization) { return found }
        if let field { throw OperationError.invalid(field: field, "names no destination of the organization.") }
        throw OperationError.notFound("destination")
    }

    private static let noSecret = OperationError.conflict(
        code: "no_secret", "This kind of destination signs nothing, so it has no secret.")

    private static func open(_ entry: DestinationTable.SigningEntry, _ desk: Desk) -> SigningSecret? {
        let purpose = DestinationTable.SigningEntry.sealingPurpose(of: entry.id, destination: entry.destination)
        return desk.keys.ring.open(entry.sealed, for: purpose).flatMap { try? SigningSecret(String(decoding: $0, as: UTF8.self)) }
    }

    private static func addSecret(_ destination: Destination, _ act: Act) throws -> String {
        let scheme = SigningScheme(rawValue: destination.settings["signature"] ?? "") ?? .symmetric
        let secret = SigningSecret.random(scheme)
        let id = ID<Token>.random().text.replacing("tok_", with: "sec_")
        let purpose = DestinationTable.SigningEntry.sealingPurpose(of: id, destination: destination.id)
        try DestinationTable(act.connection).insert(
            DestinationTable.SigningEntry(
                id: id, destination: destination.id,
                sealed: try act.desk.keys.ring.seal(Data(secret.revealed().utf8), for: purpose), createdAt: act.now))
        return secret.revealed()
    }

    private static func apply(
        _ draft: Draft, to destination: inout Destination, _ kind: any DestinationKind, _ act: Act
    ) throws(OperationError) {
        destination.settings = draft.settings ?? destination.settings
        if let schedule = draft.schedule { destination.schedule = try read(schedule) }
        if let concurrency = draft.concurrency {
            guard Destination.concurrencyRange.contains(concurrency) else {
                throw .invalid(field: "concurrency", "must be 1 to 64.")
            }
            destination.concurrency = concurrency
        }
        if let rate = draft.ratePerSecond {
            guard rate.map({ Destination.ratePerSecondRange.contains($0) }) ?? true else {
                throw .invalid(field: "rate_per_second", "must be 1 to 10000, or null for no limit.")
            }
            destination.ratePerSecond = rate
        }
        if let orderedBy = draft.orderedBy {
            guard orderedBy.map(isOrder) ?? true else {
                throw .invalid(
                    field: "ordered_by", "must be the name of a header field, a path such as `$.order.id`, or null.")
            }
            destination.orderedBy = orderedBy
        }
    }

    private static func read(_ schedule: String?) throws(OperationError) -> RetrySchedule {
        guard let schedule else { return .standard }
        do {
            return try RetrySchedule(schedule)
        } catch {
            throw .invalid(field: "schedule", "must be 1 to 20 waits of at most 7 days, `0,5s,5m,1h` for example.")
        }
    }

    private static func isOrder(_ text: String) -> Bool {
        if text.utf8.first == UInt8(ascii: "$") { return (try? JSONPath(text)) != nil }
        return text.utf8.count <= 100 && text.isFieldName && !CallHeaders.isSecret(text)
    }

    // As it is written, and as it would be with something in place of each variable.
    private static func check(_ settings: [String: String], _ kind: any DestinationKind, _ act: Act) throws {
        let fields = Dictionary(kind.fields.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        if let unknown = settings.keys.filter({ fields[$0] == nil }).min() {
            throw OperationError.invalid(
                field: "settings.\(unknown.prefix(60))", "is unknown; there are: \(fields.keys.sorted().joined(separator: ", "))."
            )
        }
        for field in kind.fields where field.isRequired && settings[field.name] == nil {
            throw OperationError.invalid(field: "settings.\(field.name)", "is missing.")
        }
        var filled: [String: String] = [:]
        for (name, text) in settings {
            guard let field = fields[name] else { continue }
            try check(text, field)
            let template: SecretTemplate
            do {
                template = try SecretTemplate(text)
            } catch {
                throw OperationError.invalid(
                    field: "settings.\(name)", "names a secret variable as {{NAME}}; one in it is not written so.")
            }
            if !template.names.isEmpty {
                guard field.takesSecrets else {
                    throw OperationError.invalid(field: "settings.\(name)", "takes no secret variables.")
                }
                try SecretVariableOperations.requireKnown(template.names, field: "settings.\(name)", act)
            }
            // The host is for everybody to see, and no variable changes it.
            if field.content == .url, let brace = text.firstRange(of: "{{") {
                let head = text[..<brace.lowerBound]
                guard head.split(separator: "/", omittingEmptySubsequences: false).count >= 4 else {
                    throw OperationError.invalid(field: "settings.\(name)", "takes secret variables behind the host only.")
                }
            }
            filled[name] = try template.resolved { _ in "x" }
        }
        let names = settings.values.compactMap { try? SecretTemplate($0) }.reduce(into: Set()) { $0.formUnion($1.names) }
        guard names.count <= Limits.variablesPerTemplate else {
            throw OperationError.invalid(
                field: "settings", "use more than \(Limits.variablesPerTemplate) secret variables.")
        }
        do {
            try kind.check(filled)
        } catch {
            throw OperationError.invalid(field: "settings.\(error.field)", error.expectation)
        }
    }

    private static func check(_ text: String, _ field: DestinationField) throws(OperationError) {
        switch field.content {
        case .text, .url, .headers: break
        case .choice(let words):
            guard words.contains(text) else {
                throw .invalid(field: "settings.\(field.name)", "must be one of: \(words.joined(separator: ", ")).")
            }
        case .number(let range):
            guard let number = Int(text), range.contains(number) else {
                throw .invalid(field: "settings.\(field.name)", "must be \(range.lowerBound) to \(range.upperBound).")
            }
        }
    }

    private static func requireFree(_ name: Label, _ act: Act) throws {
        guard try DestinationTable(act.connection).find(name: name.text, in: act.organization) == nil else {
            throw OperationError.conflict(code: "name_taken", "Another destination has that name. Choose another.")
        }
    }

    private static func shown(
        _ destination: Destination, _ desk: Desk, _ now: Timestamp, _ connection: any Connection, secret: String? = nil
    ) throws -> Shown {
        let table = DestinationTable(connection)
        let entries = try table.secrets(of: destination.id, at: now)
        return Shown(
            destination: destination, publicKey: entries.first.flatMap { open($0, desk)?.publicKey?.text },
            signingSecrets: entries.count, failingSince: try table.findAnywhere(destination.id)?.failures.since,
            open: try DeliveryTable(connection).openCounts(at: destination.id, limit: countMax), secret: secret)
    }
}

extension Destination {
    /// What the audit log says: where it sends, and with which secret variables.
    fileprivate var auditDetails: [String: String] {
        var details = ["name": name.text, "kind": kind]
        // Secret variables stand behind the host.
        if let url = settings["url"] {
            let head = url.firstRange(of: "{{").map { String(url[..<$0.lowerBound]) } ?? url
            details["host"] = URL(string: head)?.host()
        }
        let names = settings.values.compactMap { try? SecretTemplate($0) }.reduce(into: Set()) { $0.formUnion($1.names) }
        if !names.isEmpty { details["variables"] = names.sorted().map(\.text).joined(separator: ", ") }
        return details
    }
}

extension DestinationField {
    /// Whether `{{NAME}}` stands in it for a secret variable.
    package var takesSecrets: Bool {
        content == .url || content == .headers
    }
}
