import EmbeddedFiles
import Foundation

/// What the console is made of beside code: templates, words, style, icons and scripts, all of it inside the program.
package enum ConsoleFiles {
    /// The text of a template of `Templates`, by its name without the ending.
    package static func templates() -> [String: String] {
        let folder = developmentFolder("Templates")
        var texts: [String: String] = [:]
        for (name, bytes) in EmbeddedFiles.all where name.hasSuffix(".mustache") {
            texts[String(name.dropLast(9))] = String(decoding: folder(name) ?? bytes, as: UTF8.self)
        }
        return texts
    }

    /// The catalogue of a language, JSON.
    package static func words(_ language: String) -> Data {
        developmentFolder("Words")("\(language).json") ?? EmbeddedFiles.all["\(language).json"] ?? Data()
    }

    /// A file that browsers load, and its media type; `nil` if there is none of that name.
    package static func asset(_ name: String) -> (type: String, bytes: Data)? {
        guard let ending = name.split(separator: ".").last, let type = types[String(ending)], let bytes = EmbeddedFiles.all[name]
        else {
            return nil
        }
        return (type, developmentFolder("Assets")(name) ?? bytes)
    }

    /// The names of all files that browsers load.
    package static var assetNames: [String] {
        EmbeddedFiles.all.keys.filter { name in types.keys.contains { name.hasSuffix(".\($0)") } }.sorted()
    }

    private static let types = ["css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"]

    // Whoever writes pages sees a change at the next load, without a build. Release builds know no such thing.
    private static func developmentFolder(_ kind: String) -> (String) -> Data? {
        #if DEBUG
            if let folder = ProcessInfo.processInfo.environment["CONSOLE_FILES"] {
                return { FileManager.default.contents(atPath: "\(folder)/\(kind)/\($0)") }
            }
        #endif
        return { _ in nil }
    }

    /// Whether files are read anew for each page.
    package static var areInDevelopment: Bool {
        #if DEBUG
            ProcessInfo.processInfo.environment["CONSOLE_FILES"] != nil
        #else
            false
        #endif
    }
}
