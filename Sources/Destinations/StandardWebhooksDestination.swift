import Domain
import Foundation

/// Posts to an address, signed as Standard Webhooks asks, so that the receiver can check who sent it.
package struct StandardWebhooksDestination: DestinationKind {
    package init() {}

    package let name = "standard-webhooks"
    package let meaning = "Sends the event to an http or https address, signed by Standard Webhooks."
    package let signing: SigningKind? = .standardWebhooks
    package let fields = [
        DestinationField("url", .url, isRequired: true, meaning: "Where to; secret variables may stand behind the host."),
        DestinationField(
            "signature", .choice(["v1", "v1a"]), standard: "v1",
            meaning: "v1 for a shared secret (HMAC-SHA-256), v1a for a key pair (Ed25519)."),
        DestinationField("headers", .headers, meaning: "Header lines that go along; secret variables may stand in the values."),
        DestinationField(
            "timeout_seconds", .number(1...60), standard: "15", meaning: "How long an answer may take, in seconds."),
    ]

    package func check(_ settings: [String: String]) throws(DestinationFault) {
        try HTTPDestination().check(settings)
    }

    package func request(
        for message: OutgoingMessage, _ settings: [String: String]
    ) throws(DestinationFault) -> OutgoingRequest {
        let signature: String
        do {
            signature = try WebhookSignature.value(
                id: message.event.text, seconds: message.at.microseconds / 1_000_000, body: message.body,
                secrets: message.signingSecrets)
        } catch {
            throw DestinationFault("signature", "cannot be made: \(error).")
        }
        return .http(
            try HTTPDestination.outgoing(
                message, settings, signed: [(name: WebhookSignature.signatureField, value: signature)]))
    }
}
