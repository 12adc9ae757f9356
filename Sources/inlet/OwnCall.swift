import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// Calls a webhook of this server through the door for callers, as somebody outside would (D1).
package final class OwnCall: Sendable {
    private let host: String
    private let port = Mutex<Int?>(nil)
    private static let time = TimeAmount.seconds(10)
    private static let answerBytesMax = 65_536

    /// - Parameter host: what the door listens at.
    init(host: String) {
        // Who listens at every address is called at the loopback.
        self.host = ["0.0.0.0", "", "*"].contains(host) ? "127.0.0.1" : host == "::" ? "[::1]" : host
    }

    /// Notes where the door is.
    func noteBound(_ number: Int) { port.withLock { $0 = number } }

    /// Posts a JSON body to a webhook.
    ///
    /// - Parameter authorization: the value of the header that proves who is calling.
    /// - Returns: the answer's status; `nil` if there was none.
    package func send(to webhook: String, authorization: String, body: Data) async -> Int? {
        guard let number = port.withLock({ $0 }) else { return nil }
        let host = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        var request = HTTPClientRequest(url: "http://\(host):\(number)/in/\(webhook)")
        request.method = .POST
        request.headers.add(name: "Authorization", value: authorization)
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "User-Agent", value: "inlet/\(inletVersion) (test call)")
        request.body = .bytes(ByteBuffer(bytes: body))
        do {
            let answer = try await HTTPClient.shared.execute(request, timeout: Self.time)
            _ = try await answer.body.collect(upTo: Self.answerBytesMax)
            return Int(answer.status.code)
        } catch {
            return nil
        }
    }
}
