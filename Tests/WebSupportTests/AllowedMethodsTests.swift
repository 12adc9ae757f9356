import HTTPTypes
import Testing
import WebSupport

@Suite struct AllowedMethodsTests {
    private let methods = AllowedMethods([
        ("/tokens", .get), ("/tokens", .post), ("/tokens/:id", .get), ("/tokens/:id", .delete), ("/tokens/outlook", .get),
        ("/", .get),
    ])

    @Test(arguments: [
        ("/tokens", HTTPRequest.Method.put, "GET, POST"), ("/tokens/", .put, "GET, POST"),
        ("/tokens/tok_1", .post, "DELETE, GET"),
        ("/", .post, "GET"), ("/tokens/:id", .post, "DELETE, GET"),
    ])
    func `An address says which methods it knows to whoever asks for another`(
        path: String, method: HTTPRequest.Method, allowed: String
    ) {
        #expect(methods.allowed(insteadOf: method, at: path) == allowed)
    }

    @Test func `A written part of a path goes before a parameter, as in the router`() {
        #expect(methods.allowed(insteadOf: .delete, at: "/tokens/outlook") == "GET")
    }

    @Test(arguments: ["/token", "/tokens/a/b", "/TOKENS", "/tokens\u{301}", "tokens%2F1"])
    func `Where there is no address nothing is allowed`(path: String) {
        #expect(methods.allowed(insteadOf: .put, at: path) == nil)
    }

    @Test func `A method that an address does know is not refused`() {
        #expect(methods.allowed(insteadOf: .post, at: "/tokens") == nil)
    }
}
