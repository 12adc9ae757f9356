/// The line a person pastes into a terminal to make a first call.
package enum CurlLine {
    /// A call to that address with that secret and a small JSON body. Nothing in it needs quoting beyond what is there.
    package static func text(url: String, secret: String) -> String {
        "curl -sS -X POST '\(url)' -H 'Authorization: Bearer \(secret)' "
            + "-H 'Content-Type: application/json' -d '{\"hello\":\"world\"}'"
    }
}
