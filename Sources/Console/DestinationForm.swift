import Destinations
import Domain
import Foundation
import Manage
import WebSupport

/// The form of a new or a known destination, drawn from the fields that its kind says of itself.
struct DestinationForm: Sendable {
    let kind: any DestinationKind
    /// `nil` for a new one.
    let known: Destination?

    private static let sending = ["schedule", "concurrency", "rate_per_second", "ordered_by"]

    static func meaning(_ kind: any DestinationKind, _ words: Words) -> String {
        words.text("destination.kind_\(kind.name.replacing("-", with: "_"))_hint") ?? kind.meaning
    }

    /// What was asked for.
    ///
    /// - Throws: ``OperationError/invalid(field:_:)`` for a number that is none.
    func draft(_ request: PageRequest) throws -> DestinationOperations.Draft {
        let form = request.form
        var settings: [String: String] = [:]
        for field in kind.fields {
            let text = form.text("settings.\(field.name)").trimmingCharacters(in: .whitespacesAndNewlines)
            // What is as it is by default is not written down, so that it may become another default.
            if !text.isEmpty, text != field.standard { settings[field.name] = text }
        }
        return DestinationOperations.Draft(
            name: form.text("name"), kind: known == nil ? kind.name : nil, settings: settings,
            schedule: .some(form["schedule"]),
            concurrency: try number("concurrency", Destination.concurrencyRange, form) ?? Destination.concurrencyDefault,
            ratePerSecond: .some(try number("rate_per_second", Destination.ratePerSecondRange, form)),
            orderedBy: .some(form["ordered_by"]?.trimmingCharacters(in: .whitespaces)))
    }

    private func number(_ name: String, _ range: ClosedRange<Int>, _ form: Form) throws -> Int? {
        guard let text = form[name]?.trimmingCharacters(in: .whitespaces), !text.isEmpty else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw OperationError.invalid(field: name, "must be \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    func page(_ request: PageRequest, fault: Fault? = nil) async throws -> PageAnswer {
        let names = ["name"] + kind.fields.map { "settings.\($0.name)" } + Self.sending
        let fault = fault?.placed(in: names, request.words)
        let title =
            known.map { request.words("destination.edit_title", ["name": $0.name.text]) }
            ?? request.words(
                "destination.new_title", ["kind": DestinationPages.kindName(kind.name, request.words)])
        let back = known.map { DestinationPages.path($0) } ?? "/destinations/new"
        var crumbs = [request.crumb(.destinations)]
        if let known { crumbs.append(PageRequest.Crumb(back, known.name.text)) }
        return try request.page(
            "destination-form", title: title, in: .destinations, crumbs: crumbs,
            [
                "action": known == nil ? "/destinations/new" : "\(back)/edit", "back": back,
                "kind": kind.name, "isNew": known == nil, "meaning": Self.meaning(kind, request.words),
                "fault": request.input.errors(fault),
                "names": request.input.fields(
                    [Field("name", key: "destination.name", isRequired: true, maxLength: 100)], values, fault: fault),
                "settings": settingsFields(request, try await VariableOffer.secrets(request), fault),
                "hasSettings": !kind.fields.isEmpty,
                "schedule": request.input.fields(scheduleFields, values, fault: fault),
                "pace": request.input.fields(paceFields, values, fault: fault),
                "order": request.input.fields(orderFields, values, fault: fault),
                "button": request.words[known == nil ? "destination.create" : "destination.save"],
            ])
    }

    private var values: [String: String] {
        var values = [
            "name": known?.name.text ?? "", "schedule": (known?.schedule ?? .standard).text,
            "concurrency": "\(known?.concurrency ?? Destination.concurrencyDefault)",
            "rate_per_second": known?.ratePerSecond.map { "\($0)" } ?? "", "ordered_by": known?.orderedBy ?? "",
        ]
        for field in kind.fields { values["settings.\(field.name)"] = known?.settings[field.name] ?? field.standard ?? "" }
        return values
    }

    private var scheduleFields: [Field] {
        [Field("schedule", key: "destination.schedule", isRequired: true, maxLength: 400, isCode: true)]
    }

    private var paceFields: [Field] {
        [
            Field("concurrency", .number(Destination.concurrencyRange), key: "destination.concurrency", isRequired: true),
            Field("rate_per_second", .number(Destination.ratePerSecondRange), key: "destination.rate_per_second"),
        ]
    }

    private var orderFields: [Field] {
        [Field("ordered_by", key: "destination.ordered_by", maxLength: 500, isCode: true)]
    }

    private func settingsFields(_ request: PageRequest, _ offer: VariableOffer, _ fault: Fault?) -> [Model] {
        kind.fields.flatMap { field in
            let key = "destination.field_\(field.name)"
            let drawn = Field(
                "settings.\(field.name)", drawnKind(field), key: key, isRequired: field.isRequired,
                isCode: field.content == .url || field.content == .headers)
            return request.input.fields([drawn], values, fault: fault).map { model in
                var model = model
                // A kind that is newer than the catalogues says itself what its fields are.
                if request.words.text(key) == nil { model["label"] = field.name }
                if request.words.text("\(key)_hint") == nil { model["hint"] = field.meaning }
                model["variables"] = field.takesSecrets ? offer.model(for: "field-settings.\(field.name)") : false
                return model
            }
        }
    }

    private func drawnKind(_ field: DestinationField) -> Field.Kind {
        switch field.content {
        case .text, .url: .text
        case .headers: .area(rows: 3)
        case .choice(let words): .choice(words.map { Field.Option($0, $0) })
        case .number(let range): .number(range)
        }
    }
}
