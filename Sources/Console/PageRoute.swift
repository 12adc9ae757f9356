import Domain
import HTTPTypes

/// One line of the console's contents page: where, with which right, and what happens.
package struct PageRoute: Sendable {
    package let method: HTTPRequest.Method
    /// `:id` is a parameter.
    package let path: String
    /// What its reader must be allowed to; `nil` for the few pages where nobody need be known.
    package let permission: Permission?
    let handler: Handler
    /// What is written down when the reader lacks the permission (E7).
    let noteRefusal: NoteRefusal?

    typealias NoteRefusal = @Sendable (PageRequest) async throws -> Void

    enum Handler: Sendable {
        case known(@Sendable (PageRequest) async throws -> PageAnswer)
        case open(@Sendable (OpenPageRequest) async throws -> PageAnswer)
    }

    init(
        _ method: HTTPRequest.Method, _ path: String, _ permission: Permission, noteRefusal: NoteRefusal? = nil,
        _ handler: @escaping @Sendable (PageRequest) async throws -> PageAnswer
    ) {
        self.noteRefusal = noteRefusal
        self.method = method
        self.path = path
        self.permission = permission
        self.handler = .known(handler)
    }

    /// Makes a line for a page that anybody may see.
    init(
        open method: HTTPRequest.Method, _ path: String,
        _ handler: @escaping @Sendable (OpenPageRequest) async throws -> PageAnswer
    ) {
        self.method = method
        self.path = path
        permission = nil
        noteRefusal = nil
        self.handler = .open(handler)
    }
}

/// Every page there is.
package enum AllPages {
    package static let list: [PageRoute] = [
        HomePages.list,
        SignInPages.list,
        SetUpPages.list,
        OwnPages.list,
        OrganizationPages.list,
        WebhookPages.list,
        TokenPages.list,
        IntegrationPages.list,
        LiveFeed.list,
        EventPages.list,
        CallPages.list,
        HeldPages.list,
        ReplayPages.list,
        FlowPages.list,
        DestinationPages.list,
        DeliveryPages.list,
        IntegrationTokenPages.list,
        VariablePages.list,
        ApplicationPages.list,
        ResourcePages.list,
        AccountPages.list,
        OutlookPages.list,
        AuditPages.list,
    ].flatMap { $0 }
}

/// The parts of the console, as the navigation lists them.
enum Section: String, CaseIterable, Sendable {
    case home
    case webhooks, events, calls, held
    case flows, destinations, deliveries
    case integrations, applications, resources
    case accounts, outlook, audit, settings
    /// The reader's own account; stands in the person's menu.
    case own

    var path: String {
        switch self {
        case .home: "/"
        case .own: "/me"
        default: "/\(rawValue)"
        }
    }

    var icon: String {
        switch self {
        case .home, .outlook, .audit, .settings, .held: rawValue
        case .own: "account"
        case .calls: "call"
        case .deliveries: "delivery"
        default: String(rawValue.dropLast())
        }
    }

    /// What a reader must be allowed to see it.
    var permission: Permission {
        switch self {
        case .home, .outlook: .readOrganization
        case .webhooks: .readWebhooks
        case .events: .readEvents
        case .calls, .held: .readCalls
        case .flows, .destinations, .deliveries: .readFlows
        case .integrations, .applications, .resources: .readIntegrations
        case .accounts: .readAccounts
        case .audit: .readAudit
        case .settings: .readOrganization
        case .own: .useOwnAccount
        }
    }

    /// The navigation's groups, in order.
    static let groups: [(key: String, sections: [Section])] = [
        ("", [.home]),
        ("nav.inbound", [.webhooks, .events, .calls, .held]),
        ("nav.outbound", [.flows, .destinations, .deliveries]),
        ("nav.credentials", [.integrations, .applications, .resources]),
        ("nav.people", [.accounts, .outlook, .audit, .settings]),
    ]
}
