import Domain
import Foundation
import Manage
import Storage
import WebSupport

/// The form of a new or a known flow, with a dry run of what stands in it.
struct FlowForm: Sendable {
    /// Whose events it takes; `nil` if it is gone.
    let webhook: Webhook?
    /// `nil` for a new one.
    let known: Flow?

    private static let fields = ["name", "description", "filter", "template", "destinations", "event"]

    func draft(_ request: PageRequest) -> FlowOperations.Draft {
        let form = request.form
        return FlowOperations.Draft(
            name: form.text("name"), description: form.text("description"), webhook: known == nil ? webhook?.id.text : nil,
            filter: .some(Self.json(form["filter"])), template: .some(Self.json(form["template"])),
            destinations: form.all("destinations").filter { !$0.isEmpty })
    }

    // Nothing but blanks is none.
    private static func json(_ text: String?) -> String? {
        guard let text = text?.trimmingCharacters(in: .whitespacesAndNewlines), !text.isEmpty else { return nil }
        return text
    }

    /// Shows the form again as it was sent, and what it would do to the event that was chosen.
    func tried(_ request: PageRequest) async throws -> PageAnswer {
        try await request.attempt {
            let rehearsal = DryRun(flow: known?.id.text, webhook: webhook?.id)
            guard let event = request.form["event"] else {
                throw OperationError.invalid(field: "event", "is missing.")
            }
            let result = try await rehearsal.result(event: event, draft(request), request)
            return try await page(request, tried: result, isSent: true)
        } orShow: { fault in
            try await page(request, fault: fault, isSent: true)
        }
    }

    func page(
        _ request: PageRequest, fault: Fault? = nil, tried: Any = false, isSent: Bool = false
    ) async throws -> PageAnswer {
        let fault = fault?.placed(in: Self.fields, request.words)
        let back = known.map { FlowPages.path($0) } ?? "/flows"
        var crumbs = [request.crumb(.flows)]
        if let known { crumbs.append(PageRequest.Crumb(back, known.name.text)) }
        // What was sent stands in the form again, whether something was wrong with it or not.
        let shownFault = fault ?? (isSent ? Fault(summary: "") : nil)
        let choices = try await request.operations.names.choices(request.actor)
        let offer = try await VariableOffer.secrets(request).withEvent
        let rehearsal = DryRun(flow: known?.id.text, webhook: webhook?.id)
        let events = try await rehearsal.events(chosen: request.form["event"] ?? request.query["event"], request)
        let texts = request.input.fields(
            [
                Field("filter", .area(rows: 7), key: "flow.filter", maxLength: FlowFilter.bytesMax, isCode: true),
                Field("template", .area(rows: 7), key: "flow.template", maxLength: BodyTemplate.bytesMax, isCode: true),
            ], values, fault: shownFault)
        return try request.page(
            "flow-form",
            title: known.map { request.words("flow.edit_title", ["name": $0.name.text]) } ?? request.words["flow.new"],
            in: .flows, crumbs: crumbs,
            [
                "action": known == nil ? "/flows/new" : "\(back)/edit", "back": back,
                "dryRun": known == nil ? "/flows/new/dry-run" : "\(back)/dry-run",
                "fault": isSent ? false : request.input.errors(fault),
                "triedFault": isSent ? triedFault(fault, request) : false,
                "webhook": webhook?.id.text ?? known?.webhook.text ?? "",
                "webhookName": webhook?.name.text ?? known?.webhook.text ?? "",
                "heads": request.input.fields(headFields, values, fault: shownFault),
                "filter": texts.first ?? [:], "template": texts.last ?? [:], "variables": offer.model(for: "field-template"),
                "destinations": request.input.fields(
                    [Field("destinations", .boxes(Self.options(choices)), key: "flow.destinations", isRequired: true)], values,
                    fault: shownFault),
                "hasDestinations": !choices.destinations.isEmpty,
                "events": events, "hasEvents": !events.isEmpty, "filterExample": Self.filterExample,
                "templateExample": Self.templateExample, "tried": tried,
                "button": request.words[known == nil ? "flow.create" : "flow.save"],
            ])
    }

    // The page opens at the dry run, so what is wrong further up is said there too.
    private func triedFault(_ fault: Fault?, _ request: PageRequest) -> Any {
        guard let fault else { return false }
        let summary = fault.field.map { "\(request.words["flow.\($0.name)"]): \($0.words)" } ?? fault.summary
        return ["summary": summary] as Model
    }

    private var headFields: [Field] {
        [
            Field("name", key: "flow.name", isRequired: true, maxLength: 100),
            Field("description", key: "flow.description", maxLength: 500),
        ]
    }

    private var values: [String: String] {
        guard let known else { return [:] }
        return [
            "name": known.name.text, "description": known.description.text, "filter": laidOut(known.filterText),
            "template": laidOut(known.templateText), "destinations": known.destinations.map(\.text).joined(separator: ","),
        ]
    }

    private static let filterExample = """
        {"all": [
          {"header": "X-Shop", "equals": "nl"},
          {"path": "$.order.total", "at_least": 100},
          {"not": {"path": "$.test", "exists": true}}
        ]}
        """

    private static let templateExample = """
        {
          "order": "{{event.body.order.id}}",
          "received": "{{event.received_at}}",
          "key": "{{SHOP_KEY}}"
        }
        """

    private static func options(_ choices: NameOperations.Choices) -> [Field.Option] {
        choices.destinations.map { Field.Option($0.id, $0.name.text) }
    }
}
