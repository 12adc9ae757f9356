import Domain
import Foundation
import HTTPTypes
import Manage
import Storage
import WebSupport

/// What is done to a token, each after a look at what was called with it (N5): switch off and on, delete, rotate, hand to another
/// account (D9, N6, P5–P7).
enum TokenActs {
    static let list: [PageRoute] = switching + secrets + ending

    private static let switching: [PageRoute] = [
        PageRoute(.get, "/tokens/:id/deactivate", .changeOwnTokens) { request in
            let token = try await token(request)
            return try await ask(
                request, token, "deactivate", isDanger: true, notes: [request.words["token.deactivate_note"]])
        },
        PageRoute(.post, "/tokens/:id/deactivate", .changeOwnTokens) { request in
            let token = try await request.operations.tokens.deactivate(request.id, request.actor).token
            return .go(to: TokenPages.path(token), done: "token_deactivated")
        },
        PageRoute(.get, "/tokens/:id/activate", .changeOwnTokens) { request in
            try await ask(request, token(request), "activate", isDanger: false)
        },
        PageRoute(.post, "/tokens/:id/activate", .changeOwnTokens) { request in
            let token = try await request.operations.tokens.activate(request.id, request.actor).token
            return .go(to: TokenPages.path(token), done: "token_activated")
        },
    ]

    private static let secrets: [PageRoute] = [
        PageRoute(.get, "/tokens/:id/rotate", .changeOwnTokens) { try await askToRotate($0, fault: nil) },
        PageRoute(.post, "/tokens/:id/rotate", .changeOwnTokens) { try await rotate($0) },
        PageRoute(.get, "/tokens/:id/end-overlap", .changeOwnTokens) { try await askToEndOverlap($0) },
        PageRoute(.post, "/tokens/:id/end-overlap", .changeOwnTokens) { request in
            let token = try await request.operations.tokens.endOverlap(request.id, request.actor).token
            return .go(to: TokenPages.path(token), done: "token_overlap_ended")
        },
    ]

    private static let ending: [PageRoute] = [
        PageRoute(.get, "/tokens/:id/transfer", .changeAllTokens) { try await askToTransfer($0, fault: nil) },
        PageRoute(.post, "/tokens/:id/transfer", .changeAllTokens) { request in
            try await request.attempt {
                let token = try await request.operations.tokens.transfer(
                    request.id, to: request.form.text("to"), request.actor
                ).token
                return .go(to: TokenPages.path(token), done: "token_transferred")
            } orShow: { fault in
                try await askToTransfer(request, fault: fault)
            }
        },
        PageRoute(.get, "/tokens/:id/delete", .changeOwnTokens) { try await askToDelete($0, fault: nil) },
        PageRoute(.post, "/tokens/:id/delete", .changeOwnTokens) { try await delete($0) },
    ]

    private static func token(_ request: PageRequest) async throws -> Token {
        try await request.operations.tokens.show(request.id, request.actor).token
    }

    /// Asks before an act, whose words begin with its name.
    private static func ask(
        _ request: PageRequest, _ token: Token, _ act: String, isDanger: Bool, _ fields: [Field] = [],
        values: [String: String] = [:], notes: [String] = [], items: [String] = [], fault: Fault? = nil
    ) async throws -> PageAnswer {
        let words = request.words
        let path = TokenPages.path(token)
        let key = "token.\(act.replacing("-", with: "_"))"
        return try await request.confirm(
            Confirmation(
                title: words("\(key)_title", ["name": token.name.text]), text: words["\(key)_text"],
                action: "\(path)/\(act)", button: words["\(key)_button"], back: path, isDanger: isDanger,
                impact: request.operations.tokens.impact(token.id.text, request.actor), fields: fields, values: values,
                notes: notes, items: items),
            in: TokenPages.section(of: token, request), crumbs: TokenPages.crumbs(token, request), fault: fault)
    }

    // MARK: Rotate (N6)

    private static let overlaps: [(seconds: Int64, key: String)] = [
        (86_400, "token.overlap_day"), (0, "token.overlap_none"), (3_600, "token.overlap_hour"),
        (259_200, "token.overlap_three_days"), (604_800, "token.overlap_week"),
    ]

    private static func askToRotate(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let token = try await token(request)
        let options = overlaps.map {
            Field.Option("\($0.seconds)", request.words[$0.key], hint: request.words.text("\($0.key)_text") ?? "")
        }
        var fields = [Field("overlap_seconds", .radios(options), key: "token.overlap", isRequired: true)]
        if token.mayReveal {
            fields.append(
                Field.ownPassword(key: "token.rotate_password"))
        }
        return try await ask(
            request, token, "rotate", isDanger: false, fields,
            values: ["overlap_seconds": "\(Overlap.standard.microseconds / 1_000_000)"], fault: fault)
    }

    private static func rotate(_ request: PageRequest) async throws -> PageAnswer {
        try await request.attempt {
            guard let seconds = try request.form.wholeNumber("overlap_seconds") else {
                throw OperationError.invalid(field: "overlap_seconds", "is missing.")
            }
            let created = try await request.operations.tokens.rotate(
                request.id, overlap: .seconds(seconds), password: request.form["password"], request.actor)
            guard let secret = PresentedSecret(created.secret) else { throw OperationError.notFound("token") }
            let words = request.words
            let text =
                seconds == 0
                ? words["token.rotated_at_once"]
                : words(
                    "token.rotated", ["end": words.moment(request.now.adding(.seconds(seconds)))])
            return try await request.secretPage(
                secret, of: created.entry.token, title: created.entry.token.name.text, text: text, next: "token")
        } orShow: { fault in
            try await askToRotate(request, fault: fault)
        }
    }

    private static func askToEndOverlap(_ request: PageRequest) async throws -> PageAnswer {
        let entry = try await request.operations.tokens.show(request.id, request.actor)
        let words = request.words
        let old = entry.secrets.filter { $0.endsAt != nil && !$0.hasEnded(at: request.now) }
        guard !old.isEmpty else { return .go(to: TokenPages.path(entry.token)) }
        let items = old.map { secret in
            guard let last = secret.lastUsedAt else { return words("token.old_secret_unused", ["hint": "\(secret.hint)…"]) }
            return words(
                "token.old_secret",
                ["hint": "\(secret.hint)…", "n": secret.useCount, "ago": words.distance(last, now: request.now)])
        }
        return try await ask(
            request, entry.token, "end-overlap", isDanger: true, notes: [words["token.old_secrets"]], items: items)
    }

    // MARK: Transfer (D9) and delete (P7)

    private static func askToTransfer(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let token = try await token(request)
        let others = try await request.accountOptions().filter { $0.value != token.owner.text }
        let owners = try await Owners([token.owner], request)
        return try await ask(
            request, token, "transfer", isDanger: false,
            [Field("to", .choice(others), key: "token.transfer_to", isRequired: true)],
            notes: [request.words("token.transfer_from", ["name": owners.name(token.owner, request.words)])], fault: fault)
    }

    private static func askToDelete(_ request: PageRequest, fault: Fault?) async throws -> PageAnswer {
        let token = try await token(request)
        guard !token.state.isActive else {
            return try await ask(
                request, token, "deactivate", isDanger: true, notes: [request.words["token.delete_needs_inactive"]], fault: fault)
        }
        return try await ask(
            request, token, "delete", isDanger: true,
            [Field("name", key: "token.delete_name", isRequired: true, maxLength: Limits.nameCharacters.upperBound)],
            notes: [request.words("token.delete_name_is", ["name": token.name.text])], fault: fault)
    }

    private static func delete(_ request: PageRequest) async throws -> PageAnswer {
        let token = try await token(request)
        return try await request.attempt {
            guard request.form.text("name").trimmingCharacters(in: .whitespaces) == token.name.text else {
                throw OperationError.invalid(field: "name", "must be the name as it stands above.")
            }
            try await request.operations.tokens.delete(token.id.text, request.actor)
            let place = token.scope == .management ? "/accounts/\(token.owner.text)" : TokenPages.place(of: token)
            return .go(to: place, done: "token_deleted")
        } orShow: { fault in
            try await askToDelete(request, fault: fault)
        }
    }
}
