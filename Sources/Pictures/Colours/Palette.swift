/// The colours of the roles in both themes.
enum Palette {
    /// Okabe and Ito's colours, the strongest first (their black is the ink, grey here), then two lighter ones; neighbours differ
    /// in lightness too, for those who see few colours.
    static let clusters: [(light: Colour, dark: Colour)] = [
        (Colour(0x0072B2), Colour(0x3A9BD9)),
        (Colour(0xE69F00), Colour(0xE69F00)),
        (Colour(0x009E73), Colour(0x00B386)),
        (Colour(0xD55E00), Colour(0xE8702A)),
        (Colour(0xCC79A7), Colour(0xCC79A7)),
        (Colour(0x56B4E9), Colour(0x7CC8F2)),
        (Colour(0xD9CC1F), Colour(0xF0E442)),
        (Colour(0x6B6B6B), Colour(0x9A9A9A)),
        (Colour(0xA8D5C2), Colour(0xBFE3D4)),
        (Colour(0xD9BFA9), Colour(0xE6D2C2)),
    ]

    /// So many clusters have colours that differ: beyond the ten there are the same ones darker.
    static var clusterCount: Int { 2 * clusters.count }

    private static func cluster(_ index: Int) -> (light: Colour, dark: Colour) {
        let place = ((index % clusterCount) + clusterCount) % clusterCount
        let colours = clusters[place % clusters.count]
        guard place >= clusters.count else { return colours }
        return (colours.light.mixed(with: Colour(0), share: 0.45), colours.dark.mixed(with: Colour(0x16181C), share: 0.45))
    }

    static func themes(of paint: Paint) -> (light: Colour, dark: Colour)? {
        switch paint {
        case .none: nil
        case .ink: (Colour(0x1C1C1C), Colour(0xE8E8E8))
        case .faint: (Colour(0x5F5F5F), Colour(0xA8A8A8))
        case .axis: (Colour(0x8C8C8C), Colour(0x7D7D7D))
        case .grid: (Colour(0xE3E3E3), Colour(0x33363B))
        case .ground: (Colour(0xFFFFFF), Colour(0x16181C))
        case .cluster(let index): cluster(index)
        case .sequential(let share): { ($0, $0) }(ColourMap.sequential(share))
        case .diverging(let value): ColourMap.diverging(value)
        case .missing: (Colour(0xC4C4C4), Colour(0x5A5A5A))
        case .colour(let colour): (colour, colour)
        case .themed(let light, let dark): (light, dark)
        }
    }
}
