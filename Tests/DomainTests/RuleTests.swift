import Domain
import Foundation
import Testing

@Suite struct LifecycleTests {
    let now = Timestamp(seconds: 1_800_000_000)
    let later = Timestamp(seconds: 1_800_000_100)

    @Test func `P5 what is active can be made inactive, and doing it again keeps the first moment`() throws {
        let inactive = try Lifecycle.active.deactivated(at: now, reason: .byHand)

        #expect(inactive == .inactive(since: now, reason: .byHand))
        #expect(try inactive.deactivated(at: later, reason: .idle) == inactive)
        #expect(!inactive.isActive)
    }

    @Test func `P6 what is inactive can be made active`() throws {
        #expect(try Lifecycle.inactive(since: now, reason: .idle).activated() == .active)
        #expect(try Lifecycle.active.activated() == .active)
    }

    @Test func `P7 only what is inactive can be deleted, and nothing comes after`() throws {
        #expect(throws: LifecycleError.isActive) { try Lifecycle.active.deleted(at: now) }

        let deleted = try Lifecycle.inactive(since: now, reason: .byHand).deleted(at: later)

        #expect(deleted == .deleted(at: later))
        #expect(throws: LifecycleError.isDeleted) { try deleted.activated() }
        #expect(throws: LifecycleError.isDeleted) { try deleted.deactivated(at: later, reason: .byHand) }
        #expect(throws: LifecycleError.isDeleted) { try deleted.deleted(at: later) }
    }
}

@Suite struct InactivityTests {
    let last = Timestamp(seconds: 1_800_000_000)

    @Test(arguments: [
        (Interval.days(59), false), (Interval(microseconds: 60 * 86_400_000_000 - 1), false), (Interval.days(60), true),
        (Interval.days(61), true), (Interval.days(-61), false),
    ])
    func `D6 an account lapses when its days are over, to the microsecond`(passed: Interval, lapses: Bool) {
        let rule = InactivityRule.after(days: 60)

        #expect(rule.hasLapsed(lastActivityAt: last, now: last.adding(passed)) == lapses)
    }

    @Test func `D6 with the rule never nobody lapses`() {
        #expect(!InactivityRule.never.hasLapsed(lastActivityAt: last, now: Timestamp(microseconds: .max)))
        #expect(InactivityRule.never.lapse(afterActivityAt: last) == nil)
    }

    @Test func `D8 the newest sign of life counts, whichever it is`() {
        var membership = Membership(
            organization: .random(), account: .random(), role: .member, state: .active, activeSince: last)
        #expect(membership.lastActivityAt == last)

        membership.lastTokenUseAt = last.adding(.days(2))
        membership.lastSignInAt = last.adding(.days(1))
        #expect(membership.lastActivityAt == last.adding(.days(2)))

        membership.activeSince = last.adding(.days(3))
        #expect(membership.lastActivityAt == last.adding(.days(3)))
    }

    struct SweepCase: Sendable {
        let active: Int
        let due: Int
        let driftSeconds: Int64
        let verdict: SweepGuard.Verdict
    }

    @Test(arguments: [
        SweepCase(active: 100, due: 10, driftSeconds: 0, verdict: .proceed),
        SweepCase(active: 100, due: 11, driftSeconds: 0, verdict: .hold(.tooManyAtOnce)),
        SweepCase(active: 5, due: 5, driftSeconds: 0, verdict: .proceed),
        SweepCase(active: 6, due: 6, driftSeconds: 0, verdict: .hold(.tooManyAtOnce)),
        SweepCase(active: 100, due: 1, driftSeconds: 960, verdict: .hold(.clockJumped)),
        SweepCase(active: 100, due: 1, driftSeconds: -960, verdict: .hold(.clockJumped)),
        SweepCase(active: 100, due: 1, driftSeconds: 840, verdict: .proceed),
        SweepCase(active: 0, due: 0, driftSeconds: 0, verdict: .proceed),
    ])
    func `D6 the sweep holds back when the clock jumped or too many would fall at once`(example: SweepCase) {
        let verdict = SweepGuard.verdict(
            active: example.active, due: example.due, wallElapsed: .seconds(3600 + example.driftSeconds),
            steadyElapsed: .seconds(3600))

        #expect(verdict == example.verdict)
    }
}

@Suite struct TimestampTests {
    @Test func `Arithmetic saturates and never traps`() {
        let end = Timestamp(microseconds: .max)
        let start = Timestamp(microseconds: .min)

        #expect(end.adding(.days(1)) == end)
        #expect(start.adding(.days(-1)) == start)
        #expect(end.since(start) == Interval(microseconds: .max))
        #expect(start.since(end) == Interval(microseconds: .min))
        #expect(Timestamp(seconds: .max) == end)
        #expect(Interval.days(.min).magnitude == Interval(microseconds: .max))
        for moment in [end, start] { #expect(!moment.text.isEmpty) }
    }

    @Test func `A moment is shown in UTC with milliseconds`() {
        #expect(Timestamp(microseconds: 1_795_231_050_123_999).text == "2026-11-21T03:17:30.123Z")
        #expect(Timestamp(microseconds: -1).text == "1969-12-31T23:59:59.999Z")
        #expect(Timestamp(microseconds: -1).day == -1)
        #expect(Timestamp(seconds: 86_400).day == 1)
    }
}

@Suite struct LabelTests {
    @Test func `A name is trimmed and has 1 to 100 characters`() throws {
        #expect(try Label(name: "  orders \n").text == "orders")
        #expect(try Label(name: String(repeating: "é", count: 100)).text.count == 100)
        for bad in ["", "   ", String(repeating: "a", count: 101), String(repeating: "e\u{301}\u{301}", count: 400)] {
            #expect(throws: LabelError.length(1...100)) { try Label(name: bad) }
        }
    }

    @Test func `A name holds no control characters, a description may hold line breaks`() throws {
        #expect(throws: LabelError.controlCharacter) { try Label(name: "a\u{1B}[2Jb") }
        #expect(throws: LabelError.controlCharacter) { try Label(description: "a\0b") }
        #expect(try Label(description: "one\n\ttwo").text == "one\n\ttwo")
        #expect(try Label(description: "").text.isEmpty)
    }
}

@Suite struct CallHeadersTests {
    @Test func `Fields that carry credentials are never kept`() {
        let headers = CallHeaders([
            ("Authorization", "Bearer x"), ("X-Trace", "1"), ("cookie", "a=b"), ("PROXY-AUTHORIZATION", "Basic y"),
            ("X-Trace", "2: 3"),
        ])

        let kept = CallHeaders(keptText: headers.keptText)

        #expect(kept == CallHeaders([("X-Trace", "1"), ("X-Trace", "2: 3")]))
        #expect(kept.values("x-trace") == ["1", "2: 3"])
    }

    @Test func `Names match without regard to case, and only so`() {
        #expect("Content-Type".equalsIgnoringCase("content-tYPE"))
        #expect(!"a[".equalsIgnoringCase("A{"))
        #expect(!"ab".equalsIgnoringCase("a"))
    }
}

@Suite struct RoleTests {
    @Test func `An owner may do all, an admin all but what is the owner's, a viewer reads, a member has webhooks and own tokens`()
    {
        let reading: Set<Permission> = [
            .readOrganization, .readWebhooks, .readTokens, .readAccounts, .readEvents, .readCalls, .readStatus,
            .readIntegrations, .readVariables, .readFlows, .useOwnAccount,
        ]
        let owners: Set<Permission> = [.readAuditKey, .manageInstallation]

        for permission in Permission.allCases {
            #expect(Role.owner.allows(permission))
            #expect(Role.admin.allows(permission) == !owners.contains(permission))
            #expect(Role.viewer.allows(permission) == reading.contains(permission))
            let isMembers =
                reading.contains(permission) || [.changeWebhooks, .changeOwnTokens, .changeFlows].contains(permission)
            #expect(Role.member.allows(permission) == isMembers)
        }
    }
}

@Suite struct RejectionTests {
    @Test func `N2 the list of causes is closed, and each has one name`() {
        #expect(Set(Rejection.causes).count == Rejection.causes.count)
        #expect(Rejection.causes.contains("secret_ended") && Rejection.causes.count == 33)
    }

    @Test func `N3 only a lapse of a known token or its owner is worth keeping the call`() {
        let now = Timestamp(seconds: 0)

        for rejection in [Rejection.tokenInactive(since: now), .tokenExpired(at: now), .ownerInactive(since: now)] {
            #expect(rejection.isLapse)
        }
        for rejection in [Rejection.unknownToken, .secretEnded(at: now), .webhookPaused, .networkNotAllowed] {
            #expect(!rejection.isLapse)
        }
    }

    @Test func `N2 every unauthenticated case looks alike to the caller and differs in the ledger`() {
        let now = Timestamp(seconds: 0)
        let cases: [Rejection] = [
            .noCredential, .malformedCredential, .unknownToken, .wrongKindOfToken, .methodNotAccepted, .unknownWebhook,
            .tokenInactive(since: now), .tokenExpired(at: now), .secretEnded(at: now), .ownerInactive(since: now),
            .networkNotAllowed,
        ]

        #expect(cases.allSatisfy { $0.status == 401 })
        #expect(Set(cases.map(\.code)) == ["unauthorized"])
        #expect(Set(cases.map(\.advice)).count == 1)
        #expect(Set(cases.map(\.cause)).count == cases.count)
    }
}
