import Destinations
import Domain
import Foundation
import Storage

/// Builds what is sent of a claimed delivery: event, filter, template, secrets.
struct MessageBuilder: Sendable {
    let store: Store
    let keys: KeyCabinet
    let clock: any WallClock
    let roster: DeliveryRoster

    /// What is to be sent, and what must not be seen of it.
    struct Message: Sendable {
        let request: OutgoingRequest
        let redactor: Redactor
    }

    /// The attempt is over before anything was sent.
    enum Ended: Error {
        case result(AttemptResult)
        /// The body is larger than asked for; it has so many bytes.
        case tooLarge(Int64)

        static func notBuilt(_ words: String) -> Ended {
            .result(.notBuilt(words))
        }
    }

    /// What is sent of a delivery's event, if its flow lets it through.
    ///
    /// - Parameter bodyBytesMax: a larger body is not read; `nil` reads any.
    func message(of claimed: ClaimedDelivery, bodyBytesMax: Int64? = nil) async -> Result<Message, Ended> {
        let delivery = claimed.delivery
        guard let destination = roster.destination(delivery.destination)?.destination,
            let kind = AllKinds.kind(named: destination.kind), let plan = roster.plan(delivery.flow)
        else { return .failure(.notBuilt("the flow or destination is not there any more")) }
        let material: Material
        do {
            material = try await read(delivery, destination, plan, bodyBytesMax)
        } catch let large as TooLarge {
            return .failure(.tooLarge(large.bytes))
        } catch StorageError.unavailable, StorageError.closed {
            // The database is away: no fault of the event, and nothing was tried.
            return .failure(.result(.postponed))
        } catch {
            return .failure(.notBuilt("the event cannot be read"))
        }
        if let filter = plan.filter, !filter.matches(material.input) { return .failure(.result(.filtered)) }
        do {
            let request = try Self.request(material, claimed, destination, kind, plan, at: clock.now())
            return .success(Message(request: request, redactor: material.redactor))
        } catch {
            return .failure(.notBuilt(material.redactor.redacted(Self.words(for: error))))
        }
    }

    /// What a message is made of; the secrets in it are opened for one attempt alone.
    private struct Material: Sendable {
        let event: Event
        let body: Data
        let input: FilterInput
        let values: [SecretVariableName: String]
        let signingSecrets: [SigningSecret]
        let redactor: Redactor
    }

    private struct EventGone: Error {}
    private struct TooLarge: Error {
        let bytes: Int64
    }

    private func read(
        _ delivery: Delivery, _ destination: Destination, _ plan: DeliveryRoster.Plan, _ bodyBytesMax: Int64?
    ) async throws -> Material {
        let ring = keys.ring
        let now = clock.now()
        let signs = AllKinds.kind(named: destination.kind)?.signing != nil
        return try await store.read { connection in
            let table = EventTable(connection)
            guard let event = try table.find(delivery.event, in: delivery.organization) else { throw EventGone() }
            if let bodyBytesMax, event.bodyBytes > bodyBytesMax { throw TooLarge(bytes: event.bodyBytes) }
            guard let body = try table.body(of: delivery.event, in: delivery.organization) else { throw EventGone() }
            var names = plan.template?.secretNames ?? []
            for text in destination.settings.values {
                if let template = try? SecretTemplate(text) { names.formUnion(template.names) }
            }
            var values: [SecretVariableName: String] = [:]
            for name in names {
                guard let entry = try SecretVariableTable(connection).find(name, in: destination.organization) else { continue }
                let purpose = SecretVariableTable.Entry.sealingPurpose(of: name, in: destination.organization)
                values[name] = ring.open(entry.sealed, for: purpose).map { String(decoding: $0, as: UTF8.self) }
            }
            let entries = signs ? try DestinationTable(connection).secrets(of: destination.id, at: now) : []
            let secrets = entries.compactMap { entry in
                let purpose = DestinationTable.SigningEntry.sealingPurpose(of: entry.id, destination: destination.id)
                return ring.open(entry.sealed, for: purpose).flatMap { try? SigningSecret(String(decoding: $0, as: UTF8.self)) }
            }
            return Material(
                event: event, body: body.bytes,
                input: FilterInput(
                    headers: CallHeaders(keptText: event.headersText), contentType: event.contentType, context: event.context,
                    body: body.bytes),
                values: values, signingSecrets: secrets,
                redactor: Redactor(Array(values.values) + secrets.map { $0.revealed() }))
        }
    }

    private static func request(
        _ material: Material, _ claimed: ClaimedDelivery, _ destination: Destination, _ kind: any DestinationKind,
        _ plan: DeliveryRoster.Plan, at now: Timestamp
    ) throws -> OutgoingRequest {
        let event = material.event
        var body = material.body
        var contentType = event.contentType
        if let template = plan.template {
            let filled = try template.filled(
                event: TemplateInput(
                    id: event.id, receivedAt: event.receivedAt, webhook: event.webhook, content: material.input)
            ) { material.values[$0] }
            body = Data(filled)
            contentType = "application/json"
        }
        let settings = try destination.settings.mapValues { text in
            // A line break in a secret would begin a header field of its own.
            try SecretTemplate(text).resolved { name in
                material.values[name].flatMap { $0.utf8.contains { $0 < 0x20 || $0 == 0x7F } ? nil : $0 }
            }
        }
        return try kind.request(
            for: OutgoingMessage(
                organization: event.organization, event: event.id, delivery: claimed.delivery.id, webhook: event.webhook,
                attempt: claimed.attempt.number, at: now,
                contentType: contentType, context: event.context, isReplay: claimed.delivery.isReplay, body: body,
                signingSecrets: material.signingSecrets), settings)
    }

    private static func words(for error: any Error) -> String {
        switch error {
        case let fault as DestinationFault: "`\(fault.field)` \(fault.expectation)"
        case SecretTemplateError.missing(let name):
            "the secret variable \(name.text) is not there, or holds a control character"
        default: "\(error)"
        }
    }
}
