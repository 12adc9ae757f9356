import Hummingbird
import NIOCore
import ServiceLifecycle

extension AdminContext {
    /// Does work that waits for something to come, and cancels it when the server stops or the other side goes away.
    ///
    /// Whoever waits is not to keep the server from stopping, and nobody waits for those who went away.
    ///
    /// - Returns: `nil` if the other side went away before the work was done.
    package func stay<Answer: Sendable>(
        _ work: @escaping @Sendable () async throws -> Answer
    ) async throws -> Answer? {
        let (gone, mark) = AsyncStream.makeStream(of: Void.self)
        let watch = EndWatch { mark.finish() }
        // Before all others, for not all hand on what they see.
        guard (try? await channel.pipeline.addHandler(watch, position: .first).get()) != nil else { return nil }
        defer { channel.pipeline.removeHandler(watch, promise: nil) }
        return try await withThrowingTaskGroup(of: Answer?.self) { group in
            group.addTask { try await cancelWhenGracefulShutdown(work) }
            group.addTask {
                for await _ in gone {}
                return nil
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let answer = result { return answer }
                // The work ends by itself then, with what it has.
                group.cancelAll()
            }
            return nil
        }
    }
}

extension AdminContext {
    /// Does work that sends piece by piece, and calls when the other side sends no more or is gone before it is done.
    ///
    /// - Parameter onEnd: is to make the work end.
    package func watching(
        _ onEnd: @escaping @Sendable () -> Void, _ work: () async throws -> Void
    ) async throws {
        let watch = EndWatch(onEnd)
        guard (try? await channel.pipeline.addHandler(watch, position: .first).get()) != nil else { return onEnd() }
        defer { channel.pipeline.removeHandler(watch, promise: nil) }
        try await work()
    }
}

/// Sees that the other side of a connection sends no more, or is gone.
private final class EndWatch: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = Any
    private let onEnd: @Sendable () -> Void

    init(_ onEnd: @escaping @Sendable () -> Void) {
        self.onEnd = onEnd
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { onEnd() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        onEnd()
        context.fireChannelInactive()
    }
}
