import ArgumentParser
import Foundation

/// The person at the keyboard: told things on standard error, asked things on standard input.
enum Terminal {
    /// Whether somebody is there who can be asked.
    static var isThere: Bool { isatty(STDIN_FILENO) == 1 }

    /// Says something beside the output.
    static func note(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }

    /// Asks for a line. Without a terminal the next line of standard input is taken, and nothing is said.
    static func line(_ prompt: String) throws -> String {
        if isThere { FileHandle.standardError.write(Data(prompt.utf8)) }
        guard let line = readLine() else { throw ended }
        return line
    }

    /// Asks for a line that does not show while it is typed.
    static func secret(_ prompt: String) throws -> String {
        var usual = termios()
        guard isThere, tcgetattr(STDIN_FILENO, &usual) == 0 else { return try line(prompt) }
        var silent = usual
        // Ctrl-C must not end the program while the terminal is silent, so it ends the line instead.
        silent.c_lflag &= ~tcflag_t(ECHO | ISIG)
        withUnsafeMutableBytes(of: &silent.c_cc) { $0[Int(VEOL)] = interrupt }
        guard tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0 else {
            throw SettingsError(description: "The terminal does not stop showing what is typed.")
        }
        defer {
            tcsetattr(STDIN_FILENO, TCSADRAIN, &usual)
            note("")
        }
        FileHandle.standardError.write(Data(prompt.utf8))
        var bytes = [UInt8](repeating: 0, count: lineBytesMax)
        let count = read(STDIN_FILENO, &bytes, lineBytesMax)
        guard count > 0 else { throw ended }
        let line = bytes.prefix(count)
        if line.last == interrupt { throw ExitCode(130) }
        return String(decoding: line.last == UInt8(ascii: "\n") ? line.dropLast() : line, as: UTF8.self)
    }

    /// Asks for a new password: twice, because nobody sees what is typed; once without a terminal.
    static func newPassword() throws -> String {
        let password = try secret("New password: ")
        guard isThere else { return password }
        guard try secret("Again: ") == password else {
            throw SettingsError(description: "These were two different passwords; nothing was changed.")
        }
        return password
    }

    /// Asks for a value that nobody is to see: twice at a terminal. Else it is all of standard input, but for a line break at the
    /// end.
    ///
    /// - Parameter bytesMax: what is longer is refused.
    static func hiddenValue(bytesMax: Int) throws -> String {
        if isThere {
            let value = try secret("Value: ")
            // The terminal drops the rest of such a line, and says nothing.
            guard value.utf8.count < lineBytesMax - 1 else {
                throw SettingsError(description: "The value is too long for a terminal; hand it in by standard input.")
            }
            guard try secret("Again: ") == value else {
                throw SettingsError(description: "These were two different values; nothing was changed.")
            }
            return value
        }
        let lineBreakBytesMax = 2
        var bytes = try FileHandle.standardInput.read(upToCount: bytesMax + lineBreakBytesMax + 1) ?? Data()
        if bytes.last == UInt8(ascii: "\n") {
            bytes.removeLast()
            if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        }
        guard bytes.count <= bytesMax, let value = String(data: bytes, encoding: .utf8) else {
            throw SettingsError(description: "Standard input must hold the value: text of at most \(bytesMax) bytes.")
        }
        return value
    }

    private static let interrupt: UInt8 = 3
    private static let lineBytesMax = 4096
    private static let ended = SettingsError(description: "Standard input ended where an answer was expected.")
}
