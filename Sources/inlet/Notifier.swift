import AsyncHTTPClient
import Contract
import Destinations
import Domain
import Foundation
import Logging
import Manage
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Storage

/// Posts warnings of what will stop (N4) to the address of the organization, or else to the one that whoever runs the server has set.
///
/// For each organization one at a time, oldest first, each until the other side answers 2xx, for a week. It may come twice, so it
/// carries its id.
package struct Notifier: Service {
    private let outlook: OutlookOperations
    private let place: Place
    private let url: String?
    private let egress: Egress
    private let logger: Logger
    private static let pause = Duration.seconds(30)
    private static let warningsPerRound = 100
    private static let organizationsAtOnce = 16

    /// - Parameters:
    ///   - url: where to, for organizations without an address of their own; `nil` posts nothing.
    ///   - egress: what stands between organizations' own addresses and the network the server is in.
    init(_ outlook: OutlookOperations, place: Place, url: String?, egress: Egress, logger: Logger) {
        self.outlook = outlook
        self.place = place
        self.url = url
        self.egress = egress
        self.logger = logger
    }

    package func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                // Once, of all servers.
                if place.isLeader { await deliver() }
                try await Task.sleep(for: Self.pause)
            }
        }
    }

    /// Posts what nobody took yet; for each organization, ends at the first that is not taken.
    package func deliver() async {
        do {
            let warnings = try await outlook.undelivered(ofEach: Self.warningsPerRound)
            // Beside each other, for an address that does not answer takes its time.
            await withTaskGroup(of: Void.self) { group in
                for (index, (organization, warnings)) in warnings.enumerated() {
                    if index >= Self.organizationsAtOnce { await group.next() }
                    group.addTask { await deliver(warnings, of: organization) }
                }
            }
        } catch {
            logger.warning("warnings could not be read", metadata: ["error": "\(error)"])
        }
    }

    private func deliver(_ warnings: [Warning], of organization: ID<Organization>) async {
        var redactor = Redactor([])
        do {
            // The variables in it are opened for this round alone.
            let address = try await outlook.address(of: organization)
            if let address { redactor = address.redactor }
            guard address != nil || url != nil else { return }
            for warning in warnings {
                let status: Int
                if let address {
                    status = try await egress.send(try outgoing(warning, to: address), for: organization.text).status
                } else {
                    status = try await post(try body(warning), to: url ?? "")
                }
                guard (200..<300).contains(status) else { throw NotTaken(status: status) }
                try await outlook.noteDelivery(of: warning)
            }
        } catch {
            logger.warning(
                "a warning could not be delivered",
                metadata: ["organization": "\(organization.text)", "error": "\(redactor.redacted(Self.words(for: error)))"])
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
        let status: Int
        var description: String { "the notification address answered \(status)" }
    }

    private func outgoing(_ warning: Warning, to address: OutlookOperations.Address) throws -> HTTPOutgoing {
        guard let url = URL(string: address.url) else { throw Egress.Refused("the address is none") }
        let headers = address.headers.filter { !$0.key.equalsIgnoringCase("content-type") }.map {
            (name: $0.key, value: $0.value)
        }
        return HTTPOutgoing(
            method: "POST", url: url, headers: headers + [(name: "Content-Type", value: "application/json")],
            body: try body(warning), timeout: .seconds(15))
    }

    private static func words(for error: any Error) -> String {
        (error as? NotTaken)?.description ?? (error as? SecretTemplateError).map { "\($0)" } ?? Egress.words(for: error)
    }

    private func body(_ warning: Warning) throws -> Data {
        try Wire.encode(
            Message(
                id: warning.id.text, organization: warning.organization.text, at: warning.at.text,
                kind: warning.kind.rawValue, subject: warning.subject, name: warning.name.text, dueAt: warning.dueAt.text,
                daysLeft: warning.mark))
    }

    private func post(_ body: Data, to url: String) async throws -> Int {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: body))
        return Int(try await HTTPClient.shared.execute(request, timeout: .seconds(15)).status.code)
    }
}
