import Domain
import Manage
import Storage
import WebSupport

/// What may stand in braces in a field: names of secret variables, and for templates the merge fields of an event.
///
/// They stand below the field as text; where scripts run, `{{` in the field offers them.
struct VariableOffer: Sendable {
    /// With their braces.
    let fields: [String]

    // More of them would push the form away, so they open on demand.
    private static let inSight = 16

    /// The names of the organization's secret variables.
    static func secrets(_ request: PageRequest) async throws -> VariableOffer {
        VariableOffer(fields: try await request.operations.variables.names(request.actor).map { "{{\($0.text)}}" })
    }

    /// The merge fields of an event before the secret variables, for templates.
    var withEvent: VariableOffer {
        VariableOffer(
            fields: [
                "{{event.body}}", "{{event.body.path}}", "{{event.id}}", "{{event.received_at}}", "{{event.webhook}}",
                "{{event.context}}", "{{event.content_type}}", "{{event.headers.Name}}",
            ] + fields)
    }

    /// For the partial `variables`; false if there is nothing to offer.
    func model(for id: String) -> Any {
        guard !fields.isEmpty else { return false }
        return ["for": id, "fields": fields, "isLong": fields.count > Self.inSight, "count": fields.count] as Model
    }
}

extension Fault {
    /// The fault as a form shows it: with its place inside the field, and above the form if the form has no such field.
    func placed(in names: [String], _ words: Words) -> Fault {
        guard let field else { return self }
        if names.contains(field.name) { return self }
        guard let name = names.first(where: { field.name.hasPrefix("\($0).") }) else {
            return Fault(summary: field.words)
        }
        let place = String(field.name.dropFirst(name.count + 1))
        return Fault(summary: summary, field: (name, words("fault.at_place", ["place": place, "words": field.words])))
    }
}
