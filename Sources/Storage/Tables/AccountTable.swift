import Domain

/// Accounts, and their memberships in organizations.
package struct AccountTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// An account together with its place in one organization.
    package struct Member: Sendable {
        package let account: Account
        package let membership: Membership

        package init(account: Account, membership: Membership) {
            self.account = account
            self.membership = membership
        }
    }

    package func insert(_ account: Account, passwordHash: String?) throws(StorageError) {
        try connection.execute(
            """
            INSERT INTO accounts (id, kind, name, login, password_hash, created_at)
            VALUES (\(account.id), \(account.kind.rawValue), \(account.name), \(account.login), \(passwordHash),
                \(account.createdAt))
            """)
    }

    package func insert(_ membership: Membership) throws(StorageError) {
        let state = LifecycleColumns(membership.state)
        try connection.execute(
            """
            INSERT INTO memberships (organization, account, role, state, state_since, state_reason, active_since,
                last_token_use_at, last_sign_in_at)
            VALUES (\(membership.organization), \(membership.account), \(membership.role.rawValue), \(state.state),
                \(state.since), \(state.reason), \(membership.activeSince), \(membership.lastTokenUseAt),
                \(membership.lastSignInAt))
            """)
    }

    /// Writes role, state and the start of the days of inactivity.
    package func update(_ membership: Membership) throws(StorageError) {
        let state = LifecycleColumns(membership.state)
        try connection.execute(
            """
            UPDATE memberships
            SET role = \(membership.role.rawValue), state = \(state.state), state_since = \(state.since),
                state_reason = \(state.reason), active_since = \(membership.activeSince)
            WHERE organization = \(membership.organization) AND account = \(membership.account)
            """)
    }

    /// Notes a successful call with one of the account's tokens (D8); an older moment changes nothing.
    package func noteTokenUse(
        by account: ID<Account>, in organization: ID<Organization>, at moment: Timestamp
    ) throws(StorageError) {
        try connection.execute(
            """
            UPDATE memberships SET last_token_use_at = \(moment)
            WHERE organization = \(organization) AND account = \(account)
                AND (last_token_use_at IS NULL OR last_token_use_at < \(moment))
            """)
    }

    package func find(_ account: ID<Account>, in organization: ID<Organization>) throws(StorageError) -> Member? {
        try members("m.organization = \(organization) AND m.account = \(account)").first
    }

    package func find(login: String, in organization: ID<Organization>) throws(StorageError) -> Member? {
        try members("m.organization = \(organization) AND a.login = \(login)").first
    }

    package func isLoginTaken(_ login: String) throws(StorageError) -> Bool {
        try connection.row("SELECT id FROM accounts WHERE login = \(login)") != nil
    }

    /// Members of an organization in the order of their ids, after that one.
    package func list(
        in organization: ID<Organization>, after: ID<Account>?, limit: Int
    ) throws(StorageError) -> [Member] {
        try members("m.organization = \(organization) AND m.account > \(after?.text ?? "")", limit: limit)
    }

    /// All memberships, for the server's start and the sweep.
    package func allMemberships() throws(StorageError) -> [Membership] {
        try connection.rows("SELECT m.* FROM memberships m ORDER BY m.organization, m.account")
            .map(Membership.init)
    }

    private func members(_ condition: SQL, limit: Int = 1) throws(StorageError) -> [Member] {
        try connection.rows(
            """
            SELECT a.id, a.kind, a.name, a.login, a.created_at, m.organization, m.account, m.role, m.state, m.state_since,
                m.state_reason, m.active_since, m.last_token_use_at, m.last_sign_in_at
            FROM memberships m JOIN accounts a ON a.id = m.account
            WHERE \(sql: condition)
            ORDER BY m.account LIMIT \(limit)
            """
        ).map { row throws(StorageError) in Member(account: try Account(row), membership: try Membership(row)) }
    }
}

extension Account {
    fileprivate init(_ row: Row) throws(StorageError) {
        self.init(
            id: try row.id("id"), kind: try row.word("kind"), name: try row.label("name"),
            login: try row.optionalText("login"), createdAt: try row.timestamp("created_at"))
    }
}

extension Membership {
    fileprivate init(_ row: Row) throws(StorageError) {
        self.init(
            organization: try row.id("organization"), account: try row.id("account"), role: try row.word("role"),
            state: try row.lifecycle(), activeSince: try row.timestamp("active_since"),
            lastTokenUseAt: try row.optionalTimestamp("last_token_use_at"),
            lastSignInAt: try row.optionalTimestamp("last_sign_in_at"))
    }
}
