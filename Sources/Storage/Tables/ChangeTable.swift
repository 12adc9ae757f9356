import Domain

/// Which credentials changed, in the order of the commits: the other servers read it and follow.
///
/// Numbers go up by one and are given under the lock of ``Lane/steering``, so that none appears behind a later one.
package struct ChangeTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// Writes changes down and wakes the other servers at the commit.
    ///
    /// - Returns: the number of the last one.
    package func append(_ changes: [CredentialChange], at now: Timestamp) throws(StorageError) -> Int64 {
        var number = try last()
        for change in changes {
            number += 1
            let (kind, first, second) = change.parts
            try connection.execute(
                """
                INSERT INTO changes (number, at, kind, first, second)
                VALUES (\(number), \(now), \(kind.rawValue), \(first), \(second))
                """)
        }
        if let notify = connection.dialect.notify { try connection.execute(notify) }
        return number
    }

    /// The number of the last change; 0 if there was none.
    package func last() throws(StorageError) -> Int64 {
        try connection.row("SELECT max(number) AS last FROM changes")?.optionalInteger("last") ?? 0
    }

    /// The changes behind a number; `nil` if some of those are not kept any more.
    package func behind(_ number: Int64) throws(StorageError) -> [CredentialChange]? {
        let rows = try connection.rows("SELECT number, kind, first, second FROM changes WHERE number > \(number) ORDER BY number")
        guard let first = rows.first else { return [] }
        guard try first.integer("number") == number + 1 else { return nil }
        return try rows.map { row throws(StorageError) in
            guard let change = CredentialChange(try row.word("kind"), try row.text("first"), try row.optionalText("second"))
            else {
                throw .unreadable("a change without its subject")
            }
            return change
        }
    }

    /// Drops at most that many changes that are older than that. The last one always stays, for the next goes on from it.
    ///
    /// - Returns: how many were dropped.
    package func drop(before moment: Timestamp, limit: Int) throws(StorageError) -> Int {
        try connection.execute(
            """
            DELETE FROM changes WHERE number IN (
                SELECT number FROM changes WHERE at < \(moment) AND number < (SELECT max(number) FROM changes)
                ORDER BY number LIMIT \(limit))
            """)
    }
}

extension CredentialChange {
    fileprivate enum Kind: String {
        case organization
        case webhook
        case token
        case membership
        case integrationToken = "integration_token"
        case flow
        case destination
    }

    fileprivate var parts: (kind: Kind, first: String, second: String?) {
        switch self {
        case .organization(let id): (.organization, id.text, nil)
        case .webhook(let id): (.webhook, id.text, nil)
        case .token(let id): (.token, id.text, nil)
        case .membership(let organization, let account): (.membership, organization.text, account.text)
        case .integrationToken(let id): (.integrationToken, id.text, nil)
        case .flow(let id): (.flow, id.text, nil)
        case .destination(let id): (.destination, id.text, nil)
        }
    }

    fileprivate init?(_ kind: Kind, _ first: String, _ second: String?) {
        switch kind {
        case .organization: self = .organization(ID(stored: first))
        case .webhook: self = .webhook(ID(stored: first))
        case .token: self = .token(ID(stored: first))
        case .membership:
            guard let second else { return nil }
            self = .membership(ID(stored: first), ID(stored: second))
        case .integrationToken: self = .integrationToken(ID(stored: first))
        case .flow: self = .flow(ID(stored: first))
        case .destination: self = .destination(ID(stored: first))
        }
    }
}
