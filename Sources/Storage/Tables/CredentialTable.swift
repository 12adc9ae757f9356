import Domain
import FoundationEssentials

/// How people prove who they are: passwords, second factors, recovery codes, one-time links, and browsers known from before.
package struct CredentialTable {
    private let connection: any Connection

    package init(_ connection: any Connection) {
        self.connection = connection
    }

    /// What signing in is checked against.
    package struct Proof: Sendable {
        package let passwordHash: String?
        /// The sealed secret of the authenticator app.
        package let secondFactor: SealedText?
        /// One that was shown but not confirmed yet.
        package let pendingSecondFactor: SealedText?
        /// The last time step a code was taken for; the same code is not taken twice.
        package let secondFactorStep: Int64?
    }

    package func proof(of account: ID<Account>) throws(StorageError) -> Proof? {
        try connection.row(
            """
            SELECT password_hash, second_factor, second_factor_pending, second_factor_step FROM accounts WHERE id = \(account)
            """
        ).map { row throws(StorageError) in
            Proof(
                passwordHash: try row.optionalText("password_hash"),
                secondFactor: try row.optionalBytes("second_factor").map(SealedText.init(bytes:)),
                pendingSecondFactor: try row.optionalBytes("second_factor_pending").map(SealedText.init(bytes:)),
                secondFactorStep: try row.optionalInteger("second_factor_step"))
        }
    }

    package func setPassword(of account: ID<Account>, hash: String) throws(StorageError) {
        try connection.execute("UPDATE accounts SET password_hash = \(hash) WHERE id = \(account)")
    }

    /// Takes the password away; nobody signs in with the account until a new one is set.
    package func dropPassword(of account: ID<Account>) throws(StorageError) {
        try connection.execute("UPDATE accounts SET password_hash = NULL WHERE id = \(account)")
    }

    /// Keeps a second factor until its first code confirms it.
    package func offerSecondFactor(of account: ID<Account>, _ sealed: SealedText) throws(StorageError) {
        try connection.execute(
            "UPDATE accounts SET second_factor_pending = \(sealed.bytes) WHERE id = \(account)")
    }

    /// Makes the offered second factor the one in force.
    package func confirmSecondFactor(of account: ID<Account>, step: Int64) throws(StorageError) {
        try connection.execute(
            """
            UPDATE accounts
            SET second_factor = second_factor_pending, second_factor_pending = NULL, second_factor_step = \(step)
            WHERE id = \(account)
            """)
    }

    package func removeSecondFactor(of account: ID<Account>) throws(StorageError) {
        try connection.execute(
            """
            UPDATE accounts SET second_factor = NULL, second_factor_pending = NULL, second_factor_step = NULL
            WHERE id = \(account)
            """)
        try connection.execute("DELETE FROM recovery_codes WHERE account = \(account)")
    }

    /// Takes a time step as used.
    ///
    /// - Returns: `false` if it, or a later one, was used before.
    package func useStep(_ step: Int64, of account: ID<Account>) throws(StorageError) -> Bool {
        try connection.execute(
            """
            UPDATE accounts SET second_factor_step = \(step)
            WHERE id = \(account) AND (second_factor_step IS NULL OR second_factor_step < \(step))
            """) == 1
    }

    package func replaceRecoveryCodes(of account: ID<Account>, with digests: [Data]) throws(StorageError) {
        try connection.execute("DELETE FROM recovery_codes WHERE account = \(account)")
        for digest in digests {
            try connection.execute("INSERT INTO recovery_codes (account, digest) VALUES (\(account), \(digest))")
        }
    }

    /// Uses a recovery code up.
    ///
    /// - Returns: `false` if there is none like it.
    package func useRecoveryCode(of account: ID<Account>, digest: Data) throws(StorageError) -> Bool {
        try connection.execute("DELETE FROM recovery_codes WHERE account = \(account) AND digest = \(digest)") == 1
    }

    /// Every sealed second factor, to be wrapped anew under another master key.
    package func sealedFactors() throws(StorageError) -> [(account: ID<Account>, sealed: SealedText)] {
        try connection.rows("SELECT id, second_factor FROM accounts WHERE second_factor IS NOT NULL ORDER BY id")
            .map { row throws(StorageError) in (try row.id("id"), SealedText(bytes: try row.bytes("second_factor"))) }
    }

    package func rewrap(_ sealed: SealedText, of account: ID<Account>) throws(StorageError) {
        try connection.execute(
            """
            UPDATE accounts SET second_factor = \(sealed.bytes), second_factor_pending = NULL WHERE id = \(account)
            """)
    }

    // MARK: One-time links

    /// Keeps a link; those of the same purpose for the same account and organization end.
    package func insert(_ link: OneTimeLink) throws(StorageError) {
        try connection.execute(
            """
            DELETE FROM one_time_links
            WHERE account = \(link.account) AND organization = \(link.organization) AND purpose = \(link.purpose.rawValue)
            """)
        try connection.execute(
            """
            INSERT INTO one_time_links (digest, key_number, purpose, organization, account, role, issuer, created_at,
                expires_at)
            VALUES (\(link.digest), \(link.keyNumber), \(link.purpose.rawValue), \(link.organization), \(link.account),
                \(link.role?.rawValue), \(link.issuer), \(link.createdAt), \(link.expiresAt))
            """)
    }

    package func link(_ digest: SecretDigest) throws(StorageError) -> OneTimeLink? {
        try connection.row("SELECT * FROM one_time_links WHERE digest = \(digest)").map { row throws(StorageError) in
            OneTimeLink(
                digest: try row.digest("digest"), keyNumber: Int(clamping: try row.integer("key_number")),
                purpose: try row.word("purpose"), organization: try row.id("organization"), account: try row.id("account"),
                role: try row.optionalText("role").flatMap(Role.init(rawValue:)),
                issuer: try row.optionalText("issuer").map(ID.init(stored:)), createdAt: try row.timestamp("created_at"),
                expiresAt: try row.timestamp("expires_at"))
        }
    }

    /// Drops a link once it is used.
    package func drop(_ link: OneTimeLink) throws(StorageError) {
        try connection.execute("DELETE FROM one_time_links WHERE digest = \(link.digest)")
    }

    /// Drops the links of an account that set a password.
    package func dropPasswordLinks(of account: ID<Account>) throws(StorageError) {
        try connection.execute(
            """
            DELETE FROM one_time_links
            WHERE account = \(account) AND purpose IN ('invitation', 'password_reset', 'set_up')
            """)
    }

    /// Drops the links to a password that another account made; those that whoever runs the machine made stay.
    package func dropIssuedPasswordLinks(of account: ID<Account>) throws(StorageError) {
        try connection.execute(
            """
            DELETE FROM one_time_links
            WHERE account = \(account) AND purpose IN ('invitation', 'password_reset') AND issuer IS NOT NULL
            """)
    }

    /// How many links under a master key still work.
    package func openLinks(underKey number: Int, now: Timestamp) throws(StorageError) -> Int64 {
        try connection.row(
            "SELECT COUNT(*) AS count FROM one_time_links WHERE key_number = \(number) AND expires_at > \(now)"
        )?.integer("count") ?? 0
    }

    /// Drops the links under a master key that is given up.
    package func dropLinks(underKey number: Int) throws(StorageError) {
        try connection.execute("DELETE FROM one_time_links WHERE key_number = \(number)")
    }

    package func dropExpiredLinks(now: Timestamp) throws(StorageError) {
        try connection.execute("DELETE FROM one_time_links WHERE expires_at <= \(now)")
    }

    // MARK: Known browsers

    /// Keeps a browser in which a person signed in; of each person the twenty last used ones.
    package func noteDevice(_ digest: SecretDigest, of account: ID<Account>, at now: Timestamp) throws(StorageError) {
        try connection.execute(
            """
            INSERT INTO known_devices (digest, account, last_used_at) VALUES (\(digest), \(account), \(now))
            ON CONFLICT (digest) DO UPDATE SET last_used_at = excluded.last_used_at
            """)
        try connection.execute(
            """
            DELETE FROM known_devices WHERE account = \(account) AND digest NOT IN (
                SELECT digest FROM known_devices WHERE account = \(account) ORDER BY last_used_at DESC, digest LIMIT 20)
            """)
    }

    package func isKnownDevice(_ digest: SecretDigest, of account: ID<Account>) throws(StorageError) -> Bool {
        try connection.row(
            "SELECT 1 AS one FROM known_devices WHERE digest = \(digest) AND account = \(account)") != nil
    }
}
