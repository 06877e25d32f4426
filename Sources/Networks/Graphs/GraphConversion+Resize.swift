import Checkpoints
import Glibc
import Tensors
import Text

extension GraphConversion {
    /// Images of another size: entries chosen along each side, or products with constant matrices that mix neighbours.
    mutating func resize(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes(
            "coordinate_transformation_mode", "mode", "nearest_mode", "cubic_coeff_a", "exclude_outside", "extrapolation_value",
            "antialias",
            "keep_aspect_ratio_policy", "axes")
        let input = try required(node, 0)
        let rank = input.shapes[0].count
        guard node.integers("axes") == nil || node.integers("axes") == Array(0..<rank), node.integer("antialias") ?? 0 == 0,
            node.integer("exclude_outside") ?? 0 == 0, node.text("keep_aspect_ratio_policy") ?? "stretch" == "stretch", version >= 11
        else { throw Problem("a resizing with these settings is not run", found: node.attributes.keys.sorted().joined(separator: ", ")) }
        let scales = try setting(node, 2, "list of scales")?.values ?? []
        if let times = try repetitions(node, scales, rank) {
            return try add(site(node), times, [try site(of: input, for: site(node))], type: input.type)
        }
        guard let shape = fixedSides(input) else {
            throw Problem("the size of the images is not fixed", expected: "a size, or scales that are whole numbers of a nearest place")
        }
        let sizes = try sizes(node)
        var current = input
        for axis in 0..<rank where axis >= 2 {
            let length = shape[axis]
            let scale = scales.count == rank ? scales[axis] : sizes.map { Double($0[axis]) / Double(max(1, length)) } ?? 0
            // In single precision, as scales are stored: 10 times 1.3 are 13 places.
            let wanted = sizes?[axis] ?? GraphNumbers.integer(Double((Float(length) * Float(scale)).rounded(.down)))
            guard wanted > 0, wanted <= WindowAxis.limit, scale > 0, length > 0 else {
                throw Problem("a size that cannot be computed with", found: "\(wanted)")
            }
            if wanted == length { continue }
            guard wanted * length <= 1 << 24 else { throw Problem("a side too long to be resized", found: "\(length) to \(wanted)") }
            let places = try (0..<wanted).map { place throws(Problem) in try source(node, place, length, wanted, scale) }
            let site = try site(of: current, for: site(node))
            let name = self.site(node, axis + 1 < rank ? "\(axis)" : "")
            switch node.text("mode") ?? "nearest" {
            case "nearest":
                var entries: [Int] = []
                // In single precision, as runtimes compute them.
                for place in places { entries.append(max(0, min(length - 1, try nearest(node, Double(Float(place)))))) }
                current = try add(name, EntryLookup(axis: axis, constant: (entries, [wanted])), [site], type: input.type)
            case "linear" where rank == 4 || rank == 3:
                current = try mixed(site, axis, rank, length, places.map { Self.linearShares($0, length) }, name)
            case "cubic" where rank == 4 || rank == 3:
                let sharpness = node.real("cubic_coeff_a") ?? -0.75
                current = try mixed(site, axis, rank, length, places.map { Self.cubicShares($0, sharpness) }, name)
            case let other: throw Problem("a resizing of this mode is not run", expected: "nearest, linear or cubic", found: "'\(other)'")
            }
        }
        return current
    }

    /// The operation of scales by which each place becomes a whole number of places with its number; nil for any other.
    private func repetitions(_ node: ONNXModel.Node, _ scales: [Double], _ rank: Int) throws(Problem) -> Upsampling? {
        guard rank == 3 || rank == 4, scales.count == rank, scales[0] == 1, scales[1] == 1, node.text("mode") ?? "nearest" == "nearest",
            scales.allSatisfy({ $0 >= 1 && $0 <= 1024 && $0 == $0.rounded() }), scales.contains(where: { $0 > 1 })
        else { return nil }
        switch (node.text("coordinate_transformation_mode") ?? "half_pixel", node.text("nearest_mode") ?? "round_prefer_floor") {
        case ("half_pixel", "round_prefer_floor"), ("half_pixel", "round_prefer_ceil"), ("asymmetric", "floor"): break
        default: return nil
        }
        return Upsampling(rows: rank == 4 ? Int(scales[2]) : 1, columns: Int(scales[rank - 1]))
    }

    private func fixedSides(_ value: GraphValue) -> [Int]? {
        let sides = value.shapes.map { Array($0.dropFirst(2)) }
        return value.shapes[0].count >= 3 && sides.allSatisfy { $0 == sides[0] } ? value.shapes[0] : nil
    }

    /// The size that is asked for, which leaves samples and channels as they are; nil if scales are given.
    private func sizes(_ node: ONNXModel.Node) throws(Problem) -> [Int]? {
        guard let value = try value(node, 3) else { return nil }
        guard let numbers = numbers(value, isSetting: true), let first = numbers.first?.integers, first.count >= 3,
            numbers.allSatisfy({ $0.integers.dropFirst(2) == first.dropFirst(2) })
        else { throw Problem("the size is computed while the model runs, which is not done here") }
        return first
    }

    /// The place in the input, between its entries, that a place of the output shows.
    private func source(_ node: ONNXModel.Node, _ place: Int, _ length: Int, _ wanted: Int, _ scale: Double) throws(Problem) -> Double {
        let x = Double(place)
        switch node.text("coordinate_transformation_mode") ?? "half_pixel" {
        case "half_pixel": return (x + 0.5) / scale - 0.5
        case "pytorch_half_pixel": return wanted > 1 ? (x + 0.5) / scale - 0.5 : 0
        case "asymmetric": return x / scale
        // What TensorFlow's nearest places are: the middle of each pixel.
        case "tf_half_pixel_for_nn": return Double((Float(place) + 0.5) / Float(scale))
        case "align_corners": return wanted > 1 ? x * Double(length - 1) / Double(wanted - 1) : 0
        case let other: throw Problem("coordinates of this kind are not run", found: "'\(other)'")
        }
    }

    private func nearest(_ node: ONNXModel.Node, _ place: Double) throws(Problem) -> Int {
        switch node.text("nearest_mode") ?? "round_prefer_floor" {
        case "round_prefer_floor": return GraphNumbers.integer((place - 0.5).rounded(.up))
        case "round_prefer_ceil": return GraphNumbers.integer((place + 0.5).rounded(.down))
        case "floor": return GraphNumbers.integer(place.rounded(.down))
        case "ceil": return GraphNumbers.integer(place.rounded(.up))
        case let other: throw Problem("a rounding of this kind is not run", found: "'\(other)'")
        }
    }

    /// The two entries beside a place, with their shares.
    private static func linearShares(_ place: Double, _ length: Int) -> [(entry: Int, share: Double)] {
        let inside = max(0, min(Double(length - 1), place))
        let low = GraphNumbers.integer(inside.rounded(.down))
        return [(low, 1 - (inside - Double(low))), (low + 1, inside - Double(low))]
    }

    /// The four entries around a place, with the shares of cubic convolution.
    ///
    /// Robert G. Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE Transactions on Acoustics, Speech, and Signal
    /// Processing 29 (1981), equation 4.
    private static func cubicShares(_ place: Double, _ a: Double) -> [(entry: Int, share: Double)] {
        let low = GraphNumbers.integer(place.rounded(.down))
        return (-1...2).map { step in
            let x = abs(place - Double(low + step))
            let share = x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((x - 5) * x + 8) * x * a - 4 * a
            return (low + step, share)
        }
    }

    /// A side whose entries are mixed, for each of its new places, from some of the old ones; one outside is that at the edge.
    private mutating func mixed(
        _ site: String, _ axis: Int, _ rank: Int, _ length: Int, _ places: [[(entry: Int, share: Double)]], _ name: String
    ) throws(Problem) -> GraphValue {
        let isLast = axis == rank - 1
        let wanted = places.count
        var matrix = [Float](repeating: 0, count: length * wanted)
        for (column, entries) in places.enumerated() {
            for (entry, share) in entries {
                let entry = max(0, min(length - 1, entry))
                matrix[isLast ? entry * wanted + column : column * length + entry] += Float(share)
            }
        }
        return try mixed(site, isLast ? [length, wanted] : [wanted, length], matrix, isLast: isLast, name)
    }

    /// A product with a constant matrix from the right, or from the left.
    mutating func mixed(
        _ site: String, _ shape: [Int], _ matrix: [Float], isLast: Bool, _ name: String
    ) throws(Problem) -> GraphValue {
        let constant = try add("\(name).weights", StoredValues(Tensor(shape: shape, matrix)))
        return try add(name, MatrixProduct(), isLast ? [site, constant.site!] : [constant.site!, site])
    }
}
