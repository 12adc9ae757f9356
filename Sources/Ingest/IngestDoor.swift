import Crypto
import Domain
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// One connection of the ingest listener: HTTP/1.1 in, calls to the pipeline, answers out. All of HTTP is in this file.
///
/// There is no router and no task here. A call is judged when its head is in, handed over when its body is, and answered when the
/// writer says so; the next request on the connection waits until then. It lives on its event loop's thread.
final class IngestDoor: ChannelInboundHandler, ChannelOutboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private let room: IngestRoom
    private let number: Int
    private let remoteAddress: String
    private let isBehindProxy: Bool
    private var state = State.idle
    private var context: ChannelHandlerContext?
    /// Parts that were not looked at yet: they came while an answer was due, or while answers piled up that nobody took.
    private var backlog = CircularBuffer<HTTPServerRequestPart>()
    private var isReadWanted = false
    private var hasInputEnded = false
    private var sawPartInRead = false
    private var memo: AuthorizationMemo?
    /// What the parser said about bytes behind those that still wait for an answer.
    private var failure: Rejection?
    private var fruitlessReads = 0
    private var isProceeding = false
    /// Room that the body under way has taken; given back once, by whichever end comes first.
    private var bytesReserved = 0
    /// What the connection has to have done by then; see ``Patience``.
    private var deadline: NIODeadline
    private var patience = Patience.head

    private enum State {
        /// Between requests.
        case idle
        /// The body is coming in.
        case receiving(Request)
        /// The call waits for the writer.
        case waiting(Manner)
        /// The call is refused; its body is read and thrown away, and answered after it.
        case refusing(IngestReply, Manner, bytesLeft: Int)
        /// The last answer is out. What still comes is thrown away, so that closing does not tear the answer down.
        case lingering(bytesLeft: Int)
        case closed
    }

    private enum Patience {
        case head, request, idle, linger
    }

    /// How the answer is to be given.
    private struct Manner {
        let version10: Bool
        var isKeptAlive: Bool
    }

    /// What was let in.
    private enum Admitted {
        case call(Admission)
        // Out of line: a request is moved from state to state, and nearly all are calls.
        indirect case report(ReportAdmission)

        /// How it is refused whatever is in the way.
        var lapse: Rejection? {
            if case .call(let admission) = self { admission.lapse } else { nil }
        }
    }

    private struct Request {
        let head: CallHead
        var admitted: Admitted
        let bodyBytesMax: Int
        var manner: Manner
        var body: ByteBuffer?
        var hasher = SHA256()
    }

    // A refused body up to this size is read to its end, so that the connection can be used again.
    private static let discardKeepingMax = 64 << 10
    private static let lingerBytesMax = 64 << 20
    // A chunk's size line sent byte by byte takes fewer; read at full speed it is four megabytes at most.
    private static let fruitlessReadsMax = 16

    init(room: IngestRoom, number: Int, remoteAddress: String) {
        self.room = room
        self.number = number
        self.remoteAddress = remoteAddress
        isBehindProxy = !room.settings.trustedProxies.isEmpty
        deadline = .now() + room.settings.headTime
    }

    // MARK: Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        if !room.enter(self, number) {
            answer(room.reply(.refused(.overloaded)), Manner(version10: false, isKeptAlive: false))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        state = .closed
        releaseBody()
        backlog.removeAll()
        room.leave(number)
    }

    func read(context: ChannelHandlerContext) {
        // Once a second request has come while an answer is due, nothing more is read: the caller's own send buffer is the bound.
        // Not sooner, for each change of mind costs two system calls.
        let isBusy = if case .waiting = state { !backlog.isEmpty } else { false }
        // Nor while answers pile up that the caller does not take.
        if isBusy && !hasInputEnded || !context.channel.isWritable {
            isReadWanted = true
        } else {
            context.read()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        proceed()
        context.fireChannelWritabilityChanged()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        sawPartInRead = true
        backlog.append(unwrapInboundIn(data))
        proceed()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Bytes came, but no whole head: from now on the clock for it runs.
        if !sawPartInRead, case .idle = state, patience == .idle { expect(.head) }
        fruitlessReads = sawPartInRead ? 0 : fruitlessReads + 1
        sawPartInRead = false
        // Chunk extensions without end, for example: bytes that come to nothing.
        if fruitlessReads > Self.fruitlessReadsMax, case .receiving = state { fail(.malformedRequest) }
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        hasInputEnded = true
        proceed()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let parserError = error as? HTTPParserError else {
            closeNow()
            return
        }
        // Good calls before it are still answered; nothing after it is.
        failure = parserError == .headerOverflow ? .headersTooLarge : .malformedRequest
        proceed()
    }

    /// Ends the connection if it has taken longer than it may; called once a second.
    func look(at now: NIODeadline) {
        guard now >= deadline else { return }
        switch state {
        case .waiting:
            break
        case .receiving, .refusing: fail(.requestTimedOut)
        case .idle where patience == .head && !room.isDraining:
            answer(room.reply(.refused(.requestTimedOut)), Manner(version10: false, isKeptAlive: false))
        case .idle, .lingering, .closed:
            closeNow()
        }
    }

    /// Ends the connection if it is between requests; called while the server stops.
    func closeIfIdle() {
        if case .idle = state { closeNow() }
    }

    /// Gives the answer of the writer.
    func finish(_ outcome: IngestAnswer, dailyQuota: Int64?, echo: BodyEcho? = nil) {
        guard case .waiting(let manner) = state else { return }
        answer(room.reply(outcome, dailyQuota: dailyQuota, echo: echo), manner)
    }

    // MARK: Requests

    /// Goes on as far as it can: until an answer is due, the caller takes no answers, or there is nothing left.
    ///
    /// An answer given on the way calls this again and finds it at work, so a thousand pipelined requests need no deeper a stack
    /// than one.
    private func proceed() {
        if isProceeding { return }
        isProceeding = true
        defer { isProceeding = false }
        while isFree, let part = backlog.popFirst() { take(part) }
        guard isFree, backlog.isEmpty else { return }
        if let failure {
            self.failure = nil
            fail(failure)
        } else if hasInputEnded {
            closeNow()
        }
        readAgain()
    }

    /// Whether the next part may be looked at.
    private var isFree: Bool {
        switch state {
        case .waiting, .closed: false
        case .lingering: true
        case .idle, .receiving, .refusing: context?.channel.isWritable ?? false
        }
    }

    private func take(_ part: HTTPServerRequestPart) {
        switch (part, state) {
        case (.head(let head), .idle): begin(head)
        case (.body(let bytes), .receiving(let request)): receive(bytes, request)
        case (.end, .receiving(let request)): complete(request)
        case (.body(let bytes), .refusing(let reply, let manner, let left)): discard(bytes, reply, manner, left)
        case (.end, .refusing(let reply, let manner, _)): answer(reply, manner)
        case (.body(let bytes), .lingering(let left)): linger(bytes, left)
        default: break
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        expect(.request)
        let version10 = head.version.minor == 0
        let manner = Manner(version10: version10, isKeptAlive: head.isKeepAlive && !room.isDraining)
        let now = room.clock.now()
        let framing = Framing(head)
        guard head.version.major == 1, framing.hasProperHost, let length = framing.bodyBytes else {
            refuse(.malformedRequest, Manner(version10: version10, isKeptAlive: false), .max, now)
            return
        }
        guard let target = Target(head.uri) else {
            refuse(.unknownPath, manner, length, now, isBodyShown: head.method != .HEAD)
            return
        }
        guard head.method == .POST else {
            refuse(.methodNotAllowed, manner, length, now, isBodyShown: head.method != .HEAD)
            return
        }
        let call = CallHead(
            webhook: target.place.text, query: target.query,
            headers: CallHeaders(head.headers.map { (name: $0.name, value: $0.value) }), remoteAddress: caller(head),
            receivedAt: now)
        admit(call, target.place, framing, manner, length)
    }

    private func caller(_ head: HTTPRequestHead) -> String {
        guard isBehindProxy else { return remoteAddress }
        let hops = head.headers[canonicalForm: "X-Forwarded-For"].map(String.init)
        return TrustedProxies.caller(peer: remoteAddress, forwarded: hops, trusted: room.settings.trustedProxies)
    }

    private func admit(
        _ call: CallHead, _ place: Target.Place, _ framing: Framing, _ manner: Manner, _ length: Int
    ) {
        do throws(Refusal) {
            let admitted: Admitted
            let bodyBytesMax: Int
            switch place {
            case .webhook:
                admitted = .call(try room.pipeline.admit(call, bodyBytes: length, memo: &memo))
                bodyBytesMax = room.settings.bodyBytesMax
            case .report(let path):
                admitted = .report(try room.pipeline.admit(path, call, bodyBytes: length))
                bodyBytesMax = path.bodyBytesMax
            }
            guard room.load.reserve(bytes: length) else { throw Refusal(admitted.lapse ?? .overloaded) }
            bytesReserved = length
            state = .receiving(Request(head: call, admitted: admitted, bodyBytesMax: bodyBytesMax, manner: manner))
            if framing.asksToContinue {
                send("HTTP/1.1 100 Continue\r\n\r\n")
            }
        } catch {
            room.pipeline.note(error, call)
            // Who asked first gets the final answer instead of "continue", and sends no body.
            let isHeldBack = framing.asksToContinue && (length > 0 || framing.isChunked)
            begin(refusing: room.reply(.refused(error.rejection)), manner, isHeldBack ? .max : length)
        }
    }

    private func receive(_ bytes: ByteBuffer, _ request: Request) {
        var bytes = bytes
        // Out of the state while it grows: two owners of one buffer would copy it.
        state = .idle
        var request = request
        let total = (request.body?.readableBytes ?? 0) + bytes.readableBytes
        if total > request.bodyBytesMax {
            give(up: request, .bodyTooLarge)
            return
        }
        if total > bytesReserved {
            guard room.load.reserve(bytes: total - bytesReserved) else {
                give(up: request, .overloaded)
                return
            }
            bytesReserved = total
        }
        bytes.withUnsafeReadableBytes { request.hasher.update(bufferPointer: $0) }
        if request.body == nil {
            request.body = bytes
        } else {
            request.body?.writeBuffer(&bytes)
        }
        state = .receiving(request)
    }

    private func complete(_ request: Request) {
        var request = request
        if room.isDraining { request.manner.isKeptAlive = false }
        do throws(Refusal) {
            try judgeAgain(&request)
        } catch {
            releaseBody()
            room.pipeline.note(error, request.head)
            answer(room.reply(.refused(error.rejection)), request.manner)
            return
        }
        let body =
            request.body.flatMap {
                $0.getData(at: $0.readerIndex, length: $0.readableBytes, byteTransferStrategy: .noCopy)
            } ?? Data()
        state = .waiting(request.manner)
        // The room goes with the call; whoever settles it gives it back.
        switch request.admitted {
        case .call(let admission):
            let call = PendingCall(
                admission, head: request.head, body: body, bodySHA256: Data(request.hasher.finalize()))
            room.handOver(call, from: number, bytesReserved: bytesReserved)
        case .report(let admission):
            room.handOver(admission, request.head, body: body, from: number, bytesReserved: bytesReserved)
        }
        bytesReserved = 0
    }

    // A credential changed since the head came in: judge again, so that no body outlives a revocation.
    private func judgeAgain(_ request: inout Request) throws(Refusal) {
        switch request.admitted {
        case .call(let admission):
            if room.pipeline.isCurrent(admission) { return }
            var none: AuthorizationMemo?
            request.admitted = .call(
                try room.pipeline.admit(
                    request.head, bodyBytes: bytesReserved, memo: &none, again: room.clock.now()))
        case .report(let admission):
            // One that ends by itself may have ended meanwhile.
            if room.pipeline.isCurrent(admission), admission.token.expiresAt == nil { return }
            request.admitted = .report(
                try room.pipeline.admit(
                    admission.path, request.head, bodyBytes: bytesReserved, again: room.clock.now()))
        }
    }

    private func give(up request: Request, _ reason: Rejection) {
        releaseBody()
        let rejection = request.admitted.lapse ?? reason
        switch request.admitted {
        case .call(let admission):
            room.pipeline.noteRefused(rejection, PendingCall(admission, head: request.head, body: Data()))
        case .report(let admission):
            room.pipeline.noteRefused(rejection, admission, request.head)
        }
        begin(refusing: room.reply(.refused(rejection)), request.manner, .max)
    }

    private func refuse(
        _ rejection: Rejection, _ manner: Manner, _ length: Int, _ now: Timestamp, isBodyShown: Bool = true
    ) {
        room.pipeline.note(rejection, remoteAddress: remoteAddress, at: now)
        let reply = room.reply(.refused(rejection))
        begin(refusing: isBodyShown ? reply : reply.withoutBody, manner, length)
    }

    private func begin(refusing reply: IngestReply, _ manner: Manner, _ bodyBytes: Int) {
        if bodyBytes <= Self.discardKeepingMax {
            state = .refusing(reply, manner, bytesLeft: Self.discardKeepingMax)
        } else {
            answer(reply, Manner(version10: manner.version10, isKeptAlive: false))
        }
    }

    private func discard(_ bytes: ByteBuffer, _ reply: IngestReply, _ manner: Manner, _ left: Int) {
        if bytes.readableBytes > left {
            answer(reply, Manner(version10: manner.version10, isKeptAlive: false))
        } else {
            state = .refusing(reply, manner, bytesLeft: left - bytes.readableBytes)
        }
    }

    private func linger(_ bytes: ByteBuffer, _ left: Int) {
        if bytes.readableBytes > left {
            closeNow()
        } else {
            state = .lingering(bytesLeft: left - bytes.readableBytes)
        }
    }

    /// Answers what cannot be a request, or did not become one in time, and ends the connection.
    private func fail(_ rejection: Rejection) {
        room.pipeline.note(rejection, remoteAddress: remoteAddress, at: room.clock.now())
        releaseBody()
        answer(room.reply(.refused(rejection)), Manner(version10: false, isKeptAlive: false))
    }

    private func releaseBody() {
        room.load.release(bytes: bytesReserved)
        bytesReserved = 0
    }

    // MARK: Answers

    private func answer(_ reply: IngestReply, _ manner: Manner) {
        let isLast = hasInputEnded && backlog.isEmpty && failure == nil
        let isKeptAlive = manner.isKeptAlive && !room.isDraining && !isLast
        send(reply.text(date: room.date, isKeptAlive: isKeptAlive, version10: manner.version10))
        // A failing write closes the connection before it returns.
        if case .closed = state { return }
        if isKeptAlive {
            state = .idle
            expect(.idle)
            proceed()
        } else {
            state = .lingering(bytesLeft: Self.lingerBytesMax)
            expect(.linger)
            backlog.removeAll()
            failure = nil
            context?.close(mode: hasInputEnded ? .all : .output, promise: nil)
            readAgain()
        }
    }

    private func send(_ text: String) {
        guard let context else { return }
        var buffer = context.channel.allocator.buffer(capacity: text.utf8.count)
        buffer.writeString(text)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private func readAgain() {
        guard isReadWanted, let context else { return }
        isReadWanted = false
        read(context: context)
    }

    private func closeNow() {
        context?.close(promise: nil)
    }

    private func expect(_ next: Patience) {
        patience = next
        let time =
            switch next {
            case .head: room.settings.headTime
            case .request: room.settings.requestTime
            case .idle: room.settings.idleTime
            case .linger: room.settings.lingerTime
            }
        deadline = .now() + time
    }
}

/// What a request's head says about its framing, judged as RFC 9112 asks beyond what the parser checks.
private struct Framing {
    /// How long the body will be: 0 if there is none or it comes in chunks, `Int.max` if it is longer than anything.
    ///
    /// `nil` unless the length is given in exactly one way (section 6.3): proxies that read the rest differently could be made
    /// to see other requests than we do.
    let bodyBytes: Int?
    let isChunked: Bool
    /// Whether the caller waits for "100 Continue" before it sends the body.
    let asksToContinue: Bool
    /// Whether there is exactly one Host in HTTP/1.1, at most one in 1.0, and it names a host and perhaps a port (section 3.2).
    let hasProperHost: Bool

    // One pass over the fields: this runs for every call.
    init(_ head: HTTPRequestHead) {
        let version10 = head.version.minor == 0
        var hosts: [String] = []
        var lengths: [String] = []
        var codings: [String] = []
        var expectation: String?
        for (name, value) in head.headers {
            switch name.utf8.count {
            case 4 where name.equalsIgnoringCase("host"): hosts.append(value)
            case 6 where name.equalsIgnoringCase("expect"): expectation = value
            case 14 where name.equalsIgnoringCase("content-length"): lengths.append(value)
            case 17 where name.equalsIgnoringCase("transfer-encoding"): codings.append(value)
            default: break
            }
        }
        isChunked = !codings.isEmpty
        asksToContinue = !version10 && expectation.map { $0.equalsIgnoringCase("100-continue") } ?? false
        hasProperHost = hosts.isEmpty ? version10 : hosts.count == 1 && Self.isHost(Self.trimmed(hosts[0]).utf8)
        if isChunked {
            let isRight = codings.count == 1 && Self.trimmed(codings[0]).equalsIgnoringCase("chunked")
            bodyBytes = isRight && lengths.isEmpty && !version10 ? 0 : nil
        } else if let length = lengths.first.map(Self.trimmed) {
            let isNumber = !length.isEmpty && length.utf8.allSatisfy { (0x30...0x39).contains($0) }
            bodyBytes = lengths.count == 1 && isNumber ? Int(length) ?? .max : nil
        } else {
            bodyBytes = 0
        }
    }

    // Blanks around a value are no part of it (RFC 9110, section 5.5); the parser leaves those behind it.
    private static func trimmed(_ value: String) -> String {
        let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        guard value.utf8.first.map(isBlank) ?? false || value.utf8.last.map(isBlank) ?? false else { return value }
        let rest = value.utf8.drop(while: isBlank)
        return String(decoding: rest.reversed().drop(while: isBlank).reversed(), as: UTF8.self)
    }

    private static func isHost(_ text: String.UTF8View) -> Bool {
        var name = text[...]
        if name.first == UInt8(ascii: "[") {
            guard let end = name.firstIndex(of: UInt8(ascii: "]")) else { return false }
            guard name[name.index(after: name.startIndex)..<end].allSatisfy(isAddressByte) else { return false }
            name = name[name.index(after: end)...]
        } else {
            name = name.drop(while: isNameByte)
            if name.startIndex == text.startIndex { return false }
        }
        guard let colon = name.first else { return true }
        return colon == UInt8(ascii: ":") && name.dropFirst().allSatisfy { (0x30...0x39).contains($0) }
    }

    // Letters, digits, and what RFC 3986 lets stand in a registered name.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "%"), UInt8(ascii: "!"),
            UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"),
            UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ";"), UInt8(ascii: "="):
            true
        default: false
        }
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ":") || isNameByte(byte)
    }
}

/// What a request asks for: `/in/{webhook}` or the path of a report, and a query.
private struct Target {
    let place: Place
    let query: String?

    enum Place {
        case webhook(String)
        case report(ReportPath)

        /// What the ledger calls it: a webhook's id as it was written, or a path.
        var text: String {
            switch self {
            case .webhook(let id): id
            case .report(let path): path.rawValue
            }
        }
    }

    // No id is longer; what is, is cut, and found nowhere.
    private static let webhookBytesMax = 64

    init?(_ uri: String) {
        // An address is ASCII (RFC 3986); characters of many marks would take long to compare.
        guard uri.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
        var path = uri[...]
        // Absolute form, RFC 9112 section 3.2.2: the authority is not ours to judge.
        for scheme in ["http://", "https://"] where path.hasPrefix(scheme) {
            path = path.dropFirst(scheme.count)
            guard let slash = path.firstIndex(of: "/") else { return nil }
            path = path[slash...]
        }
        let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let location = parts.first else { return nil }
        if location.hasPrefix("/in/") {
            let name = location.dropFirst(4)
            guard !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")) else { return nil }
            place = .webhook(String(name.prefix(Self.webhookBytesMax)))
        } else {
            guard let path = ReportPath(rawValue: String(location)) else { return nil }
            place = .report(path)
        }
        query = parts.count == 2 ? String(parts[1]) : nil
    }
}
