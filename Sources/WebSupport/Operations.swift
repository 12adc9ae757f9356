import Contract
import Deliver
import Domain
import Manage

/// Everything that a face may ask for.
package struct Operations: Sendable {
    package let signIn: SignIn
    package let organization: OrganizationOperations
    package let accounts: AccountOperations
    package let person: PersonOperations
    package let webhooks: WebhookOperations
    package let tokens: TokenOperations
    package let events: EventOperations
    package let fields: FieldOperations
    package let held: HeldOperations
    package let outlook: OutlookOperations
    package let audit: AuditOperations
    package let integrations: IntegrationOperations
    package let applications: ApplicationOperations
    package let resources: ResourceOperations
    package let variables: SecretVariableOperations
    package let flows: FlowOperations
    package let destinations: DestinationOperations
    package let deliveries: DeliveryOperations
    package let replays: ReplayOperations
    package let names: NameOperations
    package let keys: KeyOperations
    package let backups: BackupOperations
    package let status: @Sendable () -> StatusView
    package let isReady: @Sendable () async -> Bool
    private let clock: any WallClock

    /// The time of day.
    package var now: Timestamp { clock.now() }

    /// - Parameters:
    ///   - claims: hands out deliveries to those who come for them.
    ///   - status: how the server is, from those who know.
    ///   - isReady: whether the store answers.
    package init(
        desk: Desk, claims: Claims, held: HeldOperations, outlook: OutlookOperations, keys: KeyOperations,
        backups: BackupOperations,
        status: @escaping @Sendable () -> StatusView, isReady: @escaping @Sendable () async -> Bool
    ) {
        clock = desk.clock
        signIn = SignIn(desk)
        organization = OrganizationOperations(desk)
        accounts = AccountOperations(desk)
        person = PersonOperations(desk)
        webhooks = WebhookOperations(desk)
        tokens = TokenOperations(desk)
        events = EventOperations(desk)
        fields = FieldOperations(desk)
        audit = AuditOperations(desk)
        integrations = IntegrationOperations(desk)
        applications = ApplicationOperations(desk)
        resources = ResourceOperations(desk)
        variables = SecretVariableOperations(desk)
        flows = FlowOperations(desk)
        destinations = DestinationOperations(desk, claims: claims)
        deliveries = DeliveryOperations(desk, claims: claims)
        replays = ReplayOperations(desk)
        names = NameOperations(desk)
        self.held = held
        self.outlook = outlook
        self.keys = keys
        self.backups = backups
        self.status = status
        self.isReady = isReady
    }
}
