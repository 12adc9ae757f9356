import Contract
import Domain
import Foundation
import HTTPTypes
import Manage
import Storage
import WebSupport

enum PersonRoutes {
    static let list: [Route] = sessions + own

    private static let sessions: [Route] = [
        Route(open: .post, "sessions") { request, operations in
            let asked = try request.decode(NewSession.self, fields: ["login", "password", "code", "organization"])
            let started = try await operations.signIn.start(
                SignIn.Attempt(
                    login: asked.login, password: asked.password, code: asked.code, organization: asked.organization,
                    device: request.device, address: request.address, userAgent: request.userAgent))
            return try answer(started)
        },
        Route(open: .post, "passwords") { request, operations in
            let asked = try request.decode(NewPassword.self, fields: ["code", "password"])
            try await operations.person.setPassword(asked.password, by: asked.code)
            return .nothing
        },
        Route(open: .post, "set-up") { request, operations in
            let asked = try request.decode(
                NewSetUp.self, fields: ["code", "password", "name", "login", "organization_name", "language"])
            try await operations.person.setUp(
                PersonOperations.SetUp(
                    password: asked.password, name: asked.name, login: asked.login,
                    organizationName: asked.organizationName,
                    language: try asked.language.map { tag throws(OperationError) in try word(tag, field: "language") }),
                by: asked.code)
            return .nothing
        },
        Route(.get, "sessions", .useOwnAccount) { request, operations in
            let sessions = try await operations.person.sessions(request.actor)
            return try .json(
                PageView(
                    items: sessions.map { SessionView($0.session, role: $0.role, current: request.actor.session) },
                    next: nil))
        },
        Route(.delete, "sessions/current", .useOwnAccount) { request, operations in
            try await operations.person.endSession("current", request.actor)
            return RestAnswer(status: 204, headers: [SessionCookie.gone], body: Data())
        },
        Route(.delete, "sessions/:id", .useOwnAccount) { request, operations in
            try await operations.person.endSession(request.id, request.actor)
            let isOwn = request.id == request.actor.session?.text
            return RestAnswer(status: 204, headers: isOwn ? [SessionCookie.gone] : [], body: Data())
        },
        Route(.post, "sessions/current/organization", .useOwnAccount) { request, operations in
            let asked = try request.decode(SwitchOrganization.self, fields: ["organization"])
            return try answer(
                try await operations.signIn.switchOrganization(
                    to: asked.organization, address: request.address, userAgent: request.userAgent, request.actor))
        },
    ]

    private static let own: [Route] = [
        Route(.get, "me", .useOwnAccount) { request, operations in
            try .json(MeView(try await operations.person.me(request.actor)))
        },
        Route(.patch, "me", .useOwnAccount) { request, operations in
            let edit = try request.decode(MeEdit.self, fields: ["name", "language"])
            let language: Language?? =
                switch edit.language {
                case .keep: nil
                case .set(let tag): .some(try word(tag, field: "language"))
                case .lift: .some(nil)
                }
            return try .json(
                MeView(try await operations.person.changeOwn(name: edit.name, language: language, request.actor)))
        },
        Route(.post, "me/password", .useOwnAccount) { request, operations in
            let asked = try request.decode(PasswordChange.self, fields: ["password", "new_password"])
            try await operations.person.changePassword(asked.password, to: asked.newPassword, request.actor)
            return .nothing
        },
        Route(.post, "me/second-factor", .useOwnAccount) { request, operations in
            let proof = try request.decode(PasswordProof.self, fields: ["password"])
            let factor = try await operations.person.offerSecondFactor(password: proof.password, request.actor)
            return try .secret(SecondFactorView(secret: factor.secret, uri: factor.uri))
        },
        Route(.post, "me/second-factor/confirm", .useOwnAccount) { request, operations in
            let asked = try request.decode(SecondFactorCode.self, fields: ["code"])
            let codes = try await operations.person.confirmSecondFactor(code: asked.code, request.actor)
            return try .secret(RecoveryCodesView(recoveryCodes: codes))
        },
        Route(.post, "me/second-factor/remove", .useOwnAccount) { request, operations in
            let proof = try request.decode(PasswordProof.self, fields: ["password"])
            try await operations.person.removeSecondFactor(password: proof.password, request.actor)
            return .nothing
        },
    ]

    private static func answer(_ started: SignIn.Started) throws -> RestAnswer {
        var view = SessionView(started.session, role: started.role, current: started.session.id)
        view.csrfToken = started.csrfToken
        var answer = try RestAnswer.secret(view)
        answer.headers += SessionCookie.headers(started)
        return answer
    }
}

extension SessionView {
    init(_ session: Session, role: Role?, current: ID<Session>?) {
        self.init(
            id: session.id.text, account: session.account.text, organization: session.organization.text,
            role: role?.rawValue ?? "none", createdAt: session.createdAt.text, lastUsedAt: session.lastUsedAt.text,
            expiresAt: session.endsAt.text, remoteAddress: session.remoteAddress, userAgent: session.userAgent,
            isCurrent: session.id == current)
    }
}

extension MeView {
    init(_ me: PersonOperations.Me) {
        let rule = me.organization.inactivity
        let lapsesAt =
            me.member.membership.state.isActive ? rule.lapse(afterActivityAt: me.member.membership.lastActivityAt) : nil
        self.init(
            account: AccountView(me.member, lapsesAt: lapsesAt), organization: OrganizationView(me.organization),
            permissions: me.permissions.map(\.rawValue), organizations: me.places.map(OrganizationSummaryView.init),
            language: me.language.rawValue)
    }
}
