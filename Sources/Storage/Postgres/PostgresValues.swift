import CPostgres
import FoundationEssentials

/// The types of PostgreSQL that we write and read, by their numbers in its catalogue (`pg_type.dat`), which never change.
private enum TypeID {
    static let bool: Oid = 16
    static let bytea: Oid = 17
    static let int8: Oid = 20
    static let int2: Oid = 21
    static let int4: Oid = 23
    static let text: Oid = 25
    static let varchar: Oid = 1043
    static let numeric: Oid = 1700
    static let byteaArray: Oid = 1001
    static let textArray: Oid = 1009
    static let int8Array: Oid = 1016
    /// The server finds out.
    static let unknown: Oid = 0
}

extension SQLValue {
    var postgresType: Oid {
        switch self {
        case .null: TypeID.unknown
        case .integer: TypeID.int8
        case .text: TypeID.text
        case .bytes: TypeID.bytea
        }
    }

    /// The value as the protocol has it in binary; `nil` for none.
    var postgresBytes: [UInt8]? {
        switch self {
        case .null: nil
        case .integer(let integer): withUnsafeBytes(of: integer.bigEndian) { [UInt8]($0) }
        // PostgreSQL has no texts with a NUL in them; what stood behind it must not vanish.
        case .text(let text): Array((text.utf8.contains(0) ? text.replacing("\0", with: "\u{FFFD}") : text).utf8)
        case .bytes(let data): [UInt8](data)
        }
    }

    /// Reads a value of an answer in binary; `nil` for a type or a size that we do not read.
    package init?(postgres bytes: UnsafeRawBufferPointer, type: UInt32) {
        switch type {
        case TypeID.int8, TypeID.int4, TypeID.int2:
            guard let integer = Self.integer(bytes) else { return nil }
            self = .integer(integer)
        case TypeID.bool:
            guard let byte = bytes.first else { return nil }
            self = .integer(byte == 0 ? 0 : 1)
        case TypeID.text, TypeID.varchar:
            self = .text(String(decoding: bytes, as: UTF8.self))
        case TypeID.bytea:
            self = .bytes(Data(bytes))
        case TypeID.numeric:
            guard let integer = Self.wholeNumeric(bytes) else { return nil }
            self = .integer(integer)
        default:
            return nil
        }
    }

    private static func integer(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        guard let first = bytes.first, [2, 4, 8].contains(bytes.count) else { return nil }
        return bytes.reduce(first & 0x80 == 0 ? 0 : -1) { $0 << 8 | Int64($1) }
    }

    // What sums of whole numbers come as: digits of base 10,000, the first of them 10,000 to the power of `weight`.
    private static func wholeNumeric(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        let words = stride(from: 0, to: bytes.count - 1, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        guard words.count >= 4, words.count == 4 + Int(words[0]), words[2] == 0 || words[2] == 0x4000 else { return nil }
        let weight = Int(Int16(bitPattern: words[1]))
        let digits = words.dropFirst(4)
        guard !digits.isEmpty else { return 0 }
        guard (0..<5).contains(weight), digits.count <= weight + 1 else { return nil }
        var sum: Int64 = 0
        for place in 0...weight {
            let digit = Int64(digits.dropFirst(place).first ?? 0)
            let (product, hasOverflown) = sum.multipliedReportingOverflow(by: 10_000)
            let (next, hasOverflownToo) =
                words[2] == 0
                ? product.addingReportingOverflow(digit) : product.subtractingReportingOverflow(digit)
            guard !hasOverflown, !hasOverflownToo else { return nil }
            sum = next
        }
        return sum
    }
}

/// A statement with its values as they are sent.
struct PostgresStatement {
    /// What is prepared: the text with the types of its values, for one that is missing may take the type it had before.
    struct Kind: Hashable {
        let text: String
        let types: [UInt32]
    }

    let kind: Kind
    let parameters: [Parameter]

    init(_ sql: SQL) {
        kind = Kind(text: sql.text, types: sql.values.map(\.postgresType))
        parameters = sql.values.map { Parameter($0) }
    }

    /// Rows as one statement with an array for each column; columns without any value are left out, and so have none.
    ///
    /// - Returns: `nil` if they are more bytes than that.
    init?(_ bulk: BulkInsert, bytesMax: Int) {
        var names: [String] = []
        var types: [UInt32] = []
        var parameters: [Parameter] = []
        var bytes = 0
        for (column, name) in bulk.columns.enumerated() {
            let values = bulk.rows.map { column < $0.count ? $0[column] : .null }
            guard let type = values.lazy.map(\.postgresType).first(where: { $0 != TypeID.unknown }) else { continue }
            let array = Self.array(of: values, type)
            bytes += array.count
            guard bytes <= bytesMax else { return nil }
            names.append(name)
            types.append(Self.arrayType(of: type))
            parameters.append(Parameter(bytes: array))
        }
        let list = names.joined(separator: ", ")
        let numbers = names.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
        kind = Kind(text: "INSERT INTO \(bulk.table) (\(list)) SELECT * FROM unnest(\(numbers))", types: types)
        self.parameters = parameters
    }

    private static func arrayType(of type: UInt32) -> UInt32 {
        switch type {
        case TypeID.int8: TypeID.int8Array
        case TypeID.bytea: TypeID.byteaArray
        default: TypeID.textArray
        }
    }

    // Dimensions, whether one is missing, the type; length and lower bound; then each with its length (PostgreSQL's array_send).
    private static func array(of values: [SQLValue], _ type: UInt32) -> [UInt8] {
        var bytes: [UInt8] = []
        CopyStream.append(Int32(1), to: &bytes)
        CopyStream.append(Int32(values.contains(.null) ? 1 : 0), to: &bytes)
        CopyStream.append(type, to: &bytes)
        CopyStream.append(Int32(clamping: values.count), to: &bytes)
        CopyStream.append(Int32(1), to: &bytes)
        for value in values { CopyStream.append(value, to: &bytes) }
        return bytes
    }
}

/// Values on their way to libpq.
struct Parameter {
    private let bytes: [UInt8]?

    init(_ value: SQLValue) {
        bytes = value.postgresBytes
    }

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Hands out the arrays that libpq wants: where each value begins, how long it is, and that it is binary.
    static func withPointers<Answer>(
        _ parameters: [Parameter],
        _ body: (_ values: [UnsafePointer<CChar>?], _ lengths: [Int32], _ formats: [Int32]) -> Answer
    ) -> Answer {
        // All of them behind one another, so that one pointer holds.
        var all: [UInt8] = [0]
        var places: [Int?] = []
        for parameter in parameters {
            places.append(parameter.bytes.map { _ in all.count })
            if let bytes = parameter.bytes { all += bytes + [0] }
        }
        return all.withUnsafeBytes { buffer in
            let start = buffer.baseAddress
            let values = places.map { place in
                place.flatMap { start?.advanced(by: $0).assumingMemoryBound(to: CChar.self) }.map { UnsafePointer($0) }
            }
            return body(
                values, parameters.map { Int32(clamping: $0.bytes?.count ?? 0) }, [Int32](repeating: 1, count: parameters.count))
        }
    }
}

/// The rows of a binary `COPY` (PostgreSQL's manual, COPY, "Binary Format").
enum CopyStream {
    private static let head: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00] + [UInt8](repeating: 0, count: 8)

    static func bytes(of rows: [[SQLValue]], columns: Int) -> [UInt8] {
        var bytes = head
        for row in rows {
            append(Int16(clamping: columns), to: &bytes)
            for value in row { append(value, to: &bytes) }
        }
        append(Int16(-1), to: &bytes)
        return bytes
    }

    /// A value behind its length; a missing one has the length -1.
    static func append(_ value: SQLValue, to bytes: inout [UInt8]) {
        switch value {
        case .null: append(Int32(-1), to: &bytes)
        case .integer(let integer):
            append(Int32(8), to: &bytes)
            append(integer, to: &bytes)
        case .bytes(let data):
            append(Int32(clamping: data.count), to: &bytes)
            bytes += data
        case .text:
            let text = value.postgresBytes ?? []
            append(Int32(clamping: text.count), to: &bytes)
            bytes += text
        }
    }

    /// A number in the order of bytes of the network.
    static func append(_ number: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: number.bigEndian) { bytes += $0 }
    }
}
