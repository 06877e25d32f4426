/// What a mark is painted with: a role, which each theme (light, dark) gives its own colour, or a colour of a map.
package enum Paint: Hashable, Sendable {
    case none
    /// Text and what matters most.
    case ink
    /// Captions, tick labels, reference lines: still readable as text (contrast of at least 4.5 in both themes).
    case faint
    /// Lines of axes, ticks and frames.
    case axis
    /// Grid lines and edges that only give context.
    case grid
    /// The ground of the picture.
    case ground
    /// The colour of a cluster or series: ten that can be told apart, then the same ones darker, after which they repeat.
    case cluster(Int)
    /// A magnitude from 0 to 1, see ``ColourMap/sequential``; the same in both themes.
    case sequential(Double)
    /// A signed value from -1 (blue) over 0 (the ground) to 1 (red).
    case diverging(Double)
    /// A value that is not there: NaN or infinite.
    case missing
    /// The same colour in both themes.
    case colour(Colour)
    /// A colour for each theme.
    case themed(light: Colour, dark: Colour)
}

/// How a line, or the border of a shape, is drawn.
package struct Stroke: Hashable, Sendable {
    package var paint: Paint
    /// In pixels.
    package var width: Double
    /// Lengths of dashes and gaps in pixels; empty for a solid line.
    package var dash: [Double]
    package var opacity: Double

    package init(_ paint: Paint, width: Double = 1, dash: [Double] = [], opacity: Double = 1) {
        self.paint = paint
        self.width = width
        self.dash = dash
        self.opacity = opacity
    }
}
