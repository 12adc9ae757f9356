import Destinations
import Domain
import Foundation
import Storage

/// A delivery that was claimed, with its attempt on disk.
struct ClaimedDelivery: Sendable {
    let delivery: Delivery
    let attempt: Attempt
}

/// What became of an attempt.
enum AttemptResult: Sendable {
    case done(AttemptOutcome, answer: Data, errorText: String?)
    /// The flow's filter does not let the event through; nothing was sent.
    case filtered
    /// There was no room for its body; nothing was sent.
    case postponed

    static func notBuilt(_ words: String) -> AttemptResult {
        .done(.notBuilt, answer: Data(), errorText: words)
    }
}

/// Makes one attempt: reads the event, filters it, builds what is sent, sends it. Keeps nothing; whoever asked writes down what came of it.
struct AttemptRunner: Sendable {
    let builder: MessageBuilder
    let clock: any WallClock
    private let egress: Egress
    private let lines: LineWriter
    private let gate = MemoryGate()

    init(
        store: Store, keys: KeyCabinet, clock: any WallClock, egress: Egress, lines: LineWriter, roster: DeliveryRoster
    ) {
        builder = MessageBuilder(store: store, keys: keys, clock: clock, roster: roster)
        self.clock = clock
        self.egress = egress
        self.lines = lines
    }

    func run(_ claimed: ClaimedDelivery) async -> AttemptResult {
        let delivery = claimed.delivery
        switch await builder.message(of: claimed, bodyBytesMax: MemoryGate.small) {
        case .failure(.result(let result)): return result
        case .success(let message):
            // A template may have made it larger than it was.
            return await gate.pass(bytes: message.request.bodyBytes, of: delivery) {
                await send(message.request, message.redactor, delivery)
            } ?? .postponed
        case .failure(.tooLarge(let bytes)):
            return await gate.pass(bytes: bytes, of: delivery) {
                switch await builder.message(of: claimed) {
                case .success(let message): await send(message.request, message.redactor, delivery)
                case .failure(.result(let result)): result
                case .failure(.tooLarge): .notBuilt("the event cannot be read")
                }
            } ?? .postponed
        }
    }

    private func send(_ request: OutgoingRequest, _ redactor: Redactor, _ delivery: Delivery) async -> AttemptResult {
        switch request {
        case .handed: return .notBuilt("nothing is sent to a destination of this kind")
        case .line(let line, let file):
            do {
                try await lines.write(line, to: file)
                return .done(.answered(status: 200), answer: Data(), errorText: nil)
            } catch {
                return .done(.connectionFailed, answer: Data(), errorText: "the line cannot be written")
            }
        case .http(let outgoing):
            do {
                let answer = try await egress.send(outgoing, for: delivery.destination.text)
                let wait = answer.retryAfter.flatMap { RetryAfter.read($0, now: clock.now()) }
                return .done(
                    .answered(status: answer.status, retryAfter: wait), answer: redactor.redacted(answer.body), errorText: nil)
            } catch {
                return .done(Egress.outcome(of: error), answer: Data(), errorText: redactor.redacted(Egress.words(for: error)))
            }
        }
    }
}

extension OutgoingRequest {
    fileprivate var bodyBytes: Int64 {
        switch self {
        case .http(let outgoing): Int64(outgoing.body.count)
        case .line(let line, _): Int64(line.utf8.count)
        case .handed(_, let body): Int64(body.count)
        }
    }
}

extension Redactor {
    /// What came back, without secrets. Bytes that are no text lose what is in the way of reading them as one, if there was a secret.
    func redacted(_ answer: Data) -> Data {
        let text = String(decoding: answer, as: UTF8.self)
        let redacted = redacted(text)
        return redacted.utf8.elementsEqual(text.utf8) ? answer : Data(redacted.utf8)
    }
}
