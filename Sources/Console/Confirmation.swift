import Manage

/// A page that asks before something is done, and says first what it concerns (N5).
struct Confirmation: Sendable {
    let title: String
    /// What will happen, in plain words.
    let text: String
    /// Where the form goes.
    let action: String
    /// What the button says.
    let button: String
    /// Where "Cancel" goes.
    let back: String
    var isDanger = false
    /// What was called with it lately.
    var impact: Impact?
    var fields: [Field] = []
    var values: [String: String] = [:]
    /// More sentences, one paragraph each.
    var notes: [String] = []
    /// A list that belongs to the text.
    var items: [String] = []
    /// Where to go when there is nothing that could be done: a link in the place of the button.
    var instead: PageRequest.Crumb?
}

extension PageRequest {
    /// Asks before something is done.
    func confirm(
        _ asked: Confirmation, in section: Section, crumbs: [Crumb] = [], fault: Fault? = nil
    ) throws -> PageAnswer {
        try page(
            "confirm", title: asked.title, in: section, crumbs: crumbs,
            [
                "text": asked.text, "action": asked.action, "button": asked.button, "back": asked.back,
                "isDanger": asked.isDanger, "impact": asked.impact.map { input.impact($0) as Any } ?? false,
                "fields": input.fields(asked.fields, asked.values, fault: fault), "fault": input.errors(fault),
                "notes": asked.notes, "items": asked.items, "hasItems": !asked.items.isEmpty,
                "instead": asked.instead.map { ["href": $0.path, "name": $0.label] as Model }.orFalse,
            ])
    }
}
