import Domain
import Foundation
import Manage
import WebSupport

/// One field of a form: what is asked, and how.
struct Field: Sendable {
    let name: String
    var kind: Kind
    /// The key of its label; that of its hint has `_hint` behind.
    let key: String
    var isRequired: Bool
    var maxLength: Int?
    var autocomplete: String?
    var placeholder: String?
    /// Values are written in a typewriter's letters.
    var isCode: Bool

    enum Kind: Sendable {
        case text
        case password
        case number(ClosedRange<Int>)
        case address
        /// Many lines.
        case area(rows: Int)
        case choice([Option])
        /// All options in sight.
        case radios([Option])
        /// Any number of the options.
        case boxes([Option])
        case check
        case hidden
        case moment
    }

    struct Option: Sendable {
        let value: String
        let label: String
        var hint = ""

        init(_ value: String, _ label: String, hint: String = "") {
            self.value = value
            self.label = label
            self.hint = hint
        }
    }

    init(
        _ name: String, _ kind: Kind = .text, key: String, isRequired: Bool = false, maxLength: Int? = nil,
        autocomplete: String? = nil, placeholder: String? = nil, isCode: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.key = key
        self.isRequired = isRequired
        self.maxLength = maxLength
        self.autocomplete = autocomplete
        self.placeholder = placeholder
        self.isCode = isCode
    }
}

extension Field {
    /// Asks for the reader's password again.
    static func ownPassword(key: String) -> Field {
        Field("password", .password, key: key, isRequired: true, autocomplete: "current-password")
    }
}

extension OpenPageRequest {
    /// Fields for the partial `field`.
    ///
    /// - Parameters:
    ///   - values: what stands in them; what was sent wins, so that nothing typed is lost when a form comes back.
    ///   - fault: what was wrong with what was sent.
    func fields(_ list: [Field], _ values: [String: String] = [:], fault: Fault? = nil) -> [Model] {
        list.map { field in
            let sent = fault == nil ? nil : form.all(field.name)
            let value: [String] = sent.flatMap { $0.isEmpty && !isBoxes(field.kind) ? nil : $0 } ?? [values[field.name] ?? ""]
            return model(field, value, error: fault?.words(of: field.name))
        }
    }

    private func isBoxes(_ kind: Field.Kind) -> Bool {
        switch kind {
        case .boxes, .check: true
        default: false
        }
    }

    private func model(_ field: Field, _ values: [String], error: String?) -> Model {
        let value = values.first ?? ""
        let hint = words.text("\(field.key)_hint")
        var model: Model = [
            "id": "field-\(field.name)", "name": field.name, "label": words[field.key], "hint": hint ?? false, "value": value,
            "error": error ?? false, "type": "text", "isRequired": field.isRequired,
            "autocomplete": field.autocomplete ?? "off", "maxLength": field.maxLength ?? false,
            "placeholder": field.placeholder ?? false,
            "isText": false, "isArea": false, "isSelect": false, "isCheck": false, "isChecked": false, "isRadios": false,
            "isBoxes": false, "isHidden": false, "rows": 4, "options": [Model](), "min": false, "max": false,
            "isCode": field.isCode, "mustChoose": false,
        ]
        switch field.kind {
        case .text: model["isText"] = true
        case .address:
            model["isText"] = true
            model["type"] = "url"
        case .password:
            model["isText"] = true
            model["type"] = "password"
            model["value"] = ""
        case .number(let range):
            model["isText"] = true
            model["type"] = "number"
            model["min"] = "\(range.lowerBound)"
            model["max"] = "\(range.upperBound)"
        case .moment:
            model["isText"] = true
            model["type"] = "datetime-local"
        case .area(let rows):
            model["isArea"] = true
            model["rows"] = rows
        case .choice(let options):
            model["isSelect"] = true
            model["options"] = optionModels(options, [value], field)
            // HTML allows to require a choice only where the first option is none.
            model["mustChoose"] = field.isRequired && options.first?.value.isEmpty ?? false
        case .radios(let options):
            model["isRadios"] = true
            model["options"] = optionModels(options, [value], field)
        case .boxes(let options):
            model["isBoxes"] = true
            model["options"] = optionModels(options, values.flatMap { $0.split(separator: ",").map(String.init) }, field)
        case .check:
            model["isCheck"] = true
            model["isChecked"] = !value.isEmpty
            model["value"] = "yes"
        case .hidden: model["isHidden"] = true
        }
        return model
    }

    private func optionModels(_ options: [Field.Option], _ chosen: [String], _ field: Field) -> [Model] {
        options.map {
            [
                "value": $0.value, "label": $0.label, "hint": $0.hint.isEmpty ? false : $0.hint as Any,
                "isSelected": chosen.contains($0.value), "name": field.name, "id": "field-\(field.name)-\($0.value)",
            ]
        }
    }

    /// What stands above a form that was refused, for the partial `errors`; false if nothing was.
    func errors(_ fault: Fault?) -> Any {
        guard let fault else { return false }
        return ["summary": fault.summary] as Model
    }

    /// A moment for the partial `time`.
    func time(_ moment: Timestamp) -> Model {
        ["iso": moment.text, "text": words.moment(moment), "ago": words.distance(moment, now: now)]
    }

    /// A moment that may be missing: false then.
    func time(_ moment: Timestamp?) -> Any {
        moment.map { time($0) as Any } ?? false
    }

    /// A short mark, for the partial `badge`.
    func badge(_ key: String, _ tone: Tone) -> Model { ["text": words[key], "tone": tone.rawValue] }

    /// How good or bad something is; never told by colour alone.
    enum Tone: String {
        case good, bad, warn, quiet
    }

    /// A text to be copied, for the partial `code`.
    ///
    /// - Parameter isSecret: whether it is shown this once and marked so.
    func code(_ id: String, _ labelKey: String, _ text: String, isSecret: Bool = false) -> Model {
        ["id": id, "label": words[labelKey], "text": text, "isSecret": isSecret]
    }

    /// Links to the parts of a listing, for the partial `pager`.
    ///
    /// - Parameter next: where the next part begins; `nil` at the end.
    func pager(_ next: String?) -> Any {
        let isFirst = query["after"] == nil
        guard next != nil || !isFirst else { return false }
        return [
            "older": next.map { address(with: "after", $0) as Any } ?? false,
            "newer": isFirst ? false : address(with: "after", nil) as Any,
        ] as Model
    }

    /// This page's address with one query parameter changed or taken out.
    func address(with name: String, _ value: String?) -> String {
        var pairs = query.pairs.filter { $0.name != name && $0.name != "done" }
        if let value { pairs.append((name, value)) }
        guard !pairs.isEmpty else { return path }
        return path + "?" + pairs.map { "\(Form.encoded($0.name))=\(Form.encoded($0.value))" }.joined(separator: "&")
    }

    /// What was called with something, how often and when last, before it is acted upon (N5); for the partial `impact`.
    func impact(_ impact: Impact) -> Model {
        [
            "hasWebhooks": !impact.webhooks.isEmpty,
            "total": words("impact.total", ["n": impact.webhooks.reduce(0) { $0 + $1.count }, "days": Int64(Limits.usageDays)]),
            "webhooks": impact.webhooks.map { use -> Model in
                [
                    "name": use.name?.text ?? use.webhook.text, "count": words.number(use.count), "last": time(use.lastAt),
                    "addresses": use.addresses.joined(separator: ", "),
                ]
            },
        ]
    }
}
