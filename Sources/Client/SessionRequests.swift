import Contract
import NIOHTTP1

extension InletClient {
    // MARK: Sessions

    /// Signs a person in. Needs no token; go on with ``acting(as:)``.
    public func signIn(_ session: NewSession) async throws -> SignedIn {
        try await self.session("sessions", session)
    }

    /// A new session in another organization, for a person who is signed in.
    public func switchOrganization(_ organization: SwitchOrganization) async throws -> SignedIn {
        try await session("sessions/current/organization", organization)
    }

    /// The actor's own sessions.
    public func sessions() async throws -> PageView<SessionView> {
        try await get("sessions")
    }

    /// - Parameter id: `current` is the one that asks.
    public func endSession(_ id: String) async throws {
        try await perform(.DELETE, "sessions/\(Self.escaped(id))")
    }

    // MARK: The actor

    /// Who asks, where, and what they may do.
    public func me() async throws -> MeView { try await get("me") }

    /// Changes the actor's own name and language; what the edit leaves out stays.
    public func editMe(_ edit: MeEdit) async throws -> MeView { try await send(.PATCH, "me", edit) }

    /// Chooses a password by a one-time link. Needs no token.
    public func setPassword(_ password: NewPassword) async throws {
        try await perform(.POST, "passwords", password)
    }

    /// Sets up a new installation by the one-time link of its first start. Needs no token.
    public func setUp(_ asked: NewSetUp) async throws {
        try await perform(.POST, "set-up", asked)
    }

    /// Changes the actor's password; the other sessions end.
    public func changePassword(_ change: PasswordChange) async throws {
        try await perform(.POST, "me/password", change)
    }

    /// Begins a second factor; signing in asks for it only once it is confirmed.
    public func addSecondFactor(_ proof: PasswordProof) async throws -> SecondFactorView {
        try await send(.POST, "me/second-factor", proof)
    }

    /// From now on signing in asks for the second factor; the answer shows the recovery codes this once.
    public func confirmSecondFactor(_ code: SecondFactorCode) async throws -> RecoveryCodesView {
        try await send(.POST, "me/second-factor/confirm", code)
    }

    /// Signing in asks for the password alone again.
    public func removeSecondFactor(_ proof: PasswordProof) async throws {
        try await perform(.POST, "me/second-factor/remove", proof)
    }
}
