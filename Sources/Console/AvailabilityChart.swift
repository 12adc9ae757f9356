import Domain
import Foundation
import Manage

/// How far back a chart looks, and how long one of its bars stands for.
struct ChartSpan: Sendable {
    let name: String
    let length: Interval
    let step: String

    static let all = [
        day, ChartSpan(name: "7d", length: .days(7), step: "3h"), ChartSpan(name: "30d", length: .days(30), step: "12h"),
        ChartSpan(name: "90d", length: .days(90), step: "1d"),
    ]

    private static let day = ChartSpan(name: "24h", length: .days(1), step: "30m")

    static func named(_ name: String?) -> ChartSpan { all.first { $0.name == name } ?? day }
}

/// Availability over time, one bar a step, drawn for the template `resource`.
///
/// The axis begins where there is something to see: the difference between 99.9 and 99.99 % is the whole point.
struct AvailabilityChart: Sendable {
    private let shown: ResourceOperations.Availability
    private let span: ChartSpan
    private let words: Words
    /// The share at the bottom of the axis.
    private let bottom: Double

    // The drawing in its own units: 720 wide, the values from 62 on.
    private static let (left, right, top, base) = (62.0, 716.0, 14.0, 150.0)
    private static let bottoms = [0.9999, 0.9995, 0.999, 0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.5, 0]
    // A bar that is all failures is seen too.
    private static let heightMin = 3.0

    init(_ shown: ResourceOperations.Availability, _ span: ChartSpan, _ words: Words) {
        self.shown = shown
        self.span = span
        self.words = words
        let goal = shown.resource.objective.ratio
        let worst = shown.points.compactMap(\.sum.availability).min() ?? goal
        // Below the objective, so that its line stands inside.
        let lowest = min(worst, goal - (1 - goal) / 2)
        bottom = Self.bottoms.first { $0 <= lowest } ?? 0
    }

    var model: Model {
        let goal = shown.resource.objective.ratio
        return [
            "label": words(
                "resource.chart_label",
                [
                    "span": words["resource.range_\(span.name)"],
                    "availability": shown.sum.availability.map { words.percent($0, digits: 3) } ?? words["resource.no_data"],
                    "below": shown.points.count { isBelow($0) },
                ]),
            "bars": shown.points.enumerated().map { bar($0.element, at: $0.offset) },
            "lines": [1, (1 + bottom) / 2, bottom].map { share -> Model in
                ["y": number(y(share)), "textY": number(y(share) + 4), "text": words.percent(share, digits: 3)]
            },
            "goal": number(y(goal)), "ticks": ticks, "left": number(Self.left), "right": number(Self.right),
            "axis": words("resource.axis", ["bottom": words.percent(bottom, digits: 3)]),
            "rows": shown.points.reversed().map(row),
        ]
    }

    private func isBelow(_ point: ResourceOperations.Point) -> Bool {
        point.sum.availability.map { $0 < shown.resource.objective.ratio } ?? false
    }

    private func bar(_ point: ResourceOperations.Point, at index: Int) -> Model {
        let pitch = (Self.right - Self.left) / Double(max(shown.points.count, 1))
        let top = point.sum.availability.map { min(y($0), Self.base - Self.heightMin) } ?? Self.base - Self.heightMin
        let state = point.sum.availability == nil ? "none" : isBelow(point) ? "two" : "one"
        return [
            "x": number(Self.left + Double(index) * pitch + pitch * 0.1), "y": number(top), "width": number(pitch * 0.8),
            "height": number(Self.base - top), "state": state,
            "title": "\(moment(point.at)): \(said(point.sum))",
        ]
    }

    private func said(_ sum: HitSum) -> String {
        sum.availability.map { words.percent($0, digits: 3) } ?? words["resource.no_data"]
    }

    private func row(_ point: ResourceOperations.Point) -> Model {
        [
            "iso": point.at.text, "at": moment(point.at), "hits": words.number(point.sum.hits),
            "failures": words.number(point.sum.failures), "availability": said(point.sum), "isBelow": isBelow(point),
        ]
    }

    // Five moments along the bottom; every other one gives way on narrow screens.
    private var ticks: [Model] {
        let count = shown.points.count
        guard count > 4 else { return [] }
        let pitch = (Self.right - Self.left) / Double(count)
        return (0..<5).compactMap { number -> Model? in
            let index = min(count - 1, number * count / 5 + count / 10)
            guard shown.points.indices.contains(index) else { return nil }
            return [
                "x": self.number(Self.left + (Double(index) + 0.5) * pitch), "text": tick(shown.points[index].at),
                "isExtra": !number.isMultiple(of: 2),
            ]
        }
    }

    private func tick(_ moment: Timestamp) -> String {
        span.length <= .days(1) ? String(words.clock(moment).prefix(5)) : words.day(moment)
    }

    private func moment(_ moment: Timestamp) -> String {
        span.length >= .days(90) ? words.date(moment) : "\(words.day(moment)) \(words.clock(moment).prefix(5))"
    }

    private func y(_ share: Double) -> Double {
        guard bottom < 1 else { return Self.base }
        return Self.base - (share - bottom) / (1 - bottom) * (Self.base - Self.top)
    }

    // With a point, whatever the language.
    private func number(_ value: Double) -> String {
        "\((value * 10).rounded() / 10)"
    }
}

extension Words {
    /// A date without its year.
    fileprivate func day(_ moment: Timestamp) -> String {
        let parts = date(moment).split(separator: " ")
        return parts.count > 2 ? parts.dropLast(language == .brazilianPortuguese ? 2 : 1).joined(separator: " ") : date(moment)
    }
}
