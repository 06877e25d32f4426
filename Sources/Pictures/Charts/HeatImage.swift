import Text

/// The image of a matrix, with as many colours and pixels as its room in the file allows.
///
/// Deflate gains nothing on noise: 255 levels take a byte a pixel. There a few levels show as much, since neighbours differ by more than a
/// level, and averages of pixels show more. What is smooth or sparse is small as it is, and keeps all levels and pixels.
struct HeatImage {
    /// What the pixels show.
    let matrix: ReducedMatrix
    let png: [UInt8]

    /// Fewer levels, as long as the file is too long: with the colour of what has no value they fill 8, 6 and 4 bits.
    private static let levels = [255, 63, 15]

    /// - Parameters:
    ///   - rectangle: where the image is shown; what has to go goes where there are more pixels than elsewhere.
    ///   - limit: how many bytes it takes at most, as base64.
    init(_ matrix: ReducedMatrix, method: ReducedMatrix.Method, scale: HeatScale, in rectangle: Rectangle, limit: Int) throws(Problem) {
        let limit = limit / 4 * 3
        var matrix = matrix
        var png: [UInt8] = []
        for count in Self.levels {
            png = try PNG.bytes(of: scale.image(matrix, colours: count))
            if png.count <= limit { break }
        }
        while png.count > limit, max(matrix.width, matrix.height) > 1 {
            let share = min(0.95, Double(limit) / Double(png.count))
            matrix = Self.smaller(matrix, share: share, method: method, in: rectangle)
            png = try PNG.bytes(of: scale.image(matrix, colours: Self.levels.last!))
        }
        self.matrix = matrix
        self.png = png
    }

    /// The matrix with that share of its cells at most, which become square where the image is shown.
    private static func smaller(
        _ matrix: ReducedMatrix, share: Double, method: ReducedMatrix.Method, in rectangle: Rectangle
    ) -> ReducedMatrix {
        let (width, height) = (Double(matrix.width), Double(matrix.height))
        let cells = max(1, share * width * height)
        let density = (cells / max(1, rectangle.width * rectangle.height)).squareRoot()
        var (newWidth, newHeight) = (density * rectangle.width, density * rectangle.height)
        if newWidth > width { (newWidth, newHeight) = (width, cells / width) }
        if newHeight > height { (newWidth, newHeight) = (cells / height, height) }
        return matrix.shrunk(
            width: min(max(1, Int(newWidth)), matrix.width), height: min(max(1, Int(newHeight)), matrix.height), method: method)
    }
}
