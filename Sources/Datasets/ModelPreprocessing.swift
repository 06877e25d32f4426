import Archives
import Text

extension Normalization {
    /// What a model's `preprocessor_config.json` states for images of bytes; nil if it states none.
    ///
    /// Bytes are divided by 255 before means and deviations apply; a file that scales them otherwise cannot be followed.
    ///
    /// - Throws: ``Problem`` if the file is damaged, or states what is not done here.
    package init?(preprocessor json: ByteRegion) throws {
        let section = try json.inMemory.withUnsafeBytes { bytes in
            guard bytes.count <= 1 << 20, String(validating: bytes, as: UTF8.self) != nil else {
                throw Problem("is not a preprocessor's settings in JSON", expected: "text in UTF-8 of at most 1 MiB")
            }
            var cursor = JSONCursor(bytes.bindMemory(to: UInt8.self), kind: "a preprocessor's settings in JSON")
            let value = try cursor.value()
            try cursor.readEnd()
            return JSONSection(value: value, place: "preprocessor")
        }
        guard case .object = section.value else { throw Problem("is not a preprocessor's settings in JSON", expected: "an object") }
        guard try section["do_normalize"].bool(absent: true), !section["image_mean"].isNull, !section["image_std"].isNull else {
            return nil
        }
        let factor = section["rescale_factor"]
        let stated = try Self.numbers(factor)
        if !factor.isNull, stated.count != 1 || abs(stated[0] * 255 - 1) > 1e-3 {
            throw Problem("scales bytes otherwise than by 255", subject: "'rescale_factor'", expected: "0.00392156862745098")
        }
        guard try section["do_rescale"].bool(absent: true) else {
            throw Problem("does not scale bytes, which are divided by 255 here", subject: "'do_rescale'", expected: "true")
        }
        let means = try Self.numbers(section["image_mean"])
        let deviations = try Self.numbers(section["image_std"])
        guard !means.isEmpty, means.count == deviations.count, deviations.allSatisfy({ $0 > 0 }) else {
            throw Problem(
                "cannot be used", subject: "'image_mean' and 'image_std'", expected: "as many numbers, the latter above 0",
                found: "\(means.count) and \(deviations.count)")
        }
        self.init(means: means, deviations: deviations)
    }

    /// The finite numbers of a list, or one number.
    private static func numbers(_ section: JSONSection) throws -> [Float] {
        if section.isNull { return [] }
        let values: [JSONValue] = if case .list(let list) = section.value { list } else { [section.value] }
        return try values.map { value in
            let number: Float? =
                switch value {
                case .integer(let integer): Float(integer)
                case .number(let number): Float(number)
                default: nil
                }
            guard let number, number.isFinite else {
                throw Problem("cannot be used", subject: "'\(section.place)'", expected: "finite numbers", found: value.kind)
            }
            return number
        }
    }
}
