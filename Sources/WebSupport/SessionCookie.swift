import Foundation
import HTTPTypes
import Manage

/// The cookies of a person who signed in. `__Host-` binds them to this host, over TLS or the loopback alone.
package enum SessionCookie {
    package static let session = "__Host-inlet_session"
    package static let device = "__Host-inlet_device"

    /// Sets the session's cookie, which ends with the browser, and the one by which the browser is known the next time.
    package static func headers(_ started: SignIn.Started) -> [(HTTPField.Name, String)] {
        var headers: [(HTTPField.Name, String)] = [(.setCookie, text(session, started.secret))]
        if let known = started.device { headers.append((.setCookie, text(device, known) + "; Max-Age=31536000")) }
        return headers
    }

    /// Has the browser forget the session.
    package static let gone: (HTTPField.Name, String) = (.setCookie, text(session, "") + "; Max-Age=0")

    private static func text(_ name: String, _ value: String) -> String {
        "\(name)=\(value); Path=/; Secure; HttpOnly; SameSite=Lax"
    }
}

package enum Cookies {
    /// The value of a cookie; `nil` if there is none.
    package static func value(_ name: String, in headers: HTTPFields) -> String? {
        // Bytes, for characters of many marks take long to tell apart.
        for field in headers[values: .cookie] {
            for pair in field.utf8.split(separator: UInt8(ascii: ";")) {
                let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1).map(trimmed)
                if parts.count == 2, parts[0].elementsEqual(name.utf8) { return String(parts[1]) }
            }
        }
        return nil
    }

    private static func trimmed(_ bytes: Substring.UTF8View) -> Substring.UTF8View {
        let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let head = bytes.drop(while: isBlank)
        return head.dropLast(head.reversed().prefix(while: isBlank).count)
    }
}
