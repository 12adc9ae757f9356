import Client
import Contract
import Domain
import HTTPTypes
import Manage
import NIOHTTP1
import ServerSupport
import Storage
import TestSupport
import Testing

@Suite(.tags(.store)) struct AccountTests {
    @Test func `D5 an account and its API token are made in one act`() async throws {
        try await TestHouse.open { house async throws in
            let account = try await house.client().createAccount(
                NewAccount(kind: "service", name: "Shop", withToken: true))
            let secret = try #require(account.token?.secret)

            #expect(account.token?.owner == account.id && account.token?.kind == "api")
            #expect(try await house.call(bearer: secret).status == 202)

            let viewer = try await house.member(.viewer)
            let refused = try await house.api(
                .POST, "accounts", #"{"kind":"service","name":"x","with_token":true}"#, token: viewer.managementToken)
            #expect(refused.status == 403)
        }
    }

    @Test func `D6 after 60 idle days all tokens of an account are refused, and D7 the same ones work after reactivation`()
        async throws
    {
        try await TestHouse.open { house async throws in
            let (account, secret) = try await idler(house)
            let app = try await house.client().createToken(
                NewToken(kind: "app", webhook: "example", owner: account, name: "app"))
            let appSecret = try #require(app.secret)

            // The owner stays active, so that the sweep has one to leave alone.
            try await house.letDaysPass(59)
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
            #expect(try await house.letDaysPass(1).deactivated.map(\.text) == [account])
            #expect(try await house.call(bearer: secret).status == 401)
            #expect(try await house.call(bearer: appSecret).status == 401)
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
            #expect(try await house.causes() == ["owner_inactive", "owner_inactive"])

            #expect(try await house.api(.POST, "accounts/\(account)/activate").status == 200)
            #expect(try await house.call(bearer: secret).status == 202)
            #expect(try await house.call(bearer: appSecret).status == 202)
            #expect(try await house.letDaysPass(59).deactivated.isEmpty)
        }
    }

    @Test func `D6 with the setting never nobody becomes inactive`() async throws {
        try await TestHouse.open { house async throws in
            let (_, secret) = try await idler(house)
            #expect(try await house.api(.PATCH, "organization", #"{"inactivity_days":null}"#).status == 200)

            #expect(try await house.letDaysPass(300).deactivated.isEmpty)

            #expect(try await house.call(bearer: secret).status == 202)
        }
    }

    @Test func `D8 a successful call keeps the account active, a refused one does not`() async throws {
        try await TestHouse.open { house async throws in
            let (busy, busySecret) = try await idler(house)
            let (idle, idleSecret) = try await idler(house)

            try await house.letDaysPass(40)
            #expect(try await house.call(bearer: busySecret).status == 202)
            #expect(try await house.call("whk_00000000000000000000", bearer: idleSecret).status == 401)
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)
            let report = try await house.letDaysPass(25)

            #expect(report.deactivated.map(\.text) == [idle])
            #expect(try await house.call(bearer: busySecret).status == 202)
            #expect(try await house.call(bearer: idleSecret).status == 401)
            let accounts = try await house.client().accounts().items
            #expect(accounts.first { $0.id == busy }?.lastTokenUseAt != nil)
            #expect(accounts.first { $0.id == idle }?.lastTokenUseAt == nil)
        }
    }

    @Test func `D8 the last use and the count of a token are kept, however many calls came together`() async throws {
        try await TestHouse.open { house async throws in
            let token = try await house.client().createToken(NewToken(kind: "api", name: "counted"))
            let secret = try #require(token.secret)

            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<25 { group.addTask { _ = try await house.call(bearer: secret) } }
                try await group.waitForAll()
            }
            await house.house.housekeeper.flush()

            let later = try await house.client().token(token.id)
            #expect(later.useCount == 25)
            #expect(later.lastUsedAt == house.clock.now().text)
        }
    }

    @Test func `D6 when too many would fall at once nothing happens until somebody confirms`() async throws {
        try await TestHouse.open { house async throws in
            var secrets: [String] = []
            for _ in 0..<6 { secrets.append(try await idler(house).secret) }
            try await house.letDaysPass(59)
            #expect(try await house.call(bearer: house.made.apiToken).status == 202)

            let held = try await house.letDaysPass(2)
            #expect(held.deactivated.isEmpty)
            #expect(held.held[house.made.organization] == .tooManyAtOnce)
            #expect(try await house.call(bearer: secrets[0]).status == 202)

            let answer = try await house.api(.POST, "accounts/sweep")
            #expect(answer.status == 200)
            #expect(try Wire.decode(SweepView.self, from: answer.body).deactivated.count >= 5)
            #expect(try await house.call(bearer: secrets[5]).status == 401)
        }
    }

    @Test func `D6 when the clock jumps nothing happens`() async throws {
        try await TestHouse.open { house async throws in
            let (_, secret) = try await idler(house)
            house.clock.advance(by: .days(61))

            let report = try await AccountOperations(house.house.desk)
                .sweep(wallElapsed: .days(61), steadyElapsed: .seconds(3600))

            #expect(report.held[house.made.organization] == .clockJumped)
            #expect(try await house.call(bearer: secret).status == 202)
        }
    }

    @Test func `D7 an account that is switched off and on works again at once`() async throws {
        try await TestHouse.open { house async throws in
            let (account, secret) = try await idler(house)

            #expect(try await house.api(.POST, "accounts/\(account)/deactivate").status == 200)
            #expect(try await house.call(bearer: secret).status == 401)
            #expect(try await house.api(.POST, "accounts/\(account)/activate").status == 200)
            #expect(try await house.call(bearer: secret).status == 202)
            #expect(try await house.api(.POST, "accounts/\(house.made.owner.text)/deactivate").status == 409)
        }
    }

    private func idler(_ house: TestHouse) async throws -> (account: String, secret: String) {
        let account = try await house.client().createAccount(
            NewAccount(kind: "service", name: "Idler", withToken: true))
        return (account.id, try #require(account.token?.secret))
    }
}
