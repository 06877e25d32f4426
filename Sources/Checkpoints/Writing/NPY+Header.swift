extension NPY {
    /// The header of an array in numpy's file format, version 1.0, row-major.
    ///
    /// - Parameter type: numpy's name of the element type, such as `<f4`.
    package static func header(type: String, shape: [Int]) -> [UInt8] {
        let dimensions = shape.count == 1 ? "\(shape[0])," : shape.map(String.init).joined(separator: ", ")
        var text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(dimensions)), }"
        let length = (10 + text.utf8.count + 1 + 63) / 64 * 64
        text += String(repeating: " ", count: length - 10 - text.utf8.count - 1) + "\n"
        let size = UInt16(length - 10)
        return NPYHeader.magic + [1, 0, UInt8(size & 0xFF), UInt8(size >> 8)] + Array(text.utf8)
    }
}
