import Archives
import Text

/// What a model's `preprocessor_config.json` states for images of bytes: transformers' image processors.
///
/// Images are neither resized nor cropped here; those that are not of the size that the file makes of them are refused.
package struct ImagePreprocessing: Sendable, Equatable {
    /// Applied after bytes are divided by 255; nil if the file states none.
    package let normalization: Normalization?
    /// The height and width of an image that the model reads; nil if the file states none.
    package let size: ImageSize?
    /// Whether the file has images cropped, which those of the right size are taken to be.
    package let isCropping: Bool

    package enum ImageSize: Sendable, Equatable {
        case exactly(height: Int, width: Int)
        /// The length of the shorter edge.
        case shorterEdge(Int)
    }

    /// - Throws: ``Problem`` if the file is damaged, or states what is not done here.
    package init(_ json: ByteRegion) throws {
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
        let factor = section["rescale_factor"]
        let stated = try Self.numbers(factor)
        if !factor.isNull, stated.count != 1 || abs(stated[0] * 255 - 1) > 1e-3 {
            throw Problem("scales bytes otherwise than by 255", subject: "'rescale_factor'", expected: "0.00392156862745098")
        }
        guard try section["do_rescale"].bool(absent: true) else {
            throw Problem("does not scale bytes, which are divided by 255 here", subject: "'do_rescale'", expected: "true")
        }
        if try section["do_flip_channel_order"].bool(absent: false) {
            throw Problem("reverses the channels, which is not done here", subject: "'do_flip_channel_order'", expected: "false")
        }
        normalization = try Self.normalization(section)
        (size, isCropping) = try Self.size(section)
    }

    private static func normalization(_ section: JSONSection) throws -> Normalization? {
        let (stated, means, deviations) = (section["do_normalize"], section["image_mean"], section["image_std"])
        guard try stated.bool(absent: !means.isNull && !deviations.isNull) else { return nil }
        guard !means.isNull, !deviations.isNull else {
            throw Problem(
                "are not in the file, and which ones its kind of preprocessor has is not known here",
                subject: "'image_mean' and 'image_std'",
                expected: "numbers", hint: .giveNormalization)
        }
        let (mean, deviation) = (try numbers(means), try numbers(deviations))
        guard !mean.isEmpty, mean.count == deviation.count, deviation.allSatisfy({ $0 > 0 }) else {
            throw Problem(
                "cannot be used", subject: "'image_mean' and 'image_std'", expected: "as many numbers, the latter above 0",
                found: "\(mean.count) and \(deviation.count)")
        }
        return Normalization(means: mean, deviations: deviation)
    }

    /// The shortest edge from which on ConvNeXt's preprocessor resizes both edges to it and crops nothing.
    private static let uncropped = 384

    /// The size of the images that the preprocessor makes, and whether it crops them.
    private static func size(_ section: JSONSection) throws -> (ImageSize?, Bool) {
        if try section["do_center_crop"].bool(absent: false) { return (try size(of: section["crop_size"]), true) }
        guard try section["do_resize"].bool(absent: true) else { return (nil, false) }
        let size = try size(of: section["size"])
        guard let share = try numbers(section["crop_pct"]).first else { return (size, false) }
        let edge: Int? =
            switch size {
            case .shorterEdge(let edge): edge
            case .exactly(let height, let width): height == width ? height : nil
            case nil: nil
            }
        guard let edge else { return (size, false) }
        return (.exactly(height: edge, width: edge), share < 1 && edge < uncropped)
    }

    private static func size(of section: JSONSection) throws -> ImageSize? {
        switch section.value {
        case .null: return nil
        case .object: break
        default:
            let edge = Int(try section.count())
            return .exactly(height: edge, width: edge)
        }
        let (height, width, edge) = (section["height"], section["width"], section["shortest_edge"])
        if !height.isNull, !width.isNull { return .exactly(height: Int(try height.count()), width: Int(try width.count())) }
        return edge.isNull ? nil : .shorterEdge(Int(try edge.count()))
    }

    /// - Parameter shape: of an image, [channels, height, width] or [height, width].
    /// - Throws: ``Problem`` if the images are of another size than the model's preprocessor makes them.
    package func check(_ shape: [Int]) throws(Problem) {
        try checkChannels(shape)
        guard let size, shape.count >= 2 else { return }
        let (height, width) = (shape[shape.count - 2], shape[shape.count - 1])
        let expected: String
        switch size {
        case .exactly(let wantedHeight, let wantedWidth):
            if (height, width) == (wantedHeight, wantedWidth) { return }
            expected = "\(wantedHeight)x\(wantedWidth)"
        case .shorterEdge(let edge):
            if min(height, width) == edge { return }
            expected = "a shorter edge of \(edge)"
        }
        throw Problem(
            "the images are of another size than the model's preprocessor_config.json makes them, and are not resized here",
            expected: expected, found: "\(height)x\(width)")
    }

    /// The numbers of channels that images have.
    private static let usualChannels = [1, 3, 4]

    /// The channels of an image come first, and are as many as the file has means for.
    private func checkChannels(_ shape: [Int]) throws(Problem) {
        let stated = normalization.map(\.means.count).flatMap { $0 > 1 ? $0 : nil }
        let found = shape.count == 3 ? shape[0] : 1
        func words(_ shape: [Int]) -> String { shape.map(String.init).joined(separator: "x") }
        let isLast =
            shape.count == 3
            && (stated.map { found != $0 && shape[2] == $0 }
                ?? (!Self.usualChannels.contains(found) && Self.usualChannels.contains(shape[2])))
        if isLast {
            throw Problem(
                "the channels of the images come last",
                expected: "the order \(words([shape[2], shape[0], shape[1]])), with the channels first",
                found: words(shape))
        }
        guard let stated, stated != found else { return }
        throw Problem(
            "the images have not as many channels as the model's preprocessor_config.json has means for", expected: "\(stated)",
            found: "\(found), in images of \(words(shape))")
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
