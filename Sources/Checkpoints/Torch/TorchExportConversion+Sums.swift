import Text

/// Sums and differences along a dimension, with which programs number the positions of a sequence.
extension TorchExportConversion {
    /// The dimensions that an operation reduces: all where it names none.
    ///
    /// - Throws: ``Problem`` if it reduces all, and the samples of a batch are in one of them.
    func reducedDimensions(_ node: Node) throws(Problem) -> [Int] {
        let dims = node["dim"] == nil ? [] : try integers(node, "dim", [])
        guard dims.isEmpty else { return dims }
        let tensor = try tensor(node, "self")
        guard !sampled.contains(tensor) else { throw Problem("is over all numbers of the batch") }
        return Array(0..<(try rank(tensor)))
    }

    /// The sums of all numbers up to each; truth values are counted.
    mutating func runningSum(_ node: Node, _ name: String) throws(Problem) -> String {
        let input = try tensor(node, "self")
        let axis = try axis(node, "dim", of: input)
        let x = writer.cast(try value(node, "self"), to: try outputType(node).element)
        return add(name, "CumSum", [x, writer.constant(axis)])
    }

    /// Each number less the one before, with what is put before and after them.
    mutating func differences(_ node: Node, _ name: String) throws(Problem) -> String {
        let input = try tensor(node, "self")
        let axis = try axis(node, "dim", of: input, -1)
        guard try integer(node, "n", 1) == 1, try ranked(node, "self").type != .bool else {
            throw Problem("is no difference of neighbours")
        }
        let parts = [try optional(node, "prepend"), try value(node, "self"), try optional(node, "append")].filter { !$0.isEmpty }
        let x = parts.count == 1 ? parts[0] : writer.add("Concat", parts, [("axis", .integer(axis))])
        func piece(_ first: Int, _ end: Int) -> String {
            let bounds = [writer.constant([first]), writer.constant([end]), writer.constant([axis])]
            return writer.add("Slice", [x] + bounds)
        }
        let (later, earlier) = (piece(1, Int(Int32.max)), piece(0, -1))
        return add(name, "Sub", [later, earlier])
    }

    /// Entries that several lists choose together, one for each of the dimensions from `first` on.
    mutating func entries(_ node: Node, _ name: String, from first: Int, of lists: [String]) throws(Problem) -> String {
        var numbers: [String] = []
        for list in lists { numbers.append(writer.cast(try places(list), to: .int64)) }
        if first > 0 {
            // Entries of these dimensions as one, by their number among all.
            let tensor = try tensor(node, "self")
            let own = Array((program.shapes[tensor] ?? []).dropFirst(first).prefix(lists.count))
            let lengths = own.compactMap { $0 }
            guard lengths.count == lists.count, lengths.allSatisfy({ (1...1 << 20).contains($0) }) else {
                throw Problem("looks entries up by several lists in dimensions whose lengths are not fixed")
            }
            var place = writer.add("Mod", [numbers[0], writer.constant(lengths[0])])
            for (list, length) in zip(numbers, lengths).dropFirst() {
                let own = writer.add("Mod", [list, writer.constant(length)])
                place = writer.add("Add", [writer.add("Mul", [place, writer.constant(length)]), own])
            }
            let flat = try reshaped(node, name + ".flat", replacing: first...first + lists.count - 1, with: [.number(-1)])
            return add(name, "Gather", [flat, place], [("axis", .integer(first))])
        }
        // Each list in the shape of all.
        let zero = writer.constant(0)
        let shapes = lists.map { program.shapes[$0] }
        let isOfOneShape = shapes.allSatisfy { $0 == shapes[0] }
        let columns = numbers.indices.map { place in
            var column = numbers[place]
            for other in numbers.indices where other != place && !isOfOneShape {
                column = writer.add("Add", [column, writer.add("Mul", [numbers[other], zero])])
            }
            return writer.add("Unsqueeze", [column, writer.constant([-1])])
        }
        let places = writer.add("Concat", columns, [("axis", .integer(-1))])
        return add(name, "GatherND", [try value(node, "self"), places])
    }
}
