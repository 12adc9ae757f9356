import Domain
import HTTPTypes
import Manage
import Storage
import WebSupport

/// Secret variables (E11).
enum VariablePages {
    private static let path = "/settings/variables"

    static let list: [PageRoute] = [
        PageRoute(.get, path, .readVariables) { request in try await listPage(request) },
        PageRoute(.get, "\(path)/new", .changeVariables) { request in try newPage(request, fault: nil) },
        PageRoute(.post, path, .changeVariables) { request in
            try await request.attempt {
                let name = request.form.text("name")
                // What stands in for a value that is used must not be replaced by a slip.
                guard try await find(name, request) == nil else {
                    throw OperationError.invalid(field: "name", "is taken; replace that variable’s value instead.")
                }
                _ = try await request.operations.variables.set(name, to: request.form.text("value"), request.actor)
                return .go(to: path, done: "variable_new")
            } orShow: { fault in
                try newPage(request, fault: fault)
            }
        },
        PageRoute(.get, "\(path)/:id/replace", .changeVariables) { request in try await replacePage(request, fault: nil) },
        PageRoute(.post, "\(path)/:id/replace", .changeVariables) { request in
            try await request.attempt {
                _ = try await known(request)
                _ = try await request.operations.variables.set(request.id, to: request.form.text("value"), request.actor)
                return .go(to: path, done: "variable_replaced")
            } orShow: { fault in
                try await replacePage(request, fault: fault)
            }
        },
        PageRoute(.get, "\(path)/:id/delete", .changeVariables) { request in
            let shown = try await known(request)
            guard shown.uses.isEmpty else { return try inUsePage(shown.uses, request, status: 200) }
            return try request.confirm(
                Confirmation(
                    title: request.words("variable.delete_title", ["name": request.id]),
                    text: request.words["variable.delete_text"], action: "\(path)/\(request.id)/delete",
                    button: request.words["variable.delete"], back: path, isDanger: true),
                in: .settings, crumbs: crumbs(request))
        },
        PageRoute(.post, "\(path)/:id/delete", .changeVariables) { request in
            do {
                try await request.operations.variables.delete(request.id, request.actor)
            } catch OperationError.variableInUse(let uses) {
                return try inUsePage(uses, request, status: 409)
            }
            return .go(to: path, done: "variable_deleted")
        },
    ]

    // MARK: Pages

    private static func listPage(_ request: PageRequest) async throws -> PageAnswer {
        let found = try await request.operations.variables.list(after: request.query["after"], limit: 50, request.actor)
        let mayChange = request.may(.changeVariables)
        let rows = found.items.map { shown -> Model in
            let name = shown.entry.name.text
            return [
                "name": name, "example": "{{\(name)}}", "changedAt": request.input.time(shown.entry.updatedAt),
                "uses": shown.uses.map { use($0, request.words) }, "isUsed": !shown.uses.isEmpty,
                "replace": "\(path)/\(name)/replace", "delete": "\(path)/\(name)/delete",
            ]
        }
        let words = request.words
        let empty: Model = [
            "title": words["variable.empty_title"], "text": words["variable.empty_text"],
            "href": mayChange ? "\(path)/new" as Any : false, "action": words["variable.new"],
        ]
        return try request.page(
            "variable-list", title: words["variable.title"], in: .settings,
            [
                "tabs": request.settingsTabs(path), "variables": rows, "mayChange": mayChange, "new": "\(path)/new",
                "empty": rows.isEmpty ? empty as Any : false, "pager": request.input.pager(found.next),
            ])
    }

    private static func newPage(_ request: PageRequest, fault: Fault?) throws -> PageAnswer {
        let name = Field(
            "name", key: "variable.name", isRequired: true, maxLength: 64, placeholder: "WAREHOUSE_KEY", isCode: true)
        return try form([name, value], title: request.words["variable.new"], action: path, request, fault: fault)
    }

    private static func replacePage(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let shown = try await known(request)
        return try form(
            [value], title: request.words("variable.replace_title", ["name": request.id]),
            action: "\(path)/\(request.id)/replace", uses: shown.uses, request, fault: fault)
    }

    private static let value = Field("value", .area(rows: 3), key: "variable.value", isRequired: true, isCode: true)

    private static func form(
        _ fields: [Field], title: String, action: String, uses: [String] = [], _ request: PageRequest, fault: Fault?
    ) throws -> PageAnswer {
        var models = request.input.fields(fields, fault: fault)
        // A value goes in and never comes out, not even when something beside it was wrong.
        for index in models.indices where models[index]["name"] as? String == "value" { models[index]["value"] = "" }
        return try request.page(
            "variable-form", title: title, in: .settings, crumbs: crumbs(request),
            [
                "fields": models, "fault": request.input.errors(fault), "action": action, "back": path,
                "isNew": fields.count > 1, "uses": uses.map { use($0, request.words) }, "isUsed": !uses.isEmpty,
            ])
    }

    private static func inUsePage(_ uses: [String], _ request: PageRequest, status: Int) throws -> PageAnswer {
        try request.page(
            "variable-in-use", title: request.words("variable.in_use_title", ["name": request.id]), in: .settings,
            crumbs: crumbs(request), ["uses": uses.map { use($0, request.words) }, "back": path], status: status)
    }

    private static func crumbs(_ request: PageRequest) -> [PageRequest.Crumb] {
        [request.crumb(.settings), PageRequest.Crumb(path, request.words["variable.title"])]
    }

    // MARK: Finding

    private static func known(_ request: PageRequest) async throws -> SecretVariableOperations.Shown {
        guard let shown = try await find(request.id, request) else { throw OperationError.notFound("secret variable") }
        return shown
    }

    private static func find(_ name: String, _ request: PageRequest) async throws -> SecretVariableOperations.Shown? {
        try await request.operations.variables.list(after: nil, limit: Limits.variablesMax, request.actor).items
            .first { $0.entry.name.text == name }
    }

    // Operations say in English where a variable is used.
    private static func use(_ english: String, _ words: Words) -> String {
        let kinds = [
            ("destination ", "variable.use_destination"), ("flow ", "variable.use_flow"),
            ("notification_headers of the organization: ", "variable.use_notification_header"),
            ("notification_url of the organization", "variable.use_notification"),
        ]
        guard let (start, key) = kinds.first(where: { english.hasPrefix($0.0) }) else { return english }
        let rest = english.dropFirst(start.count)
        // Names may hold a colon, what is behind the last one does not.
        guard let colon = rest.lastIndex(of: ":") else { return words(key, ["name": String(rest)]) }
        let part = rest[rest.index(after: colon)...].drop(while: \.isWhitespace)
        return words(key, ["name": String(rest[..<colon]), "part": String(part)])
    }
}
