import Crypto
import Foundation

/// An entry's place in the chain of its organization.
package struct AuditLink: Hashable, Sendable {
    /// 1, 2, 3 … without gaps.
    package let sequence: Int64
    /// The hash of the entry before, 32 bytes; zeros for the first.
    package let previous: Data
    /// SHA-256 over the entry's canonical text, 32 bytes.
    package let hash: Data
    /// HMAC-SHA-256 over the hash, under the organization's audit key, 32 bytes.
    package let mac: Data

    package init(sequence: Int64, previous: Data, hash: Data, mac: Data) {
        self.sequence = sequence
        self.previous = previous
        self.hash = hash
        self.mac = mac
    }
}

/// The chain that shows whether the audit log was altered. Row N8; the format stands in docs/audit-log.md.
///
/// Each entry carries the hash of the one before, so nothing can be altered, left out or moved without a break; and a code that
/// only the key makes, so that nobody who merely writes the database can mend the break.
package enum AuditChain {
    /// What stands before the first entry.
    package static let start = Data(count: 32)

    /// Links an entry behind the one with that sequence and hash.
    package static func link(
        _ entry: AuditEntry, behind sequence: Int64, _ previous: Data, key: AuditKey
    ) -> AuditLink {
        let link = AuditLink(sequence: sequence + 1, previous: previous, hash: Data(), mac: Data())
        let hash = Data(SHA256.hash(data: canonical(fields(entry, link))))
        return AuditLink(sequence: link.sequence, previous: previous, hash: hash, mac: key.code(for: hash))
    }

    /// One line of an export.
    package static func line(_ entry: AuditEntry, _ link: AuditLink) -> Data {
        var fields = fields(entry, link)
        fields["hash"] = .text(Hex.text(link.hash))
        fields["mac"] = .text(Hex.text(link.mac))
        return canonical(fields)
    }

    /// The last line of an export: how many entries there are, and which is the last.
    package static func trailer(
        _ organization: ID<Organization>, entries: Int64, hash: Data, key: AuditKey
    ) -> Data {
        var fields: [String: CanonicalJSON] = [
            "entries": .integer(entries), "hash": .text(Hex.text(hash)), "organization": .text(organization.text),
        ]
        fields["mac"] = .text(Hex.text(key.code(for: canonical(fields))))
        return canonical(fields)
    }

    /// What is wrong with a log, at the first entry where something is.
    package struct Fault: Hashable, Sendable {
        package let sequence: Int64
        package let id: String?
        package let words: String

        package init(sequence: Int64, id: String?, words: String) {
            self.sequence = sequence
            self.id = id
            self.words = words
        }
    }

    /// What a check found.
    package struct Verdict: Hashable, Sendable {
        package let entries: Int64
        /// The hash of the last good entry, hexadecimal.
        package let head: String?
        package let fault: Fault?
    }

    /// Checks entries, or the lines of an export, one by one, and with a key also their codes.
    package struct Verifier {
        private let key: AuditKey?
        private var count: Int64 = 0
        private var last = AuditChain.start
        private var organization: String?
        private var hasTrailer = false
        private var fault: Fault?

        /// - Parameter key: 32 bytes; without them the chain is checked, but not who wrote it.
        package init(key: Data?) {
            self.key = key.map { AuditKey(bytes: $0) }
        }

        /// Takes the next line.
        ///
        /// - Returns: the fault, if this line has one; later lines are not looked at any more.
        package mutating func take(line: Data) -> Fault? {
            if fault == nil { fault = faultIn(line) }
            return fault
        }

        /// Takes the next entry as the database has it: the same as its line, without writing and reading that.
        ///
        /// - Returns: the fault, if this entry has one; later ones are not looked at any more.
        package mutating func take(_ entry: AuditEntry, _ link: AuditLink) -> Fault? {
            if fault == nil {
                fault = faultInEntry(
                    AuditChain.fields(entry, link), id: entry.id.text, of: entry.organization.text, link.hash, link.mac)
            }
            return fault
        }

        /// Takes what the database says of the end: how many entries there are, and the hash of the last.
        package mutating func close(entries: Int64, hash: Data) {
            if fault == nil { fault = faultInEnd(entries, hash) }
        }

        /// Says what was found, after the last line.
        package func finish() -> Verdict {
            let cut = Fault(
                sequence: count + 1, id: nil, words: "The end is missing: an export closes with a line that counts the entries.")
            return Verdict(
                entries: count, head: count == 0 ? nil : Hex.text(last), fault: fault ?? (hasTrailer ? nil : cut))
        }

        private mutating func faultIn(_ line: Data) -> Fault? {
            let place = count + 1
            guard !hasTrailer else {
                return Fault(sequence: place, id: nil, words: "There is something behind the end of the log.")
            }
            guard var fields = CanonicalJSON.object(parsing: line), CanonicalJSON.object(fields).bytes == line else {
                return Fault(sequence: place, id: nil, words: "The line is no canonical JSON object.")
            }
            let id: String? = if case .text(let id)? = fields["id"] { id } else { nil }
            guard case .text(let hash)? = fields.removeValue(forKey: "hash"), let hash = Hex.bytes(hash),
                case .text(let mac)? = fields.removeValue(forKey: "mac"), let mac = Hex.bytes(mac),
                case .text(let owner)? = fields["organization"]
            else { return Fault(sequence: place, id: id, words: "The line lacks a field, or has a wrong one.") }
            return faultInEntry(fields, id: id, of: owner, hash, mac)
        }

        private mutating func faultInEntry(
            _ fields: [String: CanonicalJSON], id: String?, of owner: String, _ hash: Data, _ mac: Data
        ) -> Fault? {
            let place = count + 1
            guard organization == nil || organization == owner else {
                return Fault(sequence: place, id: id, words: "The entry belongs to another organization.")
            }
            organization = owner
            if case .integer(let entries)? = fields["entries"], fields["sequence"] == nil {
                return faultInTrailer(entries, hash, mac, fields)
            }
            guard case .integer(let sequence)? = fields["sequence"] else {
                return Fault(sequence: place, id: id, words: "The line lacks a field, or has a wrong one.")
            }
            guard sequence == place else {
                return Fault(
                    sequence: place, id: id, words: "Entry \(place) is missing or out of place; \(sequence) stands here.")
            }
            guard fields["previous"] == .text(Hex.text(last)) else {
                return Fault(sequence: place, id: id, words: "The entry does not follow the one before it.")
            }
            guard Data(SHA256.hash(data: CanonicalJSON.object(fields).bytes)) == hash else {
                return Fault(sequence: place, id: id, words: "The entry was altered.")
            }
            if let key, !key.isCode(mac, for: hash) {
                return Fault(sequence: place, id: id, words: "The entry was not written by this Inlet.")
            }
            count = place
            last = hash
            return nil
        }

        private mutating func faultInTrailer(
            _ entries: Int64, _ hash: Data, _ mac: Data, _ fields: [String: CanonicalJSON]
        ) -> Fault? {
            if let fault = faultInEnd(entries, hash) { return fault }
            var signed = fields
            signed["hash"] = .text(Hex.text(hash))
            if let key, !key.isCode(mac, for: CanonicalJSON.object(signed).bytes) {
                return Fault(sequence: count + 1, id: nil, words: "The last line was not written by this Inlet.")
            }
            return nil
        }

        private mutating func faultInEnd(_ entries: Int64, _ hash: Data) -> Fault? {
            guard entries == count, hash == last else {
                return Fault(
                    sequence: count + 1, id: nil,
                    words: "The log ends too soon: it closes with \(entries) entries, \(count) are here.")
            }
            hasTrailer = true
            return nil
        }
    }

    private static func fields(_ entry: AuditEntry, _ link: AuditLink) -> [String: CanonicalJSON] {
        [
            "action": .text(entry.action.rawValue), "actor": entry.actor.map { .text($0.text) } ?? .null,
            "actor_token": entry.actorToken.map { .text($0.text) } ?? .null, "at": .text(entry.at.text),
            "details": .object(entry.details.mapValues { .text($0) }), "id": .text(entry.id.text),
            "organization": .text(entry.organization.text), "previous": .text(Hex.text(link.previous)),
            "sequence": .integer(link.sequence), "subject": .text(entry.subject),
        ]
    }

    private static func canonical(_ fields: [String: CanonicalJSON]) -> Data {
        CanonicalJSON.object(fields).bytes
    }
}

/// The key that proves who wrote an organization's audit log.
package struct AuditKey: Sendable {
    private let key: SymmetricKey

    /// The key of one organization, made from the installation's 32 bytes.
    package init(root: Data, organization: ID<Organization>) {
        key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: root), info: Data("inlet/audit/v1/\(organization.text)".utf8),
            outputByteCount: 32)
    }

    /// Takes the key as it was handed out.
    package init(bytes: Data) {
        key = SymmetricKey(data: bytes)
    }

    /// The 32 bytes, for the person who checks exports elsewhere.
    package var bytes: Data {
        key.withUnsafeBytes { Data($0) }
    }

    func code(for bytes: Data) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: bytes, using: key))
    }

    func isCode(_ mac: Data, for bytes: Data) -> Bool {
        HMAC<SHA256>.isValidAuthenticationCode(mac, authenticating: bytes, using: key)
    }
}

extension CanonicalJSON {
    /// Reads a JSON object of texts, whole numbers, lists and objects; `nil` for anything else.
    static func object(parsing line: Data) -> [String: CanonicalJSON]? {
        guard case .object(let fields)? = (try? JSONDecoder().decode(Parsed.self, from: line))?.value else { return nil }
        return fields
    }

    private struct Parsed: Decodable {
        let value: CanonicalJSON

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            // What is most of a line comes first, for a wrong guess costs.
            if let text = try? container.decode(String.self) {
                value = .text(text)
            } else if let object = try? container.decode([String: Parsed].self) {
                value = .object(object.mapValues(\.value))
            } else if let list = try? container.decode([Parsed].self) {
                value = .array(list.map(\.value))
            } else if let bool = try? container.decode(Bool.self) {
                value = .bool(bool)
            } else if container.decodeNil() {
                value = .null
            } else {
                value = .integer(try container.decode(Int64.self))
            }
        }
    }
}
