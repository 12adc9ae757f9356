import Domain
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Storage
import Synchronization

/// Bounds and patience of the ingest listener.
package struct IngestSettings: Sendable {
    package var host: String
    package var port: Int
    /// Threads that read and answer; one serves tens of thousands of calls a second.
    package var threads: Int
    package var bodyBytesMax: Int
    package var connectionsMax: Int
    /// Proxies whose word about the caller's address is taken.
    package var trustedProxies: [IPNetwork] = []
    /// For the head of a request, from its first byte.
    package var headTime: TimeAmount = .seconds(10)
    /// For a whole request, from its head.
    package var requestTime: TimeAmount = .seconds(60)
    /// For the next request on a kept connection.
    package var idleTime: TimeAmount = .seconds(75)
    /// For what still comes after the last answer.
    package var lingerTime: TimeAmount = .seconds(5)
    /// For connections to finish when the server stops.
    package var drainTime: Duration = .seconds(25)

    package init(host: String, port: Int, threads: Int, bodyBytesMax: Int, connectionsMax: Int) {
        self.host = host
        self.port = port
        self.threads = threads
        self.bodyBytesMax = bodyBytesMax
        self.connectionsMax = connectionsMax
    }
}

/// The ingest listener: binds, serves, and drains when it is told to stop.
package struct IngestServer: Service {
    private let settings: IngestSettings
    private let pipeline: IngestPipeline
    private let load: IngestLoad
    private let clock: any WallClock
    private let logger: Logger
    private let onBound: @Sendable (Int) -> Void

    /// - Parameter onBound: is told the port once the listener takes calls; it differs from the setting when that is 0.
    package init(
        settings: IngestSettings, pipeline: IngestPipeline, load: IngestLoad, clock: any WallClock, logger: Logger,
        onBound: @escaping @Sendable (Int) -> Void
    ) {
        self.settings = settings
        self.pipeline = pipeline
        self.load = load
        self.clock = clock
        self.logger = logger
        self.onBound = onBound
    }

    /// Serves until the graceful shutdown; then answers what was accepted, and returns.
    ///
    /// - Throws: if the address cannot be bound.
    package func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: settings.threads)
        let shared = IngestShared()
        let rooms = IngestRooms(
            group.makeIterator().map { loop in
                NIOLoopBound.made(on: loop) {
                    IngestRoom(
                        loop: loop, settings: settings, pipeline: pipeline, load: load, clock: clock, shared: shared)
                }
            })
        do {
            let listener = try await bind(group, rooms)
            let port = listener.localAddress?.port ?? settings.port
            logger.info("ingest listens", metadata: ["address": "\(settings.host):\(port)"])
            onBound(port)
            try? await gracefulShutdown()
            await drain(listener, rooms, shared)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    private func bind(_ group: MultiThreadedEventLoopGroup, _ rooms: IngestRooms) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let room = rooms.room(on: channel.eventLoop) else { throw ChannelError.eof }
                    var limits = NIOHTTPDecoderLimitConfiguration()
                    limits.maxHeaderFieldSize = Limits.headerBytesMax
                    limits.maxHeaderListSize = Limits.headerBytesMax
                    limits.maxHeaderFieldCount = Limits.headerFieldsMax
                    let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)
                    let door = IngestDoor(
                        room: room, number: room.nextNumber(), remoteAddress: channel.remoteAddress?.ipAddress ?? "")
                    try channel.pipeline.syncOperations.addHandlers(ByteToMessageHandler(decoder), door)
                }
            }
            .bind(host: settings.host, port: settings.port).get()
    }

    private func drain(_ listener: any Channel, _ rooms: IngestRooms, _ shared: IngestShared) async {
        logger.info("ingest stops", metadata: ["connections": "\(shared.connections)"])
        shared.beginDraining()
        try? await listener.close()
        // Requests that are on the wire already are answered with "Connection: close"; then what is idle is closed.
        let clock = ContinuousClock()
        let end = clock.now.advanced(by: settings.drainTime)
        let grace = clock.now.advanced(by: .milliseconds(500))
        while shared.connections > 0, clock.now < end {
            try? await clock.sleep(for: .milliseconds(50))
            if clock.now >= grace { rooms.closeIdle() }
        }
        if shared.connections > 0 {
            logger.warning("connections were cut", metadata: ["connections": "\(shared.connections)"])
        }
    }
}

/// What the threads of the listener share.
final class IngestShared: Sendable {
    private let count = Atomic<Int>(0)
    private let draining = Atomic(false)

    var connections: Int { count.load(ordering: .relaxed) }
    var isDraining: Bool { draining.load(ordering: .relaxed) }

    func beginDraining() {
        draining.store(true, ordering: .sequentiallyConsistent)
    }

    /// Counts a connection in, and says how many there are with it.
    func enter() -> Int { count.add(1, ordering: .relaxed).newValue }
    func leave() { count.subtract(1, ordering: .relaxed) }
}

/// One room per event loop.
private struct IngestRooms: Sendable {
    private let rooms: [NIOLoopBound<IngestRoom>]

    init(_ rooms: [NIOLoopBound<IngestRoom>]) {
        self.rooms = rooms
    }

    func room(on loop: any EventLoop) -> IngestRoom? {
        rooms.first { $0.eventLoop === loop }?.value
    }

    func closeIdle() {
        for room in rooms {
            room.eventLoop.execute { room.value.closeIdle() }
        }
    }
}

extension NIOLoopBound where Value == IngestRoom {
    fileprivate static func made(on loop: any EventLoop, _ make: @escaping @Sendable () -> IngestRoom) -> NIOLoopBound {
        // A freshly made loop is idle, so this does not wait long.
        (try? loop.submit { NIOLoopBound(make(), eventLoop: loop) }.wait()) ?? NIOLoopBound(make(), eventLoop: loop)
    }
}

/// The connections of one event loop, and the calls they handed over in this tick of it.
final class IngestRoom {
    let settings: IngestSettings
    let pipeline: IngestPipeline
    let load: IngestLoad
    let clock: any WallClock
    /// The `Date` header's value, at most a second old.
    private(set) var date = ""
    private let loop: any EventLoop
    private let shared: IngestShared
    private var doors: [Int: IngestDoor] = [:]
    private var lastNumber = 0
    private var handedOver: [Handed] = []

    private struct Handed {
        let call: PendingCall
        let door: Int
        let bytesReserved: Int
    }

    init(
        loop: any EventLoop, settings: IngestSettings, pipeline: IngestPipeline, load: IngestLoad,
        clock: any WallClock, shared: IngestShared
    ) {
        self.loop = loop
        self.settings = settings
        self.pipeline = pipeline
        self.load = load
        self.clock = clock
        self.shared = shared
        date = Self.text(of: clock.now())
        let own = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in own.value.tick() }
    }

    var isDraining: Bool { shared.isDraining }

    func nextNumber() -> Int {
        lastNumber += 1
        return lastNumber
    }

    /// Counts a connection in.
    ///
    /// - Returns: `false` if there are too many; it is counted all the same until it leaves.
    func enter(_ door: IngestDoor, _ number: Int) -> Bool {
        doors[number] = door
        return shared.enter() <= settings.connectionsMax
    }

    func leave(_ number: Int) {
        if doors.removeValue(forKey: number) != nil { shared.leave() }
    }

    func closeIdle() {
        for door in doors.values { door.closeIfIdle() }
    }

    func reply(_ answer: IngestAnswer, dailyQuota: Int64? = nil, echo: BodyEcho? = nil) -> IngestReply {
        IngestReply(answer, dailyQuota: dailyQuota, echo: echo, now: clock.now())
    }

    /// Takes a whole call. All calls of one tick go to the writer together.
    func handOver(_ call: PendingCall, from door: Int, bytesReserved: Int) {
        handedOver.append(Handed(call: call, door: door, bytesReserved: bytesReserved))
        if handedOver.count >= Self.callsPerSubmit {
            submit()
        } else if handedOver.count == 1 {
            let own = NIOLoopBound(self, eventLoop: loop)
            loop.execute { own.value.submit() }
        }
    }

    // A long tick does not keep its calls to the end: the writer begins while the rest is still being read.
    private static let callsPerSubmit = 16

    private func submit() {
        if handedOver.isEmpty { return }
        let handed = handedOver
        handedOver = []
        let own = NIOLoopBound(self, eventLoop: loop)
        let batch = PendingBatch(handed.map { .call($0.call) }) { [loop] answers in
            loop.execute { own.value.settle(handed, answers) }
        }
        pipeline.submit(batch)
    }

    private func settle(_ handed: [Handed], _ answers: [IngestAnswer]) {
        for (handed, answer) in zip(handed, answers) {
            load.release(bytes: handed.bytesReserved)
            switch answer {
            case .accepted, .duplicate, .reported, .activated: break
            case .held(let rejection, let id): pipeline.noteRefused(rejection, handed.call, held: id)
            case .refused(let rejection): pipeline.noteRefused(rejection, handed.call)
            }
            let admission = handed.call.admission
            doors[handed.door]?.finish(
                answer, dailyQuota: admission.dailyQuota, echo: admission.echoesBody ? BodyEcho(handed.call) : nil)
        }
    }

    /// Takes a whole report. It is read off the loop, for that can take longer than a call may wait.
    func handOver(
        _ admission: ReportAdmission, _ head: CallHead, body: Data, from door: Int, bytesReserved: Int
    ) {
        let own = NIOLoopBound(self, eventLoop: loop)
        loop.makeFutureWithTask { [pipeline] in
            await pipeline.receive(admission, head, body: body)
        }.whenComplete { result in
            let room = own.value
            room.load.release(bytes: bytesReserved)
            let answer = (try? result.get()) ?? .refused(.storageUnavailable)
            if case .refused(let rejection) = answer { room.pipeline.noteRefused(rejection, admission, head) }
            room.doors[door]?.finish(answer, dailyQuota: admission.dailyQuota)
        }
    }

    private func tick() {
        date = Self.text(of: clock.now())
        let now = NIODeadline.now()
        for door in doors.values { door.look(at: now) }
    }

    private static func text(of moment: Timestamp) -> String {
        // IMF-fixdate of RFC 9110; strftime speaks English as long as nobody calls setlocale, and we do not.
        var seconds = time_t(moment.microseconds / 1_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 40) { text in
            let count = strftime(text.baseAddress, text.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
            return String(decoding: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(text)[..<count]), as: UTF8.self)
        }
    }
}
