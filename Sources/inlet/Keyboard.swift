@preconcurrency import Dispatch
import Foundation

/// Single keys, as they are pressed at the terminal. The terminal is to be restored at the end.
final class Keyboard: Sendable {
    /// The keys; ends with standard input.
    let keys: AsyncStream<Character>
    private let usual: termios

    /// `nil` if standard input is no terminal, or one that another program uses: this one may then neither change nor read it.
    init?() {
        var usual = termios()
        guard Terminal.isThere, Self.isInFront, tcgetattr(STDIN_FILENO, &usual) == 0 else { return nil }
        self.usual = usual
        keys = Self.keys()
        resume()
    }

    /// Shows keys no longer and hands them over at once; also after the program was stopped and goes on.
    func resume() {
        guard Self.isInFront else { return }
        var single = usual
        // Ctrl-C stays a signal.
        single.c_lflag &= ~tcflag_t(ICANON | ECHO)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &single)
    }

    func restore() {
        guard Self.isInFront else { return }
        var usual = usual
        tcsetattr(STDIN_FILENO, TCSADRAIN, &usual)
    }

    // Whoever changes the terminal of another is stopped by the system.
    private static var isInFront: Bool { tcgetpgrp(STDIN_FILENO) == getpgrp() }

    private static func keys() -> AsyncStream<Character> {
        AsyncStream { stream in
            let source = DispatchSource.makeReadSource(fileDescriptor: STDIN_FILENO, queue: .global())
            source.setEventHandler {
                var bytes = [UInt8](repeating: 0, count: 64)
                let count = read(STDIN_FILENO, &bytes, bytes.count)
                guard count > 0 else {
                    stream.finish()
                    return source.cancel()
                }
                for byte in bytes.prefix(count) { stream.yield(Character(Unicode.Scalar(byte))) }
            }
            stream.onTermination = { _ in source.cancel() }
            source.activate()
        }
    }
}
