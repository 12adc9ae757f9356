import Domain
import Foundation
import HTTPTypes
import ServiceLifecycle

/// What goes back to the browser.
struct PageAnswer: Sendable {
    var status = 200
    var headers: [(HTTPField.Name, String)] = []
    let body: Body

    enum Body: Sendable {
        case html(String)
        case bytes(Data)
        /// Piece by piece as they come; `end` makes them stop.
        case pieces(AsyncStream<Data>, end: @Sendable () -> Void)
        /// A file too large to hold whole; its length, if it is known, tells the browser whether all of it came.
        case file(AsyncThrowingStream<Data, any Error>, byteCount: Int64?)
    }

    /// Sends the browser on to another page, by GET.
    ///
    /// - Parameters:
    ///   - path: of ours, with a leading `/`.
    ///   - done: the key below `done.` of what that page says happened.
    static func go(to path: String, done: String? = nil) -> PageAnswer {
        var place = path
        if let done {
            let end = place.firstIndex(of: "#") ?? place.endIndex
            place.insert(contentsOf: (place[..<end].contains("?") ? "&" : "?") + "done=\(done)", at: end)
        }
        return PageAnswer(status: 303, headers: [(.location, place)], body: .html(""))
    }

    /// Hands over a file to be kept.
    static func file(_ bytes: Data, type: String, name: String) -> PageAnswer {
        PageAnswer(
            headers: [(.contentType, type), (.contentDisposition, "attachment; filename=\"\(name)\"")], body: .bytes(bytes))
    }

    // How many messages a browser may be behind.
    private static let eventsBehindMax = 256

    /// Server-sent events (WHATWG HTML, section 9.2).
    ///
    /// - Parameter produce: sends them until there are no more. It is cancelled when the browser leaves or is too far behind,
    ///   and when the server stops; whatever it throws ends the stream, and the browser comes again.
    static func events(
        _ produce: @escaping @Sendable (_ send: @escaping @Sendable (ServerEvent) -> Void) async throws -> Void
    ) -> PageAnswer {
        let (stream, out) = AsyncStream.makeStream(of: Data.self, bufferingPolicy: .bufferingOldest(eventsBehindMax))
        let task = Task {
            defer { out.finish() }
            // Whoever follows is not to keep the server from stopping.
            try? await cancelWhenGracefulShutdown {
                try await produce { event in
                    if case .dropped = out.yield(event.bytes) { out.finish() }
                }
            }
        }
        out.onTermination = { _ in task.cancel() }
        return PageAnswer(headers: [(.contentType, "text/event-stream")], body: .pieces(stream, end: { out.finish() }))
    }
}

/// One message of a stream to a page.
enum ServerEvent: Sendable {
    /// A piece of HTML; `id` is where a browser that was cut off goes on.
    case html(String, id: String? = nil)
    /// Nothing more will come.
    case done
    /// Keeps the connection.
    case stillHere

    var bytes: Data {
        switch self {
        case .html(let html, let id):
            let lines = html.split(whereSeparator: \.isNewline).map { "data: \($0)\n" }.joined()
            return Data(((id.map { "id: \($0)\n" } ?? "") + lines + "\n").utf8)
        case .done: return Data("event: done\ndata:\n\n".utf8)
        case .stillHere: return Data(": still here\n\n".utf8)
        }
    }
}

extension HTTPField.Name {
    static let contentDisposition = Self("Content-Disposition") ?? .contentType
}
