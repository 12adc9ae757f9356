/// An error as RFC 9457 writes it, `application/problem+json`.
public struct Problem: Codable, Hashable, Sendable {
    /// Always `about:blank`: the code says what it is.
    public var type: String
    /// The status in words.
    public var title: String
    public var status: Int
    /// Stable; programs decide by it.
    public var code: String
    /// What is wrong and what to do, for a person.
    public var detail: String
    /// The field of the request that is wrong, if one is.
    public var field: String?
    /// The tokens that stand in the way, with `account_has_tokens`.
    public var tokens: [TokenView]?
    /// Where a secret variable is used, with `variable_in_use`.
    public var uses: [String]?

    public init(
        title: String, status: Int, code: String, detail: String, field: String? = nil, tokens: [TokenView]? = nil,
        uses: [String]? = nil
    ) {
        type = "about:blank"
        self.title = title
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.tokens = tokens
        self.uses = uses
    }
}
