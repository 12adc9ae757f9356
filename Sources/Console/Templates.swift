import ConsoleFiles
import Mustache

/// What a template is given. It must hold every key that the template asks for: one that is missing is looked for further out.
typealias Model = [String: Any]

extension Optional {
    /// What there is for a template, to which what is missing is false.
    var orFalse: Any {
        if let self { self } else { false }
    }
}

extension String {
    /// The text for a template, to which one without letters is false.
    var orFalseIfEmpty: Any { isEmpty ? false : self }
}

/// The console's pages before they are filled in.
package struct Templates: Sendable {
    private let library: MustacheLibrary

    /// - Throws: if one of them is no Mustache.
    package init() throws {
        library = try ConsoleFiles.areInDevelopment ? Self.library(ConsoleFiles.templates()) : Self.built.get()
    }

    // Read once for all servers of a process: tests start hundreds.
    private static let built = Result { try library(ConsoleFiles.templates()) }

    static func library(_ texts: [String: String]) throws -> MustacheLibrary {
        MustacheContentTypes.register(HTMLBytes(), named: HTMLBytes.name)
        // A partial begins with the library's own way of escaping, so each template has to name ours.
        return MustacheLibrary(
            templates: try texts.mapValues { try MustacheTemplate(string: "{{% CONTENT_TYPE:\(HTMLBytes.name)}}\($0)") })
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

/// Escapes text for HTML byte by byte.
///
/// The library escapes characters as people see them: a quote with a mark on it is not a quote to it, but it ends an attribute to a
/// browser.
private struct HTMLBytes: MustacheContentType {
    static let name = "HTML_BYTES"

    func escapeText(_ text: String) -> String {
        var escaped: [UInt8] = []
        escaped.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "<"): escaped += "&lt;".utf8
            case UInt8(ascii: ">"): escaped += "&gt;".utf8
            case UInt8(ascii: "&"): escaped += "&amp;".utf8
            case UInt8(ascii: "\""): escaped += "&quot;".utf8
            case UInt8(ascii: "'"): escaped += "&#39;".utf8
            default: escaped.append(byte)
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }
}
