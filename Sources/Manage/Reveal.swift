import Domain
import Storage

/// A sealed secret, opened to be looked at (E7).
package struct Revealed: Sendable {
    /// The 43 characters.
    package let secret: String
    /// The `Authorization` header with the secret as Bearer token.
    package let header: String
    /// A line for the shell that uses it.
    package let curl: String
}

/// What stands before every look at a sealed secret: the permission, a proof of who looks, and the audit entry, in that order.
struct Reveal: Sendable {
    private let desk: Desk

    init(_ desk: Desk) {
        self.desk = desk
    }

    /// Opens a secret once all of that is done; the entry is on disk before anything is opened. A refused look leaves an entry too.
    ///
    /// - Parameters:
    ///   - password: the actor's own, in a session; a management token needs its scope instead.
    ///   - find: what is to be opened, and what the entry says; in the entry's transaction.
    /// - Throws: ``OperationError``; nothing is shown then.
    func callAsFunction<Subject: Sendable>(
        _ action: AuditEntry.Action, subject: String, password: String?, _ actor: Actor,
        find: @escaping @Sendable (Act) throws -> (Subject, details: [String: String])
    ) async throws -> Subject {
        try await noting(subject, actor) {
            try await prove(password, actor)
            return try await desk.act(actor, .revealSecrets) { act in
                let (found, details) = try find(act)
                try act.record(action, subject, details)
                return found
            }
        }
    }

    /// Asks for the proof before something that gives a way to look at secrets; a refusal leaves an entry.
    func prove(_ password: String?, before subject: String, _ actor: Actor) async throws {
        try await noting(subject, actor) { try await prove(password, actor) }
    }

    private func noting<Answer>(
        _ subject: String, _ actor: Actor, _ work: () async throws -> Answer
    ) async throws -> Answer {
        do {
            return try await work()
        } catch let error as OperationError {
            if let reason = error.refusedLook { try await noteRefusal(of: subject, reason, actor) }
            throw error
        }
    }

    /// Asks for the proof that the actor may look at sealed secrets right now: a session for its password, a management token for its
    /// scope.
    private func prove(_ password: String?, _ actor: Actor) async throws {
        try actor.require(.revealSecrets)
        if let token = actor.token {
            let mayReveal = try await desk.look(actor, .revealSecrets) { connection in
                try TokenTable(connection).find(token, in: actor.organization)?.token.mayReveal ?? false
            }
            guard mayReveal else { throw OperationError.lacksScope }
        } else {
            guard let password else {
                throw OperationError.invalid(field: "password", "is missing; a look at a secret asks for it again.")
            }
            _ = try await PersonOperations(desk).prove(password, actor)
        }
    }

    /// Writes down that somebody was refused a look.
    ///
    /// - Throws: ``OperationError/tooManyAttempts(seconds:)`` for whoever goes on being refused; that leaves no more entries.
    func noteRefusal(of subject: String, _ reason: String, _ actor: Actor) async throws {
        let now = desk.clock.now()
        try desk.refusedLooks.begin(
            [Throttle.Key(name: "look \(actor.account.text)", free: 20, waitSecondsMax: 300)], now: now)
        try await desk.write { [desk] transaction in
            try desk.record(
                .revealRefuse, subject, ["reason": reason], in: actor.organization, by: actor.account, with: actor.token,
                at: now, transaction.connection)
        }
    }
}

extension OperationError {
    /// Why a look at a secret was refused, if that is what happened.
    fileprivate var refusedLook: String? {
        switch self {
        case .lacksScope: "scope"
        case .invalid(field: "password", _): "password"
        case .tooManyAttempts: "attempts"
        case .forbidden(.revealSecrets): "permission"
        default: nil
        }
    }
}
