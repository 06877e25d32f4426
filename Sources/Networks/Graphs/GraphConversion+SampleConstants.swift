import Checkpoints
import Text

/// Numbers that the exporter has computed for each of the samples whose number the file fixes, such as the class token that each begins with.
extension GraphConversion {
    /// The numbers of one sample, with a first dimension of 1, of a constant that has the same for each of several samples; nil for any other.
    func onceForEachSample(_ value: GraphValue) -> GraphValue? {
        guard value.site == nil, let lists = numbers(value, isSetting: true), lists.count == 1, let row = rowForEachSample(lists[0]) else {
            return nil
        }
        return GraphValue(source: .numbers([row]), type: value.type, shapes: probes.map { _ in row.shape })
    }

    /// The site of such numbers, for as many samples as there are.
    ///
    /// - Throws: ``Problem`` if there are too many numbers.
    mutating func repeated(_ once: GraphValue, _ name: String) throws(Problem) -> String {
        let site = try site(of: once, for: name)
        let shapes = probes.map { [$0.samples] + once.shapes[0].dropFirst() }
        guard let template = template(shapes) else { throw Problem("is not the same for each sample") }
        return try add("\(name).samples", Rearrangement(.repeated(template)), [site], type: once.type).site!
    }

    /// A product with a matrix. Rows of numbers that are the same for each of the samples whose number the file fixes, as a state that begins with
    /// zeros, are multiplied once and then repeated, so that there can be as many as there are samples.
    mutating func ofEqualRows(
        _ node: ONNXModel.Node, _ product: (inout GraphConversion) throws(Problem) -> GraphValue
    ) throws(Problem) -> GraphValue {
        let (rows, matrix) = (try required(node, 0), try required(node, 1))
        guard rows.shapes[0].count == 2, matrix.site == nil, matrix.fixedShape?.count == 2, node.integer("transA") ?? 0 == 0,
            node.inputs[0] != node.inputs[1], let samples = fixedSamples, let row = onceForEachSample(rows)
        else { return try product(&self) }
        values[node.inputs[0]] = row
        defer { values[node.inputs[0]] = rows }
        let once = try product(&self)
        guard let made = once.site, let shape = once.fixedShape, shape.count == 2, shape[0] == 1,
            let template = template(probes.map { _ in [samples, shape[1]] })
        else { return once }
        return try add("\(site(node)).samples", Rearrangement(.repeated(template)), [made], type: once.type)
    }
}
