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
}
