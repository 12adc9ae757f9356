import Contract
import Domain
import Foundation

/// What a report says, read and checked.
package enum ReportBody: Sendable {
    case hits([HitsReport])
    case deploy(DeployReport)
}

/// A deploy as it is reported (E6).
package struct DeployReport: Sendable {
    let version: Label
    let environment: Label
    let status: DeployStatus
    let commit: Label?
    let url: String?
    let startedAt: Timestamp?
    let finishedAt: Timestamp?
    let committedAt: Timestamp?
}

/// What is wrong with a report. Holds nothing that the sender wrote, so it can stand in any answer as it is.
package struct ReportFault: Error, Hashable {
    let field: String
    let expectation: String

    init(_ field: String, _ expectation: String) {
        self.field = field
        self.expectation = expectation
    }
}

extension ReportBody {
    /// Reads the body of `POST /hits`: one object, or an array of them.
    static func hits(in body: Data, receivedAt now: Timestamp) throws(ReportFault) -> [HitsReport] {
        try requireJSON(body)
        let first = body.first { !" \t\r\n".utf8.contains($0) }
        let objects: [HitsObject]
        if first == UInt8(ascii: "[") {
            objects = try decode([HitsObject].self, body)
            guard Limits.reportsPerRequest.contains(objects.count) else {
                throw ReportFault("body", "must hold 1 to 1000 objects.")
            }
        } else {
            objects = [try decode(HitsObject.self, body)]
        }
        var reports: [HitsReport] = []
        reports.reserveCapacity(objects.count)
        for (index, object) in objects.enumerated() {
            do throws(ReportFault) {
                reports.append(try object.checked(receivedAt: now))
            } catch {
                throw first == UInt8(ascii: "[") ? ReportFault("[\(index)].\(error.field)", error.expectation) : error
            }
        }
        return reports
    }

    /// Reads the body of `POST /deploys`.
    static func deploy(in body: Data, receivedAt now: Timestamp) throws(ReportFault) -> DeployReport {
        try requireJSON(body)
        return try decode(DeployObject.self, body).checked(receivedAt: now)
    }

    // Foundation also reads other codings than UTF-8, and nests as deep as the sender likes.
    private static func requireJSON(_ body: Data) throws(ReportFault) {
        // RFC 8259, section 8.1: no byte order mark.
        guard !body.contains(0), !body.starts(with: [0xEF, 0xBB, 0xBF]), String(validating: body, as: UTF8.self) != nil else {
            throw ReportFault("body", "must be JSON in UTF-8, without a byte order mark.")
        }
        switch JSONValue.excess(of: body) {
        case nil: break
        case .depth: throw ReportFault("body", "nests deeper than \(JSONValue.depthMax) levels.")
        case .key: throw ReportFault("body", "has a field that is unknown; names are short and plain ASCII.")
        }
    }

    private static func decode<Value: Decodable>(_ type: Value.Type, _ body: Data) throws(ReportFault) -> Value {
        do {
            return try JSONDecoder().decode(type, from: body)
        } catch let error as DecodingError {
            throw ReportFault(error)
        } catch {
            throw ReportFault("body", "must be JSON.")
        }
    }

    /// Reads a moment, which may not lie ahead of our clock by more than clocks differ.
    fileprivate static func moment(
        _ text: String?, _ field: String, notAfter now: Timestamp
    ) throws(ReportFault) -> Timestamp? {
        guard let text else { return nil }
        guard let moment = Timestamp(rfc3339: text) else {
            throw ReportFault(field, "must be a moment as in RFC 3339, 2027-01-31T12:00:00Z for example.")
        }
        guard moment <= now.adding(Limits.reportAheadMax) else {
            throw ReportFault(field, "lies more than 5 minutes ahead of the server's clock.")
        }
        return moment
    }

    fileprivate static func name(_ text: String, _ field: String) throws(ReportFault) -> Label {
        do {
            return try Label(name: text)
        } catch {
            throw ReportFault(field, "must have 1 to 100 characters, none of them a control character.")
        }
    }
}

/// One object of `POST /hits` as it stands in JSON.
private struct HitsObject: Decodable {
    let resource: String
    // Read as what JSON has, so that a number that is not whole is said to be at its place.
    let hits: Double
    let failures: Double?
    let at: String?

    private enum Field: String, CaseIterable {
        case resource, hits, failures, at
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.fields(of: Field.self)
        resource = try fields.decode(String.self, forKey: .init(Field.resource.rawValue))
        hits = try fields.decode(Double.self, forKey: .init(Field.hits.rawValue))
        failures = try fields.decodeIfPresent(Double.self, forKey: .init(Field.failures.rawValue))
        at = try fields.decodeIfPresent(String.self, forKey: .init(Field.at.rawValue))
    }

    func checked(receivedAt now: Timestamp) throws(ReportFault) -> HitsReport {
        let resource = try ReportBody.name(resource, "resource")
        guard let hits = Int64(exactly: hits), (0...Limits.hitsMax).contains(hits) else {
            throw ReportFault("hits", "must be a whole number from 0 to 1000000000000.")
        }
        guard let failures = Int64(exactly: failures ?? 0), (0...hits).contains(failures) else {
            throw ReportFault("failures", "must be a whole number from 0 to `hits`, which counts all, failures too.")
        }
        let at = try ReportBody.moment(at, "at", notAfter: now) ?? now
        guard at >= now.adding(Limits.reportAgeMax.negated) else { throw ReportFault("at", "is more than 7 days ago.") }
        return HitsReport(resource: resource, hits: hits, failures: failures, at: at)
    }
}

/// The object of `POST /deploys` as it stands in JSON.
private struct DeployObject: Decodable {
    private let texts: [Field: String]

    private enum Field: String, CaseIterable {
        case version, commit, environment, status, url
        case startedAt = "started_at"
        case finishedAt = "finished_at"
        case committedAt = "committed_at"
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.fields(of: Field.self)
        var texts: [Field: String] = [:]
        for field in Field.allCases { texts[field] = try fields.decodeIfPresent(String.self, forKey: .init(field.rawValue)) }
        self.texts = texts
    }

    func checked(receivedAt now: Timestamp) throws(ReportFault) -> DeployReport {
        let words = DeployStatus.allCases.map(\.rawValue).joined(separator: ", ")
        guard let status = DeployStatus(rawValue: try required(.status)) else {
            throw ReportFault("status", "must be one of: \(words).")
        }
        let commit = try texts[.commit].map { text throws(ReportFault) in try ReportBody.name(text, "commit") }
        let startedAt = try moment(.startedAt, now)
        let finishedAt = try moment(.finishedAt, now)
        if let startedAt, let finishedAt, finishedAt < startedAt {
            throw ReportFault("finished_at", "lies before `started_at`.")
        }
        return DeployReport(
            version: try ReportBody.name(try required(.version), "version"),
            environment: try ReportBody.name(try required(.environment), "environment"), status: status, commit: commit,
            url: try link(), startedAt: startedAt, finishedAt: finishedAt, committedAt: try moment(.committedAt, now))
    }

    private func required(_ field: Field) throws(ReportFault) -> String {
        guard let text = texts[field] else { throw ReportFault(field.rawValue, "is missing.") }
        return text
    }

    private func moment(_ field: Field, _ now: Timestamp) throws(ReportFault) -> Timestamp? {
        try ReportBody.moment(texts[field], field.rawValue, notAfter: now)
    }

    // It becomes a link on a page, so nothing but the web's own schemes.
    private func link() throws(ReportFault) -> String? {
        guard let text = texts[.url] else { return nil }
        let isProper = text.unicodeScalars.allSatisfy { $0.isASCII && $0.value > 0x20 && $0.value != 0x7F }
        guard text.utf8.count <= Limits.urlBytesMax, isProper, let url = URL(string: text), url.host?.isEmpty == false,
            ["http", "https"].contains(url.scheme?.lowercased())
        else { throw ReportFault("url", "must be an http or https address of at most 2000 bytes.") }
        return text
    }
}

/// A key of a JSON object, whatever it is.
private struct AnyField: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ text: String) { stringValue = text }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
}

/// Says that an object has a field that does not exist.
private struct UnknownField: Error {}

extension Decoder {
    /// The fields of an object that may have those and no others.
    fileprivate func fields<Field: RawRepresentable<String> & CaseIterable>(
        of type: Field.Type
    ) throws -> KeyedDecodingContainer<AnyField> {
        let fields = try container(keyedBy: AnyField.self)
        guard fields.allKeys.allSatisfy({ Field(rawValue: $0.stringValue) != nil }) else {
            let known = Field.allCases.map(\.rawValue).joined(separator: ", ")
            throw DecodingError.dataCorrupted(
                DecodingError.Context(
                    codingPath: codingPath, debugDescription: "has an unknown field; there are: \(known).",
                    underlyingError: UnknownField()))
        }
        return fields
    }
}

extension ReportFault {
    /// What a decoder found, said without the sender's own words.
    fileprivate init(_ error: DecodingError) {
        switch error {
        case .keyNotFound(let key, let context):
            self.init(Self.place(context.codingPath, key), "is missing.")
        case .typeMismatch(let type, let context):
            self.init(Self.place(context.codingPath), "must be \(Self.word(type)).")
        case .valueNotFound(let type, let context):
            self.init(Self.place(context.codingPath), "must be \(Self.word(type)), not null.")
        case .dataCorrupted(let context) where context.underlyingError is UnknownField:
            self.init(Self.place(context.codingPath), context.debugDescription)
        default:
            self.init("body", "must be JSON: an object, or for hits also an array of them.")
        }
    }

    // Only names of our own fields and numbers get here.
    private static func place(_ path: [any CodingKey], _ last: (any CodingKey)? = nil) -> String {
        var place = ""
        for key in path + (last.map { [$0] } ?? []) {
            if let index = key.intValue {
                place += "[\(index)]"
            } else {
                place += place.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
        return place.isEmpty ? "body" : place
    }

    private static func word(_ type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a text"
        case is Double.Type: "a number"
        default: "an object"
        }
    }
}
