import ArgumentParser
import Foundation

/// The version that this program says it is.
package let inletVersion = "0.1.0"

@main
struct Inlet: AsyncParsableCommand {
    static func main() async {
        // What Inlet writes is for the account it runs under.
        umask(0o077)
        await main(nil)
    }

    static let configuration = CommandConfiguration(
        commandName: "inlet",
        abstract: "A self-hosted front door for webhooks.",
        discussion: """
            `inlet serve` is the server. All other commands but `init`, `restore`, `migrate-store` and `recover` speak to a running one through its REST \
            API: say where with --server or INLET_SERVER and who you are with --token or INLET_TOKEN, or let `inlet init` or \
            `inlet sign-in` write a profile.
            """,
        version: inletVersion,
        subcommands: [
            InitCommand.self, ServeCommand.self, SetUpCommand.self, StatusCommand.self, SignInCommand.self, MeCommand.self,
            OrganizationCommand.self, AccountCommand.self, InvitationCommand.self, WebhookCommand.self, TokenCommand.self,
            IntegrationCommand.self, ApplicationCommand.self, ResourceCommand.self, SecretVariableCommand.self,
            FlowCommand.self, DestinationCommand.self, DeliveryCommand.self, ReplayCommand.self,
            EventCommand.self, ListenCommand.self, CallCommand.self, HeldCommand.self, OutlookCommand.self, AuditCommand.self,
            SessionCommand.self, PasswordCommand.self, SecondFactorCommand.self, KeysCommand.self, BackupCommand.self,
            RestoreCommand.self, MigrateStoreCommand.self, RecoverCommand.self,
        ])
}
