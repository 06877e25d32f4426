import Tensors
import Text

/// The operations of graphs in words that read more than the output before them, or change its shape.
enum WordOperations {
    struct Entry: Sendable {
        /// The name in help, with what is in its parentheses.
        let shown: String
        let add: @Sendable (inout WordGraph, Architecture.Element) throws(Problem) -> Void
    }

    typealias Element = Architecture.Element

    /// The names of the operations, for help.
    static let names = entries.values.map(\.shown).sorted()

    static let entries: [String: Entry] = {
        var entries: [String: Entry] = [:]
        func entry(
            _ name: String, _ inside: String? = nil, _ add: @escaping @Sendable (inout WordGraph, Element) throws(Problem) -> Void
        ) {
            entries[name] = Entry(shown: name + (inside.map { "(\($0))" } ?? ""), add: add)
        }
        entry("add", "X") { (graph, element) throws(Problem) in try combine(&graph, element, .add) }
        entry("mul", "X") { (graph, element) throws(Problem) in try combine(&graph, element, .multiply) }
        entry("sub", "X") { (graph, element) throws(Problem) in try combine(&graph, element, .subtract) }
        entry("div", "X") { (graph, element) throws(Problem) in try combine(&graph, element, .divide) }
        entry("pow", "N") { (graph, element) throws(Problem) in
            var settings = SettingsReader(element)
            let exponent = try settings.signed("exponent", default: 2, isPositional: true)
            try settings.end()
            try graph.add(graph.site(element), ElementCurve(.power(Float(exponent)), name: "power"), [graph.current], for: element)
        }
        for (name, function) in curves {
            entry(name) { (graph, element) throws(Problem) in
                try SettingsReader(element).end()
                try graph.add(graph.site(element), ElementCurve(function, name: name), [graph.current], for: element)
            }
        }
        entry("clip", "min=N,max=N") { (graph, element) throws(Problem) in
            var settings = SettingsReader(element)
            let (low, high) = (
                Float(try settings.signed("min", default: -.infinity)), Float(try settings.signed("max", default: .infinity))
            )
            try settings.end()
            guard low <= high else {
                throw graph.failure("has bounds that leave nothing", element, expected: "min of at most max", found: "\(low) and \(high)")
            }
            try graph.add(graph.site(element), ElementCurve(.clip(low: low, high: high), name: "clip"), [graph.current], for: element)
        }
        entry("detach", nil, detach)
        entry("upsample", "2", upsample)
        entry("matmul", "X", matrixProduct)
        entry("concat", "X,axis=1", concatenate)
        entry("transpose", "1,2", transpose)
        entry("reshape", "0,-1,8", reshape)
        entry("slice", "0,8,axis=-1", slice)
        entry("select", "0,axis=1", select)
        entry("mean", "1") { (graph, element) throws(Problem) in try reduce(&graph, element, .mean) }
        entry("sum", "1") { (graph, element) throws(Problem) in try reduce(&graph, element, .sum) }
        entry("prod", "1") { (graph, element) throws(Problem) in try reduce(&graph, element, .product) }
        entry("max", "1") { (graph, element) throws(Problem) in try reduce(&graph, element, .maximum) }
        entry("layernorm") { (graph, element) throws(Problem) in
            var settings = SettingsReader(element)
            let operation = try ChainOperations.layerNorm(&settings)
            let parameters = try tensors(["weight", "bias"], &settings, graph, element)
            try settings.end()
            try graph.add(graph.site(element), operation, [graph.current], parameters: parameters, for: element)
        }
        entry("rmsnorm", "weight=T") { (graph, element) throws(Problem) in
            var settings = SettingsReader(element)
            let operation = RMSNorm(
                epsilon: try settings.real("eps", default: 1e-6), offset: Float(try settings.signed("offset", default: 0)))
            let parameters = try tensors(["weight"], &settings, graph, element)
            try settings.end()
            guard parameters.count == 1 else { throw graph.failure("has no weight", element, expected: "weight=TENSOR") }
            try graph.add(graph.site(element), operation, [graph.current], parameters: parameters, for: element)
        }
        entry("batchnorm", "mean=T,var=T") { (graph, element) throws(Problem) in
            var settings = SettingsReader(element)
            let affine = try tensors(["weight", "bias"], &settings, graph, element)
            let statistics = try tensors(["mean", "var"], &settings, graph, element)
            let operation = try ChainOperations.batchNorm(&settings, parameterCount: affine.count, subject: "'\(element)'")
            try settings.end()
            guard statistics.count == 2 else { throw graph.failure("has no statistics", element, expected: "mean=TENSOR and var=TENSOR") }
            try graph.add(graph.site(element), operation, [graph.current], parameters: affine + statistics, for: element)
        }
        entry("groupnorm", "4") { (graph, element) throws(Problem) in try groupNorm(&graph, element, isOfChannels: false) }
        entry("instancenorm") { (graph, element) throws(Problem) in try groupNorm(&graph, element, isOfChannels: true) }
        entry("linear", "weight=T") { (graph, element) throws(Problem) in
            var settings = SettingsReader(element)
            let layout = try settings.choice("layout", of: ["out_in", "in_out"], default: "out_in")
            let parameters = try weights(2, &settings, graph, element)
            try settings.end()
            try graph.add(
                graph.site(element), Linear(layout: layout == "out_in" ? .outIn : .inOut), [graph.current], parameters: parameters,
                for: element)
        }
        entry("conv", "weight=T") { (graph, element) throws(Problem) in
            var settings = SettingsReader(element)
            let operation = try ChainOperations.convolution(&settings)
            let parameters = try weights(4, &settings, graph, element)
            try settings.end()
            try graph.add(graph.site(element), operation, [graph.current], parameters: parameters, for: element)
        }
        entry("insert", "T") { (graph, element) throws(Problem) in
            var settings = SettingsReader(element)
            var parameters: [NetworkGraph.Parameter] = []
            for word in settings.unnamed() {
                var parameter = try graph.parameter(word, of: element)
                parameter.shape = rows(parameter.shape)
                parameters.append(parameter)
            }
            let position = try settings.integer("position", default: 0, minimum: 0)
            try settings.end()
            guard !parameters.isEmpty else { throw graph.failure("inserts nothing", element, expected: "tensors of rows x width") }
            try graph.add(graph.site(element), InsertedRows(position: position), [graph.current], parameters: parameters, for: element)
        }
        entry("positions", "T", positions)
        entry("embedding", "T", embedding)
        entry("attention", "heads=N") { (graph, element) throws(Problem) in try attention(&graph, element) }
        return entries
    }()

    /// A table of rows, whose shape may begin with ones.
    private static func rows(_ shape: [Int]) -> [Int] {
        var shape = shape
        while shape.count > 2, shape[0] == 1 { shape.removeFirst() }
        return shape.count == 1 ? [1] + shape : shape
    }

    // MARK: Tensors by name

    static func tensors(
        _ names: [String], _ settings: inout SettingsReader, _ graph: WordGraph, _ element: Element
    ) throws(Problem) -> [NetworkGraph.Parameter] {
        var parameters: [NetworkGraph.Parameter] = []
        for name in names {
            if let word = try settings.text(name) { parameters.append(try graph.parameter(word, of: element)) }
        }
        return parameters
    }

    private static func weights(
        _ rank: Int, _ settings: inout SettingsReader, _ graph: WordGraph, _ element: Element
    ) throws(Problem) -> [NetworkGraph.Parameter] {
        let parameters = try tensors(["weight", "bias"], &settings, graph, element)
        guard let weight = parameters.first, weight.shape.count == rank else {
            throw graph.failure(
                "has no weight", element, expected: "weight=TENSOR of \(rank) dimensions",
                found: parameters.first.map { Networks.words($0.shape) })
        }
        return parameters
    }

    // MARK: Numbers of several outputs

    private static func combine(_ graph: inout WordGraph, _ element: Element, _ function: Arithmetic.Function) throws(Problem) {
        var settings = SettingsReader(element)
        let operands = try graph.operands(&settings, of: element)
        try settings.end()
        var outputs: [String] = []
        var others: [WordGraph.Operand] = []
        for operand in operands { if case .output(let node) = operand { outputs.append(node) } else { others.append(operand) } }
        if function == .subtract || function == .divide, operands.count > 1 {
            throw graph.failure("combines two numbers", element, expected: "one operand", found: "\(operands.count)")
        }
        let name = graph.site(element)
        func step(_ isLast: Bool) -> String { isLast ? name : graph.unique(name + ".part") }
        let ranks = Set(([graph.current] + outputs).compactMap { graph.shape(of: $0)?.count })
        guard ranks.count <= 1 else {
            throw graph.failure(
                "combines outputs of different numbers of dimensions", element,
                expected: graph.shape(of: graph.current).map { Networks.words($0.dropFirst().map { $0 }) },
                found: outputs.compactMap { graph.shape(of: $0) }.map { Networks.words($0.dropFirst().map { $0 }) }.joined(separator: ", "))
        }
        let isSame = Set(([graph.current] + outputs).map { graph.shape(of: $0) }).count == 1
        if !outputs.isEmpty {
            if function == .add, isSame {
                try graph.add(step(others.isEmpty), Sum(), [graph.current] + outputs, for: element)
            } else {
                for (place, output) in outputs.enumerated() {
                    let site = step(others.isEmpty && place == outputs.count - 1)
                    let isProduct = function == .multiply && isSame && output != graph.current
                    let operation: any Operation = isProduct ? GatedProduct() : Arithmetic(function)
                    try graph.add(site, operation, [graph.current, output], for: element)
                }
            }
        }
        for (place, operand) in others.enumerated() {
            let site = step(place == others.count - 1)
            switch operand {
            case .output: break
            case .number(let number):
                let operation: any Operation =
                    switch function {
                    case .add: ElementCurve(.shift(Float(number)), name: "add")
                    case .subtract: ElementCurve(.shift(-Float(number)), name: "subtract")
                    case .divide: Scaling(Float(1 / number))
                    default: Scaling(Float(number))
                    }
                guard number != 0 || function != .divide else { throw graph.failure("divides by 0", element, expected: "another number") }
                try graph.add(site, operation, [graph.current], for: element)
            case .tensor(let parameter):
                if let shape = graph.shape(of: graph.current),
                    parameter.shape.count > shape.count || (parameter.shape.count == shape.count && parameter.shape[0] != 1)
                {
                    throw graph.failure(
                        "combines a tensor with samples that it does not fit", element,
                        expected: "at most \(shape.count - 1) dimensions, or 1 in the first", found: Networks.words(parameter.shape))
                }
                try graph.add(site, Arithmetic(function), [graph.current], parameters: [parameter], for: element)
            }
        }
    }

    private static func matrixProduct(_ graph: inout WordGraph, _ element: Element) throws(Problem) {
        var settings = SettingsReader(element)
        let operands = try graph.operands(&settings, of: element)
        let scale = try settings.signed("scale", default: 1)
        try settings.end()
        guard operands.count == 1, let operand = operands.first else {
            throw graph.failure("multiplies two matrices", element, expected: "one operand", found: "\(operands.count)")
        }
        let operation = MatrixProduct(scale: Float(scale))
        switch operand {
        case .number: throw graph.failure("multiplies by a number", element, expected: "mul")
        case .output(let node):
            if let shape = graph.shape(of: graph.current), let other = graph.shape(of: node) {
                guard shape.count == other.count, shape.count > 2 else {
                    throw graph.failure(
                        "multiplies what are no matrices of each sample", element, expected: "samples x rows x columns",
                        found: "\(Networks.words(shape)) and \(Networks.words(other))")
                }
            }
            try graph.add(graph.site(element), operation, [graph.current, node], for: element)
        case .tensor(let parameter):
            try graph.add(graph.site(element), operation, [graph.current], parameters: [parameter], for: element)
        }
    }

    // MARK: Shapes

    /// A dimension, counted from the end if it is below 0; never that of the samples.
    private static func axis(_ axis: Int, _ graph: WordGraph, _ element: Element) throws(Problem) -> Int {
        let rank = graph.shape(of: graph.current)?.count
        let place = axis < 0 ? rank.map { axis + $0 } : axis
        guard let place else { throw unknownShape(graph, element) }
        guard place >= 1, place < rank ?? .max else {
            throw graph.failure(
                "has no such dimension", element, expected: rank.map { "1 to \($0 - 1), or -1 to \(1 - $0)" } ?? "at least 1",
                found: "\(axis)")
        }
        return place
    }

    static func unknownShape(_ graph: WordGraph, _ element: Element) -> Problem {
        graph.failure(
            "needs the shape of what it reads", element, expected: "the shape of a sample as the first element, as in input(3x32x32)")
    }

    private static func numbers(_ settings: inout SettingsReader, _ graph: WordGraph, _ element: Element) throws(Problem) -> [Int] {
        var numbers: [Int] = []
        for word in settings.unnamed() {
            guard let number = Int(word), (-1 << 20...1 << 20).contains(number) else {
                throw graph.failure("has a dimension that is no number", element, expected: "whole numbers", found: "'\(word)'")
            }
            numbers.append(number)
        }
        return numbers
    }

    private static func signed(
        _ name: String, default standard: Int, _ settings: inout SettingsReader, _ graph: WordGraph, _ element: Element
    ) throws(Problem) -> Int {
        guard let text = try settings.text(name) else { return standard }
        guard let number = Int(text), abs(number.clamped) < 1 << 20 else {
            throw graph.failure("setting '\(name)'", element, expected: "a whole number", found: "'\(text)'")
        }
        return number
    }

    private static func concatenate(_ graph: inout WordGraph, _ element: Element) throws(Problem) {
        var settings = SettingsReader(element)
        let operands = try graph.operands(&settings, of: element)
        let axis = try axis(try signed("axis", default: 1, &settings, graph, element), graph, element)
        try settings.end()
        var inputs = [graph.current]
        for operand in operands {
            guard case .output(let node) = operand else { throw graph.failure("joins what is no output", element, expected: "labels") }
            inputs.append(node)
        }
        try graph.add(graph.site(element), Concatenation(axis: axis), inputs, for: element)
    }

    private static func transpose(_ graph: inout WordGraph, _ element: Element) throws(Problem) {
        var settings = SettingsReader(element)
        let given = try numbers(&settings, graph, element)
        try settings.end()
        guard let rank = graph.shape(of: graph.current)?.count else { throw unknownShape(graph, element) }
        var order = Array(0..<rank)
        if given.count == 2 || given.isEmpty {
            let (a, b) = given.isEmpty ? (-2, -1) : (given[0], given[1])
            order.swapAt(try axis(a, graph, element), try axis(b, graph, element))
        } else {
            guard given.first == 0, given.sorted() == order else {
                throw graph.failure(
                    "is no order of the dimensions", element, expected: "two to exchange, or all \(rank) after 0",
                    found: given.map(String.init).joined(separator: ","))
            }
            order = given
        }
        try graph.add(graph.site(element), Rearrangement(.transposed(order)), [graph.current], for: element)
    }

    private static func reshape(_ graph: inout WordGraph, _ element: Element) throws(Problem) {
        var settings = SettingsReader(element)
        let given = try numbers(&settings, graph, element)
        try settings.end()
        guard !given.isEmpty, given.allSatisfy({ $0 >= -1 }), given.count(where: { $0 == -1 }) <= 1, given.count <= 8 else {
            throw graph.failure(
                "is no shape of a sample", element, expected: "lengths, 0 for the one that was there, -1 at most once for the rest")
        }
        let lengths = given.enumerated().map { place, length -> ShapeTemplate.Length in
            length == -1 ? .rest : length == 0 ? .same(place + 1) : .fixed(length)
        }
        try graph.add(graph.site(element), Reshape(ShapeTemplate([.same(0)] + lengths)), [graph.current], for: element)
    }

    private static func slice(_ graph: inout WordGraph, _ element: Element) throws(Problem) {
        var settings = SettingsReader(element)
        let bounds = try numbers(&settings, graph, element)
        let axis = try axis(try signed("axis", default: -1, &settings, graph, element), graph, element)
        let step = try settings.integer("step", default: 1, minimum: 1)
        try settings.end()
        guard bounds.count == 2 else { throw graph.failure("has no bounds", element, expected: "the first place and the end") }
        try graph.add(
            graph.site(element), Rearrangement(.sliced(axis: axis, first: bounds[0], end: bounds[1], step: step)), [graph.current],
            for: element)
    }

    private static func select(_ graph: inout WordGraph, _ element: Element) throws(Problem) {
        var settings = SettingsReader(element)
        let places = try numbers(&settings, graph, element)
        let axis = try axis(try signed("axis", default: 1, &settings, graph, element), graph, element)
        try settings.end()
        guard places.count == 1 else { throw graph.failure("selects no place", element, expected: "its number") }
        try graph.add(graph.site(element), EntryLookup(axis: axis, constant: (places, [])), [graph.current], for: element)
    }

    private static func reduce(_ graph: inout WordGraph, _ element: Element, _ function: Reduction.Function) throws(Problem) {
        var settings = SettingsReader(element)
        let given = try numbers(&settings, graph, element)
        let keeps = try settings.choice("keep", of: ["true", "false"], default: "false") == "true"
        try settings.end()
        var axes: [Int] = []
        for place in given { axes.append(try axis(place, graph, element)) }
        guard !axes.isEmpty else { throw graph.failure("names no dimension", element, expected: "such as \(element.name)(1)") }
        try graph.add(
            graph.site(element),
            Reduction(function, axes: axes.sorted(), keepsDimensions: keeps, rank: graph.shape(of: graph.current)?.count),
            [graph.current], for: element)
    }
}

extension Int {
    /// The number itself, away from the one whose magnitude cannot be written.
    fileprivate var clamped: Int { self == .min ? .max : self }
}
