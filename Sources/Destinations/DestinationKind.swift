import Domain
import Foundation

/// A kind of destination. It describes itself: its fields draw forms, check requests and list options.
///
/// A new kind is one file, and one line in ``AllKinds``.
package protocol DestinationKind: Sendable {
    /// The word by which people choose it, `http`.
    var name: String { get }
    /// One sentence for people.
    var meaning: String { get }
    var fields: [DestinationField] { get }
    /// How its messages are signed; `nil` if they are not.
    var signing: SigningKind? { get }
    /// Whether nothing is sent to it: who wants its deliveries comes for them.
    var isPulled: Bool { get }

    /// Checks settings that hold every required field, none that is unknown, and nothing that its field does not take.
    func check(_ settings: [String: String]) throws(DestinationFault)

    /// Says what would be sent. Pure, so that a dry run shows exactly what an attempt does.
    ///
    /// - Parameter settings: with all merge fields and secret variables filled in.
    func request(for message: OutgoingMessage, _ settings: [String: String]) throws(DestinationFault) -> OutgoingRequest
}

extension DestinationKind {
    package var signing: SigningKind? { nil }
    package var isPulled: Bool { false }
}

/// What signs the messages of a kind.
package enum SigningKind: Sendable {
    case standardWebhooks
}

/// One field of a kind of destination.
package struct DestinationField: Sendable {
    /// What it takes.
    package enum Content: Hashable, Sendable {
        /// One line; secret variables may stand in it.
        case text
        /// An http or https address; secret variables may stand behind the host.
        case url
        /// Header lines, `Name: value`; secret variables may stand in the values.
        case headers
        case choice([String])
        case number(ClosedRange<Int>)
    }

    package let name: String
    package let content: Content
    package let isRequired: Bool
    /// What it is when nobody says.
    package let standard: String?
    package let meaning: String

    package init(_ name: String, _ content: Content, isRequired: Bool = false, standard: String? = nil, meaning: String) {
        self.name = name
        self.content = content
        self.isRequired = isRequired
        self.standard = standard
        self.meaning = meaning
    }
}

/// What is wrong with the settings of a destination, or with what they became when secrets were filled in.
package struct DestinationFault: Error, Hashable, Sendable {
    package let field: String
    package let expectation: String

    package init(_ field: String, _ expectation: String) {
        self.field = field
        self.expectation = expectation
    }
}

/// One event on its way out.
package struct OutgoingMessage: Sendable {
    package let organization: ID<Organization>
    package let event: OrderedID<Event>
    package let delivery: OrderedID<Delivery>
    package let webhook: ID<Webhook>
    /// 1 for the first.
    package let attempt: Int
    package let at: Timestamp
    package let contentType: String?
    package let context: String?
    package let isReplay: Bool
    package let body: Data
    /// What it is signed with, the newest first.
    package let signingSecrets: [SigningSecret]

    package init(
        organization: ID<Organization>, event: OrderedID<Event>, delivery: OrderedID<Delivery>, webhook: ID<Webhook>,
        attempt: Int, at: Timestamp, contentType: String?, context: String?, isReplay: Bool, body: Data,
        signingSecrets: [SigningSecret] = []
    ) {
        self.organization = organization
        self.event = event
        self.delivery = delivery
        self.webhook = webhook
        self.attempt = attempt
        self.at = at
        self.contentType = contentType
        self.context = context
        self.isReplay = isReplay
        self.body = body
        self.signingSecrets = signingSecrets
    }
}

/// What leaves, whichever way.
package enum OutgoingRequest: Sendable {
    case http(HTTPOutgoing)
    /// One line of JSON, to standard output or to a file in the folder of logs.
    case line(String, file: String?)
    /// A message for who comes for it.
    case handed(headers: [(name: String, value: String)], body: Data)
}

/// An HTTP request as it is sent.
package struct HTTPOutgoing: Sendable {
    package let method: String
    package let url: URL
    package let headers: [(name: String, value: String)]
    package let body: Data
    package let timeout: Duration

    package init(method: String, url: URL, headers: [(name: String, value: String)], body: Data, timeout: Duration) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
    }
}

/// All kinds there are.
package enum AllKinds {
    package static let list: [any DestinationKind] = [
        HTTPDestination(), StandardWebhooksDestination(), LogDestination(), ListenDestination(),
    ]

    package static func kind(named name: String) -> (any DestinationKind)? {
        list.first { $0.name == name }
    }
}
