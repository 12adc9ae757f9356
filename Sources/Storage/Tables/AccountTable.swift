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
            INSERT INTO accounts (id, kind, name, login, password_hash, created_at, language)
            VALUES (\(account.id), \(account.kind.rawValue), \(account.name), \(account.login), \(passwordHash),
                \(account.createdAt), \(account.language?.rawValue))
            """)
    }

    package func insert(_ membership: Membership) throws(StorageError) {
        let state = LifecycleColumns(membership.state)
        try connection.execute(
            """
            INSERT INTO memberships (organization, account, role, state, state_since, state_reason, active_since,
                last_token_use_at, last_sign_in_at, sign_in_blocked_at)
            VALUES (\(membership.organization), \(membership.account), \(membership.role.rawValue), \(state.state),
                \(state.since), \(state.reason), \(membership.activeSince), \(membership.lastTokenUseAt),
                \(membership.lastSignInAt), \(membership.signInBlockedAt))
            """)
    }

    /// Writes role, state, the block of sign-in and the start of the days of inactivity.
    package func update(_ membership: Membership) throws(StorageError) {
        let state = LifecycleColumns(membership.state)
        try connection.execute(
            """
            UPDATE memberships
            SET role = \(membership.role.rawValue), state = \(state.state), state_since = \(state.since),
                state_reason = \(state.reason), active_since = \(membership.activeSince),
                sign_in_blocked_at = \(membership.signInBlockedAt)
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

    /// Notes that a person signed in (D8).
    package func noteSignIn(of account: ID<Account>, in organization: ID<Organization>, at moment: Timestamp) throws(StorageError)
    {
        try connection.execute(
            """
            UPDATE memberships SET last_sign_in_at = \(moment)
            WHERE organization = \(organization) AND account = \(account)
            """)
    }

    package func rename(_ account: ID<Account>, to name: Label) throws(StorageError) {
        try connection.execute("UPDATE accounts SET name = \(name) WHERE id = \(account)")
    }

    /// Sets what a person signs in with.
    package func setLogin(of account: ID<Account>, to login: String) throws(StorageError) {
        try connection.execute("UPDATE accounts SET login = \(login) WHERE id = \(account)")
    }

    /// Sets the language that the person reads; `nil` for the organization's (D13).
    package func setLanguage(of account: ID<Account>, to language: Language?) throws(StorageError) {
        try connection.execute("UPDATE accounts SET language = \(language?.rawValue) WHERE id = \(account)")
    }

    /// Takes an account's login, password and second factor away; its name stays for the audit log.
    package func forget(_ account: ID<Account>) throws(StorageError) {
        try connection.execute(
            """
            UPDATE accounts
            SET login = NULL, password_hash = NULL, second_factor = NULL, second_factor_pending = NULL,
                second_factor_step = NULL, language = NULL
            WHERE id = \(account)
            """)
        try connection.execute("DELETE FROM recovery_codes WHERE account = \(account)")
        try connection.execute("DELETE FROM known_devices WHERE account = \(account)")
        try connection.execute("DELETE FROM one_time_links WHERE account = \(account)")
    }

    package func find(_ account: ID<Account>, in organization: ID<Organization>) throws(StorageError) -> Member? {
        try members("m.organization = \(organization) AND m.account = \(account)").first
    }

    package func find(login: String, in organization: ID<Organization>) throws(StorageError) -> Member? {
        try members("m.organization = \(organization) AND a.login = \(login) AND m.state <> 'deleted'").first
    }

    /// An account whatever its organizations, by the login.
    package func find(login: String) throws(StorageError) -> Account? {
        try connection.row(
            """
            SELECT id, kind, name, login, created_at, password_hash IS NOT NULL AS has_password,
                second_factor IS NOT NULL AS has_second_factor, language
            FROM accounts WHERE login = \(login)
            """
        ).map(Account.init)
    }

    /// Every place an account has, deleted ones left out.
    package func memberships(of account: ID<Account>) throws(StorageError) -> [Membership] {
        try connection.rows(
            "SELECT m.* FROM memberships m WHERE m.account = \(account) AND m.state <> 'deleted' ORDER BY m.organization"
        ).map(Membership.init)
    }

    /// How many owners an organization has who may act: active or merely idle, and not blocked.
    package func actingOwners(in organization: ID<Organization>) throws(StorageError) -> Int64 {
        try connection.row(
            """
            SELECT COUNT(*) AS count FROM memberships
            WHERE organization = \(organization) AND role = 'owner' AND sign_in_blocked_at IS NULL
                AND (state = 'active' OR (state = 'inactive' AND state_reason = 'idle'))
            """)?.integer("count") ?? 0
    }

    package func isLoginTaken(_ login: String) throws(StorageError) -> Bool {
        try connection.row("SELECT id FROM accounts WHERE login = \(login)") != nil
    }

    /// Members of an organization in the order of their ids, after that one.
    package func list(
        in organization: ID<Organization>, after: ID<Account>?, limit: Int
    ) throws(StorageError) -> [Member] {
        try members(
            "m.organization = \(organization) AND m.account > \(after?.text ?? "") AND m.state <> 'deleted'", limit: limit)
    }

    /// All memberships, for the server's start and the sweep.
    package func allMemberships() throws(StorageError) -> [Membership] {
        try connection.rows("SELECT m.* FROM memberships m ORDER BY m.organization, m.account")
            .map(Membership.init)
    }

    private func members(_ condition: SQL, limit: Int = 1) throws(StorageError) -> [Member] {
        try connection.rows(
            """
            SELECT a.id, a.kind, a.name, a.login, a.created_at, a.password_hash IS NOT NULL AS has_password,
                a.second_factor IS NOT NULL AS has_second_factor, a.language, m.sign_in_blocked_at, m.organization, m.account, m.role, m.state, m.state_since,
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
            login: try row.optionalText("login"), createdAt: try row.timestamp("created_at"),
            hasPassword: try row.flag("has_password"), hasSecondFactor: try row.flag("has_second_factor"),
            language: try row.optionalWord("language"))
    }
}

extension Membership {
    fileprivate init(_ row: Row) throws(StorageError) {
        self.init(
            organization: try row.id("organization"), account: try row.id("account"), role: try row.word("role"),
            state: try row.lifecycle(), activeSince: try row.timestamp("active_since"),
            lastTokenUseAt: try row.optionalTimestamp("last_token_use_at"),
            lastSignInAt: try row.optionalTimestamp("last_sign_in_at"),
            signInBlockedAt: try row.optionalTimestamp("sign_in_blocked_at"))
    }
}
