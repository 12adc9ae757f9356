import Domain
import Foundation

/// The body of a call as its answer holds it, for webhooks that send it back (D12).
struct BodyEcho {
    /// What stands behind the event's id in the answer, `,"body":…`.
    let members: String

    init(_ call: PendingCall) {
        self.init(call.body, contentType: call.admission.contentType)
    }

    /// JSON as it is, if the content type says so and it can be read; else a text, and what is no text in base64. A long body is
    /// left out.
    init(_ body: Data, contentType: String?) {
        if body.count > Limits.echoBytesMax {
            members = #","body_truncated":true"#
        } else if Self.saysJSON(contentType), (try? JSONNode(body)) != nil {
            members = #","body":"# + String(decoding: body, as: UTF8.self)
        } else if let text = String(validating: body, as: UTF8.self) {
            members = #","body":"# + JSONNode.text(text).text
        } else {
            members = #","body_base64":""# + body.base64EncodedString() + "\""
        }
    }

    // `application/json`, or anything that ends in `+json` (RFC 6839).
    private static func saysJSON(_ contentType: String?) -> Bool {
        guard let bytes = contentType?.utf8.prefix(while: { $0 != UInt8(ascii: ";") }) else { return false }
        let type = String(decoding: bytes.prefix(200), as: UTF8.self).trimmingCharacters(in: .whitespaces)
        return type.equalsIgnoringCase("application/json") || String(type.suffix(5)).equalsIgnoringCase("+json")
    }
}
