import AsyncHTTPClient
import Contract
import Domain
import Foundation
import Logging
import Manage
import NIOCore
import NIOHTTP1
import ServiceLifecycle

/// Posts warnings of what will stop (N4) to the address that whoever runs the server has set.
///
/// One at a time, oldest first, each until the other side answers 2xx, for a week. It may come twice, so it carries its id.
package struct Notifier: Service {
    private let outlook: OutlookOperations
    private let url: String?
    private let logger: Logger
    private static let pause = Duration.seconds(30)
    private static let warningsPerRound = 100

    /// - Parameter url: where to; `nil` posts nothing.
    package init(_ outlook: OutlookOperations, url: String?, logger: Logger) {
        self.outlook = outlook
        self.url = url
        self.logger = logger
    }

    package func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                await deliver()
                try await Task.sleep(for: Self.pause)
            }
        }
    }

    /// Posts what nobody took yet; ends at the first that is not taken.
    package func deliver() async {
        guard let url else { return }
        do {
            for warning in try await outlook.undelivered(limit: Self.warningsPerRound) {
                try await post(warning, to: url)
                try await outlook.noteDelivery(of: warning)
            }
        } catch {
            logger.warning("a warning could not be delivered", metadata: ["error": "\(error)"])
        }
    }

    private struct Message: Encodable {
        let type = "inlet.warning"
        let id: String
        let organization: String
        let at: String
        let kind: String
        let subject: String
        let name: String
        let dueAt: String
        let daysLeft: Int64
    }

    private struct NotTaken: Error, CustomStringConvertible {
        let status: UInt
        var description: String { "the notification address answered \(status)" }
    }

    private func post(_ warning: Warning, to url: String) async throws {
        let message = Message(
            id: warning.id.text, organization: warning.organization.text, at: warning.at.text, kind: warning.kind.rawValue,
            subject: warning.subject, name: warning.name.text, dueAt: warning.dueAt.text, daysLeft: warning.mark)
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: try Wire.encode(message)))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(15))
        guard (200..<300).contains(response.status.code) else { throw NotTaken(status: response.status.code) }
    }
}
