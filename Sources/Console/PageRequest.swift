import Domain
import Foundation
import Manage
import Storage
import WebSupport

/// A request for a page whose reader need not be known.
struct OpenPageRequest: Sendable {
    let path: String
    let parameters: [String: String]
    let query: Form
    let form: Form
    /// Where it came from.
    let address: String
    let userAgent: String?
    /// What the browser keeps of an earlier sign-in.
    let device: String?
    /// The last event of a stream that a browser saw before it was cut off (WHATWG HTML, section 9.2).
    let lastEventID: String?
    let words: Words
    let operations: Operations
    let templates: Templates
    let surroundings: Surroundings

    /// What pages know of the house around them.
    struct Surroundings: Sendable {
        let version: String
        /// Who follows along.
        let seats = StreamSeats()
        /// Changes whenever a file that browsers load does.
        let filesVersion: String
        /// Makes a real call to a webhook through the door for callers, with that `Authorization`, and gives the answer's status.
        let call: @Sendable (_ webhook: String, _ authorization: String, _ body: Data) async -> Int?
    }

    /// The value of `:id` in the path.
    var id: String { parameters["id"] ?? "" }
    var now: Timestamp { operations.now }

    /// A page before sign-in.
    ///
    /// - Parameters:
    ///   - template: fills the blocks of `bare`.
    ///   - title: the heading.
    func barePage(_ template: String, title: String, _ model: Model = [:], status: Int = 200) throws -> PageAnswer {
        var all = model
        all["t"] = words.tree
        all["page"] = pageModel(title: title, csrf: "")
        all["languages"] = Language.allCases.map {
            [
                "code": $0.rawValue, "name": words["language.\($0.rawValue)"], "isCurrent": $0 == words.language,
                "href": address(with: "lang", $0.rawValue),
            ] as Model
        }
        let chosen = query["lang"].flatMap(Language.init(rawValue:))
        return PageAnswer(
            status: status, headers: chosen.map { [LanguageCookie.header($0)] } ?? [],
            body: .html(try templates.render(template, all)))
    }

    func pageModel(title: String, csrf: String) -> Model {
        [
            "title": title, "language": words.language.rawValue, "csrf": csrf, "version": surroundings.filesVersion,
            "program": surroundings.version,
        ]
    }

    /// Does something and shows the form again, with what was wrong, if other input would mend it.
    func attempt(
        _ act: () async throws -> PageAnswer, orShow form: (Fault) async throws -> PageAnswer
    ) async throws -> PageAnswer {
        do {
            return try await act()
        } catch let error as OperationError {
            guard let fault = Fault(error, words) else { throw error }
            var answer = try await form(fault)
            if answer.status == 200 { answer.status = 422 }
            return answer
        }
    }
}

/// A request for a page whose reader is known.
@dynamicMemberLookup
struct PageRequest: Sendable {
    let actor: Actor
    let me: PersonOperations.Me
    /// What every form has to carry.
    let csrf: String
    let input: OpenPageRequest

    subscript<Value>(dynamicMember path: KeyPath<OpenPageRequest, Value>) -> Value {
        input[keyPath: path]
    }

    func attempt(
        _ act: () async throws -> PageAnswer, orShow form: (Fault) async throws -> PageAnswer
    ) async throws -> PageAnswer {
        try await input.attempt(act, orShow: form)
    }

    func may(_ permission: Permission) -> Bool { actor.may(permission) }

    /// All items of a listing, part by part.
    ///
    /// - Parameter part: reads the part that begins there, of at most ``Limits/pageItems``.
    static func all<Item>(_ part: (_ after: String?) async throws -> Page<Item>) async throws -> [Item] {
        var items: [Item] = []
        var after: String?
        repeat {
            let page = try await part(after)
            items += page.items
            after = page.next
        } while after != nil
        return items
    }

    /// All accounts of the organization.
    func allAccounts() async throws -> [AccountOperations.Shown] {
        try await Self.all {
            try await input.operations.accounts.list(after: $0, limit: Limits.pageItems.upperBound, actor)
        }
    }

    /// A whole page.
    ///
    /// - Parameters:
    ///   - template: fills the blocks of `layout`.
    ///   - title: the heading, and the window's title.
    ///   - section: the part of the navigation that it belongs to.
    ///   - crumbs: the pages above it, outermost first.
    func page(
        _ template: String, title: String, in section: Section, crumbs: [Crumb] = [], _ model: Model = [:], status: Int = 200
    ) throws -> PageAnswer {
        var all = model
        all["t"] = input.words.tree
        all["page"] = input.pageModel(title: title, csrf: csrf)
        all["nav"] = navigation(section)
        all["organization"] = ["name": me.organization.name.text] as Model
        all["places"] = me.places.map {
            [
                "id": $0.organization.id.text, "name": $0.organization.name.text,
                "role": input.words["role.\($0.membership.role)"],
                "isCurrent": $0.organization.id == me.organization.id,
            ] as Model
        }
        all["hasPlaces"] = me.places.count > 1
        all["person"] = ["name": me.member.account.name.text, "login": me.member.account.login ?? ""] as Model
        all["crumbs"] = crumbs.map { ["href": $0.path, "label": $0.label] as Model }
        all["hasCrumbs"] = !crumbs.isEmpty
        all["notice"] = notice
        all["live"] = model["live"] ?? false
        return PageAnswer(status: status, body: .html(try input.templates.render(template, all)))
    }

    /// A page above another one.
    struct Crumb: Sendable {
        let path: String
        let label: String

        init(_ path: String, _ label: String) {
            self.path = path
            self.label = label
        }
    }

    /// A section as a crumb.
    func crumb(_ section: Section) -> Crumb { Crumb(section.path, input.words["nav.\(section.rawValue)"]) }

    // What the act before this page did. Only what the catalogue knows is said, for the address may come from anywhere.
    private var notice: Any {
        guard let done = input.query["done"], done.utf8.count <= 60, let text = input.words.text("done.\(done)") else {
            return false
        }
        return ["text": text] as Model
    }

    private func navigation(_ current: Section) -> [Model] {
        Section.groups.compactMap { group -> Model? in
            let items = group.sections.filter { may($0.permission) }.map { section -> Model in
                [
                    "href": section.path, "label": input.words["nav.\(section.rawValue)"], "icon": section.icon,
                    "isCurrent": section == current,
                ]
            }
            guard !items.isEmpty else { return nil }
            return ["label": group.key.isEmpty ? false : input.words[group.key] as Any, "items": items]
        }
    }
}
