import Domain
import Manage

/// Calls per minute as a drawing, and the same numbers to be read.
struct CallChart {
    private let minutes: [EventOperations.Minute]
    // The drawing's own units; 720 is its whole width.
    private static let left = 64.0
    private static let width = 656.0
    private static let top = 10.0
    private static let height = 120.0

    init(_ minutes: [EventOperations.Minute]) {
        self.minutes = minutes
    }

    func model(_ request: PageRequest) -> Model {
        let words = request.words
        let accepted = minutes.reduce(0) { $0 + $1.accepted }
        let refused = minutes.reduce(0) { $0 + $1.refused }
        let end = Self.round(above: minutes.map { $0.accepted + $0.refused }.max() ?? 0)
        let busy = minutes.filter { $0.accepted + $0.refused > 0 }
        return [
            "label": words("home.chart_label", ["accepted": accepted, "refused": refused]),
            "bars": minutes.enumerated().map { bar($1, at: $0, end: end, request) },
            "lines": (end > 1 ? [end, end / 2, 0] : [end, 0]).map { value -> Model in
                let y = Self.top + Self.height * (1 - Double(value) / Double(end))
                return ["y": Self.text(y), "textY": Self.text(y + 4), "label": words.number(value)]
            },
            "ticks": minutes.enumerated().compactMap { index, minute in tick(minute, at: index) },
            "rows": busy.reversed().map { minute -> Model in
                [
                    "time": Self.clock(minute.start), "iso": minute.start.text, "accepted": words.number(minute.accepted),
                    "refused": words.number(minute.refused),
                ]
            }, "hasRows": !busy.isEmpty,
        ]
    }

    private var step: Double { Self.width / Double(max(1, minutes.count)) }

    private func bar(_ minute: EventOperations.Minute, at index: Int, end: Int64, _ request: PageRequest) -> Model {
        let one = Self.height * Double(minute.accepted) / Double(end)
        let two = Self.height * Double(minute.refused) / Double(end)
        let ground = Self.top + Self.height
        return [
            "x": Self.text(Self.left + Double(index) * step + 1), "width": Self.text(step - 2),
            "one": minute.accepted > 0, "oneY": Self.text(ground - one), "oneHeight": Self.text(one),
            "two": minute.refused > 0, "twoY": Self.text(ground - one - two), "twoHeight": Self.text(two),
            "title": request.words(
                "home.chart_minute",
                ["time": Self.clock(minute.start), "accepted": minute.accepted, "refused": minute.refused]),
        ]
    }

    // One every ten minutes, at whole tens of the clock; on narrow screens every twenty.
    private func tick(_ minute: EventOperations.Minute, at index: Int) -> Model? {
        let number = minute.start.microseconds / 60_000_000
        guard number % 10 == 0, index > 1, index < minutes.count - 1 else { return nil }
        return [
            "x": Self.text(Self.left + (Double(index) + 0.5) * step), "text": Self.clock(minute.start),
            "isExtra": number % 20 != 0,
        ]
    }

    private static func clock(_ moment: Timestamp) -> String { String(moment.text.dropFirst(11).prefix(5)) }

    /// The first of 1, 2, 4, 10, 20, 40, 100 … that is not below; all but the first have a whole half.
    private static func round(above value: Int64) -> Int64 {
        var unit: Int64 = 1
        while unit < 1_000_000_000_000 {
            for factor: Int64 in [1, 2, 4] where unit * factor >= value { return unit * factor }
            unit *= 10
        }
        return max(1, value)
    }

    // Two digits behind the point, whatever the language.
    private static func text(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
}
