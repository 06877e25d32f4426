import Pictures

/// Colours of many lines of one kind: layers from the first to the last, checkpoints from the first step on.
enum LineColours {
    /// More lines than this would repeat colours.
    static let most = 10
    /// So many of more lines are named: they tell which colours lie where.
    private static let named = 5

    /// One of the ten colours, or of more lines a colour by the line's place, from dark to light; none is close to the ground.
    static func paint(_ place: Int, of count: Int) -> Paint {
        guard count > most else { return .cluster(place) }
        let share = Double(place) / Double(count - 1)
        return .themed(light: ColourMap.sequential(0.08 + 0.68 * share), dark: ColourMap.sequential(0.4 + 0.56 * share))
    }

    /// Whether the line has an entry in the legend: each of few, and five of many, the first and the last among them.
    static func isNamed(_ place: Int, of count: Int) -> Bool {
        count <= most || (0..<named).contains { $0 * (count - 1) / (named - 1) == place }
    }
}
