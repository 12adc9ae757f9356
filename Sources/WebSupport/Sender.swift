import Domain
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import ServiceLifecycle

/// Why a request was not read to its end.
package enum RequestFault: Error {
    /// It has more bytes than the address takes.
    case tooLarge
    /// It did not come in time.
    case tooSlow
    /// The other side went away in the middle of it.
    case cut
}

extension Request {
    private static let bodyTime = Duration.seconds(30)

    /// Reads the whole body, in bounded time.
    ///
    /// - Throws: ``RequestFault``.
    package func wholeBody(bytesMax: Int) async throws -> ByteBuffer {
        do {
            // Half a request is not to keep the server from stopping.
            return try await cancelWhenGracefulShutdown {
                try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
                    group.addTask {
                        let whole = try await body.collect(upTo: bytesMax)
                        // Who is cancelled has read a part at most.
                        try Task.checkCancellation()
                        return whole
                    }
                    group.addTask {
                        try await Task.sleep(for: Self.bodyTime)
                        throw RequestFault.tooSlow
                    }
                    defer { group.cancelAll() }
                    return try await group.next() ?? ByteBuffer()
                }
            }
        } catch is NIOTooManyBytesError {
            throw RequestFault.tooLarge
        } catch RequestFault.tooSlow {
            throw RequestFault.tooSlow
        } catch {
            throw RequestFault.cut
        }
    }

    /// Whether it only reads, or comes from a page of our own, as far as the browser says where it comes from.
    package var isOfOwnOrigin: Bool {
        guard method != .get, method != .head, let origin = headers[.origin] else { return true }
        let own = head.authority ?? ""
        return origin == "http://\(own)" || origin == "https://\(own)"
    }

    /// Where it comes from: behind a proxy that is trusted, the last address in its list that is not such a proxy's.
    package func sender(_ context: AdminContext, trusted: [IPNetwork]) -> String {
        let peer = context.remoteAddress?.ipAddress ?? ""
        let forwarded = headers[values: .xForwardedFor].flatMap { $0.split(separator: ",") }
            .map { $0.trimmingCharacters(in: .whitespaces) }
        return TrustedProxies.caller(peer: peer, forwarded: forwarded, trusted: trusted)
    }
}

extension HTTPField.Name {
    static let xForwardedFor = Self("X-Forwarded-For") ?? .cookie
}
