import Synchronization

/// What is tried again and again, of which a failure is said once until it works again or fails otherwise: the log of an hour without
/// a database would be long.
package final class Outage: Sendable {
    private let open = Mutex<[String: String]>([:])
    private let complain: @Sendable (_ message: String, _ error: any Error) -> Void

    /// - Parameter complain: is told what does not work, and why.
    package init(_ complain: @escaping @Sendable (_ message: String, _ error: any Error) -> Void) {
        self.complain = complain
    }

    /// Tries work that will be tried again, and whose failure is that message.
    ///
    /// - Returns: whether it worked though it did not before.
    @discardableResult
    package func trying(
        _ message: String, isolation: isolated (any Actor)? = #isolation, _ work: () async throws -> Void
    ) async -> Bool {
        do {
            try await work()
            return isOver(message)
        } catch {
            note(message, error)
            return false
        }
    }

    /// Notes that something does not work.
    package func note(_ message: String, _ error: any Error) {
        let words = "\(error)"
        let isNews = open.withLock { open in
            defer { open[message] = words }
            return open[message] != words
        }
        if isNews { complain(message, error) }
    }

    /// Notes that something works.
    ///
    /// - Returns: whether it did not before.
    @discardableResult
    package func isOver(_ message: String) -> Bool {
        open.withLock { $0.removeValue(forKey: message) != nil }
    }
}
