/// Why a call is refused: a private face for the ledger, and a public one for the caller. Row N2.
///
/// A new reason is a new case; the compiler then finds every place that must know it.
package enum Rejection: Error, Hashable, Sendable {
    // Not authenticated. The caller learns nothing but 401.
    case noCredential
    case malformedCredential
    case unknownToken
    case wrongKindOfToken
    case methodNotAccepted
    case unknownWebhook
    case tokenInactive(since: Timestamp)
    case tokenExpired(at: Timestamp)
    /// A newer secret of the same token took its place (N6).
    case secretEnded(at: Timestamp)
    case ownerInactive(since: Timestamp)
    /// The token may not be used from where the call came (N7).
    case networkNotAllowed
    // Authenticated, but not for this.
    case tokenOfAnotherWebhook
    case webhookOfAnotherOrganization
    case webhookPaused
    // Not a call we can take.
    case severalCredentials
    case tokenInQuery
    case malformedRequest
    case badContext
    case badDedupeKey
    /// The body of a report is not what it must be. Field and expectation hold nothing that the caller wrote.
    // Out of line, so that all others stay small: one goes with every answer.
    indirect case badReport(field: String, expectation: String)
    /// One resource more than an organization may have (E5).
    case tooManyResources
    /// One activation token more than a credential may have (E4).
    case tooManyActivations
    case methodNotAllowed
    case unknownPath
    case headersTooLarge
    case requestTimedOut
    case bodyTooLarge
    // Not now.
    /// More calls a minute than the token allows (N7).
    case rateLimited(perMinute: Int64, seconds: Int64)
    case quotaUsedUp
    case overloaded
    case diskNearlyFull
    case storageUnavailable
    case stopping
}

extension Rejection {
    /// The HTTP status the caller sees.
    package var status: Int {
        switch self {
        case .noCredential, .malformedCredential, .unknownToken, .wrongKindOfToken, .methodNotAccepted, .unknownWebhook,
            .tokenInactive, .tokenExpired, .secretEnded, .ownerInactive, .networkNotAllowed:
            401
        case .tokenOfAnotherWebhook: 403
        case .webhookOfAnotherOrganization, .webhookPaused, .unknownPath: 404
        case .severalCredentials, .tokenInQuery, .malformedRequest, .badContext, .badDedupeKey, .badReport: 400
        case .tooManyResources, .tooManyActivations: 409
        case .methodNotAllowed: 405
        case .requestTimedOut: 408
        case .bodyTooLarge: 413
        case .rateLimited, .quotaUsedUp: 429
        case .headersTooLarge: 431
        case .overloaded, .diskNearlyFull, .storageUnavailable, .stopping: 503
        }
    }

    /// The stable code the caller sees. All of 401 share one, so that an answer tells an attacker nothing.
    package var code: String {
        switch self {
        case .noCredential, .malformedCredential, .unknownToken, .wrongKindOfToken, .methodNotAccepted, .unknownWebhook,
            .tokenInactive, .tokenExpired, .secretEnded, .ownerInactive, .networkNotAllowed:
            "unauthorized"
        case .tokenOfAnotherWebhook: "forbidden"
        case .webhookOfAnotherOrganization, .webhookPaused, .unknownPath: "not_found"
        case .overloaded, .diskNearlyFull, .storageUnavailable, .stopping: "unavailable"
        case .severalCredentials, .tokenInQuery, .malformedRequest, .badContext, .badDedupeKey, .badReport,
            .tooManyResources, .tooManyActivations, .methodNotAllowed, .headersTooLarge, .requestTimedOut,
            .bodyTooLarge, .rateLimited, .quotaUsedUp:
            cause
        }
    }

    /// What the caller is told to do about it, in one sentence.
    package var advice: String {
        switch status {
        case 401: "Send the token that opens this address as a Bearer token or as the password of Basic authentication."
        case 403: "This token opens another webhook. Use the token of this one."
        case 404 where self == .unknownPath:
            "Post to /in/ followed by the id of a webhook; or to /activations, /hits or /deploys."
        case 404: "There is no such webhook open to this token."
        case 405: "Use POST."
        case 409 where self == .tooManyResources:
            "The organization has \(Limits.resourcesMax) resources already. Delete some, or check the name."
        case 409:
            "This credential has \(Limits.activationsMax) activation tokens that work already. Revoke some."
        case 408: "The request did not arrive in time. Send it again, faster."
        case 413: "Send a smaller body."
        case 429 where self != .quotaUsedUp:
            "This token takes fewer calls a minute. Try again after the time that Retry-After gives."
        case 429: "The organization has used up its calls for today. Try again when the new day begins (UTC)."
        case 431: "Send fewer or shorter header fields."
        case 503: "Nothing was kept. Try again after the time that Retry-After gives."
        default: badRequestAdvice
        }
    }

    /// The name of the true cause, as the ledger keeps it. Stable.
    package var cause: String {
        switch self {
        case .noCredential: "no_credential"
        case .malformedCredential: "malformed_credential"
        case .unknownToken: "unknown_token"
        case .wrongKindOfToken: "wrong_kind_of_token"
        case .methodNotAccepted: "method_not_accepted"
        case .unknownWebhook: "unknown_webhook"
        case .tokenInactive: "token_inactive"
        case .tokenExpired: "token_expired"
        case .secretEnded: "secret_ended"
        case .ownerInactive: "owner_inactive"
        case .networkNotAllowed: "network_not_allowed"
        case .tokenOfAnotherWebhook: "token_of_another_webhook"
        case .webhookOfAnotherOrganization: "webhook_of_another_organization"
        case .webhookPaused: "webhook_paused"
        case .severalCredentials: "several_credentials"
        case .tokenInQuery: "token_in_query"
        case .malformedRequest: "malformed_request"
        case .badContext: "bad_context"
        case .badDedupeKey: "bad_dedupe_key"
        case .badReport: "bad_report"
        case .tooManyResources: "too_many_resources"
        case .tooManyActivations: "too_many_activations"
        case .methodNotAllowed: "method_not_allowed"
        case .unknownPath: "unknown_path"
        case .headersTooLarge: "headers_too_large"
        case .requestTimedOut: "request_timed_out"
        case .bodyTooLarge: "body_too_large"
        case .rateLimited: "rate_limited"
        case .quotaUsedUp: "quota_used_up"
        case .overloaded: "overloaded"
        case .diskNearlyFull: "disk_nearly_full"
        case .storageUnavailable: "storage_unavailable"
        case .stopping: "stopping"
        }
    }

    /// The moment that belongs to the cause: since when inactive, when expired, when ended.
    package var causeAt: Timestamp? {
        switch self {
        case .tokenInactive(let since), .ownerInactive(let since): since
        case .tokenExpired(let at), .secretEnded(let at): at
        default: nil
        }
    }

    /// The field of the report that is wrong.
    package var field: String? {
        if case .badReport(let field, _) = self { field } else { nil }
    }

    /// Whether somebody can put it right later, so that the call is worth keeping aside: a known token or its owner lapsed (N3).
    package var isLapse: Bool {
        switch self {
        case .tokenInactive, .tokenExpired, .ownerInactive: true
        default: false
        }
    }

    /// The names of all causes, in the order of the cases.
    package static let causes: [String] = {
        let never = Timestamp(microseconds: 0)
        let all: [Rejection] = [
            .noCredential, .malformedCredential, .unknownToken, .wrongKindOfToken, .methodNotAccepted, .unknownWebhook,
            .tokenInactive(since: never), .tokenExpired(at: never), .secretEnded(at: never), .ownerInactive(since: never),
            .networkNotAllowed, .tokenOfAnotherWebhook, .webhookOfAnotherOrganization, .webhookPaused, .severalCredentials,
            .tokenInQuery, .malformedRequest, .badContext, .badDedupeKey, .badReport(field: "", expectation: ""),
            .tooManyResources, .tooManyActivations, .methodNotAllowed, .unknownPath, .headersTooLarge, .requestTimedOut,
            .bodyTooLarge, .rateLimited(perMinute: 0, seconds: 0), .quotaUsedUp, .overloaded, .diskNearlyFull,
            .storageUnavailable, .stopping,
        ]
        return all.map(\.cause)
    }()

    private var badRequestAdvice: String {
        switch self {
        case .severalCredentials: "Send one Authorization header with one credential."
        case .tokenInQuery: "Send the token in the Authorization header, never in the address. Rotate it if it was real."
        case .badContext: "Inlet-Context takes at most \(Limits.contextBytesMax) bytes."
        case .badDedupeKey: "Idempotency-Key and webhook-id take one value of 1 to \(Limits.dedupeKeyBytesMax) bytes."
        case .badReport(let field, let expectation): "`\(field)` \(expectation)"
        default: "Send a well-formed HTTP/1.1 request."
        }
    }
}
