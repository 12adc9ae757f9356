import Domain
import Testing

@Suite struct FlowStateTests {
    @Test func `Flow is paused and resumed as often as one likes`() throws {
        #expect(try FlowState.active.paused() == .paused)
        #expect(try FlowState.paused.paused() == .paused)
        #expect(try FlowState.paused.resumed() == .active)
        #expect(try FlowState.active.resumed() == .active)
    }

    @Test func `Flow that is archived stays so`() {
        for state in FlowState.allCases { #expect(state.archived() == .archived) }
        #expect(throws: FlowStateError.isArchived) { try FlowState.archived.paused() }
        #expect(throws: FlowStateError.isArchived) { try FlowState.archived.resumed() }
    }
}

@Suite struct DestinationStateTests {
    let now = Timestamp(seconds: 1_800_000_000)
    let later = Timestamp(seconds: 1_800_000_100)

    @Test(arguments: DisabledReason.allCases)
    func `Flow destination that is disabled keeps the first moment and reason until it is enabled`(reason: DisabledReason) {
        let disabled = DestinationState.active.disabled(at: now, reason: reason)

        #expect(disabled == .disabled(since: now, reason: reason))
        #expect(!disabled.isActive)
        for other in DisabledReason.allCases { #expect(disabled.disabled(at: later, reason: other) == disabled) }
        #expect(disabled.enabled() == .active)
        #expect(DestinationState.active.enabled().isActive)
    }

    @Test func `Flow destination takes four attempts at once on the standard schedule unless it says otherwise`() {
        let destination = Destination(
            id: .random(), organization: .random(), name: .example, kind: "https", settings: [:], createdAt: now)

        #expect(destination.concurrency == 4)
        #expect(destination.ratePerSecond == nil && destination.orderedBy == nil)
        #expect(destination.schedule == .standard && destination.state == .active)
    }
}
