import ConsoleFiles
import Mustache

/// What a template is given. It must hold every key that the template asks for: one that is missing is looked for further out.
typealias Model = [String: Any]

/// The console's pages before they are filled in.
package struct Templates: Sendable {
    private let library: MustacheLibrary

    /// - Throws: if one of them is no Mustache.
    package init() throws {
        library = MustacheLibrary(templates: try ConsoleFiles.templates().mapValues { try MustacheTemplate(string: $0) })
    }

    /// - Throws: ``Missing`` if there is no template of that name.
    func render(_ name: String, _ model: Model) throws -> String {
        guard let text = library.render(model, withTemplate: name) else { throw Missing(name: name) }
        return text
    }

    struct Missing: Error {
        let name: String
    }
}
