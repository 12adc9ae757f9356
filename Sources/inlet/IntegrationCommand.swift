import ArgumentParser
import Client
import Contract

/// `inlet credential …`
struct IntegrationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credential",
        abstract: "Credentials of the organization, by which its services report hits, failures and deploys.",
        subcommands: [
            List.self, Create.self, Show.self, Edit.self, Regenerate.self, Reveal.self, Delete.self, Activations.self,
            RevokeActivation.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List credentials; never their secrets.")
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().credentials(after: page.after, limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["ID", "TYPE", "NAME", "HINT", "LAST USED", "USES", "ACTIVATIONS", "APPLICATIONS"],
                    page.items.map {
                        [
                            $0.id, $0.type, $0.name, $0.hint.map { $0 + "…" } ?? "-", $0.lastUsedAt ?? "never",
                            "\($0.useCount)", "\($0.activationCount)", "\($0.applicationCount)",
                        ]
                    })
                try self.page.more(page.next)
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a credential, and show the secret of one for hits and failures.")
        @Argument(help: "Its name, 1 to 100 characters.") var name: String
        @Option(help: ArgumentHelp("hits_failure or deploy.", valueName: "type")) var type: String
        @Option(help: "At most 500 characters.") var description: String?
        @Option(help: LifetimeHelp.lifetime) var activationLifetime: TimeSpan?
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let asked = NewCredential(
                    type: type, name: name, description: description,
                    activationLifetimeSeconds: activationLifetime?.seconds)
                try IntegrationCommand.show(try await options.client().createCredential(asked), options)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a credential; never its secret.")
        @Argument(help: "Its id or name.") var credential: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                try IntegrationCommand.show(try await options.client().credential(credential), options)
            }
        }
    }

    struct Edit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a credential; the secret stays unless --regenerate is given.")
        @Argument(help: "Its id or name.") var credential: String
        @Option(help: "The new name.") var name: String?
        @Option(help: "The new description.") var description: String?
        @Option(help: LifetimeHelp.lifetime) var activationLifetime: TimeSpan?
        @Flag(help: "Let new activation tokens live as long as the credential.") var noActivationLifetime = false
        @Flag(help: "Make a new secret too; the old one and all tokens made by it end at once.") var regenerate = false
        @OptionGroup var consent: Consent
        @OptionGroup var options: ServerOptions

        func validate() throws {
            guard !(noActivationLifetime && activationLifetime != nil) else {
                throw ValidationError("A limit cannot be set and lifted at once.")
            }
        }

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                if regenerate {
                    try await consent.ask(IntegrationCommand.regeneration(of: credential)) {
                        try await client.credential(credential).figures
                    }
                }
                let edit = CredentialEdit(
                    name: name, description: description,
                    activationLifetimeSeconds: Change(activationLifetime?.seconds, isLifted: noActivationLifetime),
                    regenerate: regenerate ? true : nil)
                try IntegrationCommand.show(try await client.editCredential(credential, edit), options)
            }
        }
    }

    struct Regenerate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a new secret and show it; the old one and all tokens made by it end at once.")
        @Argument(help: "Its id or name.") var credential: String
        @OptionGroup var consent: Consent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                try await consent.ask(IntegrationCommand.regeneration(of: credential)) {
                    try await client.credential(credential).figures
                }
                try IntegrationCommand.show(try await client.regenerateCredential(credential), options)
            }
        }
    }

    struct Reveal: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look at the secret; each look is in the audit log.", discussion: RevealedView.discussion)
        @Argument(help: "Its id or name.") var credential: String
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown { try await options.client().revealCredential(credential).show(options) }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a credential for good; all tokens made by it end at once.")
        @Argument(help: "Its id or name.") var credential: String
        @OptionGroup var consent: NamedConsent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                let confirmation = try await consent.ask(
                    "delete credential \(credential) for good, and end all tokens made by it at once"
                ) { try await client.credential(credential).figures }
                try await client.deleteCredential(credential, confirmation)
                if options.json { return try Output.json(["deleted": credential]) }
                try Output.text("Deleted \(Output.printable(credential)).")
            }
        }
    }

    struct Activations: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the activation tokens made by a credential that have not ended.")
        @Argument(help: "Its id or name.") var credential: String
        @OptionGroup var options: ServerOptions
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await Failures.shown {
                let page = try await options.client().activations(
                    of: credential, after: page.after, limit: page.limit)
                if options.json { return try Output.json(page) }
                try Output.table(
                    ["ID", "HINT", "STATE", "CREATED", "BY", "EXPIRES", "LAST USED", "FROM", "USES"],
                    page.items.map {
                        [
                            $0.id, $0.hint + "…", $0.state, $0.createdAt, $0.createdAddress ?? "-",
                            $0.expiresAt ?? "-", $0.lastUsedAt ?? "never", $0.lastAddress ?? "-", "\($0.useCount)",
                        ]
                    })
                try self.page.more(page.next)
            }
        }
    }

    struct RevokeActivation: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End an activation token at once.")
        @Argument(help: "Id or name of the credential that made it.") var credential: String
        @Argument(help: "Its id, itk_….") var activation: String
        @OptionGroup var consent: Consent
        @OptionGroup var options: ServerOptions

        func run() async throws {
            try await Failures.shown {
                let client = try options.client()
                try await consent.ask("end activation token \(activation) at once") {
                    try await figures(client)
                }
                try await client.revokeActivation(activation, of: credential)
                if options.json { return try Output.json(["revoked": activation]) }
                try Output.text("Ended \(Output.printable(activation)).")
            }
        }

        // What was reported with it; there is no address for a single one.
        private func figures(_ client: InletClient) async throws -> String {
            var after: String?
            repeat {
                let page = try await client.activations(of: credential, after: after)
                if let found = page.items.first(where: { $0.id == activation }) {
                    return "\(Output.printable(found.id)): "
                        + Output.uses(found.useCount, lastAt: found.lastUsedAt, from: found.lastAddress)
                }
                after = page.next
            } while after != nil
            return "\(Output.printable(credential)) has no activation token \(Output.printable(activation)) that has not ended."
        }
    }

    /// What the options that limit activation tokens say of themselves.
    private enum LifetimeHelp {
        static let lifetime = ArgumentHelp(
            "How long new activation tokens live: 90s, 30m, 24h, 7d; at most 365d (default: as long as the credential).",
            valueName: "time")
    }

    private static func regeneration(of credential: String) -> String {
        "make a new secret for credential \(credential), and end the old one and all tokens made by it at once"
    }

    /// A credential, and its secret if the answer has it.
    private static func show(_ credential: CredentialView, _ options: ServerOptions) throws {
        if options.json { return try Output.json(credential) }
        try Output.fields([
            ("id", credential.id), ("type", credential.type), ("name", credential.name),
            ("description", credential.description.isEmpty ? nil : credential.description),
            ("hint", credential.hint.map { $0 + "…" }), ("created", credential.createdAt),
            ("regenerated", credential.regeneratedAt),
            ("activations live", credential.activationLifetimeSeconds.map { Output.span(seconds: $0) }),
            ("last used", credential.lastUsedAt ?? "never"), ("last from", credential.lastAddress),
            ("uses", "\(credential.useCount)"), ("activations", "\(credential.activationCount)"),
            ("applications", "\(credential.applicationCount)"),
        ])
        guard let secret = credential.secret else { return }
        try Output.text("\nKeep it safe; `inlet credential reveal` shows it again:\n")
        try Output.fields([("secret", secret), ("header", credential.header), ("curl", credential.curl)])
    }
}

extension CredentialView {
    /// What would stop with it, for a person's eyes.
    var figures: String {
        var parts = ["\(Output.printable(id)) (\(Output.printable(name))):"]
        // What is reported of deploys comes with the tokens of applications.
        if hint != nil { parts.append(Output.uses(useCount, lastAt: lastUsedAt, from: lastAddress)) }
        if activationCount > 0 || hint != nil { parts.append("Activation tokens that work: \(activationCount).") }
        if applicationCount > 0 || hint == nil { parts.append("Applications that report by it: \(applicationCount).") }
        return parts.joined(separator: " ")
    }
}

extension RevealedView {
    /// Who may look, for the help of commands that do.
    static let discussion = """
        Your management token must have the scope `reveal`. Whoever has one makes another by \
        `inlet token create --kind management --scope reveal`.
        """

    /// The secret, and how to send it.
    func show(_ options: ServerOptions) throws {
        if options.json { return try Output.json(self) }
        try Output.fields([("secret", secret), ("header", header), ("curl", curl)])
    }
}
