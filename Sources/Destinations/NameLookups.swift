import Domain
import Foundation
import Synchronization

/// Finds the address that a name leads to, if all its addresses may be spoken to. One question for a name at a time, whoever asks, and
/// whoever asks may stop waiting.
final class NameLookups: Sendable {
    private let allowed: [IPNetwork]
    private let state = Mutex(State())

    // How long an address, and how long a failure, is believed.
    private static let addressTime = Duration.seconds(30)
    private static let failureTime = Duration.seconds(5)
    private static let namesMax = 4_096
    private static let threadsMax = 256

    private struct State {
        var known: [String: (result: Result<IPAddress, Egress.Refused>, until: ContinuousClock.Instant)] = [:]
        var waiting: [String: [Int: CheckedContinuation<IPAddress, any Error>]] = [:]
        var lastNumber = 0
        var threads = 0
    }

    /// - Parameter allowed: networks that are reached although they are not public.
    init(allowed: [IPNetwork]) {
        self.allowed = allowed
    }

    /// The address of a name, or of what is an address already.
    ///
    /// - Throws: ``Egress/Refused``, or `CancellationError` if the task is cancelled.
    func address(of name: String) async throws -> IPAddress {
        let number = state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { ask(name, number, $0) }
        } onCancel: {
            state.withLock { $0.waiting[name]?.removeValue(forKey: number) }?.resume(throwing: CancellationError())
        }
    }

    private func ask(_ name: String, _ number: Int, _ continuation: CheckedContinuation<IPAddress, any Error>) {
        enum Next {
            case answer(Result<IPAddress, any Error>)
            case look
            case wait
        }
        let next = state.withLock { state -> Next in
            if Task.isCancelled { return .answer(.failure(CancellationError())) }
            if let known = state.known[name], known.until > .now { return .answer(known.result.mapError { $0 }) }
            let isFirst = state.waiting[name] == nil
            if isFirst {
                guard state.threads < Self.threadsMax else {
                    return .answer(.failure(Egress.Refused("too many names are being looked up")))
                }
                state.threads += 1
            }
            state.waiting[name, default: [:]][number] = continuation
            return isFirst ? .look : .wait
        }
        switch next {
        case .answer(let result): continuation.resume(with: result)
        // Threads of their own: names whose servers do not answer must not hold up all that the others are for.
        case .look: Thread.detachNewThread { [self] in tell(name, lookUp(name)) }
        case .wait: break
        }
    }

    private func tell(_ name: String, _ result: Result<IPAddress, Egress.Refused>) {
        let waiting = state.withLock { state in
            if state.known.count >= Self.namesMax { state.known = [:] }
            let time = (try? result.get()) == nil ? Self.failureTime : Self.addressTime
            state.known[name] = (result, .now + time)
            state.threads -= 1
            return state.waiting.removeValue(forKey: name) ?? [:]
        }
        for continuation in waiting.values { continuation.resume(with: result.mapError { $0 }) }
    }

    // One bad address is enough to refuse: whoever answers for the name could otherwise have it both ways.
    private func lookUp(_ name: String) -> Result<IPAddress, Egress.Refused> {
        do throws(Egress.Refused) {
            let addresses = try Self.addresses(of: name)
            for address in addresses where !address.isPublic && !allowed.contains(where: { $0.contains(address) }) {
                throw Egress.Refused("\(name) is at \(address.text), which is no public address and is not allowed")
            }
            guard let first = addresses.first else { throw Egress.Refused("\(name) has no address") }
            return .success(first)
        } catch {
            return .failure(error)
        }
    }

    private static func addresses(of name: String) throws(Egress.Refused) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &first) == 0 else { throw Egress.Refused("\(name) cannot be resolved") }
        defer { freeaddrinfo(first) }
        var addresses: [IPAddress] = []
        var next = first
        while let entry = next {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let code = getnameinfo(
                entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            // What cannot be read cannot be judged.
            guard code == 0,
                let address = IPAddress(String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
            else { throw Egress.Refused("\(name) has an address that cannot be read") }
            addresses.append(address)
            next = entry.pointee.ai_next
        }
        return addresses
    }
}
