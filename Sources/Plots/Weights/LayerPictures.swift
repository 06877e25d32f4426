/// Pictures of layers that are made when they are written, one after the other.
package protocol LayerPictures: Sendable {
    /// One picture of all that has room in it; nil where there is no layer.
    func sheet() throws -> PlotFigure?
    /// The names of the pictures that have a file of their own, each another.
    var fileNames: [String] { get }
    /// The picture of that number.
    func figure(_ number: Int) throws -> PlotFigure
}
