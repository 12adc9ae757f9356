import Domain

/// The line a person pastes into a terminal to make a first call.
package enum CurlLine {
    /// A call to that address with that secret and a small JSON body. Nothing in it needs quoting beyond what is there.
    package static func text(url: String, secret: String) -> String {
        "curl -sS -X POST '\(url)' -H 'Authorization: Bearer \(secret)' "
            + "-H 'Content-Type: application/json' -d '{\"hello\":\"world\"}'"
    }

    /// A call of a webhook in a way that it accepts: as Bearer token if it may be.
    package static func text(url: String, _ secret: PresentedSecret, accepts: Set<AuthMethodName>) -> String {
        if accepts.contains(.bearer) { return text(url: url, secret: secret.text) }
        return "curl -sS -X POST '\(url)' -H '\(secret.basicHeader)' "
            + "-H 'Content-Type: application/json' -d '{\"hello\":\"world\"}'"
    }

    /// A first report with the secret of an integration token: the exchange (E3), a hit, or a deploy.
    static func text(reporting secret: Secret, to ingestURL: String) -> String {
        text(ReportPath.allCases.first { $0.secretKind == secret.kind } ?? .hits, token: secret.revealed(), to: ingestURL)
    }

    /// A first report with a token, which may be a word in its place.
    static func text(_ path: ReportPath, token: String, to ingestURL: String) -> String {
        let line = "curl -sS -X POST '\(ingestURL)\(path.rawValue)' -H 'Authorization: Bearer \(token)'"
        let body: String
        switch path {
        case .activations: return line
        case .hits: body = #"{"resource":"checkout","hits":120,"failures":3}"#
        case .deploys: body = #"{"version":"1.0.0","environment":"production","status":"succeeded"}"#
        }
        return line + " -H 'Content-Type: application/json' -d '\(body)'"
    }
}
