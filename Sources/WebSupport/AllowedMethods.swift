import HTTPTypes

/// Which methods each address knows: what a 405 tells whoever asks for another (RFC 9110, section 15.5.6).
///
/// Beside the router, not in it: a route for each method that an address does not know would be most of its routes, built at each
/// start and hardly ever used.
package struct AllowedMethods: Sendable {
    // By the parts of a path; one that begins with `:` stands for any.
    private var known: [[Substring]: [HTTPRequest.Method]] = [:]

    /// - Parameter routes: paths as the router takes them, with parameters such as `:id`.
    package init(_ routes: [(path: String, method: HTTPRequest.Method)]) {
        for route in routes { known[Self.parts(route.path), default: []].append(route.method) }
    }

    /// What the field `Allow` says of an address; nil if there is no such address, or if it does know the method.
    package func allowed(insteadOf method: HTTPRequest.Method, at path: String) -> String? {
        // Bytes: what comes from outside is not compared as characters.
        let asked = Self.parts(path)
        let fitting = known.keys.filter { parts in
            parts.count == asked.count
                && zip(parts, asked).allSatisfy { Self.isParameter($0) || $0.utf8.elementsEqual($1.utf8) }
        }
        // As the router chooses: `/tokens/outlook` before `/tokens/:id`.
        let best = fitting.max { one, other in
            one.map { !Self.isParameter($0) }.lexicographicallyPrecedes(other.map { !Self.isParameter($0) }) { !$0 && $1 }
        }
        guard let best, let methods = known[best], !methods.contains(method) else { return nil }
        return methods.map(\.rawValue).sorted().joined(separator: ", ")
    }

    private static func parts(_ path: String) -> [Substring] { path.utf8.split(separator: UInt8(ascii: "/")).map(Substring.init) }

    private static func isParameter(_ part: Substring) -> Bool { part.utf8.first == UInt8(ascii: ":") }
}
