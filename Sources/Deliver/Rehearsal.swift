import Destinations
import Domain
import Foundation
import Storage

/// What a flow would do to one event, without sending anything. Secret variables stand as their names.
package struct Rehearsal: Sendable {
    package let decision: FilterDecision?
    private let flow: Flow
    private let event: Event
    private let body: Data
    private let input: FilterInput
    private let template: BodyTemplate?
    private let now: Timestamp

    /// Why nothing can be built.
    package struct Fault: Error, Sendable {
        package let words: String
    }

    /// - Throws: ``FlowFilterError`` or ``BodyTemplateError`` if the flow's texts are none; they were checked when they were written.
    package init(_ flow: Flow, of event: Event, _ body: Data, at now: Timestamp) throws {
        self.flow = flow
        self.event = event
        self.body = body
        self.now = now
        input = FilterInput(
            headers: CallHeaders(keptText: event.headersText), contentType: event.contentType, context: event.context, body: body)
        template = try flow.templateText.map { text throws(BodyTemplateError) in try BodyTemplate(text) }
        decision = try flow.filterText.map { text throws(FlowFilterError) in try FlowFilter(text: text) }?.decision(input)
    }

    /// Whether the event is let through.
    package var isLetThrough: Bool { decision?.matches ?? true }

    /// What a destination would get.
    package func request(to destination: Destination) -> Result<OutgoingRequest, Fault> {
        guard let kind = AllKinds.kind(named: destination.kind) else { return .failure(Fault(words: "there is no such kind")) }
        let shown = { (name: SecretVariableName) -> String? in "{{\(name.text)}}" }
        do {
            var outgoing = body
            var contentType = event.contentType
            if let template {
                let filled = try template.filled(
                    event: TemplateInput(
                        id: event.id, receivedAt: event.receivedAt, webhook: event.webhook, content: input), secrets: shown)
                outgoing = Data(filled)
                contentType = "application/json"
            }
            // In an address the braces would be no address.
            let plain = { (name: SecretVariableName) -> String? in name.text }
            let addresses = Set(kind.fields.filter { $0.content == .url }.map(\.name))
            var settings: [String: String] = [:]
            for (field, text) in destination.settings {
                settings[field] = try SecretTemplate(text).resolved(addresses.contains(field) ? plain : shown)
            }
            return .success(
                try kind.request(
                    for: OutgoingMessage(
                        organization: event.organization, event: event.id, delivery: OrderedID(number: 0), webhook: event.webhook,
                        attempt: 1, at: now,
                        contentType: contentType, context: event.context, isReplay: false, body: outgoing,
                        signingSecrets: kind.signing == nil ? [] : [SigningSecret.random(.symmetric)]), settings))
        } catch let fault as DestinationFault {
            return .failure(Fault(words: "`\(fault.field)` \(fault.expectation)"))
        } catch {
            return .failure(Fault(words: "\(error)"))
        }
    }
}
