import ArgumentParser
import Contract
import Foundation

/// A length of time on the command line: `0`, `90s`, `30m`, `24h`, `7d`.
struct TimeSpan: ExpressibleByArgument {
    let seconds: Int64

    init?(argument: String) {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        if argument == "0" {
            seconds = 0
            return
        }
        guard let last = argument.last, let unit = units[last], let count = Int64(argument.dropLast()), count >= 0 else {
            return nil
        }
        let (product, isTooLong) = count.multipliedReportingOverflow(by: unit)
        guard !isTooLong else { return nil }
        seconds = product
    }
}

/// A limit on the command line that can also be none: a number, or `never` or `none`.
struct LimitWord: ExpressibleByArgument {
    let number: Int64?

    init?(argument: String) {
        if argument == "never" || argument == "none" {
            number = nil
        } else if let number = Int64(argument) {
            self.number = number
        } else {
            return nil
        }
    }
}

/// `on` or `off`.
enum OnOff: String, ExpressibleByArgument, CaseIterable {
    case on, off
}

/// `yes` or `no`.
enum YesNo: String, ExpressibleByArgument, CaseIterable {
    case yes, no
}

/// A header field on the command line: `Name: value`.
struct HeaderField: ExpressibleByArgument {
    let name: String
    let value: String

    init?(argument: String) {
        guard let colon = argument.firstIndex(of: ":") else { return nil }
        name = String(argument[..<colon])
        value = argument[argument.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        guard !name.isEmpty else { return nil }
    }
}

extension Change {
    /// The change that two options ask for: a new value, or none any more.
    init(_ value: Value?, isLifted: Bool = false) {
        self = isLifted ? .lift : value.map { .set($0) } ?? .keep
    }

    /// The change that one option with a word for `none` asks for.
    init(_ word: LimitWord?) where Value: BinaryInteger {
        guard let word else {
            self = .keep
            return
        }
        self = word.number.map { .set(Value(clamping: $0)) } ?? .lift
    }
}

/// JSON on the command line: the text itself, or `@file` for what stands in a file. It goes to the server as it was written, so that
/// its numbers stay exact.
struct JSONText: ExpressibleByArgument {
    private let argument: String

    init(argument: String) {
        self.argument = argument
    }

    func value() throws -> JSONValue {
        guard argument.utf8.first == UInt8(ascii: "@") else { return .text(argument) }
        let file = URL(fileURLWithPath: String(argument.dropFirst()))
        guard let bytes = try? Data(contentsOf: file), let text = String(data: bytes, encoding: .utf8) else {
            throw SettingsError(description: "\(file.path) cannot be read as text.")
        }
        return .text(text)
    }
}

/// A field of a destination's settings on the command line: `name=value`.
struct FieldPair: ExpressibleByArgument {
    let name: String
    let value: String

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else { return nil }
        name = String(argument[..<equals])
        value = String(argument[argument.index(after: equals)...])
    }

    /// Settings as the server takes them. A name that is given again adds a line, as fields with several lines ask for.
    static func settings(_ pairs: [FieldPair]) -> [String: String] {
        Dictionary(pairs.map { ($0.name, $0.value) }) { $0 + "\n" + $1 }
    }
}
