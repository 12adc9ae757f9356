import AsyncHTTPClient
import Dispatch
import Domain
import Foundation
import NIOCore
import NIOHTTP1

/// Posts to addresses that people of an organization chose, and nowhere else: the name is resolved once, every address it has is looked
/// at, and the connection goes to one that was. No redirect is followed.
struct EgressGuard: Sendable {
    /// Networks that are reached although they are not public.
    let allowed: [IPNetwork]

    /// Why nothing was sent.
    struct Refused: Error, CustomStringConvertible {
        let description: String
    }

    private static let lookups = DispatchQueue(label: "inlet.lookups", attributes: .concurrent)

    /// - Returns: the status of the answer; its body is not read.
    func post(_ body: Data, to url: String, headers: [String: String]) async throws -> Int {
        guard let host = URL(string: url)?.host(), !host.isEmpty, !host.utf8.contains(UInt8(ascii: "%")),
            URLComponents(string: url)?.hasUsablePort ?? false
        else { throw Refused(description: "the address names no host and port that can be connected to") }
        // A secret that was read from a file may end with a line break.
        for (name, value) in headers where value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            throw Refused(description: "the header field \(name) would hold a control character")
        }
        let name = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        let address = try await checkedAddress(of: name)
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10), read: .seconds(15)))
        // The next round tries again; this one need not wait for a port at which nobody listens.
        configuration.connectionPool.retryConnectionEstablishment = false
        // Under both spellings of an IPv6 address; for anything else they are one.
        for spelling in [host, name] { configuration.dnsOverride[spelling] = address.text }
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            var request = HTTPClientRequest(url: url)
            request.method = .POST
            for (name, value) in headers { request.headers.add(name: name, value: value) }
            request.headers.replaceOrAdd(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
            let status = try await client.execute(request, timeout: .seconds(15)).status.code
            try? await client.shutdown()
            return Int(status)
        } catch {
            try? await client.shutdown()
            // What the client says of an error may hold what was to be sent.
            throw Refused(description: Self.words(for: error))
        }
    }

    private static func words(for error: any Error) -> String {
        switch error {
        case let error as HTTPClientError where error == .connectTimeout: "no connection in time"
        case let error as HTTPClientError where error == .readTimeout || error == .deadlineExceeded: "no answer in time"
        default: "the message could not be sent (\(type(of: error)))"
        }
    }

    // One bad address is enough to refuse: whoever answers for the name could otherwise have it both ways.
    private func checkedAddress(of name: String) async throws -> IPAddress {
        let addresses = try await Self.resolve(name)
        for address in addresses where !address.isPublic && !allowed.contains(where: { $0.contains(address) }) {
            throw Refused(description: "\(name) is at \(address.text), which is no public address and is not allowed")
        }
        guard let first = addresses.first else { throw Refused(description: "\(name) has no address") }
        return first
    }

    private static func resolve(_ name: String) async throws -> [IPAddress] {
        try await withCheckedThrowingContinuation { continuation in
            lookups.async {
                var hints = addrinfo()
                hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
                var first: UnsafeMutablePointer<addrinfo>?
                guard getaddrinfo(name, nil, &hints, &first) == 0 else {
                    return continuation.resume(throwing: Refused(description: "\(name) cannot be resolved"))
                }
                defer { freeaddrinfo(first) }
                var addresses: [IPAddress] = []
                var next = first
                while let entry = next {
                    var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
                    let code = getnameinfo(
                        entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
                    let isRead =
                        code == 0
                        ? IPAddress(String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)) : nil
                    // What cannot be read cannot be judged.
                    guard let address = isRead else {
                        return continuation.resume(throwing: Refused(description: "\(name) has an address that cannot be read"))
                    }
                    addresses.append(address)
                    next = entry.pointee.ai_next
                }
                continuation.resume(returning: addresses)
            }
        }
    }
}
