import Checkpoints
import Text

extension GraphConversion {
    /// Columns of windows as images in which overlapping places add up (`Col2Im`): a product with a constant matrix along each side, which adds
    /// the numbers of each place of a window to those of the image.
    mutating func overlappedWindows(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("dilations", "pads", "strides")
        let input = try required(node, 0)
        guard let size = try setting(node, 1, "size of the images")?.integers, let kernel = try setting(node, 2, "window")?.integers,
            size.count == 2, kernel.count == 2, input.shapes.allSatisfy({ $0.count == 3 })
        else { throw Problem("windows of this many sides are not run", expected: "images", found: words(input.shapes[0])) }
        let (gaps, steps) = (node.integers("dilations") ?? [1, 1], node.integers("strides") ?? [1, 1])
        let pads = node.integers("pads") ?? [0, 0, 0, 0]
        guard gaps.count == 2, steps.count == 2, pads.count == 4, (size + kernel + gaps + steps).allSatisfy({ (1...1 << 16).contains($0) }),
            pads.allSatisfy({ (0...1 << 16).contains($0) })
        else { throw Problem("has windows that cannot be computed with") }
        var counts: [Int] = []
        for side in 0..<2 {
            let rest = size[side] + pads[side] + pads[side + 2] - gaps[side] * (kernel[side] - 1) - 1
            guard rest >= 0 else { throw Problem("has windows larger than its images") }
            counts.append(rest / steps[side] + 1)
        }
        let (window, places) = (kernel[0] * kernel[1], counts[0] * counts[1])
        guard input.shapes.allSatisfy({ $0[1] % window == 0 && $0[2] == places }) else {
            throw Problem(
                "reads columns of another size", expected: "a multiple of \(window), and \(places)",
                found: words(Array(input.shapes[0].dropFirst())))
        }
        let apart = try reshaped(
            input, to: input.shapes.map { [$0[0], $0[1] / window, kernel[0], kernel[1], counts[0], counts[1]] }, site(node, "apart"))
        // [samples, channels, rows of windows, columns of windows]
        let turned = try add(
            site(node, "turned"), Rearrangement(.transposed([0, 1, 2, 4, 3, 5])), [site(of: apart, for: site(node, "apart"))],
            type: input.type)
        let flat = try reshaped(
            turned, to: input.shapes.map { [$0[0], $0[1] / window, kernel[0] * counts[0], kernel[1] * counts[1]] }, site(node, "flat"))
        var current = flat
        for side in [1, 0] {
            let (own, length) = (kernel[side] * counts[side], size[side])
            guard own * length <= 1 << 24 else { throw Problem("has too many windows", found: "\(counts[side])") }
            var matrix = [Float](repeating: 0, count: own * length)
            for tap in 0..<kernel[side] {
                for window in 0..<counts[side] {
                    let (entry, place) = (tap * counts[side] + window, window * steps[side] + tap * gaps[side] - pads[side])
                    if place >= 0, place < length { matrix[side == 1 ? entry * length + place : place * own + entry] = 1 }
                }
            }
            let name = site(node, side == 1 ? "columns" : "")
            current = try mixed(
                site(of: current, for: name), side == 1 ? [own, length] : [length, own], matrix, isLast: side == 1, name)
        }
        return current
    }
}
