import Domain
import Testing

@Suite struct IDTests {
    @Test func `A public id reads back, and nothing else reads as one`() {
        let id = ID<Token>.random()

        #expect(ID<Token>(id.text) == id)
        #expect(ID<Webhook>(id.text) == nil)
        for text in ["", "tok_", id.text + "0", String(id.text.dropLast()), "tok_" + String(repeating: "é", count: 10)] {
            #expect(ID<Token>(text) == nil)
        }
    }

    @Test func `Ordered ids ascend also when the clock is set back, and their texts sort alike`() {
        var source = OrderedIDSource(node: 0, after: 0)
        var ids: [OrderedID<Event>] = []

        for second: Int64 in [1_800_000_000, 1_700_000_000, 1_700_000_001, 1_900_000_000] {
            for _ in 0..<3000 { ids.append(source.next(at: Timestamp(seconds: second))) }
        }

        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0.text < $1.text })
        #expect(Set(ids).count == ids.count)
    }

    @Test func `A source goes on after the last id there is, though the clock stands before it`() {
        var before = OrderedIDSource(node: 0, after: 0)
        let last: OrderedID<Event> = before.next(at: Timestamp(seconds: 2_000_000_000))

        var after = OrderedIDSource(node: 0, after: last.number)
        let next: OrderedID<Event> = after.next(at: Timestamp(seconds: 1_000_000_000))

        #expect(next > last)
    }

    @Test func `Two nodes never make the same id in the same millisecond`() {
        var one = OrderedIDSource(node: 1, after: 0)
        var two = OrderedIDSource(node: 2, after: 0)
        let now = Timestamp(seconds: 1_800_000_000)

        let ids = (0..<2000).flatMap { _ -> [OrderedID<Event>] in [one.next(at: now), two.next(at: now)] }

        #expect(Set(ids).count == 4000)
    }

    @Test(arguments: [0, 1, Int64.max, 0x0123_4567_89AB_CDEF])
    func `An ordered id reads back from its text`(number: Int64) {
        let id = OrderedID<Event>(number: number)

        #expect(OrderedID<Event>(id.text) == id)
        #expect(id.text.utf8.count == 17)
    }

    @Test(arguments: ["", "evt_", "evt_0", "evt_zzzzzzzzzzzzz", "evt_000000000000u", "call_0000000000000", "evt_00000000000000"])
    func `What is no ordered id is refused`(text: String) {
        #expect(OrderedID<Event>(text) == nil)
    }

    @Test func `The first id of a moment stands before all ids made then and after all made earlier`() {
        let moment = Timestamp(seconds: 1_800_000_000)
        var source = OrderedIDSource(node: 0, after: 0)
        let earlier: OrderedID<Event> = source.next(at: moment.adding(.milliseconds(-1)))
        let then: OrderedID<Event> = source.next(at: moment)

        #expect(earlier < .first(at: moment))
        #expect(OrderedID<Event>.first(at: moment) <= then)
    }
}
