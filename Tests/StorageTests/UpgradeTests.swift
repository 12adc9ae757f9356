import Domain
import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite(.tags(.store)) struct UpgradeTests {
    @Test func `An installation of the first schema keeps its tokens, its key and its audit log`() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("inlet-upgrade-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let engine = try SQLiteEngine(folder: folder)
        let first = Migrator(migrations: Array(Migrator.all.prefix(1)))
        try await first.migrate(engine, clock: FixedClock(), progress: { _ in })
        let old = OldInstallation()
        try await old.write(engine)

        let store = try await Store(engine: engine, clock: FixedClock())

        let (entry, keys, organization, actions, webhooks) = try await store.write { transaction in
            let connection = transaction.connection
            let audit = AuditTable(connection)
            let key = AuditKey(root: Data(count: 32), organization: old.organization)
            while try audit.adopt(limit: 1, key: { _ in key }) > 0 {}
            return (
                try TokenTable(connection).findAnywhere(old.token), try MasterKeyTable(connection).all(),
                try OrganizationTable(connection).find(old.organization),
                try audit.chain(of: old.organization, behind: 0, limit: 10), try WebhookTable(connection).all()
            )
        }
        #expect(entry?.token.networks.isEmpty ?? false)
        #expect(entry?.secrets.map(\.digest) == [old.digest])
        #expect(entry?.secrets.first?.keyNumber == 1 && entry?.secrets.first?.useCount == 7)
        #expect(keys.map(\.number) == [1] && keys.first?.checkValue == Data("check".utf8))
        #expect(organization?.holdsCalls == true)
        #expect(organization?.renameRegenerates == false && organization?.notification == nil)
        #expect(organization?.language == .english)
        #expect(entry?.token.mayReveal == false)
        #expect(webhooks.map(\.id) == [old.webhook])
        #expect(webhooks.allSatisfy { $0.retentionDays == nil && $0.retentionBytes == nil && !$0.echoesBody })
        #expect(actions.map(\.link.sequence) == [1, 2])
        #expect(actions.last?.link.previous == actions.first?.link.hash)
        try await store.close()
    }
}

/// What the program of the first schema left behind.
private struct OldInstallation: Sendable {
    let organization = ID<Organization>.random()
    let account = ID<Account>.random()
    let token = ID<Token>.random()
    let webhook = ID<Webhook>.random()
    let digest = Secret.random(.api).digest(under: MasterKey.random(number: 1).digestKey)

    func write(_ engine: any Engine) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            engine.enqueueWrite(.steering) { connection in
                for statement in statements { try connection.execute(statement) }
            } done: {
                continuation.resume(with: $0)
            }
        }
    }

    private var statements: [SQL] {
        [
            "INSERT INTO installation (name, value) VALUES ('key_check_value', \(Data("check".utf8)))",
            """
            INSERT INTO organizations (id, name, inactivity_days, daily_quota, created_at)
            VALUES (\(organization), 'Home', 60, NULL, 1)
            """,
            "INSERT INTO accounts (id, kind, name, login, password_hash, created_at) VALUES (\(account), 'person', 'O', 'o', NULL, 1)",
            """
            INSERT INTO memberships (organization, account, role, state, active_since)
            VALUES (\(organization), \(account), 'owner', 'active', 1)
            """,
            """
            INSERT INTO tokens (id, organization, kind, webhook, owner, name, description, state, created_at)
            VALUES (\(token), \(organization), 'api', NULL, \(account), 'T', '', 'active', 1)
            """,
            """
            INSERT INTO webhooks (id, organization, name, description, accepts, state, owner, created_at)
            VALUES (\(webhook), \(organization), 'W', '', 'bearer', 'active', \(account), 1)
            """,
            "INSERT INTO secrets (digest, token, hint, created_at, use_count) VALUES (\(digest), \(token), 'inlo_abcd', 1, 7)",
            """
            INSERT INTO audit_entries (id, organization, at, actor, actor_token, action, subject, details)
            VALUES (1, \(organization), 1, \(account), NULL, 'token.create', \(token), '{}')
            """,
            """
            INSERT INTO audit_entries (id, organization, at, actor, actor_token, action, subject, details)
            VALUES (2, \(organization), 2, \(account), NULL, 'token.edit', \(token), '{"name":"T"}')
            """,
        ]
    }
}
