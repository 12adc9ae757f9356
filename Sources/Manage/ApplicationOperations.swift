import Domain
import Storage

/// Applications of the actor's organization, their deploy tokens, and what was deployed. Row E6.
package struct ApplicationOperations: Sendable {
    private let desk: Desk

    package init(_ desk: Desk) {
        self.desk = desk
    }

    /// Where pipelines report deploys to.
    package var reportURL: String { desk.ingestURL + ReportPath.deploys.rawValue }

    /// An application and its token.
    package struct Shown: Sendable {
        package let application: Application
        /// `nil` as long as there is no Deploy credential.
        package let token: IntegrationToken?
        /// The secret, if one was made in this act.
        package let revealed: Revealed?
    }

    /// The four DORA measures of one environment.
    package struct ShownMeasures: Sendable {
        package let application: Application
        package let environment: String
        package let days: Int
        package let from: Timestamp
        package let to: Timestamp
        package let measures: Measures
    }

    package func list(after: String?, limit: Int?, _ actor: Actor) async throws -> Page<Shown> {
        let limit = try Limits.page(limit)
        let after: ID<Application>? = try Cursor.id(after)
        return try await desk.look(actor, .readIntegrations) { connection in
            let read = try ApplicationTable(connection).list(in: actor.organization, after: after, limit: limit + 1)
            return try Page(read.map { try Self.shown($0, connection) }, limit: limit) { $0.application.id.text }
        }
    }

    /// - Parameter reference: id or name.
    package func show(_ reference: String, _ actor: Actor) async throws -> Shown {
        try await desk.look(actor, .readIntegrations) { connection in
            try Self.shown(try Self.find(reference, in: actor.organization, connection), connection)
        }
    }

    /// Makes an application, and its deploy token if there is a Deploy credential.
    ///
    /// - Parameter credential: id or name of a Deploy credential; the first one by default.
    /// - Throws: ``OperationError/conflict(code:_:)`` `name_taken`.
    package func create(
        name: String, description: String?, credential: String?, _ actor: Actor
    ) async throws -> Shown {
        let name = try Label.name(name)
        let description = try Label.description(description)
        return try await desk.act(actor, .changeIntegrations) { act in
            try Self.requireFree(name, act)
            let known = try ApplicationTable(act.connection).list(
                in: act.organization, after: nil, limit: Limits.applicationsMax)
            guard known.count < Limits.applicationsMax else {
                throw OperationError.conflict(
                    code: "too_many", "An organization has at most \(Limits.applicationsMax) applications. Delete one first.")
            }
            let chosen = try credential.map { try Self.deployCredential($0, act) }
            let owner = try chosen ?? IntegrationTable(act.connection).firstDeployCredential(in: act.organization)?.id
            let application = Application(
                id: .random(), organization: act.organization, name: name, description: description, credential: owner,
                createdAt: act.now)
            try ApplicationTable(act.connection).insert(application)
            try act.record(.applicationCreate, application.id.text, ["name": name.text])
            let issued = try owner.map {
                try IntegrationOperations.issue(.reportDeploys(application.id), under: $0, act)
            }
            return Shown(
                application: application, token: issued?.token,
                revealed: issued.map { IntegrationOperations.revealed($0.secret, act.desk) })
        }
    }

    /// Changes name, description or credential; the token stays, callers notice nothing.
    package func edit(
        _ reference: String, name: String?, description: String?, credential: String?, _ actor: Actor
    ) async throws -> Shown {
        let name = try name.map { try Label.name($0) }
        let description = try description.map { try Label.description($0) }
        return try await desk.act(actor, .changeIntegrations) { act in
            let before = try Self.find(reference, in: act.organization, act.connection)
            var application = before
            application.name = name ?? before.name
            application.description = description ?? before.description
            if application.name != before.name { try Self.requireFree(application.name, act) }
            let chosen = try credential.map { try Self.deployCredential($0, act) }
            if application != before { try ApplicationTable(act.connection).update(application) }
            if let chosen, chosen != before.credential { try Self.attach(application, to: chosen, act) }
            let shown = try Self.shown(Self.find(before.id.text, in: act.organization, act.connection), act.connection)
            if shown.application != before {
                try act.record(.applicationEdit, before.id.text, ["name": shown.application.name.text])
            }
            return shown
        }
    }

    /// Deletes an application with its history; its token opens nothing from now on.
    package func delete(_ reference: String, confirmedName: String, _ actor: Actor) async throws {
        try await desk.act(actor, .changeIntegrations) { act in
            let application = try Self.find(reference, in: act.organization, act.connection)
            try IntegrationOperations.requireTyped(confirmedName, application.name)
            if let token = try IntegrationTable(act.connection).token(of: application.id) {
                try IntegrationOperations.end([token], act)
            }
            try DeployTable(act.connection).drop(of: application.id)
            try ApplicationTable(act.connection).delete(application.id)
            try act.record(.applicationDelete, application.id.text, ["name": application.name.text])
        }
    }

    /// Shows the deploy token (E6, E7).
    ///
    /// - Throws: ``OperationError/conflict(code:_:)`` `no_deploy_credential`.
    package func revealToken(_ reference: String, password: String?, _ actor: Actor) async throws -> Revealed {
        let application = try await desk.look(actor, .readIntegrations) {
            try Self.find(reference, in: actor.organization, $0)
        }
        let token = try await Reveal(desk)(
            .applicationReveal, subject: application.id.text, password: password, actor
        ) { act in
            guard let token = try IntegrationTable(act.connection).token(of: application.id) else { throw Self.noCredential }
            return (token, ["name": application.name.text, "hint": token.hint])
        }
        return try IntegrationOperations.open(token, desk)
    }

    /// Writes down that somebody without the permission asked for a look at a deploy token, if there is such an application in the
    /// organization.
    package func noteRefusedLook(at reference: String, _ actor: Actor) async throws {
        let found = try await desk.read { try? Self.find(reference, in: actor.organization, $0) }
        guard let found else { return }
        try await Reveal(desk).noteRefusal(of: found.id.text, "permission", actor)
    }

    /// Gives one application a new deploy token; the old one opens nothing from now on.
    package func regenerateToken(_ reference: String, _ actor: Actor) async throws -> Revealed {
        try await desk.act(actor, .changeIntegrations) { act in
            let application = try Self.find(reference, in: act.organization, act.connection)
            guard let credential = application.credential else { throw Self.noCredential }
            if let token = try IntegrationTable(act.connection).token(of: application.id) {
                try IntegrationOperations.end([token], act)
            }
            let issued = try IntegrationOperations.issue(.reportDeploys(application.id), under: credential, act)
            try act.record(
                .applicationRegenerate, application.id.text, ["name": application.name.text, "hint": issued.token.hint])
            return IntegrationOperations.revealed(issued.secret, act.desk)
        }
    }

    /// Deploys as they were reported, newest first.
    package func deploys(
        of reference: String, environment: String?, after: String?, limit: Int?, _ actor: Actor
    ) async throws -> Page<Deploy> {
        let limit = try Limits.page(limit)
        let before: OrderedID<Deploy>? = try Cursor.orderedID(after)
        return try await desk.look(actor, .readIntegrations) { connection in
            let application = try Self.find(reference, in: actor.organization, connection)
            let read = try DeployTable(connection).list(
                of: application.id, environment: environment, before: before, limit: limit + 1)
            return Page(read, limit: limit) { $0.id.text }
        }
    }

    /// The four DORA measures of the last days.
    package func measures(
        of reference: String, environment: String?, days: Int?, _ actor: Actor
    ) async throws -> ShownMeasures {
        let days = days ?? 30
        guard Limits.measureDays.contains(days) else { throw OperationError.invalid(field: "days", "must be 1 to 365.") }
        let environment = environment ?? "production"
        // A moment later, so that what was reported just now counts.
        let to = desk.clock.now().adding(Interval(microseconds: 1))
        let from = to.adding(.days(Int64(days)).negated)
        return try await desk.look(actor, .readIntegrations) { connection in
            let application = try Self.find(reference, in: actor.organization, connection)
            let deploys = try DeployTable(connection).list(
                of: application.id, environment: environment, since: from.adding(Self.lookBack.negated),
                limit: Limits.measuredDeploysMax)
            return ShownMeasures(
                application: application, environment: environment, days: days, from: from, to: to,
                measures: Measures(of: deploys, from: from, to: to))
        }
    }

    // MARK: Inside an act

    /// Has an application belong to a Deploy credential; its token goes along, or is made if it has none.
    static func attach(_ application: Application, to credential: ID<IntegrationCredential>, _ act: Act) throws {
        var application = application
        application.credential = credential
        try ApplicationTable(act.connection).update(application)
        if let token = try IntegrationTable(act.connection).token(of: application.id) {
            try IntegrationTable(act.connection).move(token.id, to: credential)
            act.transaction.announce(.integrationToken(token.id))
        } else {
            _ = try IntegrationOperations.issue(.reportDeploys(application.id), under: credential, act)
        }
    }

    static func find(
        _ reference: String, in organization: ID<Organization>, _ connection: any Connection
    ) throws -> Application {
        let table = ApplicationTable(connection)
        if let id = ID<Application>(reference), let found = try table.find(id, in: organization) { return found }
        if let found = try table.find(name: reference, in: organization) { return found }
        throw OperationError.notFound("application")
    }

    // An outage that was under way when the window began belongs before it.
    private static let lookBack = Interval.days(30)

    private static let noCredential = OperationError.conflict(
        code: "no_deploy_credential",
        "There is no Deploy credential that this application belongs to, so it has no token. Create one first.")

    private static func deployCredential(_ reference: String, _ act: Act) throws -> ID<IntegrationCredential> {
        let credential = try IntegrationOperations.find(
            reference, in: act.organization, act.connection, field: "credential")
        guard credential.kind == .deploy else {
            throw OperationError.invalid(field: "credential", "must be a Deploy credential.")
        }
        return credential.id
    }

    private static func requireFree(_ name: Label, _ act: Act) throws {
        guard try ApplicationTable(act.connection).find(name: name.text, in: act.organization) == nil else {
            throw OperationError.conflict(code: "name_taken", "Another application has that name. Choose another.")
        }
    }

    private static func shown(_ application: Application, _ connection: any Connection) throws -> Shown {
        Shown(
            application: application, token: try IntegrationTable(connection).token(of: application.id), revealed: nil)
    }
}
