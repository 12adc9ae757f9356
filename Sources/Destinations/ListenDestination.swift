import Domain
import Foundation

/// Keeps its deliveries until somebody comes for them: a program on a developer's machine, or one that no request can reach.
package struct ListenDestination: DestinationKind {
    package init() {}

    package let name = "listen"
    package let meaning = "Keeps the events for a program that comes for them, inlet listen for example."
    package let fields: [DestinationField] = []
    package let isPulled = true

    package func check(_ settings: [String: String]) throws(DestinationFault) {}

    package func request(
        for message: OutgoingMessage, _ settings: [String: String]
    ) throws(DestinationFault) -> OutgoingRequest {
        .handed(headers: message.ownHeaders, body: message.body)
    }
}
