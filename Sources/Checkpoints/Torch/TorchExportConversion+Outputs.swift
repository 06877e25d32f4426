import Text

/// What a program gives: its answer, and what it gives beside it.
extension TorchExportConversion {
    /// Declares the outputs of numbers, the answer first.
    ///
    /// - Parameter check: throws where what an output shows has changed since.
    mutating func declareOutputs(_ check: (String) throws(Problem) -> Void) throws(Problem) {
        let outputs = program.outputs.enumerated().filter { isOfNumbers($0.element) }
        let titles = outputs.map { program.outputNames.indices.contains($0.offset) ? program.outputNames[$0.offset] : "\($0.offset)" }
        guard let answer = ModelOutput.answer(among: titles), let value = values[outputs[answer].element] else {
            throw Problem("the program has no output of numbers")
        }
        try check(outputs[answer].element)
        let isOne = outputs.count == 1
        writer.declare(output: value, shape: program.shapes[outputs[answer].element] ?? [], title: isOne ? nil : titles[answer])
        var declared: Set<String> = [value]
        for (place, output) in outputs.map(\.element).enumerated() where place != answer {
            // What cannot be given as it is, is left out.
            guard let value = values[output], makers[output] != nil, (try? check(output)) != nil, declared.insert(value).inserted else {
                continue
            }
            writer.declare(output: value, shape: program.shapes[output] ?? [], title: titles[place])
        }
    }

    /// Whether an output is a tensor of numbers with a point, or of a type that is not said.
    private func isOfNumbers(_ output: String) -> Bool {
        guard !output.isEmpty else { return false }
        return program.types[output].flatMap(TorchType.init).map(\.isFloating) ?? true
    }
}

/// The names of what a program gives.
enum OutputNames {
    private static let depthLimit = 64, nameLimit = 1 << 12

    /// Reads the names of the outputs of the whole model, which is the first of a list of modules; leaves `names` as they are where there are none.
    static func read(_ modules: inout JSONCursor, _ names: inout [String]) throws {
        try modules.readList { cursor in
            try cursor.readMember("signature") { cursor in
                guard cursor.peek() == UInt8(ascii: "{") else { return try cursor.skip() }
                try cursor.readMember("out_spec") { cursor in
                    if names.isEmpty { names = read(try cursor.readText()) } else { try cursor.skip() }
                }
            }
        }
    }

    /// The names of a program's outputs as its description has them, leaf by leaf: the keys of dictionaries and the places in tuples that lead to
    /// each, between points; empty if the description has another form.
    static func read(_ description: String) -> [String] {
        guard case .list(let parts)? = value(description), let tree = parts.last else { return [] }
        var names: [String] = []
        return add(tree, "", 0, &names) ? names : []
    }

    private static func add(_ tree: JSONValue, _ path: String, _ depth: Int, _ names: inout [String]) -> Bool {
        guard case .list(let children)? = tree[member: "children_spec"], depth < depthLimit, names.count < nameLimit else { return false }
        if children.isEmpty {
            // An empty tuple has no outputs, and what has no type is one.
            if tree[member: "type"]?.text == nil { names.append(path) }
            return true
        }
        let keys = keys(tree[member: "context"]?.text, count: children.count)
        for (place, child) in children.enumerated() {
            let name = keys?[place] ?? "\(place)"
            guard add(child, path.isEmpty ? name : path + "." + name, depth + 1, &names) else { return false }
        }
        return true
    }

    /// The keys of a dictionary in the words of its context; nil for a tuple.
    private static func keys(_ context: String?, count: Int) -> [String]? {
        guard let context, let value = value(context) else { return nil }
        var list = value
        if let keys = value[member: "dict_context"] { list = keys }
        guard case .list(let elements) = list else { return nil }
        let keys = elements.compactMap { $0.text ?? $0.wholeNumber.map(String.init) }
        return keys.count == count && elements.count == count ? keys : nil
    }

    /// What a text in JSON says; nil if it is none.
    private static func value(_ text: String) -> JSONValue? {
        Array(text.utf8).withUnsafeBytes { bytes in try? JSONCursor.reading(bytes) { cursor in try cursor.value() } }
    }
}
