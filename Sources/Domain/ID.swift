import Synchronization

/// A noun that has public ids; the prefix makes an id say what it names.
package protocol Identified {
    /// Lower-case letters before the underscore, `tok` for example.
    static var idPrefix: String { get }
}

/// The public id of one record: prefix, underscore, 20 base62 characters. Not a secret; safe to log.
package struct ID<Subject: Identified>: Hashable, Comparable, Sendable {
    /// The whole text, `tok_…`.
    package let text: String

    /// Reads an id; `nil` unless prefix, length and alphabet are right.
    package init?(_ text: String) {
        let prefix = Subject.idPrefix + "_"
        guard text.hasPrefix(prefix), text.utf8.count == prefix.utf8.count + Self.randomCharacters,
            text.utf8.dropFirst(prefix.utf8.count).allSatisfy(Base62.isDigit)
        else { return nil }
        self.text = text
    }

    /// Takes an id that our own database holds, without looking at it again.
    package init(stored text: String) {
        self.text = text
    }

    /// Draws a new id: 119 random bits.
    package static func random(using generator: inout some RandomNumberGenerator) -> ID {
        let characters = Base62.random(count: randomCharacters, using: &generator)
        return ID(stored: Subject.idPrefix + "_" + String(decoding: characters, as: UTF8.self))
    }

    /// Draws a new id from the system's generator.
    package static func random() -> ID {
        var generator = SystemRandomNumberGenerator()
        return random(using: &generator)
    }

    package static func < (left: ID, right: ID) -> Bool {
        left.text < right.text
    }

    private static var randomCharacters: Int { 20 }
}

/// The id of a thing that comes in large numbers: 64 bits that ascend with time, shown as prefix and 13 letters.
///
/// The order of the ids is the order of acceptance, so a listing by time needs no second index
/// (docs/decisions/0003). Layout from the top: 1 zero bit, 42 bits of milliseconds since 1970, 10 bits of node, 11 of sequence.
package struct OrderedID<Subject: Identified>: Hashable, Comparable, Sendable {
    /// The number as the database keeps it; never negative.
    package let number: Int64

    package init(number: Int64) {
        self.number = max(0, number)
    }

    /// Reads the text form; `nil` unless prefix, length and alphabet are right.
    package init?(_ text: String) {
        let prefix = Subject.idPrefix + "_"
        guard text.hasPrefix(prefix), text.utf8.count == prefix.utf8.count + 13 else { return nil }
        var number: UInt64 = 0
        for (position, byte) in text.utf8.dropFirst(prefix.utf8.count).enumerated() {
            guard let digit = crockford.firstIndex(of: byte), position > 0 || digit < 8 else { return nil }
            number = number << 5 | UInt64(digit)
        }
        self.number = Int64(truncatingIfNeeded: number)
    }

    /// Prefix, underscore and 13 characters of Crockford's base32 in lower case; sorts as the number does.
    package var text: String {
        Subject.idPrefix + "_" + String(decoding: digits, as: UTF8.self)
    }

    /// The smallest id that a thing accepted at that moment can have.
    package static func first(at moment: Timestamp) -> OrderedID {
        OrderedID(number: OrderedIDSource.milliseconds(of: moment) << OrderedIDSource.lowBits)
    }

    package static func < (left: OrderedID, right: OrderedID) -> Bool {
        left.number < right.number
    }

    private var digits: [UInt8] {
        stride(from: 60, through: 0, by: -5).map { shift in
            crockford[Int((number >> Int64(shift)) & 31)]
        }
    }
}

/// Hands out ordered ids, each larger than the one before, also when the clock is set back.
package struct OrderedIDSource: Sendable {
    package static let lowBits: Int64 = 21
    private static let sequenceBits: Int64 = 11

    private var millisecond: Int64 = 0
    private var sequence: Int64 = 0
    private let node: Int64

    /// - Parameters:
    ///   - node: which of several servers on one database this is, 0...1023.
    ///   - last: the largest id handed out before, so that a restart after a clock change stays in order.
    package init(node: Int64, after last: Int64) {
        self.node = node & 1023
        millisecond = max(0, last) >> Self.lowBits
        sequence = (1 << Self.sequenceBits) - 1
    }

    /// Makes the next id. Never fails; past 2,048 ids in one millisecond it borrows from the next.
    package mutating func next<Subject>(at now: Timestamp) -> OrderedID<Subject> {
        let wall = Self.milliseconds(of: now)
        if wall > millisecond {
            millisecond = wall
            sequence = 0
        } else if sequence + 1 < 1 << Self.sequenceBits {
            sequence += 1
        } else {
            millisecond += 1
            sequence = 0
        }
        return OrderedID(number: millisecond << Self.lowBits | node << Self.sequenceBits | sequence)
    }

    /// Milliseconds since the epoch, held inside the 42 bits an id has for them.
    static func milliseconds(of moment: Timestamp) -> Int64 {
        min(max(0, moment.microseconds / 1000), (1 << 42) - 2)
    }
}

/// The one source of a noun's ids where several make it, so that the order of the ids is the order in which they were drawn.
package final class OrderedIDs<Subject: Identified>: Sendable {
    private let source: Mutex<OrderedIDSource>

    /// - Parameters:
    ///   - node: which of the servers that share the database this is.
    ///   - last: the largest id handed out before.
    package init(node: Node, after last: Int64) {
        source = Mutex(OrderedIDSource(node: node.number, after: last))
    }

    package func next(at now: Timestamp) -> OrderedID<Subject> {
        source.withLock { $0.next(at: now) }
    }
}

/// Crockford's base32 in lower case: no i, l, o, u.
private let crockford: [UInt8] = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
