import FoundationEssentials

/// A call as it came in, whole, before anything is decided about it.
package struct InboundCall: Sendable {
    package var webhook: String
    package var query: String?
    package var headers: CallHeaders
    package var body: Data
    package var remoteAddress: String
    package var receivedAt: Timestamp

    package init(
        webhook: String, query: String? = nil, headers: CallHeaders, body: Data, remoteAddress: String,
        receivedAt: Timestamp
    ) {
        self.webhook = webhook
        self.query = query
        self.headers = headers
        self.body = body
        self.remoteAddress = remoteAddress
        self.receivedAt = receivedAt
    }
}

/// The header fields of a call, in the order they came.
package struct CallHeaders: Hashable, Sendable {
    package private(set) var fields: [(name: String, value: String)]

    package init(_ fields: [(name: String, value: String)]) {
        self.fields = fields
    }

    /// Fields that carry credentials. They prove the caller and are then forgotten: never kept, shown or passed on.
    package static func isSecret(_ name: String) -> Bool {
        ["authorization", "proxy-authorization", "cookie"].contains { $0.equalsIgnoringCase(name) }
    }

    /// The values of that field, in order; names match without regard to case.
    package func values(_ name: String) -> [String] {
        fields.lazy.filter { $0.name.equalsIgnoringCase(name) }.map(\.value)
    }

    /// The text the database keeps: one line `name: value` a field, secret fields left out.
    package var keptText: String {
        var text = ""
        for field in fields where !Self.isSecret(field.name) {
            text += field.name
            text += ": "
            text += field.value
            text += "\n"
        }
        return text
    }

    /// Reads what ``keptText`` wrote.
    package init(keptText: String) {
        fields = keptText.split(separator: "\n").map { line in
            guard let colon = line.firstIndex(of: ":") else { return (String(line), "") }
            return (String(line[..<colon]), String(line[line.index(after: colon)...].drop(while: { $0 == " " })))
        }
    }

    package static func == (left: CallHeaders, right: CallHeaders) -> Bool {
        left.fields.elementsEqual(right.fields) { $0.name == $1.name && $0.value == $1.value }
    }

    package func hash(into hasher: inout Hasher) {
        for field in fields {
            hasher.combine(field.name)
            hasher.combine(field.value)
        }
    }
}

extension String {
    /// Whether two ASCII texts are the same but for case.
    package func equalsIgnoringCase(_ other: String) -> Bool {
        utf8.count == other.utf8.count
            && zip(utf8, other.utf8).allSatisfy { left, right in
                left == right || (left ^ right == 0x20 && (0x61...0x7A).contains(left | 0x20))
            }
    }
}

/// A refused call as the ledger keeps it (N2).
package struct RefusedCall: Identified, Sendable {
    package static let idPrefix = "call"

    package var id: OrderedID<RefusedCall>
    package var organization: ID<Organization>?
    package var receivedAt: Timestamp
    /// The webhook as the caller wrote it, at most 64 characters; it need not exist.
    package var webhook: String?
    package var token: ID<Token>?
    package var cause: String
    package var causeAt: Timestamp?
    package var status: Int
    package var remoteAddress: String
    /// The user part of Basic authentication, at most 100 characters.
    package var basicUser: String?
    /// How many like calls this entry stands for; more than 1 when they came faster than the ledger lists them singly.
    package var count: Int64
    /// The call kept aside for it, if one is (N3).
    package var held: OrderedID<HeldCall>?
    /// The token of a report; a report's `webhook` is the path it was posted to.
    package var integrationToken: ID<IntegrationToken>?

    package init(
        id: OrderedID<RefusedCall>, organization: ID<Organization>?, receivedAt: Timestamp, webhook: String?,
        token: ID<Token>?, cause: String, causeAt: Timestamp?, status: Int, remoteAddress: String, basicUser: String?,
        count: Int64, held: OrderedID<HeldCall>? = nil, integrationToken: ID<IntegrationToken>? = nil
    ) {
        self.id = id
        self.organization = organization
        self.receivedAt = receivedAt
        self.webhook = webhook
        self.token = token
        self.cause = cause
        self.causeAt = causeAt
        self.status = status
        self.remoteAddress = remoteAddress
        self.basicUser = basicUser
        self.count = count
        self.held = held
        self.integrationToken = integrationToken
    }
}
